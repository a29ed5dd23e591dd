//! The queue of samples that wait for machines. A try holds a sample by its *fence*, a number that only grows:
//! who comes back with an older one was too late, and changes nothing.

use seal::Front;
use sqlx::Row;
use statement::{FileDigest, SampleId, SealDigest, StatementDigest};
use store::{Db, Write};

use crate::analysis::{End, Found};
use crate::error::CenterError;
use crate::intake::{reparse, row_error};
use crate::limits::{LOST_MAX, TRIES_MAX};
use crate::schema::{from_sql, to_sql};

/// What the tries of a cell are made with: statement digests of releases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tools {
    pub(crate) worker: StatementDigest,
    pub(crate) rules: StatementDigest,
    pub(crate) scoring: StatementDigest,
}

/// A sample that one try holds.
#[derive(Debug)]
pub(crate) struct Leased {
    pub(crate) fence: i64,
    pub(crate) sample: SampleId,
    pub(crate) seal: SealDigest,
    pub(crate) front: Front,
}

/// What became of a try's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It counts, and the sample is done.
    Done,
    /// It counts, and the sample waits for another try.
    Again,
    /// Another try holds the sample by now, or nobody: it was done or erased.
    TooLate,
}

/// The queue.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    db: Db,
}

impl Jobs {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Leases the sample that waits longest until `until`; nothing when none waits.
    pub(crate) async fn lease(
        &self,
        tools: Tools,
        now: u64,
        until: u64,
    ) -> Result<Option<Leased>, CenterError> {
        // Without a look first, each idle worker would take the writer.
        if self.next(now).await?.is_none() {
            return Ok(None);
        }
        let mut write = self.db.begin().await?;
        let next = sqlx::query(
            "SELECT jobs.queued, samples.sample, samples.seal, samples.front, jobs.fence FROM jobs
             JOIN samples ON samples.sample = jobs.sample
             WHERE jobs.leased_until <= ? ORDER BY jobs.queued LIMIT 1",
        )
        .bind(to_sql(now))
        .fetch_optional(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        let Some(row) = next else {
            return Ok(None);
        };
        let (queued, sample, seal): (i64, String, String) = (row.get(0), row.get(1), row.get(2));
        // Its lease ran out and nobody said why.
        if let Some(old) = row.get::<Option<i64>, _>(4) {
            self.end_try(&mut write, old, End::Lost, now).await?;
            let name = sample.parse().map_err(|_| row_error("a sample id"))?;
            if self.is_poison(&mut write, &name).await? {
                self.finish(&mut write, &name, ("set-aside", None), now)
                    .await?;
                self.db.commit(write).await?;
                return Ok(None);
            }
        }
        let fence: i64 = sqlx::query(
            "INSERT INTO tries (sample, worker, rules, scoring, started) VALUES (?, ?, ?, ?, ?) RETURNING fence",
        )
        .bind(&sample)
        .bind(tools.worker.to_string())
        .bind(tools.rules.to_string())
        .bind(tools.scoring.to_string())
        .bind(to_sql(now))
        .fetch_one(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?
        .get(0);
        sqlx::query("UPDATE jobs SET fence = ?, leased_until = ? WHERE queued = ?")
            .bind(fence)
            .bind(to_sql(until))
            .bind(queued)
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        let front: Option<Vec<u8>> = row.get(3);
        let front = front.ok_or_else(|| row_error("front of a sample that waits"))?;
        self.db.commit(write).await?;
        Ok(Some(Leased {
            fence,
            sample: sample.parse().map_err(|_| row_error("a sample id"))?,
            seal: seal.parse().map_err(|_| row_error("a seal digest"))?,
            front: reparse(&front)?,
        }))
    }

    async fn next(&self, now: u64) -> Result<Option<i64>, CenterError> {
        let row =
            sqlx::query("SELECT queued FROM jobs WHERE leased_until <= ? ORDER BY queued LIMIT 1")
                .bind(to_sql(now))
                .fetch_optional(self.db.readers())
                .await
                .map_err(|e| self.db.sort(e))?;
        Ok(row.map(|row| row.get(0)))
    }

    /// A try comes back. Its word counts if it still holds the sample.
    pub(crate) async fn end(
        &self,
        leased: &Leased,
        found: &Found,
        record: Option<String>,
        now: u64,
    ) -> Result<Ended, CenterError> {
        let mut write = self.db.begin().await?;
        let holder = sqlx::query("SELECT fence FROM jobs WHERE sample = ?")
            .bind(leased.sample.as_str())
            .fetch_optional(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        if holder.and_then(|row| row.get::<Option<i64>, _>(0)) != Some(leased.fence) {
            return Ok(Ended::TooLate);
        }
        self.end_try(&mut write, leased.fence, found.end, now)
            .await?;
        let ended = match record {
            Some(record) => {
                let outcome = found.outcome.as_str();
                self.finish(
                    &mut write,
                    &leased.sample,
                    ("analysed", Some((outcome, record))),
                    now,
                )
                .await?;
                Ended::Done
            }
            None if found.end == End::Unopened
                || self.is_poison(&mut write, &leased.sample).await? =>
            {
                self.finish(&mut write, &leased.sample, ("set-aside", None), now)
                    .await?;
                Ended::Done
            }
            None => {
                sqlx::query("UPDATE jobs SET fence = NULL, leased_until = 0 WHERE sample = ?")
                    .bind(leased.sample.as_str())
                    .execute(&mut *write)
                    .await
                    .map_err(|e| self.db.sort(e))?;
                Ended::Again
            }
        };
        self.db.commit(write).await?;
        Ok(ended)
    }

    async fn end_try(
        &self,
        write: &mut Write,
        fence: i64,
        end: End,
        now: u64,
    ) -> Result<(), CenterError> {
        sqlx::query("UPDATE tries SET ended = ?, end = ? WHERE fence = ? AND end IS NULL")
            .bind(to_sql(now))
            .bind(end.as_str())
            .bind(fence)
            .execute(&mut **write)
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(())
    }

    /// Whether a sample had its tries.
    async fn is_poison(&self, write: &mut Write, sample: &SampleId) -> Result<bool, CenterError> {
        let row = sqlx::query(
            "SELECT COALESCE(SUM(end != 'lost'), 0), COALESCE(SUM(end = 'lost'), 0) FROM tries
             WHERE sample = ? AND end IS NOT NULL AND grant_digest IS NULL",
        )
        .bind(sample.as_str())
        .fetch_one(&mut **write)
        .await
        .map_err(|e| self.db.sort(e))?;
        let (failed, lost): (i64, i64) = (row.get(0), row.get(1));
        Ok(failed >= TRIES_MAX || lost >= LOST_MAX)
    }

    async fn finish(
        &self,
        write: &mut Write,
        sample: &SampleId,
        (state, verdict): (&'static str, Option<(&'static str, String)>),
        now: u64,
    ) -> Result<(), CenterError> {
        let (outcome, record) = verdict.unzip();
        sqlx::query(
            "UPDATE samples SET state = ?, finished = ?, outcome = ?, verdict_record = ?
             WHERE sample = ? AND state = 'waiting'",
        )
        .bind(state)
        .bind(to_sql(now))
        .bind(outcome)
        .bind(record)
        .bind(sample.as_str())
        .execute(&mut **write)
        .await
        .map_err(|e| self.db.sort(e))?;
        sqlx::query("DELETE FROM jobs WHERE sample = ?")
            .bind(sample.as_str())
            .execute(&mut **write)
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(())
    }

    /// The cell starts: no try of the process before it will come back.
    pub(crate) async fn take_over(&self, now: u64) -> Result<(), CenterError> {
        let mut write = self.db.begin().await?;
        sqlx::query("UPDATE tries SET ended = ?, end = 'lost' WHERE end IS NULL")
            .bind(to_sql(now))
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        let held = sqlx::query("SELECT sample FROM jobs WHERE fence IS NOT NULL")
            .fetch_all(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        sqlx::query("UPDATE jobs SET fence = NULL, leased_until = 0 WHERE fence IS NOT NULL")
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        for row in held {
            let sample: String = row.get(0);
            let sample: SampleId = sample.parse().map_err(|_| row_error("a sample id"))?;
            if self.is_poison(&mut write, &sample).await? {
                self.finish(&mut write, &sample, ("set-aside", None), now)
                    .await?;
            }
        }
        Ok(self.db.commit(write).await?)
    }

    /// What waits for a key that is gone can never be read: set aside as `unopened`.
    pub(crate) async fn give_up(
        &self,
        epoch: StatementDigest,
        tools: Tools,
        now: u64,
    ) -> Result<usize, CenterError> {
        let mut write = self.db.begin().await?;
        let waiting = sqlx::query("SELECT sample, fence FROM jobs WHERE epoch = ?")
            .bind(epoch.to_string())
            .fetch_all(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        for row in &waiting {
            let sample: String = row.get(0);
            if let Some(fence) = row.get::<Option<i64>, _>(1) {
                self.end_try(&mut write, fence, End::Lost, now).await?;
            }
            sqlx::query(
                "INSERT INTO tries (sample, worker, rules, scoring, started, ended, end)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, 'unopened')",
            )
            .bind(&sample)
            .bind(tools.worker.to_string())
            .bind(tools.rules.to_string())
            .bind(tools.scoring.to_string())
            .bind(to_sql(now))
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
            let sample: SampleId = sample.parse().map_err(|_| row_error("a sample id"))?;
            self.finish(&mut write, &sample, ("set-aside", None), now)
                .await?;
        }
        self.db.commit(write).await?;
        Ok(waiting.len())
    }

    /// The tries of a sample, in order.
    pub(crate) async fn tries(&self, sample: &SampleId) -> Result<Vec<Try>, CenterError> {
        let rows = sqlx::query(
            "SELECT worker, rules, scoring, started, ended, end, grant_digest FROM tries WHERE sample = ? ORDER BY fence",
        )
        .bind(sample.as_str())
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let read = |(attempt, row): (u64, &sqlx::sqlite::SqliteRow)| Try {
            attempt,
            worker: row.get(0),
            rules: row.get(1),
            scoring: row.get(2),
            started: from_sql(row.get(3)),
            ended: row.get::<Option<i64>, _>(4).map(from_sql),
            end: row.get(5),
            grant: row.get(6),
        };
        Ok((1..).zip(&rows).map(read).collect())
    }
}

/// One try, as the owner is told of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Try {
    attempt: u64,
    worker: String,
    rules: String,
    scoring: String,
    started: u64,
    ended: Option<u64>,
    end: Option<String>,
    /// Of a second look.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
}

/// 32 random bytes for a record.
pub(crate) fn draw_salt() -> Result<FileDigest, CenterError> {
    let random = keys::random_bytes::<32>()?;
    Ok(FileDigest::new(tlog::Hash::from_bytes(*random)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use keys::OpeningKey;
    use seal::{Address, EpochKey, EpochKeys, Sealer, Seed, UploadKey};
    use statement::{EpochPurpose, Outcome, Statement};
    use zeroize::Zeroizing;

    use super::*;
    use crate::keyring::EpochPlan;
    use crate::schema::MIGRATIONS;

    fn epoch_key(purpose: EpochPurpose) -> EpochKey {
        let plan = EpochPlan {
            purpose,
            home: "CH".parse().unwrap(),
            audience: vec!["center.example/log".parse().unwrap()],
            not_after: 9,
            valid_from: 1,
            valid_until: 2,
            destroy_by: 3,
        };
        let (subject, epoch) = plan.statement(&OpeningKey::generate().unwrap());
        let payload = Statement::new(vec![subject], epoch.clone()).to_payload();
        EpochKey::read(StatementDigest::of(&payload.unwrap()), &epoch).unwrap()
    }

    fn front(sample: &SampleId) -> Front {
        let keys = EpochKeys::new(
            epoch_key(EpochPurpose::Analysis),
            epoch_key(EpochPurpose::Center),
            epoch_key(EpochPurpose::Supervisor),
        );
        // The base point of the curve: a key that is one.
        let mut raw = [0x66; 32];
        raw[0] = 0x58;
        let address = Address {
            sample: sample.clone(),
            upload_key: UploadKey::from_raw(&raw).unwrap(),
            home: "CH".parse().unwrap(),
            region: "europe".parse().unwrap(),
            policy: StatementDigest::of(b"policy"),
            size_bytes: 4,
        };
        let seed = Seed::new(Zeroizing::new([7; 32]));
        let sealer = Sealer::start(address, &keys.unwrap(), &seed, &[1; 64]).unwrap();
        sealer.front().clone()
    }

    async fn queue(dir: &std::path::Path) -> (Jobs, SampleId) {
        let db = Db::open(&dir.join("cell.sqlite3"), MIGRATIONS)
            .await
            .unwrap();
        let sample = SampleId::new([5; 16]);
        let mut write = db.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO samples (sample, seal, front, region, received, state) VALUES (?, ?, ?, 'europe', 1, 'waiting')",
        )
        .bind(sample.as_str())
        .bind("00".repeat(32))
        .bind(front(&sample).to_bytes())
        .execute(&mut *write)
        .await
        .unwrap();
        sqlx::query("INSERT INTO jobs (sample, epoch) VALUES (?, 'e')")
            .bind(sample.as_str())
            .execute(&mut *write)
            .await
            .unwrap();
        db.commit(write).await.unwrap();
        (Jobs::new(db), sample)
    }

    fn tools() -> Tools {
        let release = StatementDigest::of(b"release");
        Tools {
            worker: release,
            rules: release,
            scoring: release,
        }
    }

    fn reported() -> Found {
        Found {
            end: End::Reported,
            outcome: Outcome::Clean,
            score: 0,
            reasons: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_try_that_comes_back_after_its_lease_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (jobs, sample) = queue(dir.path()).await;
        let first = jobs.lease(tools(), 100, 130).await.unwrap().unwrap();
        assert!(jobs.lease(tools(), 129, 160).await.unwrap().is_none());
        let second = jobs.lease(tools(), 130, 160).await.unwrap().unwrap();
        assert!(second.fence > first.fence);
        let late = jobs
            .end(&first, &reported(), Some("late".into()), 140)
            .await;
        assert_eq!(late.unwrap(), Ended::TooLate);
        let done = jobs
            .end(&second, &reported(), Some("in time".into()), 150)
            .await;
        assert_eq!(done.unwrap(), Ended::Done);
        let again = jobs
            .end(&second, &reported(), Some("again".into()), 151)
            .await;
        assert_eq!(again.unwrap(), Ended::TooLate);
        let row = sqlx::query("SELECT verdict_record, state FROM samples");
        let row = row.fetch_one(jobs.db.readers()).await.unwrap();
        assert_eq!(
            (row.get::<&str, _>(0), row.get::<&str, _>(1)),
            ("in time", "analysed")
        );
        let ends: Vec<_> = jobs.tries(&sample).await.unwrap();
        let ends: Vec<_> = ends.into_iter().map(|it| it.end.unwrap()).collect();
        assert_eq!(ends, ["lost", "reported"]);
    }

    #[tokio::test]
    async fn a_sample_that_takes_the_cell_down_each_time_is_set_aside_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let (jobs, sample) = queue(dir.path()).await;
        for round in 0..20 {
            let now = 100 + 10 * round;
            if jobs
                .lease(tools(), now, now + 1_000)
                .await
                .unwrap()
                .is_none()
            {
                break;
            }
            jobs.take_over(now + 5).await.unwrap();
        }
        let tries = jobs.tries(&sample).await.unwrap();
        assert_eq!(tries.len(), usize::try_from(LOST_MAX).unwrap());
        let row = sqlx::query("SELECT state FROM samples").fetch_one(jobs.db.readers());
        assert_eq!(row.await.unwrap().get::<&str, _>(0), "set-aside");
    }
}
