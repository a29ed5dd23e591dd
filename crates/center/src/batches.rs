//! Receipts and verdicts in batches: drawn together, shuffled, hashed into a tree, signed, kept. The owner's proof of
//! each record is made at once and kept beside its sample, so that erasing the sample takes it away.

use std::collections::BTreeMap;

use statement::{
    Anomaly, BatchTree, Day, FileDigest, Outcome, OutcomeCounts, Predicate, Proven, Reason,
    ReceiptRecord, Receipts, Record, StatementDigest, Subject, VerdictRecord, Verdicts,
    limits::BATCH_RECORDS_MAX,
};
use store::tables::query;

use crate::analysis::public_name;
use crate::cell::Cell;
use crate::ciphertexts::blocking;
use crate::error::CenterError;
use crate::intake::{reparse, row_error};
use crate::jobs::draw_salt;
use crate::outbox::{Draft, Said, next_seq};
use crate::schema::{from_sql, to_sql};

/// Brings `items` into an order that says nothing about when they came.
pub(crate) fn shuffle<T>(
    items: &mut [T],
    mut draw: impl FnMut() -> Result<u64, CenterError>,
) -> Result<(), CenterError> {
    // Fisher and Yates. The remainder of 64 random bits is even enough for a thousand.
    for last in (1..items.len()).rev() {
        let place = draw()? % (last as u64 + 1);
        items.swap(last, usize::try_from(place).unwrap_or(0));
    }
    Ok(())
}

pub(crate) fn draw() -> Result<u64, CenterError> {
    Ok(u64::from_le_bytes(*keys::random_bytes::<8>()?))
}

/// A signed batch and the proof of each record in it.
pub(crate) struct Made<R> {
    pub(crate) said: Said,
    pub(crate) proven: Vec<(R, String)>,
}

/// Hashes and signs a batch. Blocks: the paths of a thousand records take a moment.
pub(crate) fn make<R: Record + Clone>(
    records: Vec<R>,
    sign: impl FnOnce(FileDigest) -> Result<Said, CenterError>,
) -> Result<Made<R>, CenterError> {
    let tree = BatchTree::new(&records)?;
    let said = sign(tree.root())?;
    let batch: StatementDigest = said.digest();
    let mut proven = Vec::with_capacity(records.len());
    for (index, record) in records.into_iter().enumerate() {
        let proof: Proven<R> = tree
            .prove(batch, index, &record)
            .ok_or(CenterError::Ended)?;
        let text = String::from_utf8(proof.to_bytes()?).map_err(|_| CenterError::Ended)?;
        proven.push((record, text));
    }
    Ok(Made { said, proven })
}

impl Cell {
    /// Receipts for what came; returns how many.
    pub(crate) async fn make_receipts(self: &std::sync::Arc<Self>) -> Result<usize, CenterError> {
        let rows = query(
            "SELECT seal, front, received, region FROM samples WHERE receipt IS NULL AND state != 'erased'
             ORDER BY received LIMIT $1",
        )
        .bind(BATCH_RECORDS_MAX as i64)
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut regions: BTreeMap<String, i64> = BTreeMap::new();
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            // Erased since: nobody will ask for its receipt.
            let Some(front) = row.get::<Option<Vec<u8>>, _>(1) else {
                continue;
            };
            let (front, seal): (_, String) = (reparse(&front)?, row.get(0));
            *regions.entry(row.get(3)).or_default() += 1;
            records.push(ReceiptRecord {
                sample: front.header().address().sample.clone(),
                seal: seal.parse().map_err(|_| row_error("a seal digest"))?,
                wraps: FileDigest::new(front.wraps().digest()),
                home: self.home().clone(),
                received: from_sql(row.get(2)),
                salt: draw_salt()?,
            });
        }
        if records.is_empty() {
            return Ok(0);
        }
        shuffle(&mut records, draw)?;
        let (seq, count) = (next_seq(&self.db, "receipts").await?, records.len() as u64);
        let cell = std::sync::Arc::clone(self);
        let made =
            blocking(move || make(records, |root| cell.sign(cell.receipts(seq, count, root))))
                .await?;
        let now = self.now();
        let mut write = self.lead.begin().await?;
        let id = made.said.keep(&self.db, &mut write, now).await?;
        for (record, proven) in &made.proven {
            query(
                "UPDATE samples SET receipt = $1, receipt_proven = $2 WHERE sample = $3 AND state != 'erased'",
            )
            .bind(id)
            .bind(proven)
            .bind(record.sample.as_str())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        }
        for (region, count) in regions {
            query("INSERT INTO batch_regions (statement, region, count) VALUES ($1, $2, $3)")
                .bind(id)
                .bind(region)
                .bind(count)
                .execute(&mut *write)
                .await
                .map_err(|e| self.db.sort(e))?;
        }
        self.db.commit(write).await?;
        Ok(made.proven.len())
    }

    fn receipts(&self, seq: u64, count: u64, root: FileDigest) -> Draft {
        let predicate = Receipts {
            audience: self.audience(),
            not_after: self.not_after(),
            blobs: Vec::new(),
            home: self.home().clone(),
            seq,
            count,
            root,
        };
        batch_draft("receipts", root, (seq, count), predicate, None)
    }

    /// Verdicts of what was analysed; returns how many. Only of samples whose receipt was made before.
    pub(crate) async fn make_verdicts(self: &std::sync::Arc<Self>) -> Result<usize, CenterError> {
        let rows = query(
            "SELECT verdict_record FROM samples WHERE verdict IS NULL AND verdict_record IS NOT NULL
             AND receipt IS NOT NULL ORDER BY finished LIMIT $1",
        )
        .bind(BATCH_RECORDS_MAX as i64)
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        if rows.is_empty() {
            return Ok(0);
        }
        let parse = |row: &store::tables::Row| {
            let text: String = row.get(0);
            VerdictRecord::parse(&text).map_err(|_| row_error("a verdict record"))
        };
        let mut records: Vec<VerdictRecord> = rows.iter().map(parse).collect::<Result<_, _>>()?;
        shuffle(&mut records, draw)?;
        let outcomes = count_outcomes(&records);
        let (seq, count) = (next_seq(&self.db, "verdicts").await?, records.len() as u64);
        let cell = std::sync::Arc::clone(self);
        let made = blocking(move || {
            make(records, |root| {
                cell.sign(cell.verdicts(seq, count, outcomes, root)?)
            })
        })
        .await?;
        let mut write = self.lead.begin().await?;
        let id = made.said.keep(&self.db, &mut write, self.now()).await?;
        for (record, proven) in &made.proven {
            query(
                "UPDATE samples SET verdict = $1, verdict_proven = $2 WHERE sample = $3 AND state != 'erased'",
            )
            .bind(id)
            .bind(proven)
            .bind(record.sample.as_str())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        }
        self.db.commit(write).await?;
        Ok(made.proven.len())
    }

    fn verdicts(
        &self,
        seq: u64,
        count: u64,
        outcomes: OutcomeCounts,
        root: FileDigest,
    ) -> Result<Draft, CenterError> {
        let predicate = Verdicts {
            audience: self.audience(),
            not_after: self.not_after(),
            blobs: Vec::new(),
            home: self.home().clone(),
            seq,
            count,
            outcomes,
            root,
        };
        let text = serde_json::to_string(&outcomes).map_err(|_| CenterError::Ended)?;
        Ok(batch_draft(
            "verdicts",
            root,
            (seq, count),
            predicate,
            Some(text),
        ))
    }

    /// One `anomaly` for each sample whose verdict says so and is witnessed; returns how many.
    pub(crate) async fn make_anomalies(&self) -> Result<usize, CenterError> {
        let rows = query(
            "SELECT samples.front, samples.seal, samples.received, samples.verdict_record, receipts.digest, verdicts.digest
             FROM samples JOIN statements AS receipts ON receipts.id = samples.receipt
             JOIN statements AS verdicts ON verdicts.id = samples.verdict
             WHERE samples.outcome = 'anomaly' AND samples.anomaly IS NULL AND samples.state = 'analysed'
             AND verdicts.proof IS NOT NULL LIMIT 64",
        )
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        for row in &rows {
            let (Some(front), Some(record)) = (
                row.get::<Option<Vec<u8>>, _>(0),
                row.get::<Option<String>, _>(3),
            ) else {
                continue;
            };
            let (front, seal): (_, String) = (reparse(&front)?, row.get(1));
            let record =
                VerdictRecord::parse(&record).map_err(|_| row_error("a verdict record"))?;
            let (receipts, verdicts): (String, String) = (row.get(4), row.get(5));
            let address = front.header().address();
            let digest = |text: String| {
                text.parse::<StatementDigest>()
                    .map_err(|_| row_error("a digest"))
            };
            let anomaly = Anomaly {
                audience: self.audience(),
                not_after: self.not_after(),
                blobs: Vec::new(),
                sample: address.sample.clone(),
                seal: seal.parse().map_err(|_| row_error("a seal digest"))?,
                home: self.home().clone(),
                region: address.region.clone(),
                size_bytes_max: address.size_bytes.next_power_of_two(),
                day: Day::of(from_sql(row.get(2))).ok_or(CenterError::Clock)?,
                receipts: digest(receipts)?,
                verdicts: digest(verdicts)?,
                reasons: public_reasons(&record.reasons),
            };
            let subject = Subject::new(
                address.sample.as_str(),
                FileDigest::new(*record.seal.hash()),
            );
            let said = self.sign(Draft::single("anomaly", subject, anomaly))?;
            let mut write = self.lead.begin().await?;
            let id = said.keep(&self.db, &mut write, self.now()).await?;
            let changed = query(
                "UPDATE samples SET anomaly = $1 WHERE sample = $2 AND anomaly IS NULL AND state = 'analysed'",
            )
            .bind(id)
            .bind(address.sample.as_str())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
            // Erased a moment ago: nothing is said about it.
            if changed.rows_affected() == 1 {
                self.db.commit(write).await?;
            }
        }
        Ok(rows.len())
    }

    /// Whether a batch is due before its time, because as many wait as it may have.
    pub(crate) async fn batch_is_full(&self) -> Result<bool, CenterError> {
        let row = query(
            "SELECT COUNT(*) FROM (SELECT 1 FROM samples WHERE receipt IS NULL AND state != 'erased' LIMIT $1) AS due",
        )
        .bind(BATCH_RECORDS_MAX as i64)
        .fetch_one(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        Ok(row.get::<i64, _>(0) >= to_sql(BATCH_RECORDS_MAX as u64))
    }
}

pub(crate) fn batch_draft(
    kind: &'static str,
    root: FileDigest,
    batch: (u64, u64),
    predicate: impl Into<Predicate>,
    outcomes: Option<String>,
) -> Draft {
    Draft {
        kind,
        subject: vec![Subject::new(kind, root)],
        predicate: predicate.into(),
        batch: Some(batch),
        outcomes,
    }
}

pub(crate) fn count_outcomes<'a>(
    records: impl IntoIterator<Item = &'a VerdictRecord>,
) -> OutcomeCounts {
    let outcomes: Vec<_> = records.into_iter().map(|it| it.outcome).collect();
    let count = |outcome| outcomes.iter().filter(|it| **it == outcome).count() as u64;
    OutcomeCounts {
        clean: count(Outcome::Clean),
        suspicious: count(Outcome::Suspicious),
        malicious: count(Outcome::Malicious),
        anomaly: count(Outcome::Anomaly),
        missealed: count(Outcome::Missealed),
    }
}

/// Names only, each once: details stay between the cell and the owner.
fn public_reasons(reasons: &[Reason]) -> Vec<Reason> {
    let mut names: Vec<Reason> = reasons
        .iter()
        .filter_map(|reason| public_name(reason.as_str()))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffled_batch_has_all_of_them_in_the_order_that_was_drawn() {
        let mut items: Vec<u64> = (0..100).collect();
        let mut state = 1_u64;
        shuffle(&mut items, || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            Ok(state >> 16)
        })
        .unwrap();
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
