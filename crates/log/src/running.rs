//! The parts of a log at work: sequencer, integrator, publisher.

use std::sync::Arc;

use axum::Router;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::error::{LogError, chain};
use crate::http::{Room, router};
use crate::sequence::{self, Submission};
use crate::shared::Shared;
use crate::shelf::Shelf;
use crate::start::{self, Parts};
use crate::surroundings::Surroundings;
use crate::table::{Fence, Table};

/// A log that leads and works. It works on when this is dropped, as long as a router of it exists.
pub struct Running {
    shared: Arc<Shared>,
    /// The number under which this process leads.
    fence: Fence,
    queue: mpsc::Sender<Submission>,
    stop: watch::Sender<bool>,
    sequencer: Part,
    integrator: Part,
    publisher: Part,
    sizes: Part,
}

type Part = JoinHandle<Result<(), LogError>>;

impl Running {
    /// Waits until this process leads, reads everything and begins, on back ends and in
    /// surroundings that the caller gives. Public files are served from the shelf if the
    /// configuration has the section `remote`, which is not used otherwise here.
    ///
    /// # Errors
    /// As [`crate::serve`].
    pub async fn on(
        config: Config,
        (table, shelf): (Arc<dyn Table>, Arc<dyn Shelf>),
        surroundings: Surroundings,
    ) -> Result<Self, LogError> {
        let parts = start::open_on(config, table, shelf, surroundings).await?;
        Ok(Self::begin(parts))
    }

    pub(crate) fn begin(parts: Parts) -> Self {
        let Parts {
            shared,
            fence,
            publisher,
            sequencer,
            integrator,
        } = parts;
        let (stop, stopping) = watch::channel(false);
        let (queue, submissions) = mpsc::channel(shared.config.queue_max.max(1));
        Self {
            queue,
            sequencer: part(&stop, sequence::run(sequencer, submissions)),
            integrator: part(&stop, integrator.run()),
            publisher: part(&stop, publisher.run(stopping)),
            sizes: part(&stop, show_sizes(Arc::clone(&shared), stop.subscribe())),
            stop,
            fence,
            shared,
        }
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The calls of the log.
    pub fn router(&self) -> Router {
        router(Room::new(Arc::clone(&self.shared), self.queue.clone()))
    }

    /// Completes when a part failed; then the log must end.
    pub async fn failed(&self) {
        // The sender is `self`, so this cannot end in another way.
        self.stop.subscribe().wait_for(|ended| *ended).await.ok();
    }

    /// Finishes what is queued, once every router is gone, and ends.
    ///
    /// # Errors
    /// Why a part failed; [`LogError::Deposed`] if another process leads, whatever failed first.
    pub async fn end(self) -> Result<(), LogError> {
        // The router and with it the last sender are gone: the sequencer finishes its queue and ends.
        drop(self.queue);
        let sequenced = join(self.sequencer, "sequencer").await;
        // And with it the integrator, which puts on the shelf what was sequenced.
        let integrated = join(self.integrator, "integrator").await;
        self.stop.send_replace(true);
        let published = join(self.publisher, "publisher").await;
        let shown = join(self.sizes, "metrics").await;
        let ended = sequenced.and(integrated).and(published).and(shown);
        let why = match ended {
            Ok(()) => Ok(()),
            Err(error) => Err(why(&*self.shared.table, self.fence, error).await),
        };
        self.shared.table.close().await;
        why
    }

    /// Ends every part where it stands, as the death of the process does.
    pub fn kill(&self) {
        for part in [
            &self.sequencer,
            &self.integrator,
            &self.publisher,
            &self.sizes,
        ] {
            part.abort();
        }
    }
}

/// What an operator has to know about the end of a log. A process that was away while another led
/// comes back to connections that were cut in the middle: what fails first is one of them, and
/// nothing of it says why.
async fn why(table: &dyn Table, fence: Fence, first: LogError) -> LogError {
    match table.state().await {
        Ok(state) => fence.check(state.fence.0).err().unwrap_or(first),
        Err(_) => first,
    }
}

/// Spawns a part of the log; if it ends by an error the others are told.
fn part(
    stop: &watch::Sender<bool>,
    work: impl Future<Output = Result<(), LogError>> + Send + 'static,
) -> Part {
    let stop = stop.clone();
    tokio::spawn(async move {
        // A guard, so that a panic is told too.
        struct Tell(watch::Sender<bool>, bool);
        impl Drop for Tell {
            fn drop(&mut self) {
                if self.1 {
                    self.0.send_replace(true);
                }
            }
        }
        let mut tell = Tell(stop, true);
        let done = work.await;
        if let Err(error) = &done {
            tracing::error!(error = %chain(error), "the log stops");
        }
        tell.1 = done.is_err();
        done
    })
}

async fn join(part: Part, name: &'static str) -> Result<(), LogError> {
    part.await.unwrap_or(Err(LogError::Ended { part: name }))
}

/// Keeps the three sizes of the invariant in `/metrics`.
async fn show_sizes(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) -> Result<(), LogError> {
    let (sequenced, published) = (&shared.meters.sequenced, &shared.meters.published);
    let (mut rows, mut shown) = (shared.sequenced.subscribe(), shared.published.subscribe());
    loop {
        sequenced.set((*rows.borrow_and_update()).cast_signed());
        let size = shown.borrow_and_update().as_ref().map_or(0, |p| p.size);
        published.set(size.cast_signed());
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            changed = rows.changed() => if changed.is_err() { return Ok(()) },
            changed = shown.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sqlite::SqliteTable;

    fn broken() -> LogError {
        LogError::Row {
            table: "signed",
            what: "the connection broke".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_log_that_another_one_leads_ends_by_saying_so_whatever_failed_first() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log.sqlite3");
        let table = SqliteTable::open(&file).await.unwrap();
        let ours = table.lead().await.unwrap();
        let error = why(&table, ours, broken()).await;
        assert!(matches!(error, LogError::Row { .. }), "nobody else leads");
        let theirs = table.lead().await.unwrap();
        let error = why(&table, ours, broken()).await;
        assert!(
            matches!(error, LogError::Deposed { ours: a, theirs: b } if (a, b) == (ours.0, theirs.0)),
            "{error}"
        );
        table.close().await;
        let error = why(&table, ours, broken()).await;
        assert!(matches!(error, LogError::Row { .. }), "nobody can be asked");
    }
}
