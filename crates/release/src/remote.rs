//! The logs over HTTP.

use std::time::Duration;

use keys::StatementKey;
use law::{Bundle, Settled};
use logclient::{Follower, LogClient};
use serve::Client;
use statement::{Envelope, FileDigest};
use tlog::Origin;

use crate::{
    config::Config,
    log_access::{CenterLog, LogError},
};

/// The center's log and the other logs of the constitution, replayed here by `logclient`.
#[derive(Debug)]
pub struct RemoteLog {
    follower: Follower,
    others: Vec<Follower>,
    patience: Duration,
}

impl RemoteLog {
    /// The log that the configuration names.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn new(config: &Config) -> Result<Self, LogError> {
        let http = Client::new(&config.client).map_err(LogError::access)?;
        let follow = |url: &str, origin: &Origin| {
            let client = LogClient::new(http.clone(), url, origin.clone());
            Follower::new(client, config.anchor)
        };
        let others = config.other_logs.iter();
        Ok(Self {
            follower: follow(&config.log_url, &config.origin),
            others: others.map(|log| follow(&log.url, &log.origin)).collect(),
            patience: Duration::from_millis(config.wait_ms),
        })
    }
}

impl CenterLog for RemoteLog {
    async fn sync(&mut self) -> Result<(), LogError> {
        for follower in std::iter::once(&mut self.follower).chain(&mut self.others) {
            follower.sync().await.map_err(LogError::access)?;
        }
        Ok(())
    }

    fn view(&self) -> Result<Settled<'_>, LogError> {
        self.follower.view().map_err(LogError::Law)
    }

    fn others(&self) -> Result<Vec<Settled<'_>>, LogError> {
        let views = self.others.iter().map(Follower::view);
        views.map(|view| view.map_err(LogError::Law)).collect()
    }

    async fn submit(&mut self, envelope: &Envelope) -> Result<(), LogError> {
        let client = self.follower.client();
        let submitted = client.submit_until_witnessed(envelope, self.patience).await;
        submitted.map(drop).map_err(LogError::access)
    }

    async fn blob(&self, digest: FileDigest, bytes_max: u64) -> Result<Vec<u8>, LogError> {
        let blob = self.follower.client().blob(digest, bytes_max).await;
        blob.map_err(LogError::access)
    }

    fn put_blob(
        &self,
        bytes: Vec<u8>,
        key: &StatementKey,
    ) -> impl Future<Output = Result<FileDigest, LogError>> + Send {
        let put = self.follower.client().put_blob(bytes, key);
        async { put.await.map_err(LogError::access) }
    }

    async fn bundle(&self, indices: &[u64]) -> Result<Bundle, LogError> {
        let bundle = self.follower.bundle(indices).await;
        bundle.map_err(LogError::access)
    }
}
