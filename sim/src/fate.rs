//! Chance that follows from the seed and from what it is about, not from the order of asking.
//!
//! Two tasks that wake in the same millisecond may run in either order, so dice drawn from one stream
//! would make two runs of one seed differ. Here each thing that may go wrong has a name, and its
//! dice are a hash of seed, name, and how often that name came before.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tlog::sha256;

/// The chance of one run.
#[derive(Debug)]
pub(crate) struct Fate {
    seed: u64,
    met: Mutex<HashMap<u64, u64>>,
}

/// Dice for one thing.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Fate {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            met: Mutex::default(),
        }
    }

    fn hash(&self, name: &[&[u8]]) -> u64 {
        let mut bytes = self.seed.to_be_bytes().to_vec();
        for part in name {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(*part);
        }
        let (first, _) = sha256(&bytes)
            .as_bytes()
            .split_first_chunk::<8>()
            .map(|(first, rest)| (*first, rest.len()))
            .unwrap_or_default();
        u64::from_be_bytes(first)
    }

    /// Dice for something with this name; others each time the name comes again.
    pub(crate) fn dice(&self, name: &[&[u8]]) -> Dice {
        let hash = self.hash(name);
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let times = met.entry(hash).or_default();
        *times += 1;
        Dice(hash.wrapping_add(times.wrapping_mul(0xd1b5_4a32_d192_ed03)))
    }

    /// The same dice whenever this name is asked for.
    pub(crate) fn fixed(&self, name: &[&[u8]]) -> Dice {
        Dice(self.hash(name))
    }
}

impl Dice {
    /// SplitMix64.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end - 1`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// From `low` to `high`, both possible.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether something that happens so many times in a thousand happens now.
    pub(crate) fn hits(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// A delay in milliseconds: mostly short, at times ten times as long.
    pub(crate) fn delay(&mut self, usual: u64) -> u64 {
        match self.hits(60) {
            true => self.between(1, usual * 10),
            false => self.between(1, usual),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_follows_from_seed_name_and_time_alone() {
        let draw = |seed, name: &[u8]| Fate::new(seed).dice(&[name]).number();
        assert_eq!(draw(1, b"a"), draw(1, b"a"));
        assert_ne!(draw(1, b"a"), draw(2, b"a"));
        assert_ne!(draw(1, b"a"), draw(1, b"b"));
        let fate = Fate::new(1);
        let first = fate.dice(&[b"a"]).number();
        fate.dice(&[b"b"]);
        assert_ne!(fate.dice(&[b"a"]).number(), first);
        assert_eq!(draw(1, b"a"), first, "whatever else was asked");
        assert_eq!(fate.fixed(&[b"a"]).number(), fate.fixed(&[b"a"]).number());
    }
}
