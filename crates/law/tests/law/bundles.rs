//! Bundles: one spelling, and an excerpt is worth exactly what its entries are.

use crate::honest::{chain::Step, story::Story};
use crate::refused_with;
use law::{Bundle, BundleError, ReleasedFile};
use proptest::prelude::*;
use statement::FileDigest;

fn honest_bytes() -> (Bundle, String) {
    let bundle = Story::honest().tell().log.whole_bundle();
    let text = String::from_utf8(bundle.to_bytes().unwrap()).unwrap();
    (bundle, text)
}

#[test]
fn a_bundle_is_read_back_as_it_was_printed() {
    let (bundle, text) = honest_bytes();
    let read = Bundle::parse(text.as_bytes()).unwrap();
    assert_eq!(read, bundle);
    assert_eq!(read.to_bytes().unwrap(), text.as_bytes());
    let proofs = read.to_tlog_proofs();
    assert_eq!(proofs.len(), bundle.entries.len());
    for (proof, entry) in proofs.iter().zip(&bundle.entries) {
        let again = tlog::TlogProof::parse(&proof.to_bytes()).unwrap();
        assert_eq!((again.index, &again.path), (entry.index, &entry.path));
    }
}

#[test]
fn other_spellings_of_a_bundle_are_refused() {
    let (_, text) = honest_bytes();
    let spellings = [
        format!("{text}\n"),
        text.replacen(':', ": ", 1),
        text.replace("\"index\":0,", "\"index\":0.0,"),
        text.replace("\"index\":0,", "\"index\":-0,"),
        text.replace("\"archived\":[],", ""),
        text.replacen('{', "{\"a\":1,", 1),
        text.replacen("bundle/v1", "bundle/v2", 1),
        text.replacen("\"entry\":\"", "\"entry\":\"=", 1),
        text.replacen("\"path\":[\"", "\"path\":[\"A", 1),
        text.replace("\"index\":1,", "\"index\":0,"),
        text.replace("\"index\":1,", "\"index\":2,"),
    ];
    for spelling in spellings {
        assert_ne!(spelling, text);
        assert!(Bundle::parse(spelling.as_bytes()).is_err());
    }
}

#[test]
fn a_bundle_has_bounds() {
    let (mut bundle, _) = honest_bytes();
    let long = vec![b' '; law::BUNDLE_BYTES_MAX + 1];
    assert!(matches!(
        Bundle::parse(&long),
        Err(BundleError::TooLong { .. })
    ));
    let many = |count: u64| {
        let entries = (0..count).map(|index| law::BundleEntry {
            entry: b"entry".to_vec(),
            index,
            path: Vec::new(),
        });
        entries.collect()
    };
    bundle.entries = many(law::BUNDLE_ENTRIES_MAX as u64);
    bundle.to_bytes().unwrap();
    bundle.entries = many(law::BUNDLE_ENTRIES_MAX as u64 + 1);
    let refused = bundle.to_bytes().unwrap_err();
    assert!(matches!(
        refused,
        BundleError::Field {
            field: "entries",
            ..
        }
    ));
}

#[test]
fn archived_checkpoints_ascend() {
    let told = Story::honest().tell();
    let mut bundle = told.log.whole_bundle();
    let [small, large] = [5, 9].map(|size| told.log.checkpoint(size, crate::honest::roster::NOW));
    bundle.archived = vec![small.clone(), large.clone()];
    bundle.to_bytes().unwrap();
    for wrong in [
        vec![large.clone(), small.clone()],
        vec![small.clone(), small],
    ] {
        bundle.archived = wrong;
        let refused = bundle.to_bytes().unwrap_err();
        assert!(matches!(
            refused,
            BundleError::Field {
                field: "archived",
                at: 1,
                ..
            }
        ));
    }
}

#[test]
fn an_excerpt_without_one_needed_entry_shows_no_release() {
    let told = Story::honest().tell();
    let artifact = FileDigest::of(&told.made.artifact());
    let bytes = told.made.artifact().len() as u64;
    let all: Vec<u64> = (0..told.log.size()).collect();
    let judged = |indices: &[u64]| {
        let opened = told.log.bundle(indices).open(told.anchor).unwrap();
        ReleasedFile::check(opened.view(), told.made.release(), artifact, bytes, 2).is_ok()
    };
    // The publication is not needed for the file itself.
    let publication = told.indices[&Step::Publication];
    for left_out in told.indices.values() {
        let kept: Vec<_> = all.iter().copied().filter(|at| at != left_out).collect();
        assert_eq!(
            judged(&kept),
            *left_out == publication,
            "without {left_out}"
        );
    }
    // Each of the founding signatures is.
    for left_out in 0..4 {
        let kept: Vec<_> = all.iter().copied().filter(|at| *at != left_out).collect();
        let refused = told.log.bundle(&kept).open(told.anchor).map(drop);
        refused_with!("entry.no_constitution", refused);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Bundle::parse(&bytes).is_err());
    }
}
