//! The update of one product: from a repository that is not trusted to a file that runs.
//!
//! In this order, each step building on what the one before verified: proof of publication under the
//! anchor; TUF root named by the constitution; fresh TUF metadata; release and withdrawals; artifact;
//! judgement by the law; memory; the switch. Whatever fails, the version before runs, and the update
//! can be tried again. File system calls block: an endpoint does nothing else meanwhile.

use std::{fs, io::Read, ops::ControlFlow};

use law::{Attached, Code, Installable, Offer, OpenBundle, Refusal};
use serde::Serialize;
use serve::Client;
use statement::{FileDigest, Release, StatementDigest};
use store::{DirLock, Files};
use tuf::{TargetPath, TargetRole};

use crate::{
    config::Config,
    error::EndpointError,
    gossip::compare,
    limits::ROOT_BYTES_MAX,
    memory::{InstalledMark, Memory},
    repository::Repository,
    rings::in_ring,
    signed::{attach_again, is_signed_inside},
    step::Step,
    timeline::{Finding, Timeline, contradiction, keep_publication},
    tuf_client::{Cause, Naming, Trusted, TufClient, TufClientError},
    versions::{Installed, Versions},
};

/// Whether an update goes on after a step.
pub type Watch<'a> = &'a (dyn Fn(Step) -> ControlFlow<()> + Sync);

/// How an update ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Another version runs now.
    Installed {
        /// What runs.
        installed: Installed,
        /// What ran before and is kept.
        previous: Option<Installed>,
    },
    /// The newest version runs already; it was judged again all the same.
    UpToDate {
        /// What runs.
        installed: Installed,
    },
}

/// What runs and what is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// What runs.
    pub installed: Option<Installed>,
    /// What was seen, for comparison with other endpoints.
    pub memory: Memory,
}

/// Reads what runs and what was seen, without network.
///
/// # Errors
/// [`EndpointError`] when the directory is damaged.
pub fn status(config: &Config) -> Result<Status, EndpointError> {
    let files = Files::open(&config.dir)?;
    Ok(Status {
        installed: Versions::new(&files).current()?,
        memory: Memory::load(&files)?,
    })
}

/// Brings the product to its newest release. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// [`EndpointError`] with the code of the check that did not hold; what ran before still runs.
pub async fn update(config: &Config, now: u64) -> Result<Outcome, EndpointError> {
    update_watched(config, now, &|_| ControlFlow::Continue(())).await
}

/// As [`update`]; `watch` is told of every step and may stop the update there.
///
/// # Errors
/// As [`update`], and [`EndpointError::Stopped`].
pub async fn update_watched(
    config: &Config,
    now: u64,
    watch: Watch<'_>,
) -> Result<Outcome, EndpointError> {
    let _lock = DirLock::take(&config.dir)?;
    let files = Files::open(&config.dir)?;
    let config = &in_ring(config)?;
    let http = Client::new(&config.client).map_err(|source| EndpointError::Http {
        what: "client".to_owned(),
        source,
    })?;
    let update = Update {
        config,
        repository: Repository::new(config, &http),
        files: &files,
        versions: Versions::new(&files),
        watch,
    };
    update.run(now).await
}

/// One running update.
struct Update<'a> {
    config: &'a Config,
    repository: Repository<'a>,
    files: &'a Files,
    versions: Versions<'a>,
    watch: Watch<'a>,
}

/// Metadata that TUF trusts, and the proof that the log shows the same.
struct Fresh {
    publication: OpenBundle,
    client: TufClient,
    trusted: Trusted,
}

/// The newest target of the series, and what was served about it.
struct Served {
    path: TargetPath,
    mark: InstalledMark,
    bundle: OpenBundle,
    withdrawals: Vec<OpenBundle>,
}

/// The bytes that are judged.
enum Artifact {
    /// They run already.
    Runs(Installed),
    /// They were fetched.
    Fetched(Vec<u8>),
}

impl Update<'_> {
    async fn run(&self, system: u64) -> Result<Outcome, EndpointError> {
        let mut timeline = Timeline::load(self.files)?;
        timeline.check_settled(&self.config.dir)?;
        let mut memory = Memory::load(self.files)?;
        let outcome = self
            .install_newest(&mut memory, &mut timeline, system)
            .await;
        // Whatever became of this update, what was shown is compared and kept.
        self.take_note(&memory, &mut timeline, system)?;
        outcome
    }

    async fn install_newest(
        &self,
        memory: &mut Memory,
        timeline: &mut Timeline,
        system: u64,
    ) -> Result<Outcome, EndpointError> {
        let current = self.versions.current()?;
        let publication = self.repository.publication().await?;
        self.done(Step::OpenedPublication)?;

        let witnessed = publication.checkpoint().median_time();
        let now = memory.now(system).max(witnessed);
        let fresh = self.refresh(publication, now).await?;
        // After TUF, so that metadata that went back is called by its name.
        self.take_note(memory, timeline, system)?;
        memory.see_publication(self.config.role().as_str(), &fresh.publication)?;
        self.done(Step::RefreshedMetadata)?;

        let served = self.serve(&fresh, memory).await;
        // What was seen counts from here on, whatever becomes of this update.
        memory.save(self.files)?;
        self.take_note(memory, timeline, system)?;
        let served = served?;
        self.done(Step::OpenedRelease)?;
        if !self.config.gossip.is_empty() {
            let now = memory.now(system);
            compare(self.config, self.files, timeline, memory, &[], now).await?;
        }

        let artifact = self.artifact(&fresh, &served, current).await?;
        self.done(Step::FetchedArtifact)?;

        let newest = memory.installed.map(|mark| mark.seq);
        let next = self.judge(&fresh, &served, &artifact, newest, memory.now(system))?;
        self.done(Step::Judged)?;

        memory.installed = Some(served.mark);
        memory.save(self.files)?;
        self.done(Step::Remembered)?;
        match artifact {
            Artifact::Runs(installed) => Ok(Outcome::UpToDate { installed }),
            Artifact::Fetched(bytes) => self.install(next, &bytes),
        }
    }

    /// Keeps what the repository's bundles showed, durably, and compares it with what was seen before.
    fn take_note(
        &self,
        memory: &Memory,
        timeline: &mut Timeline,
        now: u64,
    ) -> Result<(), EndpointError> {
        let shown = self.repository.take_shown();
        if shown.bundles.is_empty() {
            return Ok(());
        }
        let forks = shown
            .bundles
            .iter()
            .filter_map(|bundle| timeline.see(bundle, None, now).err());
        let mut findings: Vec<Finding> = forks.map(Finding::from).collect();
        timeline.save(self.files)?;
        let role = self.config.role().as_str();
        for publication in shown.publications {
            let seen = memory.publication(role, publication.version);
            match contradiction(self.files, role, seen, &publication) {
                Some(finding) => findings.push(finding),
                None => keep_publication(self.files, role, &publication)?,
            }
        }
        timeline.record_all(self.files, findings, now)
    }

    /// TUF, from a root that the constitution names to metadata that is fresh at `now`.
    async fn refresh(&self, publication: OpenBundle, now: u64) -> Result<Fresh, EndpointError> {
        let pinned = self.pinned_root()?;
        check_named(&publication, &pinned)?;
        let client = TufClient::open(
            self.repository.http.clone(),
            &self.config.repository,
            pinned,
            &self.config.dir.join("tuf"),
        )?;
        let allow = |root: &[u8]| {
            check_named(&publication, root)?;
            Ok::<_, Cause>(match check_in_force(&publication, root) {
                Ok(()) => Naming::InForce,
                Err(_) => Naming::Earlier,
            })
        };
        let role: TargetRole = self.config.role();
        let trusted = client.refresh(role, &allow, now).await?;
        // A root that an older constitution named leads to the newest one and is never the last.
        check_in_force(&publication, trusted.root_bytes())?;
        let version = trusted.view().delegated().version();
        let newest = publication.view().newest_publication(role.as_str())?;
        let publication = match newest {
            Some(newest) if newest.version == version => publication,
            _ => self.repository.publication_of(version).await?,
        };
        Ok(Fresh {
            publication,
            client,
            trusted,
        })
    }

    /// The root it was shipped with.
    fn pinned_root(&self) -> Result<Vec<u8>, EndpointError> {
        let path = &self.config.root;
        let refused = |source| EndpointError::io("read", path, source);
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(refused)?;
        file.take(ROOT_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(refused)?;
        Ok(bytes)
    }

    /// Withdrawals, then the newest release of the series with its proof.
    async fn serve(&self, fresh: &Fresh, memory: &mut Memory) -> Result<Served, EndpointError> {
        let named = fresh.trusted.view().timestamp().withdrawals();
        let withdrawals = self.repository.withdrawals(named).await?;
        let newest = self.newest(&fresh.trusted);
        let known = newest.iter().map(|(_, mark)| *mark).chain(memory.installed);
        for mark in known.collect::<Vec<_>>() {
            let stands = |bundle: &OpenBundle| bundle.view().withdrawal(mark.release).is_some();
            if withdrawals.iter().chain([&fresh.publication]).any(stands) {
                memory.withdrawn.insert(mark.release);
            }
        }
        for bundle in &withdrawals {
            memory.see(bundle)?;
        }
        memory.check_running(newest.as_ref().map(|(_, mark)| *mark))?;
        let Some((path, mark)) = newest else {
            let name = format!("a target of {}", self.config.line());
            return Err(EndpointError::Tuf(TufClientError::NotFound { name }));
        };
        memory.check_follows(mark)?;
        let bundle = self.repository.release(mark.release).await?;
        memory.see(&bundle)?;
        Ok(Served {
            path,
            mark,
            bundle,
            withdrawals,
        })
    }

    /// The target of the series with the highest number.
    fn newest(&self, trusted: &Trusted) -> Option<(TargetPath, InstalledMark)> {
        let line = self.config.line();
        let followed = trusted.targets().iter().filter(|(path, _)| {
            (path.product(), path.channel(), path.platform())
                == (
                    line.product.as_str(),
                    line.channel.as_str(),
                    line.platform.as_str(),
                )
        });
        let (path, target) = followed.max_by_key(|(path, _)| path.seq())?;
        let mark = InstalledMark {
            seq: path.seq(),
            release: StatementDigest::new(target.release().release),
        };
        Some((path.clone(), mark))
    }

    /// What runs if it is that release and undamaged, else the target, bounded and hashed.
    async fn artifact(
        &self,
        fresh: &Fresh,
        served: &Served,
        current: Option<Installed>,
    ) -> Result<Artifact, EndpointError> {
        let runs = current.filter(|runs| runs.release == served.mark.release);
        if let Some(runs) = runs.filter(|runs| self.versions.is_intact(runs)) {
            return Ok(Artifact::Runs(runs));
        }
        let bytes_max = self.config.artifact_bytes_max;
        let fetched = fresh
            .client
            .fetch(&fresh.trusted, &served.path, bytes_max)
            .await?;
        Ok(Artifact::Fetched(fetched))
    }

    /// Digest and size of the file, and a platform's signature in it attached again.
    fn received(
        &self,
        served: &Served,
        artifact: &Artifact,
    ) -> Result<((FileDigest, u64), Option<Attached>), EndpointError> {
        let (view, release) = (served.bundle.view(), served.mark.release);
        match artifact {
            Artifact::Runs(runs) => {
                let attached = if is_signed_inside(view, release) {
                    attach_again(view, release, &self.versions.bytes(runs)?)?
                } else {
                    None
                };
                Ok(((runs.artifact, runs.artifact_bytes), attached))
            }
            Artifact::Fetched(bytes) => {
                let attached = attach_again(view, release, bytes)?;
                Ok(((FileDigest::of(bytes), bytes.len() as u64), attached))
            }
        }
    }

    /// The law's answer; `newest` is the highest number that was ever installed.
    fn judge(
        &self,
        fresh: &Fresh,
        served: &Served,
        artifact: &Artifact,
        newest: Option<u64>,
        now: u64,
    ) -> Result<Installed, EndpointError> {
        let ((digest, bytes), attached) = self.received(served, artifact)?;
        let offer = Offer {
            bundle: &served.bundle,
            release: served.mark.release,
            publication: &fresh.publication,
            metadata: fresh.trusted.metadata_bytes(),
            role: self.config.role().as_str(),
            withdrawals: &served.withdrawals,
            artifact: digest,
            artifact_bytes: bytes,
            attached: attached.as_ref(),
        };
        let installable = Installable::check(offer, &self.config.policy(), newest, now)?;
        let release = installable.file().quorum().release();
        check_path(&served.path, self.config.role(), release)?;
        Ok(Installed {
            seq: release.seq,
            version: release.version.clone(),
            release: release.digest(),
            file: release.file.clone(),
            artifact: release.shipped().0,
            artifact_bytes: release.shipped().1,
        })
    }

    /// Beside the running version, then the switch.
    fn install(&self, next: Installed, bytes: &[u8]) -> Result<Outcome, EndpointError> {
        let previous = self.versions.current()?.filter(|runs| *runs != next);
        self.versions.write(&next, self.config.kind, bytes)?;
        self.done(Step::WroteVersion)?;
        self.versions.keep_previous(&next)?;
        self.done(Step::KeptPrevious)?;
        self.versions.switch(&next)?;
        tracing::info!(seq = next.seq, release = %next.release, "installed");
        self.versions.prune();
        self.done(Step::Switched)?;
        Ok(Outcome::Installed {
            installed: next,
            previous,
        })
    }

    fn done(&self, step: Step) -> Result<(), EndpointError> {
        tracing::debug!(%step, "update");
        match (self.watch)(step) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(EndpointError::Stopped { after: step }),
        }
    }
}

/// A root counts only when a constitution that was in force names its digest.
fn check_named(publication: &OpenBundle, root: &[u8]) -> Result<(), Refusal> {
    let digest = FileDigest::of(root);
    let mut constitutions = publication.view().state().constitutions();
    if constitutions.any(|constitution| constitution.tuf_root == digest) {
        return Ok(());
    }
    Err(Refusal::new(Code::TufRoot, format!("root {digest}")))
}

/// The root in use is the one that the newest constitution names.
fn check_in_force(publication: &OpenBundle, root: &[u8]) -> Result<(), Refusal> {
    let (digest, constitution) = (FileDigest::of(root), publication.view().constitution()?);
    if constitution.tuf_root == digest {
        return Ok(());
    }
    let detail = format!(
        "root {digest}; constitution {} names {}",
        constitution.version, constitution.tuf_root
    );
    Err(Refusal::new(Code::TufRoot, detail))
}

/// The target's path says exactly what the release says: the file is stored under that name.
fn check_path(path: &TargetPath, role: TargetRole, release: &Release) -> Result<(), Refusal> {
    let line = [&release.product, &release.channel, &release.platform].map(String::as_str);
    match TargetPath::new(role, line, release.seq, &release.file) {
        Ok(due) if due == *path => Ok(()),
        _ => {
            let detail = format!("target `{path}` is not where its release belongs");
            Err(Refusal::new(Code::MetadataTarget, detail))
        }
    }
}
