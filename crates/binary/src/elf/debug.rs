//! Debug information of one source in two build folders.
//!
//! Another folder makes other strings in `.debug_str` and `.debug_line_str`, in another order if the
//! linker sorts them, and then offsets of strings, of four bytes, differ all over the other sections.
//! Such an offset is covered if it names the same string on both sides, or one path in two folders.

use std::collections::BTreeMap;

use super::Sections;
use crate::{
    Rule,
    explain::{
        Covered, Explanations, FolderPairs, Ground, differing, explain_runs, next_difference,
        same_but_folder, shown,
    },
    limits::DEBUG_FOLDERS_MAX,
};

/// Sections that are strings and nothing else.
const STRINGS: [&str; 2] = [".debug_str", ".debug_line_str"];

/// The strings of both, where they differ.
#[derive(Debug, Default)]
pub(super) struct Strings<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Strings<'a> {
    /// Takes the sections of strings.
    pub(super) fn new(pairs: &[Sections<'_, 'a>]) -> Self {
        let strings = pairs
            .iter()
            .filter(|pair| STRINGS.contains(&pair.ours.name.as_str()))
            .map(|pair| (pair.ours.data, pair.theirs.data))
            .filter(|(a, b)| a != b);
        Self(strings.collect())
    }

    /// Covers one section of debug information, if it can be told place by place.
    pub(super) fn explain(
        &self,
        pair: &Sections<'_, '_>,
        rules: &Explanations,
        folders: &mut FolderPairs,
    ) -> Option<Vec<Covered>> {
        let (a, b) = (pair.ours.data, pair.theirs.data);
        let in_place =
            (a.len() == b.len()).then(|| explain_runs(a, b, Ground::Debug, rules, folders));
        let covers = |places: &Vec<Covered>| places.iter().all(|place| place.rule.is_some());
        if in_place.as_ref().is_some_and(covers) || !rules.allow(Rule::EmbeddedPath) {
            return in_place;
        }
        let moved = if STRINGS.contains(&pair.ours.name.as_str()) {
            same_strings(a, b, folders)
        } else if a.len() == b.len() {
            self.offsets(a, b, folders)
        } else {
            None
        };
        moved.map(|moved| vec![moved]).or(in_place)
    }

    /// All differing bytes as offsets of strings that moved.
    fn offsets(&self, a: &[u8], b: &[u8], folders: &mut FolderPairs) -> Option<Covered> {
        let (mut at, mut count, mut first) = (0, 0, None);
        while let Some(next) = next_difference(a, b, at) {
            let start = (next.saturating_sub(3).max(at)..=next)
                .find(|start| self.same_string(a, b, *start, folders))?;
            count += differing(&a[start..start + 4], &b[start..start + 4]);
            first.get_or_insert(start);
            at = start + 4;
        }
        first.map(|start| Covered {
            start,
            end: a.len(),
            differing: count,
            rule: Some(Rule::EmbeddedPath),
            ours: "offsets of strings".to_owned(),
            theirs: "offsets of the same strings, moved by the folder".to_owned(),
        })
    }

    fn same_string(&self, a: &[u8], b: &[u8], at: usize, folders: &mut FolderPairs) -> bool {
        let (Some(x), Some(y)) = (offset(a, at), offset(b, at)) else {
            return false;
        };
        self.0.iter().any(|(ours, theirs)| {
            let (Some(x), Some(y)) = (string(ours, x), string(theirs, y)) else {
                return false;
            };
            !x.is_empty() && x == y
                || same_but_folder(x, y, true).is_some_and(|pair| folders.admit(pair))
        })
    }
}

fn offset(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// The string at an offset, which may be the end of a longer one: linkers share endings.
fn string(strings: &[u8], at: usize) -> Option<&[u8]> {
    let rest = strings.get(at..)?;
    rest.get(..rest.iter().position(|byte| *byte == 0)?)
}

/// Both hold the same strings in any order, but for some that are one path in two folders.
fn same_strings(ours: &[u8], theirs: &[u8], folders: &mut FolderPairs) -> Option<Covered> {
    let mut counts: BTreeMap<&[u8], i64> = BTreeMap::new();
    for string in ours.split(|byte| *byte == 0) {
        *counts.entry(string).or_default() += 1;
    }
    for string in theirs.split(|byte| *byte == 0) {
        *counts.entry(string).or_default() -= 1;
    }
    let (mut only_ours, mut only_theirs) = (Vec::new(), Vec::new());
    for (string, count) in counts {
        match count {
            0 => {}
            1 => only_ours.push(string),
            -1 => only_theirs.push(string),
            _ => return None,
        }
    }
    if only_ours.len() != only_theirs.len() || only_ours.len() > DEBUG_FOLDERS_MAX {
        return None;
    }
    let mut example = None;
    for string in only_ours {
        let (index, pair) = only_theirs
            .iter()
            .enumerate()
            .find_map(|(index, other)| Some((index, same_but_folder(string, other, true)?)))?;
        let other = only_theirs.swap_remove(index);
        if !folders.admit(pair) {
            return None;
        }
        example.get_or_insert((shown(string), shown(other)));
    }
    let (a, b) = example?;
    Some(Covered {
        start: 0,
        end: ours.len(),
        differing: differing(ours, theirs),
        rule: Some(Rule::EmbeddedPath),
        ours: a,
        theirs: b,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_strings_in_another_order_and_one_in_another_folder_are_covered() {
        let mut folders = FolderPairs::default();
        let covered = same_strings(
            b"int\0/a/x.c\0main\0",
            b"/longer/x.c\0int\0main\0",
            &mut folders,
        );
        assert_eq!(covered.unwrap().ours, "/a/x.c");
        let mut refused = |a: &[u8], b: &[u8]| same_strings(a, b, &mut folders).is_none();
        assert!(refused(b"int\0main\0", b"int\0evil\0"));
        assert!(refused(b"int\0main\0", b"int\0main\0more\0"));
        assert!(
            refused(b"int\0main\0", b"main\0int\0"),
            "nothing says why the order differs"
        );
    }

    #[test]
    fn an_offset_is_covered_if_it_names_the_same_string() {
        let strings = Strings(vec![(b"\0int\0/a/x.c\0", b"\0/longer/x.c\0int\0")]);
        let covered = |a: [u8; 4], b: [u8; 4]| {
            let folders = &mut FolderPairs::default();
            strings.offsets(&a, &b, folders).is_some()
        };
        assert!(covered([1, 0, 0, 0], [13, 0, 0, 0]));
        assert!(covered([5, 0, 0, 0], [1, 0, 0, 0]));
        assert!(!covered([1, 0, 0, 0], [1, 0, 0, 0].map(|byte| byte + 1)));
        assert!(!covered([99, 0, 0, 0], [98, 0, 0, 0]));
    }
}
