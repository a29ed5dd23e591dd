//! Which processes of this cell there are, and which of them leads: makes batches, epochs and the census, and speaks in
//! the log. The others take samples in and analyse them, and so does the leader.
//!
//! Who leads holds a lock of the database for as long as its session lives. A session can be lost without being
//! noticed, so the lock decides only who tries: whoever leads next raises the *fence*, and each transaction of a leader
//! names the fence that it leads by, and changes nothing once there is a newer one.
//!
//! In SQLite there is one process. It holds the lock of its directory, and leads by the same words.

use std::sync::atomic::{AtomicI64, Ordering};

use store::Tables;
use store::tables::{Locks, Write, query};
use tokio::sync::Mutex;

use crate::error::CenterError;
use crate::jobs::Jobs;
use crate::schema::to_sql;

const PROCESS: &str = "process";
const LEADER: &str = "leader";

/// The place of one process in its cell.
#[derive(Debug)]
pub(crate) struct Lead {
    db: Tables,
    locks: Mutex<Option<Locks>>,
    /// Of this process; 0 before it has one.
    process: AtomicI64,
    /// By which it leads; 0 while it does not.
    fence: AtomicI64,
}

impl Lead {
    pub(crate) fn new(db: Tables) -> Self {
        Self {
            db,
            locks: Mutex::default(),
            process: AtomicI64::new(0),
            fence: AtomicI64::new(0),
        }
    }

    /// The number of this process, if it has one.
    pub(crate) fn process(&self) -> Option<i64> {
        Some(self.process.load(Ordering::SeqCst)).filter(|&number| number > 0)
    }

    /// Whether this process leads, as far as it knows.
    pub(crate) fn leads(&self) -> bool {
        self.fence.load(Ordering::SeqCst) > 0
    }

    /// Sees to it that this process has a number, and leads if nobody else does. `true` when it has just begun to lead.
    pub(crate) async fn take(&self, now: u64) -> Result<bool, CenterError> {
        let mut held = self.locks.lock().await;
        let is_lost = match held.as_mut() {
            Some(locks) => !locks.is_alive().await,
            None => true,
        };
        if is_lost {
            // With the session went the locks; others take over what this process was at.
            *held = None;
            self.fence.store(0, Ordering::SeqCst);
            self.process.store(0, Ordering::SeqCst);
            let mut locks = self.db.locks().await?;
            let process = self.register(&mut locks, now).await?;
            self.process.store(process, Ordering::SeqCst);
            *held = Some(locks);
        }
        let Some(locks) = held.as_mut() else {
            return Ok(false);
        };
        if self.leads() || !locks.try_take(LEADER, 0).await? {
            return Ok(false);
        }
        let mut write = self.db.begin().await?;
        let fence = query("UPDATE leader SET fence = fence + 1 RETURNING fence")
            .fetch_one(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?
            .get(0);
        self.db.commit(write).await?;
        self.fence.store(fence, Ordering::SeqCst);
        Ok(true)
    }

    /// A number that nobody had. Its lock is held before anybody can see it.
    async fn register(&self, locks: &mut Locks, now: u64) -> Result<i64, CenterError> {
        let mut write = self.db.begin().await?;
        let process: i64 = query("INSERT INTO processes (started) VALUES ($1) RETURNING process")
            .bind(to_sql(now))
            .fetch_one(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?
            .get(0);
        locks.try_take(PROCESS, process).await?;
        self.db.commit(write).await?;
        Ok(process)
    }

    /// A transaction that only who leads can commit; held until then, nobody begins to lead.
    pub(crate) async fn begin(&self) -> Result<Write, CenterError> {
        let fence = self.fence.load(Ordering::SeqCst);
        if fence == 0 {
            return Err(CenterError::Deposed);
        }
        let mut write = self.db.begin().await?;
        let led = query("UPDATE leader SET fence = fence WHERE fence = $1")
            .bind(fence)
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        match led.rows_affected() {
            // What it holds of locks shows at its next look whether it may lead again.
            0 => {
                self.fence.store(0, Ordering::SeqCst);
                Err(CenterError::Deposed)
            }
            _ => Ok(write),
        }
    }

    /// Ends what processes began that are gone.
    pub(crate) async fn bury(&self, now: u64) -> Result<(), CenterError> {
        let mut held = self.locks.lock().await;
        let (Some(locks), Some(ours)) = (held.as_mut(), self.process()) else {
            return Ok(());
        };
        let others = query("SELECT process FROM processes WHERE process != $1")
            .bind(ours)
            .fetch_all(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        for row in others {
            let process = row.get(0);
            // Who lives holds its own.
            if locks.try_take(PROCESS, process).await? {
                Jobs::new(self.db.clone()).take_over(process, now).await?;
                locks.give_back(PROCESS, process).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::schema::MIGRATIONS;

    /// Two that both believe that they hold the lock, as when one lost its session unnoticed.
    async fn two(dir: &std::path::Path) -> [Lead; 2] {
        let path = dir.join("cell.sqlite3");
        let db = Tables::open_file(&path, MIGRATIONS).await.unwrap();
        [Lead::new(db.clone()), Lead::new(db)]
    }

    async fn written(db: &Tables) -> i64 {
        let row = query("SELECT COUNT(*) FROM declined").fetch_one(db.readers());
        row.await.unwrap().get(0)
    }

    async fn write_something(lead: &Lead, day: &str) -> Result<(), CenterError> {
        let mut write = lead.begin().await?;
        query("INSERT INTO declined (day, count) VALUES ($1, 1)")
            .bind(day)
            .execute(&mut *write)
            .await
            .map_err(|e| lead.db.sort(e))?;
        Ok(lead.db.commit(write).await?)
    }

    #[tokio::test]
    async fn who_led_before_another_changes_nothing_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = two(dir.path()).await;
        let nobody = write_something(&one, "1").await;
        assert!(matches!(nobody, Err(CenterError::Deposed)));
        assert!(one.take(1).await.unwrap());
        assert!(!one.take(1).await.unwrap(), "it leads already");
        write_something(&one, "2").await.unwrap();
        assert!(other.take(1).await.unwrap());
        assert!(one.leads(), "it does not know yet");
        let late = write_something(&one, "3").await;
        assert!(matches!(late, Err(CenterError::Deposed)));
        assert!(!one.leads());
        write_something(&other, "4").await.unwrap();
        assert_eq!(written(&one.db).await, 2);
        assert_ne!(one.process(), other.process());
    }
}
