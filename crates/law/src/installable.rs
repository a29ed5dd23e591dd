//! What an endpoint, or a stranger with one file, needs before it believes a release.

use statement::{Release, StatementDigest, VerificationSummary};

use crate::{
    approvable::check_approval,
    attached::{Attached, check_received},
    build::BuildEvidence,
    bundle::OpenBundle,
    entry::Included,
    line::Line,
    metadata::PublishedMetadata,
    quorum::ReleaseQuorum,
    refusal::{Code, Refusal},
    releasable::check_fields,
    settled::Settled,
};
use statement::FileDigest;

/// A file that stands behind a witnessed release with its whole chain of evidence.
#[derive(Debug, Clone)]
pub struct ReleasedFile {
    quorum: ReleaseQuorum,
    evidence: BuildEvidence,
    approval: Included<VerificationSummary>,
}

impl ReleasedFile {
    /// Judges a file by its digest and size against the release that the bundle shows for it. A file with
    /// a platform's signature inside is refused here.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn check(
        view: Settled<'_>,
        release: StatementDigest,
        file: FileDigest,
        file_bytes: u64,
        rebuilds_min: u64,
    ) -> Result<Self, Refusal> {
        Self::check_signed(view, release, (file, file_bytes), None, rebuilds_min)
    }

    /// The same for whoever took the signature off and attached it again.
    ///
    /// # Errors
    /// As there, or [`Code::ReleaseAttached`].
    pub fn check_signed(
        view: Settled<'_>,
        release: StatementDigest,
        file: (FileDigest, u64),
        attached: Option<&Attached>,
        rebuilds_min: u64,
    ) -> Result<Self, Refusal> {
        let floor = view.constitution()?.floors.rebuilds_min.max(rebuilds_min);
        let quorum = ReleaseQuorum::check(&view.releases(release)?)?;
        let found = quorum.release();
        if found.shipped() != file {
            let (sha256, bytes) = file;
            let (due, _) = found.shipped();
            let detail = format!("file {sha256} ({bytes} bytes), release {due}");
            return Err(Refusal::new(Code::InstallArtifact, detail));
        }
        check_received(found, attached)?;
        let evidence = BuildEvidence::check(view, found.build, floor)?;
        let approval = check_approval(view, found.approval, &evidence, floor)?;
        check_fields(&found.standing().statement, found, &evidence)?;
        let lower = quorum.center().index().min(quorum.supervisor().index());
        if !approval.standing().is_below(lower) {
            return Err(Refusal::new(
                Code::ApprovalMissing,
                "the approval stands above the release",
            ));
        }
        Ok(Self {
            quorum,
            evidence,
            approval,
        })
    }

    /// Finds the release of a file in a bundle, for a stranger who has only the two.
    ///
    /// # Errors
    /// [`Code::InstallArtifact`] when no release of the bundle names this file.
    pub fn find(view: Settled<'_>, file: FileDigest) -> Result<StatementDigest, Refusal> {
        let mut names = Vec::new();
        let mut late = None;
        for line in view.lines() {
            for digest in view.line(line) {
                let entries = match view.releases(*digest) {
                    Ok(entries) => entries,
                    Err(refusal) => {
                        late = Some(refusal);
                        continue;
                    }
                };
                let (shipped, _) = entries[0].shipped();
                if shipped == file {
                    return Ok(*digest);
                }
                names.push(shipped.to_string());
            }
        }
        if names.is_empty() {
            let none = Refusal::new(
                Code::ReleaseMissing,
                "the bundle holds no release that counts",
            );
            return Err(late.unwrap_or_else(|| view.why_missing("release", |_, _| true, none)));
        }
        Err(Refusal::new(
            Code::InstallArtifact,
            format!("file {file}; the bundle releases {}", names.join(", ")),
        ))
    }

    /// Center and supervisor over one payload.
    pub const fn quorum(&self) -> &ReleaseQuorum {
        &self.quorum
    }
    /// Source, provenance and rebuilds.
    pub const fn evidence(&self) -> &BuildEvidence {
        &self.evidence
    }
    /// The approval.
    pub const fn approval(&self) -> &Included<VerificationSummary> {
        &self.approval
    }
}

/// What an endpoint asks for on top of the constitution; it can only ask for more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointPolicy {
    /// The series it follows.
    pub line: Line,
    /// Identical rebuilds by distinct legal owners.
    pub rebuilds_min: u64,
    /// Oldest witnessed proof of publication it installs by, in seconds.
    pub evidence_age_max_seconds: u64,
}

/// Everything that arrived for one update.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// Bundle of the release.
    pub bundle: &'a OpenBundle,
    /// The release that the TUF target names.
    pub release: StatementDigest,
    /// Bundle that proves the publication of the role's metadata.
    pub publication: &'a OpenBundle,
    /// The role's metadata file.
    pub metadata: &'a [u8],
    /// Role of the metadata.
    pub role: &'a str,
    /// Withdrawals served beside the timestamp.
    pub withdrawals: &'a [OpenBundle],
    /// Digest of the bytes received.
    pub artifact: FileDigest,
    /// Their length.
    pub artifact_bytes: u64,
    /// The platform's signature in them, taken off and attached again; none if there is none.
    pub attached: Option<&'a Attached>,
}

/// An update that may be installed.
#[derive(Debug, Clone)]
pub struct Installable {
    file: ReleasedFile,
    metadata: PublishedMetadata,
}

impl Installable {
    /// Judges an offer by the endpoint's own policy. `installed` is the seq that runs now, `now` POSIX seconds.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn check(
        offer: Offer<'_>,
        policy: &EndpointPolicy,
        installed: Option<u64>,
        now: u64,
    ) -> Result<Self, Refusal> {
        let metadata =
            PublishedMetadata::check(offer.publication.view(), offer.role, offer.metadata)?;
        check_fresh(offer.publication, policy, now)?;
        check_root(offer)?;
        let view = offer.bundle.view();
        let file = ReleasedFile::check_signed(
            view,
            offer.release,
            (offer.artifact, offer.artifact_bytes),
            offer.attached,
            policy.rebuilds_min,
        )?;
        let release = file.quorum().release();
        check_line(release, policy)?;
        if let Some(seq) = installed.filter(|seq| release.seq < *seq) {
            return Err(Refusal::new(
                Code::InstallSeq,
                format!("seq {}; {seq} is installed", release.seq),
            ));
        }
        let known = offer
            .withdrawals
            .iter()
            .map(OpenBundle::view)
            .chain([view, offer.publication.view()]);
        for view in known {
            if let Some(withdrawal) = view.withdrawal(offer.release) {
                return Err(Refusal::new(
                    Code::ReleaseWithdrawn,
                    withdrawal.reason.clone(),
                ));
            }
        }
        metadata.check_lists(release)?;
        Ok(Self { file, metadata })
    }

    /// The file and its evidence.
    pub const fn file(&self) -> &ReleasedFile {
        &self.file
    }
    /// The metadata that lists it.
    pub const fn metadata(&self) -> &PublishedMetadata {
        &self.metadata
    }
}

/// Release and publication must stand in one log under one chain of constitutions: neither may leave out
/// a constitution that the other shows to be in force below its checkpoint. Keys that a successor took
/// away would come back otherwise.
fn check_root(offer: Offer<'_>) -> Result<(), Refusal> {
    let (release, publication) = (
        offer.bundle.view().state(),
        offer.publication.view().state(),
    );
    if release.origin() == publication.origin() {
        check_complete(offer.bundle, offer.publication)?;
        return check_complete(offer.publication, offer.bundle);
    }
    let detail = format!(
        "release in {}, publication in {}",
        release.origin(),
        publication.origin()
    );
    Err(Refusal::new(Code::CheckpointOrigin, detail))
}

/// `bundle` shows every constitution that `other` shows and that took force below its checkpoint.
fn check_complete(bundle: &OpenBundle, other: &OpenBundle) -> Result<(), Refusal> {
    let chain = |bundle: &OpenBundle| bundle.view().state().succession.chain().to_vec();
    let (shown, size) = (chain(bundle), bundle.checkpoint().size());
    for (at, known) in chain(other).iter().enumerate() {
        let same = match shown.get(at) {
            Some(enacted) => enacted.digest == known.digest,
            None => known.at >= size,
        };
        if !same {
            let detail = format!(
                "version {} took force at entry {}; a bundle of {size} entries shows {} of another chain or leaves it out",
                known.constitution.version,
                known.at,
                shown.len()
            );
            return Err(Refusal::new(Code::ConstitutionVersion, detail));
        }
    }
    Ok(())
}

fn check_line(release: &Release, policy: &EndpointPolicy) -> Result<(), Refusal> {
    let line = Line::of(release);
    if line == policy.line {
        return Ok(());
    }
    Err(Refusal::new(
        Code::InstallLine,
        format!("{line}; this endpoint follows {}", policy.line),
    ))
}

/// The endpoint's now is never below what witnesses attested, so a clock set back revives nothing.
fn check_fresh(publication: &OpenBundle, policy: &EndpointPolicy, now: u64) -> Result<(), Refusal> {
    let witnessed = publication.checkpoint().median_time();
    let age = now.max(witnessed) - witnessed;
    if age <= policy.evidence_age_max_seconds {
        return Ok(());
    }
    let limit = policy.evidence_age_max_seconds;
    Err(Refusal::new(
        Code::InstallStale,
        format!("witnessed {age} s ago; {limit} s are allowed"),
    ))
}
