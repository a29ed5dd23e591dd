//! What stops a log, and what it says no to.

use tlog::Hash;

/// What stops a log, or keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A configured value is wrong.
    #[error("configuration field `{field}` is `{value}`")]
    Config {
        /// The field.
        field: &'static str,
        /// The value, cut to 200 characters.
        value: String,
        /// What is wrong.
        #[source]
        source: tlog::ParseError,
    },
    /// A signing key cannot be used.
    #[error("a signing key cannot be used")]
    Key(#[from] keys::KeyError),
    /// The directory cannot be used.
    #[error("the log's directory cannot be used")]
    Store(#[from] store::StoreError),
    /// The database refused.
    #[error("the log's database refused")]
    Db(#[from] store::DbError),
    /// A row is not what was written.
    #[error("table `{table}`: {what}; restore the newest copy of the log's directory")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
    /// This log signed more entries than it has: the directory is an old copy.
    #[error(
        "{claim} says this log signed a tree of {signed} entries, but only {rows} are here; restore the newest copy of the log's directory, for going on would show two histories"
    )]
    Behind {
        /// What remembers the larger tree.
        claim: String,
        /// Its size.
        signed: u64,
        /// Entries in the database.
        rows: u64,
    },
    /// This log signed other entries than it has.
    #[error(
        "{claim} says this log signed root {signed} for its first {size} entries, but they give {found}; the log must not go on, keep the directory as evidence"
    )]
    OtherHistory {
        /// What remembers the other root.
        claim: String,
        /// The size.
        size: u64,
        /// The root that was signed.
        signed: Hash,
        /// The root of the rows.
        found: Hash,
    },
    /// A checkpoint this log kept does not verify any more.
    #[error("{claim} is not a checkpoint this log published")]
    Checkpoint {
        /// Where it is kept.
        claim: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key would not sign.
    #[error("a key of this log did not sign")]
    Sign(#[source] tlog::NoteError),
    /// A tile or bundle cannot be made from the rows.
    #[error("a tile or bundle cannot be made from the rows")]
    Encode(#[source] tlog::ParseError),
    /// A proof cannot be made from the tiles.
    #[error("a proof cannot be made from the tiles in `public/`")]
    Prove(#[source] tlog::ProveError<store::StoreError>),
    /// Another process leads this log now.
    #[error(
        "another process leads this log since: its number is {theirs}, this one's was {ours}; this one stops so that there is one history"
    )]
    Deposed {
        /// The number under which this process wrote.
        ours: u64,
        /// The newest one.
        theirs: u64,
    },
    /// What was written last is not what this process wrote last.
    #[error(
        "the log stands at {found} where this process left it at {expected}; another one wrote to it, and this one stops"
    )]
    Moved {
        /// Size that this process believes in.
        expected: u64,
        /// Size that is there.
        found: u64,
    },
    /// A back end beyond this machine refused.
    #[error("could not {action}")]
    Remote {
        /// What was being done, and where.
        action: String,
        /// What it answered.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Entries that were acknowledged are gone from the bundles.
    #[error(
        "{path} is not there or damaged, and {size} entries are nowhere else; restore `public/` from a copy or a mirror"
    )]
    Lost {
        /// The bundle.
        path: String,
        /// Entries that the database left to the bundles.
        size: u64,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Whether the last batch is on disk is not known.
    #[error(
        "the database holds {found} entries where {expected} were acknowledged; start the log again"
    )]
    CommitUnknown {
        /// Acknowledged.
        expected: u64,
        /// Found.
        found: u64,
    },
    /// The index of statements cannot be made or read.
    #[error("the index of statements in `identities/` cannot be used")]
    Index(#[source] std::io::Error),
    /// Whether the last batch is there cannot be found out.
    #[error("whether the last entries were kept cannot be found out; start the log again")]
    StateUnknown(#[source] Box<Self>),
    /// Only a directory can withhold what it served.
    #[error(
        "`pruning = \"withhold\"` is for a log whose public files are in its own directory; leave it out beside `[remote]`"
    )]
    PruneRemote,
    /// The announcement that would have to be shown cannot be shown.
    #[error("entry {index}, by which this log prunes, is not in the checkpoint that it shows")]
    PruneUnshown {
        /// The entry.
        index: u64,
    },
    /// The HTTP side failed.
    #[error("the server stopped")]
    Serve(#[from] serve::ServeError),
    /// The HTTP client cannot be set up.
    #[error("witnesses cannot be asked")]
    Client(#[from] serve::ClientError),
    /// A part of the log ended by a defect.
    #[error("the {part} ended; its log says more")]
    Ended {
        /// Which part.
        part: &'static str,
    },
}

impl LogError {
    /// Whether this process may not go on: another one writes to the log, or it is not known what
    /// was written.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Deposed { .. }
                | Self::Moved { .. }
                | Self::CommitUnknown { .. }
                | Self::StateUnknown(_)
        )
    }
}

/// Why a submission is refused. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SubmitRefusal {
    /// Not an envelope in the accepted form.
    #[error("the entry is not one DSSE envelope in the accepted form")]
    Envelope(#[source] statement::EnvelopeError),
    /// Not a statement that is taken.
    #[error("the envelope's payload is not a statement that is taken")]
    Statement(#[source] statement::StatementError),
    /// The law says no.
    #[error(transparent)]
    Law(law::Refusal),
    /// A public blob that the statement names is not here.
    #[error("the statement names a public blob that this log does not hold")]
    BlobMissing {
        /// The first one that is missing.
        digest: statement::FileDigest,
    },
    /// The key has added as many entries as it may for now.
    #[error("this key has added as many entries as it may for now")]
    Quota {
        /// How long until the next one.
        wait: std::time::Duration,
    },
    /// The queue is full, by entries or by bytes.
    #[error("too many submissions are waiting")]
    Busy {
        /// When there will be room, as far as can be told, in seconds.
        seconds: u32,
    },
    /// The database refuses, or the log is stopping. Whether the entry was taken is not known.
    #[error("the log cannot take entries now")]
    Unavailable,
}

impl From<crate::gate::Full> for SubmitRefusal {
    fn from(full: crate::gate::Full) -> Self {
        Self::Busy {
            seconds: full.retry_after_seconds,
        }
    }
}

/// Why a batch call is not taken as a whole. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallRefusal {
    /// Its size must be said first.
    #[error("the request lacks its content-length")]
    Length,
    /// More bytes than one call may have.
    #[error("the call has {bytes} bytes, at most {bytes_max} are taken")]
    TooLarge { bytes: u64, bytes_max: usize },
    /// More entries than one call may have.
    #[error("the call has more than {entries_max} entries")]
    TooMany { entries_max: usize },
    /// Not entries with their lengths.
    #[error("the body is not a list of entries, each behind two bytes of length")]
    Malformed(#[source] tlog::ParseError),
    /// It broke off.
    #[error("the body ended before its content-length")]
    Broken,
    /// Too much is waiting.
    #[error("too many submissions are waiting")]
    Busy { seconds: u32 },
    /// Reading it ended by a defect.
    #[error("the log cannot take entries now")]
    Unavailable,
}

impl From<crate::gate::Full> for CallRefusal {
    fn from(full: crate::gate::Full) -> Self {
        Self::Busy {
            seconds: full.retry_after_seconds,
        }
    }
}

/// Why a blob is not taken. Nothing was kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlobRefusal {
    /// Not a digest.
    #[error("a blob is named by its SHA-256 in lower-case hex")]
    Name(#[source] statement::IdError),
    /// Its size is signed, so it must be said first.
    #[error("the request lacks its content-length")]
    Length,
    /// More than this log keeps in one blob.
    #[error("the blob has {bytes} bytes, at most {bytes_max} are taken")]
    TooLarge { bytes: u64, bytes_max: u64 },
    /// The header is absent or has another form.
    #[error("the request lacks `authorization: Limpid keyid=...,sig=...`")]
    Authorization,
    /// The key may not put blobs, or did not sign for this one.
    #[error("{}", code.meaning())]
    Key {
        code: law::Code,
        key: statement::KeyId,
    },
    /// Other bytes came than were announced.
    #[error("the body is not the blob that was announced")]
    Body(#[source] store::StoreError),
    /// The disk refuses.
    #[error("the log cannot store blobs now")]
    Unavailable,
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
