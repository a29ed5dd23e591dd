//! Finds out, before anything untrusted is near, whether this machine can give the isolation. No weak mode.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Identity, Refusal};

/// Folders of programs, fixed: a caller's PATH has no say in what confines a command.
const PROGRAM_FOLDERS: [&str; 3] = ["/usr/bin", "/bin", "/usr/sbin"];

/// Proof that preflight passed; [`crate::Sandbox::run`] wants it. Holds where the programs are.
#[derive(Clone, Debug)]
pub struct Ready {
    pub(crate) bash: PathBuf,
    pub(crate) setpriv: PathBuf,
    pub(crate) taskset: PathBuf,
    pub(crate) prlimit: PathBuf,
    pub(crate) bwrap: PathBuf,
    version: String,
}

impl Ready {
    /// What bubblewrap calls itself, for example `bubblewrap 0.8.0`.
    #[must_use]
    pub fn bubblewrap_version(&self) -> &str {
        &self.version
    }
}

/// Checks that bubblewrap 0.8 or newer and its helpers are there, and that an unprivileged uid can make the
/// namespaces. Runs bubblewrap once, about 20 ms.
///
/// # Errors
/// A [`Refusal`] that names the remedy.
pub fn preflight() -> Result<Ready, Refusal> {
    preflight_in(&PROGRAM_FOLDERS.map(PathBuf::from))
}

/// [`preflight`] with programs searched in `folders` instead of Debian's.
///
/// # Errors
/// A [`Refusal`] that names the remedy.
pub fn preflight_in(folders: &[PathBuf]) -> Result<Ready, Refusal> {
    let bwrap = find(folders, "bwrap", "bubblewrap")?;
    let version = version_of(&bwrap)?;
    let ready = Ready {
        bash: find(folders, "bash", "bash")?,
        setpriv: find(folders, "setpriv", "util-linux")?,
        taskset: find(folders, "taskset", "util-linux")?,
        prlimit: find(folders, "prlimit", "util-linux")?,
        bwrap,
        version,
    };
    try_namespaces(&ready)?;
    Ok(ready)
}

fn find(
    folders: &[PathBuf],
    tool: &'static str,
    package: &'static str,
) -> Result<PathBuf, Refusal> {
    folders
        .iter()
        .map(|folder| folder.join(tool))
        .find(|path| path.is_file())
        .ok_or_else(|| Refusal::ToolMissing {
            tool,
            package,
            looked_in: folders
                .iter()
                .map(|folder| folder.display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        })
}

fn version_of(bwrap: &Path) -> Result<String, Refusal> {
    let unusable = |source| Refusal::ToolUnusable {
        path: bwrap.to_owned(),
        package: "bubblewrap",
        source,
    };
    let output = Command::new(bwrap)
        .arg("--version")
        .env_clear()
        .output()
        .map_err(unusable)?;
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if is_new_enough(&found) {
        Ok(found)
    } else {
        Err(Refusal::VersionTooOld { found })
    }
}

fn is_new_enough(found: &str) -> bool {
    let Some(version) = found.strip_prefix("bubblewrap ") else {
        return false;
    };
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(0), Some(minor)) => minor >= 8,
        (Some(major), Some(_)) => major > 0,
        _ => false,
    }
}

/// Builds a whole sandbox around a program that does not exist: that bubblewrap gets as far as not finding it
/// proves that every namespace and mount before it worked, and needs no root tree.
fn try_namespaces(ready: &Ready) -> Result<(), Refusal> {
    let identity = Identity::for_party(0)?;
    let mut command = Command::new(&ready.setpriv);
    command.env_clear();
    if identity.is_dedicated() {
        let (uid, gid) = (identity.uid(), identity.gid());
        command.args([
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            "--clear-groups".to_owned(),
        ]);
    }
    command.arg("--no-new-privs").arg(&ready.bwrap);
    command.args([
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--cap-drop",
        "ALL",
        "--clearenv",
    ]);
    command.args([
        "--die-with-parent",
        "--new-session",
        "--tmpfs",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]);
    command.args(["--", "/no-such-program"]);
    let unusable = |source| Refusal::ToolUnusable {
        path: ready.setpriv.clone(),
        package: "util-linux",
        source,
    };
    let output = command.current_dir("/").output().map_err(unusable)?;
    let said = String::from_utf8_lossy(&output.stderr)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    if said.contains("execvp /no-such-program") {
        return Ok(());
    }
    let remedy = remedy(&|path| std::fs::read_to_string(path).ok());
    Err(Refusal::NamespacesRefused { said, remedy })
}

/// The exact remedy, from the switches a kernel has for this.
fn remedy(read: &dyn Fn(&str) -> Option<String>) -> String {
    let is = |path: &str, value: &str| read(path).is_some_and(|text| text.trim() == value);
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "run: sysctl -w kernel.unprivileged_userns_clone=1".to_owned()
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        "run: sysctl -w user.max_user_namespaces=15000".to_owned()
    } else if is(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        "run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0".to_owned()
    } else {
        "a container around this process probably forbids it: start it with user namespaces and an unmasked /proc \
         (for docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
         --security-opt systempaths=unconfined), or use a virtual machine"
            .to_owned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn without_bubblewrap_the_refusal_names_the_package() {
        let empty = tempfile::tempdir().unwrap();
        let refusal = preflight_in(&[empty.path().to_owned()]).unwrap_err();
        assert!(matches!(
            refusal,
            Refusal::ToolMissing { tool: "bwrap", .. }
        ));
        assert!(
            refusal
                .to_string()
                .ends_with("run: apt-get install bubblewrap"),
            "{refusal}"
        );
    }

    #[test]
    fn versions_before_0_8_are_refused() {
        for old in [
            "bubblewrap 0.7.9",
            "bubblewrap",
            "",
            "bubblewrap x.9",
            "bwrap 0.8.0",
        ] {
            assert!(!is_new_enough(old), "{old}");
        }
        for new in ["bubblewrap 0.8.0", "bubblewrap 0.11.0", "bubblewrap 1.0.0"] {
            assert!(is_new_enough(new), "{new}");
        }
    }

    #[test]
    fn each_kernel_switch_has_its_own_remedy() {
        for (path, value, word) in [
            (
                "/proc/sys/kernel/unprivileged_userns_clone",
                "0\n",
                "kernel.unprivileged_userns_clone=1",
            ),
            (
                "/proc/sys/user/max_user_namespaces",
                "0\n",
                "user.max_user_namespaces=15000",
            ),
            (
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "1\n",
                "apparmor_restrict_unprivileged_userns=0",
            ),
        ] {
            let said = remedy(&|asked| (asked == path).then(|| value.to_owned()));
            assert!(said.contains(word), "{said}");
        }
        assert!(remedy(&|_| None).contains("container"));
    }
}
