//! An attack by the operator of the log on everybody who reads it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tlog::{
    AddCheckpoint, Checkpoint, Frontier, Note, NoteSigner, cosign, leaf_hash, sign_checkpoint,
};

use super::{Caught, Outcome, stage::Stage};
use crate::ceremony::{CENTER_LOG, LOG_KEYS, note_key};

/// The log's own keys sign a second tree of the same size, in which the last entry is another one.
pub(super) async fn two_histories(stage: &Stage) -> Result<Outcome> {
    let follower = stage.followed().await?;
    let shown = follower.checkpoint().context("the log is published")?;
    let (size, root) = (shown.size(), *shown.root());
    let mut second = Frontier::new();
    for index in 0..size {
        let entry = if index + 1 == size {
            b"another last entry".to_vec()
        } else {
            follower.entry(index).await?
        };
        second.append(leaf_hash(&entry));
    }
    let url = stage
        .world
        .witness_urls()
        .into_iter()
        .next()
        .context("a witness runs")?;
    let honest = offer(stage, &url, size, root).await?;
    if let Some(caught) = honest {
        bail!(
            "the honest twin was refused: {} {}",
            caught.code,
            caught.detail
        );
    }
    let honest = format!("the published tree of {size} entries was cosigned again");
    Ok(Outcome {
        honest,
        caught: offer(stage, &url, size, second.root()).await?,
    })
}

/// Signs a tree as the log would and asks a witness to cosign it.
async fn offer(stage: &Stage, url: &str, size: u64, root: tlog::Hash) -> Result<Option<Caught>> {
    let checkpoint = Checkpoint::new(CENTER_LOG.parse()?, size, root)?;
    let mut lines = Vec::new();
    for (file, key_type) in LOG_KEYS {
        let key = note_key(
            &stage.world.dir,
            "vendor",
            file,
            CENTER_LOG.parse()?,
            key_type,
        )?;
        let signer: &dyn NoteSigner = &key;
        lines.push(match key_type {
            tlog::KeyType::Ed25519 => sign_checkpoint(&checkpoint.to_string(), signer)?,
            _ => cosign(&checkpoint, release::system_clock(), signer)?,
        });
    }
    let note = Note::new(checkpoint.to_string(), lines)?;
    let request = AddCheckpoint {
        old_size: size,
        proof: Vec::new(),
        checkpoint: note.to_string().into_bytes(),
    };
    let answer = stage
        .world
        .http
        .post(
            &format!("{url}/add-checkpoint"),
            "text/plain",
            request.to_bytes(),
            64 << 10,
            Duration::from_secs(10),
        )
        .await;
    match answer {
        Ok(_) => Ok(None),
        Err(error) => {
            let refused = error.refused().context("the witness answers")?;
            let problem = refused.problem.as_ref().context("the witness says why")?;
            Ok(Some(Caught {
                code: problem.code.clone(),
                detail: format!("HTTP {}: {}", refused.status, problem.title),
            }))
        }
    }
}
