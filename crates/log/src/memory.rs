//! What witnesses remember of this log, and whether it has what they remember.
//!
//! ```text
//! GET <witness>/<hex SHA-256 of the origin>/checkpoint     tlog-witness, "monitoring"
//! ```
//!
//! Asked when the log starts, and of each witness that did not answer then before it is offered
//! anything; again when a witness refuses as if the log had forgotten. Only what verifies under
//! the log's own keys counts: a witness that lies costs its cosignature and nothing else.

use std::sync::Arc;

use serve::{Client, ClientConfig, ClientError};
use tlog::{
    Checkpoint, Frontier, Hash, Origin, VerifierKey, leaf_hash, open_checkpoint, verify_consistency,
};

use crate::entries::Entries;
use crate::error::{LogError, chain};
use crate::files::prove_growth;
use crate::limits::WITNESS_ANSWER_BYTES_MAX;
use crate::shared::Shared;
use crate::surroundings::Surroundings;

/// Asks witnesses what they cosigned last.
#[derive(Debug, Clone)]
pub(crate) struct Recall {
    client: Client,
    /// What stands behind a witness's address.
    path: String,
    keys: Vec<VerifierKey>,
}

/// A checkpoint that this log signed, whether it knows it or not.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) checkpoint: Checkpoint,
    /// Who showed it.
    pub(crate) by: String,
}

impl Recall {
    /// For the log `origin` with these keys of its own; a witness has `timeout_ms`.
    pub(crate) fn new(
        surroundings: &Surroundings,
        origin: &Origin,
        keys: Vec<VerifierKey>,
        timeout_ms: u64,
    ) -> Result<Self, LogError> {
        let client = surroundings.client(&ClientConfig {
            connect_timeout_ms: timeout_ms,
            total_timeout_ms: timeout_ms,
        })?;
        let name = tlog::sha256(origin.as_str().as_bytes()).to_hex();
        Ok(Self {
            client,
            path: format!("{name}/checkpoint"),
            keys,
        })
    }

    /// What the witness at `url` cosigned last. `None` if it answers with nothing that this log
    /// signed; an error only if it may still answer later.
    pub(crate) async fn ask(&self, url: &str) -> Result<Option<Seen>, ClientError> {
        let url = format!("{url}/{}", self.path);
        let answer = self.client.get_optional(&url, WITNESS_ANSWER_BYTES_MAX);
        let note = match answer.await {
            Ok(Some(note)) => note,
            Ok(None) => return Ok(None),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tracing::warn!(url, error = %chain(&error), "the witness does not say what it saw");
                return Ok(None);
            }
        };
        match open_checkpoint(&note, &self.keys) {
            Ok(seen) => Ok(Some(Seen {
                checkpoint: seen.into_inner(),
                by: format!("witness {url}"),
            })),
            Err(error) => {
                tracing::warn!(url, error = %chain(&error), "the witness shows what is not ours");
                Ok(None)
            }
        }
    }
}

/// Why a log with the entries it has may not go on after `seen`, if so. `newest` is what it signed
/// last, with its tiles on disk.
///
/// # Errors
/// What the log has cannot be read; then nothing is known.
pub(crate) async fn find_contradiction(
    shared: &Arc<Shared>,
    newest: &Checkpoint,
    seen: Seen,
) -> Result<Option<LogError>, LogError> {
    let (size, signed) = (seen.checkpoint.size(), *seen.checkpoint.root());
    // The law is fed what is durable, and before anything over it is signed.
    let rows = shared.law().next_index();
    if size > rows {
        // Another process may lead since: then nothing is lost, and this one stops for that reason.
        let found = shared.table.state().await?.sequenced;
        if found >= size {
            return Ok(Some(LogError::Moved {
                expected: rows,
                found,
            }));
        }
        let claim = seen.by;
        let signed = size;
        return Ok(Some(LogError::Behind {
            claim,
            signed,
            rows,
        }));
    }
    if size <= newest.size() {
        let proof = prove_growth(Arc::clone(shared), size, newest.size()).await?;
        let follows = verify_consistency(size, &signed, newest.size(), newest.root(), &proof);
        if follows.is_ok() {
            return Ok(None);
        }
    }
    // Whoever shows such a checkpoint has found a log that forgot: nobody can have us read all
    // rows for nothing.
    let found = root_of_entries(&shared.entries, size).await?;
    Ok((found != signed).then_some(LogError::OtherHistory {
        claim: seen.by,
        size,
        signed,
        found,
    }))
}

async fn root_of_entries(entries: &Entries, size: u64) -> Result<Hash, LogError> {
    let mut frontier = Frontier::default();
    while frontier.size() < size {
        let start = frontier.size();
        let batch = entries.around(start).await?;
        for index in start..batch.end().min(size) {
            frontier.append(leaf_hash(batch.get(index).unwrap_or_default()));
        }
    }
    Ok(frontier.root())
}
