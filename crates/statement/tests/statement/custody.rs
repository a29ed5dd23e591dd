//! Statements about customers' files: the bytes of their pages, and what contradicts itself.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use statement::{
    Anomaly, BatchRange, Blob, Census, CountryCode, CustodyError, Day, Declaration, Epoch,
    EpochPurpose, Erasure, ErasureCause, Facility, FileDigest, Met, OutcomeCounts, Predicate,
    Promise, Receipts, Region, ResidencyPolicy, SEAL_SUITE, SealDigest, Statement, StatementDigest,
    StatementError, Subject, Verdicts,
};

use crate::samples::{NOT_AFTER, origin};

fn file(text: &str) -> FileDigest {
    FileDigest::of(text.as_bytes())
}

fn countries(codes: &str) -> Vec<CountryCode> {
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

const PAGES: [(&str, &str); 8] = pages! {
    "epoch" "receipts" "verdicts" "anomaly" "erasure" "census" "declaration" "policy"
};

fn shown(name: &str) -> &'static str {
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

fn epoch() -> Epoch {
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

fn receipts() -> Receipts {
    ours!(Receipts {
        home: "CH".parse().unwrap(),
        seq: 7,
        count: 3,
        root: crate::batches::receipts().1.root(),
    })
}

fn verdicts() -> Verdicts {
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

fn anomaly() -> Anomaly {
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

fn erasure() -> Erasure {
    ours!(Erasure {
        sample: SAMPLE.parse().unwrap(),
        seal: seal(),
        home: "CH".parse().unwrap(),
        cause: ErasureCause::Owner,
        demand: Some(file("demand")),
        erased_at: 1_800_007_200,
    })
}

fn census() -> Census {
    ours!(Census {
        home: "CH".parse().unwrap(),
        day: "2027-01-15".parse().unwrap(),
        receipts: Some(BatchRange { first: 7, last: 9 }),
        verdicts: Some(BatchRange { first: 4, last: 5 }),
        received: 130,
        declined: 2,
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

fn declaration() -> Declaration {
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

fn policy() -> ResidencyPolicy {
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
    let receipts_root = [("receipts", receipts().root)];
    let verdicts_root = [("verdicts", verdicts().root)];
    vec![
        ("epoch", about(&key, epoch().into())),
        ("receipts", about(&receipts_root, receipts().into())),
        ("verdicts", about(&verdicts_root, verdicts().into())),
        ("anomaly", about(&sample, anomaly().into())),
        ("erasure", about(&sample, erasure().into())),
        ("census", about(&constitution, census().into())),
        ("declaration", about(&constitution, declaration().into())),
        ("policy", about(&documents, policy().into())),
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

/// What a statement with this predicate is refused for.
fn refused(predicate: impl Into<Predicate>) -> CustodyError {
    match Statement::new(Vec::new(), predicate).to_payload() {
        Err(StatementError::Custody(error)) => error,
        other => panic!("{other:?}"),
    }
}

macro_rules! changed {
    ($make:ident, |$it:ident| $change:expr) => {{
        let mut $it = $make();
        $change;
        refused($it)
    }};
}

#[test]
fn epochs_with_another_suite_key_or_order_of_times_are_refused() {
    let suite = changed!(epoch, |it| it.suite = "hpke-0020-0001-0001".to_owned());
    assert!(matches!(suite, CustodyError::Suite { .. }), "{suite}");
    for key in ["", "AAAA", "not base64"] {
        let key = changed!(epoch, |it| it.key = key.to_owned());
        assert!(matches!(key, CustodyError::Key { .. }), "{key}");
    }
    let ended = changed!(epoch, |it| it.valid_until = it.valid_from);
    assert!(matches!(
        ended,
        CustodyError::Order {
            earlier: "valid_from",
            ..
        }
    ));
    let kept = changed!(epoch, |it| it.destroy_by = it.valid_until);
    assert!(matches!(
        kept,
        CustodyError::Order {
            later: "destroy_by",
            ..
        }
    ));
}

#[test]
fn batches_that_are_empty_unnumbered_or_do_not_add_up_are_refused() {
    for count in [0, 1025] {
        let error = changed!(receipts, |it| it.count = count);
        assert!(matches!(error, CustodyError::Range { field: "count", .. }));
    }
    let error = changed!(receipts, |it| it.seq = 0);
    assert!(matches!(error, CustodyError::Range { field: "seq", .. }));
    let error = changed!(verdicts, |it| it.outcomes.clean += 1);
    assert!(matches!(
        error,
        CustodyError::Sum {
            field: "outcomes",
            sum: 4,
            ..
        }
    ));
    let error = changed!(verdicts, |it| it.outcomes.clean = 9_007_199_254_740_991);
    assert!(matches!(error, CustodyError::Sum { .. }));
}

#[test]
fn anomalies_without_a_reason_or_with_an_exact_size_are_refused() {
    let error = changed!(anomaly, |it| it.reasons.clear());
    assert!(matches!(
        error,
        CustodyError::Range {
            field: "reasons",
            ..
        }
    ));
    for size in [0, 3, 262_143, 262_145] {
        let error = changed!(anomaly, |it| it.size_bytes_max = size);
        let field = "size_bytes_max";
        assert!(matches!(error, CustodyError::Range { field: f, .. } if f == field));
    }
}

#[test]
fn an_erasure_names_a_demand_just_when_somebody_demanded_it() {
    let error = changed!(erasure, |it| it.demand = None);
    let needed = CustodyError::Demand {
        cause: "owner",
        needed: true,
    };
    assert_eq!(error, needed);
    let error = changed!(erasure, |it| it.cause = ErasureCause::Retention);
    assert!(matches!(error, CustodyError::Demand { needed: false, .. }));
}

#[test]
fn a_census_that_does_not_add_up_or_points_at_few_is_refused() {
    let error = changed!(census, |it| it.outcomes.anomaly = 0);
    assert!(matches!(
        error,
        CustodyError::Sum {
            field: "outcomes",
            ..
        }
    ));
    let error = changed!(census, |it| it.received += 1);
    assert!(matches!(
        error,
        CustodyError::Sum {
            field: "regions",
            ..
        }
    ));
    let error = changed!(census, |it| {
        it.countries.insert("FR".parse().unwrap(), 19);
    });
    assert!(
        matches!(error, CustodyError::Rare { count: 19, .. }),
        "{error}"
    );
    let error = changed!(census, |it| {
        it.countries.insert("FR".parse().unwrap(), 30);
    });
    assert!(matches!(
        error,
        CustodyError::Range {
            field: "countries",
            ..
        }
    ));
    let error = changed!(census, |it| it.receipts = None);
    assert!(matches!(
        error,
        CustodyError::Range {
            field: "received",
            ..
        }
    ));
    let error = changed!(census, |it| it.verdicts =
        Some(BatchRange { first: 6, last: 5 }));
    assert!(matches!(
        error,
        CustodyError::Range {
            field: "verdicts",
            ..
        }
    ));
    let many = BatchRange {
        first: 1,
        last: 101,
    };
    let error = changed!(census, |it| it.verdicts = Some(many));
    assert!(matches!(
        error,
        CustodyError::Range {
            field: "analysed",
            ..
        }
    ));
}

#[test]
fn declarations_with_doubtful_regions_are_refused() {
    let error = changed!(declaration, |it| it.regions[1].countries =
        countries("AT UK"));
    assert!(matches!(error, CustodyError::NoCountry { .. }), "{error}");
    let error = changed!(declaration, |it| it.regions[1].countries =
        countries("AT JP"));
    assert!(matches!(error, CustodyError::TwoRegions { .. }), "{error}");
    for codes in ["CH AT", "AT AT"] {
        let error = changed!(declaration, |it| it.regions[1].countries = countries(codes));
        assert!(matches!(
            error,
            CustodyError::List {
                field: "countries",
                ..
            }
        ));
    }
    let error = changed!(declaration, |it| it.regions.reverse());
    assert!(matches!(
        error,
        CustodyError::List {
            field: "regions",
            ..
        }
    ));
    let error = changed!(declaration, |it| it.regions.clear());
    assert!(matches!(
        error,
        CustodyError::Range {
            field: "regions",
            ..
        }
    ));
    let error = changed!(declaration, |it| it.promises.push(it.promises[0].clone()));
    assert!(matches!(
        error,
        CustodyError::List {
            field: "promises",
            ..
        }
    ));
    let error = changed!(declaration, |it| it.facilities[0].country =
        "XX".parse().unwrap());
    assert!(matches!(error, CustodyError::NoCountry { .. }), "{error}");
}

#[test]
fn versions_begin_alone_and_go_on_from_the_one_before() {
    let before = Some(StatementDigest::of(b"before"));
    let error = changed!(declaration, |it| it.previous = before);
    assert_eq!(error, CustodyError::Previous { version: 1 });
    let error = changed!(policy, |it| it.version = 2);
    assert_eq!(error, CustodyError::Previous { version: 2 });
    let error = changed!(policy, |it| it.version = 0);
    assert!(matches!(
        error,
        CustodyError::Range {
            field: "version",
            ..
        }
    ));
}

#[test]
fn a_policy_whose_documents_nobody_could_fetch_is_refused() {
    for blob in 0..3 {
        let error = changed!(policy, |it| drop(it.blobs.remove(blob)));
        assert!(matches!(error, CustodyError::Blob { .. }), "{error}");
        let error = changed!(policy, |it| it.blobs[blob].public = false);
        assert!(matches!(error, CustodyError::Blob { .. }), "{error}");
    }
}

#[test]
fn a_country_has_the_region_that_lists_it_and_others_the_rest() {
    let declaration = declaration();
    let region = |code: &str| {
        let region = declaration.region_of(&code.parse().unwrap());
        region.map(ToString::to_string)
    };
    assert_eq!(region("JP").as_deref(), Some("asia-pacific"));
    assert_eq!(region("DE").as_deref(), Some("europe"));
    assert_eq!(region("BR"), None);
    assert_eq!(CountryCode::assigned().count(), 249);
    assert!(CountryCode::assigned().all(|country| country.is_assigned()));
    let met = Met {
        day: "2026-11-30".parse().unwrap(),
        evidence: StatementDigest::of(b"evidence"),
    };
    let mut kept = declaration;
    kept.promises[0].met = Some(met);
    let payload = Statement::new(Vec::new(), kept).to_payload().unwrap();
    assert!(Statement::parse(&payload).is_ok());
}

#[test]
fn days_have_one_spelling_and_the_calendar_has_leap_years() {
    for text in [
        "1970-01-01",
        "2000-02-29",
        "2024-02-29",
        "2026-11-22",
        "2100-02-28",
        "9999-12-31",
    ] {
        let day: Day = text.parse().unwrap();
        assert_eq!(day.to_string(), text);
        assert_eq!(Day::of(day.start()), Some(day));
        assert_eq!(Day::of(day.end() - 1), Some(day));
        assert_ne!(Day::of(day.end()), Some(day));
    }
    assert_eq!(Day::of(1_800_003_600).unwrap().to_string(), "2027-01-15");
    for text in [
        "2026-02-29",
        "2100-02-29",
        "1969-12-31",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-1-1",
        "+2026-01-01",
        "2026-01-01 ",
        "10000-01-01",
        "2026-01-011",
        "",
        "today",
    ] {
        assert!(text.parse::<Day>().is_err(), "{text}");
    }
    assert_eq!(Day::of(u64::MAX), None);
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
        for predicate in [Predicate::from(batch), anomaly.into()] {
            let statement = Statement::new(Vec::new(), predicate);
            let payload = statement.to_payload().unwrap();
            prop_assert_eq!(Statement::parse(&payload).unwrap(), statement);
        }
    }
}
