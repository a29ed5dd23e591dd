//! What a witness says no to, and what stops it.

use tlog::{NoteError, ParseError, ProofError};

/// Why a checkpoint or a subtree is not cosigned. Each has one HTTP status (tlog-witness, "add-checkpoint" and
/// "sign-subtree").
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request is not of the form of the specification.
    #[error("the request is malformed")]
    Malformed(#[source] ParseError),
    /// The request's old size is above the checkpoint's.
    #[error("field `old` is {old}, above the checkpoint's size {size}")]
    OldAboveSize {
        /// `old` of the request.
        old: u64,
        /// Size of the checkpoint.
        size: u64,
    },
    /// The subtree ends after the checkpoint.
    #[error("the subtree ends at {end}, above the checkpoint's size {size}")]
    EndAboveSize {
        /// End of the subtree.
        end: u64,
        /// Size of the checkpoint.
        size: u64,
    },
    /// Not one of the logs this witness follows.
    #[error("log `{origin}` is not known here")]
    UnknownOrigin {
        /// What the checkpoint names, cut to 255 bytes.
        origin: String,
    },
    /// No trusted key of the log signed, or one's signature is wrong.
    #[error("the checkpoint is not signed by the log")]
    Signature(#[source] NoteError),
    /// The reference checkpoint has no cosignature of this witness.
    #[error("the checkpoint is not cosigned by this witness; offer it to `add-checkpoint` first")]
    NotCosigned,
    /// The log believes another size was cosigned last. The answer's body says which.
    #[error("field `old` is {old}, the tree cosigned last has size {latest}")]
    Conflict {
        /// `old` of the request.
        old: u64,
        /// The truth.
        latest: u64,
    },
    /// The proof does not show that the tree grew by appending, or that it holds the subtree.
    #[error("the proof does not lead to the checkpoint")]
    Inconsistent(#[source] ProofError),
    /// The database or a key failed; nothing was cosigned.
    #[error("the witness cannot answer now")]
    Internal(#[source] WitnessError),
}

/// What stops a witness.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A configured value is wrong.
    #[error("configuration field `{field}` is `{value}`")]
    Config {
        /// The field.
        field: &'static str,
        /// The value, cut to 200 characters.
        value: String,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// A log's vkey names another log.
    #[error(
        "configuration field `logs.vkeys`: `{vkey}` is no key of log `{origin}`; its name must be the origin"
    )]
    VkeyOrigin {
        /// The key.
        vkey: String,
        /// The log it stands under.
        origin: String,
    },
    /// A log is configured twice or without keys.
    #[error(
        "configuration field `logs`: log `{origin}` must be listed once, with at least one vkey"
    )]
    LogList {
        /// The log.
        origin: String,
    },
    /// A signing key cannot be used.
    #[error("a signing key cannot be used")]
    Key(#[from] keys::KeyError),
    /// The directory cannot be used.
    #[error("the witness's directory cannot be used")]
    Store(#[from] store::StoreError),
    /// The database refused.
    #[error("the witness's database refused")]
    Db(#[from] store::DbError),
    /// A row is not what was written.
    #[error(
        "table `{table}` holds a row that was never written: {what}; restore the database from a copy made after the last cosignature, or retire this witness's keys"
    )]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// A key would not sign.
    #[error("a key of this witness did not sign")]
    Sign(#[source] NoteError),
    /// The HTTP side failed.
    #[error("the server stopped")]
    Serve(#[from] serve::ServeError),
}
