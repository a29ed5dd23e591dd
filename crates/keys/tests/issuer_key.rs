//! Keys of issuers in files.
#![allow(clippy::unwrap_used, missing_docs)]

use std::os::unix::fs::PermissionsExt;

use keys::{IssuerKey, KeyError, SecretKey};

#[test]
fn a_key_of_an_issuer_is_read_back_and_signs_alike() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("day.key");
    let made = IssuerKey::generate().unwrap();
    made.save_new(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(made.save_new(&path), Err(KeyError::Exists { .. })));
    let read = IssuerKey::load(&path).unwrap();
    assert_eq!(read.public(), made.public());
    let mut bytes = vec![7; token::limits::REQUEST_BYTES];
    bytes[..3].copy_from_slice(&[0, 2, made.public().truncated_id()]);
    let request = token::TokenRequest::parse(&bytes).unwrap();
    assert_eq!(read.sign(&request).unwrap(), made.sign(&request).unwrap());
    // It is no signing key, and a signing key is none of these.
    assert!(SecretKey::load(&path, None).is_err());
    let other = dir.path().join("other.key");
    let signing = SecretKey::generate(keys::Algorithm::Ed25519).unwrap();
    signing.save_new(&other, None).unwrap();
    assert!(matches!(IssuerKey::load(&other), Err(KeyError::Token(_))));
}
