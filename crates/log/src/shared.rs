//! What the parts of a running log share: the sequencer, the publisher and the handlers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use law::InForce;
use store::{Blobs, Files};
use tlog::Origin;
use tokio::sync::watch;

use crate::config::Config;
use crate::rows::Rows;

/// A witnessed checkpoint as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) size: u64,
    pub(crate) note: Arc<str>,
}

/// See the module. `published.size <= *sequenced` at every moment.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) origin: Origin,
    pub(crate) rows: Rows,
    pub(crate) files: Files,
    pub(crate) blobs: Blobs,
    law: Mutex<InForce>,
    /// Number of durable entries. Only the sequencer sends.
    pub(crate) sequenced: watch::Sender<u64>,
    /// The newest witnessed checkpoint. Only the publisher sends.
    pub(crate) published: watch::Sender<Option<Published>>,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        origin: Origin,
        (rows, files, blobs): (Rows, Files, Blobs),
        law: InForce,
        published: Option<Published>,
    ) -> Self {
        Self {
            config,
            origin,
            rows,
            files,
            blobs,
            sequenced: watch::Sender::new(law.next_index()),
            law: Mutex::new(law),
            published: watch::Sender::new(published),
        }
    }

    /// The replay of this log, as far as it is sequenced. Never held across an await.
    pub(crate) fn law(&self) -> MutexGuard<'_, InForce> {
        // A panic while it was held would have left it between two entries at worst.
        self.law.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
