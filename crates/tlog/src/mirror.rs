//! Messages of the mirror protocol, without HTTP (tlog-mirror). `add-checkpoint` is the one of
//! witnesses ([`crate::AddCheckpoint`]); new here is `add-entries`, whose body is read as it
//! arrives:
//!
//! ```text
//! 00 12  c e n t e r . e x a m p l e / l o g     origin behind its length
//! 00 00 00 00 00 00 01 2c                        upload start, 300
//! 00 00 00 00 00 00 02 bc                        upload end, 700: a pending checkpoint's size
//! 00 00                                          no ticket
//! 00 05 h e l l o ...                            package 1: the entries 300..512,
//! 03 <32 bytes> <32 bytes> <32 bytes>                proof that 256..512 is in the tree of 700
//! 00 05 w o r l d ...                            package 2: the entries 512..700,
//! 01 <32 bytes>                                      proof that 512..700 is in the tree of 700
//! ```
//!
//! The answers 202 and 409 tell where to go on:
//!
//! ```text
//! 700
//! 512
//! dGlja2V0
//! ```

use crate::ascii;
use crate::bundle;
use crate::errors::ParseError;
use crate::hash::Hash;
use crate::limits::{
    HASH_BYTES, MIRROR_INFO_BYTES_MAX, PROOF_HASHES_MAX, TILE_WIDTH, TREE_SIZE_MAX,
};
use crate::subtree::Subtree;

/// Content type of the answers 202 and 409, whose body is a [`MirrorInfo`].
pub const MIRROR_INFO_CONTENT_TYPE: &str = "text/x.tlog.mirror-info";

/// Where an upload is to go on: the body of the answers 202 and 409.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorInfo {
    /// Size of a pending checkpoint, to be used as the upload's end.
    pub tree_size: u64,
    /// First entry that the mirror lacks, to be used as the upload's start.
    pub next_entry: u64,
    /// To be sent back as it is.
    pub ticket: Vec<u8>,
}

impl MirrorInfo {
    /// Reads the three lines.
    ///
    /// # Errors
    /// [`ParseError`] naming the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let what = "mirror info";
        let text = ascii::text_of(what, bytes, MIRROR_INFO_BYTES_MAX)?;
        let (tree_size, rest) = ascii::take_line(what, text)?;
        let (next_entry, rest) = ascii::take_line(what, rest)?;
        let (ticket, rest) = ascii::take_line(what, rest)?;
        if !rest.is_empty() {
            let value = ascii::excerpt(rest);
            return Err(ParseError::Trailing { what, value });
        }
        let ticket = ascii::parse_base64("ticket", ticket)?;
        // A longer one could not be sent back.
        length_of("ticket", &ticket)?;
        Ok(Self {
            tree_size: ascii::parse_decimal("tree size", tree_size)?,
            next_entry: ascii::parse_decimal("next entry", next_entry)?,
            ticket,
        })
    }

    /// The exact body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let ticket = ascii::to_base64(&self.ticket);
        format!("{}\n{}\n{ticket}\n", self.tree_size, self.next_entry).into_bytes()
    }
}

/// Head of an `add-entries` body: what is uploaded, before the packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddEntries {
    /// The log. Not necessarily one that a checkpoint could name; compare it with those you know.
    pub origin: String,
    /// Index of the first entry of the upload.
    pub start: u64,
    /// Index after its last entry: the size of a pending checkpoint.
    pub end: u64,
    /// What the mirror gave in its last [`MirrorInfo`], or nothing.
    pub ticket: Vec<u8>,
}

impl AddEntries {
    /// Reads a head at the start of `bytes`; returns it with its length. `None` if it has not
    /// arrived whole.
    ///
    /// # Errors
    /// [`ParseError`] if it will not become one.
    pub fn parse_prefix(bytes: &[u8]) -> Result<Option<(Self, usize)>, ParseError> {
        let mut rest = bytes;
        let Some(origin) = take_prefixed(&mut rest) else {
            return Ok(None);
        };
        let (Some(start), Some(end)) = (take::<8>(&mut rest), take::<8>(&mut rest)) else {
            return Ok(None);
        };
        let Some(ticket) = take_prefixed(&mut rest) else {
            return Ok(None);
        };
        let what = "origin";
        let origin = std::str::from_utf8(origin).map_err(|_| ParseError::NotUtf8 { what })?;
        let head = Self {
            origin: origin.to_owned(),
            start: u64::from_be_bytes(start),
            end: u64::from_be_bytes(end),
            ticket: ticket.to_vec(),
        };
        head.check_range()?;
        Ok(Some((head, bytes.len() - rest.len())))
    }

    /// The exact head.
    ///
    /// # Errors
    /// [`ParseError`] if a field has no wire form: a range that runs backwards or beyond the limit,
    /// an origin or a ticket of more than 65,535 bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ParseError> {
        self.check_range()?;
        let mut bytes = Vec::new();
        push_prefixed(&mut bytes, "origin", self.origin.as_bytes())?;
        bytes.extend_from_slice(&self.start.to_be_bytes());
        bytes.extend_from_slice(&self.end.to_be_bytes());
        push_prefixed(&mut bytes, "ticket", &self.ticket)?;
        Ok(bytes)
    }

    /// The packages of the upload, in the order in which they follow the head.
    pub fn packages(&self) -> impl Iterator<Item = PackageSpan> + use<> {
        packages_between(self.start, self.end)
    }

    fn check_range(&self) -> Result<(), ParseError> {
        let check = |what, found, max| {
            let min = 0;
            let outside = ParseError::Range {
                what,
                found,
                min,
                max,
            };
            if found <= max { Ok(()) } else { Err(outside) }
        };
        check("upload end", self.end, TREE_SIZE_MAX)?;
        check("upload start", self.start, self.end)
    }
}

/// Which entries a package carries, and which subtree its proof is about: the package's entries
/// and those before them back to a multiple of 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageSpan {
    first: u64,
    subtree: Subtree,
}

impl PackageSpan {
    /// Index of its first entry.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Index after its last entry.
    pub fn end(&self) -> u64 {
        self.subtree.end()
    }

    /// Number of entries in it, 1..=256.
    pub fn entries(&self) -> u16 {
        // Fits: a package does not cross a multiple of 256.
        (self.subtree.end() - self.first) as u16
    }

    /// What its proof is about.
    pub fn subtree(&self) -> Subtree {
        self.subtree
    }
}

fn packages_between(start: u64, end: u64) -> impl Iterator<Item = PackageSpan> {
    let width = u64::from(TILE_WIDTH);
    let mut next = start;
    std::iter::from_fn(move || {
        if next >= end || end > TREE_SIZE_MAX {
            return None;
        }
        let first = next;
        let aligned = first / width * width;
        next = end.min(aligned + width);
        let subtree = Subtree::new(aligned, next)
            .expect("at most 256 leaves from a multiple of 256 on are a subtree");
        Some(PackageSpan { first, subtree })
    })
}

/// Up to 256 entries, and the proof that they stand in the tree of the upload's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPackage {
    /// The entries, in order.
    pub entries: Vec<Vec<u8>>,
    /// Subtree consistency proof, at most 63 hashes.
    pub proof: Vec<Hash>,
}

impl EntryPackage {
    /// Reads a package of `entries` (1..=256) entries at the start of `bytes`; returns it with its
    /// length. `None` if it has not arrived whole; nothing is allocated before it has.
    ///
    /// # Errors
    /// [`ParseError`] if it will not become one.
    pub fn parse_prefix(bytes: &[u8], entries: u16) -> Result<Option<(Self, usize)>, ParseError> {
        let mut rest = bytes;
        for _ in 0..entries {
            if take_prefixed(&mut rest).is_none() {
                return Ok(None);
            }
        }
        let bundle_bytes = &bytes[..bytes.len() - rest.len()];
        let Some([found]) = take::<1>(&mut rest) else {
            return Ok(None);
        };
        let (found, max) = (usize::from(found), PROOF_HASHES_MAX);
        if found > max {
            let what = "proof hashes";
            return Err(ParseError::TooMany { what, found, max });
        }
        let Some((proof, rest)) = rest.split_at_checked(found * HASH_BYTES) else {
            return Ok(None);
        };
        let package = Self {
            entries: bundle::parse(bundle_bytes, entries)?
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect(),
            proof: crate::tile::hashes_of(proof),
        };
        Ok(Some((package, bytes.len() - rest.len())))
    }

    /// The exact package.
    ///
    /// # Errors
    /// [`ParseError`] if there are no entries or too many, one is too long, or the proof has more
    /// than 63 hashes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ParseError> {
        let (found, max) = (self.proof.len(), PROOF_HASHES_MAX);
        if found > max {
            let what = "proof hashes";
            return Err(ParseError::TooMany { what, found, max });
        }
        let mut bytes = bundle::encode(&self.entries)?;
        // Fits: at most 63.
        bytes.push(found as u8);
        for hash in &self.proof {
            bytes.extend_from_slice(hash.as_bytes());
        }
        Ok(bytes)
    }
}

/// Reads an `add-entries` body piece by piece, as it arrives. It holds what was pushed and not
/// read: take all packages before you push more, and that is at most one package and one piece.
#[derive(Debug, Default)]
pub struct AddEntriesReader {
    unread: Vec<u8>,
    /// What is left of the upload; `None` before the head was read.
    left: Option<(u64, u64)>,
}

impl AddEntriesReader {
    /// A body of which nothing has arrived.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the bytes that arrived next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The head, once, when it has arrived.
    ///
    /// # Errors
    /// [`ParseError`] if the body is malformed; it cannot be read further.
    pub fn head(&mut self) -> Result<Option<AddEntries>, ParseError> {
        if self.left.is_some() {
            return Ok(None);
        }
        let Some((head, used)) = AddEntries::parse_prefix(&self.unread)? else {
            return Ok(None);
        };
        self.unread.drain(..used);
        self.left = Some((head.start, head.end));
        Ok(Some(head))
    }

    /// The next package with what it should hold, when it has arrived.
    ///
    /// # Errors
    /// [`ParseError`] if the body is malformed; it cannot be read further.
    pub fn package(&mut self) -> Result<Option<(PackageSpan, EntryPackage)>, ParseError> {
        let Some((start, end)) = self.left else {
            return Ok(None);
        };
        let Some(span) = packages_between(start, end).next() else {
            return Ok(None);
        };
        let Some((package, used)) = EntryPackage::parse_prefix(&self.unread, span.entries())?
        else {
            return Ok(None);
        };
        self.unread.drain(..used);
        self.left = Some((span.end(), end));
        Ok(Some((span, package)))
    }

    /// Whether all packages of the upload were read. What follows them means nothing.
    pub fn is_complete(&self) -> bool {
        self.left.is_some_and(|(start, end)| start == end)
    }
}

/// The next `N` bytes, if they are there.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

/// Bytes behind their length as a big-endian `u16`, if they are there.
fn take_prefixed<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (taken, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    *bytes = rest;
    Some(taken)
}

fn push_prefixed(bytes: &mut Vec<u8>, what: &'static str, value: &[u8]) -> Result<(), ParseError> {
    bytes.extend_from_slice(&length_of(what, value)?.to_be_bytes());
    bytes.extend_from_slice(value);
    Ok(())
}

fn length_of(what: &'static str, value: &[u8]) -> Result<u16, ParseError> {
    u16::try_from(value.len()).map_err(|_| ParseError::TooLong {
        what,
        found: value.len(),
        max: u16::MAX.into(),
    })
}
