//! Blind admission tokens: a right to upload one sample on one day to one home, which says nothing of who has it.
//!
//! Specifications: RFC 9578 section 6 (issuing, token type 0x0002), RFC 9577 (challenge, token, headers), RFC 9474
//! (RSABSSA-SHA384-PSS-Deterministic), `spec/admission.md`. One token, from request to cell:
//!
//! ```text
//! endpoint   nonce, blinded            TokenRequest  0002 || last byte of the key's id || 256 bytes
//! issuer     signs what it cannot see  256 bytes
//! endpoint   unblinds, verifies        Token         0002 || nonce || SHA-256 of the challenge || key id || 256 bytes
//! cell       Authorization: PrivateToken token="AAKqcgGd..."
//! ```
//!
//! In scope: these formats, blinding and unblinding, signing blindly, verifying, licences of installations.
//!
//! Out of scope: which key counts (`law::AdmissionKey`), how many an installation gets and what was spent (`center`), key files and
//! randomness (`keys`), which is passed in as seeds.

mod blinding;
mod challenge;
mod error;
mod header;
mod key;
mod licence;
pub mod limits;
mod randomness;
mod request;
mod rsabssa;
mod token;

#[cfg(test)]
mod vectors;

pub use blinding::Blinding;
pub use challenge::Challenge;
pub use error::TokenError;
pub use header::challenges_header;
pub use key::{TokenKey, TokenSecret};
pub use licence::{
    Installation, LICENCE_HEADER, Licence, SIGNATURE_HEADER, licence_message, request_message,
    signature_from_text, signature_to_text,
};
pub use request::TokenRequest;
pub use token::{Admitted, Token};

/// Blind RSA with 2048 bits (RFC 9578 section 8.2.2).
pub const TOKEN_TYPE: u16 = 0x0002;
/// Media type of a request.
pub const REQUEST_CONTENT_TYPE: &str = "application/private-token-request";
/// Media type of an answer.
pub const RESPONSE_CONTENT_TYPE: &str = "application/private-token-response";
/// Where an issuer says which keys it has (RFC 9578 section 4).
pub const DIRECTORY_PATH: &str = "/.well-known/private-token-issuer-directory";
/// Media type of that.
pub const DIRECTORY_CONTENT_TYPE: &str = "application/private-token-issuer-directory";
