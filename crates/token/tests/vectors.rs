//! The cases of `spec/vectors/admission.json`, written by a program in another language that shares nothing with this crate.
#![allow(clippy::unwrap_used, missing_docs)]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use statement::IssuerName;
use token::{Licence, TokenError, TokenRequest, signature_from_text};

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().unwrap()
}

/// What the page makes of a case: the installation, or which of the reasons.
fn judged(case: &Value, keys: &[[u8; 32]], issuer: &IssuerName) -> Result<String, &'static str> {
    let body = STANDARD.decode(text(&case["request"], "base64")).unwrap();
    let request = TokenRequest::parse(&body).unwrap();
    let licence = Licence::from_text(text(case, "licence")).map_err(|_| "form")?;
    let signature = signature_from_text(text(case, "signature")).map_err(|_| "form")?;
    let now = case["now"].as_u64().unwrap();
    let known = licence.check(keys, (issuer, &request), &signature, now);
    known
        .map(|known| hex::encode(known.key()))
        .map_err(|error| match error {
            TokenError::Licence => "licence",
            TokenError::LicenceEnded { .. } => "ended",
            TokenError::Installation => "installation",
            other => panic!("{other}"),
        })
}

#[test]
fn every_case_of_another_program_is_judged_as_it_says() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../spec/vectors/admission.json")).unwrap();
    let keys = vectors["licence_keys"].as_array().unwrap().iter();
    let keys: Vec<[u8; 32]> = keys
        .map(|key| {
            hex::decode(key.as_str().unwrap())
                .unwrap()
                .try_into()
                .unwrap()
        })
        .collect();
    let issuer = text(&vectors, "issuer").parse().unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 25, "{} cases", cases.len());
    for case in cases {
        let expected = match text(case, "expect") {
            "ok" => Ok(text(&case["result"], "installation").to_owned()),
            _ => Err(text(case, "how")),
        };
        assert_eq!(
            judged(case, &keys, &issuer),
            expected,
            "{}",
            text(case, "name")
        );
    }
}
