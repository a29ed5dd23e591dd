//! What stops a cell, and what it refuses. Refusals carry the code that `spec/intake.md` lists; that each has
//! a status is for `http`.

use seal::SealError;

/// Why the cell could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CenterError {
    /// A file cannot be kept or read.
    #[error("the cell's directory cannot be used")]
    Store(#[from] store::StoreError),
    /// The database refused.
    #[error("the cell's database refused")]
    Db(#[from] store::DbError),
    /// A file of the cell.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A key file.
    #[error("a key of the cell cannot be used")]
    Key(#[from] keys::KeyError),
    /// A statement could not be made.
    #[error("a statement could not be made")]
    Statement(#[from] statement::StatementError),
    /// An envelope could not be made, or one that was kept is damaged.
    #[error("an entry could not be made")]
    Envelope(#[from] statement::EnvelopeError),
    /// A batch could not be made.
    #[error("a batch could not be made")]
    Batch(#[from] statement::BatchError),
    /// The log.
    #[error("the log cannot be followed")]
    Log(#[from] logclient::LogClientError),
    /// What the log shows is refused.
    #[error("the log is refused")]
    Law(#[from] law::Refusal),
    /// The sandbox.
    #[error("the sandbox cannot be used")]
    Sandbox(#[from] sandbox::SandboxError),
    /// This machine cannot give the isolation.
    #[error("the sandbox cannot be used")]
    Preflight(#[from] sandbox::Refusal),
    /// No child could be given an order.
    #[error("the sandboxes of the workers cannot be used")]
    Workshop(#[from] scanner::WorkshopError),
    /// The HTTP shell.
    #[error("the server stopped")]
    Serve(#[from] serve::ServeError),
    /// The HTTP client could not be set up.
    #[error("the client could not be set up")]
    Client(#[from] serve::ClientError),
    /// The database a worker scans with.
    #[error("the database of the worker is refused")]
    Scan(#[from] scan::ScanError),
    /// A row is not what was written.
    #[error(
        "table `{table}` holds a row that was never written: {what}; restore the database from a copy"
    )]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Another process of the cell leads.
    #[error("another process of this cell leads; nothing was written")]
    Deposed,
    /// `[remote]` in a program that cannot.
    #[error(
        "this program was built without the feature `remote`; build it with it to use `[remote]`"
    )]
    NotBuilt,
    /// Where the address of the database is.
    #[error("`postgres` in section `[remote]` cannot be used")]
    Secret(#[from] store::SecretError),
    /// The address of the database.
    #[cfg(feature = "postgres")]
    #[error("the database in section `[remote]` cannot be used")]
    Postgres(#[from] store::PostgresError),
    /// Another directory than the tables speak of.
    #[error(
        "{} does not hold the files of this database; name the directory that its other processes share", path.display()
    )]
    OtherPlace {
        /// The directory.
        path: std::path::PathBuf,
    },
    /// A licence key in the configuration.
    #[error(
        "licence key `{value}` is not base64 of 32 bytes; name keys as `limpid keys show` prints them"
    )]
    LicenceKey {
        /// Found, cut to 80 characters.
        value: String,
    },
    /// The clock of this machine.
    #[error("this machine's clock shows a time that cannot be written; set it")]
    Clock,
    /// A list of samples to look at again.
    #[error("the list of samples is refused")]
    Asked(#[source] statement::CustodyError),
    /// A line of it.
    #[error("the list of samples has a line that is no seal digest")]
    AskedLine(#[source] statement::IdError),
    /// Work ended by a defect of this program.
    #[error("work ended by a defect of this program")]
    Ended,
}

impl CenterError {
    /// For `map_err` of what was tried with a file.
    pub(crate) fn file(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

/// Why a call was refused. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a front.
    #[error("the front of the sample is refused")]
    Front(#[source] SealError),
    /// A body of another length than a signature has.
    #[error("a signature has 64 bytes; {found} came")]
    SignatureLength {
        /// Bytes found.
        found: usize,
    },
    /// A header that is missing or malformed.
    #[error("`{name}` is missing or no number")]
    Headers {
        /// The header.
        name: &'static str,
    },
    /// A body that ended before its end, or has more bytes than one call may bring.
    #[error("the body broke off, or is longer than what one call may bring; nothing was kept")]
    Broken,
    /// Promised to another home.
    #[error("the sample is promised to {found}; this cell is in {here}")]
    Home {
        /// By its header.
        found: String,
        /// Of this cell.
        here: String,
    },
    /// Sealed under another policy.
    #[error("the sample was sealed under the policy {found}; in force is {in_force}")]
    Policy {
        /// By its header.
        found: String,
        /// In the log.
        in_force: String,
    },
    /// An epoch that is not in force here.
    #[error(
        "the {purpose} epoch {epoch} is not in force in this cell; ask `/where` and seal the file anew"
    )]
    Epoch {
        /// Which of the three.
        purpose: &'static str,
        /// By the header.
        epoch: String,
    },
    /// Not signed by the upload key, or other bytes arrived.
    #[error("the signature is not by the upload key over what arrived")]
    Signature,
    /// No such upload.
    #[error("no such upload")]
    Unknown,
    /// The id came with another front, or is past.
    #[error("this sample id came with another front, or was erased; ids are used once")]
    Replayed,
    /// Somebody else sends to the same sample.
    #[error("another call works on this upload")]
    Busy,
    /// Goes on somewhere else.
    #[error("{held} bytes are held; go on from there")]
    Offset {
        /// Bytes held.
        held: u64,
    },
    /// Bytes are missing.
    #[error("{held} of {length} bytes are held; send the rest first")]
    Incomplete {
        /// Bytes held.
        held: u64,
        /// Bytes announced.
        length: u64,
    },
    /// Larger than this cell takes, or than announced.
    #[error("{found} bytes; at most {bytes_max} belong there")]
    Size {
        /// Bytes found.
        found: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// Too much waits, and the draw did not take this one.
    #[error(
        "more comes than this cell can do, so it takes one sample in {one_in}, by a draw, and not this one; nothing is wrong \
         with it, and sending it again does not help"
    )]
    Sampled {
        /// One in how many is taken.
        one_in: u64,
    },
    /// Too many in a minute.
    #[error("more samples than this cell takes in a minute")]
    Rate,
    /// Too many wait.
    #[error("as many samples wait as may")]
    Full,
    /// No token.
    #[error(
        "this cell takes samples with a token only; get one from the issuer that `/where` names"
    )]
    TokenMissing,
    /// A token that is none, or not for here and now.
    #[error("the token is refused; get another one from the issuer that `/where` names")]
    Token(#[source] token::TokenError),
    /// A token that came with another sample.
    #[error("this token was spent with another sample; take another one")]
    TokenSpent,
    /// Nobody could have one.
    #[error("the log names no issuer of tokens for this home and day; ask again")]
    NoIssuer,
    /// Nothing can be taken in yet.
    #[error(
        "the log names no policy that this cell could take samples under, or could not be read yet"
    )]
    Closed,
    /// Nobody's sample.
    #[error("no sample of this id was taken in")]
    NoSample,
    /// Not its owner.
    #[error("the signature is not by the upload key of this sample over this demand")]
    NotOwner,
    /// Its salts are gone.
    #[error("the sample was erased; nobody can make this proof any more")]
    Erased,
    /// Not the caller's fault.
    #[error("the cell could not do it")]
    Internal(#[source] CenterError),
}

impl<E: Into<CenterError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
