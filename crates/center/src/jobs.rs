//! The queue of samples that wait for machines. A try holds a sample by its *fence*, a number that only grows:
//! who comes back with an older one was too late, and changes nothing.

use law::ToolNames;
use seal::Front;
use statement::{FileDigest, SampleId, SealDigest, StatementDigest};
use store::Tables;
use store::tables::{Write, query};

use crate::analysis::{End, Found};
use crate::error::CenterError;
use crate::intake::{reparse, row_error};
use crate::schema::to_sql;
use crate::seconds::Seconds;
use crate::tries::{begin_try, end_try, is_poison};
use crate::turns::{Terms, Turns};

/// Who makes a try, and by which releases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trier {
    pub(crate) tools: ToolNames,
    pub(crate) process: i64,
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
    pub(crate) db: Tables,
    turns: Turns,
}

impl Jobs {
    pub(crate) fn new(db: Tables) -> Self {
        Self {
            db,
            turns: Turns::default(),
        }
    }

    /// Leases the sample whose turn it is; nothing when none waits.
    pub(crate) async fn lease(
        &self,
        by: Trier,
        terms: Terms,
    ) -> Result<Option<Leased>, CenterError> {
        let now = terms.now;
        // Without a look first, each idle worker would take the writer.
        let Some(waiting) = self.turns.waiting(&self.db, now).await? else {
            return Ok(None);
        };
        let mut write = self.db.begin().await?;
        let next = self.turns.next((&self.db, &mut write), terms, waiting);
        let Some(row) = next.await? else {
            return Ok(None);
        };
        let (queued, sample, seal): (i64, String, String) = (row.get(0), row.get(1), row.get(2));
        // Its lease ran out and nobody said why.
        if let Some(old) = row.get::<Option<i64>, _>(4) {
            end_try((&self.db, &mut write), old, End::Lost, now).await?;
            let name = sample.parse().map_err(|_| row_error("a sample id"))?;
            if is_poison((&self.db, &mut write), &name, None).await? {
                self.finish(&mut write, &name, ("set-aside", None), now)
                    .await?;
                self.db.commit(write).await?;
                return Ok(None);
            }
        }
        let fence = begin_try((&self.db, &mut write), &sample, by, None, now).await?;
        // If it ever waits again, it was tried.
        query("UPDATE jobs SET fence = $1, leased_until = $2, class = 1 WHERE queued = $3")
            .bind(fence)
            .bind(to_sql(terms.until))
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

    /// A try comes back. Its word counts if it still holds the sample.
    pub(crate) async fn end(
        &self,
        leased: &Leased,
        found: &Found,
        record: Option<String>,
        now: u64,
    ) -> Result<Ended, CenterError> {
        let mut write = self.db.begin().await?;
        // A write and not a look: until the end of this transaction nobody else leases it.
        let held = query("UPDATE jobs SET leased_until = 0 WHERE sample = $1 AND fence = $2")
            .bind(leased.sample.as_str())
            .bind(leased.fence)
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        if held.rows_affected() == 0 {
            return Ok(Ended::TooLate);
        }
        end_try((&self.db, &mut write), leased.fence, found.end, now).await?;
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
                || is_poison((&self.db, &mut write), &leased.sample, None).await? =>
            {
                self.finish(&mut write, &leased.sample, ("set-aside", None), now)
                    .await?;
                Ended::Done
            }
            None => {
                query("UPDATE jobs SET fence = NULL, leased_until = 0 WHERE sample = $1")
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

    async fn finish(
        &self,
        write: &mut Write,
        sample: &SampleId,
        (state, verdict): (&'static str, Option<(&'static str, String)>),
        now: u64,
    ) -> Result<(), CenterError> {
        query("DELETE FROM jobs WHERE sample = $1")
            .bind(sample.as_str())
            .execute(&mut **write)
            .await
            .map_err(|e| self.db.sort(e))?;
        let (outcome, record) = verdict.unzip();
        query(
            "UPDATE samples SET state = $1, finished = $2, outcome = $3, verdict_record = $4
             WHERE sample = $5 AND state = 'waiting'",
        )
        .bind(state)
        .bind(to_sql(now))
        .bind(outcome)
        .bind(record)
        .bind(sample.as_str())
        .execute(&mut **write)
        .await
        .map_err(|e| self.db.sort(e))?;
        Ok(())
    }

    /// A process is gone: no try of it will come back.
    pub(crate) async fn take_over(&self, process: i64, now: u64) -> Result<(), CenterError> {
        let mut write = self.db.begin().await?;
        let held = query(
            "UPDATE jobs SET fence = NULL, leased_until = 0 WHERE fence IN
             (SELECT fence FROM tries WHERE \"end\" IS NULL AND process = $1) RETURNING sample",
        )
        .bind(process)
        .fetch_all(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        Seconds::give_back(&self.db, &mut write, process).await?;
        query(
            "UPDATE tries SET ended = $1, \"end\" = 'lost' WHERE \"end\" IS NULL AND process = $2",
        )
        .bind(to_sql(now))
        .bind(process)
        .execute(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        query("DELETE FROM processes WHERE process = $1")
            .bind(process)
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        for row in held {
            let sample: String = row.get(0);
            let sample: SampleId = sample.parse().map_err(|_| row_error("a sample id"))?;
            if is_poison((&self.db, &mut write), &sample, None).await? {
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
        by: Trier,
        now: u64,
    ) -> Result<usize, CenterError> {
        let mut write = self.db.begin().await?;
        let waiting = query(
            "UPDATE jobs SET leased_until = leased_until WHERE epoch = $1 RETURNING sample, fence",
        )
        .bind(epoch.to_string())
        .fetch_all(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        for row in &waiting {
            let sample: String = row.get(0);
            if let Some(fence) = row.get::<Option<i64>, _>(1) {
                end_try((&self.db, &mut write), fence, End::Lost, now).await?;
            }
            query(
                "INSERT INTO tries (sample, worker, rules, scoring, started, ended, \"end\")
                 VALUES ($1, $2, $3, $4, $5, $5, 'unopened')",
            )
            .bind(&sample)
            .bind(by.tools.worker.to_string())
            .bind(by.tools.rules.to_string())
            .bind(by.tools.scoring.to_string())
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
}

/// 32 random bytes for a record.
pub(crate) fn draw_salt() -> Result<FileDigest, CenterError> {
    let random = keys::random_bytes::<32>()?;
    Ok(FileDigest::new(tlog::Hash::from_bytes(*random)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use keys::OpeningKey;
    use seal::{Address, EpochKey, EpochKeys, Sealer, Seed, UploadKey};
    use statement::{EpochPurpose, Outcome, Statement};
    use zeroize::Zeroizing;

    use super::*;
    use crate::keyring::EpochPlan;
    use crate::limits::LOST_MAX;
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

    pub(crate) fn front(sample: &SampleId) -> Front {
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
        let db = Tables::open_file(&dir.join("cell.sqlite3"), MIGRATIONS)
            .await
            .unwrap();
        let sample = SampleId::new([5; 16]);
        insert(&db, &sample).await;
        (Jobs::new(db), sample)
    }

    async fn insert(db: &Tables, sample: &SampleId) {
        let mut write = db.begin().await.unwrap();
        query(
            "INSERT INTO samples (sample, seal, front, region, received, state) VALUES ($1, $2, $3, 'europe', 1, 'waiting')",
        )
        .bind(sample.as_str())
        .bind("00".repeat(32))
        .bind(front(sample).to_bytes())
        .execute(&mut *write)
        .await
        .unwrap();
        query("INSERT INTO jobs (sample, epoch) VALUES ($1, 'e')")
            .bind(sample.as_str())
            .execute(&mut *write)
            .await
            .unwrap();
        db.commit(write).await.unwrap();
    }

    pub(crate) fn trier() -> Trier {
        let release = StatementDigest::of(b"release");
        let tools = ToolNames {
            worker: release,
            rules: release,
            scoring: release,
        };
        Trier { tools, process: 0 }
    }

    fn terms(now: u64, until: u64) -> Terms {
        Terms {
            now,
            until,
            ending_by: now,
            crowded_from: None,
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
        let first = jobs.lease(trier(), terms(100, 130)).await.unwrap().unwrap();
        assert!(
            jobs.lease(trier(), terms(129, 160))
                .await
                .unwrap()
                .is_none()
        );
        let second = jobs.lease(trier(), terms(130, 160)).await.unwrap().unwrap();
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
        let row = query("SELECT verdict_record, state FROM samples");
        let row = row.fetch_one(jobs.db.readers()).await.unwrap();
        assert_eq!(
            (row.get(0), row.get(1)),
            ("in time".to_owned(), "analysed".to_owned())
        );
        let ends: Vec<_> = jobs.tries(&sample).await.unwrap();
        let ends: Vec<_> = ends.into_iter().map(|it| it.end.unwrap()).collect();
        assert_eq!(ends, ["lost", "reported"]);
    }

    #[tokio::test]
    async fn what_failed_a_try_waits_behind_what_nobody_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let (jobs, first) = queue(dir.path()).await;
        let second = SampleId::new([6; 16]);
        insert(&jobs.db, &second).await;
        let lease = async |now| {
            let leased = jobs.lease(trier(), terms(now, now + 30)).await;
            leased.unwrap().unwrap()
        };
        let failed = lease(100).await;
        let died = Found {
            end: End::Died,
            ..reported()
        };
        let ended = jobs.end(&failed, &died, None, 101).await.unwrap();
        assert_eq!(ended, Ended::Again);
        let next = [lease(102).await.sample, lease(103).await.sample];
        assert_eq!((failed.sample, next), (first.clone(), [second, first]));
    }

    #[tokio::test]
    async fn a_sample_that_takes_the_cell_down_each_time_is_set_aside_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let (jobs, sample) = queue(dir.path()).await;
        for round in 0..20 {
            let now = 100 + 10 * round;
            if jobs
                .lease(trier(), terms(now, now + 1_000))
                .await
                .unwrap()
                .is_none()
            {
                break;
            }
            jobs.take_over(0, now + 5).await.unwrap();
        }
        let tries = jobs.tries(&sample).await.unwrap();
        assert_eq!(tries.len(), usize::try_from(LOST_MAX).unwrap());
        let row = query("SELECT state FROM samples").fetch_one(jobs.db.readers());
        assert_eq!(row.await.unwrap().get::<String, _>(0), "set-aside");
    }
}
