//! Envelopes: entries of a log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use statement::Envelope;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert_eq!(envelope.to_bytes(), bytes);
        assert!(envelope.verify(&[0; 32]).is_err(), "a forged signature");
    }
});
