//! Attacks by who builds: the conveyer itself, or rebuilders that are one.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use conveyer::{Built, Conveyer, ConveyerConfig, SourceFrom};
use statement::{Predicate, StatementDigest};

use super::{Outcome, stage::Stage};
use crate::examples::LURES_1_0;

/// How long the dishonest conveyer waits for commitments.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The source that is logged is clean; what is built is not.
pub(super) async fn inserted_code(stage: &Stage) -> Result<Outcome> {
    let honest = stage.approved("lures-clean", LURES_1_0).await?;
    let honest = format!(
        "the clean build {} was approved",
        honest.built.build.short()
    );
    let built = dishonest_build(stage, "lures-inserted", true).await?;
    let subject = built.build.to_string();
    Ok(Outcome {
        honest,
        caught: stage
            .supervisor_refusal(&subject, "rebuild.not_identical")
            .await?,
    })
}

/// Two labs rebuild, but one legal owner stands behind both.
pub(super) async fn one_owner(stage: &mut Stage) -> Result<Outcome> {
    let honest = stage.approved("lures-three-labs", LURES_1_0).await?;
    let honest = format!(
        "with a lab of another owner build {} was approved",
        honest.built.build.short()
    );
    stage.world.stop_rebuilder("lab-a");
    let built = dishonest_build(stage, "lures-one-owner", false).await?;
    let subject = built.build.to_string();
    Ok(Outcome {
        honest,
        caught: stage
            .supervisor_refusal(&subject, "rebuild.same_owner")
            .await?,
    })
}

/// The steps of an honest conveyer with its own keys, but: code may be inserted after the import, and any two
/// commitments are enough, whoever is behind them.
async fn dishonest_build(stage: &Stage, product: &str, insert: bool) -> Result<Built> {
    let config: ConveyerConfig = toml::from_str(&stage.world.conveyer_config()?)?;
    let directory = stage.world.make_dir("vendor", "source")?.join(product);
    LURES_1_0.write_to(&directory, Some(product))?;
    let from = SourceFrom::Directory {
        path: directory.clone(),
        exclude: Vec::new(),
    };
    let mut conveyer = Conveyer::open(&config, &|_| (), release::system_clock)?;
    let (clean, recipe) = conveyer.import(&from).await?;
    let announced = conveyer.announce(&clean, &recipe).await?;
    let mut built_from = clean;
    if insert {
        let rules = directory.join("rules").join("inserted.txt");
        fs::write(
            &rules,
            "payroll.xlsx | lures.collect | nobody | not in the audited source\n",
        )
        .with_context(|| format!("cannot write {}", rules.display()))?;
        built_from = conveyer.import(&from).await?.0;
    }
    let outcome = conveyer.build(&built_from, &recipe).await?;
    let kept = conveyer.keep(&announced, &outcome)?;
    conveyer.commit(&kept).await?;
    await_two_commitments(stage, announced.build()).await?;
    Ok(conveyer.reveal(&announced, &kept).await?)
}

async fn await_two_commitments(stage: &Stage, build: StatementDigest) -> Result<()> {
    let mut follower = stage.world.follower()?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        follower.sync().await?;
        let entries = follower.view()?.entries_of_build(build);
        let others = entries
            .iter()
            .filter(|entry| entry.party().as_str() != "vendor")
            .filter(|entry| matches!(entry.statement().predicate, Predicate::Commitment(_)))
            .count();
        if others >= 2 {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("fewer than two rebuilders committed in {PATIENCE:?}")
}
