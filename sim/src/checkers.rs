//! Whether promises were kept, judged by what outsiders saw and by nothing else.
//!
//! The published history of the end is the measure: every tree that anybody signed at any time
//! must be a beginning of it. Then all of them are consistent with each other, too.

use std::collections::BTreeMap;

use crate::history::History;
use crate::parties;
use crate::seen::{Notes, Tree};

/// Everything that was broken, as sentences.
pub(crate) fn judge(notes: &Notes, history: &History) -> Vec<String> {
    let mut broken = notes.complaints.clone();
    broken.extend(acknowledged(notes, history));
    broken.extend(indexes(notes));
    broken.extend(trees("the log signed", notes.signed.keys(), history));
    broken.extend(trees("the mirror holds", notes.mirrored.keys(), history));
    for (n, cosigned) in notes.cosigned.iter().enumerate() {
        broken.extend(witness(parties::WITNESSES[n], cosigned, history));
    }
    broken.dedup();
    broken
}

/// Each acknowledged entry stands at its index.
fn acknowledged(notes: &Notes, history: &History) -> Vec<String> {
    let wrong = notes.acknowledged.iter().filter_map(|told| {
        let found = history.entries.get(usize::try_from(told.index).ok()?);
        let what = match found {
            Some(found) if *found == told.entry => return None,
            Some(_) => "another entry stands there",
            None => "the published tree ends before it",
        };
        Some(format!(
            "{} was told index {} at {} ms, but {what}",
            told.by, told.index, told.at
        ))
    });
    wrong.collect()
}

/// No index is given to two entries, no entry gets two indexes.
fn indexes(notes: &Notes) -> Vec<String> {
    let (mut by_index, mut by_entry) = (BTreeMap::new(), BTreeMap::new());
    let mut wrong = Vec::new();
    for told in &notes.acknowledged {
        let entry = by_index.entry(told.index).or_insert(&told.entry);
        if **entry != told.entry {
            wrong.push(format!("index {} was given to two entries", told.index));
        }
        let index = by_entry.entry(&told.entry).or_insert(told.index);
        if *index != told.index {
            wrong.push(format!(
                "one entry was given the indexes {index} and {}",
                told.index
            ));
        }
    }
    wrong
}

/// Each tree is a beginning of the history.
fn trees<'a>(who: &str, trees: impl Iterator<Item = &'a Tree>, history: &History) -> Vec<String> {
    let wrong = trees.filter_map(|tree| {
        let what = match history.root_at(tree.size) {
            Some(root) if *root == tree.root => return None,
            Some(_) => "other entries than were published",
            None => "more entries than are published in the end",
        };
        let Tree { size, place, .. } = tree;
        Some(format!(
            "{who} a tree of {size} with {what} (seen at {place})"
        ))
    });
    wrong.collect()
}

/// A witness that cosigned two trees of one size, or a tree of the history and a smaller one that
/// is not its beginning, cosigned two histories.
fn witness(name: &str, cosigned: &BTreeMap<Tree, u64>, history: &History) -> Vec<String> {
    let is_ours = |tree: &&Tree| history.root_at(tree.size) == Some(&tree.root);
    let largest = cosigned.keys().filter(is_ours).map(|tree| tree.size).max();
    let mut by_size = BTreeMap::new();
    let mut wrong = Vec::new();
    for tree in cosigned.keys() {
        let first = by_size.entry(tree.size).or_insert(&tree.root);
        let is_beside = !is_ours(&tree) && largest.is_some_and(|largest| tree.size <= largest);
        if **first != tree.root || is_beside {
            wrong.push(format!(
                "{name} cosigned two histories, one of them with a tree of {}",
                tree.size
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::{Acknowledged, Seen};

    fn entries(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    fn tree(history: &History, size: u64) -> Tree {
        Tree {
            size,
            root: history.roots[size as usize],
            place: "a place".to_owned(),
        }
    }

    fn told(index: u64, entry: &str) -> Acknowledged {
        Acknowledged {
            index,
            entry: entry.as_bytes().to_vec(),
            at: 1,
            by: "somebody",
        }
    }

    /// What is found when `change` is seen of the history a, b, c.
    fn found(change: impl FnOnce(&mut Notes, &History)) -> Vec<String> {
        let history = History::of(entries(&["a", "b", "c"]));
        let seen = Seen::default();
        seen.with(|notes| {
            notes.acknowledged = vec![told(1, "b"), told(2, "c"), told(1, "b")];
            notes.signed.insert(tree(&history, 2), 1);
            notes.mirrored.insert(tree(&history, 3), 1);
            notes.cosigned[0].insert(tree(&history, 3), 1);
            change(notes, &history);
            judge(notes, &history)
        })
    }

    #[test]
    fn nothing_is_found_when_every_promise_was_kept() {
        assert_eq!(found(|_, _| {}), Vec::<String>::new());
    }

    #[test]
    fn a_lost_entry_and_one_at_another_index_are_found() {
        assert_eq!(
            found(|notes, _| notes.acknowledged.push(told(3, "d"))).len(),
            1
        );
        let moved = found(|notes, _| notes.acknowledged.push(told(0, "b")));
        assert_eq!(moved.len(), 2, "{moved:?}");
    }

    #[test]
    fn an_index_given_twice_is_found_even_if_nothing_is_published() {
        let wrong = found(|notes, _| {
            notes.acknowledged = vec![told(7, "x"), told(7, "y")];
        });
        assert!(wrong.contains(&"index 7 was given to two entries".to_owned()));
    }

    #[test]
    fn a_tree_of_another_history_is_found_wherever_it_was_seen() {
        let other = History::of(entries(&["a", "x", "c", "d"]));
        for size in [2, 4] {
            let by_log = found(|notes, _| {
                notes.signed.insert(tree(&other, size), 1);
            });
            assert_eq!(by_log.len(), 1, "{by_log:?}");
            let held = found(|notes, _| {
                notes.mirrored.insert(tree(&other, size), 1);
            });
            assert_eq!(held.len(), 1, "{held:?}");
        }
        let begins_alike = found(|notes, _| {
            notes.signed.insert(tree(&other, 1), 1);
        });
        assert!(begins_alike.is_empty());
    }

    #[test]
    fn a_witness_of_two_histories_is_found_and_one_of_a_lost_one_is_not() {
        let other = History::of(entries(&["a", "x", "c", "d"]));
        let two = found(|notes, _| {
            notes.cosigned[0].insert(tree(&other, 2), 1);
        });
        assert_eq!(two.len(), 1, "{two:?}");
        let only_other = found(|notes, _| {
            notes.cosigned[1].insert(tree(&other, 2), 1);
        });
        assert!(only_other.is_empty(), "it saw no other");
    }
}
