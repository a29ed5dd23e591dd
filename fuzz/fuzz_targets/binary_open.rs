//! Programs: whatever opens can be asked anything, and the counts of its code add up.
#![no_main]

use binary::{Program, attach, detach};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(detached) = detach(bytes)
        && let Some(signature) = detached.signature
    {
        let again = attach(&detached.program, &signature).expect("what came off, goes on");
        assert_eq!(again.program, bytes);
    }
    let Ok(program) = Program::open(bytes) else {
        return;
    };
    let coverage = program.without_source();
    let sum = coverage.line_bytes
        + coverage.symbol_bytes
        + coverage.padding_bytes
        + coverage.without_bytes;
    assert_eq!(sum, coverage.executable_bytes);
    for range in coverage.ranges.iter().take(16) {
        let _ = program.place_of(range.start);
    }
    let _ = program.functions("main");
    for range in program.addresses_of("main.c", 1).iter().take(16) {
        let _ = program.place_of(range.start);
    }
});
