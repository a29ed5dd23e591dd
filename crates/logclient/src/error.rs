//! Why a log could not be used.

use law::{BundleError, OutOfOrder, Refusal};
use serve::ClientError;
use statement::{EnvelopeError, StatementError};
use tlog::ParseError;

use crate::minimum::Minimum;

/// Why a log could not be used. Nothing was decided on what it answered.
#[derive(Debug, thiserror::Error)]
pub enum LogClientError {
    /// It could not be reached, or refused the request.
    #[error("the log at {url} did not do what was asked")]
    Http {
        /// Where it was asked.
        url: String,
        /// The answer.
        #[source]
        source: ClientError,
    },
    /// An answer is not what the specification says.
    #[error("the log's answer to {url} is malformed")]
    Malformed {
        /// Where it was asked.
        url: String,
        /// What is wrong.
        #[source]
        source: ParseError,
    },
    /// A line of the archive index is no size.
    #[error("the log's archive index holds `{value}`, which is no size above the one before")]
    ArchiveIndex {
        /// What was found.
        value: String,
    },
    /// It announced that it serves its entries only from a later one on.
    #[error(
        "the log {origin} serves no entries below {} any more, as its entry {} announced ({} entries are not available there); they are needed here: read them also from a mirror or a copy{}",
        .minimum.minimum, .minimum.announced_at, .minimum.withheld(), named(.minimum)
    )]
    Withheld {
        /// The log.
        origin: String,
        /// What was announced.
        minimum: Box<Minimum>,
    },
    /// It publishes nothing yet.
    #[error("the log {origin} has published no witnessed checkpoint yet; wait for its witnesses")]
    Nothing {
        /// The log.
        origin: String,
    },
    /// It shows less than it showed before.
    #[error(
        "the log {origin} shows {now} entries where {before} were witnessed before; keep both checkpoints as evidence"
    )]
    WentBack {
        /// The log.
        origin: String,
        /// Entries replayed.
        before: u64,
        /// Entries shown now.
        now: u64,
    },
    /// It shows another history than before.
    #[error(
        "the log {origin} shows other entries below {size} than were witnessed before; keep both checkpoints as evidence"
    )]
    Split {
        /// The log.
        origin: String,
        /// Size of the tree that was witnessed before.
        size: u64,
    },
    /// A checkpoint that an activation rests on is not served.
    #[error(
        "the log {origin} does not serve the archived checkpoint of {size} entries; nothing above it can be judged without, ask who runs the log"
    )]
    NotArchived {
        /// The log.
        origin: String,
        /// Its size.
        size: u64,
    },
    /// An activation rests on a checkpoint that the replay went past; it has to begin anew.
    #[error(
        "an activation names the checkpoint of {size} entries, which the archive's index leaves out"
    )]
    NotStopped {
        /// Its size.
        size: u64,
    },
    /// It shows more at once than can be held.
    #[error(
        "entries {from} to {to} are too many bytes to be replayed at once; the log must archive checkpoints between them"
    )]
    TooFar {
        /// First one.
        from: u64,
        /// Size of the next checkpoint.
        to: u64,
    },
    /// It answered 202 until patience ended.
    #[error(
        "entry {index} is durable in the log, but not witnessed after {waited_ms} ms; ask again later"
    )]
    NotWitnessed {
        /// Its index.
        index: u64,
        /// How long was waited.
        waited_ms: u128,
    },
    /// A blob has other bytes than its name says.
    #[error("the blob {digest} that the log served has another digest")]
    BlobDigest {
        /// The digest asked for.
        digest: String,
    },
    /// What it holds is refused by the law.
    #[error("what the log holds is refused")]
    Refused(#[from] Refusal),
    /// Entries came out of order; a defect of this program.
    #[error("entries were replayed out of order")]
    Order(#[from] OutOfOrder),
    /// A proof could not be computed from the tiles served.
    #[error("the log's tiles give no proof for entry {index}: {detail}")]
    Proof {
        /// The entry.
        index: u64,
        /// Why.
        detail: String,
    },
    /// The statement is not one that a log takes.
    #[error("the statement cannot be signed")]
    Statement(#[source] StatementError),
    /// The signed statement is too long for an entry.
    #[error("the signed statement cannot be an entry")]
    Envelope(#[source] EnvelopeError),
    /// The bundle would be too large.
    #[error("the bundle cannot be made")]
    Bundle(#[from] BundleError),
}

/// Where the announcement says that they are.
fn named(minimum: &Minimum) -> String {
    match minimum.elsewhere.as_slice() {
        [] => String::new(),
        places => format!(", as that entry says: {}", places.join(", ")),
    }
}

impl LogClientError {
    /// The refusal that the log answered with, as code, if it was one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Http { source, .. } => source.code(),
            Self::Refused(refusal) => Some(refusal.code().as_str()),
            _ => None,
        }
    }
}
