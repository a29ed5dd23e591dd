//! Checking RFC 6962 proofs, and the compact range that lets a log append without its history.

use crate::errors::ProofError;
use crate::hash::{Hash, node_hash};
use crate::limits::TREE_SIZE_MAX;

/// Checks that `leaf` (a leaf hash) stands at `index` of the tree with `size` and `root`.
///
/// # Errors
/// [`ProofError`] if the index is outside, the path has the wrong length or leads elsewhere.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexBeyondSize { index, size });
    }
    let wrong_length = ProofError::PathLength { found: path.len() };
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            skip_levels_without_sibling(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    if hash != *root {
        return Err(ProofError::RootMismatch { size });
    }
    Ok(())
}

/// Checks that the tree of `new_size` begins with the tree of `old_size`.
///
/// The empty tree is a prefix of every tree: its path is empty and its root must be
/// [`Hash::EMPTY_ROOT`].
///
/// # Errors
/// [`ProofError`]; [`ProofError::Split`] when equal sizes have different roots.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    let wrong_length = ProofError::PathLength { found: path.len() };
    if old_size > new_size {
        return Err(ProofError::Shrinking { old_size, new_size });
    }
    let impossible = |size: u64, root: &Hash| size == 0 && *root != Hash::EMPTY_ROOT;
    if impossible(old_size, old_root) || impossible(new_size, new_root) {
        return Err(ProofError::EmptyRoot);
    }
    if old_size == new_size && old_root != new_root {
        return Err(ProofError::Split { size: old_size });
    }
    if old_size == 0 || old_size == new_size {
        return if path.is_empty() {
            Ok(())
        } else {
            Err(wrong_length)
        };
    }
    // A complete old tree is itself a node of the new one, so the proof leaves it out.
    let (start, rest) = match path.split_first() {
        _ if old_size.is_power_of_two() => (*old_root, path),
        Some((first, rest)) => (*first, rest),
        None => return Err(wrong_length),
    };
    let (old_hash, new_hash) = prefix_roots(old_size, new_size, &start, rest)?;
    if old_hash != *old_root {
        return Err(ProofError::RootMismatch { size: old_size });
    }
    if new_hash != *new_root {
        return Err(ProofError::RootMismatch { size: new_size });
    }
    Ok(())
}

/// The roots of the first `old_size` leaves and of all `new_size` leaves (0 < `old_size` <
/// `new_size`), from the node that ends where the old tree ends and the siblings on its way up.
///
/// Which hash goes where follows from the two sizes alone. So hashes that lead to a root of
/// `new_size` leaves lead to the only root that its first `old_size` leaves can have.
pub(crate) fn prefix_roots(
    old_size: u64,
    new_size: u64,
    start: &Hash,
    siblings: &[Hash],
) -> Result<(Hash, Hash), ProofError> {
    let wrong_length = ProofError::PathLength {
        found: siblings.len() + 1,
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in siblings {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            skip_levels_without_sibling(&mut node, &mut last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    Ok((old_hash, new_hash))
}

/// The last node of an incomplete level is carried up unchanged until it has a left sibling.
fn skip_levels_without_sibling(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}

/// The roots of the complete subtrees that a tree consists of, largest first: enough to append
/// and to know the root. One hash per set bit of the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    parts: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up a tree that was stored as its size and its subtree roots, largest first.
    ///
    /// # Errors
    /// [`ProofError::FrontierShape`] if the number of hashes does not fit the size.
    pub fn from_parts(size: u64, parts: Vec<Hash>) -> Result<Self, ProofError> {
        if size > TREE_SIZE_MAX || parts.len() != size.count_ones() as usize {
            return Err(ProofError::FrontierShape {
                size,
                found: parts.len(),
            });
        }
        Ok(Self { size, parts })
    }

    /// The subtree roots, largest first.
    pub fn parts(&self) -> &[Hash] {
        &self.parts
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds one leaf hash at the end.
    pub fn append(&mut self, leaf: Hash) {
        self.size += 1;
        let mut hash = leaf;
        for _ in 0..self.size.trailing_zeros() {
            let left = self.parts.pop().expect("one part per set bit of the size");
            hash = node_hash(&left, &hash);
        }
        self.parts.push(hash);
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut right_to_left = self.parts.iter().rev();
        let Some(last) = right_to_left.next() else {
            return Hash::EMPTY_ROOT;
        };
        right_to_left.fold(*last, |right, left| node_hash(left, &right))
    }
}
