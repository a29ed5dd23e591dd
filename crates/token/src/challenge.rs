//! What a token is good for: the `TokenChallenge` of RFC 9577 section 2.1, which everybody makes from the same logged words.
//!
//! A cell that could choose its challenges could give each endpoint one of its own and know it again by its token. So
//! nothing in it is chosen: the issuer's name, home and day stand in the logged `admission`, and the name of an origin is left out.

use statement::{Admission, CountryCode, IssuerName};
use tlog::{Hash, sha256};

use crate::TOKEN_TYPE;

/// A challenge, by what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    bytes: Vec<u8>,
}

/// SHA-256 that binds a token to one home and one day.
fn redemption_context(home: &CountryCode, valid_from: u64) -> Hash {
    sha256(format!("limpid admission v1\n{home}\n{valid_from}\n").as_bytes())
}

impl Challenge {
    /// The one challenge of an announced key.
    #[must_use]
    pub fn of(admission: &Admission) -> Self {
        Self::new(&admission.issuer, &admission.home, admission.valid_from)
    }

    fn new(issuer: &IssuerName, home: &CountryCode, valid_from: u64) -> Self {
        let name = issuer.as_str().as_bytes();
        // A name has at most 253 bytes.
        let name_bytes = u16::try_from(name.len()).unwrap_or(0);
        let context = redemption_context(home, valid_from);
        let mut bytes = TOKEN_TYPE.to_be_bytes().to_vec();
        bytes.extend(name_bytes.to_be_bytes());
        bytes.extend(name);
        bytes.push(32);
        bytes.extend(context.as_bytes());
        // No origin: whoever serves this home.
        bytes.extend([0, 0]);
        Self { bytes }
    }

    /// The structure as it travels.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of it, as a token names it.
    #[must_use]
    pub fn digest(&self) -> Hash {
        sha256(&self.bytes)
    }
}
