//! A second look at one sample at rest: both openers are asked, the content key is put together where the keys of analysis epochs are,
//! a child looks, and the outcome is logged under its grant. The first verdict stands as it was.

use std::sync::Arc;

use seal::ShareRequest;
use serde::Serialize;
use statement::{
    FileDigest, OutcomeCounts, Reanalyses, ReanalysisRecord, Record, SampleId, SealDigest,
    StatementDigest, limits::BATCH_RECORDS_MAX,
};
use store::tables::{Row, query};

use crate::analysis::{End, Found};
use crate::batches::{batch_draft, count_outcomes, draw, make, shuffle};
use crate::cell::Cell;
use crate::ciphertexts::blocking;
use crate::disclosure::Logged;
use crate::error::CenterError;
use crate::intake::row_error;
use crate::limits::{LEASE_SLACK_SECONDS, OPENER_PATIENCE, OPENER_PAUSE_SECONDS};
use crate::openers::{NoAnswer, assemble};
use crate::outbox::{Draft, next_seq};
use crate::seconds::{LeasedAgain, Seconds};
use crate::workshop::Workshop;

/// A second look, as the owner is shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Again {
    grant: String,
    state: String,
    /// The grant with its proof.
    granted: Logged,
    /// Where the sample stands in the grant's tree, and the path to its root.
    place: Option<Place>,
    /// The record with its proof, once it is witnessed.
    verdict: Option<Logged>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Place {
    index: u64,
    path: Vec<FileDigest>,
}

impl Cell {
    /// Looks again at one sample; `false` when none waits.
    pub(crate) async fn reanalyse_next(
        self: &Arc<Self>,
        workshop: &Arc<Workshop>,
    ) -> Result<bool, CenterError> {
        let Some(openers) = &self.openers else {
            return Ok(false);
        };
        let (Some(ground), Some(process)) = (self.ground(), self.lead.process()) else {
            return Ok(false);
        };
        let Some(tools) = ground.tools_in_force() else {
            return Ok(false);
        };
        let (seconds, now) = (Seconds::new(self.db.clone()), self.now());
        let asking = 2 * OPENER_PATIENCE.as_secs();
        let child = self.config.worker_wall_ms.div_ceil(1000);
        let until = now.saturating_add(asking + child + LEASE_SLACK_SECONDS);
        let Some(again) = seconds.lease(self.trier(process), now, until).await? else {
            return Ok(false);
        };
        let request = self.request(&again).await?;
        let answers = match &request {
            // Erased a moment ago, or its list is gone.
            None => Err(NoAnswer::Refused),
            Some(request) => openers.ask(request).await,
        };
        let (request, answers) = match (request, answers) {
            (Some(request), Ok(answers)) => (request, answers),
            (_, no) => {
                let end = match no {
                    Err(NoAnswer::Unreached) => End::Lost,
                    _ => End::Refused,
                };
                let times = (self.now(), OPENER_PAUSE_SECONDS);
                seconds.end(&again, end, None, times).await?;
                return Ok(true);
            }
        };
        let (cell, workshop) = (Arc::clone(self), Arc::clone(workshop));
        let (again, found) = blocking(move || {
            let front = &again.leased.front;
            let found = match assemble(&cell.keyring, front, &request, &answers)? {
                Ok(key) => cell.run_child(&again.leased, &key, &workshop)?,
                Err(end) => Found::nothing(end),
            };
            Ok((again, found))
        })
        .await?;
        let finished = self.now();
        let record = found.end.is_verdict().then(|| {
            let verdict = self.record(tools, &again.leased, &found, finished)?;
            let grant = again.grant;
            Ok::<_, CenterError>(ReanalysisRecord { grant, verdict }.to_text())
        });
        let record = record.transpose()?;
        seconds
            .end(&again, found.end, record, (finished, 0))
            .await?;
        Ok(true)
    }

    /// What both openers are asked.
    async fn request(
        self: &Arc<Self>,
        again: &LeasedAgain,
    ) -> Result<Option<ShareRequest>, CenterError> {
        let (cell, root, grant) = (Arc::clone(self), again.root, again.grant);
        let (front, seal) = (again.leased.front.clone(), again.leased.seal);
        blocking(move || {
            let Some(tree) = cell.asked(&root)? else {
                return Ok(None);
            };
            let Some((index, path)) = tree.place(&seal) else {
                return Ok(None);
            };
            let Some(ciphertext) = cell.ciphertexts.digest(&front.header().address().sample)?
            else {
                return Ok(None);
            };
            Ok(Some(ShareRequest {
                grant,
                ciphertext,
                index,
                path,
                front,
            }))
        })
        .await
    }

    /// A batch of what machines made of samples when they looked again, all under one grant; returns how many.
    pub(crate) async fn make_reanalyses(self: &Arc<Self>) -> Result<usize, CenterError> {
        let rows = query(
            "SELECT record FROM reanalyses WHERE record IS NOT NULL AND statement IS NULL ORDER BY queued LIMIT $1",
        )
        .bind(BATCH_RECORDS_MAX as i64)
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let parse = |row: &Row| {
            let text: String = row.get(0);
            ReanalysisRecord::parse(&text).map_err(|_| row_error("a record of a second look"))
        };
        let mut records = rows.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let Some(grant) = records.first().map(|record| record.grant) else {
            return Ok(0);
        };
        records.retain(|record| record.grant == grant);
        shuffle(&mut records, draw)?;
        let outcomes = count_outcomes(records.iter().map(|record| &record.verdict));
        let (seq, count) = (
            next_seq(&self.db, "reanalyses").await?,
            records.len() as u64,
        );
        let cell = Arc::clone(self);
        let made = blocking(move || {
            make(records, |root| {
                cell.sign(cell.reanalyses((seq, count), grant, outcomes, root))
            })
        })
        .await?;
        let mut write = self.lead.begin().await?;
        let id = made.said.keep(&self.db, &mut write, self.now()).await?;
        for (record, proven) in &made.proven {
            query(
                "UPDATE reanalyses SET statement = $1, proven = $2 WHERE grant_digest = $3 AND sample = $4",
            )
            .bind(id)
            .bind(proven)
            .bind(record.grant.to_string())
            .bind(record.verdict.sample.as_str())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        }
        self.db.commit(write).await?;
        Ok(made.proven.len())
    }

    fn reanalyses(
        &self,
        (seq, count): (u64, u64),
        grant: StatementDigest,
        outcomes: OutcomeCounts,
        root: FileDigest,
    ) -> Draft {
        let predicate = Reanalyses {
            audience: self.audience(),
            not_after: self.not_after(),
            blobs: Vec::new(),
            home: self.home().clone(),
            grant,
            seq,
            count,
            outcomes,
            root,
        };
        batch_draft("reanalyses", root, (seq, count), predicate, None)
    }

    /// The second looks at a sample, for its owner.
    pub(crate) async fn looked_again(
        &self,
        sample: &SampleId,
        seal: &SealDigest,
    ) -> Result<Vec<Again>, CenterError> {
        let rows = query(
            "SELECT reanalyses.grant_digest, grants.root, grants.entry, grants.proof, reanalyses.state,
             reanalyses.statement, reanalyses.proven
             FROM reanalyses JOIN grants ON grants.grant_digest = reanalyses.grant_digest
             WHERE reanalyses.sample = $1 ORDER BY reanalyses.queued",
        )
        .bind(sample.as_str())
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| row_error("an entry"));
        let mut again = Vec::with_capacity(rows.len());
        for row in rows {
            let root: String = row.get(1);
            let root = root.parse().map_err(|_| row_error("a root"))?;
            let place = self.asked(&root)?.and_then(|tree| tree.place(seal));
            again.push(Again {
                grant: row.get(0),
                state: row.get(4),
                granted: Logged {
                    proven: None,
                    entry: text(row.get(2))?,
                    proof: text(row.get(3))?,
                },
                place: place.map(|(index, path)| Place {
                    index,
                    path: path.into_iter().map(FileDigest::new).collect(),
                }),
                verdict: self.logged(row.get(5), row.get(6)).await?,
            });
        }
        Ok(again)
    }
}
