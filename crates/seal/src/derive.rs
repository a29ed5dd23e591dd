//! One seed, two shares, one key. Every derivation is HKDF-SHA256 without salt; the info says what comes out.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use statement::{EpochPurpose, SampleId};
use tlog::Hash;
use zeroize::Zeroizing;

use crate::limits::WRAP_RANDOMNESS_BYTES;

/// First line of everything that is hashed or derived here.
pub(crate) const DOMAIN: &str = "limpid seal v1";

/// Who holds a share at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The center, by its opener.
    Center,
    /// The supervisor, by its own.
    Supervisor,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Center, Self::Supervisor];

    /// The purpose of its epochs.
    #[must_use]
    pub const fn purpose(self) -> EpochPurpose {
        match self {
            Self::Center => EpochPurpose::Center,
            Self::Supervisor => EpochPurpose::Supervisor,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.purpose().as_str())
    }
}

/// Fills `out` with what `label` derives from `secret`.
fn derive(secret: &[u8], label: &str, out: &mut [u8]) {
    Hkdf::<Sha256>::new(None, secret)
        .expand(format!("{DOMAIN}\n{label}").as_bytes(), out)
        .expect("at most 64 bytes are within what HKDF-SHA256 can give");
}

/// The seed of one sample. Whoever has it opens the sample; never shown, cleared when dropped.
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// Takes 32 bytes that nobody else has and that are used for this sample only.
    #[must_use]
    pub fn new(random: Zeroizing<[u8; 32]>) -> Self {
        Self(random)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The share of one side.
    #[must_use]
    pub fn share(&self, side: Side) -> Share {
        let mut key = Zeroizing::new([0_u8; 32]);
        derive(&*self.0, side.purpose().as_str(), key.as_mut_slice());
        Share { side, key }
    }

    /// Randomness of the wrap of a share.
    pub(crate) fn wrap_randomness(&self, side: Side) -> Zeroizing<[u8; WRAP_RANDOMNESS_BYTES]> {
        let mut out = Zeroizing::new([0_u8; WRAP_RANDOMNESS_BYTES]);
        derive(&*self.0, &format!("{side} wrap"), out.as_mut_slice());
        out
    }
}

/// One of the two secrets that make the key of the content together. Cleared when dropped.
pub struct Share {
    side: Side,
    key: Zeroizing<[u8; 32]>,
}

impl Share {
    /// Takes a share that came from its holder; it counts only against the digest in a header.
    #[must_use]
    pub fn received(side: Side, key: Zeroizing<[u8; 32]>) -> Self {
        Self { side, key }
    }

    /// Whose it is.
    #[must_use]
    pub fn side(&self) -> Side {
        self.side
    }

    /// SHA-256 of the share, as it stands in the header.
    #[must_use]
    pub fn digest(&self) -> Hash {
        tlog::sha256(self.expose())
    }

    /// The secret itself, to be sealed to somebody else.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.key
    }
}

/// Decrypts the content of one sample and of no other. Cleared when dropped.
pub struct ContentKey(Zeroizing<[u8; 32]>);

impl ContentKey {
    /// Of the two shares; callers check first that the header names them.
    pub(crate) fn of(center: &Share, supervisor: &Share, sample: &SampleId) -> Self {
        let mut both = Zeroizing::new([0_u8; 64]);
        both[..32].copy_from_slice(center.expose());
        both[32..].copy_from_slice(supervisor.expose());
        let mut key = Zeroizing::new([0_u8; 32]);
        derive(
            both.as_slice(),
            &format!("content\n{sample}"),
            key.as_mut_slice(),
        );
        Self(key)
    }

    /// Takes a key that a worker handed to its child.
    #[must_use]
    pub fn received(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The secret itself, for the child that analyses this one sample.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}
