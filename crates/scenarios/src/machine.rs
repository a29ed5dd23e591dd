//! What the demonstration needs from the machine: installed by name, or named in one command.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use sandbox::{Identity, check_reachable};

/// Debian packages and a file that each of them brings.
const PACKAGES: [(&str, &str); 5] = [
    ("bubblewrap", "/usr/bin/bwrap"),
    ("busybox-static", "/bin/busybox"),
    ("gcc", "/usr/bin/gcc"),
    ("libc6-dev", "/usr/include/stdio.h"),
    ("git", "/usr/bin/git"),
];

/// The file that marks a directory as ours, so that nothing else is ever emptied.
const MARK: &str = ".limpid-world";

/// A machine that has what is needed.
#[derive(Debug, Clone, Copy)]
pub struct Machine(());

/// Installs missing packages, or says which command does, and checks that the sandbox works here.
///
/// # Errors
/// What is missing, with the exact remedy.
pub fn prepare(tell: &dyn Fn(&str)) -> Result<Machine> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, file)| !Path::new(file).exists())
        .map(|(package, _)| *package)
        .collect();
    if !missing.is_empty() {
        install(&missing, tell)?;
    }
    sandbox::preflight()?;
    Ok(Machine(()))
}

fn install(packages: &[&str], tell: &dyn Fn(&str)) -> Result<()> {
    let command = format!(
        "apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    let root = rustix::process::geteuid().is_root();
    if !root || !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "this machine lacks {}; as root, run: {command}",
            packages.join(", ")
        );
    }
    tell(&format!(
        "installing Debian packages: {}",
        packages.join(", ")
    ));
    let apt = |arguments: &[&str]| {
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status()
    };
    let install = [
        &["install", "-y", "-qq", "--no-install-recommends"],
        packages,
    ]
    .concat();
    if !apt(&install)?.success() {
        // A fresh machine has no package lists yet.
        apt(&["update", "-qq"])?;
        if !apt(&install)?.success() {
            bail!("the packages could not be installed; run: apt-get update && {command}");
        }
    }
    Ok(())
}

impl Machine {
    /// `target/demo` beside the program, unless unprivileged builders could not reach it there.
    ///
    /// # Errors
    /// When no place can be found.
    pub fn default_dir(self) -> Result<PathBuf> {
        let program = env::current_exe().context("cannot find this program")?;
        let beside = program
            .parent()
            .and_then(Path::parent)
            .map(|target| target.join("demo"));
        let uid = rustix::process::geteuid().as_raw();
        let elsewhere = PathBuf::from(format!("/var/tmp/limpid-demo-{uid}"));
        for dir in beside.into_iter().chain([elsewhere.clone()]) {
            if fs::create_dir_all(&dir).is_err() {
                continue;
            }
            let identity = Identity::for_party(0)?;
            if check_reachable(&dir, &identity).is_ok() {
                return Ok(dir);
            }
        }
        bail!(
            "{} cannot be used; name a directory with --dir",
            elsewhere.display()
        )
    }
}

/// Empties the directory of an earlier demonstration and marks it as ours.
///
/// # Errors
/// When it holds something that is not ours, or cannot be emptied.
pub fn empty(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut entries = fs::read_dir(dir)?.peekable();
    if entries.peek().is_some() && !dir.join(MARK).exists() {
        bail!(
            "{} holds something that is not a demonstration; name another directory with --dir",
            dir.display()
        );
    }
    for entry in entries {
        let path = entry?.path();
        let removed = if path.is_dir() && !path.is_symlink() {
            remove_tree(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    fs::write(dir.join(MARK), "")?;
    Ok(())
}

/// Read-only folders of build environments have to be opened before they can be emptied.
fn remove_tree(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if let Err(error) = fs::remove_dir_all(path) {
        if error.kind() != std::io::ErrorKind::PermissionDenied {
            return Err(error);
        }
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        fs::remove_dir_all(path)?;
    }
    Ok(())
}
