//! Messages of the witness protocol, without HTTP (tlog-witness).
//!
//! ```text
//! old 20852014
//! PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
//!
//! example.com/behind-the-sofa
//! ...
//! ```

use std::fmt;
use std::str::FromStr;

use crate::ascii;
use crate::errors::ParseError;
use crate::hash::Hash;
use crate::limits::{ADD_CHECKPOINT_BYTES_MAX, NOTE_BYTES_MAX, PROOF_HASHES_MAX};
use crate::note::{SignatureLine, parse_signature_lines};

/// Content type of a 409 answer, whose body is a [`ConflictSize`].
pub const CONFLICT_CONTENT_TYPE: &str = "text/x.tlog.size";

/// Body of `POST <submission prefix>/add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the tree the witness cosigned last, as the log believes.
    pub old_size: u64,
    /// Consistency proof from that size, at most 63 hashes.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, byte for byte; open it with [`crate::open_checkpoint`].
    pub checkpoint: Vec<u8>,
}

impl AddCheckpoint {
    /// Reads a body. The note after the empty line is only bounded, not parsed.
    ///
    /// # Errors
    /// [`ParseError`] naming the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let what = "add-checkpoint";
        let text = ascii::text_of(what, bytes, ADD_CHECKPOINT_BYTES_MAX)?;
        let (line, rest) = ascii::take_line(what, text)?;
        let old_size = line
            .strip_prefix("old ")
            .ok_or_else(|| ParseError::Malformed {
                what: "first line",
                value: ascii::excerpt(line),
                expected: "`old SIZE`",
            })?;
        let old_size = ascii::parse_decimal("old size", old_size)?;
        let (proof, checkpoint) = parse_hash_lines(what, rest)?;
        Ok(Self {
            old_size,
            proof,
            checkpoint: checkpoint.as_bytes().to_vec(),
        })
    }

    /// The exact body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("old {}\n", self.old_size).into_bytes();
        push_hash_lines(&mut bytes, &self.proof);
        bytes.extend_from_slice(&self.checkpoint);
        bytes
    }
}

/// Reads hash lines, the empty line that ends them, and returns the note that follows.
pub(crate) fn parse_hash_lines<'a>(
    what: &'static str,
    text: &'a str,
) -> Result<(Vec<Hash>, &'a str), ParseError> {
    let mut hashes = Vec::new();
    let mut rest = text;
    loop {
        let (line, tail) = ascii::take_line(what, rest)?;
        rest = tail;
        if line.is_empty() {
            break;
        }
        if hashes.len() == PROOF_HASHES_MAX {
            let found = PROOF_HASHES_MAX + 1;
            return Err(ParseError::TooMany {
                what: "proof hashes",
                found,
                max: PROOF_HASHES_MAX,
            });
        }
        hashes.push(Hash::from_base64(line)?);
    }
    if rest.is_empty() {
        return Err(ParseError::Missing {
            what,
            missing: "its checkpoint",
        });
    }
    if rest.len() > NOTE_BYTES_MAX {
        let (found, max) = (rest.len(), NOTE_BYTES_MAX);
        return Err(ParseError::TooLong {
            what: "checkpoint",
            found,
            max,
        });
    }
    Ok((hashes, rest))
}

/// Writes hash lines and the empty line that ends them.
pub(crate) fn push_hash_lines(bytes: &mut Vec<u8>, hashes: &[Hash]) {
    for hash in hashes {
        bytes.extend_from_slice(hash.to_string().as_bytes());
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
}

/// Reads the body of a 200 answer: one or more signature lines. Believe none before
/// [`crate::verify_cosignature`].
///
/// # Errors
/// [`ParseError`] if there is anything but signature lines.
pub fn parse_cosignatures(bytes: &[u8]) -> Result<Vec<SignatureLine>, ParseError> {
    parse_signature_lines(ascii::text_of("witness answer", bytes, NOTE_BYTES_MAX)?)
}

/// Writes the body of a 200 answer.
pub fn cosignatures_to_bytes(lines: &[SignatureLine]) -> Vec<u8> {
    lines
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .into_bytes()
}

/// Body of a 409 answer: the size the witness cosigned last. The text form ends in a newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConflictSize(pub u64);

impl ConflictSize {
    /// The old size to try again with, for a log that has `own_size` entries. `None` if the witness
    /// saw more than the log has: then the log lost entries or is not the one that was cosigned,
    /// and trying again cannot help.
    pub fn retry_from(self, own_size: u64) -> Option<u64> {
        (self.0 <= own_size).then_some(self.0)
    }
}

impl FromStr for ConflictSize {
    type Err = ParseError;

    fn from_str(body: &str) -> Result<Self, ParseError> {
        let what = "conflict size";
        let (size, rest) = ascii::take_line(what, body)?;
        if !rest.is_empty() {
            return Err(ParseError::Trailing {
                what,
                value: ascii::excerpt(rest),
            });
        }
        ascii::parse_decimal(what, size).map(Self)
    }
}

impl fmt::Display for ConflictSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0)
    }
}
