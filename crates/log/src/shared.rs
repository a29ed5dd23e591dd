//! What the parts of a running log share: the sequencer, the publisher and the handlers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use law::InForce;
use statement::KeyId;
use store::Blobs;
use tlog::Origin;
use tokio::sync::watch;

use crate::clock::Stopwatch;
use crate::config::Config;
use crate::entries::Entries;
use crate::error::LogError;
use crate::meters::Meters;
use crate::shelf::Shelf;
use crate::surroundings::Surroundings;
use crate::table::Table;

/// A witnessed checkpoint as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) size: u64,
    pub(crate) note: Arc<str>,
}

/// See the module. `published.size <= *sequenced` at every moment.
pub(crate) struct Shared {
    pub(crate) clock: Stopwatch,
    pub(crate) meters: Meters,
    pub(crate) config: Config,
    pub(crate) surroundings: Surroundings,
    pub(crate) origin: Origin,
    pub(crate) table: Arc<dyn Table>,
    pub(crate) shelf: Arc<dyn Shelf>,
    pub(crate) entries: Entries,
    pub(crate) blobs: Blobs,
    law: Mutex<InForce>,
    /// Number of durable entries. Only the sequencer sends.
    pub(crate) sequenced: watch::Sender<u64>,
    /// The newest witnessed checkpoint. Only the publisher sends.
    pub(crate) published: watch::Sender<Option<Published>>,
    /// Whether a memory contradicts the rows. It never changes back.
    contradicted: watch::Sender<bool>,
    contradiction: Mutex<Option<LogError>>,
}

impl Shared {
    pub(crate) fn new(
        (config, surroundings): (Config, Surroundings),
        origin: Origin,
        (table, shelf, blobs): (Arc<dyn Table>, Arc<dyn Shelf>, Blobs),
        law: InForce,
        published: Option<Published>,
    ) -> Self {
        Self {
            clock: Stopwatch::start(),
            meters: Meters::new(),
            config,
            surroundings,
            origin,
            entries: Entries::new(Arc::clone(&table), Arc::clone(&shelf)),
            table,
            shelf,
            blobs,
            sequenced: watch::Sender::new(law.next_index()),
            law: Mutex::new(law),
            published: watch::Sender::new(published),
            contradicted: watch::Sender::new(false),
            contradiction: Mutex::new(None),
        }
    }

    /// From here on nothing is acknowledged or published; the log ends with the first such error.
    pub(crate) fn contradict(&self, error: LogError) {
        let mut first = self
            .contradiction
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
        self.contradicted.send_replace(true);
    }

    /// Whether this log may have forked, so that nobody may be told yes any more.
    pub(crate) fn is_contradicted(&self) -> bool {
        *self.contradicted.borrow()
    }

    /// Completes once the log is contradicted.
    pub(crate) async fn contradicted(&self) {
        // The sender is `self`, so this cannot end in another way.
        self.contradicted
            .subscribe()
            .wait_for(|it_is| *it_is)
            .await
            .ok();
    }

    /// The error that ends the log, for the one who reports it.
    pub(crate) fn take_contradiction(&self) -> Option<LogError> {
        self.contradiction
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// The replay of this log, as far as it is sequenced. Never held across an await.
    pub(crate) fn law(&self) -> MutexGuard<'_, InForce> {
        // A panic while it was held would have left it between two entries at worst.
        self.law.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The raw Ed25519 key of this name, if it is on the roster in force.
    pub(crate) fn signing_key(&self, id: KeyId) -> Option<[u8; 32]> {
        let law = self.law();
        let (_, key) = law.constitution()?.find_key(id)?;
        key.raw().ok()?.try_into().ok()
    }
}
