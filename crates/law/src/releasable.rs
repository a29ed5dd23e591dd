//! What center and supervisor need, each for itself, before they sign a release.

use statement::{Release, Statement, StatementDigest, VerificationSummary};

use crate::{
    approvable::check_approval,
    attached::{Attached, check_named, check_recomputed},
    build::BuildEvidence,
    entry::Included,
    line::Line,
    quorum::ReleaseQuorum,
    refusal::{Code, Refusal},
    settled::Settled,
};

/// A release that may be signed. The payload inside is the very one to sign.
#[derive(Debug, Clone)]
pub struct Releasable {
    payload: Vec<u8>,
    release: Release,
    evidence: BuildEvidence,
    approval: Included<VerificationSummary>,
}

impl Releasable {
    /// Judges a release payload against the whole witnessed log. One that a platform signs is refused here.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn check(view: Settled<'_>, payload: &[u8]) -> Result<Self, Refusal> {
        Self::check_signed(view, payload, None)
    }

    /// The same by a signer that attached the platform's signature again, if there is one.
    ///
    /// # Errors
    /// As there, or [`Code::ReleaseAttached`].
    pub fn check_signed(
        view: Settled<'_>,
        payload: &[u8],
        attached: Option<&Attached>,
    ) -> Result<Self, Refusal> {
        view.check_whole()?;
        let constitution = view.constitution()?;
        let statement = Statement::parse(payload)
            .map_err(|error| Refusal::new(Code::EntryMalformed, crate::opening::chain(&error)))?;
        let statement::Predicate::Release(release) = &statement.predicate else {
            return Err(Refusal::new(Code::EntryMalformed, "not a release"));
        };
        if !release.audience.contains(view.state().origin()) {
            return Err(Refusal::new(
                Code::EntryAudience,
                format!("not meant for {}", view.state().origin()),
            ));
        }
        let floor = constitution.floors.rebuilds_min;
        let evidence = BuildEvidence::check(view, release.build, floor)?;
        let approval = check_approval(view, release.approval, &evidence, floor)?;
        check_fields(&statement, release, &evidence)?;
        check_recomputed(release, attached)?;
        let digest = StatementDigest::of(payload);
        check_place(view, release, digest)?;
        check_withdrawn(view, release, digest)?;
        let subjects = [
            release.build,
            evidence.provenance().digest(),
            release.approval,
            digest,
        ];
        view.check_adverse(&subjects, &release.product)?;
        let mut kin = view.builds_of(evidence.source().archive);
        kin.extend(view.releases_of(release.artifact));
        view.check_findings(&kin)?;
        Ok(Self {
            payload: payload.to_vec(),
            release: release.clone(),
            evidence,
            approval,
        })
    }

    /// The bytes to sign.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
    /// What they say.
    pub const fn release(&self) -> &Release {
        &self.release
    }
    /// The build behind it.
    pub const fn evidence(&self) -> &BuildEvidence {
        &self.evidence
    }
    /// The supervisor's approval.
    pub const fn approval(&self) -> &Included<VerificationSummary> {
        &self.approval
    }
}

/// The release repeats what was proven, and nothing else.
pub(crate) fn check_fields(
    statement: &Statement,
    release: &Release,
    evidence: &BuildEvidence,
) -> Result<(), Refusal> {
    let source = evidence.source();
    let subjects: Vec<_> = statement
        .subject
        .iter()
        .map(|s| (s.name.as_str(), s.digest.sha256))
        .collect();
    let Some(built) = evidence.artifact(release.artifact) else {
        let names = evidence.artifacts().iter().map(ToString::to_string);
        let names = names.collect::<Vec<_>>().join(", ");
        let detail = format!("artifact {}; the build made {names}", release.artifact);
        return Err(Refusal::new(Code::ReleaseFields, detail));
    };
    let (shipped, _) = release.shipped();
    let wrong = if subjects != [(release.file.as_str(), shipped)] {
        Some("subject is not the file".to_owned())
    } else if release.artifact_bytes != built.bytes {
        Some(format!(
            "artifact_bytes {} instead of {}",
            release.artifact_bytes, built.bytes
        ))
    } else if release.product != source.product {
        Some(format!(
            "product `{}` instead of `{}`",
            release.product, source.product
        ))
    } else if release.version != source.version {
        Some(format!(
            "version `{}` instead of `{}`",
            release.version, source.version
        ))
    } else if release.platform != source.platform {
        Some(format!(
            "platform `{}` instead of `{}`",
            release.platform, source.platform
        ))
    } else if release.kind != source.kind {
        Some(format!(
            "kind {:?} instead of {:?}",
            release.kind, source.kind
        ))
    } else {
        None
    };
    match wrong {
        Some(detail) => Err(Refusal::new(Code::ReleaseFields, detail)),
        None => check_named(release),
    }
}

/// The newest release of a line that reached its quorum, among some.
pub(crate) fn newest_released(
    view: Settled<'_>,
    line: &Line,
    among: impl Fn(StatementDigest) -> bool,
) -> Option<ReleaseQuorum> {
    view.line(line)
        .iter()
        .filter(|digest| among(**digest))
        .filter_map(|digest| ReleaseQuorum::check(&view.releases(*digest).ok()?).ok())
        .max_by_key(|quorum| quorum.release().seq)
}

fn check_place(
    view: Settled<'_>,
    release: &Release,
    digest: StatementDigest,
) -> Result<(), Refusal> {
    let line = Line::of(release);
    check_fork(view, release, digest, |other| other.seq == release.seq)?;
    let newest = newest_released(view, &line, |other| other != digest);
    let (seq, predecessor) = newest.map_or((1, None), |newest| {
        (newest.release().seq + 1, Some(newest.release().digest()))
    });
    if release.seq != seq {
        return Err(Refusal::new(
            Code::ReleaseSeq,
            format!("seq {}; {seq} is next", release.seq),
        ));
    }
    if release.predecessor != predecessor {
        let next = predecessor.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        return Err(Refusal::new(
            Code::ReleasePredecessor,
            format!("the newest release is {next}"),
        ));
    }
    check_fork(view, release, digest, |_| true)
}

/// Refuses while another release of the line, among some, names the same predecessor and was not withdrawn.
fn check_fork(
    view: Settled<'_>,
    release: &Release,
    digest: StatementDigest,
    among: impl Fn(&Release) -> bool,
) -> Result<(), Refusal> {
    let others = view.line(&Line::of(release)).iter();
    for other in others.filter(|other| **other != digest) {
        let Ok(entries) = view.releases(*other) else {
            continue;
        };
        let fork = entries[0].predecessor == release.predecessor && among(&entries[0]);
        if fork && view.withdrawal(*other).is_none() {
            return Err(Refusal::new(
                Code::ReleaseFork,
                format!("{other} has the same predecessor"),
            ));
        }
    }
    Ok(())
}

/// What was withdrawn is not signed, and its artifact does not come back under another number.
fn check_withdrawn(
    view: Settled<'_>,
    release: &Release,
    digest: StatementDigest,
) -> Result<(), Refusal> {
    if let Some(withdrawal) = view.withdrawal(digest) {
        return Err(Refusal::new(
            Code::ReleaseWithdrawn,
            withdrawal.reason.clone(),
        ));
    }
    for line in view.lines() {
        for digest in view.line(line) {
            let Some(withdrawal) = view.withdrawal(*digest) else {
                continue;
            };
            let same = view.releases(*digest).is_ok_and(|entries| {
                entries[0].artifact == release.artifact && ReleaseQuorum::check(&entries).is_ok()
            });
            if same {
                return Err(Refusal::new(
                    Code::ReleaseWithdrawn,
                    format!("{digest}: {}", withdrawal.reason),
                ));
            }
        }
    }
    Ok(())
}
