//! Requests for the cosignature of a subtree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::SignSubtree;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = SignSubtree::parse(bytes) {
        assert_eq!(request.to_bytes(), bytes);
    }
});
