//! The front of a sealed sample: length, header, wraps; the header alone; and what an opener is asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seal::{Front, Header, ShareRequest};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        assert_eq!(header.as_bytes(), bytes);
        assert!(header.ciphertext_bytes() > header.address().size_bytes);
    }
    if let Ok(front) = Front::parse(bytes) {
        assert_eq!(front.to_bytes(), bytes);
        assert_eq!(Front::bytes_in_all([bytes[0], bytes[1]]), Ok(bytes.len()));
    }
    if let Ok(request) = ShareRequest::parse(bytes) {
        assert_eq!(request.to_bytes(), bytes);
    }
});
