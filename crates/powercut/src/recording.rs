//! What happened to a disk and what was said, step by step; and what each `fsync` was for.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::disk::{Change, Image, NodeId};
use crate::talk::Exchange;

/// What a recording consists of.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A new file or folder; numbers are given in this order.
    Made { is_folder: bool },
    /// The disk changed; the call was done at this moment.
    Changed(Change, usize),
    /// `fsync` of a file or folder, begun at this moment.
    Synced { node: NodeId, began: usize },
    /// Something was said.
    Said(Arc<Exchange>),
}

/// How the class of a sync begins that had nothing to keep.
pub(crate) const NOTHING_NEW: &str = "nothing new in ";

/// One step of a recording.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) what: What,
    /// For a sync: what kind of file it was for, in words.
    pub(crate) class: String,
}

/// What a daemon did, in one or more lives.
#[derive(Debug, Clone)]
pub struct Recording {
    pub(crate) start: Image,
    pub(crate) steps: Vec<Step>,
    /// How many steps there were before each life.
    pub(crate) lives: Vec<usize>,
}

impl Recording {
    /// Steps in it.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Every kind of `fsync` in it that had something to keep.
    pub fn classes(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.steps.iter().map(|step| step.class.as_str()).collect();
        let named = names.into_iter().filter(|name| !name.is_empty());
        let kept = named.filter(|name| !name.starts_with(NOTHING_NEW));
        kept.map(str::to_owned).collect()
    }
}

/// `public/tile/0/000.p/7` is one of `public/tile/*`. For a folder the names that became durable
/// belong to it: most folders are synced at several places of the program, each for another name.
pub(crate) fn class_of(path: &str, is_folder: bool, names: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for name in path.split('/') {
        let word = pattern(name);
        if word != "*" || words.last() != Some(&"*") {
            words.push(word);
        }
    }
    let pattern = words.join("/");
    match (is_folder, names) {
        (false, _) => format!("content of {pattern}"),
        (true, "") => format!("{NOTHING_NEW}{pattern}/"),
        (true, names) => format!("{names} in {pattern}/"),
    }
}

/// Whether a name is worth keeping: not that of an address, a lock, a scratch file, a memory map.
pub(crate) fn is_state(name: &str) -> bool {
    let is_passing = matches!(name, "url" | "LOCK" | "confinement");
    !is_passing && !name.starts_with('.') && !name.ends_with("-shm")
}

/// A name, or a star for numbers and digests.
pub(crate) fn pattern(name: &str) -> &str {
    if is_numbered(name) { "*" } else { name }
}

fn is_numbered(name: &str) -> bool {
    let stem = name.strip_suffix(".p").unwrap_or(name);
    let digits = stem.strip_prefix('x').unwrap_or(stem);
    let is_digest = matches!(name.len(), 2 | 64) && name.bytes().all(|b| b.is_ascii_hexdigit());
    is_digest || (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_by_numbers_are_one_class() {
        for (path, is_folder, names, class) in [
            (
                "public/tile/0/x001/000.p/7",
                false,
                "",
                "content of public/tile/*",
            ),
            (
                "public/tile/entries/000.p",
                true,
                "*",
                "* in public/tile/entries/*/",
            ),
            ("log.sqlite3-wal", false, "", "content of log.sqlite3-wal"),
            ("blobs/ab/cd", true, "", "nothing new in blobs/*/"),
            ("", true, "blobs public", "blobs public in /"),
            ("public/.tmp/81-7", false, "", "content of public/.tmp/*"),
        ] {
            assert_eq!(class_of(path, is_folder, names), class);
        }
    }
}
