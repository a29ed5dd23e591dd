//! What was tried with a sample, as its owner is told.

use statement::SampleId;
use store::tables::{Row, query};

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
    /// Of a second look.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
}

impl Jobs {
    /// The tries of a sample, in order.
    pub(crate) async fn tries(&self, sample: &SampleId) -> Result<Vec<Try>, CenterError> {
        let rows = query(
            "SELECT worker, rules, scoring, started, ended, \"end\", grant_digest FROM tries WHERE sample = $1 ORDER BY fence",
        )
        .bind(sample.as_str())
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let read = |(attempt, row): (u64, &Row)| Try {
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
