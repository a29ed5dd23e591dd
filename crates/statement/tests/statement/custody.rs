//! Statements about customers' files: the bytes of their pages.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use statement::{
    Admission, Anomaly, BatchRange, Blob, Census, CheckpointRef, CountryCode, CustodyError, Day,
    Declaration, Epoch, EpochPurpose, Erasure, ErasureCause, Facility, FileDigest, OutcomeCounts,
    Predicate, Promise, Reanalyses, ReanalysisGrant, Receipts, Region, ResidencyPolicy, SEAL_SUITE,
    SamplingRule, SamplingStep, SealDigest, SealTree, Statement, StatementDigest, Subject,
    Verdicts,
};

use crate::samples::{NOT_AFTER, origin};

fn file(text: &str) -> FileDigest {
    FileDigest::of(text.as_bytes())
}

pub fn countries(codes: &str) -> Vec<CountryCode> {
    codes.split(' ').map(|code| code.parse().unwrap()).collect()
}

/// The three fields that all predicates of ours carry.
macro_rules! ours {
    ($name:ident { $($field:ident: $value:expr),* $(,)? }) => {
        $name {
            audience: vec![origin()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            $($field: $value),*
        }
    };
}

macro_rules! pages {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!("../../../../spec/", $name, ".md")))),+]
    };
}

const PAGES: [(&str, &str); 11] = pages! {
    "epoch" "receipts" "verdicts" "anomaly" "erasure" "census" "declaration" "policy" "admission"
    "reanalysis-grant" "reanalyses"
};

pub fn shown(name: &str) -> &'static str {
    let (_, page) = PAGES.iter().find(|(page, _)| *page == name).unwrap();
    let (_, rest) = page.rsplit_once("```json\n").unwrap();
    rest.split_once("\n```").unwrap().0
}

fn digest_of(name: &str) -> StatementDigest {
    StatementDigest::of(shown(name).as_bytes())
}

pub fn seal() -> SealDigest {
    SealDigest::of(b"sealed sample")
}

pub const SAMPLE: &str = "5f1c8a0e2b7d4c6f9a3e1d0b8c7f6a54";

pub fn epoch() -> Epoch {
    // The X-Wing key that the vectors of sealing were made with.
    let vectors = include_str!("../../../../spec/vectors/sealing.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let key = cases.iter().find(|case| case["name"] == "the_analysis_key");
    ours!(Epoch {
        purpose: EpochPurpose::Analysis,
        home: "CH".parse().unwrap(),
        suite: SEAL_SUITE.to_owned(),
        key: key.unwrap()["result"]["base64"]
            .as_str()
            .unwrap()
            .to_owned(),
        valid_from: 1_800_000_000,
        valid_until: 1_800_086_400,
        destroy_by: 1_800_259_200,
    })
}

pub fn receipts() -> Receipts {
    ours!(Receipts {
        home: "CH".parse().unwrap(),
        seq: 7,
        count: 3,
        root: crate::batches::receipts().1.root(),
    })
}

pub fn verdicts() -> Verdicts {
    ours!(Verdicts {
        home: "CH".parse().unwrap(),
        seq: 4,
        count: 3,
        outcomes: OutcomeCounts {
            anomaly: 3,
            ..OutcomeCounts::default()
        },
        root: crate::batches::verdicts().1.root(),
    })
}

pub fn anomaly() -> Anomaly {
    ours!(Anomaly {
        sample: SAMPLE.parse().unwrap(),
        seal: seal(),
        home: "CH".parse().unwrap(),
        region: "europe".parse().unwrap(),
        size_bytes_max: 262_144,
        day: "2027-01-15".parse().unwrap(),
        receipts: digest_of("receipts"),
        verdicts: digest_of("verdicts"),
        reasons: vec![
            "entropy:section-high".parse().unwrap(),
            "packer:unknown".parse().unwrap(),
        ],
    })
}

pub fn erasure() -> Erasure {
    ours!(Erasure {
        sample: SAMPLE.parse().unwrap(),
        seal: seal(),
        home: "CH".parse().unwrap(),
        cause: ErasureCause::Owner,
        demand: Some(file("demand")),
        erased_at: 1_800_007_200,
    })
}

pub fn sampling(steps: &[(u64, u64)]) -> SamplingRule {
    let steps = steps
        .iter()
        .map(|&(waiting, one_in)| SamplingStep { waiting, one_in });
    SamplingRule::new(steps.collect()).unwrap()
}

pub fn draw_key() -> FileDigest {
    FileDigest::of(b"draw key")
}

pub fn census() -> Census {
    ours!(Census {
        home: "CH".parse().unwrap(),
        day: "2027-01-15".parse().unwrap(),
        receipts: Some(BatchRange { first: 7, last: 9 }),
        verdicts: Some(BatchRange { first: 4, last: 5 }),
        received: 130,
        declined: 2,
        sampled_out: 70,
        one_in_max: 8,
        sampling: sampling(&[(20, 2), (40, 8), (60, 64)]),
        draw: Some(draw_key()),
        analysed: 100,
        outcomes: OutcomeCounts {
            clean: 90,
            suspicious: 3,
            malicious: 5,
            anomaly: 1,
            missealed: 1,
        },
        waiting: 29,
        set_aside: 1,
        erased: 3,
        regions: BTreeMap::from([
            ("asia-pacific".parse().unwrap(), 40),
            ("europe".parse().unwrap(), 90),
        ]),
        countries: BTreeMap::from([("DE".parse().unwrap(), 61), ("JP".parse().unwrap(), 40)]),
    })
}

/// Three samples, the one of the pages among them.
pub fn granted() -> SealTree {
    let others = ["seal 0", "seal 2"].map(|text| SealDigest::of(text.as_bytes()));
    let mut seals = vec![seal(), others[0], others[1]];
    seals.sort();
    SealTree::new(seals).unwrap()
}

pub fn grant() -> ReanalysisGrant {
    let said = |text: &str| StatementDigest::of(text.as_bytes());
    ours!(ReanalysisGrant {
        home: "CH".parse().unwrap(),
        count: 3,
        root: granted().root(),
        worker: said("worker release"),
        rules: said("newer rules release"),
        scoring: said("scoring release"),
        stock: 300,
        checkpoint: CheckpointRef {
            size: 512,
            root: file("checkpoint"),
        },
        valid_until: 1_800_172_800,
    })
}

pub fn grant_digest() -> StatementDigest {
    digest_of("reanalysis-grant")
}

pub fn reanalyses() -> Reanalyses {
    ours!(Reanalyses {
        home: "CH".parse().unwrap(),
        grant: grant_digest(),
        seq: 2,
        count: 3,
        outcomes: OutcomeCounts {
            malicious: 3,
            ..OutcomeCounts::default()
        },
        root: crate::batches::reanalyses().1.root(),
    })
}

pub fn declaration() -> Declaration {
    let region = |name: &str, codes| Region {
        name: name.parse().unwrap(),
        countries: countries(codes),
    };
    ours!(Declaration {
        version: 1,
        previous: None,
        regions: vec![
            region("asia-pacific", "AU JP KR SG"),
            region("europe", "AT CH DE FR"),
        ],
        facilities: vec![Facility {
            id: "zurich-1".parse().unwrap(),
            city: "Zurich".to_owned(),
            country: "CH".parse().unwrap(),
            operator: "vendor".parse().unwrap(),
            purpose: "Keeps and analyses files of these regions.".to_owned(),
        }],
        promises: vec![Promise {
            id: "storage-zurich".parse().unwrap(),
            text: "Files of these regions are kept and analysed in Zurich.".to_owned(),
            due: "2026-12-31".parse().unwrap(),
            met: None,
        }],
    })
}

pub fn policy() -> ResidencyPolicy {
    let blob = |text, bytes| Blob {
        sha256: file(text),
        bytes,
        public: true,
    };
    ResidencyPolicy {
        blobs: vec![
            blob("policy text", 412),
            blob("policy schema", 290),
            blob("policy entities", 118),
        ],
        ..ours!(ResidencyPolicy {
            version: 1,
            previous: None,
            declaration: digest_of("declaration"),
            language: "cedar 4.14.1".to_owned(),
            text: file("policy text"),
            schema: file("policy schema"),
            entities: file("policy entities"),
        })
    }
}

/// The issuer key of RFC 9578, appendix B.2.
pub fn issuer_key() -> Vec<u8> {
    let vectors = include_str!("../../../token/tests/rfc9578.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    hex::decode(vectors["pkS"].as_str().unwrap()).unwrap()
}

pub fn admission() -> Admission {
    ours!(Admission {
        home: "CH".parse().unwrap(),
        issuer: "issuer.center.example".parse().unwrap(),
        key: STANDARD.encode(issuer_key()),
        valid_from: 1_799_971_200,
        valid_until: 1_799_971_200 + 3 * 86_400,
    })
}

fn all() -> Vec<(&'static str, Statement)> {
    let about = |subjects: &[(&str, FileDigest)], predicate: Predicate| {
        let subjects = subjects.iter().map(|(name, sha)| Subject::new(*name, *sha));
        Statement::new(subjects.collect(), predicate)
    };
    let constitution = [("constitution", file("constitution"))];
    let sample = [(SAMPLE, FileDigest::new(*seal().hash()))];
    let raw = STANDARD.decode(epoch().key).unwrap();
    let documents = [
        ("policy.cedar", file("policy text")),
        ("policy.cedarschema", file("policy schema")),
        ("entities.json", file("policy entities")),
    ];
    let key = [("key", FileDigest::of(&raw))];
    let issuer = [("key", FileDigest::of(&issuer_key()))];
    let receipts_root = [("receipts", receipts().root)];
    let verdicts_root = [("verdicts", verdicts().root)];
    let granted_root = [("samples", grant().root)];
    let reanalyses_root = [("reanalyses", reanalyses().root)];
    vec![
        ("epoch", about(&key, epoch().into())),
        ("receipts", about(&receipts_root, receipts().into())),
        ("verdicts", about(&verdicts_root, verdicts().into())),
        ("anomaly", about(&sample, anomaly().into())),
        ("erasure", about(&sample, erasure().into())),
        ("census", about(&constitution, census().into())),
        ("declaration", about(&constitution, declaration().into())),
        ("policy", about(&documents, policy().into())),
        ("admission", about(&issuer, admission().into())),
        ("reanalysis-grant", about(&granted_root, grant().into())),
        ("reanalyses", about(&reanalyses_root, reanalyses().into())),
    ]
}

#[test]
fn the_pages_of_custody_show_the_bytes_that_are_printed() {
    let samples = all();
    assert_eq!(samples.len(), PAGES.len());
    for (name, sample) in samples {
        let printed = String::from_utf8(sample.to_payload().unwrap()).unwrap();
        assert_eq!(printed, shown(name), "{name}");
        assert_eq!(sample.predicate.short_name(), name);
        let read = Statement::parse(shown(name).as_bytes()).unwrap();
        assert_eq!(read, sample, "{name}");
    }
}

#[test]
fn the_pages_of_custody_name_every_field_of_their_predicate() {
    for (name, page) in PAGES {
        let shown: serde_json::Value = serde_json::from_str(shown(name)).unwrap();
        for field in shown["predicate"].as_object().unwrap().keys() {
            assert!(page.matches(field.as_str()).count() > 1, "{name}: {field}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_printed_of_custody_is_read_back(
        seq in 1..9_007_199_254_740_991_u64,
        count in 1..=1024_u64,
        clean in 0..=1024_u64,
        root in any::<[u8; 32]>(),
        sample in any::<[u8; 16]>(),
        reasons in prop::collection::vec("[!-~]{1,128}", 1..8),
        seconds in 0..253_402_300_800_u64,
    ) {
        let clean = clean.min(count);
        let outcomes = OutcomeCounts { clean, missealed: count - clean, ..OutcomeCounts::default() };
        let root = FileDigest::of(&root);
        let batch = Verdicts { seq, count, outcomes, root, ..verdicts() };
        let anomaly = Anomaly {
            sample: statement::SampleId::new(sample),
            reasons: reasons.iter().map(|reason| reason.parse().unwrap()).collect(),
            day: Day::of(seconds).unwrap(),
            ..anomaly()
        };
        let stock = count.max(seq);
        let granted = ReanalysisGrant { count, root, stock, ..grant() };
        let again = Reanalyses { seq, count, outcomes, root, ..reanalyses() };
        for predicate in [Predicate::from(batch), anomaly.into(), granted.into(), again.into()] {
            let statement = Statement::new(Vec::new(), predicate);
            let payload = statement.to_payload().unwrap();
            prop_assert_eq!(Statement::parse(&payload).unwrap(), statement);
        }
    }
}

#[test]
fn the_page_of_the_grant_shows_the_place_of_a_sample() {
    let (_, page) = PAGES
        .iter()
        .find(|(page, _)| *page == "reanalysis-grant")
        .unwrap();
    let (_, rest) = page.rsplit_once("```text\n").unwrap();
    let (index, path) = granted().place(&seal()).unwrap();
    let hashes = path.iter().map(|hash| format!("{}\n", hash.to_hex()));
    let shown = format!("index {index}\n{}", hashes.collect::<String>());
    assert_eq!(rest.split_once("```").unwrap().0, shown);
    grant().check_place(&seal(), index, &path).unwrap();
    grant().check_place(&seal(), index + 1, &path).unwrap_err();
}

#[test]
fn a_grant_names_samples_once_and_no_more_than_there_are() {
    let twice = vec![seal(), seal()];
    assert!(matches!(
        SealTree::new(twice),
        Err(CustodyError::List { .. })
    ));
    assert!(matches!(
        SealTree::new(Vec::new()),
        Err(CustodyError::Range { .. })
    ));
    let many = ReanalysisGrant {
        stock: 2,
        ..grant()
    };
    Statement::new(Vec::new(), many).to_payload().unwrap_err();
}
