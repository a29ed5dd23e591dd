//! The room: one round of looking at the log and doing what it calls for.

use std::time::{SystemTime, UNIX_EPOCH};

use law::{Approvable, Releasable, Settled, Unopposed};
use serve::Client;
use statement::StatementDigest;
use store::{Blobs, DirLock, Files, StoreError};

use crate::{
    config::Config,
    cosigned::Cosigned,
    decide::{Duties, plan_duties},
    error::SupervisorError,
    evidence::{Seen, fetch_evidence},
    keyring::{ApprovalWords, Bounds, SupervisorKeys},
    log_access::{FollowedLog, OwnLog},
    outbox::Outbox,
    refused::{Refused, SharedRefusals},
    signed::AttachedAgain,
};

/// Tells the time in POSIX seconds.
pub type Clock = fn() -> u64;

/// The system's clock.
pub fn system_clock() -> u64 {
    // A clock before 1970 makes every expiry wrong, which is refused, not believed.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// What one round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acted {
    /// Builds that were approved.
    pub approved: Vec<StatementDigest>,
    /// Releases that were signed.
    pub released: Vec<StatementDigest>,
    /// Size of the center's log whose checkpoint was anchored in our own.
    pub anchored: Option<u64>,
}

/// The supervisor at work. Holds a lock, so two of them never work on one directory.
pub struct Room<L, O> {
    pub(crate) log: L,
    pub(crate) own_log: O,
    pub(crate) keys: SupervisorKeys,
    pub(crate) metadata: Blobs,
    pub(crate) refusals: SharedRefusals,
    pub(crate) config: Config,
    pub(crate) client: Client,
    /// Something was signed since the last anchor.
    pub(crate) acted: bool,
    pub(crate) cosigned: Cosigned,
    outbox: Outbox,
    pub(crate) attached: AttachedAgain,
    seen: Seen,
    state: Files,
    /// Sizes of the logs that were judged last; none when evidence could not be fetched.
    judged: Option<Vec<u64>>,
    clock: Clock,
    _lock: DirLock,
}

impl<L: FollowedLog, O: OwnLog> Room<L, O> {
    /// Opens directories and keys.
    ///
    /// # Errors
    /// Another process works here, a key cannot be read, or the disk refuses.
    pub fn open(config: Config, log: L, own_log: O, clock: Clock) -> Result<Self, SupervisorError> {
        let lock = DirLock::take(&config.dir)?;
        Ok(Self {
            log,
            own_log,
            keys: SupervisorKeys::load(&config.keys)?,
            metadata: Blobs::open(&config.dir.join("metadata"))?,
            refusals: SharedRefusals::default(),
            client: Client::new(&config.client)?,
            acted: false,
            cosigned: Cosigned::open(&config.dir.join("cosigned"))?,
            outbox: Outbox::open(&config.dir.join("outbox"))?,
            attached: AttachedAgain::default(),
            seen: Seen::default(),
            state: Files::open(&config.dir.join("state"))?,
            judged: None,
            config,
            clock,
            _lock: lock,
        })
    }

    /// What is refused at the moment.
    pub fn refusals(&self) -> Vec<Refused> {
        self.refusals.list()
    }

    pub(crate) const fn shared_refusals(&self) -> &SharedRefusals {
        &self.refusals
    }

    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Looks at the logs and does what the center's calls for.
    ///
    /// # Errors
    /// A log or the disk refuses; the next round goes on. What the law refuses is no error.
    pub async fn round(&mut self) -> Result<Acted, SupervisorError> {
        let mut acted = Acted::default();
        self.sync().await?;
        let fetched = self.attach_open().await?;
        let (view, others) = (self.log.view()?, self.own_log.views()?);
        let size = view.state().settled_size();
        let sizes = sizes_of(view, &others);
        if self.judged.as_ref() != Some(&sizes) {
            let duties = plan_duties(
                view,
                &others,
                self.keys.statement_key(),
                self.config.ring_seconds,
                &self.attached,
            );
            self.judged = None;
            if self.apply(duties, size, &mut acted).await? && fetched {
                self.judged = Some(sizes);
            }
        }
        if std::mem::take(&mut self.acted) {
            // Not lost when it fails: what comes next anchors a later checkpoint.
            acted.anchored = self.anchor().await?;
        }
        Ok(acted)
    }

    /// Replays what was witnessed since: what stands in any log of the constitution may stop us.
    pub(crate) async fn sync(&mut self) -> Result<(), SupervisorError> {
        self.log.sync().await?;
        Ok(self.own_log.sync().await?)
    }

    /// Does what was planned; `false` when evidence was missing and should be asked for again.
    async fn apply(
        &mut self,
        duties: Duties,
        size: u64,
        acted: &mut Acted,
    ) -> Result<bool, SupervisorError> {
        for subject in duties.settled {
            self.refusals.clear(&subject.to_string());
        }
        for refused in duties.refused {
            self.refusals.add(refused);
        }
        let mut complete = true;
        for approvable in duties.approve {
            let build = approvable.evidence().build();
            if self.approve(approvable, size).await? {
                acted.approved.push(build);
            } else {
                complete = false;
            }
        }
        for releasable in duties.release {
            if let Some(released) = self.release(releasable).await? {
                acted.released.push(released);
            }
        }
        Ok(complete)
    }

    /// Fetches the evidence, judges again what the log says by then, and approves.
    async fn approve(
        &mut self,
        approvable: Unopposed<Approvable>,
        size: u64,
    ) -> Result<bool, SupervisorError> {
        let build = approvable.evidence().build();
        let bytes_max = self.config.blob_bytes_max;
        let held = match fetch_evidence(&self.log, approvable, bytes_max, &mut self.seen).await {
            Ok(held) => held,
            Err(missing) => {
                self.refusals.add(missing.refused(build, size));
                return Ok(false);
            }
        };
        self.sync().await?;
        let view = self.log.view()?;
        let size = view.state().settled_size();
        let held = match held.confirm(view, &self.own_log.views()?) {
            Ok(held) => held,
            Err(refusal) => {
                self.refusals.add(Refused::new(build, &refusal, size));
                return Ok(false);
            }
        };
        let envelope = match self.outbox.find(held.approvable())? {
            Some(kept) => kept,
            None => {
                let time = tuf::Expires::from_posix(self.now()).map_err(SupervisorError::Clock)?;
                let words = ApprovalWords {
                    origin: &self.config.origin,
                    verifier: &self.config.verifier,
                    time_verified: time.to_string(),
                };
                let envelope = self.keys.sign_approval(&held, words)?;
                self.outbox.keep(held.approvable(), &envelope)?;
                envelope
            }
        };
        self.log.submit(&envelope).await?;
        tracing::info!(%build, approval = %envelope.digest(), "approved");
        self.refusals.clear(&build.to_string());
        self.acted = true;
        Ok(true)
    }

    /// Judges a release once more by what the log says by now, for fetching evidence and submitting
    /// take time, and signs it. `None` when it is refused by then.
    async fn release(
        &mut self,
        planned: Unopposed<Releasable>,
    ) -> Result<Option<StatementDigest>, SupervisorError> {
        self.sync().await?;
        let (view, others) = (self.log.view()?, self.own_log.views()?);
        let attached = self.attached.get(StatementDigest::of(planned.payload()));
        let releasable = Releasable::check_signed(view, planned.payload(), attached);
        let releasable = releasable.and_then(|releasable| {
            law::check_ring(view, releasable.release(), self.config.ring_seconds)?;
            releasable.unopposed(view, &others)
        });
        let releasable = match releasable {
            Ok(releasable) => releasable,
            Err(refusal) => {
                let size = view.state().settled_size();
                let subject = StatementDigest::of(planned.payload());
                self.refusals.add(Refused::new(subject, &refusal, size));
                return Ok(None);
            }
        };
        let envelope = self.keys.sign_release(&releasable)?;
        self.log.submit(&envelope).await?;
        let digest = envelope.digest();
        tracing::info!(release = %digest, "release signed");
        self.refusals.clear(&digest.to_string());
        self.acted = true;
        Ok(Some(digest))
    }

    /// Keeps the center's newest checkpoint in our own log: a log that shows others another history
    /// contradicts it.
    async fn anchor(&mut self) -> Result<Option<u64>, SupervisorError> {
        self.log.sync().await?;
        let checkpoint = self.log.checkpoint()?;
        let size = checkpoint.size();
        if size <= self.anchored()? {
            return Ok(None);
        }
        let bounds = Bounds {
            origin: self.config.own_origin.clone(),
            not_after: self.not_after(),
        };
        let envelope = self.keys.sign_anchor(checkpoint, bounds)?;
        self.own_log.submit(&envelope).await?;
        self.state
            .replace("anchored", format!("{size}\n").as_bytes())?;
        Ok(Some(size))
    }

    /// Size of the checkpoint anchored last; after a crash it may be one too low, which costs one
    /// anchor more.
    fn anchored(&self) -> Result<u64, SupervisorError> {
        match self.state.read("anchored", 32) {
            Ok(text) => Ok(String::from_utf8_lossy(&text)
                .trim_end()
                .parse()
                .unwrap_or(0)),
            Err(StoreError::NotFound { .. }) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn not_after(&self) -> u64 {
        self.now().saturating_add(self.config.not_after_seconds)
    }
}

fn sizes_of(view: Settled<'_>, others: &[Settled<'_>]) -> Vec<u64> {
    let views = std::iter::once(&view).chain(others);
    views.map(|view| view.state().settled_size()).collect()
}
