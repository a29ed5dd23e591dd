//! Values fixed in public and shown to few.

use serde_json::json;
use statement::{Disclosure, SealedError, seal_field};

/// RFC 9901, sections 4.2.1 and 4.2.3.
const RFC_DISCLOSURE: &str =
    "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
const RFC_DIGEST: &str = "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0";

fn seed() -> [u8; 32] {
    std::array::from_fn(|at| at as u8)
}

#[test]
fn the_disclosure_of_rfc_9901_has_the_digest_of_rfc_9901() {
    let disclosure = Disclosure::parse(RFC_DISCLOSURE).unwrap();
    let digest = disclosure.digest();
    assert_eq!(serde_json::to_value(&digest).unwrap(), json!(RFC_DIGEST));
    assert_eq!(disclosure.as_str(), RFC_DISCLOSURE);
    assert_eq!(
        disclosure.open(&digest).unwrap(),
        ("family_name", &json!("M\u{f6}bius"))
    );
}

#[test]
fn the_sealed_field_of_the_page_is_the_one_that_is_made() {
    let page = include_str!("../../../../spec/sealed.md");
    let shown = |name: &str| {
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap()[name.len()..].trim().to_owned()
    };
    assert_eq!(hex::encode(seed()), shown("seed"));
    let (sealed, disclosure) = seal_field(&seed(), "country", &json!("JP"));
    assert_eq!(disclosure.as_str(), shown("disclosure"));
    assert_eq!(
        serde_json::to_value(&sealed).unwrap(),
        json!(shown("digest"))
    );
    let (name, value) = disclosure.open(&sealed).unwrap();
    assert_eq!((name, value), ("country", &json!("JP")));
    assert!(shown("array").contains(&shown("salt")));
}

#[test]
fn a_disclosure_opens_its_own_field_only() {
    let (sealed, disclosure) = seal_field(&seed(), "country", &json!("JP"));
    let others = [
        seal_field(&seed(), "country", &json!("CH")),
        seal_field(&seed(), "size", &json!("JP")),
        seal_field(&[7; 32], "country", &json!("JP")),
    ];
    for (other_sealed, other) in &others {
        assert_ne!(*other_sealed, sealed);
        assert!(matches!(
            other.open(&sealed),
            Err(SealedError::Mismatch { .. })
        ));
        assert!(disclosure.open(other_sealed).is_err());
    }
    let again = Disclosure::parse(disclosure.as_str()).unwrap();
    assert_eq!(again, disclosure);
}

#[test]
fn sealing_is_the_same_every_time_and_salts_differ_by_name() {
    let [first, again] = [(); 2].map(|()| seal_field(&seed(), "a", &json!({"b": [1, null]})));
    assert_eq!(first, again);
    let salt_of = |name: &str| {
        let (_, disclosure) = seal_field(&seed(), name, &json!(1));
        disclosure.as_str()[..20].to_owned()
    };
    assert_ne!(salt_of("a"), salt_of("b"));
}

#[test]
fn what_is_no_disclosure_is_refused() {
    let long = "A".repeat(4097);
    for bad in ["=", "a+b/", "W10=", &format!("{RFC_DISCLOSURE}="), &long] {
        assert!(
            matches!(Disclosure::parse(bad), Err(SealedError::Form)),
            "{bad}"
        );
    }
    // `[]`, `["salt","name"]`, `{}` and `"x"`.
    for bad in ["", "W10", "WyJzYWx0IiwibmFtZSJd", "e30", "Ingi"] {
        assert!(
            matches!(Disclosure::parse(bad), Err(SealedError::Shape(_))),
            "{bad}"
        );
    }
}
