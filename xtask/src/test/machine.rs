//! What the tests need from the machine: a few Debian packages, by name.

use crate::cargo::{program, succeeds, succeeds_quietly};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// A Debian package, a file that shows it is there (relative to a folder of PATH, or absolute),
/// and what needs it.
struct Needed {
    package: &'static str,
    shown_by: &'static [&'static str],
    #[allow(dead_code, reason = "the reason is for the reader of the table")]
    reason: &'static str,
}

const NEEDED: [Needed; 14] = [
    Needed {
        package: "bubblewrap",
        shown_by: &["bwrap"],
        reason: "the sandbox",
    },
    Needed {
        package: "busybox-static",
        shown_by: &["/bin/busybox", "/usr/bin/busybox"],
        reason: "the smallest build environment",
    },
    Needed {
        package: "gcc",
        shown_by: &["gcc"],
        reason: "links what the conveyer builds",
    },
    Needed {
        package: "libc6-dev",
        shown_by: &["/usr/include/stdio.h"],
        reason: "the same",
    },
    Needed {
        package: "git",
        shown_by: &["git"],
        reason: "source archives from a commit",
    },
    Needed {
        package: "openssl",
        shown_by: &["openssl"],
        reason: "a second reader of our key files",
    },
    Needed {
        package: "util-linux",
        shown_by: &["setpriv"],
        reason: "drops root and sets limits before the sandbox",
    },
    Needed {
        package: "osslsigncode",
        shown_by: &["osslsigncode"],
        reason: "makes and judges signatures of PE programs",
    },
    Needed {
        package: "xz-utils",
        shown_by: &["xz"],
        reason: "packs what comparisons unpack",
    },
    Needed {
        package: "python3-venv",
        shown_by: &["/usr/share/doc/python3-venv"],
        reason: "other people's programs read what we write",
    },
    Needed {
        package: "postgresql",
        shown_by: &[
            "/usr/lib/postgresql/15/bin/postgres",
            "/usr/lib/postgresql/17/bin/postgres",
        ],
        reason: "rows of a log beyond one machine; tests start servers of their own",
    },
    Needed {
        package: "strace",
        shown_by: &["strace"],
        reason: "records what a daemon does to its disk",
    },
    Needed {
        package: "clamav-testfiles",
        shown_by: &["/usr/share/clamav-testfiles/clam.exe"],
        reason: "44 harmless containers around one file: what the unpackers of `scan` must give up",
    },
    Needed {
        package: "ca-certificates",
        shown_by: &["/etc/ssl/certs/ca-certificates.crt"],
        reason: "cargo fetches crates over TLS",
    },
];

/// Installs what is missing. False, with the one command to run printed, when it cannot.
pub(super) fn make_ready() -> Result<bool> {
    let missing = missing(is_there);
    if missing.is_empty() {
        return Ok(true);
    }
    println!("missing Debian packages: {}", missing.join(" "));
    let Some(prefix) = privilege() else {
        println!(
            "run this, then try again:\n\n  sudo {}\n",
            install_line(&missing)
        );
        return Ok(false);
    };
    if install(prefix, &missing)? {
        return Ok(true);
    }
    println!(
        "could not install them; run this, then try again:\n\n  {}\n",
        install_line(&missing)
    );
    Ok(false)
}

fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    NEEDED
        .iter()
        .filter(|needed| !needed.shown_by.iter().any(|file| is_there(file)))
        .map(|needed| needed.package)
        .collect()
}

fn is_there(file: &str) -> bool {
    if file.starts_with('/') {
        return Path::new(file).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(file).is_file())
}

fn install_line(packages: &[&str]) -> String {
    format!(
        "apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    )
}

/// Words in front of `apt-get`, or `None` where nobody may install anything without a password.
fn privilege() -> Option<&'static [&'static str]> {
    let here = Path::new(".");
    if !is_there("apt-get") {
        return None;
    }
    let uid = crate::cargo::output(program(here, "id").arg("-u")).unwrap_or_default();
    if uid == "0" {
        return Some(&[]);
    }
    succeeds_quietly(program(here, "sudo").args(["-n", "true"])).then_some(&["sudo", "-n"])
}

fn install(prefix: &[&str], packages: &[&str]) -> Result<bool> {
    let words = |line: &str| -> Command {
        let mut all: Vec<&str> = prefix.to_vec();
        all.extend(["env", "DEBIAN_FRONTEND=noninteractive"]);
        all.extend(line.split(' '));
        let mut command = program(Path::new("."), all[0]);
        command.args(&all[1..]);
        command
    };
    let line = install_line(packages);
    println!("> {line}");
    // A fresh machine has no package lists yet.
    Ok(succeeds(&mut words(&line))?
        || (succeeds(&mut words("apt-get update"))? && succeeds(&mut words(&line))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_missing_when_none_of_its_files_is_there() {
        assert!(missing(|_| true).is_empty());
        assert_eq!(missing(|file| file != "bwrap"), ["bubblewrap"]);
        assert_eq!(missing(|file| file != "/bin/busybox"), Vec::<&str>::new());
        assert_eq!(missing(|_| false).len(), NEEDED.len());
    }

    #[test]
    fn the_remedy_is_one_command() {
        assert_eq!(
            install_line(&["gcc", "git"]),
            "apt-get install -y --no-install-recommends gcc git"
        );
    }
}
