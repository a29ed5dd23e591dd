//! An attack on the wire between center and endpoint.

use anyhow::{Context as _, Result};

use super::{Outcome, stage::Stage};
use crate::examples::LURES_1_0;

/// One byte of one rebuild's signature is changed; all the rest is as the center made it.
pub(super) async fn tampered(stage: &Stage) -> Result<Outcome> {
    let approved = stage.approved("lures-tampered", LURES_1_0).await?;
    let release = stage.release_of(&approved)?;
    let center = stage
        .log(&stage.sign(&release, "vendor", "center")?)
        .await?;
    let supervisor = stage
        .log(&stage.sign(&release, "supervisor", "supervisor")?)
        .await?;
    let mut bundle = stage.bundle(&approved, &[center, supervisor]).await?;
    if let Some(caught) = stage.verify(&approved, &bundle).await? {
        anyhow::bail!(
            "the honest twin was refused: {} {}",
            caught.code,
            caught.detail
        );
    }
    let honest = format!(
        "the same bundle verified, byte for byte as made ({} entries)",
        bundle.entries.len()
    );
    let target = bundle
        .entries
        .iter_mut()
        .rev()
        .find(|entry| entry.index < center)
        .context("an entry below the release")?;
    let at = target.entry.len() - 10;
    target.entry[at] = if target.entry[at] == b'A' { b'B' } else { b'A' };
    Ok(Outcome {
        honest,
        caught: stage.verify(&approved, &bundle).await?,
    })
}
