//! Statements about customers' files that contradict themselves, and words that have one spelling.

use statement::{
    BatchRange, CountryCode, CustodyError, Day, EpochPurpose, ErasureCause, Met, Predicate,
    Statement, StatementDigest, StatementError,
};

use crate::custody::{
    admission, anomaly, census, countries, declaration, epoch, erasure, policy, receipts, verdicts,
};

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
fn admissions_with_another_key_or_no_whole_day_are_refused() {
    for key in ["", "AAAA", "not base64"] {
        let key = changed!(admission, |it| it.key = key.to_owned());
        assert!(matches!(key, CustodyError::AdmissionKey { .. }), "{key}");
    }
    let noon = changed!(admission, |it| it.valid_from += 43_200);
    assert!(matches!(noon, CustodyError::Midnight { .. }), "{noon}");
    for until in [0, 8 * 86_400 + 1] {
        let long = changed!(admission, |it| it.valid_until = it.valid_from + until);
        let field = "valid_until";
        assert!(matches!(long, CustodyError::Range { field: found, .. } if found == field));
    }
    assert!("Issuer".parse::<statement::IssuerName>().is_err());
    assert!("".parse::<statement::IssuerName>().is_err());
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
fn a_census_of_a_day_with_samples_left_out_says_by_which_draw() {
    let sampled = [
        changed!(census, |it| it.draw = None),
        changed!(census, |it| it.one_in_max = 1),
        changed!(census, |it| it.sampled_out = 0),
    ];
    for error in sampled {
        assert!(matches!(error, CustodyError::Sampled { .. }), "{error}");
    }
    for one_in_max in [0, 1_000_001] {
        let error = changed!(census, |it| it.one_in_max = one_in_max);
        let field = "one_in_max";
        assert!(matches!(error, CustodyError::Range { field: f, .. } if f == field));
    }
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
fn a_census_of_one_sample_in_each_batch_and_of_twenty_in_a_country_is_printed() {
    let of_three = |received: u64| {
        let mut it = census();
        it.receipts = Some(BatchRange { first: 7, last: 9 });
        it.received = received;
        it.regions = [("europe".parse().unwrap(), received)].into();
        it.countries.clear();
        it
    };
    assert!(Statement::new(Vec::new(), of_three(3)).to_payload().is_ok());
    assert!(matches!(
        refused(of_three(2)),
        CustodyError::Range {
            field: "received",
            ..
        }
    ));
    let mut twenty = census();
    twenty.countries = [("FR".parse().unwrap(), 20)].into();
    assert!(Statement::new(Vec::new(), twenty).to_payload().is_ok());
}

#[test]
fn a_purpose_is_called_as_it_is_written() {
    use EpochPurpose::{Analysis, Center, Supervisor};
    for (purpose, word) in [
        (Analysis, "analysis"),
        (Center, "center"),
        (Supervisor, "supervisor"),
    ] {
        assert_eq!(serde_json::to_value(purpose).unwrap(), word);
        assert_eq!(
            (purpose.as_str(), purpose.to_string().as_str()),
            (word, word)
        );
    }
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
        let error = changed!(policy, |it| it
            .blobs
            .retain(|kept| *kept != policy().blobs[blob]));
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
