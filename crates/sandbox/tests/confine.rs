//! A process that confined itself reads and changes what was named, and nothing else.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A confined process's own trees, and what lies outside of them.
struct House {
    top: TempDir,
}

impl House {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        for name in ["read", "write", "outside"] {
            fs::create_dir(top.path().join(name)).unwrap();
            fs::write(top.path().join(name).join("file"), "old").unwrap();
        }
        Self { top }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// What the confined process says about `verb` on `paths`.
    fn says(&self, verb: &str, paths: &[&Path]) -> String {
        let output = Command::new(program())
            .args([self.path("read"), self.path("write")])
            .arg(verb)
            .args(paths)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        let (held, said) = text
            .trim()
            .split_once('\n')
            .unwrap_or_else(|| panic!("{text}{error}"));
        assert!(
            held.starts_with("enforced by landlock ABI "),
            "these tests need Linux 6.2 or newer with landlock: {held}"
        );
        said.to_owned()
    }

    fn about(&self, verb: &str, name: &str) -> String {
        self.says(verb, &[&self.path(name)])
    }

    fn holds(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

/// The example beside this test's own program; cargo builds examples before it runs tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    target.join("examples").join("confined")
}

const DENIED: &str = "PermissionDenied";
/// What may not change its tree is as if it lay on another file system (`EXDEV`), or plainly denied.
const MOVE_DENIED: [&str; 2] = [DENIED, "CrossesDevices"];

#[test]
fn a_secret_outside_cannot_be_read_whoever_owns_it() {
    let house = House::new();
    assert_eq!(house.about("read", "read/file"), "yes");
    assert_eq!(house.about("read", "write/file"), "yes");
    assert_eq!(house.about("read", "outside/file"), DENIED);
    assert_eq!(house.about("list", "outside"), DENIED);
    assert_eq!(house.says("read", &[Path::new("/etc/passwd")]), DENIED);
}

#[test]
fn a_link_planted_inside_leads_nowhere() {
    let house = House::new();
    std::os::unix::fs::symlink(house.path("outside/file"), house.path("write/link")).unwrap();
    assert_eq!(house.about("read", "write/link"), DENIED);
    assert_eq!(house.about("write", "write/link"), DENIED);
    let (outside, inside) = (house.path("outside/file"), house.path("write/own"));
    assert!(MOVE_DENIED.contains(&house.says("link", &[&outside, &inside]).as_str()));
    assert!(!inside.exists());
    assert_eq!(house.holds("outside/file"), "old");
}

#[test]
fn nothing_outside_can_be_written_truncated_removed_or_renamed() {
    let house = House::new();
    for tree in ["outside", "read"] {
        let file = format!("{tree}/file");
        assert_eq!(house.about("write", &format!("{tree}/new")), DENIED);
        for verb in ["write", "truncate", "remove"] {
            assert_eq!(house.about(verb, &file), DENIED, "{verb} {file}");
        }
        let (from, to) = (house.path("write/file"), house.path(tree).join("moved"));
        let said = house.says("rename", &[&from, &to]);
        assert!(MOVE_DENIED.contains(&said.as_str()), "{said}");
        assert_eq!(house.holds(&file), "old");
    }
    assert_eq!(house.holds("write/file"), "old");
}

#[test]
fn its_own_work_goes_on() {
    let house = House::new();
    assert_eq!(house.about("work", "write"), "yes");
    assert_eq!(house.about("write", "write/file"), "yes");
    assert_eq!(house.holds("write/file"), "new");
}

#[test]
fn no_program_can_be_started_and_no_device_made() {
    let house = House::new();
    assert_eq!(house.says("run", &[Path::new("/bin/true")]), DENIED);
    let copy = house.path("write/true");
    fs::copy("/bin/true", &copy).unwrap();
    assert_eq!(house.says("run", &[&copy]), DENIED);
    assert_eq!(house.about("device", "write/null"), DENIED);
}

#[test]
fn threads_started_later_are_confined_too() {
    let house = House::new();
    assert_eq!(house.about("read-in-a-thread", "read/file"), "yes");
    assert_eq!(house.about("read-in-a-thread", "outside/file"), DENIED);
}

#[test]
fn a_second_confinement_cannot_widen_the_first() {
    let house = House::new();
    assert_eq!(house.about("confine-again", "outside"), DENIED);
}

#[test]
fn a_tree_that_is_not_there_is_an_error_that_names_it() {
    let house = House::new();
    fs::remove_dir_all(house.path("read")).unwrap();
    let output = Command::new(program())
        .args([house.path("read"), house.path("write")])
        .args(["read", "/etc/passwd"])
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("confine this process to") && error.contains("/read"),
        "{error}"
    );
}
