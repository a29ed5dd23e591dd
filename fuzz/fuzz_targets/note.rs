//! Signed notes and vkeys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{Note, VerifierKey};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        for line in note.signatures() {
            assert_eq!(line.to_string().parse().as_ref(), Ok(line));
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(key) = text.parse::<VerifierKey>()
    {
        assert_eq!(key.to_string(), text);
    }
});
