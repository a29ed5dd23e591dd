//! The keeper: a room that is opened for each look and closed after it, so that verbs can work between.

use std::time::Duration;

use keys::StatementKey;
use law::{Bundle, Settled};
use serve::Metrics;
use statement::{Envelope, FileDigest};

use crate::{
    config::Config,
    error::ReleaseError,
    log_access::{CenterLog, LogError},
    remote::RemoteLog,
    room::{Clock, Room},
    step::Progress,
    tend::{DUTIES, Tended},
};

/// A duty of its own: taking the directory. A verb that works there for long is worth an alarm.
const DIRECTORY: &str = "directory";

/// Looks after a repository.
pub struct Keeper<L> {
    config: Config,
    log: L,
    clock: Clock,
    metrics: Metrics,
}

impl Keeper<RemoteLog> {
    /// A keeper of the repository and log that the configuration names.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn connect(config: Config, clock: Clock, metrics: Metrics) -> Result<Self, ReleaseError> {
        let log = RemoteLog::new(&config)?;
        Ok(Self::new(config, log, clock, metrics))
    }
}

impl<L: CenterLog> Keeper<L> {
    /// A keeper on this log, with this clock.
    pub const fn new(config: Config, log: L, clock: Clock, metrics: Metrics) -> Self {
        Self {
            config,
            log,
            clock,
            metrics,
        }
    }

    /// Does everything that is due once.
    ///
    /// # Errors
    /// The directory is in use, or a key or a file cannot be read. What fails after that is in
    /// [`Tended::failed`].
    pub async fn tick(&mut self, progress: Progress<'_>) -> Result<Tended, ReleaseError> {
        let opened = Room::open(&self.config, &mut self.log, self.clock, progress);
        self.metrics.set_failing(DIRECTORY, opened.is_err());
        let tended = opened?.tend().await;
        for duty in DUTIES {
            let failed = tended.failed.iter().any(|(failed, _)| *failed == duty);
            self.metrics.set_failing(duty, failed);
        }
        self.show(
            "limpid_release_failing",
            "duties that fail",
            tended.failed.len(),
        );
        self.show(
            "limpid_release_orders_pending",
            "orders that wait",
            tended.pending,
        );
        let expires = tended.timestamp_expires.unwrap_or(0);
        let help = "when the timestamp ends, POSIX seconds";
        self.show("limpid_release_timestamp_expires", help, expires);
        Ok(tended)
    }

    /// Looks again and again until `stop` completes.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        loop {
            if let Err(error) = self.tick(&|_| {}).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "the repository was not looked after");
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(Duration::from_millis(self.config.keep_ms)) => {}
            }
        }
    }

    fn show<N: TryInto<i64>>(&self, name: &'static str, help: &'static str, number: N) {
        let number = number.try_into().unwrap_or(i64::MAX);
        self.metrics.gauge(name, help).set(number);
    }
}

/// A log that is lent: its replay outlives the room that works with it.
impl<L: CenterLog> CenterLog for &mut L {
    async fn sync(&mut self) -> Result<(), LogError> {
        (**self).sync().await
    }
    fn view(&self) -> Result<Settled<'_>, LogError> {
        (**self).view()
    }
    fn others(&self) -> Result<Vec<Settled<'_>>, LogError> {
        (**self).others()
    }
    async fn submit(&mut self, envelope: &Envelope) -> Result<(), LogError> {
        (**self).submit(envelope).await
    }
    async fn blob(&self, digest: FileDigest, bytes_max: u64) -> Result<Vec<u8>, LogError> {
        (**self).blob(digest, bytes_max).await
    }
    fn put_blob(
        &self,
        bytes: Vec<u8>,
        key: &StatementKey,
    ) -> impl Future<Output = Result<FileDigest, LogError>> + Send {
        (**self).put_blob(bytes, key)
    }
    async fn bundle(&self, indices: &[u64]) -> Result<Bundle, LogError> {
        (**self).bundle(indices).await
    }
}
