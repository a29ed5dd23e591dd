//! Successors that wait: who signed them so far, and what an activation has to name.
//!
//! Nothing is granted here. The activation is judged like every other entry.

use std::collections::BTreeSet;

use statement::{CheckpointRef, Constitution, FileDigest, PartyId, StatementDigest};

use crate::{
    in_force::InForce,
    refusal::{Code, Refusal},
};

/// A proposed successor of the constitution in force.
#[derive(Debug, Clone)]
pub struct Successor<'a> {
    /// Digest of its payload.
    pub digest: StatementDigest,
    /// What it says.
    pub constitution: &'a Constitution,
    /// Parties of the constitution in force that signed it.
    pub signers: BTreeSet<PartyId>,
    /// Index of the newest signature.
    pub last_signature: u64,
}

/// The two archived checkpoints that an activation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Contains the last signature.
    pub signed_by: CheckpointRef,
    /// At least the delay later.
    pub waited_until: CheckpointRef,
}

impl InForce {
    /// Every successor that was proposed to the constitution in force.
    pub fn successors(&self) -> Vec<Successor<'_>> {
        self.succession.successors()
    }

    /// Finds the two checkpoints that prove the wait of a successor, among those of the sizes that the
    /// log archived: a reader asks for the two by name.
    ///
    /// # Errors
    /// [`Code::ConstitutionVersion`] when there is no such successor, [`Code::ConstitutionDelay`] with
    /// the time that is left.
    pub fn plan_activation(
        &self,
        successor: StatementDigest,
        archived: &BTreeSet<u64>,
    ) -> Result<Wait, Refusal> {
        let successors = self.successors();
        let found = successors.iter().find(|found| found.digest == successor);
        let (Some(found), Some(current)) = (found, self.constitution()) else {
            let detail = format!("{successor} is no successor of the constitution in force");
            return Err(Refusal::new(Code::ConstitutionVersion, detail));
        };
        let late = |detail: String| Refusal::new(Code::ConstitutionDelay, detail);
        let mut after = self
            .checkpoints
            .range(found.last_signature + 1..)
            .filter(|(size, _)| archived.contains(size));
        let signed = after.next().ok_or_else(|| {
            late("no archived checkpoint contains the last signature yet".to_owned())
        })?;
        let waited = after.next_back().unwrap_or(signed);
        let passed = waited.1.1.saturating_sub(signed.1.1);
        let delay = current.floors.change_delay_seconds;
        if passed < delay {
            return Err(late(format!(
                "{passed} of {delay} seconds passed; try again in {} s, when the log has a newer checkpoint",
                delay - passed
            )));
        }
        let named = |(size, (root, _)): (&u64, &(tlog::Hash, u64))| CheckpointRef {
            size: *size,
            root: FileDigest::new(*root),
        };
        Ok(Wait {
            signed_by: named(signed),
            waited_until: named(waited),
        })
    }
}
