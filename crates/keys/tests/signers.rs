//! Keys in their three parts: notes, statements, TUF metadata. What they sign, its verifier takes.
#![allow(clippy::unwrap_used, missing_docs)]

use keys::{Algorithm, KeyError, NoteKey, SecretKey, StatementKey, TufKey};
use statement::StatementSigner;
use tlog::{Checkpoint, KeyName, KeyType, Origin};
use tuf::TufSigner;

fn key(algorithm: Algorithm) -> SecretKey {
    SecretKey::from_seed(algorithm, [5; 32])
}

#[test]
fn a_statement_key_names_itself_by_the_digest_of_its_public_key() {
    let signer = StatementKey::new(key(Algorithm::Ed25519)).unwrap();
    assert_eq!(
        signer.key().to_string(),
        key(Algorithm::Ed25519).statement_key_id()
    );
    assert_eq!(
        signer.sign(b"m").to_vec(),
        key(Algorithm::Ed25519).sign(b"m")
    );
}

#[test]
fn a_tuf_key_signs_what_its_public_key_verifies() {
    let signer = TufKey::new(key(Algorithm::Ed25519)).unwrap();
    assert_eq!(
        signer.key().raw().to_vec(),
        key(Algorithm::Ed25519).public_key()
    );
    let signature = signer.sign(b"metadata").try_into().unwrap();
    assert!(signer.key().verifies(b"metadata", &signature));
    assert!(!signer.key().verifies(b"Metadata", &signature));
}

#[test]
fn statements_and_metadata_are_signed_with_ed25519_only() {
    let statement = StatementKey::new(key(Algorithm::MlDsa44)).err().unwrap();
    assert!(matches!(
        statement,
        KeyError::NotEd25519 {
            algorithm: Algorithm::MlDsa44
        }
    ));
    let metadata = TufKey::new(key(Algorithm::MlDsa44)).err().unwrap();
    assert!(matches!(
        metadata,
        KeyError::NotEd25519 {
            algorithm: Algorithm::MlDsa44
        }
    ));
}

#[test]
fn cosignatures_of_both_kinds_of_key_verify_and_carry_their_time() {
    let origin: Origin = "log.example/one".parse().unwrap();
    let checkpoint = |size| Checkpoint::new(origin.clone(), size, tlog::sha256(b"root")).unwrap();
    let name: KeyName = "witness.example".parse().unwrap();
    for (algorithm, key_type) in [
        (Algorithm::Ed25519, KeyType::CosignatureEd25519),
        (Algorithm::MlDsa44, KeyType::CosignatureMlDsa44),
    ] {
        use tlog::NoteSigner;
        let signer = NoteKey::new(key(algorithm), name.clone(), key_type).unwrap();
        let line = tlog::cosign(&checkpoint(7), 1_700_000_000, &signer).unwrap();
        let time = tlog::verify_cosignature(&checkpoint(7), &line, signer.vkey()).unwrap();
        assert_eq!(time, 1_700_000_000);
        assert!(tlog::verify_cosignature(&checkpoint(8), &line, signer.vkey()).is_err());
    }
}
