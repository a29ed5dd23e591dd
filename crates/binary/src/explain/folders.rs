//! The build folders seen so far. An honest pair of builds has a few; a cheat could use many.

use std::collections::BTreeSet;

use super::PathPair;
use crate::limits::FOLDER_PAIRS_MAX;

/// Which folder of ours stands for which of theirs, in all of one comparison.
#[derive(Debug, Default)]
pub(crate) struct FolderPairs(BTreeSet<(Vec<u8>, Vec<u8>)>);

impl FolderPairs {
    /// Whether this pair is known, or is new and there is room for it.
    pub(crate) fn admit(&mut self, pair: PathPair) -> bool {
        let pair = (pair.ours, pair.theirs);
        if self.0.contains(&pair) {
            return true;
        }
        self.0.len() < FOLDER_PAIRS_MAX && self.0.insert(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_pairs_are_admitted_again_and_again_and_one_more_is_not() {
        let pair = |index: usize| PathPair {
            ours: vec![b'a'],
            theirs: index.to_string().into_bytes(),
        };
        let mut folders = FolderPairs::default();
        for index in 0..FOLDER_PAIRS_MAX {
            assert!(folders.admit(pair(index)));
        }
        assert!(!folders.admit(pair(FOLDER_PAIRS_MAX)));
        assert!(folders.admit(pair(0)));
    }
}
