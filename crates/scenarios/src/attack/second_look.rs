//! An attack by whoever runs a cell: it has a grant for one sample at rest, and asks an opener for another.

use std::{fs, path::Path, time::Instant};

use anyhow::{Context as _, Result, bail};
use law::SignableGrant;
use logclient::Follower;
use seal::{REQUEST_BYTES_MAX, Side};
use serde_json::Value;
use statement::{
    CheckpointRef, CountryCode, FileDigest, ReanalysisGrant, SealTree, Statement, StatementDigest,
    Subject,
};

use super::{
    Caught, Outcome,
    hand_sealed::{HandSealed, Target, Wrong},
    stage::{LOOK_EVERY, PATIENCE, Stage},
};
use crate::{
    cells::Machines,
    ceremony::{CENTER_LOG, key_path, statement_key},
    daemon::Daemon,
    world::{SERVER, World},
};

/// A home of its own: its cell has openers.
const HOME: &str = "AU";
/// One percent of them is one.
const STOCK: u64 = 100;

/// The same grant covers one sample, and not the one beside it.
pub(super) async fn unasked(stage: &mut Stage) -> Result<Outcome> {
    let machines = stage.open_cells().await?;
    let world = &mut stage.world;
    world.announce_opening(HOME).await?;
    let openers = [
        start_opener(world, Side::Center)?,
        start_opener(world, Side::Supervisor)?,
    ];
    let sections = format!(
        "[openers]\ncenter = {:?}\nsupervisor = {:?}\n",
        openers[0].url(),
        openers[1].url()
    );
    world.start_cell(HOME, &machines, ("", &sections))?;
    world.wait_until_open(&world.cell_url(HOME)).await?;
    let samples = fill(world).await?;
    let tree = ask(world).await?;
    let asked = tree.seals().first().context("one sample was asked for")?;
    let granted = samples.iter().find(|sample| sample.seal() == *asked);
    let granted = granted.context("the cell asks for what it has")?;
    let other = samples.iter().find(|sample| sample.seal() != *asked);
    let other = other.context("more than one sample rests")?;
    let grant = log_grant(world, &machines, &tree).await?;
    let again = wait_again(world, granted).await?;
    let request = other.share_request(grant, &tree)?;
    if request.len() > REQUEST_BYTES_MAX {
        bail!("a request of {} bytes", request.len());
    }
    let mut caught = None;
    for opener in &openers {
        let url = format!("{}/reanalyse", opener.url());
        let kind = "application/octet-stream";
        let sent = world
            .http
            .post(&url, kind, request.clone(), 1 << 16, PATIENCE);
        let Err(error) = sent.await else {
            bail!("the opener at {} gave a share away", opener.url());
        };
        let code = error.code().map(str::to_owned);
        let code = code.with_context(|| format!("the opener did not answer: {error}"))?;
        let detail = error.to_string();
        caught = Some(Caught { code, detail });
    }
    Ok(Outcome {
        honest: format!("the sample that the grant covers was looked at again: {again}"),
        caught,
    })
}

fn start_opener(world: &World, side: Side) -> Result<Daemon> {
    let party = match side {
        Side::Center => "vendor",
        Side::Supervisor => "supervisor",
    };
    let home = HOME.to_ascii_lowercase();
    let keys = world.make_dir(party, &format!("opening-{home}"))?;
    let key = key_path(&world.dir, party, &format!("opening-{home}"));
    fs::copy(&key, keys.join("month.key"))
        .with_context(|| format!("cannot copy {}", key.display()))?;
    let name = format!("opener-{home}");
    let config = format!(
        "dir = {:?}\nside = \"{side}\"\nhome = \"{HOME}\"\nkeys = {keys:?}\norigin = \"{CENTER_LOG}\"\n\
         log_url = \"{}\"\nanchor = \"{}\"\n{SERVER}",
        world.make_dir(party, &name)?,
        world.center_log_url(),
        world.anchor(),
    );
    world.daemon(party, &name, &["opener", "serve"], &config)
}

/// Samples until one percent of them is one; all with a verdict.
async fn fill(world: &World) -> Result<Vec<HandSealed>> {
    let target = Target::of(world, HOME).await?;
    let mut samples = Vec::new();
    for number in 0..STOCK {
        let file = format!("letter {number}");
        let sample = HandSealed::of(file.as_bytes(), &target, Wrong::Nothing)?;
        sample.send(world, HOME).await??;
        samples.push(sample);
    }
    for sample in &samples {
        sample.outcome(world, HOME).await?;
    }
    Ok(samples)
}

/// The cell writes down which sample it asks for.
async fn ask(world: &World) -> Result<SealTree> {
    let file = format!("vendor/cell-{}.toml", HOME.to_ascii_lowercase());
    let config: center::Config = serve::load_config(&world.dir.join(Path::new(&file)))?;
    let asked = center::ask_reanalysis(&config, 1).await?;
    Ok(asked.tree)
}

/// The supervisor judges what was asked for, and grants it.
async fn log_grant(world: &World, machines: &Machines, tree: &SealTree) -> Result<StatementDigest> {
    let log = world.center_client()?;
    let home: CountryCode = HOME.parse()?;
    let mut follower = Follower::new(log.clone(), world.anchor());
    let started = Instant::now();
    loop {
        follower.sync().await?;
        let size = follower.view()?.state().settled_size();
        if follower.view()?.stock(&home, size) >= STOCK {
            break;
        }
        if started.elapsed() > PATIENCE {
            bail!("fewer than {STOCK} samples rest after {PATIENCE:?}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let (view, now) = (follower.view()?, release::system_clock());
    let checkpoint = follower.checkpoint().context("a log that was read")?;
    let grant = ReanalysisGrant {
        audience: vec![CENTER_LOG.parse()?],
        not_after: now + 3_600,
        blobs: Vec::new(),
        home,
        count: tree.seals().len() as u64,
        root: tree.root(),
        worker: machines.worker,
        rules: machines.rules,
        scoring: machines.scoring,
        stock: STOCK,
        checkpoint: CheckpointRef {
            size: checkpoint.size(),
            root: FileDigest::new(*checkpoint.root()),
        },
        valid_until: now + 3_600,
    };
    let signable = SignableGrant::check(view, grant, now)?;
    let said: &ReanalysisGrant = &signable;
    let statement = Statement::new(vec![Subject::new("samples", tree.root())], said.clone());
    let key = statement_key(&world.dir, "supervisor", "supervisor")?;
    let (envelope, _) = log.sign_and_submit(&statement, &key, PATIENCE).await?;
    Ok(envelope.digest())
}

/// The outcome of the second look, once it is witnessed.
async fn wait_again(world: &World, sample: &HandSealed) -> Result<String> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let shown = sample.disclosure(world, HOME).await?;
        let again = &shown["again"][0];
        if again["state"] == "set-aside" {
            bail!("the second look failed: {}", shown["touched"]);
        }
        let proven = again["verdict"]["proven"].as_str().unwrap_or_default();
        if let Ok(proven) = serde_json::from_str::<Value>(proven) {
            let record = proven["record"].as_str().unwrap_or_default();
            let mut lines = record.lines();
            let outcome = lines.find_map(|line| line.strip_prefix("outcome "));
            return Ok(outcome.context("a record has an outcome")?.to_owned());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("no second look after {PATIENCE:?}")
}
