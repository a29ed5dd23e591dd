//! Samples that came in whole, on their way into the queue: those that come at the same time share one transaction, and
//! so one wait for the disk.
//!
//! Invariant: *acknowledged <= durable*. [`Arrivals::take_in`] returns after the transaction that its sample is in.

use std::sync::{Arc, Mutex, PoisonError};

use seal::Front;
use statement::{EpochPurpose, SampleId, SealDigest};
use store::Tables;
use store::tables::{Write, query};
use tokio::sync::oneshot;

use crate::admission::Ticket;
use crate::error::{CenterError, Refusal};
use crate::intake::Accepted;
use crate::schema::to_sql;

/// Samples of one transaction. The others wait for the next; nobody waits for a transaction to fill.
const TOGETHER_MAX: usize = 64;

/// See the module.
pub(crate) struct Arrivals {
    db: Tables,
    waiting: Mutex<Vec<Arrival>>,
    /// Held by the one that writes.
    turn: tokio::sync::Mutex<()>,
}

/// When a sample was first heard of.
pub(crate) enum Begun {
    /// Earlier, as an upload; its token was spent then.
    Before,
    /// In this call, with a token to be spent where one is asked for.
    Now(Option<Ticket>),
}

/// A sample whose ciphertext is durable.
struct Arrival {
    sample: SampleId,
    seal: SealDigest,
    received: u64,
    front: Vec<u8>,
    region: String,
    epoch: String,
    begun: Begun,
    kept: oneshot::Sender<Result<(), Refusal>>,
}

impl Arrival {
    fn tell(self, kept: Result<(), Refusal>) {
        // Nobody is there any more if the caller hung up.
        self.kept.send(kept).ok();
    }
}

impl Arrivals {
    pub(crate) fn new(db: Tables) -> Arc<Self> {
        Arc::new(Self {
            db,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// From here on the sample is not lost: its ciphertext is durable, and one transaction moves it into the queue.
    pub(crate) async fn take_in(
        self: &Arc<Self>,
        (front, bytes): (&Front, &[u8]),
        (seal, begun, received): (SealDigest, Begun, u64),
    ) -> Result<Accepted, Refusal> {
        let address = front.header().address();
        let sample = address.sample.clone();
        let (kept, told) = oneshot::channel();
        self.lock().push(Arrival {
            sample: sample.clone(),
            seal,
            received,
            front: bytes.to_vec(),
            region: address.region.to_string(),
            epoch: front.header().epoch(EpochPurpose::Analysis).to_string(),
            begun,
            kept,
        });
        // In a task of its own: a caller that hangs up takes nobody with it.
        let arrivals = Arc::clone(self);
        tokio::spawn(async move { arrivals.keep_all().await });
        told.await.map_err(|_| CenterError::Ended)??;
        Ok(Accepted {
            sample,
            seal,
            received,
        })
    }

    /// Keeps what waits, unless somebody did meanwhile.
    async fn keep_all(&self) {
        let _turn = self.turn.lock().await;
        let batch: Vec<Arrival> = {
            let mut waiting = self.lock();
            let count = waiting.len().min(TOGETHER_MAX);
            waiting.drain(..count).collect()
        };
        match self.keep(&batch).await {
            Ok(kept) => {
                for (arrival, kept) in batch.into_iter().zip(kept) {
                    arrival.tell(kept);
                }
            }
            // Each by itself, so that each is told its own reason.
            Err(_) => {
                for arrival in batch {
                    let kept = self.keep(std::slice::from_ref(&arrival)).await;
                    arrival.tell(kept.and_then(|kept| kept.into_iter().next().unwrap_or(Ok(()))));
                }
            }
        }
    }

    /// One transaction; what each is told. One whose id was taken meanwhile is told so, and is not in it.
    async fn keep(&self, batch: &[Arrival]) -> Result<Vec<Result<(), Refusal>>, Refusal> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut write = self.db.begin().await?;
        let mut kept = Vec::with_capacity(batch.len());
        for arrival in batch {
            let sample = arrival.sample.as_str();
            let inserted = query(
                "INSERT INTO samples (sample, seal, front, region, received, state) VALUES ($1, $2, $3, $4, $5, 'waiting')
                 ON CONFLICT (sample) DO NOTHING",
            )
            .bind(sample)
            .bind(arrival.seal.to_string())
            .bind(&arrival.front)
            .bind(&arrival.region)
            .bind(to_sql(arrival.received));
            let inserted = inserted
                .execute(&mut *write)
                .await
                .map_err(|e| self.db.sort(e))?;
            // Taken meanwhile: as if it had come a little later.
            if inserted.rows_affected() == 0 {
                kept.push(Err(Refusal::Busy));
                continue;
            }
            if let Begun::Now(Some(ticket)) = &arrival.begun
                && !ticket.spend(&self.db, &mut write, &arrival.sample).await?
            {
                // It came into this transaction alone, and goes out of it.
                self.take_back(&mut write, sample).await?;
                kept.push(Err(Refusal::TokenSpent));
                continue;
            }
            let queued = query("INSERT INTO jobs (sample, epoch) VALUES ($1, $2)")
                .bind(sample)
                .bind(&arrival.epoch);
            let queued = queued.execute(&mut *write).await;
            queued.map_err(|e| self.db.sort(e))?;
            if matches!(arrival.begun, Begun::Before) {
                let ended = query("DELETE FROM uploads WHERE sample = $1").bind(sample);
                let ended = ended.execute(&mut *write).await;
                ended.map_err(|e| self.db.sort(e))?;
            }
            kept.push(Ok(()));
        }
        self.db.commit(write).await?;
        Ok(kept)
    }

    async fn take_back(&self, write: &mut Write, sample: &str) -> Result<(), Refusal> {
        query("DELETE FROM samples WHERE sample = $1")
            .bind(sample)
            .execute(&mut **write)
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arrival>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
