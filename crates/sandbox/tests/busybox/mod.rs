//! A root tree with nothing but Debian's static busybox, and a sandbox over it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sandbox::{Finished, Identity, Limits, Ready, Sandbox, preflight};

/// Every applet a test uses.
const APPLETS: [&str; 22] = [
    "sh", "cat", "chmod", "cut", "dd", "env", "grep", "hostname", "id", "ls", "mkdir", "mount",
    "nc", "nproc", "printf", "rm", "sleep", "stat", "touch", "unshare", "wget", "yes",
];

/// One test's tree, work folder and identity.
pub struct Room {
    folder: tempfile::TempDir,
    pub identity: Identity,
    pub ready: Ready,
}

impl Room {
    /// `party` must differ between tests, so that their process counts do not mix.
    pub fn new(party: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), 0o755);
        let identity = Identity::for_party(party).unwrap();
        for inner in [
            "tree/bin",
            "tree/proc",
            "tree/dev",
            "tree/tmp",
            "tree/desk",
            "tree/input",
            "work",
        ] {
            fs::create_dir_all(folder.path().join(inner)).unwrap();
        }
        fs::copy("/bin/busybox", folder.path().join("tree/bin/busybox"))
            .expect("busybox is there; if not: apt-get install busybox-static");
        for applet in APPLETS {
            symlink("busybox", folder.path().join("tree/bin").join(applet)).unwrap();
        }
        identity.own(&folder.path().join("work")).unwrap();
        Self {
            folder,
            identity,
            ready: preflight().unwrap(),
        }
    }

    pub fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// A folder of the host that is neither tree nor work.
    #[allow(dead_code)] // Not every test file that shares this module needs it.
    pub fn elsewhere(&self) -> PathBuf {
        let path = self.folder.path().join("elsewhere");
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub fn command(&self, argv: &[&str]) -> Sandbox {
        Sandbox::new(self.identity, &self.tree(), argv.iter().copied())
            .writable(&self.work(), "/desk")
            .cwd("/desk")
            .env("PATH", "/bin")
            .limits(small())
    }

    pub fn shell(&self, script: &str) -> Sandbox {
        self.command(&["sh", "-c", script])
    }

    pub fn run(&self, script: &str) -> Finished {
        self.shell(script).run(&self.ready).unwrap()
    }
}

/// Limits that no honest test script comes near, and that a runaway one meets soon.
pub fn small() -> Limits {
    Limits {
        wall_ms: 20_000,
        output_bytes_max: 1 << 20,
        file_bytes_max: 200 << 20,
        disk_bytes_max: 400 << 20,
        memory_bytes_max: 1 << 30,
        processes_max: 64,
    }
}

pub fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
