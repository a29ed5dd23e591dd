//! The test vectors of RFC 9578, appendix B.2, byte for byte.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;
use tlog::sha256;

use crate::blinding::Blinding;
use crate::key::{TokenKey, TokenSecret};
use crate::request::TokenRequest;
use crate::token::Token;

/// Plays back what the vector drew: the salt, then the blind.
struct Tape(Vec<Vec<u8>>);

impl TryRng for Tape {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("only bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("only bytes are drawn")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0.remove(0));
        Ok(())
    }
}

impl TryCryptoRng for Tape {}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn every_vector_of_the_standard_comes_out_to_the_byte() {
    let file: Value = serde_json::from_str(include_str!("../tests/rfc9578.json")).unwrap();
    let pem = String::from_utf8(bytes(&file["skS"])).unwrap();
    let secret = TokenSecret::from_pem(&pem).unwrap();
    assert_eq!(secret.public().spki(), bytes(&file["pkS"]));
    let key = TokenKey::from_spki(&bytes(&file["pkS"])).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let challenge = sha256(&bytes(&vector["token_challenge"]));
        let nonce = bytes(&vector["nonce"]).try_into().unwrap();
        let blind = bytes(&vector["blind"]);
        let mut tape = Tape(vec![bytes(&vector["salt"]), blind]);
        let blinding = Blinding::draw(&key, &challenge, nonce, &mut tape).unwrap();
        let request = bytes(&vector["token_request"]);
        assert_eq!(blinding.request(&key).to_bytes(), request);
        let request = TokenRequest::parse(&request).unwrap();
        let answer = secret.sign(&request, &[7; 32]).unwrap();
        assert_eq!(answer.to_vec(), bytes(&vector["token_response"]));
        let kept = Blinding::from_bytes(&blinding.to_bytes()).unwrap();
        let token = kept.unblind(&key, &challenge, &answer).unwrap();
        assert_eq!(token.to_bytes(), bytes(&vector["token"]));
        let read = Token::parse(&token.to_bytes()).unwrap();
        read.admit_by_digest(&key, &challenge).unwrap();
    }
}
