//! What can be wrong with a sealed sample, in words for the person who looks into it. Never carries secret bytes.

use statement::{CountryCode, CustodyError, EpochPurpose, LineError, SealDigest, StatementDigest};

use crate::{
    derive::Side,
    limits::{FRONT_BYTES_MAX, SAMPLE_BYTES_MAX},
};

/// Why something is not sealed, or not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The header has not its one form.
    #[error("the header of the sealed sample is refused")]
    Header(#[from] LineError),
    /// A front that is cut short, goes on, or claims an impossible length.
    #[error(
        "the front of a sealed sample has {found} bytes where {expected} belong (at most {FRONT_BYTES_MAX})"
    )]
    FrontLength {
        /// Bytes found.
        found: usize,
        /// Bytes that its own length asks for.
        expected: usize,
    },
    /// An empty sample, or one above the limit.
    #[error("a sample of {bytes} bytes is not sealed; from 1 to {SAMPLE_BYTES_MAX} are")]
    Size {
        /// Its bytes.
        bytes: u64,
    },
    /// The fields of an `epoch` are wrong.
    #[error("the epoch {epoch} is refused")]
    Epoch {
        /// The statement.
        epoch: StatementDigest,
        /// What is wrong.
        #[source]
        source: CustodyError,
    },
    /// The bytes in an `epoch` have the right length and are no X-Wing key.
    #[error(
        "the key of the epoch {epoch} is no X-Wing public key; whoever logged it cannot open anything"
    )]
    EpochKey {
        /// The statement.
        epoch: StatementDigest,
    },
    /// What an opener answered is not sealed to this key, under this grant, for this sample.
    #[error("the share that the {side}'s opener answered with does not open; ask that side")]
    Resealed {
        /// Whose answer it is.
        side: Side,
    },
    /// A request to an opener that is cut short, goes on, or has an impossible path.
    #[error("a request of {found} bytes to an opener has not the form of one")]
    Request {
        /// Its bytes.
        found: usize,
    },
    /// An epoch in the place of another.
    #[error("the epoch {epoch} is for `{found}`; expected one for `{expected}`")]
    EpochPurpose {
        /// The statement.
        epoch: StatementDigest,
        /// Its purpose.
        found: EpochPurpose,
        /// The purpose needed.
        expected: EpochPurpose,
    },
    /// Two jurisdictions in one sealing.
    #[error("the epoch {epoch} is of the home {found}; the sample goes to {expected}")]
    EpochHome {
        /// The statement.
        epoch: StatementDigest,
        /// Its home.
        found: CountryCode,
        /// The home needed.
        expected: CountryCode,
    },
    /// Keys of other epochs than those the header names.
    #[error("the header names the {purpose} epoch {named}; given was the key of {given}")]
    OtherEpoch {
        /// Which of the three.
        purpose: EpochPurpose,
        /// By the header.
        named: StatementDigest,
        /// By the caller.
        given: StatementDigest,
    },
    /// The wrap does not open: another key, another header, or changed bytes. They cannot be told apart.
    #[error("the {purpose} wrap does not open with this key under this header")]
    Wrap {
        /// Which of the three.
        purpose: EpochPurpose,
    },
    /// A share that the header does not name: of another sample, or false.
    #[error("the {side}'s share is not the one that the header names")]
    Share {
        /// Whose.
        side: Side,
    },
    /// More, or fewer, bytes than belong into the chunk.
    #[error("chunk {index} has {found} bytes; {expected} belong there")]
    ChunkLength {
        /// Counted from 0.
        index: u64,
        /// Bytes found.
        found: usize,
        /// Bytes that the size in the header leaves for it; 0 after the last.
        expected: usize,
    },
    /// A chunk that was changed, moved, or sealed under another key or header.
    #[error("chunk {index} was changed, or belongs to another place or sample")]
    Chunk {
        /// Counted from 0.
        index: u64,
    },
    /// Finished before the last chunk.
    #[error("{missing} bytes of the sample are missing")]
    Unfinished {
        /// Plaintext bytes that did not come.
        missing: u64,
    },
    /// All is well sealed, and it is another sample than the one that was named.
    #[error("this is the sealed sample {found}; expected {expected}")]
    OtherSeal {
        /// Computed.
        found: SealDigest,
        /// Named.
        expected: SealDigest,
    },
    /// Not a signature by the upload key over this message.
    #[error("the signature is not by the upload key of this sample over this message")]
    Signature,
}

/// The sender sealed something that cannot be opened at rest: the outcome `missealed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Missealed {
    /// The header names the digest of another share than the seed gives.
    #[error("the header names another {side}'s share than the seed gives")]
    Share {
        /// Whose.
        side: Side,
    },
    /// The wrap is not the one that the seed gives: its holder would open garbage, or nothing.
    #[error("the {side}'s wrap is not the one that the seed gives")]
    Wrap {
        /// Whose.
        side: Side,
    },
}
