//! Everything from outside has a bound.

use statement::{
    Blob, FileDigest, Finding, Heartbeat, Statement, StatementDigest, StatementError, Subject,
};

use crate::samples::{NOT_AFTER, origin};

fn finding(detail: String) -> Statement {
    let finding = Finding {
        audience: vec![origin()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        about: StatementDigest::of(b"source"),
        title: String::new(),
        detail,
    };
    Statement::new(Vec::new(), finding)
}

fn heartbeat(change: impl Fn(&mut Heartbeat)) -> Statement {
    let mut heartbeat = Heartbeat {
        audience: vec![origin()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        note: String::new(),
    };
    change(&mut heartbeat);
    Statement::new(Vec::new(), heartbeat)
}

fn limited(statement: &Statement) -> (&'static str, usize) {
    match statement.to_payload().unwrap_err() {
        StatementError::Limit { field, count, .. } => (field, count),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_has_at_most_4096_bytes() {
    finding("x".repeat(4096)).to_payload().unwrap();
    assert_eq!(limited(&finding("x".repeat(4097))), ("text", 4097));
    // Bytes, not characters.
    assert_eq!(limited(&finding("\u{e9}".repeat(2049))), ("text", 4098));
    // A note is a document of its own; the entry bounds it.
    heartbeat(|h| h.note = "x".repeat(40_000))
        .to_payload()
        .unwrap();
    assert_eq!(
        limited(&heartbeat(|h| h.note = "x".repeat(65_536))).0,
        "payload"
    );
}

#[test]
fn a_statement_has_at_most_64_subjects() {
    let with = |count: usize| Statement {
        subject: vec![Subject::new("x", FileDigest::of(b"x")); count],
        ..finding(String::new())
    };
    with(64).to_payload().unwrap();
    assert_eq!(limited(&with(65)), ("subject", 65));
}

#[test]
fn a_statement_is_for_at_most_32_logs_and_names_at_most_64_blobs() {
    heartbeat(|h| h.audience = vec![origin(); 32])
        .to_payload()
        .unwrap();
    assert_eq!(
        limited(&heartbeat(|h| h.audience = vec![origin(); 33])),
        ("audience", 33)
    );
    let blob = || Blob {
        sha256: FileDigest::of(b"blob"),
        bytes: 4,
        public: false,
    };
    heartbeat(|h| h.blobs = vec![blob(); 64])
        .to_payload()
        .unwrap();
    assert_eq!(
        limited(&heartbeat(|h| h.blobs = vec![blob(); 65])),
        ("blobs", 65)
    );
}

#[test]
fn ids_have_one_spelling() {
    let digest = StatementDigest::of(b"x").to_string();
    assert_eq!(
        digest.parse::<StatementDigest>().unwrap().to_string(),
        digest
    );
    for bad in [
        &digest.to_uppercase(),
        &digest[1..],
        &format!("{digest}0"),
        "",
        "sha256:00",
    ] {
        let refused = bad.parse::<StatementDigest>().unwrap_err();
        assert!(refused.to_string().contains("StatementDigest"), "{bad}");
    }
    for good in ["a", "lab-a", "0", &"x".repeat(64)] {
        assert_eq!(good.parse::<statement::PartyId>().unwrap().as_str(), good);
    }
    for bad in [
        "",
        "Lab",
        "lab a",
        "lab_a",
        "../a",
        "l\u{e4}b",
        &"x".repeat(65),
    ] {
        assert!(bad.parse::<statement::PartyId>().is_err(), "{bad}");
    }
}
