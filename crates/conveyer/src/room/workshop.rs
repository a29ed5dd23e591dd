//! What conveyer and rebuilder share: a directory, a followed log, a place to build.
//!
//! ```text
//! DIR/LOCK       one process at a time
//! DIR/url        where the rebuilder listens
//! DIR/outbox/    signed envelopes
//! DIR/results/   0700, results with their salts
//! DIR/build/     0700, the uid of builds: archives, environments, artifacts (`PartyDirs`)
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use binary::Explanations;
use keys::{Passphrase, SecretKey, StatementKey};
use logclient::{Follower, LogClient};
use sandbox::{Identity, SandboxError};
use serve::Client;
use statement::{Envelope, FileDigest, Statement, StatementDigest, StatementSigner as _};
use store::DirLock;
use tokio::time::Instant;

use super::config::Ground;
use super::error::{RoomError, with_causes};
use super::kept::{KeptResult, KeptResults};
use super::limits::LOCK_BYTES_MAX;
use super::outbox::{Draft, Outbox};
use super::statements::bytes_of;
use super::step::{Progress, Step};
use super::{log_view, statements};
use crate::build::{BuildOutcome, build, build_and_test};
use crate::crates::{crates_of, take_crates};
use crate::environment::{Assurance, Environment};
use crate::error::ConveyerError;
use crate::host::HostKind;
use crate::lock::Lock;
use crate::party::PartyDirs;
use crate::recipe::Recipe;
use crate::source::Source;
use crate::variation::Variation;

/// How far a build goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// Until the artifacts are there.
    Build,
    /// Then the tests of the recipe.
    BuildAndTest,
}

/// Tells the time in POSIX seconds.
pub type Clock = fn() -> u64;

/// The system's clock.
#[must_use]
pub fn system_clock() -> u64 {
    // A clock before 1970 makes statements that are too late at once, which the log refuses.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Reads a statement key.
pub(super) fn load_key(path: &Path, passphrase: Option<&str>) -> Result<StatementKey, RoomError> {
    let passphrase = passphrase.map(Passphrase::from_origin).transpose()?;
    let secret = SecretKey::load(path, passphrase.as_ref())?;
    Ok(StatementKey::new(secret)?)
}

/// Runs what blocks beside the daemon.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RoomError> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// A party at work. Holds a lock, so two of them never work on one directory.
pub(super) struct Workshop<'a> {
    pub(super) ground: Ground,
    pub(super) follower: Follower,
    pub(super) party: Arc<PartyDirs>,
    pub(super) results: KeptResults,
    /// Rules by which a difference may be explained; the conveyer compares nothing.
    pub(super) explanations: Explanations,
    outbox: Outbox,
    environments: BTreeMap<String, Environment>,
    progress: Progress<'a>,
    clock: Clock,
    _lock: DirLock,
}

impl<'a> Workshop<'a> {
    pub(super) fn open(
        ground: Ground,
        progress: Progress<'a>,
        clock: Clock,
    ) -> Result<Self, RoomError> {
        let lock = DirLock::take(&ground.dir)?;
        let isolation = ground.isolation;
        let identity = match isolation.uid_base {
            Some(base) => Identity::for_party_from(base, isolation.party),
            None => Identity::for_party(isolation.party),
        };
        let identity = identity
            .map_err(SandboxError::from)
            .map_err(ConveyerError::from)?;
        let party = PartyDirs::open(&ground.dir.join("build"), identity)?;
        let client = Client::new(&ground.client)?;
        let client = LogClient::new(client, &ground.log_url, ground.origin.clone());
        Ok(Self {
            follower: Follower::new(client, ground.anchor),
            party: Arc::new(party),
            explanations: Explanations::none(),
            results: KeptResults::open(&ground.dir.join("results"))?,
            outbox: Outbox::open(&ground.dir.join("outbox"))?,
            environments: BTreeMap::new(),
            ground,
            progress,
            clock,
            _lock: lock,
        })
    }

    pub(super) fn tell(&self, step: Step) {
        tracing::info!(%step, "conveyer");
        (self.progress)(step);
    }

    pub(super) fn now(&self) -> u64 {
        (self.clock)()
    }

    pub(super) const fn wait(&self) -> Duration {
        Duration::from_millis(self.ground.wait_ms)
    }

    pub(super) const fn poll(&self) -> Duration {
        Duration::from_millis(self.ground.poll_ms)
    }

    /// Replays what was published since. A log that is away, or shows nothing yet, is waited for.
    pub(super) async fn sync(&mut self) -> Result<(), RoomError> {
        let mut patience = Patience::new();
        loop {
            match self.follower.sync().await.map_err(RoomError::from) {
                Ok(_) => return Ok(()),
                Err(error) => patience.pause(self, error).await?,
            }
        }
    }

    /// Stores a blob in the log.
    pub(super) async fn put_blob(
        &self,
        what: &'static str,
        bytes: Vec<u8>,
        key: &StatementKey,
    ) -> Result<(), RoomError> {
        let size = bytes.len() as u64;
        self.check_blob(what, size)?;
        let mut patience = Patience::new();
        loop {
            let put = self.follower.client().put_blob(bytes.clone(), key).await;
            match put.map_err(RoomError::from) {
                Ok(digest) => {
                    self.tell(Step::BlobStored {
                        what,
                        digest,
                        bytes: size,
                    });
                    return Ok(());
                }
                Err(error) => patience.pause(self, error).await?,
            }
        }
    }

    /// Refuses what the log would refuse, before anything is said about it.
    pub(super) const fn check_blob(&self, what: &'static str, bytes: u64) -> Result<(), RoomError> {
        let bytes_max = self.ground.blob_bytes_max;
        if bytes <= bytes_max {
            return Ok(());
        }
        Err(RoomError::BlobTooLarge {
            what,
            bytes,
            bytes_max,
        })
    }

    /// The envelope over this draft that was signed before, or a new one; kept in any case. One that was not
    /// included by its `not_after` is signed anew.
    pub(super) fn sign_once<F: Fn(u64) -> Statement>(
        &self,
        draft: F,
        key: &StatementKey,
    ) -> Result<Envelope, RoomError> {
        self.sign(draft, key, |is_alive, stands| is_alive || stands)
    }

    /// The same for what is said again and again: what stands already is signed anew, what does not yet is not.
    pub(super) fn sign_again<F: Fn(u64) -> Statement>(
        &self,
        draft: F,
        key: &StatementKey,
    ) -> Result<Envelope, RoomError> {
        self.sign(draft, key, |is_alive, stands| is_alive && !stands)
    }

    fn sign<F: Fn(u64) -> Statement>(
        &self,
        draft: F,
        key: &StatementKey,
        serves: impl Fn(bool, bool) -> bool,
    ) -> Result<Envelope, RoomError> {
        let draft = Draft::new(draft);
        if let Some((kept, statement)) = self.outbox.find(&draft)? {
            let predicate = &statement.predicate;
            let is_alive = kept.key() == key.key() && predicate.not_after() >= self.now();
            let view = self.follower.view()?;
            if serves(is_alive, log_view::stands(view, kept.digest(), predicate)) {
                return Ok(kept);
            }
        }
        let not_after = self.now().saturating_add(self.ground.not_after_seconds);
        let envelope = Envelope::sign(draft.payload(not_after)?, key)?;
        self.outbox.keep(&draft, &envelope)?;
        Ok(envelope)
    }

    /// Submits until it is witnessed, then replays it. What was submitted before is taken once.
    pub(super) async fn submit(&mut self, envelope: &Envelope) -> Result<(), RoomError> {
        let client = self.follower.client();
        client.submit_until_witnessed(envelope, self.wait()).await?;
        self.sync().await
    }

    /// Inputs of the environment with this lock that only the center could give.
    pub(super) fn taken_from_center(&self, lock: &[u8]) -> Result<Vec<String>, RoomError> {
        let lock = Lock::parse(&String::from_utf8_lossy(lock)).map_err(ConveyerError::from)?;
        let store = self.party.environment_store()?;
        Ok(store.taken_from_center(&lock)?)
    }

    /// The environment of this name: from a lock of this party's configuration, else from its own machine. Fetched or
    /// imported once, looked over before each build.
    pub(super) async fn environment(&mut self, name: &str) -> Result<Environment, RoomError> {
        if let Some(known) = self.environments.get(name) {
            let known = known.clone();
            return blocking(move || known.check(Assurance::Listing).map(|()| known))
                .await?
                .map_err(RoomError::from);
        }
        self.tell(Step::EnvironmentBegun(name.to_owned()));
        let party = Arc::clone(&self.party);
        let environment = match self.ground.environments.lock_named(name)? {
            Some(lock) => {
                let sources = self.ground.environments.sources();
                let tell = |line: &str| tracing::info!(line, "environment");
                blocking(move || Environment::supply(lock, &sources, &party, &tell)).await??
            }
            None => {
                let kind =
                    HostKind::from_name(name).ok_or_else(|| RoomError::UnknownEnvironment {
                        name: name.chars().take(100).collect(),
                    })?;
                blocking(move || Environment::import_host(kind, &party)).await??
            }
        };
        let lock = environment.lock();
        self.tell(Step::EnvironmentReady {
            name: name.to_owned(),
            lock: FileDigest::new(*environment.digest()),
            files: lock.files().len(),
            bytes: lock.files().iter().map(|file| bytes_of(&file.kind)).sum(),
        });
        self.environments
            .insert(name.to_owned(), environment.clone());
        Ok(environment)
    }

    /// The environment in which this party built before, from its own store; what the store lost is fetched as always.
    pub(super) async fn locked_environment(
        &self,
        digest: FileDigest,
    ) -> Result<Environment, RoomError> {
        let mut known = self.environments.values();
        if let Some(known) = known.find(|known| known.digest() == digest.hash()).cloned() {
            return blocking(move || known.check(Assurance::Listing).map(|()| known))
                .await?
                .map_err(RoomError::from);
        }
        let text = self.lock_text(digest)?;
        let lock = Lock::parse(&String::from_utf8_lossy(&text)).map_err(ConveyerError::from)?;
        let (sources, party) = (self.ground.environments.sources(), Arc::clone(&self.party));
        let tell = |line: &str| tracing::info!(line, "environment");
        let environment = blocking(move || {
            match Environment::assemble(lock.clone(), &party, Assurance::Listing) {
                Ok(environment) => Ok(environment),
                Err(_) => Environment::supply(lock, &sources, &party, &tell),
            }
        });
        Ok(environment.await??)
    }

    /// Builds in this party's own folders, environment and surrounding.
    pub(super) async fn build(
        &mut self,
        source: &Source,
        recipe: &Recipe,
        variation: &Variation,
        run: Run,
    ) -> Result<BuildOutcome, RoomError> {
        let environment = self.environment(&recipe.environment).await?;
        self.build_in(environment, (source, recipe), variation, run)
            .await
    }

    /// The same in this very environment.
    pub(super) async fn build_in(
        &self,
        environment: Environment,
        (source, recipe): (&Source, &Recipe),
        variation: &Variation,
        run: Run,
    ) -> Result<BuildOutcome, RoomError> {
        self.tell(Step::Building {
            product: recipe.product.clone(),
            version: recipe.version.clone(),
        });
        let (source, recipe) = (source.clone(), recipe.clone());
        let (variation, party) = (variation.clone(), Arc::clone(&self.party));
        let crates = self.ground.crates.clone();
        let outcome = blocking(move || {
            if let Some(folder) = crates {
                let wanted = crates_of(&recipe, &source, party.blobs())?;
                take_crates(&wanted, &folder, party.inputs())?;
            }
            let build = match run {
                Run::Build => build,
                Run::BuildAndTest => build_and_test,
            };
            build(&recipe, &source, &environment, &variation, &party)
        });
        let outcome = outcome.await??;
        for built in &outcome.artifacts {
            self.tell(Step::ArtifactBuilt {
                artifact: FileDigest::new(built.sha256),
                bytes: built.bytes,
                wall_ms: outcome.wall_ms,
            });
        }
        for test in &outcome.tests {
            self.tell(Step::Tested {
                name: test.name.clone(),
                failure: (!test.exit.is_success())
                    .then(|| format!("{}; its last words:\n{}", test.exit, test.log_tail)),
            });
        }
        Ok(outcome)
    }

    /// Draws a salt and keeps it with the outcome, before anything is submitted.
    pub(super) fn keep(
        &self,
        build: StatementDigest,
        key: &StatementKey,
        outcome: &BuildOutcome,
    ) -> Result<KeptResult, RoomError> {
        let kept = self.results.keep(build, key.key(), outcome, self.now())?;
        self.tell(Step::ResultKept(build));
        Ok(kept)
    }

    /// Logs the commitment to a kept result.
    pub(super) async fn commit(
        &mut self,
        kept: &KeptResult,
        key: &StatementKey,
    ) -> Result<(), RoomError> {
        let origin = self.ground.origin.clone();
        let envelope = self.sign_once(
            |not_after| statements::commitment(&origin, kept, not_after),
            key,
        )?;
        self.submit(&envelope).await?;
        self.tell(Step::Committed {
            build: kept.build(),
            commitment: kept.commitment(),
        });
        Ok(())
    }

    /// The text of a lock that was built in.
    pub(super) fn lock_text(&self, digest: FileDigest) -> Result<Vec<u8>, RoomError> {
        Ok(self.party.blobs().get(digest.hash(), LOCK_BYTES_MAX)?)
    }
}

/// Waits for a log that is away; says why once, and gives up in the end.
struct Patience {
    started: Instant,
    last: String,
}

impl Patience {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            last: String::new(),
        }
    }

    /// Pauses before the next try; the error itself when another try is of no use, or the time is over.
    async fn pause(&mut self, workshop: &Workshop<'_>, error: RoomError) -> Result<(), RoomError> {
        if !error.is_transient() || self.started.elapsed() >= workshop.wait() {
            return Err(error);
        }
        let why = with_causes(&error);
        if self.last != why {
            let build = None;
            workshop.tell(Step::Trouble {
                build,
                why: why.clone(),
            });
            self.last = why;
        }
        tokio::time::sleep(workshop.poll()).await;
        Ok(())
    }
}
