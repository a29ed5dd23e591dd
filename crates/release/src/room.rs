//! The room: what its verbs share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use law::Refusal;
use statement::StatementDigest;
use store::{DirLock, Files};
use tlog::Origin;
use tuf::Expires;

use crate::{
    config::Config,
    error::ReleaseError,
    keyring::{Bounds, CenterKeys},
    limits::CLOCK_MARGIN_SECONDS,
    log_access::CenterLog,
    remote::RemoteLog,
    repository::{Repository, Staging},
    step::{Progress, Step},
    supervisor::SupervisorClient,
};

/// Tells the time in POSIX seconds.
pub type Clock = fn() -> u64;

/// The system's clock.
pub fn system_clock() -> u64 {
    // A clock before 1970 gives metadata that is expired at once, which is refused, not believed.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The room at work on one repository. Holds a lock, so two of them never work on one directory.
pub struct Room<'a, L> {
    pub(crate) log: L,
    pub(crate) keys: CenterKeys,
    pub(crate) repository: Repository,
    pub(crate) staging: Staging,
    /// Holds the queue of orders.
    pub(crate) orders: Files,
    pub(crate) supervisor: SupervisorClient,
    pub(crate) progress: Progress<'a>,
    pub(crate) config: &'a Config,
    clock: Clock,
    _lock: DirLock,
}

impl<'a> Room<'a, RemoteLog> {
    /// Opens the room on the log that the configuration names.
    ///
    /// # Errors
    /// As [`Room::open`], or the HTTP client cannot be set up.
    pub fn connect(
        config: &'a Config,
        clock: Clock,
        progress: Progress<'a>,
    ) -> Result<Self, ReleaseError> {
        Self::open(config, RemoteLog::new(config)?, clock, progress)
    }
}

impl<'a, L: CenterLog> Room<'a, L> {
    /// Opens directories and keys.
    ///
    /// # Errors
    /// Another process works here, a key cannot be read, or the disk refuses.
    pub fn open(
        config: &'a Config,
        log: L,
        clock: Clock,
        progress: Progress<'a>,
    ) -> Result<Self, ReleaseError> {
        let lock = DirLock::take(&config.dir)?;
        let supervisor = SupervisorClient::new(&config.supervisor_url, &config.client);
        let supervisor = supervisor.map_err(|source| ReleaseError::Supervisor {
            url: config.supervisor_url.clone(),
            source,
        })?;
        Ok(Self {
            log,
            keys: CenterKeys::load(&config.keys)?,
            repository: Repository::open(&config.repository)?,
            staging: Staging::open(&config.dir.join("staging"))?,
            orders: Files::open(&config.dir.join("orders"))?,
            supervisor,
            progress,
            config,
            clock,
            _lock: lock,
        })
    }

    /// The log, for callers that look at it between verbs.
    pub const fn log(&mut self) -> &mut L {
        &mut self.log
    }

    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    pub(crate) fn tell(&self, step: Step) {
        tracing::info!(%step, "release");
        (self.progress)(step);
    }

    /// Bounds of a statement signed now.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            origin: self.origin().clone(),
            not_after: self.now().saturating_add(self.config.not_after_seconds),
        }
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.config.origin
    }

    /// An expiry as far away as `lifetime_seconds` allows, less what clocks may differ.
    pub(crate) fn expires(&self, lifetime_seconds: u64) -> Result<Expires, ReleaseError> {
        let margin = CLOCK_MARGIN_SECONDS.min(lifetime_seconds / 24);
        let at = self.now().saturating_add(lifetime_seconds - margin);
        Ok(Expires::from_posix(at)?)
    }

    /// Whether less than a third of a life is left.
    pub(crate) fn is_ageing(&self, expires: Expires, lifetime_seconds: u64) -> bool {
        expires.posix() < self.now().saturating_add(lifetime_seconds / 3)
    }
}

/// Waits for others: says why once per reason, sleeps between looks, and gives up in the end.
pub(crate) struct Patience {
    what: &'static str,
    subject: StatementDigest,
    started: tokio::time::Instant,
    last: String,
}

impl Patience {
    pub(crate) fn new(what: &'static str, subject: StatementDigest) -> Self {
        Self {
            what,
            subject,
            started: tokio::time::Instant::now(),
            last: String::new(),
        }
    }

    /// Pauses before the next look; an error when the time is over.
    pub(crate) async fn pause<L: CenterLog>(
        &mut self,
        room: &Room<'_, L>,
        why: &Refusal,
    ) -> Result<(), ReleaseError> {
        let why = why.to_string();
        if self.last != why {
            room.tell(Step::Waiting {
                what: self.what,
                why: why.clone(),
            });
            self.last = why;
        }
        if self.started.elapsed() >= Duration::from_millis(room.config.wait_ms) {
            return Err(ReleaseError::Waited {
                what: self.what,
                subject: self.subject,
                waited_ms: room.config.wait_ms,
                last: std::mem::take(&mut self.last),
            });
        }
        tokio::time::sleep(Duration::from_millis(room.config.poll_ms)).await;
        Ok(())
    }
}
