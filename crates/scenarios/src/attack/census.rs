//! Attacks on the numbers that everybody reads: the census of a cell.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use logclient::Follower;
use serde_json::Value;
use statement::{
    BatchRange, Census, Day, OutcomeCounts, Predicate, SamplingRule, Statement, Subject,
};

use super::{
    Caught, Outcome,
    hand_sealed::{HandSealed, Target, Wrong},
    stage::Stage,
};
use crate::{ceremony::CENTER_LOG, custody::bomb, world::World};

const HOME: &str = "CH";

/// A file that machines cannot judge stands in the batches; the census calls it clean.
pub(super) async fn small_census(stage: &mut Stage) -> Result<Outcome> {
    taken_in(stage).await?;
    let honest = true_census(&stage.world, 0).await?;
    let honest_told = told(stage, &honest).await?;
    if let Some(caught) = honest_told {
        bail!("the honest twin was found: {}", caught.detail);
    }
    let mut small = true_census(&stage.world, 1).await?;
    small.outcomes.anomaly -= 1;
    small.outcomes.clean += 1;
    Ok(Outcome {
        honest: format!(
            "a census of {} files, {} for people, adds up",
            honest.analysed, honest.outcomes.anomaly
        ),
        caught: told(stage, &small).await?,
    })
}

/// Files that all parties promised to another home are counted in Zurich, as if nothing were wrong with that.
pub(super) async fn foreign_files(stage: &mut Stage) -> Result<Outcome> {
    taken_in(stage).await?;
    let honest = true_census(&stage.world, 2).await?;
    if let Some(caught) = told(stage, &honest).await? {
        bail!("the honest twin was found: {}", caught.detail);
    }
    let mut foreign = true_census(&stage.world, 3).await?;
    foreign.regions = [("rest".parse()?, foreign.received)].into();
    Ok(Outcome {
        honest: format!("{} files of Europe are counted in {HOME}", honest.received),
        caught: told(stage, &foreign).await?,
    })
}

/// One file that people have to see, taken in and judged.
async fn taken_in(stage: &mut Stage) -> Result<()> {
    stage.open_cells().await?;
    let world = &stage.world;
    let sealed = HandSealed::of(&bomb(), &Target::of(world, HOME).await?, Wrong::Nothing)?;
    sealed.send(world, HOME).await??;
    sealed.outcome(world, HOME).await.map(|_| ())
}

/// What every batch so far says, as if it were one day; today or one to come, for of the past no policy says where files go.
async fn true_census(world: &World, days_on: u64) -> Result<Census> {
    let mut follower = Follower::new(world.center_client()?, world.anchor())
        .keeping(|said| matches!(said, Predicate::Receipts(_) | Predicate::Verdicts(_)));
    follower.sync().await?;
    let (mut received, mut analysed) = ((0, 0), (0, 0));
    let mut outcomes = OutcomeCounts::default();
    for kept in follower.kept() {
        match &kept.statement.predicate {
            Predicate::Receipts(batch) if batch.home.as_str() == HOME => {
                received = (batch.seq, received.1 + batch.count);
            }
            Predicate::Verdicts(batch) if batch.home.as_str() == HOME => {
                analysed = (batch.seq, analysed.1 + batch.count);
                outcomes.clean += batch.outcomes.clean;
                outcomes.suspicious += batch.outcomes.suspicious;
                outcomes.malicious += batch.outcomes.malicious;
                outcomes.anomaly += batch.outcomes.anomaly;
                outcomes.missealed += batch.outcomes.missealed;
            }
            _ => {}
        }
    }
    let day = Day::of(release::system_clock() + days_on * 86_400);
    Ok(Census {
        audience: vec![CENTER_LOG.parse()?],
        not_after: release::system_clock() + 86_400,
        blobs: Vec::new(),
        home: HOME.parse()?,
        day: day.context("a day of our time")?,
        receipts: all_to(received.0),
        verdicts: all_to(analysed.0),
        received: received.1,
        declined: 0,
        sampled_out: 0,
        one_in_max: 1,
        sampling: SamplingRule::default(),
        draw: None,
        analysed: analysed.1,
        outcomes,
        waiting: 0,
        set_aside: 0,
        erased: 0,
        regions: [("europe".parse()?, received.1)].into(),
        countries: [].into(),
    })
}

fn all_to(last: u64) -> Option<BatchRange> {
    (last > 0).then_some(BatchRange { first: 1, last })
}

/// Logs a census and says what an outsider's audit finds about it.
async fn told(stage: &Stage, census: &Census) -> Result<Option<Caught>> {
    let anchor = *stage.world.anchor().hash();
    let subject = Subject::new("constitution", statement::FileDigest::new(anchor));
    let payload = Statement::new(vec![subject], census.clone()).to_payload()?;
    let envelope = stage.sign_payload(payload, "vendor", "center")?;
    stage.log(&envelope).await?;
    audited(&stage.world, &envelope.digest().to_string())
}

/// The broken promise that an audit of the center's log proves by this statement.
fn audited(world: &World, statement: &str) -> Result<Option<Caught>> {
    let output = Command::new(&world.limpid)
        .args(["--json", "audit", "--anchor", &world.anchor().to_string()])
        .args(["--log", &world.center_log_url()])
        .output()
        .with_context(|| format!("cannot run {}", world.limpid.display()))?;
    // The other attacks left their traces, so how it ended says nothing here.
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let mut found = report["findings"].as_array().into_iter().flatten();
    let broken =
        found.find(|found| found["severity"] == "red" && text(found, "subject") == statement);
    Ok(broken.map(|found| Caught {
        code: text(found, "code"),
        detail: text(found, "what"),
    }))
}

fn text(found: &Value, field: &str) -> String {
    found[field].as_str().unwrap_or_default().to_owned()
}
