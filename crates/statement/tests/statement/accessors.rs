//! What a parsed statement answers, and where a refusal points.

use serde_json::Value;
use statement::{
    Constitution, Disclosure, Envelope, EnvelopeError, FileDigest, IdError, Kind, PartyId,
    Predicate, Statement, StatementDigest, StatementError, TestResult, approval_resource_uri,
    from_canonical, seal_field,
};

use super::samples;

fn sample(name: &str) -> Statement {
    let found = samples::all().into_iter().find(|(kind, _)| *kind == name);
    found.unwrap_or_else(|| panic!("no sample `{name}`")).1
}

#[test]
fn a_spelling_that_is_not_canonical_is_pointed_at() {
    let at = |bytes: &[u8]| from_canonical::<Value>(bytes).unwrap_err().to_string();
    assert!(
        at(br#"{"a":1, "b":2}"#).contains("byte 7"),
        "{}",
        at(br#"{"a":1, "b":2}"#)
    );
    assert!(at(br#"{"b":1,"a":2}"#).contains("byte 2"));
}

#[test]
fn a_null_field_that_is_left_out_is_pointed_at() {
    let payload = String::from_utf8(sample("halt").to_payload().unwrap()).unwrap();
    let (name, rest) = payload
        .split_once("\"product\":")
        .expect("a halt names a product or none");
    let (_, rest) = rest.split_once(',').unwrap();
    let other = format!("{name}{rest}");
    let whole = payload.replace(
        &payload[name.len()..payload.len() - rest.len()],
        "\"product\":null,",
    );
    let at = whole
        .bytes()
        .zip(other.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    match Statement::parse(other.as_bytes()) {
        Err(StatementError::Spelling { at: seen }) => assert_eq!(seen, at),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_of_the_greatest_length_is_judged_by_its_form() {
    let longest = vec![b'x'; statement::limits::ENTRY_BYTES_MAX];
    assert!(matches!(
        Envelope::parse(&longest),
        Err(EnvelopeError::Form { .. })
    ));
    let longer = vec![b'x'; statement::limits::ENTRY_BYTES_MAX + 1];
    assert!(matches!(
        Envelope::parse(&longer),
        Err(EnvelopeError::TooLong { .. })
    ));
}

#[test]
fn a_constitution_finds_its_parties_by_id() {
    let constitution: Constitution = samples::constitution();
    for party in &constitution.parties {
        assert_eq!(constitution.find_party(&party.id), Some(party));
    }
    assert_eq!(constitution.find_party(&"nobody".parse().unwrap()), None);
}

#[test]
fn a_wrong_id_is_quoted_and_cut() {
    let long = "Z".repeat(200);
    let error = long.parse::<StatementDigest>().unwrap_err();
    assert_eq!(
        error,
        IdError::Digest {
            kind: "StatementDigest",
            value: "Z".repeat(80)
        }
    );
    assert!(
        "Lab A"
            .parse::<PartyId>()
            .unwrap_err()
            .to_string()
            .contains("`Lab A`")
    );
}

#[test]
fn a_party_id_is_shown_as_written() {
    let id: PartyId = "lab-a".parse().unwrap();
    assert_eq!(id.to_string(), "lab-a");
    assert_eq!(format!("{id:?}"), "PartyId(lab-a)");
}

#[test]
fn a_disclosure_has_at_most_4096_bytes() {
    let fits = |value: usize| {
        let (sealed, disclosure) = seal_field(&[7; 32], "n", &Value::from("v".repeat(value)));
        let text = disclosure.as_str().to_owned();
        let opened = Disclosure::parse(&text).is_ok_and(|parsed| parsed.open(&sealed).is_ok());
        (text.len(), opened)
    };
    assert_eq!(fits(3039), (4096, true));
    assert!(fits(3000).1);
    assert_eq!(fits(3040), (4098, false));
}

#[test]
fn a_provenance_is_bound_by_its_external_parameters() {
    let statement = sample("provenance");
    let Predicate::Provenance(provenance) = &statement.predicate else {
        panic!("a provenance")
    };
    let asked = &provenance.build_definition.external_parameters;
    assert_eq!(statement.predicate.audience(), asked.audience);
    assert_eq!(statement.predicate.not_after(), asked.not_after);
    assert_eq!(statement.predicate.blobs(), asked.blobs);
    assert!(!asked.blobs.is_empty() && !asked.audience.is_empty());
}

#[test]
fn a_dependency_is_found_by_its_uri_if_it_stands_once() {
    let statement = sample("provenance");
    let Predicate::Provenance(mut provenance) = statement.predicate else {
        panic!("a provenance")
    };
    let listed = provenance.build_definition.resolved_dependencies.clone();
    for dependency in &listed {
        assert_eq!(
            provenance.dependency(&dependency.uri),
            Some(dependency.digest.sha256)
        );
    }
    assert_eq!(provenance.dependency("nothing"), None);
    let mut again = listed[0].clone();
    again.digest.sha256 = FileDigest::of(b"another");
    provenance
        .build_definition
        .resolved_dependencies
        .push(again);
    assert_eq!(
        provenance.dependency(&listed[0].uri),
        None,
        "two of one name are none"
    );
}

#[test]
fn an_approval_names_log_and_build() {
    let build = StatementDigest::of(b"build");
    assert_eq!(
        approval_resource_uri(&samples::origin(), build),
        format!("center.example/log/build/{build}")
    );
}

#[test]
fn each_kind_has_the_role_of_its_name() {
    assert_eq!(Kind::Software.tuf_role(), "software");
    assert_eq!(Kind::Rules.tuf_role(), "rules");
}

#[test]
fn every_statement_of_ours_says_until_when_it_may_be_included() {
    for (name, statement) in samples::all() {
        let bound = statement.predicate.not_after();
        match &statement.predicate {
            Predicate::Approval(_) => {
                assert_eq!(bound, u64::MAX, "a VSA is bound by resource and policy")
            }
            Predicate::TestResult(_) => {
                assert_eq!(
                    bound,
                    u64::MAX,
                    "a test result is bound by its configuration"
                )
            }
            _ => assert_eq!(bound, samples::NOT_AFTER, "{name}"),
        }
    }
}

#[test]
fn a_test_result_is_about_the_one_build_that_its_configuration_names() {
    let (build, other) = (StatementDigest::of(b"build"), StatementDigest::of(b"other"));
    let about = |build| TestResult::of((&samples::origin(), build), [], Vec::new(), Vec::new());
    let result = about(build);
    assert_eq!(result.build(), Some(build));
    assert!(result.is_for(&samples::origin()));
    assert!(!result.is_for(&"other.example/log".parse().unwrap()));

    let mut two = about(build);
    two.configuration.extend(about(other).configuration);
    let mut contradicting = about(build);
    contradicting.configuration[0].digest = about(other).configuration[0].digest.clone();
    let mut none = about(build);
    none.configuration.clear();
    for result in [two, contradicting, none] {
        assert_eq!(result.build(), None);
        assert!(!result.is_for(&samples::origin()));
    }
}
