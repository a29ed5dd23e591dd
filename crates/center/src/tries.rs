//! What was tried with a sample, as its owner is told.

use sqlx::Row;
use statement::SampleId;

use crate::error::CenterError;
use crate::jobs::Jobs;
use crate::schema::from_sql;

/// One try, as the owner is told of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Try {
    attempt: u64,
    worker: String,
    rules: String,
    scoring: String,
    started: u64,
    ended: Option<u64>,
    pub(crate) end: Option<String>,
}

impl Jobs {
    /// The tries of a sample, in order.
    pub(crate) async fn tries(&self, sample: &SampleId) -> Result<Vec<Try>, CenterError> {
        let rows = sqlx::query(
            "SELECT worker, rules, scoring, started, ended, end FROM tries WHERE sample = ? ORDER BY fence",
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
        };
        Ok((1..).zip(&rows).map(read).collect())
    }
}
