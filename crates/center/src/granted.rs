//! Which samples wait for a second look: asked for by this cell, granted by the supervisor, still kept.
//!
//! A list of samples that is to be asked for lies in `asked/`, named by the root of its tree. When a grant with this root counts in the
//! log, and names what this cell works with, the samples on the list go into a queue behind all first analyses.

use std::sync::Arc;

use law::ReanalysisGrant;
use logclient::Kept;
use statement::{
    FileDigest, Predicate, SealDigest, SealTree, StatementDigest, limits::GRANT_SAMPLES_MAX,
};
use store::tables::{Row, query};
use store::{Files, StoreError};

use crate::cell::Cell;
use crate::config::Config;
use crate::error::CenterError;
use crate::intake::row_error;
use crate::limits::ASKED_BYTES_MAX;
use crate::remote;
use crate::schema::{QUEUE_AGAIN, to_sql};

/// Samples that a supervisor is asked to let machines look at again.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Their tree.
    pub tree: SealTree,
    /// One seal digest on each line: what the supervisor judges.
    pub text: String,
}

/// Writes down which samples a cell asks for: at most `count` of those that rest with a verdict, the least looked at and
/// oldest first. The cell may be at work meanwhile.
///
/// # Errors
/// Database or directory cannot be used; [`CenterError::Asked`] when no sample rests.
pub async fn ask_reanalysis(config: &Config, count: usize) -> Result<Asked, CenterError> {
    let site = remote::open(config).await?;
    let db = site.db;
    let rows = query(
        "SELECT samples.seal FROM samples WHERE samples.state = 'analysed' AND samples.outcome != 'missealed'
         AND samples.verdict IS NOT NULL
         ORDER BY (SELECT COUNT(*) FROM reanalyses WHERE reanalyses.sample = samples.sample), samples.finished
         LIMIT $1",
    )
    .bind(to_sql(count.min(GRANT_SAMPLES_MAX) as u64))
    .fetch_all(db.readers())
    .await
    .map_err(|e| db.sort(e))?;
    db.close().await;
    let parse = |row: &Row| {
        let text: String = row.get(0);
        text.parse::<SealDigest>()
            .map_err(|_| row_error("a seal digest"))
    };
    let mut seals: Vec<SealDigest> = rows.iter().map(parse).collect::<Result<_, _>>()?;
    seals.sort();
    let tree = SealTree::new(seals).map_err(CenterError::Asked)?;
    let text: String = tree
        .seals()
        .iter()
        .map(|seal| format!("{seal}\n"))
        .collect();
    let files = Files::open(&site.files.join("asked"))?;
    files.create(&tree.root().to_string(), text.as_bytes())?;
    Ok(Asked { tree, text })
}

/// Reads a list: seal digests that ascend, one on each line.
///
/// # Errors
/// [`CenterError::Asked`], or the line that is none.
pub fn read_asked(text: &str) -> Result<SealTree, CenterError> {
    let seals = text.lines().map(str::parse::<SealDigest>);
    let seals = seals.collect::<Result<Vec<_>, _>>();
    let seals = seals.map_err(CenterError::AskedLine)?;
    SealTree::new(seals).map_err(CenterError::Asked)
}

impl Cell {
    /// The list with this root; nothing when this cell did not ask. Blocks.
    pub(crate) fn asked(&self, root: &FileDigest) -> Result<Option<Arc<SealTree>>, CenterError> {
        let mut trees = self
            .trees
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(tree) = trees.get(root) {
            return Ok(Some(Arc::clone(tree)));
        }
        let text = match self.asked.read(&root.to_string(), ASKED_BYTES_MAX) {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            read => String::from_utf8(read?).unwrap_or_default(),
        };
        let tree = Arc::new(read_asked(&text)?);
        if tree.root() != *root {
            return Ok(None);
        }
        trees.insert(*root, Arc::clone(&tree));
        Ok(Some(tree))
    }

    /// Queues what was granted since; returns how many samples.
    pub(crate) async fn queue_granted(&self) -> Result<usize, CenterError> {
        if self.openers.is_none() {
            return Ok(0);
        }
        let mut queued = 0;
        for (digest, root) in self.grants_not_queued().await? {
            let Some(tree) = self.asked(&root)? else {
                continue;
            };
            let read = self.read.lock().await;
            let view = read.follower.view()?;
            let grant = match ReanalysisGrant::check(view, digest, self.now()) {
                Ok(grant) => grant,
                Err(refusal) => {
                    tracing::debug!(%digest, %refusal, "a grant does not count");
                    continue;
                }
            };
            let bundle = read.follower.bundle(&[grant.standing().index()]).await?;
            drop(read);
            let index = grant.standing().index();
            let proofs = bundle.entries.iter().zip(bundle.to_tlog_proofs());
            let logged = proofs.into_iter().find(|(entry, _)| entry.index == index);
            if let Some((entry, proof)) = logged {
                let shown = (entry.entry.as_slice(), proof.to_bytes());
                queued += self.queue(digest, &tree, shown).await?;
            }
        }
        Ok(queued)
    }

    /// Grants of this home that name what this cell works with.
    async fn grants_not_queued(&self) -> Result<Vec<(StatementDigest, FileDigest)>, CenterError> {
        let rows = query("SELECT grant_digest FROM grants")
            .fetch_all(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        let known: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let read = self.read.lock().await;
        let kept = read.follower.kept().iter();
        let fits = |kept: &Kept| {
            let Predicate::ReanalysisGrant(grant) = &kept.statement.predicate else {
                return None;
            };
            let config = &self.config;
            let is_ours = grant.home == *self.home()
                && (grant.worker, grant.rules, grant.scoring)
                    == (config.worker, config.rules, config.scoring);
            (is_ours && !known.contains(&kept.digest.to_string()))
                .then_some((kept.digest, grant.root))
        };
        Ok(kept.filter_map(fits).collect())
    }

    async fn queue(
        &self,
        grant: StatementDigest,
        tree: &SealTree,
        (entry, proof): (&[u8], Vec<u8>),
    ) -> Result<usize, CenterError> {
        let mut write = self.lead.begin().await?;
        query(
            "INSERT INTO grants (grant_digest, root, entry, proof, queued) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(grant.to_string())
        .bind(tree.root().to_string())
        .bind(entry)
        .bind(proof)
        .bind(to_sql(self.now()))
        .execute(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        let mut queued = 0;
        for seal in tree.seals() {
            // What was erased since, or was never here, is not looked at.
            let done = query(self.db.choose(QUEUE_AGAIN))
                .bind(grant.to_string())
                .bind(seal.to_string())
                .execute(&mut *write)
                .await
                .map_err(|e| self.db.sort(e))?;
            queued += usize::try_from(done.rows_affected()).unwrap_or(0);
        }
        self.db.commit(write).await?;
        tracing::info!(%grant, queued, "samples wait for a second look");
        Ok(queued)
    }
}
