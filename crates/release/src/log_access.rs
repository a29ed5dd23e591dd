//! What this room asks of the center's log; `logclient` answers it, tests answer it from memory.

use std::error::Error;

use keys::StatementKey;
use law::{Bundle, Refusal, Settled};
use statement::{Envelope, FileDigest};

/// Why the log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It could not be reached, answered something else, or is not what witnesses saw.
    #[error("the center's log did not answer as it should; nothing was decided on it")]
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

/// A log that is followed: everything is judged by the room's own replay.
pub trait CenterLog: Send + Sync {
    /// Fetches and replays what was witnessed since the last call.
    fn sync(&mut self) -> impl Future<Output = Result<(), LogError>> + Send;

    /// What stands, as of the last [`CenterLog::sync`].
    ///
    /// # Errors
    /// [`LogError::Empty`] before anything is witnessed.
    fn view(&self) -> Result<Settled<'_>, LogError>;

    /// What stands in each other log of the constitution, as of the last [`CenterLog::sync`]: adverse
    /// statements there count too.
    ///
    /// # Errors
    /// [`LogError::Law`] before anything is witnessed in one of them.
    fn others(&self) -> Result<Vec<Settled<'_>>, LogError>;

    /// Submits and returns when the entry is witnessed. Submitting again is harmless.
    fn submit(&mut self, envelope: &Envelope) -> impl Future<Output = Result<(), LogError>> + Send;

    /// A public blob, its digest verified.
    fn blob(
        &self,
        digest: FileDigest,
        bytes_max: u64,
    ) -> impl Future<Output = Result<Vec<u8>, LogError>> + Send;

    /// Stores a public blob, so that an entry may name it.
    fn put_blob(
        &self,
        bytes: Vec<u8>,
        key: &StatementKey,
    ) -> impl Future<Output = Result<FileDigest, LogError>> + Send;

    /// The constitution chain and the entries at `indices`, proven to the newest witnessed checkpoint.
    fn bundle(&self, indices: &[u64]) -> impl Future<Output = Result<Bundle, LogError>> + Send;
}
