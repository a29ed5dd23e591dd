//! Subtrees: a part of a log's tree that has a hash of its own, and the proofs about it
//! (draft-ietf-plants-merkle-tree-certs-03 section 4, as tlog-witness and tlog-mirror use it).
//!
//! ```text
//! subtree 8 13                                      of a log of 14 entries
//! mbsQCg+dEIMGlpqeGgk94JutQwKKS2Lo5IuDhKmDjiU=      its hash
//! CD82D2LDm0phY0+xKbHyZfq3Hw21lVkuV7Zis5EFg0k=      proof: leaf 12, where both trees begin
//! h/ghL5nyaXTIBAklqDnisM+SFdbA3izoGZ5oRYMZzc0=      leaf 13, only in the log
//! 8qtnAAU9sTKQx/zt3E4v8Jt2a9IMQUf0QUawvePF9y0=      leaves 8..12, in both
//! KuO5BNOmginG34Lm5G3e2GuiWliGo3K0ebzGpvI0fEg=      leaves 0..8, only in the log
//!
//! example.com/behind-the-sofa
//! 14
//! ...
//! ```

use std::fmt;
use std::ops::Range;

use crate::ascii;
use crate::errors::{ParseError, ProofError, ProveError};
use crate::hash::{Hash, node_hash};
use crate::limits::{ADD_CHECKPOINT_BYTES_MAX, TREE_SIZE_MAX};
use crate::merkle::verify_inclusion;
use crate::prove::{TileSource, Tree, inclusion_path, split_of};
use crate::witness::{parse_hash_lines, push_hash_lines};

/// The leaves `start..end` of a log, placed so that every tree that holds them can prove them:
/// `start` is a multiple of the smallest power of two that is not below `end - start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    start: u64,
    end: u64,
}

impl Subtree {
    /// Names a subtree; it is never empty.
    ///
    /// # Errors
    /// [`ProofError::NotASubtree`] for any other interval.
    pub fn new(start: u64, end: u64) -> Result<Self, ProofError> {
        // Bounded first: then the power of two fits.
        let fits = start < end
            && end <= TREE_SIZE_MAX
            && start.is_multiple_of((end - start).next_power_of_two());
        if fits {
            Ok(Self { start, end })
        } else {
            Err(ProofError::NotASubtree { start, end })
        }
    }

    /// Index of its first leaf.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Index after its last leaf.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Number of leaves, at least one.
    pub fn leaves(&self) -> u64 {
        self.end - self.start
    }

    /// Whether the leaf at `index` is in it.
    pub fn contains(&self, index: u64) -> bool {
        (self.start..self.end).contains(&index)
    }

    fn check_within(&self, size: u64) -> Result<(), ProofError> {
        if self.end <= size && size <= TREE_SIZE_MAX {
            return Ok(());
        }
        let Self { start, end } = *self;
        Err(ProofError::SubtreeBeyondSize { start, end, size })
    }
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// Where a sibling stands on the way up from the part that both trees share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sibling {
    /// To the right, so outside of the subtree.
    Right,
    /// To the left and outside of the subtree.
    Left,
    /// To the left and in both.
    Shared,
}

/// The way from a log's root down to the largest part that it shares with a subtree.
struct Way {
    /// Siblings with the leaves they cover, the root's child first.
    siblings: Vec<(Sibling, Range<u64>)>,
    /// The shared part.
    bottom: Range<u64>,
    /// Whether it is the whole subtree, whose hash the verifier has.
    is_whole: bool,
}

impl Way {
    /// SUBTREE_SUBPROOF of section 4.4.1, as a loop. A subtree that stands on both sides of a split
    /// begins where the split tree begins; its placement sees to that.
    fn down(subtree: Subtree, size: u64) -> Self {
        let mut siblings = Vec::new();
        let (mut low, mut high) = (0, size);
        let mut start = subtree.start;
        while (low, high) != (start, subtree.end) {
            let middle = low + split_of(high - low);
            if subtree.end <= middle {
                siblings.push((Sibling::Right, middle..high));
                high = middle;
            } else if middle <= start {
                siblings.push((Sibling::Left, low..middle));
                low = middle;
            } else {
                siblings.push((Sibling::Shared, low..middle));
                (low, start) = (middle, middle);
            }
        }
        Self {
            siblings,
            bottom: low..high,
            is_whole: start == subtree.start,
        }
    }
}

/// Checks that the tree of `size` leaves with `root` holds the subtree with `hash`.
///
/// # Errors
/// [`ProofError`] if the subtree is not within, the proof has the wrong length, or leads elsewhere.
pub fn verify_subtree_consistency(
    subtree: Subtree,
    hash: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    subtree.check_within(size)?;
    let way = Way::down(subtree, size);
    let wrong_length = ProofError::PathLength { found: proof.len() };
    let (bottom, rest) = match proof.split_first() {
        _ if way.is_whole => (*hash, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(wrong_length),
    };
    if rest.len() != way.siblings.len() {
        return Err(wrong_length);
    }
    let (mut part, mut whole) = (bottom, bottom);
    for ((place, _), sibling) in way.siblings.iter().rev().zip(rest) {
        match place {
            Sibling::Right => whole = node_hash(&whole, sibling),
            Sibling::Left => whole = node_hash(sibling, &whole),
            Sibling::Shared => {
                part = node_hash(sibling, &part);
                whole = node_hash(sibling, &whole);
            }
        }
    }
    if part != *hash {
        let Subtree { start, end } = subtree;
        return Err(ProofError::SubtreeMismatch { start, end });
    }
    if whole != *root {
        return Err(ProofError::RootMismatch { size });
    }
    Ok(())
}

/// Checks that `leaf` (a leaf hash) stands at `index` of the log, within the subtree with `hash`.
///
/// # Errors
/// [`ProofError`] if the index is outside, the path has the wrong length or leads elsewhere.
pub fn verify_subtree_inclusion(
    leaf: &Hash,
    index: u64,
    subtree: Subtree,
    path: &[Hash],
    hash: &Hash,
) -> Result<(), ProofError> {
    let Subtree { start, end } = subtree;
    if !subtree.contains(index) {
        return Err(ProofError::IndexOutsideSubtree { index, start, end });
    }
    verify_inclusion(leaf, index - start, subtree.leaves(), path, hash).map_err(|error| match error
    {
        ProofError::RootMismatch { .. } => ProofError::SubtreeMismatch { start, end },
        other => other,
    })
}

/// The proof that the tree of `size` leaves holds the subtree: what [`verify_subtree_consistency`]
/// takes.
///
/// # Errors
/// [`ProveError`] if the subtree is not within or a tile cannot be had.
pub fn prove_subtree_consistency<S: TileSource>(
    src: &S,
    subtree: Subtree,
    size: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    subtree.check_within(size).map_err(ProveError::Request)?;
    let way = Way::down(subtree, size);
    let tree = Tree::new(src, size);
    let bottom = (!way.is_whole).then_some(&way.bottom);
    let siblings = way.siblings.iter().rev().map(|(_, leaves)| leaves);
    bottom
        .into_iter()
        .chain(siblings)
        .map(|leaves| tree.root_of(leaves.start, leaves.end))
        .collect()
}

/// The inclusion proof of the leaf at `index` in the subtree, from the tiles of a tree of `size`
/// leaves: what [`verify_subtree_inclusion`] takes.
///
/// # Errors
/// [`ProveError`] if the index or the subtree is outside, or a tile cannot be had.
pub fn prove_subtree_inclusion<S: TileSource>(
    src: &S,
    index: u64,
    subtree: Subtree,
    size: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    subtree.check_within(size).map_err(ProveError::Request)?;
    let Subtree { start, end } = subtree;
    if !subtree.contains(index) {
        let outside = ProofError::IndexOutsideSubtree { index, start, end };
        return Err(ProveError::Request(outside));
    }
    inclusion_path(&Tree::new(src, size), index, start, end)
}

/// The hash of the subtree, from the tiles of a tree of `size` leaves.
///
/// # Errors
/// [`ProveError`] if the subtree is not within or a tile cannot be had.
pub fn subtree_hash<S: TileSource>(
    src: &S,
    subtree: Subtree,
    size: u64,
) -> Result<Hash, ProveError<S::Error>> {
    subtree.check_within(size).map_err(ProveError::Request)?;
    Tree::new(src, size).root_of(subtree.start, subtree.end)
}

/// Body of `POST <submission prefix>/sign-subtree` (tlog-witness, "sign-subtree").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignSubtree {
    /// The subtree to be signed. Whether it ends within the checkpoint is for the receiver to check.
    pub subtree: Subtree,
    /// Its hash.
    pub hash: Hash,
    /// Subtree consistency proof to the checkpoint, at most 63 hashes.
    pub proof: Vec<Hash>,
    /// The reference checkpoint with the receiver's own cosignature, byte for byte.
    pub checkpoint: Vec<u8>,
}

impl SignSubtree {
    /// Reads a body. The note after the empty line is only bounded, not parsed.
    ///
    /// # Errors
    /// [`ParseError`] naming the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let what = "sign-subtree";
        let text = ascii::text_of(what, bytes, ADD_CHECKPOINT_BYTES_MAX)?;
        let (line, rest) = ascii::take_line(what, text)?;
        let malformed = || ParseError::Malformed {
            what: "first line",
            value: ascii::excerpt(line),
            expected: "`subtree START END` of a subtree",
        };
        let range = line
            .strip_prefix("subtree ")
            .and_then(|range| range.split_once(' '));
        let (start, end) = range.ok_or_else(malformed)?;
        let start = ascii::parse_decimal("subtree start", start)?;
        let end = ascii::parse_decimal("subtree end", end)?;
        let subtree = Subtree::new(start, end).map_err(|_| malformed())?;
        let (line, rest) = ascii::take_line(what, rest)?;
        let hash = Hash::from_base64(line)?;
        let (proof, checkpoint) = parse_hash_lines(what, rest)?;
        Ok(Self {
            subtree,
            hash,
            proof,
            checkpoint: checkpoint.as_bytes().to_vec(),
        })
    }

    /// The exact body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Subtree { start, end } = self.subtree;
        let mut bytes = format!("subtree {start} {end}\n{}\n", self.hash).into_bytes();
        push_hash_lines(&mut bytes, &self.proof);
        bytes.extend_from_slice(&self.checkpoint);
        bytes
    }
}
