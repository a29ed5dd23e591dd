//! The logs over HTTP.

use std::time::Duration;

use law::Settled;
use logclient::{Follower, LogClient, Submitted};
use serve::Client;
use statement::{Envelope, FileDigest};
use tlog::{Checkpoint, Origin, Witnessed};

use crate::{
    config::Config,
    limits::SUBMIT_PATIENCE,
    log_access::{FollowedLog, LogError, OwnLog},
};

/// The center's log, replayed here by `logclient`.
#[derive(Debug)]
pub struct RemoteLog {
    follower: Follower,
    patience: Duration,
}

impl RemoteLog {
    /// The center's log that the configuration names.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn new(config: &Config) -> Result<Self, LogError> {
        let http = Client::new(&config.client).map_err(LogError::access)?;
        let client = LogClient::new(http, &config.log_url, config.origin.clone());
        Ok(Self {
            follower: Follower::new(client, config.anchor),
            patience: SUBMIT_PATIENCE,
        })
    }
}

impl FollowedLog for RemoteLog {
    async fn sync(&mut self) -> Result<(), LogError> {
        self.follower.sync().await.map_err(LogError::access)?;
        Ok(())
    }

    fn view(&self) -> Result<Settled<'_>, LogError> {
        self.follower.view().map_err(LogError::Law)
    }

    fn checkpoint(&self) -> Result<&Witnessed<Checkpoint>, LogError> {
        self.follower.checkpoint().ok_or(LogError::Empty)
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
}

/// The supervisor's own log and the other logs beside the center's.
#[derive(Debug)]
pub struct RemoteOwnLog {
    own: Follower,
    others: Vec<Follower>,
}

impl RemoteOwnLog {
    /// The own log and the other logs that the configuration names.
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
            own: follow(&config.own_log_url, &config.own_origin),
            others: others.map(|log| follow(&log.url, &log.origin)).collect(),
        })
    }
}

impl OwnLog for RemoteOwnLog {
    async fn sync(&mut self) -> Result<(), LogError> {
        for follower in std::iter::once(&mut self.own).chain(&mut self.others) {
            follower.sync().await.map_err(LogError::access)?;
        }
        Ok(())
    }

    fn views(&self) -> Result<Vec<Settled<'_>>, LogError> {
        let followers = std::iter::once(&self.own).chain(&self.others);
        let views = followers.map(|follower| follower.view().map_err(LogError::Law));
        views.collect()
    }

    async fn submit(&mut self, envelope: &Envelope) -> Result<(), LogError> {
        match self.own.client().submit(envelope).await {
            Ok(Submitted::Witnessed(_) | Submitted::Durable { .. }) => Ok(()),
            Err(error) => Err(LogError::access(error)),
        }
    }
}
