//! Why metadata was refused.

use crate::expires::Expires;
use crate::key::KeyId;

/// One refusal, with the field and the value that caused it.
#[derive(Debug, thiserror::Error)]
pub enum TufError {
    /// The file is larger than its role may be; nothing of it was read.
    #[error(
        "{role} metadata has {bytes} bytes, more than {max}; fetch it again from an honest mirror"
    )]
    TooLarge {
        /// The role that was expected.
        role: &'static str,
        /// The size offered.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not the JSON of this role.
    #[error("{role} metadata has the wrong shape; ask its signer for a correct file")]
    Json {
        /// The role that was expected.
        role: &'static str,
        /// What the JSON reader said.
        #[source]
        source: serde_json::Error,
    },
    /// The value cannot be written as canonical JSON (a float, for example).
    #[error(
        "{role} metadata holds a value that canonical JSON cannot express; use integers and text"
    )]
    Canonical {
        /// The role that was written.
        role: &'static str,
        /// What the JSON writer said.
        #[source]
        source: serde_json::Error,
    },
    /// White space, order, escapes or a repeated name differ from the one accepted form.
    #[error(
        "{role} metadata is not in canonical form (first difference at byte {offset}); write it with `Signed::to_bytes`"
    )]
    NotCanonical {
        /// The role that was expected.
        role: &'static str,
        /// The first byte that differs.
        offset: usize,
    },
    /// A name inside the JSON uses characters that canonical encoders sort differently.
    #[error("field name {name:?} may hold only letters, digits and . _ - / : @ +; rename it")]
    FieldName {
        /// The name.
        name: String,
    },
    /// `_type` names another role.
    #[error("`_type` is {found:?} where {expected:?} was expected; this is another role's file")]
    WrongType {
        /// The role that was expected.
        expected: &'static str,
        /// The role found.
        found: String,
    },
    /// A specification version this crate does not implement.
    #[error("`spec_version` is {found:?}; only 1.0.x is understood")]
    SpecVersion {
        /// The version found.
        found: String,
    },
    /// A field has a value it may not have.
    #[error("`{field}` is {value:?}: {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// The value, as written.
        value: String,
        /// What would be right.
        reason: &'static str,
    },
    /// More of something than the limit.
    #[error("{count} {field} are more than {max}; split the file")]
    TooMany {
        /// What there is too much of.
        field: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A declared key id is not SHA-256 of the canonical key.
    #[error("key id {declared} is declared for a key whose id is {actual}; make the file again")]
    KeyIdMismatch {
        /// The id in the file.
        declared: KeyId,
        /// The id computed from the key.
        actual: KeyId,
    },
    /// One raw public key appears under two ids, so it would count twice.
    #[error("key ids {first} and {second} hold the same public key; one key is one signer")]
    OneKeyTwoIds {
        /// The first id.
        first: KeyId,
        /// The second id.
        second: KeyId,
    },
    /// A role lists a key id twice.
    #[error("role {role} lists key id {key_id} twice; list each key once")]
    DuplicateKeyId {
        /// The role.
        role: String,
        /// The key id.
        key_id: KeyId,
    },
    /// A role names a key that the file does not hold.
    #[error("role {role} names key id {key_id}, which the file does not hold")]
    UnknownKeyId {
        /// The role.
        role: String,
        /// The key id.
        key_id: KeyId,
    },
    /// A threshold of zero, or one that can never be met.
    #[error(
        "role {role} has threshold {threshold} with {keys} keys; it must be between 1 and the number of keys"
    )]
    Threshold {
        /// The role.
        role: String,
        /// The threshold in the file.
        threshold: u32,
        /// The number of keys of the role.
        keys: usize,
    },
    /// A file carries two signatures of one key id.
    #[error("key id {key_id} signed this file twice; keep one signature")]
    DuplicateSignature {
        /// The key id.
        key_id: KeyId,
    },
    /// A key of the role signed, and the signature is wrong.
    #[error(
        "the signature of key id {key_id} does not verify for role {role}; the file was altered"
    )]
    BadSignature {
        /// The role.
        role: String,
        /// The key id.
        key_id: KeyId,
    },
    /// Too few valid signatures.
    #[error("role {role} has {found} of {threshold} needed signatures; gather the missing ones")]
    ThresholdNotMet {
        /// The role.
        role: String,
        /// Distinct valid signatures.
        found: usize,
        /// Signatures needed.
        threshold: u32,
    },
    /// A root does not follow the one before it.
    #[error("root version {found} does not follow {trusted}; fetch version {trusted} + 1")]
    RootVersion {
        /// The trusted version.
        trusted: u64,
        /// The version offered.
        found: u64,
    },
    /// The role's metadata is out of date.
    #[error(
        "{role} metadata expired at {expires}; wait for a fresh one, or find out who withholds it"
    )]
    Expired {
        /// The role.
        role: String,
        /// Its expiry.
        expires: Expires,
    },
    /// A file is not the one its parent names.
    #[error("{file} has {field} {found}, but its parent names {pinned}; fetch a consistent set")]
    Pin {
        /// The file, by its unversioned name.
        file: String,
        /// `version`, `length` or `sha256`.
        field: &'static str,
        /// What the parent names.
        pinned: String,
        /// What the file is.
        found: String,
    },
    /// The parent does not name the file at all.
    #[error("{parent} does not name {file}; fetch a consistent set")]
    NotPinned {
        /// The file that should name it.
        parent: &'static str,
        /// The file, by its unversioned name.
        file: String,
    },
    /// The role is not delegated here.
    #[error("role {role:?} is not delegated by this file")]
    NotDelegated {
        /// The role.
        role: String,
    },
}
