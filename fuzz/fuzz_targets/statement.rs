//! Payloads, and the openings of sealed fields.
#![no_main]

use libfuzzer_sys::fuzz_target;
use statement::{Disclosure, Statement};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(statement) = Statement::parse(bytes) {
        let printed = statement.to_payload().expect("what we read, we print");
        assert_eq!(printed, bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(disclosure) = Disclosure::parse(text)
    {
        assert_eq!(disclosure.as_str(), text);
        assert!(disclosure.open(&disclosure.digest()).is_ok());
    }
});
