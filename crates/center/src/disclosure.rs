//! What the cell shows an owner, and that it forgets when the owner says so.

use seal::{Front, disclosure_message, erasure_message};
use serde::Serialize;
use statement::{Erasure, ErasureCause, FileDigest, SampleId, SealDigest, Subject};
use store::tables::query;

use crate::cell::Cell;
use crate::ciphertexts::blocking;
use crate::equipment::ShownTool;
use crate::error::{CenterError, Refusal};
use crate::intake::{reparse, row_error, signature_of};
use crate::outbox::Draft;
use crate::reanalysis::Again;
use crate::schema::{from_sql, to_sql};
use crate::tries::Try;

/// A whole offline proof; `spec/intake.md` says what each text is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Logged {
    pub(crate) proven: Option<String>,
    pub(crate) entry: String,
    pub(crate) proof: String,
}

/// Everything that the cell can show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Disclosure {
    sample: SampleId,
    seal: SealDigest,
    home: String,
    state: String,
    received: u64,
    receipt: Option<Logged>,
    verdict: Option<Logged>,
    anomaly: Option<Logged>,
    erasure: Option<Logged>,
    touched: Vec<Try>,
    /// Releases that the tries name: what makes a verdict one by rules that others signed.
    tools: Vec<ShownTool>,
    /// What machines made of it when they looked again, and by whose leave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    again: Vec<Again>,
}

/// A row of `samples`, as far as owners are concerned.
struct Sample {
    seal: SealDigest,
    /// Nothing once it is erased.
    front: Option<Front>,
    state: String,
    received: u64,
    receipt: (Option<i64>, Option<String>),
    verdict: (Option<i64>, Option<String>),
    anomaly: Option<i64>,
    erasure: Option<i64>,
}

impl Cell {
    /// The receipt, for its owner; nothing while its batch is not witnessed.
    pub(crate) async fn receipt(
        &self,
        sample: &SampleId,
        signature: &[u8],
    ) -> Result<Option<Logged>, Refusal> {
        let row = self.sample(sample).await?;
        if row.front.is_none() {
            return Err(Refusal::Erased);
        }
        check_owner(&row, &disclosure_message(sample, &row.seal), signature)?;
        let (id, proven) = row.receipt;
        Ok(self.logged(id, proven).await?)
    }

    /// Everything, for the owner. What is left of an erased sample stands in public, so anybody is shown it.
    pub(crate) async fn disclose(
        &self,
        sample: &SampleId,
        signature: &[u8],
    ) -> Result<Disclosure, Refusal> {
        let row = self.sample(sample).await?;
        if row.front.is_some() {
            check_owner(&row, &disclosure_message(sample, &row.seal), signature)?;
        }
        let (receipt, verdict) = (row.receipt, row.verdict);
        Ok(Disclosure {
            sample: sample.clone(),
            seal: row.seal,
            home: self.home().to_string(),
            state: row.state,
            received: row.received,
            receipt: self.logged(receipt.0, receipt.1).await?,
            verdict: self.logged(verdict.0, verdict.1).await?,
            anomaly: self.logged_single(row.anomaly).await?,
            erasure: self.logged_single(row.erasure).await?,
            // Before the tries: whose second look is over, of that the try that ended it is shown, too.
            again: self.looked_again(sample, &row.seal).await?,
            touched: self.jobs.tries(sample).await?,
            tools: self.shown_tools(sample).await?,
        })
    }

    /// Erases a sample because its owner says so. The entries of the log stay; without the salts they say nothing.
    pub(crate) async fn erase(&self, sample: &SampleId, signature: &[u8]) -> Result<(), Refusal> {
        let signature = signature_of(signature)?;
        let occupied = self.occupy(sample)?;
        let row = self.sample(sample).await?;
        if row.front.is_none() {
            // Done before. What stands in public shows who asked.
            return Ok(());
        }
        let message = erasure_message(sample, &row.seal);
        check_owner(&row, &message, &signature)?;
        let now = self.now();
        let erasure = Erasure {
            audience: self.audience(),
            not_after: self.not_after(),
            blobs: Vec::new(),
            sample: sample.clone(),
            seal: row.seal,
            home: self.home().clone(),
            cause: ErasureCause::Owner,
            demand: Some(FileDigest::of(&[message.as_slice(), &signature].concat())),
            erased_at: now,
        };
        let subject = Subject::new(sample.as_str(), FileDigest::new(*row.seal.hash()));
        let said = self.sign(Draft::single("erasure", subject, erasure))?;
        // The file first: if the cell is killed in between, the owner was not answered, and asks again.
        let (files, name) = (self.ciphertexts.clone(), sample.clone());
        blocking(move || files.remove(&name)).await?;
        let mut write = self.db.begin().await?;
        // What is deleted is overwritten in the file, not only forgotten.
        write
            .overwrite_deleted()
            .await
            .map_err(|e| self.db.sort(e))?;
        query("DELETE FROM jobs WHERE sample = $1")
            .bind(sample.as_str())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        let id = said.keep(&self.db, &mut write, now).await?;
        query(
            "UPDATE samples SET front = NULL, state = 'erased', receipt_proven = NULL, verdict_record = NULL,
             verdict_proven = NULL, outcome = NULL, region = '', erasure = $1, erased = $2 WHERE sample = $3",
        )
        .bind(id)
        .bind(to_sql(now))
        .bind(sample.as_str())
        .execute(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        // After the row of the sample: until this ends no grant can queue it any more.
        query("DELETE FROM reanalyses WHERE sample = $1")
            .bind(sample.as_str())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        self.db.commit(write).await?;
        self.erased
            .store(true, std::sync::atomic::Ordering::Relaxed);
        drop(occupied);
        Ok(())
    }

    async fn sample(&self, sample: &SampleId) -> Result<Sample, Refusal> {
        let row = query(
            "SELECT seal, front, state, received, receipt, receipt_proven, verdict, verdict_proven, anomaly, erasure
             FROM samples WHERE sample = $1",
        )
        .bind(sample.as_str())
        .fetch_optional(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let row = row.ok_or(Refusal::NoSample)?;
        let (seal, front): (String, Option<Vec<u8>>) = (row.get(0), row.get(1));
        Ok(Sample {
            seal: seal.parse().map_err(|_| row_error("a seal digest"))?,
            front: front.map(|bytes| reparse(&bytes)).transpose()?,
            state: row.get(2),
            received: from_sql(row.get(3)),
            receipt: (row.get(4), row.get(5)),
            verdict: (row.get(6), row.get(7)),
            anomaly: row.get(8),
            erasure: row.get(9),
        })
    }

    /// A record's proof with the entry it stands in, once that is witnessed.
    pub(crate) async fn logged(
        &self,
        id: Option<i64>,
        proven: Option<String>,
    ) -> Result<Option<Logged>, CenterError> {
        let Some(proven) = proven else {
            return Ok(None);
        };
        let single = self.logged_single(id).await?;
        Ok(single.map(|logged| Logged {
            proven: Some(proven),
            ..logged
        }))
    }

    async fn logged_single(&self, id: Option<i64>) -> Result<Option<Logged>, CenterError> {
        let Some(id) = id else {
            return Ok(None);
        };
        let row = query("SELECT entry, proof FROM statements WHERE id = $1 AND proof IS NOT NULL")
            .bind(id)
            .fetch_optional(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_| CenterError::Row {
                table: "statements",
                what: "bytes that are no text".to_owned(),
            })
        };
        Ok(Some(Logged {
            proven: None,
            entry: text(row.get(0))?,
            proof: text(row.get(1))?,
        }))
    }
}

fn check_owner(sample: &Sample, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
    let signature = signature_of(signature)?;
    let front = sample.front.as_ref().ok_or(Refusal::Erased)?;
    let key = front.header().address().upload_key;
    key.verify(message, &signature)
        .map_err(|_| Refusal::NotOwner)
}
