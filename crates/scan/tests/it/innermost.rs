//! Which member it is that matched, and its bytes.

use crate::make::{ZipMember, eicar, gzip, knows, with_rules, zip};
use crate::properties::found_again;
use scan::{Limits, Report, member, scan};

const RULES: &str = r#"
    rule bad { meta: severity = "malicious" strings: $a = "EICAR-STAND" condition: $a }
    rule torn { meta: severity = "suspicious" strings: $a = "one half" $b = "other half" condition: $a and $b }
"#;

const PRIVATE: &[u8] = b"Dear Ms Berger, nobody else is to read this.";

fn paths(report: &Report) -> Vec<&str> {
    let innermost = report.innermost(40);
    innermost
        .iter()
        .map(|member| member.path.as_str())
        .collect()
}

fn looked(sample: &[u8]) -> Report {
    let report = scan(sample, &with_rules(RULES, &[]), &Limits::default());
    found_again(sample, &report, &Limits::default());
    report
}

#[test]
fn the_member_matched_and_not_what_stands_around_it() {
    let inner = zip(&[ZipMember::stored(&eicar()), ZipMember::stored(PRIVATE)]);
    let sample = zip(&[
        ZipMember::stored(PRIVATE),
        ZipMember::deflated(b"harmless"),
        ZipMember::stored(&inner),
    ]);
    let report = looked(&sample);
    // Stored members stand in the containers as they are, so that rules match those too.
    assert!(report.members[0].score >= 100);
    assert_eq!(paths(&report), ["0.2.0"]);
    let bytes = member(&sample, &"0.2.0".parse().unwrap(), &Limits::default());
    assert_eq!(bytes, Some(eicar()));
}

#[test]
fn several_members_match_each_for_itself_and_equal_ones_once() {
    let sample = zip(&[
        ZipMember::deflated(&eicar()),
        ZipMember::stored(&gzip(&[&eicar(), PRIVATE].concat())),
        ZipMember::deflated(&eicar()),
        ZipMember::deflated(PRIVATE),
    ]);
    assert_eq!(paths(&looked(&sample)), ["0.0", "0.1.0"]);
}

#[test]
fn a_container_around_a_second_copy_is_not_taken_for_the_match() {
    let mail = zip(&[ZipMember::stored(&eicar())]);
    let around = |text: &[u8]| zip(&[ZipMember::stored(&mail), ZipMember::stored(text)]);
    let sample = zip(&[
        ZipMember::stored(&around(PRIVATE)),
        ZipMember::stored(&around(b"another letter")),
    ]);
    let report = looked(&sample);
    let second = report.members.iter().find(|member| member.path == "0.1.0");
    assert_eq!(second.unwrap().same_as.as_deref(), Some("0.0.0"));
    assert!(
        report
            .members
            .iter()
            .all(|member| member.path != "0.1" || member.score >= 100)
    );
    assert_eq!(paths(&report), ["0.0.0.0"]);
}

#[test]
fn what_matches_only_as_a_whole_is_named_as_the_whole() {
    let sample = zip(&[
        ZipMember::stored(b"one half"),
        ZipMember::stored(b"other half"),
    ]);
    assert_eq!(paths(&looked(&sample)), ["0"]);
    assert_eq!(paths(&looked(&zip(&[ZipMember::stored(PRIVATE)]))), [""; 0]);
    let known = scan(&sample, &knows(&[b"other half"]), &Limits::default());
    assert_eq!(paths(&known), ["0.1"]);
}

#[test]
fn a_member_is_given_out_as_far_as_the_same_limits_let_it_be_read() {
    let limits = Limits {
        member_bytes_max: 1 << 16,
        ..Limits::default()
    };
    let sample = zip(&[
        ZipMember::deflated(&vec![b'x'; 100_000]),
        ZipMember::deflated(PRIVATE),
    ]);
    let report = scan(&sample, &knows(&[]), &limits);
    assert!(report.members.iter().any(|member| member.path == "0.1"));
    found_again(&sample, &report, &limits);
    let large = vec![b'x'; 100_000];
    let report = scan(&large, &knows(&[]), &limits);
    found_again(&large, &report, &limits);
}
