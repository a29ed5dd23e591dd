//! Keeping a repository alive: everything that is due, again and again.
//!
//! | what | lives | made anew |
//! |---|---|---|
//! | timestamp, proofs of publication | 1 day | when a third is left |
//! | snapshot | 7 days | when a third is left |
//! | `rules` | 14 days | when a third is left, with the supervisor |
//! | `software` | 90 days | when a third is left, with the supervisor |
//! | `targets` | 365 days | when a third is left, with the supervisor |
//! | root | 365 days | by the parties: an alarm says so when a third is left |
//!
//! One duty that fails does not stop the next: while the supervisor is silent, clients still see that
//! nothing newer is withheld from them. What fails is said: in the log, in `/metrics`, in `/healthz`.

use tuf::limits::{ROOT_LIFETIME_S_MAX, TIMESTAMP_LIFETIME_S_MAX};

use crate::{
    error::ReleaseError,
    log_access::CenterLog,
    metadata_role::MetadataRole,
    publish::{Content, Published},
    queue::Settlement,
    room::Room,
};

/// Duties of a keeper, in the order in which they are done.
pub const DUTIES: [&str; 9] = [
    "log",
    "root",
    "root-renewal",
    "orders",
    "targets",
    "software",
    "rules",
    "withdrawals",
    "heads",
];

/// What one look came to.
#[derive(Debug, Default)]
pub struct Tended {
    /// Orders that wait no more.
    pub settled: Vec<Settlement>,
    /// Orders that still wait.
    pub pending: usize,
    /// What clients see, if everything below it could be read.
    pub published: Option<Published>,
    /// When the timestamp ends, POSIX seconds.
    pub timestamp_expires: Option<u64>,
    /// Duties that failed, and why.
    pub failed: Vec<(&'static str, ReleaseError)>,
}

impl Tended {
    fn note<T>(&mut self, duty: &'static str, done: Result<T, ReleaseError>) -> Option<T> {
        match done {
            Ok(value) => Some(value),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(duty, %error, cause, "this duty failed; it is tried again");
                self.failed.push((duty, error));
                None
            }
        }
    }
}

impl<L: CenterLog> Room<'_, L> {
    /// Does everything that is due and waits for nobody but the supervisor's answers.
    pub async fn tend(&mut self) -> Tended {
        let mut tended = Tended::default();
        let synced = self.log.sync().await;
        tended.note("log", synced.map_err(ReleaseError::from));
        let followed = self.follow_root();
        tended.note("root", followed);
        let fresh = self.check_root_fresh();
        tended.note("root-renewal", fresh);
        let drained = self.drain().await;
        tended.settled = tended.note("orders", drained).unwrap_or_default();
        for role in MetadataRole::ALL {
            let kept = self.keep(role).await;
            tended.note(role.as_str(), kept);
        }
        let served = self.store_withdrawals().await;
        tended.note("withdrawals", served);
        let heads = self.keep_heads().await;
        tended.published = tended.note("heads", heads);
        tended.pending = self.queue().map_or(0, |queue| queue.pending.len());
        let timestamp = self.repository.timestamp().ok().flatten();
        tended.timestamp_expires = timestamp.map(|file| file.signed().expires().posix());
        tended
    }

    /// One role, finished and up to date.
    async fn keep(&mut self, role: MetadataRole) -> Result<(), ReleaseError> {
        self.finish(role).await?;
        let content = match role {
            MetadataRole::Targets => Content::Unchanged,
            MetadataRole::Software | MetadataRole::Rules => Content::Listing,
        };
        self.revise(role, &content).await
    }

    /// Snapshot and timestamp; with fresh proofs when the timestamp is made anew anyway.
    async fn keep_heads(&mut self) -> Result<Published, ReleaseError> {
        let timestamp = self.repository.timestamp()?;
        let due = timestamp
            .is_none_or(|file| self.is_ageing(file.signed().expires(), TIMESTAMP_LIFETIME_S_MAX));
        self.write_heads(due).await
    }

    /// A root cannot be renewed here: its holders sign a new one, and the constitution names it.
    fn check_root_fresh(&self) -> Result<(), ReleaseError> {
        let root = self.repository.newest_root()?;
        let expires = root.signed().expires();
        if self.is_ageing(expires, ROOT_LIFETIME_S_MAX) {
            return Err(ReleaseError::RootAgeing {
                version: root.signed().version(),
                expires: expires.to_string(),
            });
        }
        Ok(())
    }
}
