//! What stands in the other logs of the constitution against a decision in this one.
//!
//! The software chain of a product stands in one log, but whoever runs that log could keep a finding or a
//! halt out of it. So adverse statements may be submitted to any log of the constitution, and a signer
//! reads all of them. A statement in another log is judged by what is in force there, and closed there.

use std::ops::Deref;

use statement::StatementDigest;

use crate::{
    approvable::Approvable,
    grants::SignableGrant,
    refusal::{Code, Refusal},
    releasable::Releasable,
    settled::Settled,
};

/// A decision against which nothing stands in any other log. Signers take this and nothing weaker.
#[derive(Debug, Clone)]
pub struct Unopposed<T>(T);

impl<T> Deref for Unopposed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl Approvable {
    /// Asks the other logs. `home` is the view it was judged by, `others` one view of each other log that
    /// the constitution in force there names.
    ///
    /// # Errors
    /// [`Code::AdverseOpen`] or [`Code::Halted`]; [`Code::NotReplayed`] when a log is not among `others`.
    pub fn unopposed(
        self,
        home: Settled<'_>,
        others: &[Settled<'_>],
    ) -> Result<Unopposed<Self>, Refusal> {
        let evidence = self.evidence();
        let subjects = [evidence.build(), evidence.provenance().digest()];
        let kin = home.builds_of(evidence.source().archive);
        ask(home, others, (&subjects, &kin), &evidence.source().product)?;
        Ok(Unopposed(self))
    }
}

impl Releasable {
    /// Asks the other logs, as [`Approvable::unopposed`].
    ///
    /// # Errors
    /// As there.
    pub fn unopposed(
        self,
        home: Settled<'_>,
        others: &[Settled<'_>],
    ) -> Result<Unopposed<Self>, Refusal> {
        let (release, evidence) = (self.release(), self.evidence());
        let subjects = [
            release.build,
            evidence.provenance().digest(),
            release.approval,
            StatementDigest::of(self.payload()),
        ];
        let mut kin = home.builds_of(evidence.source().archive);
        kin.extend(home.releases_of(release.artifact));
        ask(home, others, (&subjects, &kin), &release.product)?;
        Ok(Unopposed(self))
    }
}

impl SignableGrant {
    /// Asks the other logs, as [`Approvable::unopposed`].
    ///
    /// # Errors
    /// As there.
    pub fn unopposed(
        self,
        home: Settled<'_>,
        others: &[Settled<'_>],
    ) -> Result<Unopposed<Self>, Refusal> {
        let subjects = [self.rules, self.worker, self.scoring];
        ask(home, others, (&subjects, &[]), self.product())?;
        Ok(Unopposed(self))
    }
}

fn ask(
    home: Settled<'_>,
    others: &[Settled<'_>],
    (subjects, kin): (&[StatementDigest], &[StatementDigest]),
    product: &str,
) -> Result<(), Refusal> {
    let own = home.state().origin();
    for log in &home.constitution()?.logs {
        if log.origin == *own {
            continue;
        }
        let view = others
            .iter()
            .find(|view| *view.state().origin() == log.origin);
        let Some(view) = view else {
            let detail = format!("log {} was not read", log.origin);
            return Err(Refusal::new(Code::NotReplayed, detail));
        };
        let there = |refusal: Refusal| {
            let detail = format!("{}, in log {}", refusal.detail(), log.origin);
            Refusal::new(refusal.code(), detail)
        };
        view.check_adverse(subjects, product).map_err(there)?;
        view.check_findings(kin).map_err(there)?;
    }
    Ok(())
}
