//! What a log may stop serving: everything below an index, once enough parties said so in that log.
//!
//! A `pruning` counts when the governance quorum of the constitution in force signed the identical payload, in
//! time, at indices that themselves stay, and every one of these entries is below a witnessed checkpoint.

use std::collections::BTreeSet;

use statement::{CheckpointRef, FileDigest, Predicate, Role, StatementDigest};
use tlog::Hash;

use crate::{
    entry::Standing,
    in_force::{InForce, View},
    quorum::check_governance,
};

impl InForce {
    /// The largest witnessed checkpoint of at most `size` entries: a minimum index has to be one.
    pub fn checkpoint_up_to(&self, size: u64) -> Option<CheckpointRef> {
        let (size, (root, _)) = self.checkpoints.range(..=size).next_back()?;
        Some(CheckpointRef {
            size: *size,
            root: FileDigest::new(*root),
        })
    }
}

/// A log may stop serving its entries below this index. Made only by [`Prunable::newest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prunable {
    minimum: u64,
    root: Hash,
    announced_at: u64,
    digest: StatementDigest,
}

impl Prunable {
    /// The `pruning` with the highest minimum index that counts in this replay; none by default.
    pub fn newest(state: &InForce) -> Option<Self> {
        if state.view != View::Whole {
            return None;
        }
        let digests = state.prunings.iter();
        digests
            .filter_map(|digest| Self::check(state, *digest))
            .max_by_key(|prunable| prunable.minimum)
    }

    fn check(state: &InForce, digest: StatementDigest) -> Option<Self> {
        let entries = state.standing.get(&digest)?;
        let Predicate::Pruning(pruning) = entries.first()?.predicate() else {
            return None;
        };
        let (minimum, root) = (pruning.checkpoint.size, *pruning.checkpoint.root.hash());
        let (archived, _) = state.checkpoints.get(&minimum)?;
        if pruning.origin != state.origin || *archived != root {
            return None;
        }
        let mut signers = BTreeSet::new();
        for entry in entries {
            if !counts(state, entry, minimum) {
                continue;
            }
            signers.insert(entry.party.clone());
            let roster = state.succession.chain().iter().rev();
            let mut below = roster.filter(|enacted| !entry.is_below(enacted.at));
            if check_governance(&below.next()?.constitution, &signers).is_ok() {
                return Some(Self {
                    minimum,
                    root,
                    announced_at: entry.index,
                    digest,
                });
            }
        }
        None
    }

    /// The minimum index: the first entry that stays.
    pub const fn minimum(&self) -> u64 {
        self.minimum
    }

    /// Root of the tree of the entries below it.
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Index of the entry that completed the quorum.
    pub const fn announced_at(&self) -> u64 {
        self.announced_at
    }

    /// Digest of the `pruning`.
    pub const fn digest(&self) -> StatementDigest {
        self.digest
    }
}

/// Whether an entry is witnessed, in time, by a governance key, and stays itself.
fn counts(state: &InForce, entry: &Standing, minimum: u64) -> bool {
    let in_time = |by| entry.check_in_time(by).is_ok();
    entry.role == Role::Governance
        && entry.index >= minimum
        && state.included_by(entry.index).is_some_and(in_time)
}
