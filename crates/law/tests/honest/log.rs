//! A log in memory, by the definitions of RFC 6962 section 2.1 and nothing of the product.

use law::{Bundle, BundleEntry, InForce, Refusal};
use statement::StatementDigest;
use tlog::{
    Checkpoint, Hash, Note, SignatureLine, Witnessed, cosign, leaf_hash, node_hash, open_witnessed,
    sign_checkpoint,
};

use super::roster::{CENTER_LOG, log_signers, witness_signers};

/// Entries, and the checkpoints that were published: (size, time of the witnesses).
#[derive(Clone)]
pub struct Log {
    party: &'static str,
    pub entries: Vec<Vec<u8>>,
    pub published: Vec<(u64, u64)>,
}

impl Log {
    pub fn of_center() -> Self {
        Self::of("vendor")
    }

    /// The log that this party runs.
    pub fn of(party: &'static str) -> Self {
        Self {
            party,
            entries: Vec::new(),
            published: Vec::new(),
        }
    }

    /// Appends; the index.
    pub fn push(&mut self, entry: Vec<u8>) -> u64 {
        self.entries.push(entry);
        self.size() - 1
    }

    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Everything so far is witnessed at this time.
    pub fn publish(&mut self, time: u64) {
        self.published.push((self.size(), time));
    }

    fn origin(&self) -> String {
        match self.party {
            "vendor" => CENTER_LOG.to_owned(),
            party => format!("{party}.example/log"),
        }
    }

    fn leaves(&self, size: u64) -> Vec<Hash> {
        let entries = &self.entries[..size as usize];
        entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    pub fn root(&self, size: u64) -> Hash {
        root(&self.leaves(size))
    }

    /// The signed and cosigned checkpoint of a size.
    pub fn checkpoint(&self, size: u64, time: u64) -> Vec<u8> {
        self.checkpoint_by(size, time, &["lab-a", "lab-b"])
    }

    /// The same with the cosignatures of these witnesses only.
    pub fn checkpoint_by(&self, size: u64, time: u64, witnesses: &[&str]) -> Vec<u8> {
        let origin = self.origin().parse().unwrap();
        let checkpoint = Checkpoint::new(origin, size, self.root(size)).unwrap();
        let [ed25519, ml_dsa] = log_signers(self.party);
        let mut lines: Vec<SignatureLine> = vec![
            sign_checkpoint(&checkpoint.to_string(), ed25519).unwrap(),
            cosign(&checkpoint, time, ml_dsa).unwrap(),
        ];
        for witness in witnesses.iter().flat_map(|party| witness_signers(party)) {
            lines.push(cosign(&checkpoint, time, witness).unwrap());
        }
        let note = Note::new(checkpoint.to_string(), lines).unwrap();
        note.to_string().into_bytes()
    }

    /// The checkpoint as opened under the policy in force.
    pub fn witnessed(&self, state: &InForce, size: u64, time: u64) -> Witnessed<Checkpoint> {
        open_witnessed(&self.checkpoint(size, time), state.policy().unwrap()).unwrap()
    }

    /// Replays the whole log, settling at every published checkpoint.
    ///
    /// # Panics
    /// When entries stand above the last published checkpoint.
    pub fn replay(&self, anchor: StatementDigest) -> InForce {
        self.replay_judged(anchor).0
    }

    /// The same with what became of each entry.
    pub fn replay_judged(
        &self,
        anchor: StatementDigest,
    ) -> (InForce, Vec<Result<StatementDigest, Refusal>>) {
        let mut state = InForce::replay(self.origin().parse().unwrap(), anchor);
        let mut judged = Vec::new();
        for (size, time) in &self.published {
            while state.next_index() < *size {
                let index = state.next_index();
                let fed = state.feed(index, &self.entries[index as usize]).unwrap();
                judged.push(match fed {
                    law::Fed::Counts(digest) => Ok(digest),
                    law::Fed::Ignored(refusal) => Err(refusal),
                });
            }
            let checkpoint = self.witnessed(&state, *size, *time);
            state.settle(&checkpoint).unwrap();
        }
        assert_eq!(state.next_index(), self.size(), "publish before replaying");
        (state, judged)
    }

    /// A bundle of these entries under the last published checkpoint.
    pub fn bundle(&self, indices: &[u64]) -> Bundle {
        let (size, time) = *self.published.last().unwrap();
        self.bundle_under(size, self.checkpoint(size, time), indices)
    }

    /// The same under a checkpoint of this size that was signed before.
    pub fn bundle_under(&self, size: u64, checkpoint: Vec<u8>, indices: &[u64]) -> Bundle {
        let leaves = self.leaves(size);
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        indices.dedup();
        let entries = indices.into_iter().map(|index| BundleEntry {
            entry: self.entries[index as usize].clone(),
            index,
            path: path(index as usize, &leaves),
        });
        Bundle {
            archived: Vec::new(),
            checkpoint,
            entries: entries.collect(),
        }
    }

    /// The checkpoints published before the last, as a bundle carries them.
    pub fn archived(&self) -> Vec<Vec<u8>> {
        let (_, older) = self.published.split_last().unwrap();
        let notes = older.iter();
        notes
            .map(|(size, time)| self.checkpoint(*size, *time))
            .collect()
    }

    /// A bundle of everything.
    pub fn whole_bundle(&self) -> Bundle {
        self.bundle(&(0..self.published.last().unwrap().0).collect::<Vec<_>>())
    }
}

/// The largest power of two below `count`.
fn split(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if index < middle {
        (path(index, left), root(right))
    } else {
        (path(index - middle, right), root(left))
    };
    path.push(sibling);
    path
}
