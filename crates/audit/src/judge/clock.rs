//! When an entry was included: between two witnessed checkpoints, by the witnesses' clocks and no other.

use std::collections::BTreeMap;

use tlog::Hash;

/// Witnessed checkpoints by size.
#[derive(Debug, Default)]
pub(super) struct Clock {
    seen: BTreeMap<u64, (Hash, u64)>,
    /// The latest time of a size that was seen again: until then nothing was added.
    again: BTreeMap<u64, u64>,
}

impl Clock {
    /// Takes up a checkpoint; of several of one size the first counts, as it may have been named already.
    pub(super) fn add(&mut self, size: u64, root: Hash, time: u64) {
        let (_, first) = *self.seen.entry(size).or_insert((root, time));
        if time > first {
            let latest = self.again.entry(size).or_default();
            *latest = time.max(*latest);
        }
    }

    /// Root and median time of the checkpoint of this size.
    pub(super) fn at_size(&self, size: u64) -> Option<(Hash, u64)> {
        self.seen.get(&size).copied()
    }

    /// The time by which entry `index` was included: of the smallest checkpoint that contains it.
    pub(super) fn by(&self, index: u64) -> Option<u64> {
        let above = index.checked_add(1)?;
        self.seen.range(above..).next().map(|(_, (_, time))| *time)
    }

    /// A time at which entry `index` was not there yet: of the largest checkpoint without it.
    pub(super) fn after(&self, index: u64) -> Option<u64> {
        let below = self.seen.range(..=index).next_back();
        below.map(|(_, (_, time))| *time)
    }

    /// The latest time at which entry `index` is known not to have been there; 0 if none is known.
    pub(super) fn absent_at(&self, index: u64) -> u64 {
        let below = self.seen.range(..=index).next_back();
        below.map_or(0, |(size, (_, first))| self.latest(*size, *first))
    }

    fn latest(&self, size: u64, first: u64) -> u64 {
        self.again.get(&size).copied().unwrap_or(first)
    }

    /// How many entries surely stood before `time`: the largest checkpoint that witnesses saw earlier.
    pub(super) fn surely_before(&self, time: u64) -> u64 {
        let earlier = self.seen.iter().rev().find(|(_, (_, at))| *at < time);
        earlier.map_or(0, |(size, _)| *size)
    }

    /// How many entries may have stood at `time`: the smallest checkpoint that witnesses saw later did not
    /// contain the others.
    pub(super) fn possibly_at(&self, time: u64) -> u64 {
        let mut seen = self.seen.iter();
        let later = seen.find(|(size, (_, first))| self.latest(**size, *first) > time);
        later.map_or(u64::MAX, |(size, _)| *size)
    }

    /// Sizes of the checkpoints in (`above`, `up_to`], largest first.
    pub(super) fn sizes(&self, above: u64, up_to: u64) -> impl Iterator<Item = u64> {
        let sizes = self.seen.range(..=up_to).rev().map(|(size, _)| *size);
        sizes.take_while(move |size| *size > above)
    }

    /// Size and median time of the largest checkpoint.
    pub(super) fn newest(&self) -> Option<(u64, u64)> {
        let (size, (_, time)) = self.seen.last_key_value()?;
        Some((*size, *time))
    }

    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.seen.len() as u64
    }
}
