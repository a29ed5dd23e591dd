//! Who was turned away because there was too much, counted for the census. Calls that come at once share one transaction: a
//! flood of them must not take the disk from samples that are taken.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use statement::Day;
use store::Tables;
use store::tables::query;

use crate::error::CenterError;
use crate::schema::{from_sql, to_sql};

/// How many of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// By rate, or because the queue is full.
    pub(crate) declined: u64,
    /// By the draw.
    pub(crate) sampled_out: u64,
    /// One in how many was taken at the steepest of these draws.
    pub(crate) one_in_max: u64,
}

impl Counts {
    const NOBODY: Self = Self {
        declined: 0,
        sampled_out: 0,
        one_in_max: 1,
    };

    /// One call, turned away by rate or queue.
    pub(crate) const DECLINED: Self = Self {
        declined: 1,
        sampled_out: 0,
        one_in_max: 1,
    };

    /// One call, turned away by the draw.
    pub(crate) const fn sampled_out(one_in: u64) -> Self {
        Self {
            declined: 0,
            sampled_out: 1,
            one_in_max: one_in,
        }
    }

    fn add(&mut self, more: Self) {
        self.declined += more.declined;
        self.sampled_out += more.sampled_out;
        self.one_in_max = self.one_in_max.max(more.one_in_max);
    }
}

/// See the module.
pub(crate) struct TurnedAway {
    db: Tables,
    /// Not written yet.
    waiting: Mutex<BTreeMap<Day, Counts>>,
    /// Held by the one that writes.
    turn: tokio::sync::Mutex<()>,
}

impl TurnedAway {
    pub(crate) fn new(db: Tables) -> Self {
        Self {
            db,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Counts a call; it is durable when this returns.
    pub(crate) async fn count(&self, day: Day, call: Counts) -> Result<(), CenterError> {
        self.put(day, call);
        let _turn = self.turn.lock().await;
        // Whoever had the turn before may have written this one, too.
        let batch = std::mem::take(&mut *self.lock());
        let kept = self.keep(&batch).await;
        if kept.is_err() {
            for (day, counts) in batch {
                self.put(day, counts);
            }
        }
        kept
    }

    async fn keep(&self, batch: &BTreeMap<Day, Counts>) -> Result<(), CenterError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut write = self.db.begin().await?;
        for (day, counts) in batch {
            query(
                "INSERT INTO declined (day, count, sampled_out, one_in_max) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (day) DO UPDATE SET count = declined.count + excluded.count,
                 sampled_out = declined.sampled_out + excluded.sampled_out, one_in_max = CASE
                 WHEN excluded.one_in_max > declined.one_in_max THEN excluded.one_in_max
                 ELSE declined.one_in_max END",
            )
            .bind(day.to_string())
            .bind(to_sql(counts.declined))
            .bind(to_sql(counts.sampled_out))
            .bind(to_sql(counts.one_in_max))
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        }
        Ok(self.db.commit(write).await?)
    }

    /// Everybody of a day.
    pub(crate) async fn of(&self, day: Day) -> Result<Counts, CenterError> {
        let row = query("SELECT count, sampled_out, one_in_max FROM declined WHERE day = $1")
            .bind(day.to_string())
            .fetch_optional(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(row.map_or(Counts::NOBODY, |row| Counts {
            declined: from_sql(row.get(0)),
            sampled_out: from_sql(row.get(1)),
            one_in_max: from_sql(row.get(2)),
        }))
    }

    fn put(&self, day: Day, counts: Counts) {
        let mut waiting = self.lock();
        let held = waiting.entry(day);
        held.and_modify(|held| held.add(counts)).or_insert(counts);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Day, Counts>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
