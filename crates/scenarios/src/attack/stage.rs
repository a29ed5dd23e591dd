//! Where attacks happen: one running world, products that nobody else uses, and what a thief can reach.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use conveyer::Built;
use endpoint::EndpointError;
use law::Bundle;
use logclient::Follower;
use statement::{
    Envelope, Kind, Predicate, Release, Statement, StatementDigest, StatementSigner as _, Subject,
    VerificationResult,
};

use crate::{
    cast::Cast, cells::Machines, ceremony, custody::release_rules, examples::Example, machine,
    vendor, world::World,
};

use super::{Caught, mirror::States};

/// How long an attack waits for what the parties do.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a change of the constitution waits in public here.
pub(super) const CHANGE_DELAY_SECONDS: u64 = 1;
/// Pause between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One world for several attacks.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) world: World,
    /// Made once, for every attack by a mirror.
    pub(super) states: Option<States>,
    /// What the cells work with, once they are open.
    machines: Option<Machines>,
}

/// A product whose build the supervisor has approved.
#[derive(Debug, Clone)]
pub(super) struct Approved {
    pub(super) product: String,
    pub(super) built: Built,
    pub(super) approval: StatementDigest,
}

impl Stage {
    pub(super) async fn open(dir: &Path, limpid: &Path, mut cast: Cast) -> Result<Self> {
        machine::empty(dir)?;
        cast.change_delay_seconds = CHANGE_DELAY_SECONDS;
        let mut world = World::found(dir, limpid, cast, release::system_clock())?;
        world.start(&mut |_| ()).await?;
        Ok(Self {
            world,
            states: None,
            machines: None,
        })
    }

    /// Opens the cells, unless an attack before had them opened.
    pub(super) async fn open_cells(&mut self) -> Result<Machines> {
        if let Some(machines) = &self.machines {
            return Ok(machines.clone());
        }
        let governed = self.world.govern_residency().await?;
        let machines = release_rules(&self.world, &|_| ()).await?;
        self.world.start_cells(&machines, &mut |_| ()).await?;
        self.world.keep_promises(&governed).await?;
        self.machines = Some(machines.clone());
        Ok(machines)
    }

    /// Builds an example under a product name of its own, honestly, and waits for the approval.
    pub(super) async fn approved(&self, product: &str, example: Example) -> Result<Approved> {
        let source = self.world.make_dir("vendor", "source")?.join(product);
        example.write_to(&source, Some(product))?;
        let built = vendor::build(&self.world, &source, &|_| ()).await?;
        let approval = self.wait_for_approval(built.build).await?;
        Ok(Approved {
            product: product.to_owned(),
            built,
            approval,
        })
    }

    /// Builds, releases and publishes honestly; the release's digest.
    pub(super) async fn released(
        &self,
        product: &str,
        example: Example,
    ) -> Result<StatementDigest> {
        let approved = self.approved(product, example).await?;
        let proposed = vendor::propose(&self.world, approved.built.build, &|_| ()).await?;
        Ok(proposed.quorum.release().digest())
    }

    pub(super) async fn wait_for_approval(
        &self,
        build: StatementDigest,
    ) -> Result<StatementDigest> {
        let mut follower = self.world.follower()?;
        let started = Instant::now();
        loop {
            follower.sync().await?;
            let found = follower
                .view()?
                .entries_of_build(build)
                .into_iter()
                .find_map(|entry| match &entry.statement().predicate {
                    Predicate::Approval(vsa)
                        if vsa.verification_result == VerificationResult::Passed =>
                    {
                        Some(entry.digest())
                    }
                    _ => None,
                });
            if let Some(approval) = found {
                return Ok(approval);
            }
            if started.elapsed() > PATIENCE {
                bail!("build {build} was not approved in {PATIENCE:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The first release of an approved product, as center and supervisor would sign it.
    pub(super) fn release_of(&self, approved: &Approved) -> Result<Release> {
        Ok(Release {
            audience: vec![ceremony::CENTER_LOG.parse()?],
            not_after: release::system_clock() + 86_400,
            blobs: Vec::new(),
            product: approved.product.clone(),
            version: "1.0.0".to_owned(),
            channel: "stable".to_owned(),
            platform: "linux-x86_64".to_owned(),
            seq: 1,
            predecessor: None,
            kind: Kind::Rules,
            file: "lures.db".to_owned(),
            artifact: approved.built.artifacts[0].sha256,
            artifact_bytes: approved.built.artifacts[0].bytes,
            build: approved.built.build,
            approval: approved.approval,
            signed: None,
        })
    }

    /// Signs any release with any stolen key.
    pub(super) fn sign(&self, release: &Release, party: &str, key: &str) -> Result<Envelope> {
        let subject = Subject::new(release.file.clone(), release.artifact);
        let payload = Statement::new(vec![subject], release.clone()).to_payload()?;
        self.sign_payload(payload, party, key)
    }

    /// Signs any payload with any stolen key.
    pub(super) fn sign_payload(
        &self,
        payload: Vec<u8>,
        party: &str,
        key: &str,
    ) -> Result<Envelope> {
        let key = ceremony::statement_key(&self.world.dir, party, key)?;
        let envelope = Envelope::sign(payload, &key)?;
        debug_assert_eq!(envelope.key(), key.key());
        Ok(envelope)
    }

    /// Logs an entry and waits until it is witnessed; its index.
    pub(super) async fn log(&self, envelope: &Envelope) -> Result<u64> {
        let proof = self
            .world
            .center_client()?
            .submit_until_witnessed(envelope, PATIENCE)
            .await?;
        Ok(proof.index)
    }

    /// A follower that has replayed everything published.
    pub(super) async fn followed(&self) -> Result<Follower> {
        let mut follower = self.world.follower()?;
        follower.sync().await?;
        Ok(follower)
    }

    /// A bundle of a build and these further entries.
    pub(super) async fn bundle(&self, approved: &Approved, further: &[u64]) -> Result<Bundle> {
        let follower = self.followed().await?;
        let build = approved.built.build;
        let mut indices: Vec<u64> = follower
            .view()?
            .entries_of_build(build)
            .iter()
            .map(|entry| entry.index())
            .collect();
        indices.extend(further);
        Ok(follower.bundle(&indices).await?)
    }

    /// What a stranger's `verify` says about the artifact and a bundle.
    pub(super) async fn verify(
        &self,
        approved: &Approved,
        bundle: &Bundle,
    ) -> Result<Option<Caught>> {
        let bytes = self
            .world
            .center_client()?
            .blob(approved.built.artifacts[0].sha256, u64::from(u32::MAX))
            .await?;
        let file = self
            .world
            .make_dir("stranger", &approved.product)?
            .join("lures.db");
        std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        let anchor = self.world.anchor();
        let verified = endpoint::verify_file(
            &file,
            &bundle.to_bytes()?,
            anchor,
            None,
            None,
            release::system_clock(),
        );
        Ok(verified.err().map(|error| caught_by_endpoint(&error)))
    }

    /// Waits until a release has both signatures.
    pub(super) async fn wait_for_quorum(&self, release: StatementDigest) -> Result<()> {
        let mut follower = self.world.follower()?;
        let started = Instant::now();
        loop {
            follower.sync().await?;
            let released = follower.view()?.released();
            if released
                .iter()
                .any(|quorum| quorum.release().digest() == release)
            {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("release {release} was not signed by both in {PATIENCE:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn supervisor(&self) -> Result<release::SupervisorClient> {
        let url = self.world.supervisor_url();
        Ok(release::SupervisorClient::new(
            &url,
            &serve::ClientConfig::default(),
        )?)
    }

    /// Asks the supervisor to sign metadata; what it says if it does not.
    pub(super) async fn cosign(
        &self,
        role: release::MetadataRole,
        candidate: &[u8],
    ) -> Result<Option<Caught>> {
        match self.supervisor()?.cosign(role, candidate).await {
            Ok(_) => Ok(None),
            Err(release::ReleaseError::Refused { code, detail, .. }) => {
                Ok(Some(Caught { code, detail }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the supervisor refuses a subject with this code, or with another for good.
    pub(super) async fn supervisor_refusal(
        &self,
        subject: &str,
        code: &str,
    ) -> Result<Option<Caught>> {
        let client = self.supervisor()?;
        let started = Instant::now();
        let mut last = None;
        while started.elapsed() < PATIENCE {
            let refusals = client.refusals().await?;
            last = refusals
                .into_iter()
                .find(|refusal| refusal.subject == subject)
                .map(|refusal| Caught {
                    code: refusal.code,
                    detail: refusal.detail,
                });
            if last.as_ref().is_some_and(|caught| caught.code == code) {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(last)
    }
}

/// A refusal of a log as seen by the attacker.
///
/// # Errors
/// When the log refused nothing but could not be used.
pub(super) fn caught_by_log(error: logclient::LogClientError) -> Result<Caught> {
    let Some(code) = error.code().map(str::to_owned) else {
        return Err(error.into());
    };
    let detail = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
    Ok(Caught { code, detail })
}

/// A refusal of an endpoint as seen by the attacker.
pub(super) fn caught_by_endpoint(error: &EndpointError) -> Caught {
    let mut detail = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        detail = format!("{detail}: {next}");
        cause = next.source();
    }
    Caught {
        code: error.code().to_owned(),
        detail,
    }
}
