//! What the supervisor needs before it says `PASSED`, and what an approval is worth afterwards.

use std::collections::BTreeSet;

use statement::{
    Predicate, StatementDigest, VerificationResult, VerificationSummary, approval_resource_uri,
};

use crate::{
    build::BuildEvidence,
    entry::{Included, Standing},
    refusal::{Code, Refusal},
    settled::Settled,
};

/// A build that the supervisor may approve: complete evidence, nothing adverse open.
#[derive(Debug, Clone)]
pub struct Approvable {
    evidence: BuildEvidence,
    constitution: StatementDigest,
}

impl Approvable {
    /// Judges a build for approval with the constitution's own floor of rebuilds.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn check(view: Settled<'_>, build: StatementDigest) -> Result<Self, Refusal> {
        view.check_whole()?;
        let constitution = view.constitution()?;
        let evidence = BuildEvidence::check(view, build, constitution.floors.rebuilds_min)?;
        let subjects = [build, evidence.provenance().digest()];
        view.check_adverse(&subjects, &evidence.source().product)?;
        view.check_findings(&view.builds_of(evidence.source().archive))?;
        let digest = view
            .state()
            .constitution_digest()
            .ok_or_else(|| Refusal::new(Code::EntryNoConstitution, "no constitution"))?;
        Ok(Self {
            evidence,
            constitution: digest,
        })
    }

    /// The evidence.
    pub const fn evidence(&self) -> &BuildEvidence {
        &self.evidence
    }

    /// The constitution it was judged by; goes into `policy.digest`.
    pub const fn constitution(&self) -> StatementDigest {
        self.constitution
    }

    /// Provenance and rebuilds, by statement digest; goes into `inputAttestations`.
    pub fn inputs(&self) -> Vec<StatementDigest> {
        let rebuilds = self.evidence.rebuilds().iter().map(Included::digest);
        std::iter::once(self.evidence.provenance().digest())
            .chain(rebuilds)
            .collect()
    }
}

/// Judges the approval that a release names.
pub(crate) fn check_approval(
    view: Settled<'_>,
    approval: StatementDigest,
    evidence: &BuildEvidence,
    rebuilds_min: u64,
) -> Result<Included<VerificationSummary>, Refusal> {
    let entries = view.entries(approval)?;
    let found = entries
        .into_iter()
        .find_map(|entry| match entry.predicate() {
            Predicate::Approval(summary) => Some((summary, entry)),
            _ => None,
        });
    let Some((summary, entry)) = found else {
        let none = Refusal::new(Code::ApprovalMissing, format!("approval {approval}"));
        return Err(view.why_missing("approval", |_, digest| digest == approval, none));
    };
    if view.is_of_vendor(entry) {
        let detail = format!("entry {} is by {}, the vendor", entry.index, entry.party);
        return Err(Refusal::new(Code::ApprovalMissing, detail));
    }
    if summary.verification_result != VerificationResult::Passed {
        return Err(Refusal::new(
            Code::ApprovalFailed,
            format!("entry {}", entry.index),
        ));
    }
    let resource = approval_resource_uri(view.state().origin(), evidence.build());
    if summary.resource_uri != resource {
        return Err(Refusal::new(
            Code::ApprovalResource,
            format!("`{}` instead of `{resource}`", summary.resource_uri),
        ));
    }
    check_policy(view, summary)?;
    check_subject(entry, evidence)?;
    check_inputs(summary, entry, evidence, rebuilds_min)?;
    Ok(Included::new(summary.clone(), entry.clone()))
}

/// Any constitution that was in force counts: one that has since been replaced does not undo approvals.
fn check_policy(view: Settled<'_>, summary: &VerificationSummary) -> Result<(), Refusal> {
    let named = summary.policy.digest.sha256;
    let known = view
        .state()
        .succession
        .chain()
        .iter()
        .any(|enacted| enacted.digest.hash() == named.hash());
    if known {
        Ok(())
    } else {
        Err(Refusal::new(
            Code::ApprovalPolicy,
            format!("policy digest {named}"),
        ))
    }
}

fn check_subject(entry: &Standing, evidence: &BuildEvidence) -> Result<(), Refusal> {
    let about = entry
        .statement
        .subject
        .iter()
        .map(|subject| subject.digest.sha256);
    let built = evidence.artifacts().iter().map(|built| built.sha256);
    if about.eq(built) {
        return Ok(());
    }
    let names = evidence.artifacts().iter().map(ToString::to_string);
    let names = names.collect::<Vec<_>>().join(", ");
    Err(Refusal::new(
        Code::ApprovalSubject,
        format!("the build made {names}"),
    ))
}

fn check_inputs(
    summary: &VerificationSummary,
    entry: &Standing,
    evidence: &BuildEvidence,
    rebuilds_min: u64,
) -> Result<(), Refusal> {
    let named: BTreeSet<_> = summary
        .input_attestations
        .iter()
        .map(|input| *input.digest.sha256.hash())
        .collect();
    let no = |detail: String| Refusal::new(Code::ApprovalInputs, detail);
    if !named.contains(evidence.provenance().digest().hash()) {
        return Err(no("the provenance is not named".to_owned()));
    }
    let below = evidence.provenance().standing().is_below(entry.index);
    let rebuilds = evidence
        .rebuilds()
        .iter()
        .filter(|rebuild| {
            named.contains(rebuild.digest().hash()) && rebuild.standing().is_below(entry.index)
        })
        .count() as u64;
    if below && rebuilds >= rebuilds_min {
        return Ok(());
    }
    Err(no(format!(
        "{rebuilds} of {rebuilds_min} rebuilds are named and stand below the approval"
    )))
}
