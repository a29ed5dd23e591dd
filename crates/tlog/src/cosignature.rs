//! Cosignatures: a signer's statement that, at a time, this was the largest consistent tree it had
//! seen of a log (tlog-cosignature). The bytes after the key id are `u64 timestamp || signature`.
//!
//! Ed25519 (type 0x04) signs this text, then the checkpoint's text:
//! ```text
//! cosignature/v1
//! time 1679315147
//! ```
//! ML-DSA-44 (type 0x06) signs `"subtree/v1\n\0" || u8 n || name || u64 timestamp || u8 n || origin
//! || u64 start || u64 end || root`, all integers big-endian.

use crate::checkpoint::{Checkpoint, Origin};
use crate::errors::NoteError;
use crate::hash::Hash;
use crate::key::{KeyName, KeyType, VerifierKey};
use crate::limits::TIMESTAMP_MAX;
use crate::note::{NoteSigner, SignatureLine, raw_signature};
use crate::subtree::Subtree;

/// Domain separation of the ML-DSA-44 message, 12 bytes.
const SUBTREE_LABEL: &[u8; 12] = b"subtree/v1\n\0";

/// The message an Ed25519 cosigner signs. It does not commit to the cosigner's name.
pub fn ed25519_message(checkpoint: &Checkpoint, timestamp: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {timestamp}\n{checkpoint}").into_bytes()
}

/// The message an ML-DSA-44 cosigner signs: `cosigned_message` over the leaves `start..end`.
pub fn ml_dsa44_message(
    cosigner: &KeyName,
    timestamp: u64,
    origin: &Origin,
    range: std::ops::Range<u64>,
    hash: &Hash,
) -> Vec<u8> {
    let mut message = SUBTREE_LABEL.to_vec();
    push_opaque(&mut message, cosigner.as_str());
    message.extend_from_slice(&timestamp.to_be_bytes());
    push_opaque(&mut message, origin.as_str());
    message.extend_from_slice(&range.start.to_be_bytes());
    message.extend_from_slice(&range.end.to_be_bytes());
    message.extend_from_slice(hash.as_bytes());
    message
}

/// `opaque<1..2^8-1>` of RFC 8446 section 3.4.
fn push_opaque(message: &mut Vec<u8>, value: &str) {
    message.push(u8::try_from(value.len()).expect("names and origins have at most 255 bytes"));
    message.extend_from_slice(value.as_bytes());
}

/// The message for a key's type.
fn message_for(
    checkpoint: &Checkpoint,
    timestamp: u64,
    key: &VerifierKey,
) -> Result<Vec<u8>, NoteError> {
    match key.key_type() {
        KeyType::Ed25519 => Err(NoteError::KeyType {
            name: key.name().clone(),
            found: key.key_type(),
            purpose: "cosignatures",
        }),
        KeyType::CosignatureEd25519 => Ok(ed25519_message(checkpoint, timestamp)),
        KeyType::CosignatureMlDsa44 => Ok(ml_dsa44_message(
            key.name(),
            timestamp,
            checkpoint.origin(),
            0..checkpoint.size(),
            checkpoint.root(),
        )),
    }
}

/// Cosigns a checkpoint at `timestamp` (POSIX seconds, 1..=2^63-1), by the signer's key type.
///
/// A log signs with its own ML-DSA-44 key in the same way.
///
/// # Errors
/// [`NoteError`] for a key of type 0x01, a timestamp out of range, or a faulty signer.
pub fn cosign(
    checkpoint: &Checkpoint,
    timestamp: u64,
    signer: &dyn NoteSigner,
) -> Result<SignatureLine, NoteError> {
    let key = signer.vkey();
    let message = message_for(checkpoint, timestamp, key)?;
    check_timestamp(timestamp, key)?;
    let mut signature = timestamp.to_be_bytes().to_vec();
    signature.extend_from_slice(&raw_signature(signer, &message)?);
    SignatureLine::new(key.name().clone(), key.id(), signature).map_err(NoteError::Parse)
}

/// Verifies one cosignature line and returns its timestamp in POSIX seconds.
///
/// # Errors
/// [`NoteError`] if the line is not by this key, the signature fails, or the time is 0 (which says
/// nothing about time) or above 2^63-1.
pub fn verify_cosignature(
    checkpoint: &Checkpoint,
    line: &SignatureLine,
    key: &VerifierKey,
) -> Result<u64, NoteError> {
    let timestamp = verify_timestamped(checkpoint, line, key)?;
    check_timestamp(timestamp, key)?;
    Ok(timestamp)
}

/// As [`verify_cosignature`], but a log's own ML-DSA-44 signature may carry no time (0).
pub(crate) fn verify_timestamped(
    checkpoint: &Checkpoint,
    line: &SignatureLine,
    key: &VerifierKey,
) -> Result<u64, NoteError> {
    if !line.is_by(key) {
        let (found, expected) = (line.name().clone(), key.name().clone());
        return Err(NoteError::OtherKey { found, expected });
    }
    let bad = || NoteError::BadSignature {
        name: key.name().clone(),
        id: key.id(),
    };
    let (timestamp, raw) = line.signature().split_first_chunk::<8>().ok_or_else(bad)?;
    let timestamp = u64::from_be_bytes(*timestamp);
    if timestamp > TIMESTAMP_MAX {
        return Err(NoteError::Timestamp {
            name: key.name().clone(),
            timestamp,
        });
    }
    let message = message_for(checkpoint, timestamp, key)?;
    if !key.is_raw_signature(&message, raw) {
        return Err(bad());
    }
    Ok(timestamp)
}

/// Cosigns a subtree without stating a time (tlog-cosignature, "ML-DSA-44 signed message").
///
/// # Errors
/// [`NoteError`] for a key that is not of type 0x06, whose message cannot hold a subtree, or a
/// faulty signer.
pub fn cosign_subtree(
    origin: &Origin,
    subtree: Subtree,
    hash: &Hash,
    signer: &dyn NoteSigner,
) -> Result<SignatureLine, NoteError> {
    let key = signer.vkey();
    let message = subtree_message(origin, subtree, hash, key)?;
    let mut signature = 0u64.to_be_bytes().to_vec();
    signature.extend_from_slice(&raw_signature(signer, &message)?);
    SignatureLine::new(key.name().clone(), key.id(), signature).map_err(NoteError::Parse)
}

/// Verifies the cosignature of a subtree, as [`cosign_subtree`] makes it.
///
/// # Errors
/// [`NoteError`] if the line is not by this key, states a time, or the signature fails.
pub fn verify_subtree_cosignature(
    origin: &Origin,
    subtree: Subtree,
    hash: &Hash,
    line: &SignatureLine,
    key: &VerifierKey,
) -> Result<(), NoteError> {
    if !line.is_by(key) {
        let (found, expected) = (line.name().clone(), key.name().clone());
        return Err(NoteError::OtherKey { found, expected });
    }
    let message = subtree_message(origin, subtree, hash, key)?;
    match line.signature().split_first_chunk::<8>() {
        Some(([0, 0, 0, 0, 0, 0, 0, 0], raw)) if key.is_raw_signature(&message, raw) => Ok(()),
        _ => Err(NoteError::BadSignature {
            name: key.name().clone(),
            id: key.id(),
        }),
    }
}

fn subtree_message(
    origin: &Origin,
    subtree: Subtree,
    hash: &Hash,
    key: &VerifierKey,
) -> Result<Vec<u8>, NoteError> {
    if key.key_type() != KeyType::CosignatureMlDsa44 {
        return Err(NoteError::KeyType {
            name: key.name().clone(),
            found: key.key_type(),
            purpose: "cosignatures of subtrees",
        });
    }
    let leaves = subtree.start()..subtree.end();
    Ok(ml_dsa44_message(key.name(), 0, origin, leaves, hash))
}

fn check_timestamp(timestamp: u64, key: &VerifierKey) -> Result<(), NoteError> {
    if timestamp == 0 || timestamp > TIMESTAMP_MAX {
        return Err(NoteError::Timestamp {
            name: key.name().clone(),
            timestamp,
        });
    }
    Ok(())
}
