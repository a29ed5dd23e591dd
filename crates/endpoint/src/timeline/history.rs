//! One log as this endpoint saw it.
//!
//! Invariant: a checkpoint that is left out was proven to be the beginning of a larger one that is kept,
//! or of one that was left out for the same reason, unless more than [`CHECKPOINTS_MAX`] were shown
//! that nobody proved anything about; then those in the middle go. Whatever contradicts the beginning
//! of a tree contradicts the tree, so what proves a fork stays.

use tlog::{Checkpoint, Fork, ForkError, Hash, Verified};

use crate::limits::CHECKPOINTS_MAX;

/// One checkpoint that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Signed by the log.
    pub(crate) checkpoint: Verified<Checkpoint>,
    /// When, POSIX seconds by this endpoint's clock.
    pub(crate) at: u64,
    /// Where it was heard of; `None` when it came with an update.
    pub(crate) place: Option<String>,
    /// Size of a larger one here that was proven to begin with this one.
    pub(crate) within: Option<u64>,
}

impl Seen {
    fn size(&self) -> u64 {
        self.checkpoint.size()
    }
}

/// The last time that somebody else showed the same history.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// When, POSIX seconds by this endpoint's clock.
    pub at: u64,
    /// Who.
    pub place: String,
    /// Size of the tree that came with an update and was compared.
    pub size: u64,
}

/// The checkpoints of one log, ascending, each size once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    seen: Vec<Seen>,
    pub(crate) agreed: Option<Agreed>,
}

impl History {
    /// Takes up what was stored; [`History::insert`] judges it again.
    pub(crate) fn new(agreed: Option<Agreed>) -> Self {
        Self {
            seen: Vec::new(),
            agreed,
        }
    }

    /// All of them, ascending by size.
    pub(crate) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// The newest one that came with an update: what this endpoint acts on.
    pub(crate) fn own(&self) -> Option<&Seen> {
        let mut newest_first = self.seen.iter().rev();
        newest_first.find(|seen| seen.place.is_none())
    }

    /// Those that nothing larger here was proven to begin with.
    pub(crate) fn open_ends(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.within.is_none())
    }

    /// Takes note of a checkpoint of this log.
    ///
    /// # Errors
    /// The proof, when another tree of this size was seen.
    pub(crate) fn insert(&mut self, new: Seen) -> Result<(), Box<Fork>> {
        match self
            .seen
            .binary_search_by_key(&new.size(), |seen| seen.size())
        {
            Ok(at) => {
                let known = &mut self.seen[at];
                match Fork::of_equal_size(known.checkpoint.clone(), new.checkpoint) {
                    Ok(fork) => return Err(Box::new(fork)),
                    Err(_same) if new.place.is_none() => known.place = None,
                    Err(_same) => {}
                }
                known.within = known.within.or(new.within);
            }
            Err(at) => self.seen.insert(at, new),
        }
        Ok(())
    }

    /// Judges what hashes show about the tree of `size` here and a larger one here, `within`.
    ///
    /// Returns whether they show anything at all.
    ///
    /// # Errors
    /// The proof, when the larger tree does not begin with the smaller.
    pub(crate) fn link(
        &mut self,
        size: u64,
        within: u64,
        path: Vec<Hash>,
    ) -> Result<bool, Box<Fork>> {
        let Some(larger) = self.find(within).map(|seen| seen.checkpoint.clone()) else {
            return Ok(false);
        };
        let Ok(at) = self.seen.binary_search_by_key(&size, |seen| seen.size()) else {
            return Ok(false);
        };
        let smaller = &mut self.seen[at];
        match Fork::with_path(smaller.checkpoint.clone(), larger, path) {
            Ok(fork) => Err(Box::new(fork)),
            Err(ForkError::Consistent { .. }) => {
                smaller.within = smaller.within.or(Some(within));
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    /// Whether both were proven to be beginnings of one tree here.
    pub(crate) fn is_one(&self, size: u64, other: u64) -> bool {
        matches!((self.end_of(size), self.end_of(other)), (Some(one), Some(two)) if one == two)
    }

    /// The largest tree here that was proven to begin with that of `size`.
    fn end_of(&self, mut size: u64) -> Option<u64> {
        // Each step is to a larger one, so it ends.
        while let Some(within) = self.find(size)?.within.filter(|within| *within > size) {
            size = within;
        }
        Some(size)
    }

    fn find(&self, size: u64) -> Option<&Seen> {
        let at = self.seen.binary_search_by_key(&size, |seen| seen.size());
        at.ok().map(|at| &self.seen[at])
    }

    /// Forgets down to [`CHECKPOINTS_MAX`]; see the invariant of this file.
    pub(crate) fn compact(&mut self) {
        while self.seen.len() > CHECKPOINTS_MAX {
            let own = self.own().map(Seen::size);
            let free: Vec<usize> = (0..self.seen.len())
                .filter(|at| Some(self.seen[*at].size()) != own)
                .collect();
            let mut oldest_first = free.iter().copied();
            let covered = oldest_first.find(|at| self.seen[*at].within.is_some());
            let at = covered.unwrap_or(free[free.len() / 2]);
            let gone = self.seen.remove(at);
            for seen in &mut self.seen {
                if seen.within == Some(gone.size()) {
                    seen.within = gone.within;
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    use keys::{Algorithm, NoteKey, SecretKey};
    use proptest::prelude::*;
    use tlog::{KeyType, Note, NoteSigner as _, leaf_hash, open_checkpoint, sign_checkpoint};

    /// Of trees of one entry, two entries and so on: signed and opened once.
    static CHECKPOINTS: LazyLock<Vec<Verified<Checkpoint>>> =
        LazyLock::new(|| (1..=2 * CHECKPOINTS_MAX as u64).map(checkpoint).collect());

    /// Any tree: what a compaction keeps does not depend on roots.
    fn checkpoint(size: u64) -> Verified<Checkpoint> {
        let name = "log.example/a";
        let key = SecretKey::from_seed(Algorithm::Ed25519, [1; 32]);
        let key = NoteKey::new(key, name.parse().unwrap(), KeyType::Ed25519).unwrap();
        let root = leaf_hash(&size.to_be_bytes());
        let text = Checkpoint::new(name.parse().unwrap(), size, root)
            .unwrap()
            .to_string();
        let line = sign_checkpoint(&text, &key).unwrap();
        let note = Note::new(text, vec![line]).unwrap().to_string();
        open_checkpoint(note.as_bytes(), &[key.vkey().clone()]).unwrap()
    }

    fn seen(size: u64, own: bool) -> Seen {
        Seen {
            checkpoint: CHECKPOINTS[usize::try_from(size).unwrap() - 1].clone(),
            at: 0,
            place: (!own).then(|| "elsewhere".to_owned()),
            within: None,
        }
    }

    fn sizes(history: &History) -> Vec<u64> {
        history.seen().iter().map(Seen::size).collect()
    }

    #[test]
    fn what_was_proven_to_begin_another_goes_first_and_the_newest_own_one_stays() {
        let mut history = History::default();
        let count = CHECKPOINTS_MAX as u64 + 2;
        for size in 1..=count {
            history.insert(seen(size, size == 2)).unwrap();
        }
        history.seen[1].within = Some(count);
        history.seen[4].within = Some(7);
        history.seen[6].within = Some(count);
        history.compact();
        let left = sizes(&history);
        assert_eq!(left.len(), CHECKPOINTS_MAX);
        assert!(left.contains(&2) && !left.contains(&5) && !left.contains(&7));
        assert_eq!(history.own().unwrap().size(), 2);
        assert!(history.is_one(2, count) && !history.is_one(3, count));
    }

    proptest! {
        #[test]
        fn a_compacted_history_is_bounded_and_keeps_its_ends_and_links(
            links in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..60)
        ) {
            let mut history = History::default();
            let count = links.len() as u64;
            for (size, (own, linked)) in (1..).zip(&links) {
                let mut new = seen(size, *own);
                new.within = linked.then_some(size + 1).filter(|within| *within <= count);
                history.insert(new).unwrap();
            }
            let before = history.clone();
            history.compact();
            prop_assert!(history.seen().len() <= CHECKPOINTS_MAX);
            prop_assert_eq!(
                history.own().map(Seen::size),
                before.own().map(Seen::size)
            );
            let left = sizes(&history);
            prop_assert_eq!(left.last(), Some(&count));
            for seen in history.seen() {
                prop_assert!(seen.within.is_none_or(|within| left.contains(&within)));
            }
            for size in sizes(&before) {
                // Nothing that was left out because it was proven is lost: its end is kept.
                if before.find(size).unwrap().within.is_some() {
                    let end = before.end_of(size).unwrap();
                    let unproven = left.len() == CHECKPOINTS_MAX;
                    prop_assert!(left.contains(&end) || unproven, "{size} {end}");
                }
            }
        }
    }
}
