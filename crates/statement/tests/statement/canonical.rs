//! One statement has one payload.

use statement::{
    CanonicalError, Predicate, Source, SourceOrigin, Statement, StatementError, from_canonical,
};

use crate::samples;

/// The payload that is written by hand in the tests below.
fn honest() -> String {
    let payload = samples::heartbeat().to_payload().unwrap();
    String::from_utf8(payload).unwrap()
}

fn refused(payload: &str) -> StatementError {
    Statement::parse(payload.as_bytes()).unwrap_err()
}

#[test]
fn a_payload_is_what_a_hand_would_write() {
    let hand = concat!(
        r#"{"_type":"https://in-toto.io/Statement/v1","#,
        r#""predicate":{"audience":["center.example/log"],"blobs":[],"not_after":1802592000,"#,
        r#""note":"Read up to entry 9. Nothing to report."},"#,
        r#""predicateType":"https://spec.limpid.example/heartbeat/v1","#,
        r#""subject":[{"digest":{"sha256":"#,
    );
    let digest = tlog::sha256(b"tree of 9").to_hex();
    let hand = format!("{hand}\"{digest}\"}},\"name\":\"checkpoint\"}}]}}");
    assert_eq!(honest(), hand);
}

#[test]
fn other_spellings_of_the_same_json_are_refused() {
    let honest = honest();
    let spellings = [
        format!(" {honest}"),
        format!("{honest}\n"),
        honest.replacen(':', ": ", 1),
        honest.replace("\"blobs\":[]", "\"blobs\":[ ]"),
        honest.replace("heartbeat", "h\\u0065artbeat"),
        honest.replace("https://in", "https:\\/\\/in"),
        honest.replace("1802592000", "1802592000.0"),
        honest.replace("1802592000", "1.802592e9"),
        honest.replace("1802592000", "01802592000"),
    ];
    for spelling in spellings {
        assert_ne!(spelling, honest);
        assert!(
            matches!(refused(&spelling), StatementError::Canonical(_)),
            "{spelling}"
        );
    }
}

#[test]
fn keys_are_sorted_and_stand_once() {
    let honest = honest();
    let unsorted = honest.replace(
        "\"blobs\":[],\"not_after\":1802592000",
        "\"not_after\":1802592000,\"blobs\":[]",
    );
    let twice = [
        honest.replace("\"blobs\":[]", "\"blobs\":[],\"blobs\":[]"),
        honest.replace("\"not_after\":", "\"not_after\":1,\"not_after\":"),
        honest.replace(
            "{\"_type\"",
            "{\"_type\":\"https://in-toto.io/Statement/v1\",\"_type\"",
        ),
    ];
    for payload in twice.iter().chain([&unsorted]) {
        assert_ne!(*payload, honest);
        let refused = refused(payload);
        assert!(
            matches!(
                refused,
                StatementError::Canonical(CanonicalError::NotCanonical { .. })
            ),
            "{payload}: {refused:?}"
        );
    }
}

#[test]
fn keys_are_sorted_by_utf_16_code_units() {
    // U+FF41 sorts before U+1F600 by bytes and after it by UTF-16 (RFC 8785, section 3.2.3).
    let by_utf_16 = "{\"\u{1f600}\":1,\"\u{ff41}\":2}";
    let by_bytes = "{\"\u{ff41}\":2,\"\u{1f600}\":1}";
    from_canonical::<serde_json::Value>(by_utf_16.as_bytes()).unwrap();
    assert!(from_canonical::<serde_json::Value>(by_bytes.as_bytes()).is_err());
}

#[test]
fn numbers_are_integers_that_survive_a_double() {
    let with = |number: &str| honest().replace("1802592000", number);
    for good in ["0", "9007199254740991"] {
        Statement::parse(with(good).as_bytes()).unwrap();
    }
    let bad = [
        "1.5",
        "-1",
        "-0",
        "1e3",
        "9007199254740992",
        "18446744073709551616",
        "1e400",
    ];
    for number in bad {
        assert!(
            matches!(refused(&with(number)), StatementError::Canonical(_)),
            "{number}"
        );
    }
    let too_big = Source {
        not_after: 1 << 53,
        ..samples::source()
    };
    assert!(Statement::new(Vec::new(), too_big).to_payload().is_err());
}

#[test]
fn every_field_is_written_and_no_other() {
    let halt = samples::all()
        .into_iter()
        .find(|(name, _)| *name == "halt")
        .unwrap()
        .1;
    let payload = String::from_utf8(halt.to_payload().unwrap()).unwrap();
    let without_null = payload.replace("\"product\":null,", "");
    assert_ne!(without_null, payload);
    assert!(matches!(
        refused(&without_null),
        StatementError::Spelling { .. }
    ));
    for (name, statement) in samples::all() {
        let payload = String::from_utf8(statement.to_payload().unwrap()).unwrap();
        let more = payload.replace("\"predicate\":{", "\"predicate\":{\"AAA\":1,");
        assert!(
            matches!(refused(&more), StatementError::Predicate { .. }),
            "{name}"
        );
        let more = payload.replace("{\"_type\"", "{\"AAA\":1,\"_type\"");
        assert!(
            matches!(refused(&more), StatementError::Canonical(_)),
            "{name}"
        );
        let more = payload.replace("\"subject\":[{", "\"subject\":[{\"aaa\":1,");
        assert!(
            matches!(refused(&more), StatementError::Canonical(_)),
            "{name}"
        );
    }
}

#[test]
fn a_directory_has_no_commit_and_a_git_import_has_one() {
    let of = |origin: &SourceOrigin| {
        let source = Source {
            imported_from: origin.clone(),
            ..samples::source()
        };
        let payload = Statement::new(Vec::new(), source).to_payload().unwrap();
        String::from_utf8(payload).unwrap()
    };
    let directory = of(&SourceOrigin::Directory);
    let commit = "0123456789abcdef0123456789abcdef01234567".to_owned();
    let git = of(&SourceOrigin::Git {
        author: "A. Author <a@example.org>".to_owned(),
        commit: commit.clone(),
        signature: None,
        submodules: Vec::new(),
    });
    for payload in [&directory, &git] {
        let read = Statement::parse(payload.as_bytes()).unwrap();
        assert!(matches!(read.predicate, Predicate::Source(_)));
    }
    let confused = git.replace("\"kind\":\"git\"", "\"kind\":\"directory\"");
    assert!(matches!(
        refused(&confused),
        StatementError::Spelling { .. }
    ));
    refused(&directory.replace("\"kind\":\"directory\"", "\"kind\":\"git\""));
}

#[test]
fn an_unknown_predicate_or_statement_type_is_refused() {
    let field = |payload: String| match refused(&payload) {
        StatementError::Field { field, .. } => field,
        other => panic!("{other:?}"),
    };
    let unknown = honest().replace("heartbeat/v1", "heartbeat/v2");
    assert_eq!(field(unknown), "predicateType");
    let old = honest().replace("Statement/v1", "Statement/v0.1");
    assert_eq!(field(old), "_type");
    // A known type around the fields of another one.
    let confused = honest().replace("heartbeat/v1", "halt/v1");
    assert!(matches!(
        refused(&confused),
        StatementError::Predicate { .. }
    ));
}

#[test]
fn what_is_no_json_is_refused_however_deep() {
    for text in ["", "null", "[]", "{}", "\"\"", "\u{feff}{}"] {
        refused(text);
    }
    assert!(Statement::parse(&[0xff, 0xfe]).is_err());
    let deep = "[".repeat(40_000);
    refused(&deep);
    refused(&honest().replace("\"blobs\":[]", &format!("\"blobs\":{}", "[".repeat(10_000))));
}
