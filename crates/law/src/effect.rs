//! What an entry that counts changes: the indexes by which questions are answered.

use statement::{
    CountryCode, KeyId, Predicate, StatementDigest, TestOutcome, Verdict, VerificationResult,
};

use crate::{entry::Standing, in_force::InForce, line::Line, opening::build_of};

impl InForce {
    pub(crate) fn take_effect(&mut self, standing: Standing) {
        let digest = standing.digest;
        match standing.predicate() {
            Predicate::Release(release) => {
                let line = self.lines.entry(Line::of(release)).or_default();
                if !line.contains(&digest) {
                    line.push(digest);
                }
            }
            Predicate::Publication(publication) => {
                let version = (publication.role.clone(), publication.version);
                let same = self.publications.entry(version).or_default();
                if !same.contains(&digest) {
                    same.push(digest);
                }
            }
            Predicate::Withdrawal(withdrawal) => {
                // All are kept: one that came too late to count must not hide one that counts.
                self.withdrawals
                    .entry(withdrawal.release)
                    .or_default()
                    .push(digest);
            }
            Predicate::Closure(closure) => self
                .closures
                .entry(closure.closes)
                .or_default()
                .push(digest),
            Predicate::Halt(_) => self.halts.push(digest),
            Predicate::Declaration(_) | Predicate::Policy(_)
                if !self.governed.contains(&digest) =>
            {
                self.governed.push(digest);
            }
            Predicate::Epoch(_) => self.epochs.push(digest),
            Predicate::Admission(_) => self.admissions.push(digest),
            Predicate::ReanalysisGrant(_) if !self.grants.contains(&digest) => {
                self.grants.push(digest);
            }
            Predicate::Receipts(batch) => self.note_stock(batch.home.clone(), digest),
            Predicate::Erasure(erasure) => self.note_stock(erasure.home.clone(), digest),
            Predicate::Pruning(_) => self.prunings.push(digest),
            Predicate::Revocation(revocation) => self.revoke(&standing, revocation.key),
            Predicate::Finding(finding) => self.adverse.push((digest, Some(finding.about))),
            Predicate::Rebuild(rebuild) if rebuild.verdict != Verdict::Identical => {
                self.adverse.push((digest, Some(rebuild.build)));
            }
            Predicate::Approval(approval)
                if approval.verification_result == VerificationResult::Failed =>
            {
                self.adverse.push((digest, build_of(standing.predicate())));
            }
            Predicate::TestResult(tests) if tests.result == TestOutcome::Failed => {
                self.adverse.push((digest, tests.build()));
            }
            _ => {}
        }
        let itself = matches!(standing.predicate(), Predicate::Source(_)).then_some(digest);
        if let Some(build) = itself.or_else(|| build_of(standing.predicate())) {
            let of_build = self.by_build.entry(build).or_default();
            if !of_build.contains(&digest) {
                of_build.push(digest);
            }
        }
        self.standing.entry(digest).or_default().push(standing);
    }

    /// A payload that was signed twice counts once.
    fn note_stock(&mut self, home: CountryCode, digest: StatementDigest) {
        if !self.standing.contains_key(&digest) {
            self.stocks.entry(home).or_default().push(digest);
        }
    }

    /// A party revokes its own keys with one signature; other parties' keys need a new constitution.
    fn revoke(&mut self, by: &Standing, key: KeyId) {
        let own = self
            .constitution()
            .and_then(|constitution| constitution.find_key(key))
            .is_some_and(|(party, _)| party.id == by.party);
        if own {
            self.revoked.entry(key).or_insert(by.index);
        }
    }
}
