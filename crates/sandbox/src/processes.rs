//! What the kernel says about running processes: `/proc/<pid>/stat` and `/proc/<pid>/status` (`proc(5)`).

use std::collections::HashMap;
use std::fs;

/// Size of a page on the platforms we run on (x86-64; arm64 Debian kernels use the same).
const PAGE_BYTES: u64 = 4096;

/// One process as `/proc/<pid>/stat` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    state: char,
    pub(crate) threads: u64,
    pub(crate) resident_bytes: u64,
}

/// Every process below `first`, and `first` itself. Orphans inside a pid namespace go to its first process, so
/// this is the whole namespace.
pub(crate) fn namespace_of(first: i32) -> Vec<Process> {
    let all = all();
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    let mut found: Vec<Process> = all
        .iter()
        .copied()
        .filter(|process| process.pid == first)
        .collect();
    for process in all {
        children.entry(process.parent).or_default().push(process);
    }
    let mut next = 0;
    while next < found.len() {
        found.extend(children.remove(&found[next].pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// How many processes and threads the uid has now.
pub(crate) fn tasks_of(uid: u32) -> u64 {
    all()
        .iter()
        .filter(|process| uid_of(process.pid) == Some(uid))
        .map(|process| process.threads)
        .sum()
}

/// Whether `pid` is the first process of a pid namespace below ours and runs as `uid`; a guard against a number
/// that the kernel has given to somebody else meanwhile.
pub(crate) fn is_first_of_namespace(pid: i32, uid: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        return false;
    };
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
    };
    let is_ours = field("Uid:")
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok())
        == Some(uid);
    let numbers: Vec<&str> = field("NSpid:").split_whitespace().collect();
    is_ours && numbers.len() > 1 && numbers.last() == Some(&"1")
}

/// Whether the process has ended: gone, or only waiting for somebody to take note.
pub(crate) fn is_gone(pid: i32) -> bool {
    read(pid).is_none_or(|process| matches!(process.state, 'Z' | 'X'))
}

fn uid_of(pid: i32) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(format!("/proc/{pid}"))
        .ok()
        .map(|about| about.uid())
}

fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .collect()
}

fn read(pid: i32) -> Option<Process> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The command name in parentheses may hold anything, so everything is counted from the last `)`.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Process {
        pid,
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        resident_bytes: fields
            .get(21)?
            .parse::<u64>()
            .ok()?
            .saturating_mul(PAGE_BYTES),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_process_named_to_confuse_is_still_read() {
        let stat = "42 (a) R 1 (b)) S 7 42 42 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 3 0 100 4096000 25 18446744073709551615";
        let process = parse(42, stat).unwrap();
        assert_eq!(
            (process.parent, process.threads, process.resident_bytes),
            (7, 3, 25 * 4096)
        );
    }

    #[test]
    fn this_test_sees_itself() {
        let own = std::process::id().try_into().unwrap();
        assert!(!is_gone(own));
        assert!(
            namespace_of(own)
                .iter()
                .any(|process| process.resident_bytes > 0)
        );
        assert!(tasks_of(rustix::process::getuid().as_raw()) >= 1);
    }
}
