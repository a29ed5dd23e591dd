//! What can go wrong with a key, in words for the person who has to repair it.

use std::fmt;
use std::path::PathBuf;

use tlog::KeyType;

use crate::Algorithm;

/// The step at which the operating system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStep {
    /// Opening or creating the file.
    Open,
    /// Reading its bytes or its mode.
    Read,
    /// Writing its bytes.
    Write,
    /// Making the file or its directory durable (`fsync`).
    Sync,
}

impl fmt::Display for FileStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "make durable",
        })
    }
}

/// Why a key could not be made, read, written or used. Never carries secret bytes.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system's random generator failed.
    #[error("the operating system gave no randomness; no key was made")]
    Random(#[source] getrandom::Error),

    /// A key of an issuer of tokens, or what it was asked for.
    #[error("the key of an issuer of tokens cannot be used")]
    Token(#[from] token::TokenError),

    /// Statements and TUF metadata are signed with Ed25519.
    #[error("this is an {algorithm} key; statements and TUF metadata need an Ed25519 key")]
    NotEd25519 {
        /// What the key is.
        algorithm: Algorithm,
    },

    /// An X-Wing key where a signing key belongs.
    #[error("{} holds an X-Wing key, which opens sealed samples and signs nothing; name a signing key", path.display())]
    OpensOnly {
        /// The file.
        path: PathBuf,
    },

    /// A signing key where an X-Wing key belongs.
    #[error("{} holds an {algorithm} key, which signs and opens nothing; name the X-Wing key of an epoch", path.display())]
    SignsOnly {
        /// The file.
        path: PathBuf,
        /// What the key is.
        algorithm: Algorithm,
    },

    /// A file with this name exists; keys are never overwritten.
    #[error("{} exists already and keys are never overwritten; choose another name or move it away", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// Group or others can use the file.
    #[error("{} can be used by others (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },

    /// Not a regular file.
    #[error("{} is not a regular file; name a key file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },

    /// Larger than any key or passphrase file.
    #[error("{} has more than {bytes_max} bytes, so it is not a key or passphrase file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },

    /// The operating system refused.
    #[error("could not {step} {}", path.display())]
    Io {
        /// What was being done.
        step: FileStep,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },

    /// The PEM frame cannot be read.
    #[error("{} is not a PEM file with one PRIVATE KEY", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What the PEM reader said.
        #[source]
        source: pkcs8::der::Error,
    },

    /// A PEM file of something else.
    #[error("{} holds a PEM {label:?}; expected PRIVATE KEY or ENCRYPTED PRIVATE KEY (PKCS#8)", path.display())]
    WrongLabel {
        /// The file.
        path: PathBuf,
        /// Its label, cut to 40 characters.
        label: String,
    },

    /// The PKCS#8 structure cannot be read.
    #[error("{} holds no readable PKCS#8 key", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the PKCS#8 reader said.
        #[source]
        source: pkcs8::Error,
    },

    /// Readable, but not the one form we accept.
    #[error("{} is PKCS#8, but {what}", path.display())]
    NotCanonical {
        /// The file.
        path: PathBuf,
        /// What is different.
        what: &'static str,
    },

    /// A key of an algorithm that we do not use.
    #[error("{} holds a key of algorithm {oid}; expected Ed25519 (1.3.101.112), ML-DSA-44 (2.16.840.1.101.3.4.3.17) or X-Wing (1.3.6.1.4.1.62253.25722)", path.display())]
    UnknownAlgorithm {
        /// The file.
        path: PathBuf,
        /// Object identifier found.
        oid: String,
    },

    /// Encrypted in a way that we do not read.
    #[error("{} is encrypted with {what}; convert it: openssl pkcs8 -topk8 -scrypt -in {} -out NEW", path.display(), path.display())]
    UnknownEncryption {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },

    /// Encrypted, and no passphrase was given.
    #[error("{} is encrypted; give its passphrase (a file or an environment variable)", path.display())]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },

    /// Not encrypted, but a passphrase was given, so somebody believes that it is.
    #[error("{} is not encrypted, but a passphrase was given; encrypt the key or drop the passphrase", path.display())]
    PassphraseNotNeeded {
        /// The file.
        path: PathBuf,
    },

    /// The passphrase does not open the file.
    #[error("the passphrase does not open {}", path.display())]
    PassphraseWrong {
        /// The file.
        path: PathBuf,
    },

    /// The environment variable is not set.
    #[error("the environment variable {name} holds no passphrase; set it")]
    PassphraseUnset {
        /// The variable.
        name: String,
    },

    /// Empty, or too long.
    #[error("the passphrase from {origin} has {bytes} bytes; it must have 1 to {bytes_max}")]
    PassphraseSize {
        /// Where it came from.
        origin: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },

    /// Neither `env:NAME` nor `file:PATH`.
    #[error("{given:?} does not say where the passphrase is; write env:NAME or file:PATH")]
    PassphraseOrigin {
        /// What was given, cut to 40 characters.
        given: String,
    },

    /// The key's algorithm cannot make this kind of note signature.
    #[error("a key of algorithm {algorithm} cannot sign notes of type 0x{key_type:02x}", key_type = *key_type as u8)]
    WrongKeyType {
        /// The key's algorithm.
        algorithm: Algorithm,
        /// The type asked for.
        key_type: KeyType,
    },

    /// The verifier key could not be formed.
    #[error("no verifier key can be made for the name {name}")]
    Vkey {
        /// The key name.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// Encoding our own key failed; names a defect of ours, not of the input.
    #[error("the key could not be encoded as PKCS#8")]
    Encode(#[source] pkcs8::Error),
}
