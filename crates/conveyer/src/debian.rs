//! Finds files of installed Debian packages, by what dpkg says belongs to them.

use std::path::Path;

use crate::error::ConveyerError;
use crate::host::{Finding, ask, merged};

/// What linking a Rust program needs. `{N}` is gcc's major version.
const LINKING: [&str; 7] = [
    "gcc",
    "gcc-{N}",
    "libc6",
    "libc6-dev",
    "libgcc-{N}-dev",
    "libgcc-s1",
    "zlib1g",
];
/// Newer Debian releases keep the programs of `gcc` and `gcc-{N}` in these.
const LINKING_IF_THERE: [&str; 2] = ["gcc-x86-64-linux-gnu", "gcc-{N}-x86-64-linux-gnu"];
/// Parts that linking never reads: the C compiler proper (it would need four more packages to run), link-time
/// optimisation of gcc (its wrapper stays: gcc names it to the linker), coverage, sanitizers, plugins, character-set tables, headers, documentation.
const NOT_READ: [&str; 12] = [
    "/share/",
    "/include/",
    "/gconv/",
    "/plugin/",
    "/cc1",
    "/lto1",
    "-lto-dump",
    "-gcov",
    "san.a",
    "/sanitizer",
    "/locale/",
    "/audit/",
];

/// Adds gcc as a linker driver and the C library.
pub(crate) fn find_linking(finding: &mut Finding) -> Result<(), ConveyerError> {
    const REMEDY: &str = "run: apt-get install gcc libc6-dev";
    let major = ask("gcc", &["-dumpversion"], REMEDY)?;
    let major = major.split('.').next().unwrap_or_default().to_owned();
    for package in LINKING {
        packaged(finding, &package.replace("{N}", &major), REMEDY)?;
    }
    for package in LINKING_IF_THERE {
        let package = package.replace("{N}", &major);
        if version_of(&package).is_some() {
            packaged(finding, &package, REMEDY)?;
        }
    }
    // On a Debian machine /usr/bin/cc is made by update-alternatives and belongs to no package.
    finding.link("layout", "usr/bin/cc", "gcc")
}

/// Adds the static busybox, and its name for every applet.
pub(crate) fn find_busybox(finding: &mut Finding) -> Result<(), ConveyerError> {
    const REMEDY: &str = "run: apt-get install busybox-static";
    let files = files_of("busybox-static", REMEDY)?;
    let host = files
        .iter()
        .find(|path| path.ends_with("/bin/busybox"))
        .ok_or_else(|| lacks("busybox-static", REMEDY))?;
    finding.input("busybox-static", "host", about("busybox-static", REMEDY)?);
    finding.take("busybox-static", Path::new(host), "usr/bin/busybox")?;
    for applet in ask(host, &["--list"], REMEDY)?
        .lines()
        .filter(|applet| *applet != "busybox")
    {
        finding.link("busybox-static", &format!("usr/bin/{applet}"), "busybox")?;
    }
    Ok(())
}

fn packaged(finding: &mut Finding, package: &str, remedy: &str) -> Result<(), ConveyerError> {
    finding.input(package, "host", about(package, remedy)?);
    for path in files_of(package, remedy)? {
        let is_read = [
            "/usr/bin/",
            "/usr/lib/",
            "/bin/",
            "/lib/",
            "/lib64/",
            "/usr/lib64/",
            "/usr/libexec/",
        ]
        .iter()
        .any(|start| path.starts_with(start));
        let is_left_out = NOT_READ.iter().any(|part| path.contains(part));
        let is_folder = std::fs::symlink_metadata(&path).is_ok_and(|about| about.is_dir());
        if is_read && !is_left_out && !is_folder {
            finding.take(package, Path::new(&path), &merged(&path))?;
        }
    }
    Ok(())
}

fn about(package: &str, remedy: &str) -> Result<String, ConveyerError> {
    let version = version_of(package).ok_or_else(|| lacks(package, remedy))?;
    Ok(format!("Debian package {package} {version} as installed"))
}

/// dpkg's name of a package for this platform, also where it is installed for another one as well.
fn qualified(package: &str) -> String {
    format!("{package}:amd64")
}

/// The version of an installed package, nothing for one that is not installed.
fn version_of(package: &str) -> Option<String> {
    let line = ask(
        "dpkg-query",
        &[
            "-W",
            "-f",
            "${db:Status-Status}\t${Version}\n",
            &qualified(package),
        ],
        "",
    )
    .ok()?;
    line.lines()
        .find_map(|line| line.strip_prefix("installed\t"))
        .map(str::to_owned)
}

fn files_of(package: &str, remedy: &str) -> Result<Vec<String>, ConveyerError> {
    if version_of(package).is_none() {
        return Err(lacks(package, remedy));
    }
    Ok(ask("dpkg-query", &["-L", &qualified(package)], remedy)?
        .lines()
        .map(str::to_owned)
        .collect())
}

fn lacks(package: &str, remedy: &str) -> ConveyerError {
    ConveyerError::HostLacks {
        what: format!("the Debian package {package}"),
        remedy: remedy.to_owned(),
    }
}
