//! The queue of samples that wait for a second look. It stands behind that of `jobs`, and is fenced in the same way: whoever comes
//! back with an older fence was too late.

use statement::{FileDigest, StatementDigest};
use store::Tables;
use store::tables::{Write, query};

use crate::analysis::End;
use crate::error::CenterError;
use crate::intake::{reparse, row_error};
use crate::jobs::{Leased, Tools};
use crate::limits::{LOST_MAX, TRIES_MAX};
use crate::schema::{NEXT_AGAIN, to_sql};

/// A sample that one try holds, and under which grant.
#[derive(Debug)]
pub(crate) struct LeasedAgain {
    pub(crate) grant: StatementDigest,
    /// Of the list that it is on.
    pub(crate) root: FileDigest,
    pub(crate) leased: Leased,
}

/// The queue.
#[derive(Debug, Clone)]
pub(crate) struct Seconds {
    db: Tables,
}

impl Seconds {
    pub(crate) fn new(db: Tables) -> Self {
        Self { db }
    }

    /// Leases the sample that waits longest until `until`; nothing when none waits.
    pub(crate) async fn lease(
        &self,
        tools: Tools,
        now: u64,
        until: u64,
    ) -> Result<Option<LeasedAgain>, CenterError> {
        if !self.has_next(now).await? {
            return Ok(None);
        }
        let mut write = self.db.begin().await?;
        let next = query(self.db.choose(NEXT_AGAIN))
            .bind(to_sql(now))
            .fetch_optional(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        let Some(row) = next else {
            return Ok(None);
        };
        let (queued, grant, sample): (i64, String, String) = (row.get(0), row.get(1), row.get(3));
        if let Some(old) = row.get::<Option<i64>, _>(6) {
            self.end_try(&mut write, old, End::Lost, now).await?;
        }
        let fence: i64 = query(
            "INSERT INTO tries (sample, worker, rules, scoring, started, process, grant_digest)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING fence",
        )
        .bind(&sample)
        .bind(tools.worker.to_string())
        .bind(tools.rules.to_string())
        .bind(tools.scoring.to_string())
        .bind(to_sql(now))
        .bind(tools.process)
        .bind(&grant)
        .fetch_one(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?
        .get(0);
        query("UPDATE reanalyses SET fence = $1, leased_until = $2 WHERE queued = $3")
            .bind(fence)
            .bind(to_sql(until))
            .bind(queued)
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        let (root, seal): (String, String) = (row.get(2), row.get(4));
        let front: Option<Vec<u8>> = row.get(5);
        let front = front.ok_or_else(|| row_error("front of a sample that waits"))?;
        let leased = Leased {
            fence,
            sample: sample.parse().map_err(|_| row_error("a sample id"))?,
            seal: seal.parse().map_err(|_| row_error("a seal digest"))?,
            front: reparse(&front)?,
        };
        let leased = LeasedAgain {
            grant: grant.parse().map_err(|_| row_error("a grant"))?,
            root: root.parse().map_err(|_| row_error("a root"))?,
            leased,
        };
        self.db.commit(write).await?;
        Ok(Some(leased))
    }

    /// Whether one waits. Without a look first, each idle worker would take the writer.
    async fn has_next(&self, now: u64) -> Result<bool, CenterError> {
        let next = query(
            "SELECT queued FROM reanalyses WHERE state = 'waiting' AND leased_until <= $1 LIMIT 1",
        )
        .bind(to_sql(now))
        .fetch_optional(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        Ok(next.is_some())
    }

    /// A try comes back: with a record, or with why there is none. `pause` seconds pass before the next one.
    pub(crate) async fn end(
        &self,
        again: &LeasedAgain,
        end: End,
        record: Option<String>,
        (now, pause): (u64, u64),
    ) -> Result<(), CenterError> {
        let mut write = self.db.begin().await?;
        let fence = again.leased.fence;
        // A write and not a look: until the end of this transaction nobody else leases it.
        let held =
            query("UPDATE reanalyses SET leased_until = 0 WHERE fence = $1 AND state = 'waiting'")
                .bind(fence)
                .execute(&mut *write)
                .await
                .map_err(|e| self.db.sort(e))?;
        // Erased meanwhile, or its lease ran out.
        if held.rows_affected() == 0 {
            return Ok(());
        }
        self.end_try(&mut write, fence, end, now).await?;
        let never = matches!(end, End::Unopened | End::FalseCenter | End::FalseSupervisor);
        let state = if record.is_some() {
            "analysed"
        } else if never || self.is_poison(&mut write, again).await? {
            "set-aside"
        } else {
            "waiting"
        };
        query(
            "UPDATE reanalyses SET state = $1, record = $2, finished = $3, leased_until = $4, fence = NULL
             WHERE fence = $5",
        )
        .bind(state)
        .bind(record)
        .bind(to_sql(now))
        .bind(to_sql(now.saturating_add(pause)))
        .bind(fence)
        .execute(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        Ok(self.db.commit(write).await?)
    }

    async fn end_try(
        &self,
        write: &mut Write,
        fence: i64,
        end: End,
        now: u64,
    ) -> Result<(), CenterError> {
        query("UPDATE tries SET ended = $1, \"end\" = $2 WHERE fence = $3 AND \"end\" IS NULL")
            .bind(to_sql(now))
            .bind(end.as_str())
            .bind(fence)
            .execute(&mut **write)
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(())
    }

    /// Whether a sample had its tries under a grant.
    async fn is_poison(&self, write: &mut Write, again: &LeasedAgain) -> Result<bool, CenterError> {
        let rows = query(
            "SELECT \"end\" FROM tries WHERE sample = $1 AND grant_digest = $2 AND \"end\" IS NOT NULL",
        )
        .bind(again.leased.sample.as_str())
        .bind(again.grant.to_string())
        .fetch_all(&mut **write)
        .await
        .map_err(|e| self.db.sort(e))?;
        let lost = rows.iter().filter(|row| row.get::<String, _>(0) == "lost");
        let lost = to_sql(lost.count() as u64);
        let failed = to_sql(rows.len() as u64) - lost;
        Ok(failed >= TRIES_MAX || lost >= LOST_MAX)
    }

    /// A process is gone: what it held waits again. Before its tries are ended.
    pub(crate) async fn give_back(
        db: &Tables,
        write: &mut Write,
        process: i64,
    ) -> Result<(), CenterError> {
        query(
            "UPDATE reanalyses SET fence = NULL, leased_until = 0 WHERE fence IN
             (SELECT fence FROM tries WHERE \"end\" IS NULL AND process = $1)",
        )
        .bind(process)
        .execute(&mut **write)
        .await
        .map_err(|e| db.sort(e))?;
        Ok(())
    }
}
