//! Sealed fields (RFC 9901 disclosures): the entry carries a salted digest, the opening goes to those entitled.
//!
//! A disclosure is base64url(JSON `["<salt>","<name>",<value>]`) and the digest is SHA-256 of that text,
//! base64url without padding. Salts of one record derive from one 32-byte seed with HKDF-SHA256
//! (`info` = `limpid sealed field v1` LF name), so erasing the seed erases every opening at once.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use crate::limits::TEXT_BYTES_MAX;

/// The digest that stands in the public entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedField(String);

/// The opening of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    text: String,
    name: String,
    value: Value,
}

/// Why a disclosure is refused.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// Not base64url without padding, or too long.
    #[error("the disclosure is not base64url of at most {TEXT_BYTES_MAX} bytes")]
    Form,
    /// Not a JSON array of salt, name and value.
    #[error("the disclosure does not hold [salt, name, value]")]
    Shape(#[source] serde_json::Error),
    /// It opens another field.
    #[error("the disclosure of `{name}` does not match the sealed digest")]
    Mismatch {
        /// The field it claims to open.
        name: String,
    },
}

/// Seals one field with a salt derived from the record's seed.
pub fn seal_field(seed: &[u8; 32], name: &str, value: &Value) -> (SealedField, Disclosure) {
    let mut salt = [0u8; 16];
    Hkdf::<Sha256>::new(None, seed)
        .expand(
            format!("limpid sealed field v1\n{name}").as_bytes(),
            &mut salt,
        )
        .expect("16 bytes are within what HKDF-SHA256 can give");
    let json = Value::from(vec![
        Value::from(URL_SAFE_NO_PAD.encode(salt)),
        Value::from(name),
        value.clone(),
    ]);
    let text = URL_SAFE_NO_PAD.encode(json.to_string());
    let disclosure = Disclosure {
        text,
        name: name.to_owned(),
        value: value.clone(),
    };
    (disclosure.digest(), disclosure)
}

impl Disclosure {
    /// Parses the text form.
    ///
    /// # Errors
    /// [`SealedError`] when it is not a disclosure.
    pub fn parse(text: &str) -> Result<Self, SealedError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(SealedError::Form);
        }
        let json = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| SealedError::Form)?;
        let (_salt, name, value): (String, String, Value) =
            serde_json::from_slice(&json).map_err(SealedError::Shape)?;
        Ok(Self {
            text: text.to_owned(),
            name,
            value,
        })
    }

    /// The text form that travels.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The digest that must stand in the entry.
    pub fn digest(&self) -> SealedField {
        SealedField(URL_SAFE_NO_PAD.encode(tlog::sha256(self.text.as_bytes()).as_bytes()))
    }

    /// Opens a sealed field: name and value.
    ///
    /// # Errors
    /// [`SealedError::Mismatch`] when it belongs to another field.
    pub fn open(&self, sealed: &SealedField) -> Result<(&str, &Value), SealedError> {
        if self.digest() == *sealed {
            Ok((&self.name, &self.value))
        } else {
            Err(SealedError::Mismatch {
                name: self.name.clone(),
            })
        }
    }
}
