//! `admission`: whose blind signature admits samples to a home, for a day.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tlog::Origin;

use crate::{
    custody_error::{CustodyError, in_range},
    ids::{CountryCode, IssuerName},
    limits::{ADMISSION_DAYS_MAX, ADMISSION_KEY_BYTES},
    statement::{audience, predicate},
};

const DAY_SECONDS: u64 = 86_400;

predicate! {
    /// `admission`: tokens of this key, and of no other, admit samples of this day.
    pub struct Admission {
        /// The jurisdiction whose cell takes them.
        home: CountryCode,
        /// The issuer, as tokens name it (RFC 9577).
        issuer: IssuerName,
        /// The public key in DER (RFC 9578 section 6.5), in standard base64.
        key: String,
        /// POSIX seconds at which the day begins in which tokens are issued: midnight, UTC.
        valid_from: u64,
        /// POSIX seconds after which no cell takes them.
        valid_until: u64,
    }
}

impl Admission {
    /// What can be checked without any other statement: length of the key, a whole day, an end.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub fn check(&self) -> Result<(), CustodyError> {
        self.key_der()?;
        if !self.valid_from.is_multiple_of(DAY_SECONDS) {
            let value = self.valid_from;
            return Err(CustodyError::Midnight { value });
        }
        let least = self.valid_from.saturating_add(1);
        let most = self
            .valid_from
            .saturating_add(ADMISSION_DAYS_MAX * DAY_SECONDS);
        in_range("valid_until", self.valid_until, least, most)
    }

    /// The public key in DER. Whether it is one is for `token` to say.
    ///
    /// # Errors
    /// [`CustodyError::AdmissionKey`].
    pub fn key_der(&self) -> Result<Vec<u8>, CustodyError> {
        let der = STANDARD.decode(&self.key).unwrap_or_default();
        if der.len() == ADMISSION_KEY_BYTES {
            return Ok(der);
        }
        let value = self.key.chars().take(20).collect();
        Err(CustodyError::AdmissionKey { value })
    }

    /// POSIX seconds at which the day ends in which tokens are issued.
    #[must_use]
    pub const fn issued_until(&self) -> u64 {
        self.valid_from.saturating_add(DAY_SECONDS)
    }
}
