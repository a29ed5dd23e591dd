//! Where files go by the law: the residency policy in force and the declaration that it speaks of.

use statement::{Declaration, ResidencyPolicy};

use crate::{
    refusal::{Code, Refusal},
    settled::Settled,
    versions::{Governed, chain},
};

/// The policy in force, with every version before it, and its declaration. Made only by [`Residence::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residence {
    policies: Vec<Governed<ResidencyPolicy>>,
    declarations: Vec<Governed<Declaration>>,
    spoken_of: usize,
    time: u64,
}

impl Residence {
    /// Judges every version of both.
    ///
    /// # Errors
    /// [`Code::PolicyMissing`], [`Code::PolicyVersion`], [`Code::PolicyQuorum`], [`Code::PolicyFork`], the same of the
    /// declaration, or [`Code::PolicyDeclaration`].
    pub fn check(view: Settled<'_>) -> Result<Self, Refusal> {
        let policies = chain::<ResidencyPolicy>(view)?;
        let declarations = chain::<Declaration>(view)?;
        let mut residence = Self {
            policies,
            declarations,
            spoken_of: 0,
            time: view.state().newest_time().unwrap_or(0),
        };
        let policy = residence.policy();
        let (named, at) = (policy.declaration, policy.standing().index);
        let mut known = residence.declarations.iter();
        let found = known.position(|declaration| {
            declaration.digest() == named && declaration.standing().is_below(at)
        });
        residence.spoken_of = found.ok_or_else(|| {
            let detail = format!(
                "policy version {} speaks of {named}",
                residence.policy().version
            );
            Refusal::new(Code::PolicyDeclaration, detail)
        })?;
        Ok(residence)
    }

    /// Refuses evidence that is too old: a newer policy may stand that was not shown. Times in POSIX seconds.
    ///
    /// # Errors
    /// [`Code::PolicyStale`].
    pub fn check_age(&self, now: u64, age_max_seconds: u64) -> Result<(), Refusal> {
        let age = now.saturating_sub(self.time);
        if age <= age_max_seconds {
            return Ok(());
        }
        let detail = format!("witnessed {age} s ago; at most {age_max_seconds} s are allowed");
        Err(Refusal::new(Code::PolicyStale, detail))
    }

    /// The policy in force.
    pub fn policy(&self) -> &Governed<ResidencyPolicy> {
        self.policies.last().expect("a chain is never empty")
    }

    /// The declaration that the policy in force speaks of: its regions count.
    pub fn declaration(&self) -> &Governed<Declaration> {
        &self.declarations[self.spoken_of]
    }

    /// Every version of the declaration, oldest first: its promises and what became of them.
    pub fn declarations(&self) -> &[Governed<Declaration>] {
        &self.declarations
    }

    /// Indices of all that this rests on beside the constitution: what a bundle for somebody else has to hold.
    pub fn entries(&self) -> Vec<u64> {
        let policies = self.policies.iter().flat_map(Governed::entries);
        let declarations = self.declarations.iter().flat_map(Governed::entries);
        let mut entries: Vec<u64> = policies.chain(declarations).copied().collect();
        entries.sort_unstable();
        entries
    }
}
