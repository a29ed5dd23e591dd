//! `.tlog-proof` files: everything a stranger needs to see that an entry is logged (tlog-proof).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra YWdl
//! index 73894
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//!
//! example.com/fancylog
//! ...
//! ```

use crate::ascii;
use crate::checkpoint::Checkpoint;
use crate::errors::{OpenError, ParseError};
use crate::hash::{Hash, leaf_hash};
use crate::limits::{ENTRY_BYTES_MAX, EXTRA_BYTES_MAX, PROOF_BYTES_MAX, TREE_SIZE_MAX};
use crate::merkle::verify_inclusion;
use crate::policy::Policy;
use crate::verify::{Witnessed, open_witnessed};
use crate::witness::{parse_hash_lines, push_hash_lines};

/// First line of every proof.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A parsed proof. Nothing is believed before [`TlogProof::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque data for the application. **Not authenticated.**
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// Inclusion proof, leaf's sibling first, at most 63 hashes.
    pub path: Vec<Hash>,
    /// The signed checkpoint with its cosignatures, byte for byte.
    pub checkpoint: Vec<u8>,
}

impl TlogProof {
    /// Reads a proof. The checkpoint note is only bounded here, and parsed when opened.
    ///
    /// # Errors
    /// [`ParseError`] naming the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let what = "tlog-proof";
        let text = ascii::text_of(what, bytes, PROOF_BYTES_MAX)?;
        let malformed = |line: &str, expected| ParseError::Malformed {
            what: "tlog-proof line",
            value: ascii::excerpt(line),
            expected,
        };
        let (line, rest) = ascii::take_line(what, text)?;
        if line != HEADER {
            return Err(malformed(line, "`c2sp.org/tlog-proof@v1`"));
        }
        let (mut line, mut rest) = ascii::take_line(what, rest)?;
        let mut extra = None;
        if let Some(value) = line.strip_prefix("extra ") {
            let value = ascii::parse_base64("extra", value)?;
            if value.len() > EXTRA_BYTES_MAX {
                let (found, max) = (value.len(), EXTRA_BYTES_MAX);
                return Err(ParseError::TooLong {
                    what: "extra",
                    found,
                    max,
                });
            }
            extra = Some(value);
            (line, rest) = ascii::take_line(what, rest)?;
        }
        let index = line
            .strip_prefix("index ")
            .ok_or_else(|| malformed(line, "`index N`"))?;
        let index = ascii::parse_decimal("index", index)?;
        if index >= TREE_SIZE_MAX {
            let (found, max) = (index, TREE_SIZE_MAX - 1);
            return Err(ParseError::Range {
                what: "index",
                found,
                min: 0,
                max,
            });
        }
        let (path, checkpoint) = parse_hash_lines(what, rest)?;
        Ok(Self {
            extra,
            index,
            path,
            checkpoint: checkpoint.as_bytes().to_vec(),
        })
    }

    /// The exact file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{HEADER}\n").into_bytes();
        if let Some(extra) = &self.extra {
            bytes.extend_from_slice(format!("extra {}\n", ascii::to_base64(extra)).as_bytes());
        }
        bytes.extend_from_slice(format!("index {}\n", self.index).as_bytes());
        push_hash_lines(&mut bytes, &self.path);
        bytes.extend_from_slice(&self.checkpoint);
        bytes
    }

    /// Checks that `entry` stands in a log of the policy, under its quorum of witnesses; returns
    /// the entry's index and the checkpoint.
    ///
    /// # Errors
    /// [`OpenError`] if the checkpoint or the path is not acceptable.
    pub fn open(
        &self,
        entry: &[u8],
        policy: &Policy,
    ) -> Result<(u64, Witnessed<Checkpoint>), OpenError> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(OpenError::EntryTooLong { found: entry.len() });
        }
        let checkpoint = open_witnessed(&self.checkpoint, policy).map_err(OpenError::Policy)?;
        verify_inclusion(
            &leaf_hash(entry),
            self.index,
            checkpoint.size(),
            &self.path,
            checkpoint.root(),
        )
        .map_err(|source| OpenError::Inclusion {
            index: self.index,
            source,
        })?;
        Ok((self.index, checkpoint))
    }
}
