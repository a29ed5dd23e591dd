//! How an issuer knows an installation.
#![allow(clippy::unwrap_used, missing_docs)]

use ed25519_dalek::{Signer as _, SigningKey};
use statement::IssuerName;
use token::{Licence, TokenError, TokenRequest, licence_message, limits, request_message};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

fn licence(by: u8, until: u64) -> Licence {
    let signed = key(by).sign(&licence_message(&public(2), until));
    let licence = Licence::new(public(2), until, signed.to_bytes());
    Licence::from_text(&licence.to_text()).unwrap()
}

fn request(byte: u8) -> TokenRequest {
    let mut bytes = vec![byte; limits::REQUEST_BYTES];
    bytes[..2].copy_from_slice(&[0, 2]);
    TokenRequest::parse(&bytes).unwrap()
}

#[test]
fn an_installation_is_known_by_its_licence_and_its_own_signature() {
    let issuer: IssuerName = "issuer.vendor.example".parse().unwrap();
    let other: IssuerName = "issuer.other.example".parse().unwrap();
    let message = request_message(&issuer, &request(9));
    let signed = key(2).sign(&message).to_bytes();
    let check = |licence: &Licence, known: u8, asked: (&IssuerName, u8), now| {
        let request = request(asked.1);
        licence.check(&[public(known)], (asked.0, &request), &signed, now)
    };
    let known = check(&licence(1, 100), 1, (&issuer, 9), 100).unwrap();
    assert_eq!(known.key(), &public(2));
    let refused = [
        (
            check(&licence(3, 100), 1, (&issuer, 9), 100),
            TokenError::Licence,
        ),
        (
            check(&licence(1, 100), 4, (&issuer, 9), 100),
            TokenError::Licence,
        ),
        (
            check(&licence(1, 100), 1, (&issuer, 9), 101),
            TokenError::LicenceEnded { ended: 100 },
        ),
        // Another request, and the same one to another issuer.
        (
            check(&licence(1, 100), 1, (&issuer, 8), 100),
            TokenError::Installation,
        ),
        (
            check(&licence(1, 100), 1, (&other, 9), 100),
            TokenError::Installation,
        ),
    ];
    for (found, expected) in refused {
        assert_eq!(found, Err(expected));
    }
    // A longer time than the one that was signed.
    let signed_licence = key(1).sign(&licence_message(&public(2), 100));
    let longer = Licence::new(public(2), 200, signed_licence.to_bytes());
    let refused = check(&longer, 1, (&issuer, 9), 100);
    assert_eq!(refused, Err(TokenError::Licence));
}
