//! A log in memory, honest or not, whose checkpoints a witness is asked to cosign.

use anyhow::Result;
use keys::NoteKey;
use tlog::{
    AddCheckpoint, Checkpoint, Frontier, Hash, KeyType, Note, TileId, TileSource, leaf_hash,
    prove_consistency, sign_checkpoint,
};

use crate::roster;

/// A log of fewer than 256 entries. Logs of one branch are beginnings of each other.
pub(crate) struct MemoryLog {
    leaves: Vec<Hash>,
    key: NoteKey,
}

impl TileSource for MemoryLog {
    type Error = std::convert::Infallible;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error> {
        let leaves = self.leaves.iter().take(usize::from(id.width()));
        Ok(leaves.flat_map(|hash| *hash.as_bytes()).collect())
    }
}

impl MemoryLog {
    pub(crate) fn new(branch: &str, entries: usize) -> Result<Self> {
        let leaf = |n| leaf_hash(format!("{branch} {n}").as_bytes());
        let seed = roster::LOG_SEEDS[0];
        Ok(Self {
            leaves: (0..entries).map(leaf).collect(),
            key: roster::note_key(roster::ORIGIN, KeyType::Ed25519, seed)?,
        })
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Result<Checkpoint> {
        let mut frontier = Frontier::new();
        let leaves = self.leaves.iter().take(usize::try_from(size)?);
        leaves.for_each(|leaf| frontier.append(*leaf));
        Ok(Checkpoint::new(roster::origin(), size, frontier.root())?)
    }

    /// The body of an `add-checkpoint` from `old` to `size`.
    pub(crate) fn request(&self, old: u64, size: u64) -> Result<Vec<u8>> {
        let text = self.checkpoint(size)?.to_string();
        let line = sign_checkpoint(&text, &self.key)?;
        let request = AddCheckpoint {
            old_size: old,
            proof: prove_consistency(self, old, size)?,
            checkpoint: Note::new(text, vec![line])?.to_string().into_bytes(),
        };
        Ok(request.to_bytes())
    }
}
