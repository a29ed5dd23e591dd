//! What this room asks of logs; `logclient` answers it, tests answer it from memory.

use std::error::Error;

use law::{Refusal, Settled};
use statement::{Envelope, FileDigest};
use tlog::{Checkpoint, Witnessed};

/// Why the log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It could not be reached, answered something else, or is not what witnesses saw.
    #[error("the log did not answer as it should; nothing was decided on it")]
    Access(#[source] Box<dyn Error + Send + Sync>),
    /// The log's content is refused.
    #[error("what the log holds is refused")]
    Law(#[source] Refusal),
    /// Nothing witnessed has been replayed yet.
    #[error("the log has no witnessed checkpoint yet; wait for its witnesses")]
    Empty,
}

impl LogError {
    /// Wraps an error of a client.
    pub fn access(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Access(Box::new(error))
    }
}

/// The center's log, followed: everything is judged by the room's own replay.
pub trait FollowedLog: Send + Sync {
    /// Fetches and replays what was witnessed since the last call.
    fn sync(&mut self) -> impl Future<Output = Result<(), LogError>> + Send;

    /// What stands, as of the last [`FollowedLog::sync`].
    ///
    /// # Errors
    /// [`LogError::Empty`] before anything is witnessed.
    fn view(&self) -> Result<Settled<'_>, LogError>;

    /// The witnessed checkpoint of that view.
    ///
    /// # Errors
    /// [`LogError::Empty`] before anything is witnessed.
    fn checkpoint(&self) -> Result<&Witnessed<Checkpoint>, LogError>;

    /// Submits and returns when the entry is witnessed. Submitting again is harmless.
    fn submit(&mut self, envelope: &Envelope) -> impl Future<Output = Result<(), LogError>> + Send;

    /// A public blob, its digest verified.
    fn blob(
        &self,
        digest: FileDigest,
        bytes_max: u64,
    ) -> impl Future<Output = Result<Vec<u8>, LogError>> + Send;
}

/// The logs beside the center's: the supervisor's own, which the center cannot hold back, and whatever
/// other logs the constitution names. Adverse statements in any of them count.
pub trait OwnLog: Send + Sync {
    /// Fetches and replays what was witnessed in each of them since the last call.
    fn sync(&mut self) -> impl Future<Output = Result<(), LogError>> + Send;

    /// What stands in each of them, as of the last [`OwnLog::sync`].
    ///
    /// # Errors
    /// [`LogError::Law`] before anything is witnessed in one of them.
    fn views(&self) -> Result<Vec<Settled<'_>>, LogError>;

    /// Submits to the own log; the entry is durable when this returns.
    fn submit(&mut self, envelope: &Envelope) -> impl Future<Output = Result<(), LogError>> + Send;
}
