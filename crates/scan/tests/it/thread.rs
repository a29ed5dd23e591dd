//! The shortest way from a sample to a verdict: identify, unpack, match, score.

use crate::make::{ZipMember, eicar, gzip, knows, with_rules, zip};
use scan::{Limits, Outcome, Report, scan, work};

fn reasons(report: &Report) -> Vec<(String, &'static str, String)> {
    report
        .reasons
        .iter()
        .map(|named| (named.member.clone(), named.reason, named.weight.clone()))
        .collect()
}

#[test]
fn a_known_file_inside_a_zip_is_found_by_its_digest() {
    let sample = zip(&[
        ZipMember::stored(b"harmless"),
        ZipMember::deflated(&eicar()),
    ]);
    let report = scan(&sample, &knows(&[&eicar()]), &Limits::default());
    assert_eq!(report.outcome, Outcome::Malicious);
    assert_eq!(
        reasons(&report),
        [("0.1".to_owned(), "digest.known-bad", "100".to_owned())]
    );
    let kinds: Vec<_> = report
        .members
        .iter()
        .map(|member| (member.path.as_str(), member.kind))
        .collect();
    assert_eq!(kinds, [("0", "zip"), ("0.0", "text"), ("0.1", "text")]);
}

#[test]
fn a_file_nobody_knows_is_clean_and_every_member_is_listed() {
    let inner = zip(&[ZipMember::deflated(b"hello, hello")]);
    let sample = gzip(&zip(&[ZipMember::stored(&inner)]));
    let report = scan(&sample, &knows(&[]), &Limits::default());
    assert_eq!((report.outcome, report.score), (Outcome::Clean, 0));
    assert!(report.reasons.is_empty());
    let paths: Vec<_> = report
        .members
        .iter()
        .map(|member| member.path.as_str())
        .collect();
    assert_eq!(paths, ["0", "0.0", "0.0.0", "0.0.0.0"]);
}

#[test]
fn a_rule_matches_what_only_stands_in_an_unpacked_member_by_its_severity() {
    let rules = r#"
        rule bad { meta: severity = "malicious" strings: $a = "EICAR-STAND" condition: $a }
        rule odd { meta: severity = "suspicious" strings: $a = "ANTIVIRUS" condition: $a }
        rule noted { meta: severity = "note" condition: filesize == 68 }
        rule unrated { strings: $a = "EICAR" condition: $a and uint8(0) == 0x58 }
    "#;
    let sample = zip(&[ZipMember::deflated(&eicar())]);
    let report = scan(&sample, &with_rules(rules, &[]), &Limits::default());
    let found: Vec<_> = report
        .reasons
        .iter()
        // So short a text may stand in the zip as it is, where rules see it too.
        .filter(|named| named.member == "0.0")
        .map(|named| (named.reason, named.detail.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("rule.malicious", "test.yar:bad"),
            ("rule.note", "test.yar:noted"),
            ("rule.suspicious", "test.yar:odd"),
            ("rule.unrated", "test.yar:unrated"),
        ]
    );
    assert_eq!(report.outcome, Outcome::Malicious);
}

#[test]
fn what_cannot_be_read_says_why() {
    let secret = ZipMember {
        flags: 1,
        ..ZipMember::stored(b"secret")
    };
    let strange = ZipMember {
        method: 98,
        ..ZipMember::stored(b"strange")
    };
    let broken = ZipMember {
        method: 8,
        ..ZipMember::stored(b"\xff\xff\xff\xff")
    };
    let report = scan(
        &zip(&[secret, strange, broken]),
        &knows(&[]),
        &Limits::default(),
    );
    let unread: Vec<_> = report.members[0]
        .unread
        .iter()
        .map(|unread| (unread.path.as_str(), unread.why.as_str()))
        .collect();
    assert_eq!(
        unread,
        [
            ("0.0", "encrypted"),
            ("0.1", "unsupported: zip: ppmd"),
            ("0.2", "damaged: deflate"),
        ]
    );
}

#[test]
fn a_member_that_only_a_local_header_names_is_read_too() {
    let whole = zip(&[ZipMember::stored(b"seen"), ZipMember::deflated(&eicar())]);
    let directory = whole
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    let cut = &whole[..directory];
    let report = scan(cut, &knows(&[&eicar()]), &Limits::default());
    assert_eq!(report.outcome, Outcome::Malicious);
    assert_eq!(report.members[0].unread[0].why, "damaged: zip directory");
}

#[test]
fn the_worker_reads_one_sample_and_writes_one_line() {
    let mut line = Vec::new();
    let sample = zip(&[ZipMember::stored(&eicar())]);
    work(
        sample.as_slice(),
        &mut line,
        &knows(&[&eicar()]),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
    let report: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(report["outcome"], "malicious");
    assert_eq!(report["members"][1]["bytes"], 68);
    assert_eq!(report["members"][1]["path"], "0.0");
}

#[test]
fn equal_members_are_unpacked_once() {
    let inner = zip(&[ZipMember::stored(b"same")]);
    let report = scan(
        &zip(&[ZipMember::stored(&inner), ZipMember::stored(&inner)]),
        &knows(&[]),
        &Limits::default(),
    );
    let same: Vec<_> = report
        .members
        .iter()
        .map(|member| (member.path.as_str(), member.same_as.as_deref()))
        .collect();
    assert_eq!(
        same,
        [
            ("0", None),
            ("0.0", None),
            ("0.0.0", None),
            ("0.1", Some("0.0"))
        ]
    );
}
