//! The queue of samples that wait for a second look. It stands behind that of `jobs`, and is fenced in the same way: whoever comes
//! back with an older fence was too late.

use statement::{FileDigest, StatementDigest};
use store::Tables;
use store::tables::{Write, query};

use crate::analysis::End;
use crate::error::CenterError;
use crate::intake::{reparse, row_error};
use crate::jobs::{Leased, Trier};
use crate::schema::{NEXT_AGAIN, to_sql};
use crate::tries::{begin_try, end_try, is_poison};

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
        by: Trier,
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
            end_try((&self.db, &mut write), old, End::Lost, now).await?;
        }
        let name = sample.parse().map_err(|_| row_error("a sample id"))?;
        // A try that took its process down came back by `give_back`, which asks nobody.
        if is_poison((&self.db, &mut write), &name, Some(&grant)).await? {
            query("UPDATE reanalyses SET state = 'set-aside', finished = $1, fence = NULL WHERE queued = $2")
                .bind(to_sql(now))
                .bind(queued)
                .execute(&mut *write)
                .await
                .map_err(|e| self.db.sort(e))?;
            self.db.commit(write).await?;
            return Ok(None);
        }
        let fence = begin_try((&self.db, &mut write), &sample, by, Some(&grant), now).await?;
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
            sample: name,
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
        end_try((&self.db, &mut write), fence, end, now).await?;
        let never = matches!(end, End::Unopened | End::FalseCenter | End::FalseSupervisor);
        let grant = again.grant.to_string();
        let at = (&self.db, &mut write);
        let state = if record.is_some() {
            "analysed"
        } else if never || is_poison(at, &again.leased.sample, Some(&grant)).await? {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use statement::SampleId;

    use super::*;
    use crate::jobs::{
        Jobs,
        tests::{front, trier},
    };
    use crate::limits::LOST_MAX;
    use crate::schema::MIGRATIONS;

    #[tokio::test]
    async fn a_sample_that_takes_the_cell_down_at_each_second_look_is_set_aside_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cell.sqlite3");
        let db = Tables::open_file(&file, MIGRATIONS).await.unwrap();
        let sample = SampleId::new([5; 16]);
        let mut write = db.begin().await.unwrap();
        query(
            "INSERT INTO samples (sample, seal, front, region, received, state) VALUES ($1, $2, $3, 'europe', 1, 'analysed')",
        )
        .bind(sample.as_str())
        .bind("00".repeat(32))
        .bind(front(&sample).to_bytes())
        .execute(&mut *write)
        .await
        .unwrap();
        query("INSERT INTO grants (grant_digest, root, entry, proof, queued) VALUES ($1, $2, $3, $3, 1)")
            .bind("11".repeat(32))
            .bind("22".repeat(32))
            .bind(Vec::<u8>::new())
            .execute(&mut *write)
            .await
            .unwrap();
        query("INSERT INTO reanalyses (grant_digest, sample, state) VALUES ($1, $2, 'waiting')")
            .bind("11".repeat(32))
            .bind(sample.as_str())
            .execute(&mut *write)
            .await
            .unwrap();
        db.commit(write).await.unwrap();
        let (seconds, jobs) = (Seconds::new(db.clone()), Jobs::new(db.clone()));
        let mut tries = 0;
        for round in 0..20 {
            let now = 100 + 10 * round;
            let leased = seconds.lease(trier(), now, now + 1_000).await.unwrap();
            if leased.is_none() {
                break;
            }
            tries += 1;
            jobs.take_over(0, now + 5).await.unwrap();
        }
        assert_eq!(tries, LOST_MAX);
        let row = query("SELECT state FROM reanalyses").fetch_one(db.readers());
        assert_eq!(row.await.unwrap().get::<String, _>(0), "set-aside");
        // Tries of the second look are none of the first.
        assert_eq!(jobs.tries(&sample).await.unwrap().len() as i64, LOST_MAX);
    }
}
