//! Predicates of the custody stream: what becomes of customers' files. One page each under `spec/`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tlog::Origin;

use crate::{
    ids::CountryCode,
    limits::EPOCH_KEY_BYTES,
    statement::{audience, predicate},
};

/// The one HPKE suite of sealing: X-Wing, HKDF-SHA256, AES-256-GCM, by their registered numbers.
pub const SEAL_SUITE: &str = "hpke-647a-0001-0002";

/// What the key of an epoch opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpochPurpose {
    /// Seeds of samples that wait for analysis by machines.
    Analysis,
    /// The center's share of samples at rest.
    Center,
    /// The supervisor's share of samples at rest.
    Supervisor,
}

impl EpochPurpose {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Analysis => "analysis",
            Self::Center => "center",
            Self::Supervisor => "supervisor",
        }
    }
}

impl std::fmt::Display for EpochPurpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

predicate! {
    /// `epoch`: seal to this key; it will be destroyed.
    pub struct Epoch {
        /// What it opens.
        purpose: EpochPurpose,
        /// The jurisdiction whose samples it is for.
        home: CountryCode,
        /// [`SEAL_SUITE`].
        suite: String,
        /// The raw HPKE public key in standard base64.
        key: String,
        /// POSIX seconds from which endpoints seal to it.
        valid_from: u64,
        /// POSIX seconds after which they no longer do.
        valid_until: u64,
        /// POSIX seconds by which the private key is gone.
        destroy_by: u64,
    }
}

/// Why a statement of the custody stream is refused by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustodyError {
    /// The suite is not one that we seal with.
    #[error("epoch field `suite` is `{value}`; expected `{SEAL_SUITE}`")]
    Suite {
        /// Found, cut to 80 characters.
        value: String,
    },
    /// Not a key of the suite.
    #[error("epoch field `key` is `{value}...`, which is not base64 of {EPOCH_KEY_BYTES} bytes")]
    Key {
        /// Found, cut to 20 characters.
        value: String,
    },
    /// Times that do not follow each other.
    #[error("`{earlier}` ({earlier_value}) must be before `{later}` ({later_value})")]
    Order {
        /// The field that comes first.
        earlier: &'static str,
        /// Its value.
        earlier_value: u64,
        /// The field that comes later.
        later: &'static str,
        /// Its value.
        later_value: u64,
    },
}

fn in_order(fields: [(&'static str, u64); 2]) -> Result<(), CustodyError> {
    let [(earlier, earlier_value), (later, later_value)] = fields;
    if earlier_value < later_value {
        return Ok(());
    }
    Err(CustodyError::Order {
        earlier,
        earlier_value,
        later,
        later_value,
    })
}

impl Epoch {
    pub(crate) fn check(&self) -> Result<(), CustodyError> {
        if self.suite != SEAL_SUITE {
            let value = self.suite.chars().take(80).collect();
            return Err(CustodyError::Suite { value });
        }
        self.raw_key()?;
        let until = ("valid_until", self.valid_until);
        in_order([("valid_from", self.valid_from), until])?;
        in_order([until, ("destroy_by", self.destroy_by)])
    }

    /// The raw public key. Whether it is a point and a matrix is for `seal` to say.
    ///
    /// # Errors
    /// [`CustodyError::Key`].
    pub fn raw_key(&self) -> Result<Vec<u8>, CustodyError> {
        let raw = STANDARD.decode(&self.key).unwrap_or_default();
        if raw.len() == EPOCH_KEY_BYTES {
            return Ok(raw);
        }
        let value = self.key.chars().take(20).collect();
        Err(CustodyError::Key { value })
    }
}
