//! One spelling, one signature, one meaning.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use statement::{Envelope, EnvelopeError, PAYLOAD_TYPE, StatementError, StatementSigner as _, pae};

use crate::samples::{self, RfcKey};

fn payload() -> Vec<u8> {
    samples::heartbeat().to_payload().unwrap()
}

fn entry() -> Vec<u8> {
    Envelope::sign(payload(), &RfcKey::number(1))
        .unwrap()
        .to_bytes()
}

fn text() -> String {
    String::from_utf8(entry()).unwrap()
}

/// The encoding of the DSSE protocol page, for any payload type.
fn pae_by_definition(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"DSSEv1".to_vec();
    for part in [payload_type.as_bytes(), payload] {
        bytes.extend(format!(" {} ", part.len()).bytes());
        bytes.extend(part);
    }
    bytes
}

#[test]
fn what_is_signed_is_the_pre_authentication_encoding_of_dsse() {
    // The vector of the protocol page.
    let vector = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
    assert_eq!(
        pae_by_definition("http://example.com/HelloWorld", b"hello world"),
        vector
    );
    for payload in [&b""[..], b"hello world", &payload()] {
        assert_eq!(pae(payload), pae_by_definition(PAYLOAD_TYPE, payload));
    }
}

#[test]
fn an_envelope_is_printed_as_it_was_read() {
    let read = Envelope::parse(&entry()).unwrap();
    assert_eq!(read.to_bytes(), entry());
    assert_eq!(read.payload(), payload());
    read.verify(&RfcKey::number(1).raw()).unwrap();
}

#[test]
fn signing_again_gives_the_same_entry() {
    assert_eq!(entry(), entry());
}

#[test]
fn every_flipped_bit_is_refused() {
    let raw = RfcKey::number(1).raw();
    let honest = entry();
    for at in 0..honest.len() {
        for bit in 0..8 {
            let mut bytes = honest.clone();
            bytes[at] ^= 1 << bit;
            let opened = Envelope::parse(&bytes)
                .map_err(StatementError::from)
                .and_then(|envelope| envelope.open(&raw));
            assert!(opened.is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn every_cut_and_every_added_byte_is_refused() {
    let honest = entry();
    for length in 0..honest.len() {
        assert!(
            Envelope::parse(&honest[..length]).is_err(),
            "cut at {length}"
        );
    }
    for extra in [b' ', b'\n', b'}', 0] {
        let mut longer = honest.clone();
        longer.push(extra);
        assert!(Envelope::parse(&longer).is_err());
        let mut longer = honest.clone();
        longer.insert(0, extra);
        assert!(Envelope::parse(&longer).is_err());
    }
}

fn refused(bytes: &str) -> EnvelopeError {
    Envelope::parse(bytes.as_bytes()).unwrap_err()
}

#[test]
fn other_spellings_of_the_same_json_are_refused() {
    let honest = text();
    let spellings = [
        honest.replacen(':', ": ", 1),
        honest.replacen(",\"", ", \"", 1),
        honest.replace("payloadType", "payload\\u0054ype"),
        honest.replace("in-toto+json", "in-toto\\u002bjson"),
        honest.replace("vnd.in-toto+json", "json"),
        honest.replace("]}", ",{\"keyid\":\"\",\"sig\":\"\"}]}"),
        honest.replace("}]}", "}],\"more\":1}"),
        honest.replace("}]}", ",\"cert\":\"\"}]}"),
    ];
    for spelling in spellings {
        assert_ne!(spelling, honest);
        refused(&spelling);
    }
    // The same fields in another order.
    let (payload, rest) = honest[1..].split_once(',').unwrap();
    let (payload_type, signatures) = rest.split_once(',').unwrap();
    let signatures = signatures.strip_suffix('}').unwrap();
    let reordered = format!("{{{payload_type},{payload},{signatures}}}");
    assert!(serde_json::from_str::<serde_json::Value>(&reordered).is_ok());
    assert!(matches!(
        refused(&reordered),
        EnvelopeError::Form { part: "payload" }
    ));
}

#[test]
fn two_signatures_are_two_entries() {
    let honest = text();
    let at = honest.find("{\"keyid\"").unwrap();
    let signature = honest[at..].strip_suffix("]}").unwrap();
    let twice = honest.replace("]}", &format!(",{signature}]}}"));
    assert!(serde_json::from_str::<serde_json::Value>(&twice).is_ok());
    refused(&twice);
    let none = format!("{}]}}", &honest[..at]);
    assert!(serde_json::from_str::<serde_json::Value>(&none).is_ok());
    refused(&none);
}

fn with_sig(sig: &str) -> String {
    let honest = text();
    let (head, rest) = honest.split_once("\"sig\":\"").unwrap();
    let (_, tail) = rest.split_once('"').unwrap();
    format!("{head}\"sig\":\"{sig}\"{tail}")
}

#[test]
fn base64_has_one_spelling() {
    let honest = text();
    let envelope = Envelope::parse(honest.as_bytes()).unwrap();
    let (_, sig) = honest.split_once("\"sig\":\"").unwrap();
    let sig = sig.split_once('"').unwrap().0;
    assert!(sig.ends_with("=="));
    assert_eq!(with_sig(sig), honest);
    let unpadded = sig.trim_end_matches('=');
    // The last four bits of 64 bytes in base64 mean nothing and must be zero.
    let last = unpadded.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let slack = alphabet
        .chars()
        .nth(alphabet.find(last).unwrap() + 1)
        .unwrap();
    let slack = format!("{}{slack}==", &unpadded[..unpadded.len() - 1]);
    let url_safe = sig.replace('+', "-").replace('/', "_");
    let mut spellings = vec![
        unpadded.to_owned(),
        format!("{unpadded}="),
        format!("{sig}="),
    ];
    spellings.extend([slack, format!("{sig}\\n"), format!(" {sig}")]);
    if url_safe != sig {
        spellings.push(url_safe);
    }
    for spelling in spellings {
        let refused = refused(&with_sig(&spelling));
        assert!(
            matches!(refused, EnvelopeError::Base64 { field: "sig" }),
            "{spelling}"
        );
    }
    let encoded = STANDARD.encode(envelope.payload());
    for spelling in [
        format!("{encoded}="),
        encoded.trim_end_matches('=').to_owned(),
    ] {
        if spelling == encoded {
            continue;
        }
        let bytes = honest.replace(&encoded, &spelling);
        assert!(matches!(
            refused(&bytes),
            EnvelopeError::Base64 { field: "payload" }
        ));
    }
}

#[test]
fn a_signature_has_64_bytes_and_a_key_id_64_digits() {
    for bytes in [0, 63, 65, 128] {
        let refused = refused(&with_sig(&STANDARD.encode(vec![7; bytes])));
        assert!(
            matches!(refused, EnvelopeError::SignatureLength { bytes: found } if found == bytes)
        );
    }
    let id = RfcKey::number(1).key().to_string();
    for other in [
        id.to_uppercase(),
        id[1..].to_owned(),
        format!("0{id}"),
        String::new(),
    ] {
        let refused = refused(&text().replace(&id, &other));
        assert!(matches!(refused, EnvelopeError::KeyId(_)), "{other}");
    }
}

#[test]
fn only_the_named_key_verifies() {
    let envelope = Envelope::parse(&entry()).unwrap();
    let other = envelope.verify(&RfcKey::number(2).raw());
    assert!(matches!(other, Err(EnvelopeError::OtherKey { .. })));
    // The right signature under another key's id.
    let (key, signature) = (RfcKey::number(2), RfcKey::number(1).sign(&pae(&payload())));
    let claimed = Envelope::new(payload(), key.key(), signature).unwrap();
    assert!(matches!(
        claimed.verify(&key.raw()),
        Err(EnvelopeError::BadSignature { .. })
    ));
    // A signature over the bare payload, without the encoding.
    let bare = RfcKey::number(1).sign(&payload());
    let bare = Envelope::new(payload(), RfcKey::number(1).key(), bare).unwrap();
    assert!(bare.verify(&RfcKey::number(1).raw()).is_err());
}

#[test]
fn a_key_of_small_order_signs_nothing() {
    // With the neutral element as key, S = 0 and R = neutral element satisfy the lax equation for
    // every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let id = statement::KeyId::of(&neutral);
    let forged = Envelope::new(payload(), id, signature).unwrap();
    assert!(forged.verify(&neutral).is_err());
}

#[test]
fn a_signature_with_a_scalar_above_the_order_is_refused() {
    // S + L verifies wherever the range of S is not checked: a second spelling of one signature.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut signature = RfcKey::number(1).sign(&pae(&payload()));
    let mut carry = 0u16;
    for (byte, add) in signature[32..].iter_mut().zip(order.unwrap()) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    let malleated = Envelope::new(payload(), RfcKey::number(1).key(), signature).unwrap();
    assert!(malleated.verify(&RfcKey::number(1).raw()).is_err());
}

#[test]
fn an_envelope_fits_an_entry_of_a_log() {
    let key = RfcKey::number(1);
    let frame = text().len() - STANDARD.encode(payload()).len();
    let most = (65_535 - frame) / 4 * 3;
    let fits = Envelope::sign(vec![b'x'; most], &key).unwrap().to_bytes();
    assert!(fits.len() <= 65_535 && fits.len() > 65_531);
    Envelope::parse(&fits).unwrap();
    let too_long = Envelope::sign(vec![b'x'; most + 1], &key).unwrap_err();
    assert!(matches!(too_long, EnvelopeError::TooLong { .. }));
    let bytes = vec![b'x'; 65_536];
    assert!(matches!(
        Envelope::parse(&bytes),
        Err(EnvelopeError::TooLong { bytes: 65_536 })
    ));
}
