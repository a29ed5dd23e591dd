//! The writing side of a log: entries become durable, then part of tiles and bundles.
//!
//! ```text
//! Writer       plan -> commit (table) -> hand_over --+       one task, in order
//! Integrator          full files (shelf) <-----------+       one task, behind it
//! Wishes       "the files of a checkpoint of 520 entries"    from whoever signs
//! ```
//!
//! Both tasks work at the same time on different entries: while some are committed, those before
//! them are put on the shelf. What is between them is bounded, and a writer that is ahead waits.
//!
//! A wish is for the size of a tree whose last entry was not handed over yet or is the last one
//! that was: the wisher holds what the writer needs before it hands over the next one (in the
//! service: the law). So the integrator sees the wish before it goes past that size.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::batch::Batch;
use crate::error::LogError;
use crate::growth::Growth;
use crate::limits::{AHEAD_BYTES_MAX, WRITE_BYTES_MAX};
use crate::shelf::{File, Shelf};
use crate::table::{Fence, Mark, Table};

/// A batch that is durable, and the room it takes up until it is on the shelf.
struct Handed {
    batch: Batch,
    room: OwnedSemaphorePermit,
}

/// Gives entries their index; there is one in a leading process.
#[derive(Debug)]
pub struct Writer {
    table: Arc<dyn Table>,
    fence: Fence,
    next: u64,
    room: Arc<Semaphore>,
    ahead: mpsc::Sender<Handed>,
    integrated: watch::Receiver<Mark>,
}

/// Puts entries on the shelf; there is one in a leading process.
#[derive(Debug)]
pub struct Integrator {
    shelf: Arc<dyn Shelf>,
    growth: Growth,
    batches: mpsc::Receiver<Handed>,
    wishes: Arc<Wishes>,
    /// The newest tree of which all entries are in durable full bundles.
    integrated: watch::Sender<Mark>,
}

/// Where the files of a checkpoint are asked for. A newer wish replaces one that is not granted.
#[derive(Debug, Default)]
pub struct Wishes {
    wished: Mutex<Wished>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Wished {
    wish: Option<Wish>,
    /// Nobody grants wishes any more.
    closed: bool,
}

#[derive(Debug)]
struct Wish {
    size: u64,
    granted: oneshot::Sender<Mark>,
}

impl Wishes {
    /// Asks for everything that a checkpoint of `size` entries needs (see the module for which
    /// sizes may be asked for). Answered with the tree once all of it is durable; the sender is
    /// dropped when the integrator ended, or is past that size.
    pub fn checkpoint(&self, size: u64) -> oneshot::Receiver<Mark> {
        let (granted, answer) = oneshot::channel();
        let mut wished = self.lock();
        if !wished.closed {
            wished.wish = Some(Wish { size, granted });
            self.news.notify_one();
        }
        answer
    }

    /// Whether nobody grants wishes any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The wish for this size. One for a smaller tree is never granted any more: who waits hears that.
    fn take(&self, size: u64) -> Option<Wish> {
        let wish = self.lock().wish.take_if(|wish| wish.size <= size);
        wish.filter(|wish| wish.size == size)
    }

    pub(crate) fn close(&self) {
        *self.lock() = Wished {
            wish: None,
            closed: true,
        };
    }

    fn lock(&self) -> MutexGuard<'_, Wished> {
        self.wished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing side of a log that this process leads under `fence`, from a tree whose entries are
/// all in `growth`, and up to `integrated` in durable full bundles.
pub fn writing_side(
    (table, shelf): (Arc<dyn Table>, Arc<dyn Shelf>),
    fence: Fence,
    growth: Growth,
    integrated: Mark,
) -> (Writer, Integrator, Arc<Wishes>) {
    let wishes = Arc::new(Wishes::default());
    let (ahead, batches) = mpsc::channel(AHEAD_BYTES_MAX / 1024);
    let integrated = watch::Sender::new(integrated);
    let writer = Writer {
        table,
        fence,
        next: growth.size(),
        room: Arc::new(Semaphore::new(AHEAD_BYTES_MAX)),
        ahead,
        integrated: integrated.subscribe(),
    };
    let integrator = Integrator {
        shelf,
        growth,
        batches,
        wishes: Arc::clone(&wishes),
        integrated,
    };
    (writer, integrator, wishes)
}

impl Writer {
    /// Index of the next entry.
    #[must_use]
    pub const fn next_index(&self) -> u64 {
        self.next
    }

    /// Makes a batch durable: when this returns `Ok` its entries may be acknowledged, and must be
    /// handed over.
    ///
    /// # Errors
    /// [`LogError::Deposed`] or [`LogError::Moved`] when another process writes to this log: this
    /// one must stop. [`LogError::CommitUnknown`] or [`LogError::StateUnknown`] when it is not known
    /// what is on disk: the log must start again. Any other error: nothing of the batch is there.
    pub async fn commit(&mut self, batch: &Batch) -> Result<(), LogError> {
        let integrated = *self.integrated.borrow();
        let Err(error) = self.table.append(self.fence, batch, integrated).await else {
            self.next = batch.end();
            return Ok(());
        };
        if error.is_final() {
            return Err(error);
        }
        // A failed commit may still be on disk. Then nobody may be told "refused".
        let found = self.table.state().await;
        let found = found.map_err(|source| LogError::StateUnknown(Box::new(source)))?;
        self.fence.check(found.fence.0)?;
        if found.sequenced == self.next {
            return Err(error);
        }
        Err(LogError::CommitUnknown {
            expected: self.next,
            found: found.sequenced,
        })
    }

    /// Hands a durable batch to the integrator; waits while that is too far behind.
    ///
    /// # Errors
    /// The integrator ended.
    pub async fn hand_over(&mut self, batch: Batch) -> Result<(), LogError> {
        let ended = |()| LogError::Ended { part: "integrator" };
        let bytes = batch.bytes().len().clamp(1024, AHEAD_BYTES_MAX);
        // Fits, as it is at most the size of the semaphore.
        let room = Arc::clone(&self.room).acquire_many_owned(bytes as u32);
        let room = room.await.map_err(|_| ended(()))?;
        let handed = Handed { batch, room };
        self.ahead.send(handed).await.map_err(|_| ended(()))
    }
}

impl Drop for Integrator {
    fn drop(&mut self) {
        self.wishes.close();
    }
}

impl Integrator {
    /// The newest tree of which all entries are in durable full bundles and tiles.
    #[must_use]
    pub fn integrated(&self) -> watch::Receiver<Mark> {
        self.integrated.subscribe()
    }

    /// Works until the writer is gone.
    ///
    /// # Errors
    /// The shelf refuses.
    pub async fn run(mut self) -> Result<(), LogError> {
        loop {
            if let Some(wish) = self.wishes.take(self.growth.size()) {
                self.put(Vec::new(), None, Some(wish)).await?;
            }
            tokio::select! {
                biased;
                handed = self.batches.recv() => match handed {
                    Some(handed) => self.integrate(handed).await?,
                    None => return Ok(()),
                },
                () = self.wishes.news.notified() => {}
            }
        }
    }

    /// Takes a batch and those that wait behind it, as far as one write goes or up to the size
    /// that is wished for.
    async fn integrate(&mut self, first: Handed) -> Result<(), LogError> {
        let (mut files, mut full) = (Vec::new(), None);
        let mut rooms = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        let mut wish = None;
        while let Some(handed) = next.take() {
            // Whatever was wished for before this batch was handed over is seen by now, and not after it.
            if let Some(wish) = self.wishes.take(self.growth.size()) {
                self.put(std::mem::take(&mut files), full.take(), Some(wish))
                    .await?;
                rooms.clear();
                bytes = 0;
            }
            full = self.growth.append(&handed.batch, &mut files).or(full);
            bytes += handed.batch.bytes().len();
            rooms.push(handed.room);
            wish = self.wishes.take(self.growth.size());
            if wish.is_none() && bytes < WRITE_BYTES_MAX {
                next = self.batches.try_recv().ok();
            }
        }
        self.put(files, full, wish).await
    }

    async fn put(
        &self,
        mut files: Vec<File>,
        full: Option<Mark>,
        wish: Option<Wish>,
    ) -> Result<(), LogError> {
        if wish.is_some() {
            files.extend(self.growth.partial());
        }
        if !files.is_empty() {
            self.shelf.create_many(files).await?;
        }
        if let Some(full) = full {
            self.integrated.send_replace(full);
        }
        if let Some(wish) = wish {
            // Nobody is there any more if the log stops.
            wish.granted.send(self.growth.mark()).ok();
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "write_tests.rs"]
mod tests;
