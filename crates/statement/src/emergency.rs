//! `emergency`: a build that goes to everybody at once, with a reason everybody can read.

use tlog::Origin;

use crate::{
    ids::StatementDigest,
    statement::{audience, predicate},
};

predicate! {
    /// `emergency`: this build may skip the rings of its product (`spec/emergency.md`).
    pub struct Emergency {
        /// The build: digest of its `source` statement.
        build: StatementDigest,
        /// Why nobody should wait.
        reason: String,
    }
}
