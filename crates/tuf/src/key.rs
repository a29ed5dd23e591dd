//! Ed25519 keys of TUF roles, and their ids (spec section 4.2).

use std::collections::BTreeMap;
use std::fmt;

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use crate::canonical::to_canonical;
use crate::error::TufError;
use crate::limits::KEYS_MAX;

const KEY_TYPE: &str = "ed25519";

/// The id of a key: SHA-256 of its canonical JSON, 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyId {
    type Error = TufError;

    fn try_from(text: String) -> Result<Self, TufError> {
        match bytes_from_hex::<32>(&text) {
            Some(_) => Ok(KeyId(text)),
            None => Err(TufError::Field {
                field: "keyid",
                value: text.chars().take(80).collect(),
                reason: "must be 64 lower-case hexadecimal digits",
            }),
        }
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.0
    }
}

/// A public key: `{"keytype":"ed25519","keyval":{"public":"<64 hex>"},"scheme":"ed25519"}`.
///
/// There is exactly one way to write a raw key, so two ids never name the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "KeyText", into = "KeyText")]
pub struct Key {
    raw: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    keytype: String,
    keyval: KeyValue,
    scheme: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    public: String,
}

impl Key {
    /// From 32 raw bytes; refuses what is no point on the curve, and points of small order.
    pub fn from_raw(raw: [u8; 32]) -> Result<Self, TufError> {
        match VerifyingKey::from_bytes(&raw) {
            Ok(point) if !point.is_weak() => Ok(Key { raw }),
            _ => Err(TufError::Field {
                field: "keyval.public",
                value: hex::encode(raw),
                reason: "is not a usable Ed25519 public key",
            }),
        }
    }

    /// The raw public key. Quorums of parties are counted over these, never over ids.
    pub fn raw(&self) -> &[u8; 32] {
        &self.raw
    }

    /// SHA-256 of the canonical JSON of the key.
    pub fn id(&self) -> KeyId {
        let bytes = to_canonical("key", self).expect("a key is three texts");
        KeyId(tlog::sha256(&bytes).to_hex())
    }

    /// True when `signature` is valid for `message` (RFC 8032, strict).
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.raw)
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

impl From<Key> for KeyText {
    fn from(key: Key) -> KeyText {
        KeyText {
            keytype: KEY_TYPE.to_owned(),
            keyval: KeyValue {
                public: hex::encode(key.raw),
            },
            scheme: KEY_TYPE.to_owned(),
        }
    }
}

impl TryFrom<KeyText> for Key {
    type Error = TufError;

    fn try_from(text: KeyText) -> Result<Self, TufError> {
        for (field, value) in [("keytype", &text.keytype), ("scheme", &text.scheme)] {
            if value != KEY_TYPE {
                return Err(TufError::Field {
                    field,
                    value: value.chars().take(40).collect(),
                    reason: "must be ed25519",
                });
            }
        }
        let raw = bytes_from_hex(&text.keyval.public).ok_or_else(|| TufError::Field {
            field: "keyval.public",
            value: text.keyval.public.chars().take(80).collect(),
            reason: "must be 64 lower-case hexadecimal digits",
        })?;
        Key::from_raw(raw)
    }
}

/// Checks the keys of a root or a delegation: ids are true, and no raw key has two.
pub(crate) fn check_keys(keys: &BTreeMap<KeyId, Key>) -> Result<(), TufError> {
    if keys.len() > KEYS_MAX {
        return Err(TufError::TooMany {
            field: "keys",
            count: keys.len(),
            max: KEYS_MAX,
        });
    }
    let mut seen: BTreeMap<&[u8; 32], &KeyId> = BTreeMap::new();
    for (id, key) in keys {
        if let Some(first) = seen.insert(key.raw(), id) {
            return Err(TufError::OneKeyTwoIds {
                first: first.clone(),
                second: id.clone(),
            });
        }
    }
    for (declared, key) in keys {
        let actual = key.id();
        if *declared != actual {
            return Err(TufError::KeyIdMismatch {
                declared: declared.clone(),
                actual,
            });
        }
    }
    Ok(())
}

/// Exactly `N` bytes in lower-case hexadecimal.
pub(crate) fn bytes_from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// RFC 8032 section 7.1, test 1.
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn text(public: &str) -> String {
        format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{public}"}},"scheme":"ed25519"}}"#)
    }

    #[test]
    fn the_id_is_the_digest_of_the_canonical_key() {
        let key: Key = serde_json::from_str(&text(PUBLIC)).unwrap();
        assert_eq!(
            key.id().as_str(),
            tlog::sha256(text(PUBLIC).as_bytes()).to_hex()
        );
    }

    #[test]
    fn other_spellings_of_a_key_are_refused() {
        let upper = text(&PUBLIC.to_uppercase());
        let short = text(&PUBLIC[2..]);
        let other = text(PUBLIC).replacen("ed25519", "rsa", 1);
        let scheme = text(PUBLIC).replace("scheme\":\"ed25519", "scheme\":\"ed25519ph");
        let extra = text(PUBLIC).replacen('{', "{\"a\":1,", 1);
        let inner = text(PUBLIC).replace("{\"public", "{\"a\":1,\"public");
        for bad in [upper, short, other, scheme, extra, inner] {
            assert!(serde_json::from_str::<Key>(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_point_of_small_order_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(matches!(
            Key::from_raw(identity),
            Err(TufError::Field { .. })
        ));
    }

    #[test]
    fn one_key_under_two_ids_is_refused() {
        let key: Key = serde_json::from_str(&text(PUBLIC)).unwrap();
        let other = KeyId::try_from("ab".repeat(32)).unwrap();
        let keys = BTreeMap::from([(key.id(), key.clone()), (other.clone(), key.clone())]);
        assert!(matches!(
            check_keys(&keys),
            Err(TufError::OneKeyTwoIds { .. })
        ));
        let keys = BTreeMap::from([(other, key.clone())]);
        assert!(matches!(
            check_keys(&keys),
            Err(TufError::KeyIdMismatch { .. })
        ));
        assert!(check_keys(&BTreeMap::from([(key.id(), key)])).is_ok());
    }
}
