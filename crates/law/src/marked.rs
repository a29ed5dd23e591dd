//! Settling below what was fed: a log goes on sequencing while its witnesses look at a checkpoint.

use tlog::{Checkpoint, Hash, Witnessed};

use crate::{
    in_force::InForce,
    refusal::{Code, Refusal},
};

/// Marks that are kept; the oldest are forgotten first.
const MARKS_MAX: usize = 16;

/// Sizes whose roots are remembered, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks(Vec<(u64, Hash)>);

impl InForce {
    /// Remembers the root of everything fed so far and returns size and root, so that a checkpoint of
    /// this size can be settled with [`InForce::settle_marked`] after more was fed. The last 16 are kept.
    pub fn mark(&mut self) -> (u64, Hash) {
        let here = (self.next_index(), self.frontier.root());
        if self.marks.0.last() != Some(&here) {
            if self.marks.0.len() == MARKS_MAX {
                self.marks.0.remove(0);
            }
            self.marks.0.push(here);
        }
        here
    }

    /// Declares everything below a marked size to be what witnesses saw. Entries fed later stay unsettled.
    ///
    /// # Errors
    /// [`Code::CheckpointOrigin`], or [`Code::CheckpointRoot`] when no mark has this size and root.
    pub fn settle_marked(&mut self, checkpoint: &Witnessed<Checkpoint>) -> Result<(), Refusal> {
        if *checkpoint.origin() != self.origin {
            let detail = format!(
                "checkpoint of {}, replay of {}",
                checkpoint.origin(),
                self.origin
            );
            return Err(Refusal::new(Code::CheckpointOrigin, detail));
        }
        let (size, root) = (checkpoint.size(), *checkpoint.root());
        if !self.marks.0.contains(&(size, root)) {
            let detail = format!("size {size} root {root} is not what was fed");
            return Err(Refusal::new(Code::CheckpointRoot, detail));
        }
        self.note_time(checkpoint);
        Ok(())
    }

    /// Whether the party of this key revoked it, in what was fed so far.
    pub fn is_revoked(&self, key: statement::KeyId) -> bool {
        self.revoked.contains_key(&key)
    }
}
