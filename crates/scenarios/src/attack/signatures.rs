//! Attacks with stolen or missing signatures under a release.

use anyhow::{Context as _, Result, bail};
use law::BundleEntry;
use statement::{Heartbeat, Statement};

use super::{
    Outcome,
    stage::{Approved, Stage},
};
use crate::{ceremony::CENTER_LOG, examples::LURES_1_0};

/// The honest twin of all three: the same release, signed by center and supervisor, logged, verified.
pub(super) async fn honest(stage: &Stage, product: &str) -> Result<(Approved, String)> {
    let approved = stage.approved(product, LURES_1_0).await?;
    let release = stage.release_of(&approved)?;
    let center = stage
        .log(&stage.sign(&release, "vendor", "center")?)
        .await?;
    let supervisor = stage
        .log(&stage.sign(&release, "supervisor", "supervisor")?)
        .await?;
    let bundle = stage.bundle(&approved, &[center, supervisor]).await?;
    if let Some(caught) = stage.verify(&approved, &bundle).await? {
        bail!(
            "the honest twin was refused: {} {}",
            caught.code,
            caught.detail
        );
    }
    Ok((
        approved,
        format!("{product} verified (entries {center}, {supervisor})"),
    ))
}

/// Both signatures are valid, but the entries never were in the log: other entries' proofs are shown for them.
pub(super) async fn unlogged_release(stage: &Stage) -> Result<Outcome> {
    let (_, honest) = honest(stage, "lures-logged").await?;
    let approved = stage.approved("lures-unlogged", LURES_1_0).await?;
    let mut borrowed = Vec::new();
    for note in [
        "first of two harmless entries",
        "second of two harmless entries",
    ] {
        let heartbeat = Heartbeat {
            audience: vec![CENTER_LOG.parse()?],
            not_after: release::system_clock() + 86_400,
            blobs: Vec::new(),
            note: note.to_owned(),
        };
        let payload = Statement::new(Vec::new(), heartbeat).to_payload()?;
        borrowed.push(
            stage
                .log(&stage.sign_payload(payload, "vendor", "center")?)
                .await?,
        );
    }
    let release = stage.release_of(&approved)?;
    let forged = [
        stage.sign(&release, "vendor", "center")?,
        stage.sign(&release, "supervisor", "supervisor")?,
    ];
    let mut bundle = stage.bundle(&approved, &borrowed).await?;
    for (index, envelope) in borrowed.iter().zip(&forged) {
        let slot: &mut BundleEntry = bundle
            .entries
            .iter_mut()
            .find(|entry| entry.index == *index)
            .context("the borrowed entry is there")?;
        slot.entry = envelope.to_bytes();
    }
    Ok(Outcome {
        honest,
        caught: stage.verify(&approved, &bundle).await?,
    })
}

/// The center logs a release that says something else than was approved, so the supervisor does not sign.
pub(super) async fn no_supervisor(stage: &Stage) -> Result<Outcome> {
    let (_, honest) = honest(stage, "lures-with-supervisor").await?;
    let approved = stage
        .approved("lures-without-supervisor", LURES_1_0)
        .await?;
    let mut release = stage.release_of(&approved)?;
    release.version = "9.9.9".to_owned();
    let center = stage
        .log(&stage.sign(&release, "vendor", "center")?)
        .await?;
    let bundle = stage.bundle(&approved, &[center]).await?;
    Ok(Outcome {
        honest,
        caught: stage.verify(&approved, &bundle).await?,
    })
}

/// The same, with a second key of the center in the place of the supervisor.
pub(super) async fn two_center_keys(stage: &Stage) -> Result<Outcome> {
    let (_, honest) = honest(stage, "lures-two-parties").await?;
    let approved = stage.approved("lures-one-party", LURES_1_0).await?;
    let mut release = stage.release_of(&approved)?;
    release.version = "9.9.9".to_owned();
    let first = stage
        .log(&stage.sign(&release, "vendor", "center")?)
        .await?;
    let second = stage
        .log(&stage.sign(&release, "vendor", "center-2")?)
        .await?;
    let bundle = stage.bundle(&approved, &[first, second]).await?;
    Ok(Outcome {
        honest,
        caught: stage.verify(&approved, &bundle).await?,
    })
}
