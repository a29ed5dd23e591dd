//! Attacks by who builds: the conveyer itself, or rebuilders that are one or build nothing.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use conveyer::{Announced, Built, Conveyer, ConveyerConfig, KeptResult, SourceFrom};
use statement::{
    FileDigest, Predicate, Statement, StatementDigest, StatementSigner as _, Verdict,
    artifacts_digest, commitment_digest,
};

use super::{
    Caught, Outcome,
    stage::{LOOK_EVERY, PATIENCE, Stage},
};
use crate::{ceremony::statement_key, examples::LURES_1_0};

/// The source that is logged is clean; what is built is not.
pub(super) async fn inserted_code(stage: &Stage) -> Result<Outcome> {
    let honest = stage.approved("lures-clean", LURES_1_0).await?;
    let honest = format!(
        "the clean build {} was approved",
        honest.built.build.short()
    );
    let built = dishonest_build(stage, "lures-inserted", Cheat::InsertCode).await?;
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
    let built = dishonest_build(stage, "lures-one-owner", Cheat::No).await?;
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
async fn dishonest_build(stage: &Stage, product: &str, cheat: Cheat) -> Result<Built> {
    let config: ConveyerConfig = toml::from_str(&stage.world.conveyer_config()?)?;
    let mut work = Work::begin(stage, &config, product, cheat).await?;
    await_two_commitments(stage, work.announced.build()).await?;
    work.reveal().await
}

/// What is wrong with a build.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cheat {
    No,
    /// Code that is not in the logged source is built in.
    InsertCode,
    /// The logged source itself has the time written into the artifact.
    EmbedTime,
}

const INSERTED: &str = "payroll.xlsx | lures.collect | nobody | not in the audited source";
const EMBED_TIME: &str = "busybox date -u '+made %Y-%m-%d %H:%M:%S' >> lures.db";

/// Appends a line to a file, which is made if it is not there.
fn add_line(file: &Path, line: &str) -> Result<()> {
    let written = fs::OpenOptions::new().append(true).create(true).open(file);
    let written = written.and_then(|mut file| writeln!(file, "{line}"));
    written.with_context(|| format!("cannot write {}", file.display()))
}

/// A build whose result is committed to and not shown yet.
struct Work<'a> {
    conveyer: Conveyer<'a>,
    announced: Announced,
    kept: KeptResult,
    archive: tlog::Hash,
}

impl<'a> Work<'a> {
    async fn begin(
        stage: &Stage,
        config: &'a ConveyerConfig,
        product: &str,
        cheat: Cheat,
    ) -> Result<Self> {
        let directory = stage.world.make_dir("vendor", "source")?.join(product);
        LURES_1_0.write_to(&directory, Some(product))?;
        if cheat == Cheat::EmbedTime {
            add_line(&directory.join("build.sh"), EMBED_TIME)?;
        }
        let from = SourceFrom::Directory {
            path: directory.clone(),
            exclude: Vec::new(),
        };
        let mut conveyer = Conveyer::open(config, &|_| (), release::system_clock)?;
        let (clean, recipe) = conveyer.import(from.clone()).await?;
        let archive = *clean.archive();
        let announced = conveyer.announce(&clean, &recipe).await?;
        let mut built_from = clean;
        if cheat == Cheat::InsertCode {
            add_line(&directory.join("rules").join("inserted.txt"), INSERTED)?;
            built_from = conveyer.import(from.clone()).await?.0;
        }
        if cheat == Cheat::EmbedTime {
            // The labs build as soon as the source is logged; the clock must have gone on by then.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let outcome = conveyer.build(&built_from, &recipe).await?;
        let kept = conveyer.keep(&announced, &outcome)?;
        conveyer.commit(&kept).await?;
        Ok(Self {
            conveyer,
            announced,
            kept,
            archive,
        })
    }

    async fn reveal(&mut self) -> Result<Built> {
        Ok(self.conveyer.reveal(&self.announced, &self.kept).await?)
    }
}

/// The source is logged and rebuilt from; then its bytes disappear before the supervisor looks at them.
pub(super) async fn withheld_blob(stage: &Stage) -> Result<Outcome> {
    let config: ConveyerConfig = toml::from_str(&stage.world.conveyer_config()?)?;
    let mut work = Work::begin(stage, &config, "lures-withheld", Cheat::No).await?;
    let build = work.announced.build();
    await_two_commitments(stage, build).await?;
    let name = work.archive.to_hex();
    let blobs = stage.world.dir.join("vendor").join("log").join("blobs");
    let blob = blobs.join(&name[..2]).join(&name[2..4]).join(&name);
    let aside = stage.world.dir.join("vendor").join("withheld");
    fs::rename(&blob, &aside).with_context(|| format!("cannot withhold {}", blob.display()))?;
    work.reveal().await?;
    let caught = stage
        .supervisor_refusal(&build.to_string(), "blob.missing")
        .await?;
    fs::rename(&aside, &blob).with_context(|| format!("cannot put back {}", blob.display()))?;
    stage.wait_for_approval(build).await?;
    Ok(Outcome {
        honest: format!("with the source back, build {} was approved", build.short()),
        caught,
    })
}

/// The time of the build stands in the artifact: each party gets other bytes. That the difference is explained
/// makes nothing of it count.
pub(super) async fn embedded_time(stage: &Stage) -> Result<Outcome> {
    let honest = stage.approved("lures-without-time", LURES_1_0).await?;
    let honest = format!(
        "without the time in it build {} was approved",
        honest.built.build.short()
    );
    let built = dishonest_build(stage, "lures-with-time", Cheat::EmbedTime).await?;
    let shown = of_lab(stage, built.build, |predicate| {
        matches!(predicate, Predicate::Rebuild(_))
    });
    if let Predicate::Rebuild(rebuild) = shown.await?.predicate
        && rebuild.verdict != Verdict::Explained
    {
        bail!(
            "the lab says {:?}: {:?}",
            rebuild.verdict,
            rebuild.differences
        );
    }
    let subject = built.build.to_string();
    let caught = stage.supervisor_refusal(&subject, "rebuild.not_identical");
    Ok(Outcome {
        honest,
        caught: caught.await?,
    })
}

/// A lab commits to nothing in particular, waits until the others have shown theirs, and then says the same.
pub(super) async fn copied_verdict(stage: &mut Stage) -> Result<Outcome> {
    let honest = stage.approved("lures-both-built", LURES_1_0).await?;
    let honest = format!(
        "with two labs that built it, build {} was approved",
        honest.built.build.short()
    );
    stage.world.kill_daemon("lab-b/rebuilder")?;
    let caught = copy_verdict(stage).await;
    stage.world.restart_daemon("lab-b/rebuilder")?;
    Ok(Outcome {
        honest,
        caught: caught?,
    })
}

async fn copy_verdict(stage: &Stage) -> Result<Option<Caught>> {
    let config: ConveyerConfig = toml::from_str(&stage.world.conveyer_config()?)?;
    let mut work = Work::begin(stage, &config, "lures-copied", Cheat::No).await?;
    let build = work.announced.build();
    let copied = of_lab(stage, build, |predicate| {
        matches!(predicate, Predicate::Commitment(_))
    });
    let commitment = copied.await?;
    let commit = async |to: FileDigest| -> Result<()> {
        let mut copy = commitment.clone();
        if let Predicate::Commitment(commitment) = &mut copy.predicate {
            commitment.commitment = to;
        }
        let envelope = stage.sign_payload(copy.to_payload()?, "lab-b", "rebuilder")?;
        stage.log(&envelope).await?;
        Ok(())
    };
    commit(FileDigest::of(b"nothing was built")).await?;
    await_two_commitments(stage, build).await?;
    work.reveal().await?;
    let shown = of_lab(stage, build, |predicate| {
        matches!(predicate, Predicate::Rebuild(_))
    });
    let mut copy = shown.await?;
    let Predicate::Rebuild(rebuild) = &mut copy.predicate else {
        bail!("a rebuild was looked for");
    };
    let salt = FileDigest::of(b"any salt will do");
    rebuild.salt = Some(salt);
    let key = statement_key(&stage.world.dir, "lab-b", "rebuilder")?.key();
    let artifacts = rebuild.artifacts.iter();
    let artifacts = artifacts_digest(artifacts.map(|file| (file.name.as_str(), file.sha256)));
    commit(commitment_digest(key, build, artifacts, salt)).await?;
    let envelope = stage.sign_payload(copy.to_payload()?, "lab-b", "rebuilder")?;
    stage.log(&envelope).await?;
    let subject = build.to_string();
    stage
        .supervisor_refusal(&subject, "rebuild.committed_late")
        .await
}

/// What the first lab said about a build, as soon as it did.
async fn of_lab(
    stage: &Stage,
    build: StatementDigest,
    wanted: impl Fn(&Predicate) -> bool,
) -> Result<Statement> {
    let mut follower = stage.world.follower()?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        follower.sync().await?;
        let entries = follower.view()?.entries_of_build(build);
        let found = entries
            .iter()
            .filter(|entry| entry.party().as_str() == "lab-a")
            .find(|entry| wanted(&entry.statement().predicate));
        if let Some(found) = found {
            return Ok(found.statement().clone());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("lab-a said nothing about {build} in {PATIENCE:?}")
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
