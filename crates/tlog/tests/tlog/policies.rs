use std::collections::BTreeSet;

use tlog::{KeyType, NoteSigner as _, Policy, PolicyError, PolicyName, Threshold};

use crate::keys::{TestSigner, World};

fn vkeys() -> (String, String, String) {
    let world = World::get();
    (
        world.log.vkey().to_string(),
        world.w1.vkey().to_string(),
        world.w2.vkey().to_string(),
    )
}

fn names(policy: &Policy, wanted: &[&str]) -> BTreeSet<PolicyName> {
    let all = policy
        .witnesses()
        .iter()
        .map(|witness| witness.name().clone());
    all.filter(|name| wanted.contains(&name.as_str())).collect()
}

#[test]
fn a_policy_is_read_with_comments_and_white_space_and_printed_without() {
    let (log, w1, w2) = vkeys();
    let text = format!(
        "# ours\n\n  log {log}\t https://log.example/ \nwitness a {w1} https://w1.example/\n\
         \t# more\nwitness b\t{w2}\ngroup g 1 a b\nquorum g\n"
    );
    let policy = Policy::parse(&text).unwrap();
    assert_eq!(policy.logs()[0].url(), Some("https://log.example/"));
    assert_eq!(policy.logs()[0].origin().as_str(), "log.example/a");
    assert_eq!(policy.witnesses()[0].url(), Some("https://w1.example/"));
    assert_eq!(policy.witnesses()[1].url(), None);
    assert_eq!(policy.groups()[0].threshold(), Threshold::AtLeast(1));
    assert_eq!(policy.quorum().unwrap().as_str(), "g");
    let printed = policy.to_string();
    assert_eq!(
        printed,
        format!(
            "log {log} https://log.example/\nwitness a {w1} https://w1.example/\n\
             witness b {w2}\ngroup g 1 a b\nquorum g\n"
        )
    );
    assert_eq!(Policy::parse(&printed).unwrap(), policy);
}

#[test]
fn quorums_count_groups_of_groups() {
    let policy = World::get().strict_policy();
    for (cosigned, met) in [
        (&["w1-ed", "w1-pq", "w2-ed", "w2-pq"][..], true),
        (&["w1-ed", "w1-pq", "w2-ed"], false),
        (&["w1-ed", "w2-ed"], false),
        (&[], false),
    ] {
        assert_eq!(
            policy.is_satisfied(&names(&policy, cosigned)),
            met,
            "{cosigned:?}"
        );
    }
    let none = Policy::parse("quorum none\n").unwrap();
    assert!(none.is_satisfied(&BTreeSet::new()));
    assert_eq!(none.quorum(), None);
}

/// The error of a policy that starts with a log and witness `a` and goes on with `tail`.
fn refusal(tail: &str) -> PolicyError {
    let (log, w1, _) = vkeys();
    Policy::parse(&format!("log {log}\nwitness a {w1}\n{tail}")).unwrap_err()
}

/// `expected` is a pattern; the value that does not match is shown.
macro_rules! assert_refused {
    ($tail:expr, $expected:pat) => {
        let refused = refusal(&$tail);
        assert!(matches!(refused, $expected), "{}: {refused:?}", $tail);
    };
}

#[test]
fn every_malformed_log_or_witness_line_is_refused_by_its_number() {
    let (log, w1, w2) = vkeys();
    assert_refused!("log\n", PolicyError::Line { line: 3, .. });
    assert_refused!(format!("log {w2} u x\n"), PolicyError::Line { line: 3, .. });
    assert_refused!("# x\nlog x+y+z\n", PolicyError::Key { line: 4, .. });
    assert_refused!(
        format!("log {log}\n"),
        PolicyError::DuplicateKey { line: 3, .. }
    );
    assert_refused!(
        format!("log {w2}\n"),
        PolicyError::KeyRole { role: "log", .. }
    );
    assert_refused!(
        format!("witness b {w1}\n"),
        PolicyError::DuplicateKey { line: 3, .. }
    );
    assert_refused!(
        format!("witness a {w2}\n"),
        PolicyError::DuplicateName { line: 3, .. }
    );
    assert_refused!(
        format!("witness none {w2}\n"),
        PolicyError::DuplicateName { .. }
    );
    assert_refused!(
        format!("witness b {log}\n"),
        PolicyError::KeyRole {
            role: "witness",
            ..
        }
    );
    assert_refused!(format!("witness {w2}\n"), PolicyError::Line { line: 3, .. });
}

#[test]
fn every_malformed_group_line_is_refused_by_its_number() {
    assert_refused!("group g any\n", PolicyError::Line { line: 3, .. });
    assert_refused!("group g some a\n", PolicyError::Line { line: 3, .. });
    assert_refused!("group g 01 a\n", PolicyError::Line { line: 3, .. });
    assert_refused!(
        "group g 0 a\n",
        PolicyError::Threshold {
            line: 3,
            k: 0,
            members: 1
        }
    );
    assert_refused!(
        "group g 2 a\n",
        PolicyError::Threshold {
            line: 3,
            k: 2,
            members: 1
        }
    );
    assert_refused!("group g any b\n", PolicyError::UnknownName { line: 3, .. });
    assert_refused!("group g any g\n", PolicyError::UnknownName { line: 3, .. });
    assert_refused!(
        "group g any none\n",
        PolicyError::UnknownName { line: 3, .. }
    );
    assert_refused!(
        "group a any a\n",
        PolicyError::DuplicateName { line: 3, .. }
    );
    assert_refused!(
        "group none any a\n",
        PolicyError::DuplicateName { line: 3, .. }
    );
    assert_refused!(
        "group g any a a\n",
        PolicyError::MemberTwice { line: 3, .. }
    );
    assert_refused!(
        "group g any a\ngroup h any a\n",
        PolicyError::MemberTwice { line: 4, .. }
    );
}

#[test]
fn a_policy_has_exactly_one_quorum_line() {
    assert_refused!("quorum b\n", PolicyError::UnknownName { line: 3, .. });
    assert_refused!(
        "quorum a\nquorum a\n",
        PolicyError::SecondQuorum { line: 4 }
    );
    assert_refused!(
        "quorum none\nquorum a\n",
        PolicyError::SecondQuorum { line: 4 }
    );
    assert_refused!("quorum\n", PolicyError::Line { line: 3, .. });
    assert_refused!("quorum a b\n", PolicyError::Line { line: 3, .. });
    assert_refused!("Quorum a\n", PolicyError::Line { line: 3, .. });
    assert_refused!("quorum a", PolicyError::Text(_));
    assert_refused!("quorum a\r\n", PolicyError::Text(_));
    assert_refused!("quorum\u{a0}a\n", PolicyError::Line { line: 3, .. });
    assert_refused!("", PolicyError::NoQuorum);
    assert!(matches!(Policy::parse(""), Err(PolicyError::Text(_))));
    assert!(matches!(Policy::parse("\n"), Err(PolicyError::NoQuorum)));
}

#[test]
fn one_raw_key_under_two_names_is_a_duplicate() {
    let (log, w1, _) = vkeys();
    let again = TestSigner::new("other.example", KeyType::CosignatureEd25519, "w1");
    let text = format!(
        "log {log}\nwitness a {w1}\nwitness b {}\ngroup g all a b\nquorum g\n",
        again.vkey()
    );
    assert!(matches!(
        Policy::parse(&text),
        Err(PolicyError::DuplicateKey { line: 3, .. })
    ));
}

#[test]
fn a_log_needs_an_ed25519_key() {
    let world = World::get();
    let text = format!("log {}\nquorum none\n", world.log_pq.vkey());
    assert!(matches!(
        Policy::parse(&text),
        Err(PolicyError::LogWithoutEd25519 { .. })
    ));
    let text = format!(
        "log {}\nlog {}\nquorum none\n",
        world.log_pq.vkey(),
        world.log.vkey()
    );
    let policy = Policy::parse(&text).unwrap();
    assert_eq!(policy.log_keys(&"log.example/a".parse().unwrap()).len(), 2);
    assert!(
        policy
            .log_keys(&"log.example/b".parse().unwrap())
            .is_empty()
    );
}

#[test]
fn thirty_two_of_each_kind_are_read_and_a_flood_is_refused() {
    let mut text = String::new();
    for i in 0..128 {
        let log = TestSigner::new(&format!("l{i}.example"), KeyType::Ed25519, &format!("l{i}"));
        let label = format!("w{i}");
        let witness = TestSigner::new("w.example", KeyType::CosignatureEd25519, &label);
        text += &format!(
            "log {}\nwitness w{i} {}\ngroup g{i} any w{i}\n",
            log.vkey(),
            witness.vkey()
        );
    }
    assert!(Policy::parse(&format!("{text}quorum g127\n")).is_ok());
    let more = TestSigner::new("more.example", KeyType::Ed25519, "more");
    let refused = Policy::parse(&format!("{text}log {}\nquorum none\n", more.vkey()));
    assert!(matches!(refused, Err(PolicyError::Text(_))));
    let more = TestSigner::new("more.example", KeyType::CosignatureEd25519, "more");
    let refused = Policy::parse(&format!("{text}witness x {}\nquorum none\n", more.vkey()));
    assert!(matches!(refused, Err(PolicyError::Text(_))));
    let refused = Policy::parse(&format!("{text}group x any g1\nquorum none\n"));
    assert!(matches!(refused, Err(PolicyError::Text(_))));
    let long = format!("#{}\nquorum none\n", "x".repeat(1024 * 1024));
    assert!(matches!(Policy::parse(&long), Err(PolicyError::Text(_))));
}
