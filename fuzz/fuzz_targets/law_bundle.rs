//! Bundles of the law, parsed and opened under an anchor that nobody can meet.
#![no_main]

use law::{Bundle, InForce};
use libfuzzer_sys::fuzz_target;
use statement::StatementDigest;

fuzz_target!(|bytes: &[u8]| {
    let anchor = StatementDigest::of(b"no constitution has this digest");
    if let Ok(bundle) = Bundle::parse(bytes) {
        assert_eq!(bundle.to_bytes().expect("what we read, we write"), bytes);
        assert!(
            bundle.open(anchor).is_err(),
            "opened without a constitution"
        );
    }
    // The same bytes as entries of a log, split at newlines.
    let origin = "log.example".parse().expect("an origin");
    let mut state = InForce::replay(origin, anchor);
    for (index, entry) in (0..).zip(bytes.split(|byte| *byte == b'\n')) {
        let fed = state.feed(index, entry).expect("in order");
        assert!(matches!(fed, law::Fed::Ignored(_)), "nothing counts");
    }
});
