//! Attacks by the operator of the log on everybody who reads it.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, bail};
use logclient::{Follower, LogClient};
use tlog::{
    AddCheckpoint, BundleId, Checkpoint, Hash, Note, NoteSigner, cosign, leaf_hash, node_hash,
    sign_checkpoint,
};

use super::{
    Caught, Outcome, mirror,
    stage::{PATIENCE, Stage},
};
use crate::ceremony::{CENTER_LOG, LOG_KEYS, note_key};

const LOG: &str = "vendor/log";

/// The log's own keys sign a second tree of the same size, in which the last entry is another one.
pub(super) async fn two_histories(stage: &Stage) -> Result<Outcome> {
    let follower = stage.followed().await?;
    let shown = follower.checkpoint().context("the log is published")?;
    let (size, root) = (shown.size(), *shown.root());
    let mut leaves = leaves(follower.client(), size).await?;
    leaves.pop();
    leaves.push(leaf_hash(b"another last entry"));
    let honest = offer(stage, size, (size, root), Vec::new()).await?;
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
        caught: offer(stage, size, (size, root_of(&leaves)), Vec::new()).await?,
    })
}

/// The log hands out a receipt and goes back to the state before it. Its own program does not start from such
/// a state; the operator then grows the tree without the entry by hand and asks a witness for its signature.
pub(super) async fn dropped_entry(stage: &mut Stage) -> Result<Outcome> {
    let dir = stage.world.dir.join(LOG);
    let [before, newest] = ["log-before", "log-newest"].map(|name| dir.with_file_name(name));
    stage.world.kill_daemon(LOG)?;
    mirror::copy_tree(&dir, &before)?;
    stage.world.restart_daemon(LOG)?;
    let entry = mirror::heartbeat(stage, "acknowledged", CENTER_LOG)?;
    let log = stage.world.center_client()?;
    let receipt = log.submit_until_witnessed(&entry, PATIENCE).await?;
    check_receipt(&stage.followed().await?, &receipt, &entry)?;

    stage.world.kill_daemon(LOG)?;
    fs::rename(&dir, &newest).context("cannot put the log's directory aside")?;
    mirror::copy_tree(&before, &dir)?;
    let Err(refused) = stage.world.restart_daemon(LOG) else {
        bail!("a log that forgot an entry started");
    };
    if !format!("{refused:#}").contains("restore the newest copy") {
        bail!("the restored log stopped for another reason: {refused:#}");
    }
    fs::remove_dir_all(&dir).context("cannot remove the old copy")?;
    fs::rename(&newest, &dir).context("cannot put the log's directory back")?;
    stage.world.restart_daemon(LOG)?;

    let follower = stage.followed().await?;
    let size = follower
        .checkpoint()
        .context("the log is published")?
        .size();
    let mut leaves = leaves(follower.client(), size).await?;
    leaves.remove(usize::try_from(receipt.index)?);
    leaves.push(leaf_hash(b"an entry in its place"));
    leaves.push(leaf_hash(b"and one more"));
    let proof = prove_consistency(usize::try_from(size)?, &leaves, true);
    let grown = (leaves.len() as u64, root_of(&leaves));
    Ok(Outcome {
        honest: format!(
            "with the entry the tree grew, and the receipt for entry {} verifies",
            receipt.index
        ),
        caught: offer(stage, size, grown, proof).await?,
    })
}

/// Whatever the log does later: this was witnessed, and shows that it had the entry.
fn check_receipt(
    follower: &Follower,
    receipt: &tlog::TlogProof,
    entry: &statement::Envelope,
) -> Result<()> {
    let state = follower.view()?.state();
    let policy = state.policy().context("a constitution is in force")?;
    receipt.open(&entry.to_bytes(), policy)?;
    Ok(())
}

/// Leaf hashes of a log's first entries.
async fn leaves(log: &LogClient, size: u64) -> Result<Vec<Hash>> {
    let mut leaves = Vec::new();
    for id in BundleId::covering(size) {
        let entries = log.entries(id).await?;
        leaves.extend(entries.iter().map(|entry| leaf_hash(entry)));
    }
    Ok(leaves)
}

/// MTH of RFC 6962 section 2.1, of at least one leaf.
fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split_of(leaves.len()));
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// SUBPROOF of RFC 6962 section 2.1.2: what the first `old` leaves say about all.
fn prove_consistency(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![root_of(leaves)]
        };
    }
    let at = split_of(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut proof, other) = if old <= at {
        (prove_consistency(old, left, whole), right)
    } else {
        (prove_consistency(old - at, right, false), left)
    };
    proof.push(root_of(other));
    proof
}

/// The largest power of two below the number of leaves.
const fn split_of(leaves: usize) -> usize {
    1 << (leaves - 1).ilog2()
}

/// Signs a tree as the log would and asks a witness, which cosigned `old_size` entries, to cosign it.
async fn offer(
    stage: &Stage,
    old_size: u64,
    (size, root): (u64, Hash),
    proof: Vec<Hash>,
) -> Result<Option<Caught>> {
    let urls = stage.world.witness_urls();
    let url = urls.first().context("a witness runs")?;
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
        old_size,
        proof,
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
