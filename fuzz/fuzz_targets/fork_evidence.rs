//! Fork evidence files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::ForkEvidence;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(evidence) = ForkEvidence::parse(bytes) {
        assert_eq!(evidence.to_bytes(), bytes);
        // Without keys nothing is believed.
        assert!(evidence.open(&[]).is_err());
    }
});
