//! The front of a sealed sample: what travels before the ciphertext, with one length and one form.
//!
//! ```text
//! 2 bytes  length of the header, big-endian
//! n bytes  header
//! 1168     analysis wrap
//! 1168     center wrap
//! 1168     supervisor wrap
//! ```

use statement::EpochPurpose;
use tlog::Hash;

use crate::{
    derive::Side,
    error::SealError,
    header::Header,
    kem::Wrap,
    limits::{FRONT_BYTES_MAX, HEADER_BYTES_MAX, WRAP_BYTES},
};

/// The three wraps of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wraps {
    /// Seed, to the analysis epoch.
    pub analysis: Wrap,
    /// First share, to the center's opening epoch.
    pub center: Wrap,
    /// Second share, to the supervisor's opening epoch.
    pub supervisor: Wrap,
}

impl Wraps {
    /// The wrap for a purpose.
    #[must_use]
    pub fn get(&self, purpose: EpochPurpose) -> &Wrap {
        match purpose {
            EpochPurpose::Analysis => &self.analysis,
            EpochPurpose::Center => &self.center,
            EpochPurpose::Supervisor => &self.supervisor,
        }
    }

    pub(crate) fn of_side(&self, side: Side) -> &Wrap {
        self.get(side.purpose())
    }

    fn bytes(&self) -> Vec<u8> {
        [
            self.analysis.as_bytes().as_slice(),
            self.center.as_bytes(),
            self.supervisor.as_bytes(),
        ]
        .concat()
    }

    /// SHA-256 of the three wraps, one after the other.
    #[must_use]
    pub fn digest(&self) -> Hash {
        tlog::sha256(&self.bytes())
    }
}

/// Header and wraps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    header: Header,
    wraps: Wraps,
}

impl Front {
    pub(crate) fn new(header: Header, wraps: Wraps) -> Self {
        Self { header, wraps }
    }

    /// How many bytes a front has that begins with these two.
    ///
    /// # Errors
    /// [`SealError::FrontLength`] when no header is that long.
    pub fn bytes_in_all(first: [u8; 2]) -> Result<usize, SealError> {
        let header = usize::from(u16::from_be_bytes(first));
        let expected = 2 + header + 3 * WRAP_BYTES;
        if header <= HEADER_BYTES_MAX {
            return Ok(expected);
        }
        let found = expected;
        let expected = FRONT_BYTES_MAX;
        Err(SealError::FrontLength { found, expected })
    }

    /// Parses a whole front.
    ///
    /// # Errors
    /// [`SealError::FrontLength`], [`SealError::Header`], [`SealError::Size`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let found = bytes.len();
        let Some((first, rest)) = bytes.split_first_chunk::<2>() else {
            let expected = FRONT_BYTES_MAX;
            return Err(SealError::FrontLength { found, expected });
        };
        let expected = Self::bytes_in_all(*first)?;
        let length = || SealError::FrontLength { found, expected };
        if found != expected {
            return Err(length());
        }
        let (rest, supervisor) = rest.split_last_chunk::<WRAP_BYTES>().ok_or_else(length)?;
        let (rest, center) = rest.split_last_chunk::<WRAP_BYTES>().ok_or_else(length)?;
        let (header, analysis) = rest.split_last_chunk::<WRAP_BYTES>().ok_or_else(length)?;
        Ok(Self {
            header: Header::parse(header)?,
            wraps: Wraps {
                analysis: Wrap::from_bytes(*analysis),
                center: Wrap::from_bytes(*center),
                supervisor: Wrap::from_bytes(*supervisor),
            },
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = self.header.as_bytes();
        let length = u16::try_from(header.len()).expect("headers are at most 1,536 bytes long");
        [length.to_be_bytes().as_slice(), header, &self.wraps.bytes()].concat()
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The wraps.
    #[must_use]
    pub fn wraps(&self) -> &Wraps {
        &self.wraps
    }
}
