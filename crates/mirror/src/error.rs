//! What a mirror says no to, and what stops it.

use std::path::PathBuf;

use store::StoreError;
use tlog::{MirrorInfo, NoteError, ParseError, ProofError, ProveError};

/// Why a request is refused. Each has one HTTP status (tlog-mirror).
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
    /// Not one of the logs that are mirrored here.
    #[error("log `{origin}` is not mirrored here")]
    UnknownOrigin {
        /// What the request names, cut to 200 characters.
        origin: String,
    },
    /// No trusted key signed, or one's signature is wrong.
    #[error("the checkpoint is not signed as it has to be")]
    Signature(#[source] NoteError),
    /// The checkpoint bears no cosignature of this mirror.
    #[error("the checkpoint is not cosigned by this mirror")]
    NotCosigned,
    /// The client believes another checkpoint to be pending. The answer's body says which is.
    #[error("field `old` is {old}, the pending checkpoint has size {pending}")]
    Conflict {
        /// `old` of the request.
        old: u64,
        /// The truth.
        pending: u64,
    },
    /// The tree did not grow by appending, or the proof does not show it.
    #[error("the checkpoint does not follow from the pending one")]
    Inconsistent(#[source] ProofError),
    /// The log signed two histories. The evidence is public.
    #[error(
        "log `{origin}` signed two histories; nothing of it is mirrored any more, see its fork-evidence here"
    )]
    Stopped {
        /// The log.
        origin: String,
    },
    /// Entries come before any checkpoint.
    #[error("log `{origin}` has no pending checkpoint; send add-checkpoint first")]
    NothingPending {
        /// The log.
        origin: String,
    },
    /// The upload does not start or end where it can. The answer's body says where to go on.
    #[error("the upload has to go on at entry {} up to {}", .0.next_entry, .0.tree_size)]
    Elsewhere(MirrorInfo),
    /// The entries or the proof of a package are not those of the log.
    #[error("the package that starts at entry {first} is not proven to be in the tree of {size}")]
    Package {
        /// Its first entry.
        first: u64,
        /// Size of the pending checkpoint.
        size: u64,
        /// Why.
        #[source]
        source: ProofError,
    },
    /// The body ended within the first package.
    #[error("the body ended before its first package was complete")]
    NoPackage,
    /// The body is not of the content type or encoding asked for.
    #[error("the body must be application/octet-stream, plain or gzip")]
    Encoding,
    /// The compressed body cannot be unpacked.
    #[error("the body is not gzip")]
    Gzip,
    /// The log would take more disk than it is allowed.
    #[error(
        "log `{origin}` may take {bytes_max} bytes here and needs more; ask who runs the mirror"
    )]
    Full {
        /// The log.
        origin: String,
        /// The limit.
        bytes_max: u64,
    },
    /// Too many uploads at the same time.
    #[error("too many uploads at the same time")]
    Busy,
    /// A subtree that is not within the checkpoint.
    #[error("the subtree is not within the checkpoint")]
    Subtree(#[source] ProofError),
    /// The disk, the database or a key failed; nothing was cosigned.
    #[error("the mirror cannot answer now")]
    Internal(#[source] MirrorError),
}

/// What stops a mirror.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
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
    /// The mirror's key or name is somebody else's.
    #[error(
        "this mirror has the {what} of `{other}`; a cosignature must say one thing, so make the mirror {what}s of its own"
    )]
    SharedIdentity {
        /// Name or key.
        what: &'static str,
        /// Whose it is.
        other: String,
    },
    /// A signing key cannot be used.
    #[error("a signing key cannot be used")]
    Key(#[from] keys::KeyError),
    /// A file cannot be kept or read.
    #[error("the mirror's directory cannot be used")]
    Store(#[from] StoreError),
    /// The database refused.
    #[error("the mirror's database refused")]
    Db(#[from] store::DbError),
    /// A row is not what was written.
    #[error(
        "table `{table}` holds a row that was never written: {what}; restore the database from a copy made after the last cosignature, or retire this mirror's keys"
    )]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// The published checkpoint is newer than the database.
    #[error(
        "{} has {published} entries, the database knows of {known}; it is an old copy, and going on from it could cosign a second history: restore a newer one, or retire this mirror's keys", path.display()
    )]
    WentBack {
        /// The published checkpoint.
        path: PathBuf,
        /// Its size.
        published: u64,
        /// Size by the database.
        known: u64,
    },
    /// The files do not give the tree that was cosigned or verified.
    #[error(
        "the files of log `{origin}` do not give the tree of {size} entries that they should; restore them from a copy, `limpid log fsck` names the bad ones"
    )]
    OtherTree {
        /// The log.
        origin: String,
        /// Number of entries.
        size: u64,
    },
    /// A tile cannot be read.
    #[error("the tree of log `{origin}` cannot be read from its files")]
    Tiles {
        /// The log.
        origin: String,
        /// Which one and why.
        #[source]
        source: ProveError<StoreError>,
    },
    /// A bundle is not what was written.
    #[error("{bundle} of log `{origin}` is not what was written; restore it from a copy")]
    Bundle {
        /// The log.
        origin: String,
        /// The bundle.
        bundle: String,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// A key would not sign.
    #[error("a key of this mirror did not sign")]
    Sign(#[source] NoteError),
    /// The HTTP side failed.
    #[error("the server stopped")]
    Serve(#[from] serve::ServeError),
    /// Work on files ended by a defect of this program.
    #[error("file work ended by a defect of this program")]
    Ended,
}

impl From<MirrorError> for Refusal {
    fn from(error: MirrorError) -> Self {
        Self::Internal(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<store::DbError> for Refusal {
    fn from(error: store::DbError) -> Self {
        Self::Internal(error.into())
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
