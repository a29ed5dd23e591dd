//! Requests to a witness, and the body of its 409.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{AddCheckpoint, ConflictSize};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_bytes(), bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(size) = text.parse::<ConflictSize>()
    {
        assert_eq!(size.to_string(), text);
    }
});
