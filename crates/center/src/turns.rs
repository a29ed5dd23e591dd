//! Whose turn it is: which of the samples that wait is leased next.
//!
//! Three classes, in this order:
//!
//! 1. *ending*: the key of its analysis epoch is destroyed soon. After that nobody can read the sample, so this is the one
//!    wait that cannot be made up for. Earliest end first.
//! 2. *fresh*: no machine looked at it yet.
//! 3. *tried*: a try held it before and said nothing. Such a sample costs most and is least likely to get a verdict; the others
//!    do not wait for it.
//!
//! Within a class the oldest comes first. But while so many wait that the cell samples, the newest of the fresh ones does: by
//! age everybody would wait for the whole queue, and an answer of today is worth more than one that comes in two days.
//!
//! Nobody starves: every fourth lease takes the oldest of all, whatever its class. So a sample that `k` others came before
//! is leased within `OLDEST_EVERY * (k + 1)` leases of this process, whatever comes after it. `docs/decisions/0027`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::Tables;
use store::tables::{Each, Row, Write, query};

use crate::error::CenterError;
use crate::limits::OLDEST_EVERY;
use crate::rate::Backlog;
use crate::schema::{ENDING, FRESH, FRESHEST, OLDEST, TRIED, from_sql, to_sql};

/// What a lease is asked for with; POSIX seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) now: u64,
    /// When the lease runs out.
    pub(crate) until: u64,
    /// Samples whose keys are gone by then are ending.
    pub(crate) ending_by: u64,
    /// From so many that wait on the newest comes first; never if there is none.
    pub(crate) crowded_from: Option<u64>,
}

/// Who is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The oldest, whatever its class.
    Oldest,
    /// By class, within it the oldest.
    ByClass,
    /// By class, of the fresh ones the newest.
    Newest,
}

impl Turn {
    fn of(count: u64, is_crowded: bool) -> Self {
        match count % OLDEST_EVERY {
            // Not the first after a start: what stopped the cell may be the oldest.
            turn if turn == OLDEST_EVERY - 1 => Self::Oldest,
            _ if is_crowded => Self::Newest,
            _ => Self::ByClass,
        }
    }

    /// What is looked for in this order, after what is ending. Each is the first row of an index: a million that wait
    /// cost nothing.
    const fn texts(self) -> &'static [Each] {
        match self {
            Self::Oldest => &[OLDEST],
            Self::ByClass => &[FRESH, TRIED],
            Self::Newest => &[FRESHEST, TRIED],
        }
    }
}

/// The turns of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    count: Arc<AtomicU64>,
    backlog: Arc<Backlog>,
}

impl Turns {
    /// Whether anybody waits who may be leased; then how many wait in all. Takes no turn.
    pub(crate) async fn waiting(&self, db: &Tables, now: u64) -> Result<Option<u64>, CenterError> {
        let any = query("SELECT queued FROM jobs WHERE leased_until <= $1 LIMIT 1")
            .bind(to_sql(now))
            .fetch_optional(db.readers())
            .await
            .map_err(|e| db.sort(e))?;
        if any.is_none() {
            return Ok(None);
        }
        // PostgreSQL counts a million rows each time that it is asked.
        let recent = self.backlog.recent(now, 0).filter(|_| db.is_shared());
        if recent.is_some() {
            return Ok(recent);
        }
        let row = query("SELECT waiting FROM queue")
            .fetch_one(db.readers())
            .await
            .map_err(|e| db.sort(e))?;
        let waiting = from_sql(row.get(0));
        self.backlog.set(now, waiting);
        Ok(Some(waiting))
    }

    /// Takes a turn: number in the queue, id, seal digest, front and old fence of who is next.
    pub(crate) async fn next(
        &self,
        (db, write): (&Tables, &mut Write),
        terms: Terms,
        waiting: u64,
    ) -> Result<Option<Row>, CenterError> {
        let is_crowded = terms.crowded_from.is_some_and(|from| waiting >= from);
        let turn = Turn::of(self.count.fetch_add(1, Ordering::Relaxed), is_crowded);
        let now = to_sql(terms.now);
        let ending = query(db.choose(ENDING)).bind(now);
        let ending = ending.bind(to_sql(terms.ending_by));
        let others = turn.texts().iter();
        let others = others.map(|text| query(db.choose(*text)).bind(now));
        let first = (turn != Turn::Oldest).then_some(ending);
        for look in first.into_iter().chain(others) {
            let found = look.fetch_optional(&mut **write).await;
            if let Some(row) = found.map_err(|e| db.sort(e))? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::schema::MIGRATIONS;

    const NOW: u64 = 1_000;

    struct Queue {
        db: Tables,
        turns: Turns,
        _dir: tempfile::TempDir,
    }

    impl Queue {
        /// Two epochs: the key of `early` is gone at 2,000, that of `late` at 9,000.
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("cell.sqlite3");
            let queue = Self {
                db: Tables::open_file(&path, MIGRATIONS).await.unwrap(),
                turns: Turns::default(),
                _dir: dir,
            };
            for (epoch, destroy_by) in [("early", 2_000), ("late", 9_000)] {
                let sql = "INSERT INTO epochs (epoch, valid_from, valid_until, destroy_by) VALUES ($1, 1, 2, $2)";
                queue.write(sql, (epoch, destroy_by)).await;
            }
            queue
        }

        async fn write(&self, sql: &'static str, (text, number): (&str, i64)) {
            let mut write = self.db.begin().await.unwrap();
            let query = query(sql).bind(text).bind(number);
            query.execute(&mut *write).await.unwrap();
            self.db.commit(write).await.unwrap();
        }

        async fn add(&self, sample: &str, epoch: &str, class: i64) {
            let sql = "INSERT INTO samples (sample, seal, region, received, state) VALUES ($1, '', '', $2, 'waiting')";
            self.write(sql, (sample, 1)).await;
            let sql = match epoch {
                "early" => "INSERT INTO jobs (sample, epoch, class) VALUES ($1, 'early', $2)",
                _ => "INSERT INTO jobs (sample, epoch, class) VALUES ($1, 'late', $2)",
            };
            self.write(sql, (sample, class)).await;
        }

        /// The next one, which is done at once.
        async fn done(&self, terms: Terms) -> Option<String> {
            let waiting = self.turns.waiting(&self.db, terms.now).await.unwrap()?;
            let mut write = self.db.begin().await.unwrap();
            let next = self.turns.next((&self.db, &mut write), terms, waiting);
            let sample: String = next.await.unwrap().unwrap().get(1);
            drop(write);
            self.write(
                "DELETE FROM jobs WHERE sample = $1 AND $2 >= 0",
                (&sample, 0),
            )
            .await;
            Some(sample)
        }

        async fn all(&self, terms: Terms) -> Vec<String> {
            let mut all = Vec::new();
            while let Some(sample) = self.done(terms).await {
                all.push(sample);
            }
            all
        }
    }

    fn terms() -> Terms {
        Terms {
            now: NOW,
            until: NOW + 10,
            ending_by: NOW,
            crowded_from: None,
        }
    }

    #[tokio::test]
    async fn what_nobody_looked_at_comes_before_what_was_tried_and_the_older_first() {
        let queue = Queue::new().await;
        for (sample, class) in [("a", 1), ("b", 0), ("c", 1), ("d", 0), ("e", 0), ("f", 0)] {
            queue.add(sample, "late", class).await;
        }
        // The fourth takes the oldest of all.
        assert_eq!(queue.all(terms()).await, ["b", "d", "e", "a", "f", "c"]);
    }

    #[tokio::test]
    async fn a_sample_whose_key_ends_soon_comes_before_everything() {
        let queue = Queue::new().await;
        for (sample, epoch, class) in [
            ("a", "late", 0),
            ("b", "early", 1),
            ("c", "late", 0),
            ("d", "early", 0),
        ] {
            queue.add(sample, epoch, class).await;
        }
        let ending = Terms {
            ending_by: 2_000,
            crowded_from: Some(0),
            ..terms()
        };
        assert_eq!(queue.all(ending).await, ["b", "d", "c", "a"]);
    }

    #[tokio::test]
    async fn of_two_keys_that_end_soon_the_earlier_comes_first() {
        let queue = Queue::new().await;
        for (sample, epoch) in [("a", "late"), ("b", "early"), ("c", "late"), ("d", "early")] {
            queue.add(sample, epoch, 0).await;
        }
        let ending = Terms {
            ending_by: 9_000,
            ..terms()
        };
        assert_eq!(queue.all(ending).await, ["b", "d", "a", "c"]);
    }

    #[tokio::test]
    async fn while_the_cell_samples_the_newest_are_answered_first_and_the_oldest_every_fourth_time()
    {
        let queue = Queue::new().await;
        for sample in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            queue.add(sample, "late", 0).await;
        }
        let crowded = Terms {
            crowded_from: Some(4),
            ..terms()
        };
        // From three that wait on, it is by age again.
        let order = ["h", "g", "f", "a", "e", "b", "c", "d"];
        assert_eq!(queue.all(crowded).await, order);
    }

    #[tokio::test]
    async fn nobody_starves_whatever_comes_later() {
        const BEFORE: u64 = 6;
        for (epoch, class) in [("late", 0), ("late", 1)] {
            let queue = Queue::new().await;
            for number in 0..BEFORE {
                queue.add(&format!("before-{number}"), "late", 0).await;
            }
            queue.add("watched", epoch, class).await;
            let crowded = Terms {
                ending_by: 2_000,
                crowded_from: Some(0),
                ..terms()
            };
            let mut leases = 0;
            loop {
                // More comes than is done, and all of it is fresher or more pressing.
                for more in ["late", "early"] {
                    queue.add(&format!("{more}-{leases}"), more, 0).await;
                }
                leases += 1;
                if queue.done(crowded).await.unwrap() == "watched" {
                    break;
                }
                assert!(leases < OLDEST_EVERY * (BEFORE + 1), "class {class}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_leased_is_not_leased_again_in_any_turn() {
        let queue = Queue::new().await;
        queue.add("a", "early", 0).await;
        let sql = "UPDATE jobs SET leased_until = $2 WHERE sample = $1";
        queue.write(sql, ("a", 5_000)).await;
        assert_eq!(queue.done(terms()).await, None);
        let mut write = queue.db.begin().await.unwrap();
        for is_crowded in [None, Some(0), Some(0), None, Some(0)] {
            let terms = Terms {
                ending_by: 9_000,
                crowded_from: is_crowded,
                ..terms()
            };
            let next = queue.turns.next((&queue.db, &mut write), terms, 1);
            assert!(next.await.unwrap().is_none());
        }
    }
}
