//! The bundle of a release: every entry that an endpoint needs, proven, and tried before it is served.

use std::collections::BTreeSet;

use law::{Attached, ReleaseQuorum, ReleasedFile, Settled};
use statement::{FileDigest, Predicate, StatementDigest};

use crate::{
    error::ReleaseError,
    log_access::{CenterLog, LogError},
    metadata_role::MetadataRole,
    repository::{bundle_path, publication_path, withdrawal_path, withdrawals_path},
    room::Room,
    step::Step,
    wanted::Wanted,
};

impl<L: CenterLog> Room<'_, L> {
    /// Puts the artifact and the bundle of a release into the repository, unless they are there.
    pub(crate) async fn store_release(&mut self, wanted: &Wanted) -> Result<(), ReleaseError> {
        let release = wanted.quorum.release();
        let file = wanted.path.repository_file(release.shipped().0.hash());
        let digest = release.digest();
        let path = bundle_path(digest);
        let (has_file, has_bundle) = (
            self.repository.contains(&file)?,
            self.repository.contains(&path)?,
        );
        if has_file && has_bundle {
            return Ok(());
        }
        let (attached, bytes) = self.shipped(release).await?;
        check_released(self.log.view()?, &wanted.quorum, attached.as_ref())?;
        if !has_file {
            self.repository.create(&file, &bytes)?;
            self.tell(Step::ArtifactStored(file));
        }
        if has_bundle {
            return Ok(());
        }
        let indices = release_indices(self.log.view()?, &wanted.quorum, attached.as_ref())?;
        let bundle = self.log.bundle(&indices).await?;
        let opened = bundle.open(self.config.anchor)?;
        check_released(opened.view(), &wanted.quorum, attached.as_ref())?;
        self.repository.create(&path, &bundle.to_bytes()?)?;
        self.tell(Step::BundleStored(digest));
        Ok(())
    }

    /// The bundle that shows the publication of `file`.
    pub(crate) async fn publication_bundle(
        &mut self,
        role: MetadataRole,
        file: &[u8],
    ) -> Result<Vec<u8>, ReleaseError> {
        let publication = self.log.view()?.newest_publication(role.as_str())?;
        let index = publication.ok_or(LogError::Empty)?.standing().index();
        let bundle = self.log.bundle(&[index]).await?;
        law::PublishedMetadata::check(
            bundle.open(self.config.anchor)?.view(),
            role.as_str(),
            file,
        )?;
        Ok(bundle.to_bytes()?)
    }

    /// Writes the proof of a publication beside its file.
    pub(crate) async fn store_publication(
        &mut self,
        role: MetadataRole,
        version: u64,
        file: &[u8],
    ) -> Result<(), ReleaseError> {
        let bundle = self.publication_bundle(role, file).await?;
        self.repository
            .replace(&publication_path(role, version), &bundle)?;
        self.tell(Step::ProofWritten(role.as_str(), version));
        Ok(())
    }

    /// Serves the proof of every withdrawal of a release, whoever signed it, and their list: under its
    /// digest, by which a timestamp names it, and as the newest one.
    pub(crate) async fn store_withdrawals(&mut self) -> Result<(), ReleaseError> {
        for withdrawal in withdrawals(self.log.view()?) {
            let path = withdrawal_path(withdrawal.digest());
            if self.repository.contains(&path)? {
                continue;
            }
            let bundle = self.log.bundle(&[withdrawal.standing().index()]).await?;
            let opened = bundle.open(self.config.anchor)?;
            if opened.view().withdrawal(withdrawal.release).is_none() {
                let detail = format!("withdrawal {} does not count", withdrawal.digest());
                return Err(law::Refusal::new(law::Code::NotIncluded, detail).into());
            }
            self.repository.create(&path, &bundle.to_bytes()?)?;
            self.tell(Step::WithdrawalServed(withdrawal.release));
        }
        let list = self.withdrawals_list()?;
        self.repository
            .create(&withdrawals_path(FileDigest::of(&list)), &list)?;
        Ok(self.repository.replace("withdrawals/index.json", &list)?)
    }

    /// The list of withdrawals: their statement digests, ascending.
    pub(crate) fn withdrawals_list(&self) -> Result<Vec<u8>, ReleaseError> {
        let standing = withdrawals(self.log.view()?);
        let list: BTreeSet<String> = standing
            .iter()
            .map(|withdrawal| withdrawal.digest().to_string())
            .collect();
        Ok(serde_json::to_vec(&list).expect("a list of texts is JSON"))
    }
}

fn withdrawals(view: Settled<'_>) -> Vec<law::Included<statement::Withdrawal>> {
    let released = view.released();
    let of = |quorum: &ReleaseQuorum| view.withdrawal(quorum.release().digest());
    released.iter().filter_map(of).collect()
}

fn check_released(
    view: Settled<'_>,
    quorum: &ReleaseQuorum,
    attached: Option<&Attached>,
) -> Result<ReleasedFile, law::Refusal> {
    let release = quorum.release();
    ReleasedFile::check_signed(view, release.digest(), release.shipped(), attached, 0)
}

/// Indices of everything a release rests on: source, commitments, provenance, counted rebuilds,
/// approval and both signatures.
fn release_indices(
    view: Settled<'_>,
    quorum: &ReleaseQuorum,
    attached: Option<&Attached>,
) -> Result<Vec<u64>, law::Refusal> {
    let file = check_released(view, quorum, attached)?;
    let evidence = file.evidence();
    let build: StatementDigest = evidence.build();
    let provenance = evidence.provenance().standing();
    let rebuilds = evidence.rebuilds().iter().map(law::Included::standing);
    let signers: BTreeSet<_> = rebuilds
        .clone()
        .map(law::Standing::key)
        .chain([provenance.key()])
        .collect();
    let commitments = view
        .entries_of_build(build)
        .into_iter()
        .filter(|entry| {
            signers.contains(&entry.key())
                && matches!(entry.statement().predicate, Predicate::Commitment(_))
        })
        .map(law::Standing::index);
    let indices: BTreeSet<u64> = rebuilds
        .map(law::Standing::index)
        .chain(commitments)
        .chain([
            evidence.source().standing().index(),
            provenance.index(),
            file.approval().standing().index(),
            file.quorum().center().index(),
            file.quorum().supervisor().index(),
        ])
        .collect();
    Ok(indices.into_iter().collect())
}
