//! What the cell says: signed, kept, then submitted until it is witnessed. The same bytes each time, so a cell
//! that was killed says everything once.

use keys::StatementKey;
use logclient::{LogClient, Submitted};
use statement::{Envelope, Predicate, Statement, StatementDigest, Subject};
use store::Tables;
use store::tables::{Write, query};
use tlog::Policy;
use tokio::task::JoinSet;

use crate::error::{CenterError, chain};
use crate::limits::SUBMITTED_MAX;
use crate::schema::to_sql;

/// A statement before it is signed, with what the tables say of it.
pub(crate) struct Draft {
    pub(crate) kind: &'static str,
    pub(crate) subject: Vec<Subject>,
    pub(crate) predicate: Predicate,
    /// Of a batch: its number, and how many records it has.
    pub(crate) batch: Option<(u64, u64)>,
    /// Of a batch of verdicts: how many of each outcome, as JSON.
    pub(crate) outcomes: Option<String>,
}

impl Draft {
    /// A statement that is no batch.
    pub(crate) fn single(
        kind: &'static str,
        subject: Subject,
        predicate: impl Into<Predicate>,
    ) -> Self {
        Self {
            kind,
            subject: vec![subject],
            predicate: predicate.into(),
            batch: None,
            outcomes: None,
        }
    }

    /// Signs it.
    pub(crate) fn sign(self, key: &StatementKey) -> Result<Said, CenterError> {
        let payload = Statement::new(self.subject, self.predicate).to_payload()?;
        Ok(Said {
            envelope: Envelope::sign(payload, key)?,
            kind: self.kind,
            batch: self.batch,
            outcomes: self.outcomes,
        })
    }
}

/// A signed statement that is not kept yet.
pub(crate) struct Said {
    envelope: Envelope,
    kind: &'static str,
    batch: Option<(u64, u64)>,
    outcomes: Option<String>,
}

impl Said {
    pub(crate) fn digest(&self) -> StatementDigest {
        self.envelope.digest()
    }

    /// Keeps it, to be submitted; returns the number of its row.
    pub(crate) async fn keep(
        &self,
        db: &Tables,
        write: &mut Write,
        now: u64,
    ) -> Result<i64, CenterError> {
        let (seq, count) = self.batch.unzip();
        let row = query(
            "INSERT INTO statements (kind, seq, count, outcomes, digest, entry, made)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        )
        .bind(self.kind)
        .bind(seq.map(to_sql))
        .bind(count.map(to_sql))
        .bind(&self.outcomes)
        .bind(self.digest().to_string())
        .bind(self.envelope.to_bytes())
        .bind(to_sql(now))
        .fetch_one(&mut **write)
        .await
        .map_err(|e| db.sort(e))?;
        Ok(row.get(0))
    }
}

/// The number of the next batch of a kind. One task makes all batches of a kind, so nobody takes it in between.
pub(crate) async fn next_seq(db: &Tables, kind: &'static str) -> Result<u64, CenterError> {
    let row = query("SELECT COALESCE(MAX(seq), 0) + 1 FROM statements WHERE kind = $1")
        .bind(kind)
        .fetch_one(db.readers())
        .await
        .map_err(|e| db.sort(e))?;
    Ok(crate::schema::from_sql(row.get(0)))
}

/// Submits what waits, and keeps the proofs that came back. Returns how many came.
///
/// A proof is looked at before it is kept: owners get it from here.
pub(crate) async fn submit(
    db: &Tables,
    log: &LogClient,
    policy: &Policy,
) -> Result<usize, CenterError> {
    let waiting =
        query("SELECT id, entry FROM statements WHERE proof IS NULL ORDER BY id LIMIT $1")
            .bind(SUBMITTED_MAX)
            .fetch_all(db.readers())
            .await
            .map_err(|e| db.sort(e))?;
    let mut submissions = JoinSet::new();
    for row in waiting {
        let (id, entry): (i64, Vec<u8>) = (row.get(0), row.get(1));
        let envelope = Envelope::parse(&entry)?;
        let log = log.clone();
        submissions.spawn(async move { (id, entry, log.submit(&envelope).await) });
    }
    let mut proofs = Vec::new();
    let mut refused = None;
    while let Some(submitted) = submissions.join_next().await {
        match submitted {
            Ok((id, entry, Ok(Submitted::Witnessed(proof)))) => match proof.open(&entry, policy) {
                Ok(_) => proofs.push((id, proof.to_bytes())),
                Err(error) => {
                    tracing::error!(id, cause = chain(&error), "the log's proof is refused")
                }
            },
            Ok((_, _, Ok(Submitted::Durable { .. }))) => {}
            Ok((_, _, Err(error))) => refused = Some(CenterError::Log(error)),
            Err(_) => refused = Some(CenterError::Ended),
        }
    }
    if !proofs.is_empty() {
        let mut write = db.begin().await?;
        for (id, proof) in &proofs {
            query("UPDATE statements SET proof = $1 WHERE id = $2")
                .bind(proof)
                .bind(id)
                .execute(&mut *write)
                .await
                .map_err(|e| db.sort(e))?;
        }
        db.commit(write).await?;
    }
    match refused {
        Some(error) if proofs.is_empty() => Err(error),
        _ => Ok(proofs.len()),
    }
}
