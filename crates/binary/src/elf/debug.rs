//! Debug information of one source in two build folders.
//!
//! A longer folder makes `.debug_str` longer, and then offsets into it, of four bytes, differ all
//! over the other sections. Such an offset is covered if it names the same string on both sides.

use super::Sections;
use crate::{
    Rule,
    explain::{
        Covered, Explanations, FolderPairs, Ground, explain_runs, explain_text, next_difference,
    },
};

/// Sections that are strings and nothing else.
const STRINGS: [&str; 2] = [".debug_str", ".debug_line_str"];

/// Where each string of ours is in theirs.
#[derive(Debug, Default)]
pub(super) struct Strings {
    /// End (the zero byte) in ours, and in theirs, in order.
    ends: Vec<Vec<(u64, u64)>>,
}

impl Strings {
    /// Pairs the strings of both, in order, if there are as many.
    pub(super) fn new(pairs: &[Sections<'_, '_>]) -> Self {
        let ends = |bytes: &[u8]| -> Vec<u64> {
            let zeros = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0);
            zeros.map(|(at, _)| at as u64).collect()
        };
        let paired = pairs
            .iter()
            .filter(|pair| STRINGS.contains(&pair.ours.name.as_str()))
            .filter(|pair| pair.ours.data.len() != pair.theirs.data.len())
            .map(|pair| (ends(pair.ours.data), ends(pair.theirs.data)))
            .filter(|(a, b)| a.len() == b.len())
            .map(|(a, b)| a.into_iter().zip(b).collect())
            .collect();
        Self { ends: paired }
    }

    /// Covers one section of debug information, if it can be told place by place.
    pub(super) fn explain(
        &self,
        pair: &Sections<'_, '_>,
        rules: &Explanations,
        folders: &mut FolderPairs,
    ) -> Option<Vec<Covered>> {
        let (a, b) = (pair.ours.data, pair.theirs.data);
        if a.len() == b.len() {
            let places = explain_runs(a, b, Ground::Debug, rules, folders);
            let open = places.iter().any(|place| place.rule.is_none());
            if open
                && rules.allow(Rule::EmbeddedPath)
                && let Some(moved) = self.offsets(a, b)
            {
                return Some(vec![moved]);
            }
            return Some(places);
        }
        STRINGS
            .contains(&pair.ours.name.as_str())
            .then(|| explain_text(a, b, true, 0, rules, folders))
            .flatten()
    }

    /// All differing bytes as offsets of strings that moved.
    fn offsets(&self, a: &[u8], b: &[u8]) -> Option<Covered> {
        let (mut at, mut differing, mut first) = (0, 0, None);
        while let Some(next) = next_difference(a, b, at) {
            let start = (next.saturating_sub(3).max(at)..=next)
                .find(|start| self.same_string(a, b, *start))?;
            differing += crate::explain::differing(&a[start..start + 4], &b[start..start + 4]);
            first.get_or_insert(start);
            at = start + 4;
        }
        first.map(|start| Covered {
            start,
            differing,
            rule: Some(Rule::EmbeddedPath),
            ours: "offsets of strings".to_owned(),
            theirs: "offsets of the same strings, moved by the folder".to_owned(),
        })
    }

    fn same_string(&self, a: &[u8], b: &[u8], at: usize) -> bool {
        let read = |bytes: &[u8]| -> Option<u64> {
            let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u64::from(u32::from_le_bytes(bytes)))
        };
        let (Some(x), Some(y)) = (read(a), read(b)) else {
            return false;
        };
        self.ends.iter().any(|ends| {
            let index = ends.partition_point(|(end, _)| *end < x);
            let start = |side: fn(&(u64, u64)) -> u64| {
                index
                    .checked_sub(1)
                    .map_or(0, |before| side(&ends[before]) + 1)
            };
            let Some((end, other_end)) = ends.get(index) else {
                return false;
            };
            let (from, other_from) = (start(|pair| pair.0), start(|pair| pair.1));
            // From its start, or as far from its end: linkers share common endings.
            x == from && y == other_from
                || y >= other_from && y <= *other_end && end - x == other_end - y
        })
    }
}
