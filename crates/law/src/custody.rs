//! What is said about samples, as far as it counts: batches of receipts and verdicts, anomalies, erasures, and second looks.
//!
//! What stands in a batch about one sample is for its owner to check (`statement::Proven`); here is said that the batch counts.

use statement::{
    Anomaly, Erasure, Predicate, Reanalyses, ReanalysisGrant, Receipts, StatementDigest, Verdicts,
};

use crate::{
    entry::Included,
    refusal::{Code, Refusal},
    settled::Settled,
};

impl Settled<'_> {
    /// The batch of receipts with this digest.
    ///
    /// # Errors
    /// [`Code::ReceiptsMissing`], or why the one that stands does not count.
    pub fn receipts(&self, digest: StatementDigest) -> Result<Included<Receipts>, Refusal> {
        self.said_of_samples(digest, Code::ReceiptsMissing, |predicate| match predicate {
            Predicate::Receipts(receipts) => Some(receipts.clone()),
            _ => None,
        })
    }

    /// The batch of verdicts with this digest.
    ///
    /// # Errors
    /// [`Code::VerdictsMissing`], or why the one that stands does not count.
    pub fn verdicts(&self, digest: StatementDigest) -> Result<Included<Verdicts>, Refusal> {
        self.said_of_samples(digest, Code::VerdictsMissing, |predicate| match predicate {
            Predicate::Verdicts(verdicts) => Some(verdicts.clone()),
            _ => None,
        })
    }

    /// The anomaly with this digest.
    ///
    /// # Errors
    /// [`Code::AnomalyMissing`], or why the one that stands does not count.
    pub fn anomaly(&self, digest: StatementDigest) -> Result<Included<Anomaly>, Refusal> {
        self.said_of_samples(digest, Code::AnomalyMissing, |predicate| match predicate {
            Predicate::Anomaly(anomaly) => Some(anomaly.clone()),
            _ => None,
        })
    }

    /// The erasure with this digest.
    ///
    /// # Errors
    /// [`Code::ErasureMissing`], or why the one that stands does not count.
    pub fn erasure(&self, digest: StatementDigest) -> Result<Included<Erasure>, Refusal> {
        self.said_of_samples(digest, Code::ErasureMissing, |predicate| match predicate {
            Predicate::Erasure(erasure) => Some(erasure.clone()),
            _ => None,
        })
    }

    /// The batch of what machines made of samples when they looked again, with this digest.
    ///
    /// # Errors
    /// [`Code::ReanalysesMissing`], or why the one that stands does not count.
    pub fn reanalyses(&self, digest: StatementDigest) -> Result<Included<Reanalyses>, Refusal> {
        self.said_of_samples(
            digest,
            Code::ReanalysesMissing,
            |predicate| match predicate {
                Predicate::Reanalyses(batch) => Some(batch.clone()),
                _ => None,
            },
        )
    }

    /// The grant to look again with this digest. That it keeps its bounds takes [`crate::ReanalysisGrant::check`].
    ///
    /// # Errors
    /// [`Code::GrantMissing`], or why the one that stands does not count.
    pub fn reanalysis_grant(
        &self,
        digest: StatementDigest,
    ) -> Result<Included<ReanalysisGrant>, Refusal> {
        self.said_of_samples(digest, Code::GrantMissing, |predicate| match predicate {
            Predicate::ReanalysisGrant(grant) => Some(grant.clone()),
            _ => None,
        })
    }

    fn said_of_samples<S>(
        &self,
        digest: StatementDigest,
        missing: Code,
        pick: impl Fn(&Predicate) -> Option<S>,
    ) -> Result<Included<S>, Refusal> {
        let mut entries = self.entries(digest)?.into_iter();
        let found = entries.find_map(|entry| {
            let said = pick(entry.predicate())?;
            Some(Included::new(said, entry.clone()))
        });
        found.ok_or_else(|| {
            let none = Refusal::new(missing, format!("statement {digest}"));
            // Whatever kind it is that was discarded under this digest, this is the one that was asked for.
            let mut discarded = self.state().discarded.iter().rev();
            let why = discarded.find(|discarded| discarded.digest == digest);
            why.map_or(none, |discarded| discarded.refusal.clone())
        })
    }
}
