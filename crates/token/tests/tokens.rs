//! What a token shows and what it does not, and that no bytes from outside do more than be refused.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use statement::Admission;
use token::{
    Blinding, Challenge, Licence, Token, TokenError, TokenKey, TokenRequest, TokenSecret,
    challenges_header, limits, signature_from_text, signature_to_text,
};

/// The key of RFC 9578, appendix B.2.
fn secret() -> TokenSecret {
    let file: serde_json::Value = serde_json::from_str(include_str!("rfc9578.json")).unwrap();
    let pem = hex::decode(file["skS"].as_str().unwrap()).unwrap();
    TokenSecret::from_pem(std::str::from_utf8(&pem).unwrap()).unwrap()
}

fn admission(home: &str, valid_from: u64) -> Admission {
    Admission {
        audience: Vec::new(),
        not_after: 0,
        blobs: Vec::new(),
        home: home.parse().unwrap(),
        issuer: "issuer.vendor.example".parse().unwrap(),
        key: String::new(),
        valid_from,
        valid_until: valid_from + 1,
    }
}

fn zurich() -> Challenge {
    Challenge::of(&admission("CH", 1_799_971_200))
}

fn token(secret: &TokenSecret, challenge: &Challenge, nonce: u8) -> Token {
    let key = secret.public();
    let blinding = Blinding::start(key, challenge, [nonce; 32], &[nonce; 32]).unwrap();
    let answer = secret.sign(&blinding.request(key), &[1; 32]).unwrap();
    blinding.finish(key, challenge, &answer).unwrap()
}

#[test]
fn a_token_is_good_for_one_home_and_one_day_and_one_key() {
    let secret = secret();
    let key = secret.public();
    let token = token(&secret, &zurich(), 1);
    let admitted = token.admit(key, &zurich()).unwrap();
    for other in [
        admission("RU", 1_799_971_200),
        admission("CH", 1_800_057_600),
    ] {
        let refused = token.admit(key, &Challenge::of(&other));
        assert_eq!(refused, Err(TokenError::NotAdmitted));
    }
    let another = TokenSecret::from_seed(&[7; 32]).unwrap();
    assert_eq!(another.public().spki().len(), 342);
    let refused = token.admit(another.public(), &zurich());
    assert_eq!(refused, Err(TokenError::NotAdmitted));
    // Each byte of it counts, and the name under which it is spent is of what was signed.
    for at in 0..limits::TOKEN_BYTES {
        let mut bytes = token.to_bytes();
        bytes[at] ^= 1;
        let read = Token::parse(&bytes);
        assert!(read.is_err() || read.unwrap().admit(key, &zurich()).is_err());
    }
    let header = Token::from_header(&token.to_header()).unwrap();
    assert_eq!(header.admit(key, &zurich()), Ok(admitted));
}

#[test]
fn the_page_shows_the_challenge_that_is_made() {
    let page = include_str!("../../../spec/admission.md");
    let (_, example) = page.split_once("```json\n").unwrap();
    let payload = example.split_once("\n```").unwrap().0;
    let said = statement::Statement::parse(payload.as_bytes()).unwrap();
    let statement::Predicate::Admission(said) = said.predicate else {
        panic!("the page of admission");
    };
    let made = hex::encode(Challenge::of(&said).as_bytes());
    assert!(page.contains(&format!("```text\n{made}\n```")), "{made}");
    let key = TokenKey::from_spki(&said.key_der().unwrap()).unwrap();
    assert_eq!(&key, secret().public());
}

#[test]
fn the_issuer_sees_another_number_each_time_and_never_the_token() {
    let secret = secret();
    let key = secret.public();
    let blind = |seed: u8| {
        let blinding = Blinding::start(key, &zurich(), [5; 32], &[seed; 32]).unwrap();
        blinding.request(key)
    };
    let (first, second) = (blind(1), blind(2));
    assert_ne!(first, second);
    assert_eq!(first, blind(1), "the same seed, for vectors");
    let blinding = Blinding::start(key, &zurich(), [5; 32], &[1; 32]).unwrap();
    let answer = secret.sign(&first, &[1; 32]).unwrap();
    assert_eq!(answer, secret.sign(&first, &[2; 32]).unwrap());
    let token = blinding.finish(key, &zurich(), &answer).unwrap();
    let shown = token.to_bytes();
    for seen in [&first.to_bytes()[3..], &answer] {
        assert!(
            !shown
                .windows(16)
                .any(|part| seen.windows(16).any(|it| it == part))
        );
    }
}

#[test]
fn a_signature_by_a_key_of_its_own_for_one_endpoint_is_no_token() {
    let (honest, tagging) = (secret(), TokenSecret::from_seed(&[8; 32]).unwrap());
    let key = honest.public();
    let blinding = Blinding::start(key, &zurich(), [5; 32], &[1; 32]).unwrap();
    let mut asked = blinding.request(key).to_bytes();
    let refused = tagging.sign(&TokenRequest::parse(&asked).unwrap(), &[1; 32]);
    assert!(matches!(refused, Err(TokenError::OtherKey { .. })));
    asked[2] = tagging.public().truncated_id();
    // Its modulus may be too small for the number; then it has no answer at all.
    if let Ok(answer) = tagging.sign(&TokenRequest::parse(&asked).unwrap(), &[1; 32]) {
        let refused = blinding.finish(key, &zurich(), &answer);
        assert_eq!(refused, Err(TokenError::NotSigned));
    }
    let refused = blinding.finish(key, &zurich(), &[0; 256]);
    assert_eq!(refused, Err(TokenError::NotSigned));
}

#[test]
fn a_key_has_one_spelling_and_is_read_back() {
    let secret = secret();
    let spki = secret.public().spki();
    assert_eq!(&TokenKey::from_spki(spki).unwrap(), secret.public());
    for at in (0..81).chain(337..342) {
        let mut other = spki.to_vec();
        other[at] ^= 1;
        assert_eq!(TokenKey::from_spki(&other), Err(TokenError::PublicKey));
    }
    let again = TokenSecret::from_pem(&secret.to_pem().unwrap()).unwrap();
    assert_eq!(again.public(), secret.public());
    let asked = challenges_header([(secret.public(), &zurich())]);
    assert!(
        asked.starts_with("PrivateToken challenge=\"AAIAFWlzc3Vlci52"),
        "{asked}"
    );
}

#[test]
fn a_number_above_the_modulus_is_not_signed() {
    let secret = secret();
    let mut bytes = vec![0xff; limits::REQUEST_BYTES];
    bytes[..3].copy_from_slice(&[0, 2, secret.public().truncated_id()]);
    let refused = secret.sign(&TokenRequest::parse(&bytes).unwrap(), &[1; 32]);
    assert_eq!(refused, Err(TokenError::Number));
}

proptest! {
    #[test]
    fn whatever_comes_from_outside_is_read_back_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in ".{0,700}") {
        if let Ok(token) = Token::parse(&bytes) {
            prop_assert_eq!(token.to_bytes(), bytes.clone());
        }
        if let Ok(request) = TokenRequest::parse(&bytes) {
            prop_assert_eq!(request.to_bytes(), bytes.clone());
        }
        prop_assert!(TokenKey::from_spki(&bytes).is_err());
        prop_assert!(Token::from_header(&text).is_err());
        prop_assert!(Blinding::from_bytes(&bytes).is_err());
        if let Ok(licence) = Licence::from_text(&text) {
            prop_assert_eq!(licence.to_text(), text.clone());
        }
        if let Ok(signature) = signature_from_text(&text) {
            prop_assert_eq!(signature_to_text(&signature), text);
        }
    }

    #[test]
    fn a_token_survives_its_header_quoted_or_not(seed in any::<[u8; 32]>()) {
        let mut bytes = vec![0, 2];
        bytes.extend(seed.iter().cycle().take(limits::TOKEN_BYTES - 2));
        let token = Token::parse(&bytes).unwrap();
        let header = token.to_header();
        prop_assert_eq!(&Token::from_header(&header).unwrap(), &token);
        prop_assert_eq!(&Token::from_header(&header.replace('"', "")).unwrap(), &token);
    }
}
