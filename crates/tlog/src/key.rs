//! Names, ids and public keys of note signers (signed-note, section "Verifier keys").
//!
//! ```text
//! example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
//! ```

use std::fmt;
use std::str::FromStr;

use ml_dsa::signature::Verifier as _;

use crate::ascii;
use crate::errors::ParseError;
use crate::hash::sha256;
use crate::limits::KEY_NAME_BYTES_MAX;

/// Checks the rules that key names and origins share.
pub(crate) fn check_name(what: &'static str, value: &str) -> Result<(), ParseError> {
    if value.len() > KEY_NAME_BYTES_MAX {
        return Err(ParseError::TooLong {
            what,
            found: value.len(),
            max: KEY_NAME_BYTES_MAX,
        });
    }
    let forbidden = |c: char| c == '+' || c < ' ' || c.is_whitespace();
    if value.is_empty() || value.contains(forbidden) {
        return Err(ParseError::Malformed {
            what,
            value: ascii::excerpt(value),
            expected: "a non-empty name without spaces, control characters or `+`",
        });
    }
    Ok(())
}

/// Name of a signer: 1 to 255 bytes, no Unicode space, no control character, no `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = ParseError;

    fn from_str(value: &str) -> Result<Self, ParseError> {
        check_name("key name", value)?;
        Ok(Self(value.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The 32-bit key id: a short name for a key, not a digest to rely on. `Display` is 8 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteKeyId(u32);

impl NoteKeyId {
    /// The id as it stands in front of a signature, read as big-endian.
    pub const fn from_u32(id: u32) -> Self {
        Self(id)
    }

    /// The id as a number.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// `SHA-256(name || 0x0A || type || public key)[:4]`. Not the formula of ECDSA keys (0x02).
    fn of_key(name: &KeyName, key_type: KeyType, public_key: &[u8]) -> Self {
        let mut message = Vec::with_capacity(name.0.len() + 2 + public_key.len());
        message.extend_from_slice(name.0.as_bytes());
        message.push(b'\n');
        message.push(key_type.to_byte());
        message.extend_from_slice(public_key);
        let [a, b, c, d, ..] = *sha256(&message).as_bytes();
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

impl fmt::Display for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The signature types of signed-note that this crate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum KeyType {
    /// Ed25519 over the note text: how a log signs.
    Ed25519 = 1,
    /// `cosignature/v1`: timestamped Ed25519, how a witness cosigns.
    CosignatureEd25519 = 4,
    /// `subtree/v1`: timestamped ML-DSA-44, how logs and witnesses sign against quantum computers.
    CosignatureMlDsa44 = 6,
}

impl KeyType {
    /// The signature type identifier byte.
    pub const fn to_byte(self) -> u8 {
        self as u8
    }

    /// The type with this identifier byte, if supported.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ed25519),
            4 => Some(Self::CosignatureEd25519),
            6 => Some(Self::CosignatureMlDsa44),
            _ => None,
        }
    }

    /// Bytes of a public key: 32 (RFC 8032) or 1,312 (FIPS 204).
    pub const fn public_key_bytes(self) -> usize {
        match self {
            Self::Ed25519 | Self::CosignatureEd25519 => 32,
            Self::CosignatureMlDsa44 => 1_312,
        }
    }

    /// Bytes of the raw algorithm signature, without key id and timestamp: 64 or 2,420.
    pub const fn raw_signature_bytes(self) -> usize {
        match self {
            Self::Ed25519 | Self::CosignatureEd25519 => 64,
            Self::CosignatureMlDsa44 => 2_420,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "0x01 Ed25519",
            Self::CosignatureEd25519 => "0x04 Ed25519 cosignature",
            Self::CosignatureMlDsa44 => "0x06 ML-DSA-44 cosignature",
        })
    }
}

/// A vkey: the name, type and public key of a signer, with the id that follows from them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: KeyName,
    id: NoteKeyId,
    key_type: KeyType,
    public_key: Vec<u8>,
}

impl VerifierKey {
    /// Makes a vkey from a raw public key.
    ///
    /// # Errors
    /// [`ParseError::PublicKey`] for a wrong length, a non-point, a point of small order, or a point
    /// that is not written in its canonical form.
    pub fn new(name: KeyName, key_type: KeyType, public_key: &[u8]) -> Result<Self, ParseError> {
        let usable = match key_type {
            KeyType::Ed25519 | KeyType::CosignatureEd25519 => {
                // A second spelling of one point would be a second key to whoever compares bytes.
                let canonical = |key: &ed25519_dalek::VerifyingKey| {
                    key.to_edwards().compress().as_bytes() == key.as_bytes()
                };
                ed25519_key(public_key).is_some_and(|key| !key.is_weak() && canonical(&key))
            }
            KeyType::CosignatureMlDsa44 => public_key.len() == key_type.public_key_bytes(),
        };
        if !usable {
            return Err(ParseError::PublicKey { name, key_type });
        }
        let id = NoteKeyId::of_key(&name, key_type, public_key);
        Ok(Self {
            name,
            id,
            key_type,
            public_key: public_key.to_vec(),
        })
    }

    /// The signer's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key id.
    pub fn id(&self) -> NoteKeyId {
        self.id
    }

    /// The signature type.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The raw public key: 32 or 1,312 bytes.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Whether `signature` is this key's raw algorithm signature over `message`.
    ///
    /// Ed25519 is `verify_strict` (batch verification accepts a different set); ML-DSA-44 is pure
    /// with an empty context.
    pub(crate) fn is_raw_signature(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.key_type {
            KeyType::Ed25519 | KeyType::CosignatureEd25519 => {
                let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else {
                    return false;
                };
                ed25519_key(&self.public_key)
                    .is_some_and(|key| key.verify_strict(message, &signature).is_ok())
            }
            KeyType::CosignatureMlDsa44 => {
                let key = ml_dsa::EncodedVerifyingKey::<ml_dsa::MlDsa44>::try_from(
                    self.public_key.as_slice(),
                );
                let signature = ml_dsa::Signature::<ml_dsa::MlDsa44>::try_from(signature);
                let (Ok(key), Ok(signature)) = (key, signature) else {
                    return false;
                };
                ml_dsa::VerifyingKey::decode(&key)
                    .verify(message, &signature)
                    .is_ok()
            }
        }
    }
}

fn ed25519_key(bytes: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    ed25519_dalek::VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()
}

impl FromStr for VerifierKey {
    type Err = ParseError;

    /// Reads `name+hex8(id)+base64(type || key)`; the id must be the one that name and key give.
    fn from_str(value: &str) -> Result<Self, ParseError> {
        let malformed = |expected| ParseError::Malformed {
            what: "vkey",
            value: ascii::excerpt(value),
            expected,
        };
        // Base64 may hold `+`, names and ids may not.
        let mut fields = value.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(malformed("`name+id+key`"));
        };
        let name: KeyName = name.parse()?;
        let lower = id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if id.len() != 8 || !lower {
            return Err(malformed("a vkey with an id of 8 lower-case hex digits"));
        }
        let stated = u32::from_str_radix(id, 16)
            .map(NoteKeyId)
            .map_err(|_| malformed("a vkey with an id of 8 lower-case hex digits"))?;
        let largest = (1 + KeyType::CosignatureMlDsa44.public_key_bytes()).div_ceil(3) * 4;
        if key.len() > largest {
            return Err(ParseError::TooLong {
                what: "vkey",
                found: key.len(),
                max: largest,
            });
        }
        let key = ascii::parse_base64("vkey", key)?;
        let Some((&key_type, public_key)) = key.split_first() else {
            return Err(malformed("a vkey with a type byte and a public key"));
        };
        let Some(key_type) = KeyType::from_byte(key_type) else {
            return Err(ParseError::KeyTypeUnsupported { name, key_type });
        };
        let vkey = Self::new(name, key_type, public_key)?;
        if vkey.id != stated {
            let computed = vkey.id;
            return Err(ParseError::KeyIdMismatch {
                name: vkey.name,
                stated,
                computed,
            });
        }
        Ok(vkey)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = Vec::with_capacity(1 + self.public_key.len());
        key.push(self.key_type.to_byte());
        key.extend_from_slice(&self.public_key);
        write!(f, "{}+{}+{}", self.name, self.id, ascii::to_base64(&key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "VerifierKey({}+{}, {})",
            self.name, self.id, self.key_type
        )
    }
}
