//! The envelope: `{"signatures":[{"keyid":"…","sig":"…"}],"signed":{…}}` (spec section 4.2).
//!
//! One file has one form. It is its own canonical JSON, signatures stand in the order of their
//! key ids, and each key signs once; so the bytes do not depend on who signed first.

use std::cmp::Ordering;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::canonical::to_canonical;
use crate::error::TufError;
use crate::expires::Expires;
use crate::key::{Key, KeyId, bytes_from_hex};
use crate::limits::{SIGNATURES_MAX, VERSION_MAX};

/// The specification version that is written.
pub const SPEC_VERSION: &str = "1.0.34";

/// What the four roles have in common.
pub trait Metadata: Serialize + DeserializeOwned + Clone {
    /// The value of `_type`.
    const TYPE: &'static str;
    /// The largest file of this role.
    const BYTES_MAX: usize;

    /// `_type`, `spec_version`, `version`, `expires`.
    fn header(&self) -> Header<'_>;

    /// Checks everything that the shape alone does not say.
    fn check(&self) -> Result<(), TufError>;
}

/// The fields every role begins with.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// `_type`.
    pub type_name: &'a str,
    /// `spec_version`.
    pub spec_version: &'a str,
    /// `version`.
    pub version: u64,
    /// `expires`.
    pub expires: Expires,
}

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SignatureText", into = "SignatureText")]
pub struct Signature {
    key_id: KeyId,
    bytes: [u8; 64],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureText {
    keyid: KeyId,
    sig: String,
}

impl Signature {
    /// The key that is said to have signed.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The raw signature.
    pub fn bytes(&self) -> &[u8; 64] {
        &self.bytes
    }
}

impl From<Signature> for SignatureText {
    fn from(signature: Signature) -> SignatureText {
        SignatureText {
            keyid: signature.key_id,
            sig: hex::encode(signature.bytes),
        }
    }
}

impl TryFrom<SignatureText> for Signature {
    type Error = TufError;

    fn try_from(text: SignatureText) -> Result<Self, TufError> {
        let bytes = bytes_from_hex(&text.sig).ok_or_else(|| TufError::Field {
            field: "sig",
            value: text.sig.chars().take(140).collect(),
            reason: "must be 128 lower-case hexadecimal digits",
        })?;
        Ok(Signature {
            key_id: text.keyid,
            bytes,
        })
    }
}

/// Something that signs for one TUF key. Key files implement this elsewhere.
pub trait TufSigner {
    /// The public key.
    fn key(&self) -> &Key;
    /// An Ed25519 signature (RFC 8032) over `message`, 64 bytes.
    fn sign(&self, message: &[u8]) -> Vec<u8>;
}

/// Metadata with its signatures. A value of this type has been checked, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    signatures: Vec<Signature>,
    signed: T,
}

/// The bytes that are signed: the canonical JSON of `signed`.
pub fn signing_bytes<T: Metadata>(signed: &T) -> Result<Vec<u8>, TufError> {
    to_canonical(T::TYPE, signed)
}

/// The digest that a `publication` statement names: SHA-256 of the file as published.
pub fn metadata_digest(bytes: &[u8]) -> tlog::Hash {
    tlog::sha256(bytes)
}

impl<T: Metadata> Signed<T> {
    /// Wraps checked metadata, with no signature yet.
    pub fn new(signed: T) -> Result<Self, TufError> {
        check(&signed)?;
        let file = Signed {
            signatures: Vec::new(),
            signed,
        };
        let bytes = file.to_bytes()?;
        // What cannot be read back (control characters, for example) is never written.
        Self::parse(&bytes)
    }

    /// Reads a file. It must be canonical, of this role, within limits, and consistent in
    /// itself. Signatures are *not* verified here: see [`crate::verify_role`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TufError> {
        let role = T::TYPE;
        if bytes.len() > T::BYTES_MAX {
            return Err(TufError::TooLarge {
                role,
                bytes: bytes.len(),
                max: T::BYTES_MAX,
            });
        }
        let file: Self =
            serde_json::from_slice(bytes).map_err(|source| TufError::Json { role, source })?;
        check(&file.signed)?;
        file.check_signatures()?;
        let canonical = file.to_bytes()?;
        if canonical != bytes {
            let same = canonical
                .iter()
                .zip(bytes)
                .take_while(|(a, b)| a == b)
                .count();
            return Err(TufError::NotCanonical { role, offset: same });
        }
        Ok(file)
    }

    /// The file as it is published.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TufError> {
        to_canonical(T::TYPE, self)
    }

    /// The metadata.
    pub fn signed(&self) -> &T {
        &self.signed
    }

    /// The signatures, in the order of their key ids.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Signs with one more key.
    pub fn sign(&mut self, signer: &dyn TufSigner) -> Result<(), TufError> {
        let signature = signer.sign(&signing_bytes(&self.signed)?);
        self.add_signature(signer.key(), &signature)
    }

    /// Adds a signature made elsewhere, after verifying it. A key that signed
    /// already changes nothing.
    pub fn add_signature(&mut self, key: &Key, signature: &[u8]) -> Result<(), TufError> {
        let key_id = key.id();
        let message = signing_bytes(&self.signed)?;
        let bytes = <[u8; 64]>::try_from(signature)
            .ok()
            .filter(|bytes| key.verifies(&message, bytes))
            .ok_or_else(|| TufError::BadSignature {
                role: T::TYPE.to_owned(),
                key_id: key_id.clone(),
            })?;
        let place = self.signatures.binary_search_by(|s| s.key_id.cmp(&key_id));
        if let Err(at) = place {
            self.signatures.insert(at, Signature { key_id, bytes });
        }
        self.check_signatures()
    }

    fn check_signatures(&self) -> Result<(), TufError> {
        let count = self.signatures.len();
        if count > SIGNATURES_MAX {
            return Err(TufError::TooMany {
                field: "signatures",
                count,
                max: SIGNATURES_MAX,
            });
        }
        for pair in self.signatures.windows(2) {
            match pair[0].key_id.cmp(&pair[1].key_id) {
                Ordering::Less => {}
                Ordering::Equal => {
                    return Err(TufError::DuplicateSignature {
                        key_id: pair[0].key_id.clone(),
                    });
                }
                Ordering::Greater => {
                    return Err(TufError::Field {
                        field: "signatures",
                        value: pair[1].key_id.to_string(),
                        reason: "signatures must stand in the order of their key ids",
                    });
                }
            }
        }
        Ok(())
    }
}

fn check<T: Metadata>(signed: &T) -> Result<(), TufError> {
    let header = signed.header();
    if header.type_name != T::TYPE {
        return Err(TufError::WrongType {
            expected: T::TYPE,
            found: header.type_name.chars().take(40).collect(),
        });
    }
    if !understands(header.spec_version) {
        return Err(TufError::SpecVersion {
            found: header.spec_version.chars().take(40).collect(),
        });
    }
    check_version(header.version)?;
    signed.check()
}

pub(crate) fn check_version(version: u64) -> Result<(), TufError> {
    if version == 0 || version > VERSION_MAX {
        return Err(TufError::Field {
            field: "version",
            value: version.to_string(),
            reason: "must be from 1 to 9007199254740991",
        });
    }
    Ok(())
}

/// `1.0.<number>`: the last part only clarifies (spec section 1.9, versioning).
fn understands(spec_version: &str) -> bool {
    spec_version.strip_prefix("1.0.").is_some_and(|patch| {
        let digits = !patch.is_empty() && patch.len() <= 4;
        let leading_zero = patch.len() > 1 && patch.starts_with('0');
        digits && !leading_zero && patch.bytes().all(|b| b.is_ascii_digit())
    })
}
