//! RFC 8785 canonical JSON, with integers only.
//!
//! A payload has one spelling: it is parsed, printed canonically, and must come out byte for byte
//! as it went in. That refuses white space, unsorted and duplicate keys and odd escapes at once.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::limits::INTEGER_MAX;

/// Why bytes are not canonical JSON of the expected shape.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// Not JSON, or not of the shape that was asked for; the cause names the field.
    #[error("the JSON does not have the expected shape")]
    Shape(#[source] serde_json::Error),
    /// JSON, but not in its canonical form.
    #[error(
        "the JSON is not in RFC 8785 canonical form (first difference at byte {at}): \
         keys sorted, each once, no white space"
    )]
    NotCanonical {
        /// Offset of the first byte that differs from the canonical form.
        at: usize,
    },
    /// A number with a fraction or exponent, negative, or above 2^53 - 1.
    #[error("number `{value}` is not an integer from 0 to 2^53-1")]
    Number {
        /// The number found.
        value: String,
    },
}

/// Parses canonical JSON, refusing every other spelling of it.
///
/// # Errors
/// [`CanonicalError`] says what is wrong and where.
pub fn from_canonical<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value: Value = serde_json::from_slice(bytes).map_err(CanonicalError::Shape)?;
    check_numbers(&value)?;
    let printed = to_canonical(&value)?;
    if printed != bytes {
        let at = printed
            .iter()
            .zip(bytes)
            .position(|(a, b)| a != b)
            .unwrap_or(printed.len().min(bytes.len()));
        return Err(CanonicalError::NotCanonical { at });
    }
    serde_json::from_value(value).map_err(CanonicalError::Shape)
}

/// Prints in canonical form.
///
/// # Errors
/// When the value cannot be JSON at all (a map with keys that are no strings).
pub fn to_canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    serde_json_canonicalizer::to_vec(value).map_err(CanonicalError::Shape)
}

/// Depth is bounded by `serde_json` (128 levels), so this recursion is too.
fn check_numbers(value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(integer) if integer <= INTEGER_MAX => Ok(()),
            _ => Err(CanonicalError::Number {
                value: number.to_string(),
            }),
        },
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Object(fields) => fields.values().try_for_each(check_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}
