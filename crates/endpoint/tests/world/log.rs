//! A log in memory. Roots and paths are computed by the definition (RFC 6962 section 2.1), not by tiles.

use keys::NoteKey;
use law::{Bundle, BundleEntry};
use statement::{CheckpointRef, Envelope, FileDigest};
use tlog::{Checkpoint, Hash, Note, cosign, leaf_hash, node_hash, sign_checkpoint};

use super::roster::{self, Key};

/// Its entries.
#[derive(Clone)]
pub struct Log {
    origin: String,
    entries: Vec<Vec<u8>>,
}

impl Log {
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            entries: Vec::new(),
        }
    }

    /// Signs and appends; the position.
    pub fn append(&mut self, payload: &[u8], key: &Key) -> u64 {
        let envelope = Envelope::sign(payload.to_vec(), key).unwrap();
        self.entries.push(envelope.to_bytes());
        self.entries.len() as u64 - 1
    }

    pub fn entry(&self, index: u64) -> &[u8] {
        &self.entries[index as usize]
    }

    /// Signed by the log, cosigned by both labs at `time`.
    pub fn checkpoint(&self, time: u64) -> Vec<u8> {
        self.checkpoint_by(&roster::witnesses(), time)
    }

    pub fn checkpoint_by(&self, witnesses: &[NoteKey], time: u64) -> Vec<u8> {
        let origin = self.origin.parse().unwrap();
        let checkpoint =
            Checkpoint::new(origin, self.entries.len() as u64, root(&self.leaves())).unwrap();
        let text = checkpoint.to_string();
        let mut lines = vec![sign_checkpoint(&text, &roster::log_key()).unwrap()];
        lines.extend(
            witnesses
                .iter()
                .map(|witness| cosign(&checkpoint, time, witness).unwrap()),
        );
        Note::new(text, lines).unwrap().to_string().into_bytes()
    }

    /// Size and root, as an activation names them.
    pub fn head(&self) -> CheckpointRef {
        CheckpointRef {
            size: self.entries.len() as u64,
            root: FileDigest::new(root(&self.leaves())),
        }
    }

    /// These entries with their paths.
    pub fn bundle(&self, indices: &[u64], time: u64) -> Bundle {
        let leaves = self.leaves();
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        let entries = indices.iter().map(|index| BundleEntry {
            entry: self.entry(*index).to_vec(),
            index: *index,
            path: path(*index as usize, &leaves),
        });
        Bundle {
            archived: Vec::new(),
            checkpoint: self.checkpoint(time),
            entries: entries.collect(),
        }
    }

    /// What a log of less than 256 entries publishes: its checkpoint and its one tile, with their names.
    pub fn files(&self, time: u64) -> Vec<(String, Vec<u8>)> {
        let leaves = self.leaves();
        let tile: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
        vec![
            ("checkpoint".to_owned(), self.checkpoint(time)),
            (format!("tile/0/000.p/{}", leaves.len()), tile),
        ]
    }

    fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }
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
