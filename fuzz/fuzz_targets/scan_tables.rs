//! Scoring tables and digest lists: a table that is read is printed as the same bytes, a list never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scan::{Digests, FIRST_SCORING, Scoring};

fuzz_target!(|input: (&str, u16, u8)| {
    let (text, place, change) = input;
    if let Ok(scoring) = Scoring::parse(text) {
        assert_eq!(scoring.print(), text);
    }
    let _ = Digests::parse(text);
    let mut table = FIRST_SCORING.as_bytes().to_vec();
    let at = usize::from(place) % table.len();
    table[at] ^= change & 0x7f;
    if let Ok(table) = String::from_utf8(table)
        && let Ok(scoring) = Scoring::parse(&table)
    {
        assert_eq!(scoring.print(), table);
    }
});
