//! The one accepted form: OLPC canonical JSON, as TUF signs it (spec section 4.1 and 4.2).
//!
//! `olpc-cjson` does the encoding. Its two known ambiguities are closed here and in
//! [`crate::Signed::parse`]: a file must *be* its own canonical form, which refuses repeated
//! names, escapes and text that is not NFC; and names keep to characters that sort alike in
//! every encoder (`olpc-cjson` sorts names with their closing quote, others without).

use olpc_cjson::CanonicalFormatter;
use serde::Serialize;
use serde_json::Value;

use crate::error::TufError;

/// Encodes `value`; `role` is for the error message.
pub(crate) fn to_canonical<T: Serialize>(
    role: &'static str,
    value: &T,
) -> Result<Vec<u8>, TufError> {
    let canonical = |source| TufError::Canonical { role, source };
    let value = serde_json::to_value(value).map_err(canonical)?;
    check_names(&value)?;
    let mut bytes = Vec::new();
    let mut out = serde_json::Serializer::with_formatter(&mut bytes, CanonicalFormatter::new());
    value.serialize(&mut out).map_err(canonical)?;
    Ok(bytes)
}

/// Refuses names that two encoders could sort differently.
fn check_names(value: &Value) -> Result<(), TufError> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(name, inner)| {
            if name.is_empty() || !name.bytes().all(sorts_alike) {
                return Err(TufError::FieldName { name: name.clone() });
            }
            check_names(inner)
        }),
        Value::Array(items) => items.iter().try_for_each(check_names),
        _ => Ok(()),
    }
}

/// Every allowed byte is greater than the quote (0x22).
fn sorts_alike(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-/:@+".contains(&byte)
}

/// `tlog::Hash` as 64 lower-case hexadecimal digits.
pub(crate) mod hex_hash {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use tlog::Hash;

    pub(crate) fn serialize<S: Serializer>(hash: &Hash, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&hash.to_hex())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(input)?;
        Hash::from_hex(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_sorted_and_white_space_is_gone() {
        let value = json!({"b": [1, true, null], "a": {"y": "é\"\\", "x": 2}});
        let bytes = to_canonical("test", &value).unwrap();
        let expected = "{\"a\":{\"x\":2,\"y\":\"é\\\"\\\\\"},\"b\":[1,true,null]}";
        assert_eq!(bytes, expected.as_bytes());
    }

    #[test]
    fn floats_are_refused() {
        let refused = to_canonical("test", &json!({"a": 1.5}));
        assert!(matches!(refused, Err(TufError::Canonical { .. })));
    }

    #[test]
    fn names_that_sort_differently_elsewhere_are_refused() {
        for name in ["a b", "a!", "", "é"] {
            let refused = to_canonical("test", &json!([{ name: 1 }]));
            assert!(
                matches!(refused, Err(TufError::FieldName { .. })),
                "{name:?}"
            );
        }
    }
}
