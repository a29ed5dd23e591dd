//! Contradictions as evidence for anybody: a file that is judged offline, with the log's key (`spec/fork-evidence.md`).

use tlog::{Fork, ForkProveError, Verified, VerifierKey, open_checkpoint};

use crate::error::AuditError;
use crate::findings::{Evidence, Findings, ForkFile};
use crate::run_cross::Tiles;
use crate::run_log::LogAudit;

/// Adds the file to each contradiction of which it can be made: both checkpoints are signed by the log, and where
/// their sizes differ the log serves tiles of the larger tree.
///
/// # Errors
/// A place cannot be read.
pub(crate) async fn prove_forks(
    logs: &[LogAudit],
    findings: &mut Findings,
) -> Result<(), AuditError> {
    for evidence in findings.evidence_mut() {
        let log = logs.iter().find(|log| log.reader.origin == evidence.origin);
        if let Some(log) = log
            && evidence.fork.is_none()
        {
            evidence.fork = prove(log, evidence).await?;
        }
    }
    Ok(())
}

async fn prove(log: &LogAudit, evidence: &Evidence) -> Result<Option<ForkFile>, AuditError> {
    let policies = log.facts.policies.iter();
    let keys: Vec<VerifierKey> = policies
        .flat_map(|policy| policy.log_keys(&evidence.origin))
        .cloned()
        .collect();
    let open = |note: &[u8]| open_checkpoint(note, &keys).ok();
    let (Some(earlier), Some(later)) = (open(&evidence.earlier), open(&evidence.later)) else {
        return Ok(None);
    };
    Ok(prove_with_tiles(log, &earlier, &later).await?.map(|fork| {
        let (m, n) = (fork.smaller().size(), fork.larger().size());
        ForkFile::new(m, n, fork.to_evidence().to_bytes())
    }))
}

async fn prove_with_tiles(
    log: &LogAudit,
    one: &Verified<tlog::Checkpoint>,
    other: &Verified<tlog::Checkpoint>,
) -> Result<Option<Fork>, AuditError> {
    let mut tiles = Tiles::default();
    loop {
        match Fork::prove(one.clone(), other.clone(), &tiles) {
            Ok(fork) => return Ok(Some(fork)),
            Err(ForkProveError::Tiles(_)) => {
                let Some(missing) = tiles.missing.take() else {
                    return Ok(None);
                };
                let Ok(bytes) = log.reader.tile(missing).await? else {
                    return Ok(None);
                };
                tiles.held.insert(missing, bytes);
            }
            // An older checkpoint shown as the newest is no fork, or the tiles are not of the larger tree.
            Err(_) => return Ok(None),
        }
    }
}
