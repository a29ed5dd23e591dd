//! A share sealed once more, to the machines of its own home, and what is said on the way: `spec/reanalysis.md`.

use statement::{SealDigest, StatementDigest};
use tlog::Hash;
use zeroize::Zeroizing;

use crate::{
    derive::{Share, Side},
    error::SealError,
    front::Front,
    header::Header,
    kem::{Wrap, WrapKey, WrapOpener},
    limits::{FRONT_BYTES_MAX, WRAP_BYTES, WRAP_RANDOMNESS_BYTES},
};

const DOMAIN: &str = "limpid reanalysis v1";
/// Hashes of the longest path in a tree of 2^64 leaves.
const PATH_MAX: usize = 64;
/// Grant, ciphertext, index, number of hashes.
const FIXED_BYTES: usize = 32 + 32 + 8 + 1;
/// Longest request.
pub const REQUEST_BYTES_MAX: usize = FIXED_BYTES + PATH_MAX * 32 + FRONT_BYTES_MAX;
/// Bytes of an answer: the epoch, then the share sealed to it.
pub const ANSWER_BYTES: usize = 32 + WRAP_BYTES;

/// HPKE info: a share that was sealed under one grant, for one sample and by one side opens as nothing else.
fn info(header: &Header, side: Side, grant: StatementDigest) -> Vec<u8> {
    let header = header.digest();
    format!("{DOMAIN}\n{side}\n{grant}\n{header}\n").into_bytes()
}

/// Seals a share that was opened and compared to the key of an analysis epoch. `randomness` is used for this once.
#[must_use]
pub fn seal_share(
    header: &Header,
    share: &Share,
    grant: StatementDigest,
    to: &WrapKey,
    randomness: &[u8; WRAP_RANDOMNESS_BYTES],
) -> Wrap {
    let info = info(header, share.side(), grant);
    to.seal(&info, share.expose(), randomness)
}

/// A share as an opener sealed it; what it is worth is for [`crate::content_key_of_shares`] to say.
///
/// # Errors
/// [`SealError::Resealed`] names the side whose answer does not open.
pub fn open_sealed_share(
    header: &Header,
    side: Side,
    grant: StatementDigest,
    wrap: &Wrap,
    opener: &impl WrapOpener,
) -> Result<Share, SealError> {
    let key: Option<Zeroizing<[u8; 32]>> = opener.open_wrap(&info(header, side, grant), wrap);
    key.map(|key| Share::received(side, key))
        .ok_or(SealError::Resealed { side })
}

/// What an opener is asked: the share of this sample, under this grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRequest {
    /// The grant.
    pub grant: StatementDigest,
    /// SHA-256 of the whole ciphertext; with the header it gives the seal digest.
    pub ciphertext: Hash,
    /// Where the sample stands in the grant's tree.
    pub index: u64,
    /// The path from there to its root.
    pub path: Vec<Hash>,
    /// Header and wraps.
    pub front: Front,
}

impl ShareRequest {
    /// The sample that is asked for.
    #[must_use]
    pub fn seal(&self) -> SealDigest {
        self.front.header().seal_digest(&self.ciphertext)
    }

    /// The bytes of a request.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let front = self.front.to_bytes();
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.path.len() * 32 + front.len());
        bytes.extend_from_slice(self.grant.hash().as_bytes());
        bytes.extend_from_slice(self.ciphertext.as_bytes());
        bytes.extend_from_slice(&self.index.to_be_bytes());
        // A longer path is of no tree that can be named; whoever reads refuses it.
        bytes.push(u8::try_from(self.path.len()).unwrap_or(u8::MAX));
        for hash in &self.path {
            bytes.extend_from_slice(hash.as_bytes());
        }
        bytes.extend_from_slice(&front);
        bytes
    }

    /// Reads a request; every byte belongs to it.
    ///
    /// # Errors
    /// [`SealError::Request`], or what is wrong with the front.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let found = bytes.len();
        let short = || SealError::Request { found };
        if found > REQUEST_BYTES_MAX {
            return Err(short());
        }
        let (grant, rest) = bytes.split_first_chunk::<32>().ok_or_else(short)?;
        let (ciphertext, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
        let (index, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let (hashes, rest) = rest.split_first().ok_or_else(short)?;
        let hashes = usize::from(*hashes);
        if hashes > PATH_MAX {
            return Err(short());
        }
        let (path, front) = rest.split_at_checked(hashes * 32).ok_or_else(short)?;
        let (path, _) = path.as_chunks::<32>();
        Ok(Self {
            grant: StatementDigest::new(Hash::from_bytes(*grant)),
            ciphertext: Hash::from_bytes(*ciphertext),
            index: u64::from_be_bytes(*index),
            path: path.iter().map(|hash| Hash::from_bytes(*hash)).collect(),
            front: Front::parse(front)?,
        })
    }
}

/// What an opener answers: the share, sealed to the key of this analysis epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedShare {
    /// The epoch.
    pub epoch: StatementDigest,
    /// The share.
    pub wrap: Wrap,
}

impl SealedShare {
    /// The bytes of an answer.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ANSWER_BYTES] {
        let mut bytes = [0; ANSWER_BYTES];
        bytes[..32].copy_from_slice(self.epoch.hash().as_bytes());
        bytes[32..].copy_from_slice(self.wrap.as_bytes());
        bytes
    }

    /// Reads an answer; nothing when it has another length.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (epoch, wrap) = bytes.split_first_chunk::<32>()?;
        Some(Self {
            epoch: StatementDigest::new(Hash::from_bytes(*epoch)),
            wrap: Wrap::from_bytes(wrap.try_into().ok()?),
        })
    }
}
