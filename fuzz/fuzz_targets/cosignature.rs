//! Signature lines as witnesses answer them, checked against a fixed checkpoint and key.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tlog::{
    Checkpoint, KeyType, SignatureLine, VerifierKey, cosignatures_to_bytes, parse_cosignatures,
    verify_cosignature,
};

static CHECKPOINT: LazyLock<Checkpoint> = LazyLock::new(|| {
    Checkpoint::parse("log.example\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")
        .expect("a checkpoint")
});

/// An Ed25519 key whose private side nobody here holds, and an arbitrary ML-DSA-44 key.
static KEYS: LazyLock<[VerifierKey; 2]> = LazyLock::new(|| {
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let vkey: VerifierKey = vkey.parse().expect("the specification's vkey");
    let key = |key_type, public: &[u8]| {
        VerifierKey::new(vkey.name().clone(), key_type, public).expect("a key")
    };
    [
        key(KeyType::CosignatureEd25519, vkey.public_key()),
        key(KeyType::CosignatureMlDsa44, &[7; 1312]),
    ]
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(lines) = parse_cosignatures(bytes) {
        assert_eq!(cosignatures_to_bytes(&lines), bytes);
    }
    // The same bytes as the signature itself, so that the fuzzer need not find base64.
    for key in KEYS.iter() {
        if let Ok(line) = SignatureLine::new(key.name().clone(), key.id(), bytes.to_vec()) {
            assert!(
                verify_cosignature(&CHECKPOINT, &line, key).is_err(),
                "a forged signature"
            );
        }
    }
});
