//! What one bundle shows about older trees of its log, without network.
//!
//! The inclusion path of entry `i` in a tree of `n` passes every subtree left of the entry. So whoever
//! has verified it knows what the first `i` and the first `i + 1` entries of that tree hash to, and can
//! prove it by the same hashes. An endpoint that was shown a checkpoint of one of these two sizes
//! before can therefore compare offline. For all other sizes it needs tiles.

use std::collections::BTreeMap;

use law::{Bundle, BundleEntry, OpenBundle};
use statement::FileDigest;
use tlog::{Checkpoint, Hash, Policy, Verified, leaf_hash, node_hash};

use super::keys::{LogKeys, own_lines};

/// What a verified bundle showed, as far as it can be compared with what was shown before.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// The checkpoint that the bundle rests on, with the signatures that count only.
    pub(crate) checkpoint: Verified<Checkpoint>,
    /// Version of the newest constitution it shows.
    pub(crate) constitution: u64,
    /// Policies of the constitutions it shows, oldest first.
    pub(crate) policies: Vec<Policy>,
    /// Older sizes that its entries prove something about: hashes as for [`tlog::Fork::with_path`].
    pub(crate) prefixes: BTreeMap<u64, Vec<Hash>>,
}

impl Shown {
    /// `None` for a bundle whose checkpoint cannot be opened again; that was opened a moment ago.
    pub(crate) fn of(bundle: &Bundle, open: &OpenBundle) -> Option<Self> {
        let constitutions = open.view().state().constitutions();
        let policies: Vec<_> = constitutions
            .filter_map(|constitution| Policy::parse(&constitution.tlog_policy).ok())
            .collect();
        let checkpoint = own_lines(
            open.checkpoint().note(),
            &LogKeys::of(policies.iter(), open.checkpoint().origin()),
            policies.last()?,
        )?;
        Some(Self {
            prefixes: prefixes(&bundle.entries, checkpoint.size()),
            checkpoint,
            constitution: open.view().constitution().ok()?.version,
            policies,
        })
    }
}

/// A publication that a verified bundle shows, with the bundle, so that it can be shown to others.
#[derive(Debug, Clone)]
pub(crate) struct ShownPublication {
    pub(crate) version: u64,
    pub(crate) metadata: FileDigest,
    pub(crate) bundle: Vec<u8>,
}

impl ShownPublication {
    /// The newest one of a role; `None` when the bundle shows none, or two of one version.
    pub(crate) fn of(bytes: &[u8], open: &OpenBundle, role: &str) -> Option<Self> {
        let newest = open.view().newest_publication(role).ok()??;
        Some(Self {
            version: newest.version,
            metadata: newest.metadata,
            bundle: bytes.to_vec(),
        })
    }
}

/// For each older size that an entry of a tree of `size` proves something about, the hashes.
fn prefixes(entries: &[BundleEntry], size: u64) -> BTreeMap<u64, Vec<Hash>> {
    let mut found = BTreeMap::new();
    for entry in entries {
        let leaf = leaf_hash(&entry.entry);
        found.extend(before(&leaf, entry.index, size, &entry.path));
        found.extend(through(&leaf, entry.index, size, &entry.path));
    }
    found
}

/// The first `index` entries: the first sibling on the left is the node that ends there, and what was
/// passed on the way to it is one node, the next one.
fn before(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<(u64, Vec<Hash>)> {
    if index == 0 || index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut right = *leaf;
    for (at, sibling) in path.iter().enumerate() {
        if node & 1 == 1 || node == last {
            let mut hashes = vec![*sibling, right];
            hashes.extend_from_slice(&path[at + 1..]);
            return Some((index, hashes));
        }
        right = node_hash(&right, sibling);
        node >>= 1;
        last >>= 1;
    }
    None
}

/// The first `index + 1` entries: as long as the entry closes subtrees, its siblings are on the left and
/// become one node with it, which ends there.
fn through(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<(u64, Vec<Hash>)> {
    let old = index.checked_add(1).filter(|old| *old < size)?;
    let closed = usize::try_from(old.trailing_zeros()).ok()?;
    let (closing, rest) = path.split_at_checked(closed)?;
    let node = closing
        .iter()
        .fold(*leaf, |node, left| node_hash(left, &node));
    let mut hashes = vec![node];
    hashes.extend_from_slice(rest);
    Some((old, hashes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tlog::verify_consistency;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|at| leaf_hash(&at.to_be_bytes())).collect()
    }

    fn split(count: usize) -> usize {
        1 << (count - 1).ilog2()
    }

    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                node_hash(&root(left), &root(right))
            }
        }
    }

    fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let middle = split(leaves.len());
        let (left, right) = leaves.split_at(middle);
        let (mut below, sibling) = match index < middle {
            true => (path(index, left), root(right)),
            false => (path(index - middle, right), root(left)),
        };
        below.push(sibling);
        below
    }

    /// As RFC 6962 writes it: without the first hash where the old tree is a node of the new one. `roots` are those of
    /// the trees of one entry, two entries and so on.
    fn holds(old: u64, hashes: &[Hash], new: u64, roots: &[Hash]) -> bool {
        let proof = if old.is_power_of_two() {
            &hashes[1..]
        } else {
            hashes
        };
        let root = |size: u64| &roots[usize::try_from(size).unwrap() - 1];
        verify_consistency(old, root(old), new, root(new), proof).is_ok()
    }

    #[test]
    fn every_entry_of_every_small_tree_proves_the_two_trees_that_end_at_it() {
        let all = leaves(70);
        let roots: Vec<Hash> = (1..=all.len()).map(|count| root(&all[..count])).collect();
        for (leaves, size) in (1..=all.len()).map(|count| &all[..count]).zip(1_u64..) {
            for index in 0..size {
                let at = usize::try_from(index).unwrap();
                let entry = BundleEntry {
                    entry: index.to_be_bytes().to_vec(),
                    index,
                    path: path(at, leaves),
                };
                let found = prefixes(&[entry], size);
                let due: Vec<u64> = [index, index + 1]
                    .into_iter()
                    .filter(|old| (1..size).contains(old))
                    .collect();
                assert_eq!(found.keys().copied().collect::<Vec<_>>(), due);
                for (old, hashes) in found {
                    assert!(
                        holds(old, &hashes, size, &roots),
                        "{old} of {size} by {index}"
                    );
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_makes_it_panic(index: u64, size: u64, count in 0_usize..70) {
            let entry = BundleEntry { entry: Vec::new(), index, path: vec![Hash::EMPTY_ROOT; count] };
            let _ = prefixes(&[entry], size);
        }
    }
}
