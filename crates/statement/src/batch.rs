//! Batches: what is said about many samples at once, so that each owner can prove his own and learns nothing of others'.
//!
//! The entry carries the root of a Merkle tree (RFC 6962 hashes) over records that are not published. Each record has a
//! random salt, so the hash of a neighbour, which stands in every proof, cannot be guessed at. The owner gets the record, its
//! index and its path: a file that he checks against the entry.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use tlog::{Hash, leaf_hash, node_hash};

use crate::{
    canonical::{CanonicalError, from_canonical, to_canonical},
    ids::{CountryCode, FileDigest, StatementDigest},
    limits::{BATCH_PROOF_BYTES_MAX, BATCH_RECORD_BYTES_MAX, BATCH_RECORDS_MAX},
    lines::LineError,
};

/// Why a record and its proof are refused.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Too long a file.
    #[error("the proof has {bytes} bytes; at most {BATCH_PROOF_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not the JSON of a proof.
    #[error("the proof is not well formed")]
    Canonical(#[from] CanonicalError),
    /// Not the record that belongs into this batch.
    #[error("the record is refused")]
    Record(#[from] LineError),
    /// Proves something about another statement.
    #[error("the proof is for the batch {named}; given was {given}")]
    OtherBatch {
        /// Named in the proof.
        named: StatementDigest,
        /// Given.
        given: StatementDigest,
    },
    /// A record of one home in the batch of another.
    #[error("the record says home {record}; the batch is of {batch}")]
    OtherHome {
        /// In the record.
        record: CountryCode,
        /// In the batch.
        batch: CountryCode,
    },
    /// A record under one grant in the batch of another.
    #[error("the record names grant {record}; the batch is of {batch}")]
    OtherGrant {
        /// In the record.
        record: StatementDigest,
        /// In the batch.
        batch: StatementDigest,
    },
    /// It does not stand where it says.
    #[error("the record does not stand at index {index} of the batch")]
    NotIncluded {
        /// Where it should.
        index: u64,
        /// What the hashes say.
        #[source]
        source: tlog::ProofError,
    },
    /// More or fewer records than a batch has.
    #[error("a batch of {count} records is not made; from 1 to {BATCH_RECORDS_MAX} are")]
    Count {
        /// How many were given.
        count: usize,
    },
}

/// One kind of record.
pub trait Record: Sized {
    /// The statement that carries the root.
    type Batch;
    /// Parses the one form of the record.
    ///
    /// # Errors
    /// [`LineError`].
    fn parse(text: &str) -> Result<Self, LineError>;
    /// Prints it.
    fn to_text(&self) -> String;
    /// The home it is of.
    fn home(&self) -> &CountryCode;
    /// Home, number of records and root of a batch.
    fn batch(batch: &Self::Batch) -> (&CountryCode, u64, FileDigest);
    /// Whether record and batch say the same where both say something.
    ///
    /// # Errors
    /// [`BatchError::OtherHome`], [`BatchError::OtherGrant`].
    fn check_batch(&self, batch: &Self::Batch) -> Result<(), BatchError> {
        let (home, _, _) = Self::batch(batch);
        check_home(self.home(), home)
    }
}

/// Whether a record is of the home of its batch.
pub(crate) fn check_home(record: &CountryCode, batch: &CountryCode) -> Result<(), BatchError> {
    if record == batch {
        return Ok(());
    }
    Err(BatchError::OtherHome {
        record: record.clone(),
        batch: batch.clone(),
    })
}

/// A record with the proof that it stands in a batch. Its file is canonical JSON:
///
/// ```text
/// {"batch":"<statement digest>","index":3,"path":["<hex>",...],"record":"limpid receipt v1\n..."}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven<R> {
    batch: StatementDigest,
    index: u64,
    path: Vec<Hash>,
    record: R,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    batch: StatementDigest,
    index: u64,
    path: Vec<FileDigest>,
    record: String,
}

impl<R: Record> Proven<R> {
    /// Reads the file of a proof. Nothing is proven until [`Proven::check`].
    ///
    /// # Errors
    /// [`BatchError::TooLong`], [`BatchError::Canonical`], [`BatchError::Record`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        if bytes.len() > BATCH_PROOF_BYTES_MAX {
            let bytes = bytes.len();
            return Err(BatchError::TooLong { bytes });
        }
        let wire: Wire = from_canonical(bytes)?;
        Ok(Self {
            batch: wire.batch,
            index: wire.index,
            path: wire.path.iter().map(|hash| *hash.hash()).collect(),
            record: R::parse(&wire.record)?,
        })
    }

    /// Prints the file.
    ///
    /// # Errors
    /// [`BatchError::Canonical`] for an index that JSON cannot carry.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BatchError> {
        let wire = Wire {
            batch: self.batch,
            index: self.index,
            path: self.path.iter().copied().map(FileDigest::new).collect(),
            record: self.record.to_text(),
        };
        Ok(to_canonical(&wire)?)
    }

    /// The statement that it should stand in.
    pub fn batch(&self) -> StatementDigest {
        self.batch
    }

    /// The record, if it stands in this batch. That the batch counts is for the law to say.
    ///
    /// # Errors
    /// [`BatchError::OtherBatch`], [`BatchError::OtherHome`], [`BatchError::OtherGrant`], [`BatchError::NotIncluded`].
    pub fn check(&self, given: StatementDigest, batch: &R::Batch) -> Result<&R, BatchError> {
        if given != self.batch {
            let named = self.batch;
            return Err(BatchError::OtherBatch { named, given });
        }
        self.record.check_batch(batch)?;
        let (_, count, root) = R::batch(batch);
        let leaf = leaf_hash(self.record.to_text().as_bytes());
        tlog::verify_inclusion(&leaf, self.index, count, &self.path, root.hash()).map_err(
            |source| BatchError::NotIncluded {
                index: self.index,
                source,
            },
        )?;
        Ok(&self.record)
    }
}

/// The records of one batch, in the order that they get. Whoever makes it has shuffled them.
#[derive(Debug, Clone)]
pub struct BatchTree<R> {
    leaves: Vec<Hash>,
    records: PhantomData<R>,
}

impl<R: Record + Clone> BatchTree<R> {
    /// Hashes the records.
    ///
    /// # Errors
    /// [`BatchError::Count`].
    pub fn new(records: &[R]) -> Result<Self, BatchError> {
        let count = records.len();
        if !(1..=BATCH_RECORDS_MAX).contains(&count) {
            return Err(BatchError::Count { count });
        }
        let leaf = |record: &R| leaf_hash(record.to_text().as_bytes());
        Ok(Self {
            leaves: records.iter().map(leaf).collect(),
            records: PhantomData,
        })
    }

    /// The root for the statement.
    #[must_use]
    pub fn root(&self) -> FileDigest {
        FileDigest::new(root(&self.leaves))
    }

    /// The proof of one record in the statement with this digest; nothing when it is not the record at this index.
    #[must_use]
    pub fn prove(&self, batch: StatementDigest, index: usize, record: &R) -> Option<Proven<R>> {
        let leaf = self.leaves.get(index)?;
        (leaf_hash(record.to_text().as_bytes()) == *leaf).then(|| Proven {
            batch,
            index: index as u64,
            path: path(&self.leaves, index),
            record: record.clone(),
        })
    }
}

/// Of at least one leaf: RFC 6962, section 2.1, as it is defined there, for batches are small.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    node_hash(&root(left), &root(right))
}

pub(crate) fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, beside) = match index.checked_sub(left.len()) {
        None => (path(left, index), root(right)),
        Some(index) => (path(right, index), root(left)),
    };
    path.push(beside);
    path
}

/// The largest power of two below `count`.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// Longest text of a record, for the parsers of records.
pub(crate) const RECORD_BYTES_MAX: usize = BATCH_RECORD_BYTES_MAX;
