//! `pruning`: from which index on a log goes on serving its entries.

use tlog::Origin;

use crate::{
    governance::CheckpointRef,
    statement::{audience, predicate},
};

predicate! {
    /// `pruning`: the log may stop serving what lies below an index (`spec/pruning.md`).
    pub struct Pruning {
        /// The log; an index means nothing in another one.
        #[serde(with = "audience::one")]
        origin: Origin,
        /// An archived checkpoint of that log. Its size is the minimum index: the first entry that stays.
        checkpoint: CheckpointRef,
        /// Where the entries below can be had, for people and for readers that are told to ask there.
        elsewhere: Vec<String>,
        /// Why.
        reason: String,
    }
}
