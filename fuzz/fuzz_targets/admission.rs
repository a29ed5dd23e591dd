//! What strangers send about admission: requests, licences, signatures, tokens in headers, keys of an issuer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use token::{Licence, Token, TokenKey, TokenRequest, signature_from_text, signature_to_text};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = TokenRequest::parse(bytes) {
        assert_eq!(request.to_bytes(), bytes);
    }
    if let Ok(token) = Token::parse(bytes) {
        assert_eq!(token.to_bytes(), bytes);
        assert!(Token::from_header(&token.to_header()).is_ok_and(|again| again.to_bytes() == bytes));
    }
    if let Ok(key) = TokenKey::from_spki(bytes) {
        assert_eq!(key.spki(), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(licence) = Licence::from_text(text) {
        assert_eq!(licence.to_text(), text);
    }
    if let Ok(signature) = signature_from_text(text) {
        assert_eq!(signature_to_text(&signature), text);
    }
    let _ = Token::from_header(text);
});
