//! Records of batches, and the files that prove them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use statement::{Proven, ReanalysisRecord, ReceiptRecord, Record, VerdictRecord};

fn read<R: Record>(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(record) = R::parse(text)
    {
        assert_eq!(record.to_text(), text);
    }
    if let Ok(proven) = Proven::<R>::parse(bytes) {
        assert_eq!(proven.to_bytes().ok().as_deref(), Some(bytes));
    }
}

fuzz_target!(|bytes: &[u8]| {
    read::<ReceiptRecord>(bytes);
    read::<VerdictRecord>(bytes);
    read::<ReanalysisRecord>(bytes);
});
