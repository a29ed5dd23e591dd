//! Attacks on a line of releases: a fork, and a finding that the center would rather not hear.

use anyhow::Result;
use statement::{Closure, Finding, Statement};

use super::{
    Outcome,
    stage::{PATIENCE, Stage},
};
use crate::{ceremony::SUPERVISOR_LOG, examples::LURES_1_0, vendor};

/// Two releases that both claim to follow the first one; endpoints would be split between them.
pub(super) async fn two_releases(stage: &Stage) -> Result<Outcome> {
    let approved = stage.approved("lures-forked", LURES_1_0).await?;
    let first = vendor::propose(&stage.world, approved.built.build, &|_| ()).await?;
    let mut next = stage.release_of(&approved)?;
    next.seq = 2;
    next.predecessor = Some(first.quorum.release().digest());
    let honest = stage.sign(&next, "vendor", "center")?;
    stage.log(&honest).await?;
    stage.wait_for_quorum(honest.digest()).await?;
    let mut other = next;
    other.not_after += 1;
    let other = stage.sign(&other, "vendor", "center")?;
    stage.log(&other).await?;
    let subject = other.digest().to_string();
    Ok(Outcome {
        honest: format!(
            "the first of the two, {}, was signed",
            honest.digest().short()
        ),
        caught: stage.supervisor_refusal(&subject, "release.fork").await?,
    })
}

/// The center's log does not take a lab's finding, so the lab goes to the supervisor's log.
pub(super) async fn adverse_refused(stage: &Stage) -> Result<Outcome> {
    let approved = stage.approved("lures-accused", LURES_1_0).await?;
    let bounds = (
        vec![SUPERVISOR_LOG.parse()?],
        release::system_clock() + 86_400,
    );
    let finding = Finding {
        audience: bounds.0.clone(),
        not_after: bounds.1,
        blobs: Vec::new(),
        about: approved.built.build,
        title: "the rules delete files".to_owned(),
        detail: "submitted to the center's log first, which does not take it".to_owned(),
    };
    let payload = Statement::new(Vec::new(), finding).to_payload()?;
    let finding = stage.sign_payload(payload, "lab-a", "rebuilder")?;
    let log = stage.world.supervisor_client()?;
    log.submit_until_witnessed(&finding, PATIENCE).await?;
    let release = stage.sign(&stage.release_of(&approved)?, "vendor", "center")?;
    stage.log(&release).await?;
    let subject = release.digest().to_string();
    let caught = stage.supervisor_refusal(&subject, "adverse.open").await?;
    let closure = Closure {
        audience: bounds.0,
        not_after: bounds.1,
        blobs: Vec::new(),
        closes: finding.digest(),
        reason: "a mistake of the lab".to_owned(),
    };
    let payload = Statement::new(Vec::new(), closure).to_payload()?;
    let closure = stage.sign_payload(payload, "lab-a", "governance")?;
    log.submit_until_witnessed(&closure, PATIENCE).await?;
    stage.wait_for_quorum(release.digest()).await?;
    Ok(Outcome {
        honest: "the same release was signed once the lab had closed its finding".to_owned(),
        caught,
    })
}
