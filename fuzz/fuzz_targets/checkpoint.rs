//! Checkpoint texts, and whole signed checkpoints opened with a fixed key.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tlog::{Checkpoint, VerifierKey, open_checkpoint};

/// The vkey of the signed-note specification; nobody here holds its private key.
static KEYS: LazyLock<[VerifierKey; 1]> = LazyLock::new(|| {
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    [vkey.parse().expect("the specification's vkey")]
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(checkpoint) = Checkpoint::parse(text)
    {
        assert_eq!(checkpoint.to_string(), text);
    }
    assert!(
        open_checkpoint(bytes, &*KEYS).is_err(),
        "a forged signature"
    );
});
