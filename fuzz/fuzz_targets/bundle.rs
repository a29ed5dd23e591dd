//! Entry bundles of every width.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::bundle;

fuzz_target!(|input: (u16, &[u8])| {
    let (width, bytes) = input;
    if let Ok(entries) = bundle::parse(bytes, width) {
        assert_eq!(entries.len(), usize::from(width));
        assert_eq!(
            bundle::encode(&entries).expect("what we read, we write"),
            bytes
        );
    }
});
