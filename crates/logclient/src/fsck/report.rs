//! What a check found.

use tlog::{Checkpoint, Hash, ParseError};

use crate::minimum::{Minimum, MinimumError};
use crate::sources::ReadError;
use crate::trust::{Signed, TrustError};

/// A file that is not what it must be.
#[derive(Debug)]
pub struct BadFile {
    /// Its name below the log's prefix.
    pub path: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not there.
    #[error("missing")]
    Missing,
    /// It ends early.
    #[error("has {found} bytes of {expected}")]
    Short {
        /// Bytes found.
        found: usize,
        /// Bytes it must have.
        expected: usize,
    },
    /// It goes on.
    #[error("has {found} bytes instead of {expected}")]
    Long {
        /// Bytes found.
        found: usize,
        /// Bytes it must have.
        expected: usize,
    },
    /// It has the right length and other bytes.
    #[error("byte {at} is another than the entries give")]
    OtherBytes {
        /// The first one that differs.
        at: usize,
    },
    /// A bundle holds another entry than the log committed to.
    #[error("entry {index} is another than the log committed to")]
    OtherEntry {
        /// The first such entry.
        index: u64,
    },
    /// A bundle holds another entry than the log committed to; which one is not known, because the tile is bad too.
    #[error("one of its entries is another than the log committed to")]
    SomeOtherEntry,
    /// A bundle is no bundle.
    #[error("is no bundle of entries")]
    Bundle(#[source] ParseError),
    /// A partial bundle differs from the entries.
    #[error("byte {at} differs from the entries")]
    OtherPart {
        /// The first one that differs.
        at: usize,
    },
    /// Two files contradict each other and nothing above tells which one is right.
    #[error("contradicts {other}, and nothing tells which of them is right")]
    Contradicts {
        /// The other one.
        other: String,
    },
    /// The signed root is not that of what is served.
    #[error(
        "its root is not that of the tiles and entries; below, files are compared with each other only"
    )]
    Root,
    /// An archived checkpoint is refused.
    #[error("is refused")]
    Note(#[source] TrustError),
    /// An archived checkpoint is of another log.
    #[error("is a checkpoint of `{origin}`")]
    OtherLog {
        /// That log.
        origin: String,
    },
    /// An archived checkpoint is of another size than its name says.
    #[error("is the checkpoint of {size} entries")]
    OtherSize {
        /// The size it states.
        size: u64,
    },
    /// An archived checkpoint has another root than the entries.
    #[error("has another root than the first entries of this log: two histories")]
    OtherRoot,
    /// An archived checkpoint could not be compared, because entries below it are missing.
    #[error("cannot be compared: entries below it are bad or missing")]
    Unproven,
    /// The list of archived sizes is malformed.
    #[error("is refused: {0}")]
    Index(String),
    /// The announcement of what is withheld is not believed.
    #[error("is refused; nothing counts as withheld")]
    Minimum(#[source] MinimumError),
    /// A file that no log has.
    #[error("does not belong to a log")]
    Stray,
    /// So much is missing in a row that the rest was not looked for.
    #[error("from entry {entry} on nothing is there")]
    Nothing {
        /// The first one that was not looked for.
        entry: u64,
    },
    /// It could not be read.
    #[error("cannot be read")]
    Read(#[source] ReadError),
}

impl Fault {
    /// Whether the file is to blame. Otherwise it was not seen, and may be whole.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Read(error) => error.is_damage(),
            _ => true,
        }
    }

    /// One word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Short { .. } => "short",
            Self::Long { .. } => "long",
            Self::OtherBytes { .. } | Self::OtherPart { .. } => "other_bytes",
            Self::OtherEntry { .. } | Self::SomeOtherEntry => "other_entry",
            Self::Bundle(_) => "malformed",
            Self::Contradicts { .. } => "contradicts",
            Self::Root => "root",
            Self::Note(_) => "refused",
            Self::OtherLog { .. } => "other_log",
            Self::OtherSize { .. } => "other_size",
            Self::OtherRoot => "other_root",
            Self::Unproven => "unproven",
            Self::Index(_) => "index",
            Self::Minimum(_) => "minimum",
            Self::Stray => "stray",
            Self::Nothing { .. } => "nothing",
            Self::Read(ReadError::TooLong { .. }) => "long",
            Self::Read(error) if error.is_damage() => "unreadable",
            Self::Read(_) => "not_fetched",
        }
    }
}

/// The outcome of a check.
#[derive(Debug)]
pub struct Report {
    /// The checkpoint that everything was held against.
    pub checkpoint: Checkpoint,
    /// Who signed it.
    pub signed: Signed,
    /// Whether the signed root was reached: then each bad file is named for certain.
    pub proven: bool,
    /// Entries hashed.
    pub entries: u64,
    /// Bundles read, partial ones included.
    pub bundles: u64,
    /// Tiles compared, partial ones included.
    pub tiles: u64,
    /// Archived checkpoints compared.
    pub archived: u64,
    /// Bad files.
    pub bad: u64,
    /// Files that were not delivered.
    pub unread: u64,
    /// What the log announced that it serves no more, if it did.
    pub minimum: Option<Minimum>,
    /// Entries that are not there because of it. They were not checked.
    pub withheld: u64,
    /// Files and archived checkpoints beyond the checkpoint: written and not yet published.
    pub ahead: u64,
}

impl Report {
    /// Whether everything that must be there was read and is right.
    pub fn is_whole(&self) -> bool {
        self.bad == 0 && self.unread == 0 && self.proven
    }
}

/// What is wrong with a tile that must hold these hashes.
pub(super) fn difference(truth: &[Hash], bytes: &[u8]) -> Option<Fault> {
    let expected = truth.len() * 32;
    let found = bytes.len();
    if found < expected {
        return Some(Fault::Short { found, expected });
    }
    if found > expected {
        return Some(Fault::Long { found, expected });
    }
    let must = truth.iter().flat_map(|hash| hash.as_bytes());
    let at = must.zip(bytes).position(|(a, b)| a != b)?;
    Some(Fault::OtherBytes { at })
}
