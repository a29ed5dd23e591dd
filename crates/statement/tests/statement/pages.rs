//! The pages under `spec/` were written by hand and by another program; what they show is what is
//! printed here, to the byte.

use statement::{Envelope, KeyId, StatementDigest, commitment_digest};

use crate::samples::{self, RfcKey};

macro_rules! pages {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!("../../../../spec/", $name, ".md")))),+]
    };
}

const PAGES: [(&str, &str); 15] = pages! {
    "constitution" "activation" "closure" "halt" "revocation" "heartbeat" "anchor" "pruning"
    "source" "environment" "provenance" "commitment" "rebuild" "test-result" "finding"
};

/// The one block of this language.
fn block<'a>(page: &'a str, language: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("\n```").unwrap().0
}

#[test]
fn the_pages_show_the_bytes_that_are_printed() {
    let samples = samples::all();
    assert_eq!(samples.len(), PAGES.len());
    for (name, sample) in samples {
        let (_, page) = PAGES.iter().find(|(page, _)| *page == name).unwrap();
        let shown = block(page, "json");
        let printed = String::from_utf8(sample.to_payload().unwrap()).unwrap();
        assert_eq!(printed, shown, "{name}");
        assert_eq!(sample.predicate.short_name(), name);
        let read = statement::Statement::parse(shown.as_bytes()).unwrap();
        assert_eq!(read, sample, "{name}");
    }
}

#[test]
fn the_pages_name_every_field_of_their_predicate() {
    for (name, page) in PAGES {
        let shown: serde_json::Value = serde_json::from_str(block(page, "json")).unwrap();
        for field in shown["predicate"].as_object().unwrap().keys() {
            assert!(page.matches(field.as_str()).count() > 1, "{name}: {field}");
        }
    }
}

#[test]
fn the_envelope_of_the_page_is_the_one_that_is_made() {
    let page = include_str!("../../../../spec/envelope.md");
    let key = RfcKey::number(1);
    // RFC 8032, section 7.1, test 1.
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(hex::encode(key.raw()), public);
    let payload = samples::heartbeat().to_payload().unwrap();
    assert!(page.contains(&format!(
        "DSSEv1 28 application/vnd.in-toto+json {} <payload>",
        payload.len()
    )));
    let made = Envelope::sign(payload, &key).unwrap();
    let shown = block(page, "json");
    assert_eq!(String::from_utf8(made.to_bytes()).unwrap(), shown);
    let read = Envelope::parse(shown.as_bytes()).unwrap();
    let signed = read.open(&key.raw()).unwrap();
    assert_eq!(*signed.statement(), samples::heartbeat());
    assert_eq!(signed.key(), KeyId::of(&key.raw()));
}

#[test]
fn the_digest_of_the_page_is_that_of_its_payload() {
    let page = include_str!("../../../../spec/statement.md");
    let payload = block(page, "json");
    assert_eq!(
        samples::heartbeat().to_payload().unwrap(),
        payload.as_bytes()
    );
    let digest = StatementDigest::of(payload.as_bytes()).to_string();
    assert_eq!(block(page, "text"), digest);
    assert!(page.contains(&format!("{} bytes", payload.len())));
}

#[test]
fn the_commitment_of_the_page_is_the_digest_of_its_lines() {
    let (_, page) = PAGES
        .iter()
        .find(|(name, _)| *name == "commitment")
        .unwrap();
    let at = page.rfind("```text\nlimpid commitment v1\n").unwrap();
    let (lines, shown) = block(&page[at..], "text").split_once("\nSHA-256 ").unwrap();
    assert_eq!(tlog::sha256(lines.as_bytes()).to_hex(), shown);
    let mut lines = lines.lines().skip(1);
    let mut next = || lines.next().unwrap();
    let key: KeyId = next().parse().unwrap();
    let build: StatementDigest = next().parse().unwrap();
    let [artifacts, salt] = [next(), next()].map(|line| line.parse().unwrap());
    assert_eq!(
        commitment_digest(key, build, artifacts, salt).to_string(),
        shown
    );
}
