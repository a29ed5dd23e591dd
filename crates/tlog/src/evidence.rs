//! Fork evidence: two checkpoints that one log signed and that cannot both be true, with what a
//! judge needs to see that offline (`spec/fork-evidence.md`).
//!
//! ```text
//! limpid/fork-evidence@v1
//! 6lHWGC8D8YwK2fnzQ5lJjoShbb4nNVgTxKybB/uUxvA=
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//!
//! log.example/a
//! 3
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — log.example/a Az3grlgtzPICa5OS8npV...
//!
//! log.example/a
//! 4
//! ...
//! ```
//!
//! Two roots of one size need no hashes: they contradict each other as they stand. Of two sizes,
//! `m < n`, the hashes lead to the signed root of `n` entries and thereby to the only root that its
//! first `m` entries can have; the log signed another one for `m`. That is a consistency proof that
//! fails, written so that its failing proves something: the node where the smaller tree ends always
//! comes first, also where RFC 6962 lets the reader take it from the smaller root, which is the very
//! thing in question.

use crate::ascii;
use crate::checkpoint::Checkpoint;
use crate::errors::{ForkError, ParseError, ProofError, ProveError};
use crate::hash::Hash;
use crate::key::VerifierKey;
use crate::limits::{EVIDENCE_BYTES_MAX, FORK_HASHES_MAX};
use crate::merkle::prefix_roots;
use crate::note::Note;
use crate::prove::{TileSource, prove_prefix};
use crate::verify::{Verified, open_checkpoint};

/// First line of every evidence file.
const HEADER: &str = "limpid/fork-evidence@v1";

/// A parsed evidence file. Nothing is believed before [`ForkEvidence::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkEvidence {
    path: Vec<Hash>,
    first: Vec<u8>,
    second: Vec<u8>,
}

impl ForkEvidence {
    /// Reads a file: header, hashes, the checkpoint of the smaller tree, that of the larger one.
    ///
    /// Its shape is checked here (two checkpoint notes of one origin, in their order; as many hashes
    /// as sizes can need), its truth when it is opened.
    ///
    /// # Errors
    /// [`ParseError`] naming what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let what = "fork evidence";
        let text = ascii::text_of(what, bytes, EVIDENCE_BYTES_MAX)?;
        let (line, mut rest) = ascii::take_line(what, text)?;
        if line != HEADER {
            return Err(ParseError::Malformed {
                what: "fork evidence line",
                value: ascii::excerpt(line),
                expected: "`limpid/fork-evidence@v1`",
            });
        }
        let mut path = Vec::new();
        loop {
            let (line, tail) = ascii::take_line(what, rest)?;
            rest = tail;
            if line.is_empty() {
                break;
            }
            if path.len() == FORK_HASHES_MAX {
                return Err(ParseError::TooMany {
                    what: "hashes of fork evidence",
                    found: FORK_HASHES_MAX + 1,
                    max: FORK_HASHES_MAX,
                });
            }
            path.push(Hash::from_base64(line)?);
        }
        let (first, second) = split_notes(rest)?;
        let evidence = Self {
            path,
            first: first.into(),
            second: second.into(),
        };
        evidence.check_shape()?;
        Ok(evidence)
    }

    /// The exact file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{HEADER}\n").into_bytes();
        for hash in &self.path {
            bytes.extend_from_slice(format!("{hash}\n").as_bytes());
        }
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.first);
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.second);
        bytes
    }

    /// The note of the smaller tree, byte for byte; unverified.
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// The note of the larger tree, byte for byte; unverified.
    pub fn second(&self) -> &[u8] {
        &self.second
    }

    /// What the evidence claims: both checkpoints, unverified.
    ///
    /// # Errors
    /// [`ParseError`]; never for evidence that was parsed.
    pub fn claims(&self) -> Result<(Checkpoint, Checkpoint), ParseError> {
        let claim = |note: &[u8]| Checkpoint::parse(Note::parse(note)?.text());
        Ok((claim(&self.first)?, claim(&self.second)?))
    }

    /// Checks that keys of the log signed both, and that they cannot both be true.
    ///
    /// The keys must come from somewhere else than the evidence: a policy, a constitution.
    ///
    /// # Errors
    /// [`ForkError`] saying what the evidence fails to show.
    pub fn open(&self, log_keys: &[VerifierKey]) -> Result<Fork, ForkError> {
        let smaller = open_checkpoint(&self.first, log_keys).map_err(ForkError::Smaller)?;
        let larger = open_checkpoint(&self.second, log_keys).map_err(ForkError::Larger)?;
        Fork::with_path(smaller, larger, self.path.clone())
    }

    fn check_shape(&self) -> Result<(), ParseError> {
        let (first, second) = self.claims()?;
        let malformed = |what, value: String, expected| ParseError::Malformed {
            what,
            value,
            expected,
        };
        if first.origin() != second.origin() {
            let value = ascii::excerpt(second.origin().as_str());
            let expected = "the origin of the first checkpoint";
            return Err(malformed("second origin", value, expected));
        }
        if first.size() > second.size() {
            let value = second.size().to_string();
            let expected = "the size of the first checkpoint or a larger one";
            return Err(malformed("second size", value, expected));
        }
        if (first.size() == second.size()) != self.path.is_empty() {
            let value = self.path.len().to_string();
            let expected = "none for equal sizes, and at least one otherwise";
            return Err(malformed("number of hashes", value, expected));
        }
        Ok(())
    }
}

/// Two notes with an empty line between them. A note has exactly one empty line inside, because
/// neither checkpoints nor signatures hold one.
fn split_notes(text: &str) -> Result<(&str, &str), ParseError> {
    let missing = |missing| ParseError::Missing {
        what: "fork evidence",
        missing,
    };
    let inside = text
        .find("\n\n")
        .ok_or(missing("the first checkpoint's signatures"))?;
    let signatures = inside + 2;
    let length = text[signatures..]
        .find("\n\n")
        .ok_or(missing("the second checkpoint"))?;
    let (first, rest) = text.split_at(signatures + length + 1);
    Ok((first, &rest[1..]))
}

/// A log has signed two histories. Made only by verification, so whoever holds one may accuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    smaller: Verified<Checkpoint>,
    larger: Verified<Checkpoint>,
    path: Vec<Hash>,
    prefix_root: Hash,
}

impl Fork {
    /// Two checkpoints of one size with different roots.
    ///
    /// # Errors
    /// [`ForkError`] if they are of different logs or sizes, or agree.
    pub fn of_equal_size(
        one: Verified<Checkpoint>,
        other: Verified<Checkpoint>,
    ) -> Result<Self, ForkError> {
        Self::with_path(one, other, Vec::new())
    }

    /// Two checkpoints in any order; the hashes are computed from tiles of the larger tree, which
    /// need not be believed.
    ///
    /// # Errors
    /// [`ForkProveError::Tiles`] if a tile cannot be had, [`ForkProveError::NoFork`] if the
    /// checkpoints agree or the tiles do not belong to the larger one.
    pub fn prove<S: TileSource>(
        one: Verified<Checkpoint>,
        other: Verified<Checkpoint>,
        tiles: &S,
    ) -> Result<Self, ForkProveError<S::Error>> {
        let (m, n) = (one.size().min(other.size()), one.size().max(other.size()));
        let path = if m == n || m == 0 {
            Vec::new()
        } else {
            prove_prefix(tiles, m, n).map_err(ForkProveError::Tiles)?
        };
        Self::with_path(one, other, path).map_err(ForkProveError::NoFork)
    }

    /// Two checkpoints in any order and the hashes of [`prove_prefix`] between them.
    ///
    /// # Errors
    /// [`ForkError`] saying what this fails to show.
    pub fn with_path(
        one: Verified<Checkpoint>,
        other: Verified<Checkpoint>,
        path: Vec<Hash>,
    ) -> Result<Self, ForkError> {
        if one.origin() != other.origin() {
            return Err(ForkError::TwoLogs {
                one: one.origin().to_string(),
                other: other.origin().to_string(),
            });
        }
        let (smaller, larger) = if one.size() <= other.size() {
            (one, other)
        } else {
            (other, one)
        };
        let prefix_root = root_of_prefix(&smaller, &larger, &path)?;
        if prefix_root == *smaller.root() {
            return Err(ForkError::Consistent {
                smaller: smaller.size(),
                larger: larger.size(),
            });
        }
        Ok(Self {
            smaller,
            larger,
            path,
            prefix_root,
        })
    }

    /// The checkpoint of the smaller tree, or the one given first.
    pub fn smaller(&self) -> &Verified<Checkpoint> {
        &self.smaller
    }

    /// The checkpoint of the larger tree, or the one given second.
    pub fn larger(&self) -> &Verified<Checkpoint> {
        &self.larger
    }

    /// The root that the first entries of the larger tree have, as many as the smaller tree has: not
    /// the root that was signed for the smaller one.
    pub fn prefix_root(&self) -> &Hash {
        &self.prefix_root
    }

    /// The file for everybody to see.
    pub fn to_evidence(&self) -> ForkEvidence {
        ForkEvidence {
            path: self.path.clone(),
            first: self.smaller.note().to_vec(),
            second: self.larger.note().to_vec(),
        }
    }
}

/// What the first entries of the larger tree hash to, by hashes that lead to its signed root.
fn root_of_prefix(
    smaller: &Checkpoint,
    larger: &Checkpoint,
    path: &[Hash],
) -> Result<Hash, ForkError> {
    let (m, n) = (smaller.size(), larger.size());
    if m == 0 {
        // Every tree begins with the empty one; an empty tree with entries is no second history.
        return Err(ForkError::Empty);
    }
    let Some((start, siblings)) = path.split_first() else {
        return if m == n {
            Ok(*larger.root())
        } else {
            Err(ForkError::Path(ProofError::PathLength { found: 0 }))
        };
    };
    if m == n {
        let found = path.len();
        return Err(ForkError::Path(ProofError::PathLength { found }));
    }
    let (prefix, whole) = prefix_roots(m, n, start, siblings).map_err(ForkError::Path)?;
    if whole != *larger.root() {
        return Err(ForkError::Path(ProofError::RootMismatch { size: n }));
    }
    Ok(prefix)
}

/// Fork evidence could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForkProveError<E: std::error::Error + 'static> {
    /// The hashes between the two trees could not be computed.
    #[error("the tiles of the larger tree could not be read")]
    Tiles(#[source] ProveError<E>),
    /// There is no fork, or the tiles are not those of the larger checkpoint.
    #[error("these checkpoints and tiles show no fork")]
    NoFork(#[source] ForkError),
}
