//! What can be wrong, split by who has to act: the shape of bytes ([`ParseError`]), a signature
//! ([`NoteError`]), a Merkle proof ([`ProofError`]), a trust policy ([`PolicyError`]).

#![allow(
    missing_docs,
    reason = "each field is explained by the message that prints it"
)]

use crate::key::{KeyName, KeyType, NoteKeyId};
use crate::tile::{BundleId, TileId};

/// The bytes do not have the exact form their specification asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Longer than this crate reads.
    #[error("{what} has {found} bytes, at most {max} are read")]
    TooLong {
        what: &'static str,
        found: usize,
        max: usize,
    },
    /// More items than this crate reads.
    #[error("{what}: {found} found, at most {max} are read")]
    TooMany {
        what: &'static str,
        found: usize,
        max: usize,
    },
    /// Not UTF-8.
    #[error("{what} is not UTF-8")]
    NotUtf8 { what: &'static str },
    /// A control character other than newline.
    #[error("{what} holds the control character 0x{byte:02x}")]
    ControlCharacter { what: &'static str, byte: u8 },
    /// Something that must be there is not.
    #[error("{what} lacks {missing}")]
    Missing {
        what: &'static str,
        missing: &'static str,
    },
    /// A line or field that does not have its form.
    #[error("{what} `{value}` is not {expected}")]
    Malformed {
        what: &'static str,
        value: String,
        expected: &'static str,
    },
    /// More bytes than the form has.
    #[error("{what} is followed by unexpected bytes `{value}`")]
    Trailing { what: &'static str, value: String },
    /// A signature type that this crate does not speak.
    #[error("key of `{name}` has type 0x{key_type:02x}; only 0x01, 0x04 and 0x06 are supported")]
    KeyTypeUnsupported { name: KeyName, key_type: u8 },
    /// The key id in a vkey is not the one its name and key give.
    #[error("key of `{name}` states id {stated}, its name and key give {computed}")]
    KeyIdMismatch {
        name: KeyName,
        stated: NoteKeyId,
        computed: NoteKeyId,
    },
    /// The public key has the wrong length, is no curve point, has small order, or is not in its
    /// canonical form.
    #[error("key of `{name}` ({key_type}) is not a usable public key")]
    PublicKey { name: KeyName, key_type: KeyType },
    /// A number outside its range.
    #[error("{what} {found} is outside {min}..={max}")]
    Range {
        what: &'static str,
        found: u64,
        min: u64,
        max: u64,
    },
}

/// A signature, or the set of signatures on a note, is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The note or its text is malformed.
    #[error("the note is malformed")]
    Parse(#[source] ParseError),
    /// The signature of a known key does not verify; the whole note is refused.
    #[error("the signature of `{name}` (key {id}) does not verify; refuse the note")]
    BadSignature { name: KeyName, id: NoteKeyId },
    /// A known key signed twice.
    #[error("`{name}` (key {id}) signed more than once; keep one of its lines")]
    DuplicateSignature { name: KeyName, id: NoteKeyId },
    /// A signature line was checked against a key it does not name.
    #[error("the line is by `{found}`, the key belongs to `{expected}` or has another id")]
    OtherKey { found: KeyName, expected: KeyName },
    /// The key cannot make or check this kind of signature.
    #[error("`{name}` has a key of type {found}, which cannot be used for {purpose}")]
    KeyType {
        name: KeyName,
        found: KeyType,
        purpose: &'static str,
    },
    /// The key's name is not the checkpoint's origin.
    #[error("the key is named `{name}`, the checkpoint's origin is `{origin}`")]
    OriginMismatch { name: KeyName, origin: String },
    /// A timestamp outside 1..=2^63-1.
    #[error("`{name}` states the time {timestamp}, allowed are 1..=2^63-1 seconds")]
    Timestamp { name: KeyName, timestamp: u64 },
    /// The signer returned bytes of the wrong length.
    #[error("the signer of `{name}` returned {found} bytes, a signature has {expected}")]
    SignatureSize {
        name: KeyName,
        found: usize,
        expected: usize,
    },
    /// No key of the log signed.
    #[error("no trusted key of the log `{origin}` signed the checkpoint")]
    NoTrustedSignature { origin: String },
    /// A checkpoint of size 0 whose root is not the hash of the empty string.
    #[error("the checkpoint of `{origin}` has size 0 but not the root of the empty tree")]
    EmptyRoot { origin: String },
}

/// A Merkle proof does not prove what it should (RFC 6962 section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The index is not in the tree.
    #[error("index {index} is not in a tree of size {size}")]
    IndexBeyondSize { index: u64, size: u64 },
    /// The old tree is larger than the new one.
    #[error("old size {old_size} is larger than new size {new_size}")]
    Shrinking { old_size: u64, new_size: u64 },
    /// The proof has too few or too many hashes.
    #[error("the proof has {found} hashes, which does not fit the sizes")]
    PathLength { found: usize },
    /// The recomputed root is another one.
    #[error("the proof does not lead to the root of the tree of size {size}")]
    RootMismatch { size: u64 },
    /// Same size, two roots: the log shows two histories.
    #[error("two different roots for the same size {size}")]
    Split { size: u64 },
    /// An empty tree with a root other than the hash of the empty string.
    #[error("a tree of size 0 must have the root of the empty tree")]
    EmptyRoot,
    /// An empty interval, one beyond the limit, or one that does not begin at a multiple of its
    /// width rounded up to a power of two.
    #[error("{start}..{end} is no subtree of a log")]
    NotASubtree { start: u64, end: u64 },
    /// The subtree ends after the tree.
    #[error("the subtree {start}..{end} is not in a tree of size {size}")]
    SubtreeBeyondSize { start: u64, end: u64, size: u64 },
    /// The leaf is not in the subtree.
    #[error("index {index} is not in the subtree {start}..{end}")]
    IndexOutsideSubtree { index: u64, start: u64, end: u64 },
    /// The recomputed hash of the subtree is another one.
    #[error("the proof does not lead to the hash of the subtree {start}..{end}")]
    SubtreeMismatch { start: u64, end: u64 },
    /// A compact range with the wrong number of hashes, or a size beyond the limit.
    #[error("a tree of size {size} has no compact range of {found} hashes")]
    FrontierShape { size: u64, found: usize },
}

/// A proof or root could not be computed from tiles.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError<E: std::error::Error + 'static> {
    /// The source could not deliver a tile.
    #[error("tile {id} could not be read")]
    Source {
        id: TileId,
        #[source]
        source: E,
    },
    /// The source delivered the wrong number of bytes.
    #[error("tile {id} has {found} bytes, {expected} are needed")]
    TileBytes {
        id: TileId,
        found: usize,
        expected: usize,
    },
    /// The question makes no sense for the tree.
    #[error("nothing to prove")]
    Request(#[source] ProofError),
}

/// A published log directory does not hold the tree its checkpoint names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsckError<E: std::error::Error + 'static> {
    /// A bundle could not be read.
    #[error("entry bundle {id} could not be read")]
    BundleSource {
        id: BundleId,
        #[source]
        source: E,
    },
    /// A tile could not be read.
    #[error("tile {id} could not be read")]
    TileSource {
        id: TileId,
        #[source]
        source: E,
    },
    /// A bundle is malformed.
    #[error("entry bundle {id} is malformed")]
    Bundle {
        id: BundleId,
        #[source]
        source: ParseError,
    },
    /// A tile differs from what the entries give.
    #[error("tile {id} differs from the hashes of the entries at byte {at}")]
    Tile { id: TileId, at: usize },
    /// The entries give another root.
    #[error("the entries give another root than the checkpoint of size {size}")]
    Root { size: u64 },
}

/// A policy is malformed, or a note does not satisfy it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The policy text is malformed as a whole.
    #[error("the policy is malformed")]
    Text(#[source] ParseError),
    /// A line does not have the form of its keyword.
    #[error("policy line {line}: {expected}, found `{value}`")]
    Line {
        line: usize,
        value: String,
        expected: &'static str,
    },
    /// A vkey in the policy is malformed.
    #[error("policy line {line}: the vkey is malformed")]
    Key {
        line: usize,
        #[source]
        source: ParseError,
    },
    /// A key of a type that does not fit its role.
    #[error("policy line {line}: a {role} cannot have a key of type {found}")]
    KeyRole {
        line: usize,
        role: &'static str,
        found: KeyType,
    },
    /// The same raw key, or the same name and key id, twice in one role.
    #[error("policy line {line}: the key of `{name}` is listed twice")]
    DuplicateKey { line: usize, name: KeyName },
    /// A name defined twice.
    #[error("policy line {line}: `{name}` is already defined")]
    DuplicateName { line: usize, name: String },
    /// A name used before it is defined.
    #[error("policy line {line}: `{name}` is not defined above")]
    UnknownName { line: usize, name: String },
    /// A name that is a member of two groups, or twice of one.
    #[error("policy line {line}: `{name}` is already a member of a group")]
    MemberTwice { line: usize, name: String },
    /// A threshold outside 1..=members.
    #[error("policy line {line}: threshold {k} is outside 1..={members}")]
    Threshold { line: usize, k: u64, members: usize },
    /// More than one quorum line.
    #[error("policy line {line}: a second quorum; keep one")]
    SecondQuorum { line: usize },
    /// No quorum line.
    #[error("the policy has no quorum line; add `quorum NAME`")]
    NoQuorum,
    /// A log without the Ed25519 key that tlog-tiles demands.
    #[error("the policy lists no Ed25519 key (type 0x01) for the log `{origin}`")]
    LogWithoutEd25519 { origin: String },
    /// `quorum none` can never make a checkpoint witnessed.
    #[error("the policy says `quorum none`, so nothing can be witnessed under it")]
    QuorumNone,
    /// The checkpoint is of a log the policy does not list.
    #[error("the policy lists no log with the origin `{origin}`")]
    UnknownOrigin { origin: String },
    /// A key the policy lists for the log did not sign.
    #[error("the log key `{name}` ({id}, {key_type}) did not sign the checkpoint")]
    LogSignatureMissing {
        name: KeyName,
        id: NoteKeyId,
        key_type: KeyType,
    },
    /// Not enough witnesses cosigned.
    #[error("quorum `{quorum}` is not met; valid cosignatures: {present}")]
    QuorumNotMet { quorum: String, present: String },
    /// The note or one of its signatures is refused.
    #[error("the checkpoint note is refused")]
    Note(#[source] NoteError),
}

/// A `.tlog-proof` does not show its entry in a witnessed log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The checkpoint does not satisfy the policy.
    #[error("the checkpoint of the proof is not acceptable")]
    Policy(#[source] PolicyError),
    /// The path does not lead from the entry to the checkpoint's root.
    #[error("the entry is not at index {index} of the log")]
    Inclusion {
        index: u64,
        #[source]
        source: ProofError,
    },
    /// The entry is larger than any log entry.
    #[error("the entry has {found} bytes, a log entry has at most 65535")]
    EntryTooLong { found: usize },
}

/// Two checkpoints and their hashes do not show that a log signed two histories.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForkError {
    /// No known key of the log signed the smaller checkpoint.
    #[error("the checkpoint of the smaller tree proves nothing against the log")]
    Smaller(#[source] NoteError),
    /// No known key of the log signed the larger checkpoint.
    #[error("the checkpoint of the larger tree proves nothing against the log")]
    Larger(#[source] NoteError),
    /// Two logs may differ.
    #[error("the checkpoints are of two logs, `{one}` and `{other}`")]
    TwoLogs { one: String, other: String },
    /// Nothing contradicts an empty tree.
    #[error("one of the checkpoints is of the empty tree, with which every tree begins")]
    Empty,
    /// Both can be true.
    #[error("the tree of {larger} entries begins with the tree of {smaller}: there is no fork")]
    Consistent { smaller: u64, larger: u64 },
    /// The hashes show nothing about the larger checkpoint.
    #[error("the hashes do not lead to the root of the larger checkpoint")]
    Path(#[source] ProofError),
}
