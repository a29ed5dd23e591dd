//! What to run, and the argument list that runs it. Pure: building the list touches nothing.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::limits::{OPEN_FILES_MAX, OWN_PROCESSES, TMPFS_BYTES};
use crate::{Identity, Limits, Ready, Refusal};

/// Closes what was inherited, sets the umask, opens the status file as 3, and becomes the next program.
/// `bash` because it can close descriptors above 9; it gets its data as arguments, never as text of the script.
const ENTRY_SCRIPT: &str = r#"for entry in /proc/self/fd/*; do
  n=${entry##*/}
  if [ "$n" -gt 2 ]; then eval "exec $n>&-"; fi
done
umask "$1" && exec 3>"$2" && shift 2 && exec "$@"
"#;

/// One command to run: a root tree, named inputs, limits. Build it, then call [`Sandbox::run`].
#[derive(Clone, Debug)]
pub struct Sandbox {
    pub(crate) identity: Identity,
    pub(crate) root: PathBuf,
    pub(crate) read_only: Vec<(PathBuf, String)>,
    pub(crate) writable: Vec<(PathBuf, String)>,
    pub(crate) limits: Limits,
    env: Vec<(String, String)>,
    argv: Vec<OsString>,
    cwd: String,
    inner_uid: u32,
    inner_gid: u32,
    hostname: String,
    umask: u32,
    cpus: Vec<usize>,
    tmp_bytes: u64,
}

impl Sandbox {
    /// A command over a root tree. `root` becomes `/`, read-only, and must have the empty folders `proc`, `dev`,
    /// `tmp` and one for each bind. `argv[0]` is looked up in the PATH given with [`Sandbox::env`].
    #[must_use]
    pub fn new<A: Into<OsString>>(
        identity: Identity,
        root: &Path,
        argv: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            identity,
            root: root.to_owned(),
            read_only: Vec::new(),
            writable: Vec::new(),
            limits: Limits::default(),
            env: Vec::new(),
            argv: argv.into_iter().map(Into::into).collect(),
            cwd: "/".to_owned(),
            inner_uid: 1000,
            inner_gid: 1000,
            hostname: "sandbox".to_owned(),
            umask: 0o022,
            cpus: Vec::new(),
            tmp_bytes: TMPFS_BYTES,
        }
    }

    /// Shows the host path `host` at `inner`, read-only.
    #[must_use]
    pub fn read_only(mut self, host: &Path, inner: &str) -> Self {
        self.read_only.push((host.to_owned(), inner.to_owned()));
        self
    }

    /// Shows the host folder `host` at `inner`, writable. It must belong to the identity's uid.
    #[must_use]
    pub fn writable(mut self, host: &Path, inner: &str) -> Self {
        self.writable.push((host.to_owned(), inner.to_owned()));
        self
    }

    /// Sets an environment variable; there are no others, except `PWD`, which bubblewrap sets.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the folder the command starts in, as seen inside. Default: `/`.
    #[must_use]
    pub fn cwd(mut self, inner: &str) -> Self {
        self.cwd = inner.to_owned();
        self
    }

    /// Sets the uid and gid the command believes to have. Default: 1000, 1000.
    #[must_use]
    pub fn inner_ids(mut self, uid: u32, gid: u32) -> Self {
        (self.inner_uid, self.inner_gid) = (uid, gid);
        self
    }

    /// Sets the host name inside. Default: `sandbox`.
    #[must_use]
    pub fn hostname(mut self, hostname: &str) -> Self {
        self.hostname = hostname.to_owned();
        self
    }

    /// Sets the umask. Default: 022.
    #[must_use]
    pub fn umask(mut self, umask: u32) -> Self {
        self.umask = umask;
        self
    }

    /// Keeps the command on these processors (numbers as the kernel counts). Default: all.
    #[must_use]
    pub fn cpus(mut self, cpus: &[usize]) -> Self {
        self.cpus = cpus.to_vec();
        self
    }

    /// Sets the limits. Default: [`Limits::default`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the size of each of the private `/tmp` and `/dev/shm`, bytes. Default: 256 MiB.
    #[must_use]
    pub fn tmp_bytes(mut self, bytes: u64) -> Self {
        self.tmp_bytes = bytes;
        self
    }

    /// Refuses values that a program further down would misread.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let bad = |field, value: &str, want| {
            Err(Refusal::BadRequest {
                field,
                value: value.to_owned(),
                want,
            })
        };
        if self.argv.is_empty() || self.argv[0].is_empty() {
            return bad("argv", "", "at least the name of a program");
        }
        if !is_hostname(&self.hostname) {
            return bad("hostname", &self.hostname, "1 to 63 of a-z, 0-9 and -");
        }
        if self.umask > 0o777 {
            return bad("umask", &format!("{:o}", self.umask), "0 to 777, octal");
        }
        if self.inner_uid == u32::MAX || self.inner_gid == u32::MAX {
            return bad(
                "inner_ids",
                "4294967295",
                "a number below 4294967295, which means \"no id\"",
            );
        }
        for (name, _) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return bad("env", name, "a name without = and NUL");
            }
        }
        let inner = self
            .read_only
            .iter()
            .chain(&self.writable)
            .map(|(_, inner)| inner)
            .chain([&self.cwd]);
        for path in inner {
            if !path.starts_with('/') || path.split('/').any(|part| part == ".." || part == ".") {
                return bad("inner path", path, "an absolute path without . and ..");
            }
        }
        Ok(())
    }

    /// Program and arguments. `tasks_now` is what the uid already runs (see `RLIMIT_NPROC`), `status` the file
    /// that bubblewrap reports to.
    pub(crate) fn command_line(
        &self,
        ready: &Ready,
        status: &Path,
        tasks_now: u64,
    ) -> Vec<OsString> {
        let mut line = Line(Vec::new());
        line.add([
            ready.bash.as_os_str(),
            "--noprofile".as_ref(),
            "--norc".as_ref(),
            "-c".as_ref(),
        ]);
        line.add([ENTRY_SCRIPT, "sandbox", &format!("{:04o}", self.umask)]);
        line.add([status]);
        line.add([&ready.setpriv]);
        if self.identity.is_dedicated() {
            line.add([
                format!("--reuid={}", self.identity.uid()),
                format!("--regid={}", self.identity.gid()),
            ]);
            line.add(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]);
        }
        line.add(["--no-new-privs"]);
        if !self.cpus.is_empty() {
            let list = self
                .cpus
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(",");
            line.add([ready.taskset.as_os_str(), "-c".as_ref(), list.as_ref()]);
        }
        line.add([&ready.prlimit]);
        line.add([
            format!("--fsize={}", self.limits.file_bytes_max),
            format!("--as={}", self.limits.memory_bytes_max),
            format!(
                "--nproc={}",
                self.limits.processes_max + OWN_PROCESSES + tasks_now
            ),
            format!("--nofile={OPEN_FILES_MAX}"),
            "--core=0".to_owned(),
        ]);
        line.add([&ready.bwrap]);
        self.bubblewrap(&mut line);
        line.add(["--"]);
        line.add(&self.argv);
        line.0
    }

    fn bubblewrap(&self, line: &mut Line) {
        line.add([
            "--unshare-all",
            "--unshare-user",
            "--disable-userns",
            "--cap-drop",
            "ALL",
            "--clearenv",
        ]);
        line.add([
            "--die-with-parent",
            "--new-session",
            "--json-status-fd",
            "3",
        ]);
        line.add([
            "--uid",
            &self.inner_uid.to_string(),
            "--gid",
            &self.inner_gid.to_string(),
        ]);
        line.add(["--hostname", &self.hostname]);
        line.add(["--ro-bind".as_ref(), self.root.as_os_str(), "/".as_ref()]);
        line.add(["--proc", "/proc", "--dev", "/dev"]);
        let size = self.tmp_bytes.to_string();
        // /dev is a tmpfs without a size, so it is closed after /dev/shm got one of its own.
        line.add([
            "--size",
            &size,
            "--tmpfs",
            "/dev/shm",
            "--remount-ro",
            "/dev",
        ]);
        line.add(["--size", &size, "--perms", "1777", "--tmpfs", "/tmp"]);
        for (host, inner) in &self.read_only {
            line.add(["--ro-bind".as_ref(), host.as_os_str(), inner.as_ref()]);
        }
        for (host, inner) in &self.writable {
            line.add(["--bind".as_ref(), host.as_os_str(), inner.as_ref()]);
        }
        for (name, value) in &self.env {
            line.add(["--setenv", name, value]);
        }
        line.add(["--chdir", &self.cwd]);
    }
}

/// An argument list that takes every kind of string.
struct Line(Vec<OsString>);

impl Line {
    fn add<S: AsRef<OsStr>>(&mut self, parts: impl IntoIterator<Item = S>) {
        self.0
            .extend(parts.into_iter().map(|part| part.as_ref().to_owned()));
    }
}

fn is_hostname(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn plan() -> Sandbox {
        Sandbox::new(Identity::for_party(0).unwrap(), Path::new("/tree"), ["sh"])
    }

    #[test]
    fn values_that_another_program_would_misread_are_refused() {
        assert!(plan().check().is_ok());
        assert!(plan().hostname("-x").check().is_err());
        assert!(plan().hostname("Some.Host").check().is_err());
        assert!(plan().env("A=B", "c").check().is_err());
        assert!(plan().cwd("build").check().is_err());
        assert!(
            plan()
                .writable(Path::new("/w"), "/build/../etc")
                .check()
                .is_err()
        );
        assert!(plan().umask(0o1000).check().is_err());
        let nothing: [&str; 0] = [];
        assert!(
            Sandbox::new(Identity::for_party(0).unwrap(), Path::new("/"), nothing)
                .check()
                .is_err()
        );
    }
}
