//! What was tried with a sample: begun, ended, counted, and told to its owner. A first look and a second one, which names the grant
//! that it is under, are written and counted in the same way.

use statement::SampleId;
use store::Tables;
use store::tables::{Row, Write, query};

use crate::analysis::End;
use crate::error::CenterError;
use crate::jobs::{Jobs, Trier};
use crate::limits::{LOST_MAX, TRIES_MAX};
use crate::schema::{from_sql, to_sql};

/// Writes that a try begins; its fence.
pub(crate) async fn begin_try(
    (db, write): (&Tables, &mut Write),
    sample: &str,
    by: Trier,
    grant: Option<&str>,
    now: u64,
) -> Result<i64, CenterError> {
    let row = query(
        "INSERT INTO tries (sample, worker, rules, scoring, started, process, grant_digest)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING fence",
    )
    .bind(sample)
    .bind(by.tools.worker.to_string())
    .bind(by.tools.rules.to_string())
    .bind(by.tools.scoring.to_string())
    .bind(to_sql(now))
    .bind(by.process)
    .bind(grant)
    .fetch_one(&mut **write)
    .await
    .map_err(|e| db.sort(e))?;
    Ok(row.get(0))
}

/// Writes how a try ended, unless that is known.
pub(crate) async fn end_try(
    (db, write): (&Tables, &mut Write),
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
        .map_err(|e| db.sort(e))?;
    Ok(())
}

/// Whether a sample had its tries, under this grant or, without one, at its first look.
pub(crate) async fn is_poison(
    (db, write): (&Tables, &mut Write),
    sample: &SampleId,
    grant: Option<&str>,
) -> Result<bool, CenterError> {
    let row = query(
        "SELECT COUNT(*) FILTER (WHERE \"end\" != 'lost'), COUNT(*) FILTER (WHERE \"end\" = 'lost') FROM tries
         WHERE sample = $1 AND \"end\" IS NOT NULL AND COALESCE(grant_digest, '') = $2",
    )
    .bind(sample.as_str())
    .bind(grant.unwrap_or_default())
    .fetch_one(&mut **write)
    .await
    .map_err(|e| db.sort(e))?;
    let (failed, lost): (i64, i64) = (row.get(0), row.get(1));
    Ok(failed >= TRIES_MAX || lost >= LOST_MAX)
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
