//! DSSE v1.0 envelope with one signature and one spelling.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};

use crate::{
    ids::{KeyId, StatementDigest},
    limits::ENTRY_BYTES_MAX,
    statement::{Statement, StatementError},
};

/// The only payload type that is accepted.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

const HEAD: &str = "{\"payload\":\"";
const MIDDLE: &str =
    "\",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[{\"keyid\":\"";
const SIG: &str = "\",\"sig\":\"";
const TAIL: &str = "\"}]}";

/// Why bytes are not an acceptable envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than an entry of a log may be.
    #[error(
        "the envelope has {bytes} bytes; an entry may have {ENTRY_BYTES_MAX}: move bulk evidence to a blob"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not in the one accepted spelling.
    #[error(
        "the envelope is not in the accepted form at `{part}`: \
         payload, payloadType, signatures with keyid and sig, in this order, one signature, no white space"
    )]
    Form {
        /// The part that was expected and not found.
        part: &'static str,
    },
    /// A field is not canonical standard base64.
    #[error("envelope field `{field}` is not standard base64 with padding")]
    Base64 {
        /// The field.
        field: &'static str,
    },
    /// The signature field does not hold 64 bytes.
    #[error("envelope field `sig` holds {bytes} bytes; an Ed25519 signature has 64")]
    SignatureLength {
        /// How many bytes it holds.
        bytes: usize,
    },
    /// The key id is not the digest of a key.
    #[error("envelope field `keyid` is wrong")]
    KeyId(#[source] crate::ids::IdError),
    /// The key offered for verification is another one.
    #[error("the envelope names key {named}, not {offered}")]
    OtherKey {
        /// Key id in the envelope.
        named: KeyId,
        /// Key id of the key offered.
        offered: KeyId,
    },
    /// The 32 bytes are no usable Ed25519 key.
    #[error("key {key} is not a valid Ed25519 public key")]
    BadKey {
        /// Its id.
        key: KeyId,
    },
    /// The signature is not by that key over this payload.
    #[error("the signature by key {key} does not verify (strict Ed25519)")]
    BadSignature {
        /// The key named.
        key: KeyId,
    },
}

/// The bytes that a DSSE signature covers (DSSE protocol, PAE).
pub fn pae(payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Somebody who can sign statements; implemented by crate `keys`.
pub trait StatementSigner {
    /// SHA-256 of the raw public key.
    fn key(&self) -> KeyId;
    /// Ed25519 signature over `message` (RFC 8032).
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// A well-formed envelope; its signature is not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    key: KeyId,
    signature: [u8; 64],
}

impl Envelope {
    /// Puts a payload and a signature over [`pae`] of it together.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLong`] when it would not fit a log entry.
    pub fn new(payload: Vec<u8>, key: KeyId, signature: [u8; 64]) -> Result<Self, EnvelopeError> {
        let envelope = Self {
            payload,
            key,
            signature,
        };
        let bytes = envelope.to_bytes().len();
        if bytes > ENTRY_BYTES_MAX {
            Err(EnvelopeError::TooLong { bytes })
        } else {
            Ok(envelope)
        }
    }

    /// Signs a payload.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLong`] when it would not fit a log entry.
    pub fn sign(payload: Vec<u8>, signer: &dyn StatementSigner) -> Result<Self, EnvelopeError> {
        let signature = signer.sign(&pae(&payload));
        Self::new(payload, signer.key(), signature)
    }

    /// Parses the one accepted spelling.
    ///
    /// # Errors
    /// [`EnvelopeError`] naming the part or field that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(EnvelopeError::TooLong { bytes: bytes.len() });
        }
        let text = str::from_utf8(bytes).map_err(|_| EnvelopeError::Form { part: "UTF-8" })?;
        let rest = text
            .strip_prefix(HEAD)
            .ok_or(EnvelopeError::Form { part: "payload" })?;
        let (payload, rest) = rest.split_once(MIDDLE).ok_or(EnvelopeError::Form {
            part: "payloadType, signatures",
        })?;
        let (key, rest) = rest
            .split_once(SIG)
            .ok_or(EnvelopeError::Form { part: "sig" })?;
        let signature = rest
            .strip_suffix(TAIL)
            .ok_or(EnvelopeError::Form { part: "end" })?;
        let payload = STANDARD
            .decode(payload)
            .map_err(|_| EnvelopeError::Base64 { field: "payload" })?;
        let signature = STANDARD
            .decode(signature)
            .map_err(|_| EnvelopeError::Base64 { field: "sig" })?;
        let signature = <[u8; 64]>::try_from(signature)
            .map_err(|sig| EnvelopeError::SignatureLength { bytes: sig.len() })?;
        Ok(Self {
            payload,
            key: key.parse().map_err(EnvelopeError::KeyId)?,
            signature,
        })
    }

    /// The one spelling of this envelope, as it is logged.
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = STANDARD.encode(&self.payload);
        let signature = STANDARD.encode(self.signature);
        format!("{HEAD}{payload}{MIDDLE}{}{SIG}{signature}{TAIL}", self.key).into_bytes()
    }

    /// The signed bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The key that claims to have signed (a hint until [`Envelope::verify`]).
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// Digest of what is said, whoever says it.
    pub fn digest(&self) -> StatementDigest {
        StatementDigest::of(&self.payload)
    }

    /// Verifies the signature with a raw Ed25519 key, strictly (RFC 8032 with small-order points refused).
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is another key, no key, or the signature does not verify.
    pub fn verify(&self, raw_key: &[u8; 32]) -> Result<(), EnvelopeError> {
        let offered = KeyId::of(raw_key);
        if offered != self.key {
            return Err(EnvelopeError::OtherKey {
                named: self.key,
                offered,
            });
        }
        let key = VerifyingKey::from_bytes(raw_key)
            .map_err(|_| EnvelopeError::BadKey { key: offered })?;
        key.verify_strict(&pae(&self.payload), &Signature::from_bytes(&self.signature))
            .map_err(|_| EnvelopeError::BadSignature { key: offered })
    }

    /// Verifies the signature, then parses the statement: what comes out was said by that key.
    ///
    /// # Errors
    /// [`StatementError`] with the envelope's error as cause, or what is wrong with the payload.
    pub fn open(&self, raw_key: &[u8; 32]) -> Result<Signed, StatementError> {
        self.verify(raw_key)?;
        Ok(Signed {
            statement: Statement::parse(&self.payload)?,
            digest: self.digest(),
            key: self.key,
        })
    }
}

/// A statement whose signature was verified. Says nothing about whether the key was entitled to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    statement: Statement,
    digest: StatementDigest,
    key: KeyId,
}

impl Signed {
    /// What was said.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }
    /// Digest of the payload.
    pub const fn digest(&self) -> StatementDigest {
        self.digest
    }
    /// Who signed.
    pub const fn key(&self) -> KeyId {
        self.key
    }
    /// Takes the statement out.
    pub fn into_statement(self) -> Statement {
        self.statement
    }
}
