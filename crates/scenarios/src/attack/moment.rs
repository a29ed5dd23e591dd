//! Attacks with statements that were good elsewhere or at another time.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use statement::{
    Activation, CheckpointRef, Constitution, Envelope, FileDigest, Heartbeat, Predicate, Statement,
    StatementDigest, Subject,
};
use tlog::{Checkpoint, Note, TlogProof};

use super::{
    Caught, Outcome, mirror,
    stage::{CHANGE_DELAY_SECONDS, PATIENCE, Stage, caught_by_log},
};
use crate::{
    ceremony::{CENTER_LOG, SUPERVISOR_LOG},
    examples::LURES_1_0,
};

/// Life of a statement that is meant to run out, in seconds.
const SHORT_LIFE_SECONDS: u64 = 2;
const DAY_SECONDS: u64 = 86_400;

/// An approval from the center's log is submitted to the supervisor's log.
pub(super) async fn other_log(stage: &mut Stage) -> Result<Outcome> {
    mirror::states(stage).await?;
    let follower = stage.followed().await?;
    let view = follower.view()?;
    let approval = view
        .builds()
        .into_iter()
        .flat_map(|build| view.entries_of_build(build))
        .find(|entry| matches!(entry.statement().predicate, Predicate::Approval(_)))
        .context("a build was approved")?;
    let replayed = Envelope::parse(&follower.entry(approval.index()).await?)?;
    let own = Heartbeat {
        audience: vec![SUPERVISOR_LOG.parse()?],
        not_after: release::system_clock() + DAY_SECONDS,
        blobs: Vec::new(),
        note: "by the same key, meant for this log".to_owned(),
    };
    let own = Statement::new(Vec::new(), own).to_payload()?;
    let own = stage.sign_payload(own, "supervisor", "supervisor")?;
    let log = stage.world.supervisor_client()?;
    let taken = log.submit_until_witnessed(&own, PATIENCE).await?;
    let caught = log.submit_without_waiting(&replayed).await.err();
    Ok(Outcome {
        honest: format!(
            "what the same key meant for that log is entry {}",
            taken.index
        ),
        caught: caught.map(caught_by_log).transpose()?,
    })
}

/// The log takes a release in time and holds it back from the witnesses until its time has passed: what log
/// and signers claim about when it was there does not count.
pub(super) async fn back_dated(stage: &mut Stage) -> Result<Outcome> {
    let (_, honest) = super::signatures::honest(stage, "lures-dated").await?;
    let approved = stage.approved("lures-back-dated", LURES_1_0).await?;
    let mut release = stage.release_of(&approved)?;
    let witnesses = ["lab-a/witness", "lab-b/witness"];
    for witness in witnesses {
        stage.world.kill_daemon(witness)?;
    }
    release.not_after = release::system_clock() + SHORT_LIFE_SECONDS;
    let log = stage.world.center_client()?;
    let signed = [
        stage.sign(&release, "vendor", "center")?,
        stage.sign(&release, "supervisor", "supervisor")?,
    ];
    for envelope in &signed {
        log.submit_without_waiting(envelope).await?;
    }
    wait_until_past(release.not_after).await;
    for witness in witnesses {
        stage.world.restart_daemon(witness)?;
    }
    let mut entries = Vec::new();
    for envelope in &signed {
        entries.push(log.submit_until_witnessed(envelope, PATIENCE).await?.index);
    }
    let bundle = stage.bundle(&approved, &entries).await?;
    Ok(Outcome {
        honest,
        caught: stage.verify(&approved, &bundle).await?,
    })
}

/// A change that lay about with too few signatures until its time had passed gets the missing one.
pub(super) async fn revived_change(stage: &Stage) -> Result<Outcome> {
    let signers = ["vendor", "supervisor", "lab-a"];
    let now = release::system_clock();
    let change = Change::of(stage, now + DAY_SECONDS).await?;
    let mut last = None;
    for party in signers {
        last = Some(change.sign(stage, party).await?);
    }
    let activated = change
        .activate(stage, &last.context("three signed")?)
        .await?;
    if let Err(caught) = activated {
        bail!(
            "the honest twin was refused: {} {}",
            caught.code,
            caught.detail
        );
    }
    let honest = format!(
        "a change that all signed in time is version {}",
        change.version
    );

    let not_after = release::system_clock() + SHORT_LIFE_SECONDS;
    let old = Change::of(stage, not_after).await?;
    old.sign(stage, "vendor").await?;
    old.sign(stage, "supervisor").await?;
    wait_until_past(not_after).await;
    let revived = old.sign(stage, "lab-a").await?;
    Ok(Outcome {
        honest,
        caught: old.activate(stage, &revived).await?.err(),
    })
}

/// A successor of the constitution in force that changes nothing but its version.
struct Change {
    payload: Vec<u8>,
    version: u64,
}

impl Change {
    async fn of(stage: &Stage, not_after: u64) -> Result<Self> {
        let follower = stage.followed().await?;
        let state = follower.view()?.state();
        let before = state.constitution().context("one is in force")?;
        let next = Constitution {
            version: before.version + 1,
            previous: state.constitution_digest(),
            not_after,
            ..before.clone()
        };
        let version = next.version;
        let subject = Subject::new("tuf-root", FileDigest::of(&stage.world.founded.tuf_root));
        let payload = Statement::new(vec![subject], next).to_payload()?;
        Ok(Self { payload, version })
    }

    async fn sign(&self, stage: &Stage, party: &str) -> Result<CheckpointRef> {
        let envelope = stage.sign_payload(self.payload.clone(), party, "governance")?;
        let log = stage.world.center_client()?;
        seen_in(&log.submit_until_witnessed(&envelope, PATIENCE).await?)
    }

    /// Waits for the delay, and submits the activation; a refusal of the log is the inner error.
    async fn activate(
        &self,
        stage: &Stage,
        signed_by: &CheckpointRef,
    ) -> Result<Result<(), Caught>> {
        // Witnesses sign whole seconds, so one more makes sure that the delay lies between two of them.
        wait_until_past(release::system_clock() + CHANGE_DELAY_SECONDS + 1).await;
        let log = stage.world.center_client()?;
        let waited = mirror::heartbeat(stage, &format!("after {}", signed_by.size), CENTER_LOG)?;
        let waited_until = seen_in(&log.submit_until_witnessed(&waited, PATIENCE).await?)?;
        let activation = Activation {
            audience: vec![CENTER_LOG.parse()?],
            not_after: release::system_clock() + DAY_SECONDS,
            blobs: Vec::new(),
            constitution: StatementDigest::of(&self.payload),
            signed_by: signed_by.clone(),
            waited_until,
        };
        let payload = Statement::new(Vec::new(), activation).to_payload()?;
        let envelope = stage.sign_payload(payload, "vendor", "governance")?;
        match log.submit_until_witnessed(&envelope, PATIENCE).await {
            Ok(_) => Ok(Ok(())),
            Err(error) => Ok(Err(caught_by_log(error)?)),
        }
    }
}

/// The checkpoint of a proof; it is archived, as each first one of its size.
fn seen_in(proof: &TlogProof) -> Result<CheckpointRef> {
    let note = Note::parse(&proof.checkpoint)?;
    let checkpoint = Checkpoint::parse(note.text())?;
    Ok(CheckpointRef {
        size: checkpoint.size(),
        root: FileDigest::new(*checkpoint.root()),
    })
}

async fn wait_until_past(time: u64) {
    while release::system_clock() <= time {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
