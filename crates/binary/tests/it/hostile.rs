//! Random, cut and flipped files: a verdict, never a panic, and never `explained` by accident.

use std::sync::LazyLock;

use binary::{Explanations, Program, Verdict, attach, compare, detach};
use proptest::prelude::*;

use crate::compiled::Bench;

static PROGRAM: LazyLock<Vec<u8>> = LazyLock::new(|| Bench::new().program("", "", &["-O2", "-g"]));
static OBJECT: LazyLock<Vec<u8>> =
    LazyLock::new(|| Bench::new().gcc(&crate::compiled::with("", ""), &["-O2", "-g", "-c"]));

/// Everything the crate does with a file.
fn exercise(bytes: &[u8]) {
    let _ = compare(bytes, &PROGRAM, &Explanations::all());
    let _ = compare(&PROGRAM, bytes, &Explanations::all());
    let _ = compare(bytes, &OBJECT, &Explanations::all()).to_string();
    let _ = detach(bytes);
    let _ = attach(bytes, &[0x30, 0]);
    if let Ok(program) = Program::open(bytes) {
        let coverage = program.without_source();
        for range in coverage.ranges.iter().take(4) {
            let _ = program.place_of(range.start);
        }
        let _ = program.addresses_of("main.c", 12);
        let _ = program.functions("verify");
    }
}

const MAGICS: [&[u8]; 9] = [
    b"",
    b"\x7fELF\x02\x01\x01",
    b"MZ",
    b"!<arch>\n",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"#!",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_bytes_behind_any_magic_never_panic(
        magic in 0..MAGICS.len(),
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        other in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let ours = [MAGICS[magic], &bytes].concat();
        let theirs = [MAGICS[magic], &other].concat();
        exercise(&ours);
        let comparison = compare(&ours, &theirs, &Explanations::all());
        prop_assert_eq!(comparison.verdict == Verdict::Identical, ours == theirs);
    }

    #[test]
    fn a_cut_program_never_panics(part in 0.0..1.0_f64, object in any::<bool>()) {
        let whole: &[u8] = if object { &OBJECT } else { &PROGRAM };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let end = (whole.len() as f64 * part) as usize;
        exercise(&whole[..end]);
    }

    #[test]
    fn a_flipped_program_never_panics(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        headers in any::<bool>(),
        object in any::<bool>(),
    ) {
        let mut bytes = if object { OBJECT.clone() } else { PROGRAM.clone() };
        // Headers are at both ends; flips in the middle hit mostly contents.
        let size = bytes.len();
        for (index, flip) in flips {
            let at = if headers { size - 1 - index.index(2600) } else { index.index(size) };
            bytes[at] ^= flip;
        }
        exercise(&bytes);
    }

    #[test]
    fn one_flipped_byte_of_a_program_is_never_identical_and_never_silent(
        index in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = PROGRAM.clone();
        let at = index.index(bytes.len());
        bytes[at] ^= flip;
        let comparison = compare(&PROGRAM, &bytes, &Explanations::all());
        prop_assert_ne!(comparison.verdict, Verdict::Identical);
        prop_assert!(!comparison.differences.is_empty());
        prop_assert_eq!(
            compare(&PROGRAM, &bytes, &Explanations::none()).verdict,
            Verdict::Unexplained
        );
        let text = comparison.to_string();
        prop_assert!(text.lines().all(|line| line.chars().count() <= 80), "{}", text);
    }
}

#[test]
fn archives_within_archives_end_at_a_depth() {
    let mut ours = b"03:18:29".to_vec();
    let mut theirs = b"03:18:30".to_vec();
    let pack = |bytes: &[u8]| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, "x", bytes).unwrap();
        builder.into_inner().unwrap()
    };
    for _ in 0..4 {
        (ours, theirs) = (pack(&ours), pack(&theirs));
    }
    assert_eq!(
        compare(&ours, &theirs, &Explanations::all()).verdict,
        Verdict::Explained
    );
    for _ in 0..10 {
        (ours, theirs) = (pack(&ours), pack(&theirs));
    }
    let comparison = compare(&ours, &theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained);
    assert!(comparison.to_string().contains("too deep"), "{comparison}");
}
