//! Comparisons: equal is identical, different is never silent, and no rule that is off explains.
#![no_main]

use binary::{Explanations, Judgement, Verdict, compare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Vec<(u16, u8)>)| {
    let (ours, changes) = input;
    let mut theirs = ours.to_vec();
    for (place, change) in changes {
        let size = theirs.len().max(1);
        if let Some(byte) = theirs.get_mut(usize::from(place) % size) {
            *byte ^= change;
        }
    }
    let comparison = compare(ours, &theirs, &Explanations::all());
    assert_eq!(comparison.verdict == Verdict::Identical, ours == theirs);
    assert_eq!(comparison.differences.is_empty(), ours == theirs);
    if comparison.verdict == Verdict::Explained {
        assert!(comparison
            .differences
            .iter()
            .all(|difference| difference.judgement != Judgement::Unexplained));
        let none = compare(ours, &theirs, &Explanations::none());
        assert_eq!(none.verdict, Verdict::Unexplained);
    }
    assert!(comparison
        .to_string()
        .lines()
        .all(|line| line.chars().count() <= 80));
});
