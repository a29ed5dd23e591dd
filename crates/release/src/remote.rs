//! The center's log over HTTP.

use std::time::Duration;

use law::{Bundle, Settled};
use logclient::{Follower, LogClient};
use serve::Client;
use statement::{Envelope, FileDigest};

use crate::{
    config::Config,
    log_access::{CenterLog, LogError},
};

/// The center's log, replayed here by `logclient`.
#[derive(Debug)]
pub struct RemoteLog {
    follower: Follower,
    patience: Duration,
}

impl RemoteLog {
    /// The log that the configuration names.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn new(config: &Config) -> Result<Self, LogError> {
        let http = Client::new(&config.client).map_err(LogError::access)?;
        let client = LogClient::new(http, &config.log_url, config.origin.clone());
        Ok(Self {
            follower: Follower::new(client, config.anchor),
            patience: Duration::from_millis(config.wait_ms),
        })
    }
}

impl CenterLog for RemoteLog {
    async fn sync(&mut self) -> Result<(), LogError> {
        self.follower.sync().await.map_err(LogError::access)?;
        Ok(())
    }

    fn view(&self) -> Result<Settled<'_>, LogError> {
        self.follower.view().map_err(LogError::Law)
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

    async fn bundle(&self, indices: &[u64]) -> Result<Bundle, LogError> {
        let bundle = self.follower.bundle(indices).await;
        bundle.map_err(LogError::access)
    }
}
