//! Attacks on files of customers: where they go, under which policy, with whose consent, and what is sealed.

use std::{fs, ops::ControlFlow};

use anyhow::{Context as _, Result, bail};
use endpoint::sharing::{self, SharingError};
use logclient::Follower;
use residency::Documents;
use serve::ClientError;
use statement::{Envelope, Outcome as Found, Predicate, StatementDigest};

use super::{
    Caught, Outcome,
    hand_sealed::{HandSealed, Target, Wrong},
    stage::Stage,
};
use crate::{
    ceremony::statement_key,
    custody::{bomb, letters, letters_and_bomb},
    examples,
    sharer::{Sharer, said},
    world::World,
};

pub(super) const FILE: (&str, &[u8]) = ("letter.txt", b"Dear Ms Berger, it is Tuesday at ten.");

pub(super) fn honest(world: &World, name: &str, file: (&str, &[u8])) -> Result<Sharer> {
    Sharer::prepare(world, name, file, |home| world.cell_url(home))
}

fn caught_by_endpoint(error: &SharingError) -> Caught {
    Caught {
        code: error.code().to_owned(),
        detail: error.to_string(),
    }
}

/// A refusal of a cell; an answer that says nothing of a check is an error.
pub(super) fn caught_by_cell(sent: Result<(), ClientError>) -> Result<Option<Caught>> {
    let Err(error) = sent else { return Ok(None) };
    let Some(code) = error.code().map(str::to_owned) else {
        return Err(error.into());
    };
    let detail = error.to_string();
    Ok(Some(Caught { code, detail }))
}

/// What an endpoint of this country seals its file to.
async fn home_of(sharer: &Sharer, country: &str) -> Result<String> {
    sharer.agree(country)?;
    Ok(sharer.seal().await?.home.to_string())
}

async fn refusal_of(sharer: &Sharer, country: &str) -> Result<Option<Caught>> {
    sharer.agree(country)?;
    let sealed = sharer.seal().await;
    Ok(sealed.err().as_ref().map(caught_by_endpoint))
}

/// Whoever holds the wire answers for Zurich with Moscow's cell.
pub(super) async fn other_home(stage: &mut Stage) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let home = home_of(&honest(world, "endpoint-led-right", FILE)?, "JP").await?;
    let misled = Sharer::prepare(world, "endpoint-led-astray", FILE, |_| world.cell_url("RU"))?;
    Ok(Outcome {
        honest: format!("led to Zurich's own cell, the file is sealed to {home}"),
        caught: refusal_of(&misled, "JP").await?,
    })
}

/// The sealed bytes arrive at the other cell.
pub(super) async fn other_cell(stage: &mut Stage) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let target = Target::of(world, "CH").await?;
    let sealed = HandSealed::of(FILE.1, &target, Wrong::Nothing)?;
    let caught = caught_by_cell(sealed.send(world, "RU").await?)?;
    sealed.send(world, "CH").await??;
    Ok(Outcome {
        honest: "the same bytes are taken in Zurich".to_owned(),
        caught,
    })
}

/// The vendor alone signs and logs a policy, and shows a fresh endpoint nothing but this one.
pub(super) async fn own_policy(stage: &mut Stage) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let home = home_of(&honest(world, "endpoint-all-signed", FILE)?, "DE").await?;
    let index = log_own_policy(world).await?;
    let mut follower = Follower::new(world.center_client()?, world.anchor())
        .keeping(|predicate| matches!(predicate, Predicate::Declaration(_) | Predicate::Epoch(_)));
    follower.sync().await?;
    let shown = follower.kept().iter().map(|kept| kept.index);
    let indices: Vec<u64> = shown.chain([index]).collect();
    let bundle = follower.bundle(&indices).await?.to_bytes()?;
    let dir = world.make_dir("vendor", "own-cell-files")?;
    fs::create_dir_all(dir.join("where")).context("cannot make the vendor's own cell")?;
    fs::write(dir.join("where").join("bundle"), bundle)
        .context("cannot write the vendor's own cell")?;
    let cell = world.serve_repository("vendor", "own-cell", &dir)?;
    let url = cell.url().to_owned();
    let shown_it = Sharer::prepare(world, "endpoint-vendor-signed", FILE, |_| url.clone())?;
    Ok(Outcome {
        honest: format!("under the policy that all signed, the file is sealed to {home}"),
        caught: refusal_of(&shown_it, "DE").await?,
    })
}

/// The index of the vendor's one signature.
async fn log_own_policy(world: &World) -> Result<u64> {
    let rules = examples::text("residency/policy.cedar")?.replace("\"CH\"", "\"RU\"");
    let documents = Documents {
        text: &rules,
        schema: examples::text("residency/policy.cedarschema")?,
        entities: examples::text("residency/entities.json")?,
    };
    let declaration = declaration_of(world).await?;
    let policy = world.log_policy(&documents, declaration).await?;
    let payload = policy.to_payload()?;
    let governance = statement_key(&world.dir, "vendor", "governance")?;
    let envelope = Envelope::sign(payload, &governance)?;
    let patience = super::stage::PATIENCE;
    let log = world.center_client()?;
    Ok(log.submit_until_witnessed(&envelope, patience).await?.index)
}

/// The declaration that all parties signed.
async fn declaration_of(world: &World) -> Result<StatementDigest> {
    let mut follower = Follower::new(world.center_client()?, world.anchor())
        .keeping(|predicate| matches!(predicate, Predicate::Declaration(_)));
    follower.sync().await?;
    let first = follower.kept().first();
    Ok(first.context("a declaration was logged")?.digest)
}

/// The program is started again and again; its owner has changed their mind.
pub(super) async fn no_consent(stage: &mut Stage) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let sharer = honest(world, "endpoint-that-agreed", FILE)?;
    let home = home_of(&sharer, "DE").await?;
    sharing::withdraw_consent(&sharer.config, release::system_clock())?;
    let caught = sharer.seal().await.err().as_ref().map(caught_by_endpoint);
    // What was sealed before waits no more, and did not leave.
    let (now, go_on) = (release::system_clock(), |_| ControlFlow::Continue(()));
    let sent = sharing::send(&sharer.config, now, &go_on).await?;
    if !sent.sent.is_empty() || sent.emptied.len() != 1 {
        bail!("a sample that waited was not dropped: {sent}");
    }
    Ok(Outcome {
        honest: format!("with consent the same file was sealed to {home}"),
        caught,
    })
}

/// A sample that its home could not open when it has to: found while it is still in machines' hands.
async fn missealed(stage: &mut Stage, wrong: Wrong) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let target = Target::of(world, "CH").await?;
    let whole = HandSealed::of(FILE.1, &target, Wrong::Nothing)?;
    whole.send(world, "CH").await??;
    let broken = HandSealed::of(FILE.1, &target, wrong)?;
    broken.send(world, "CH").await??;
    let found = broken.outcome(world, "CH").await?;
    let was_read = [
        Found::Clean,
        Found::Suspicious,
        Found::Malicious,
        Found::Anomaly,
    ]
    .iter()
    .any(|read| read.as_str() == found);
    Ok(Outcome {
        honest: format!(
            "the same file, sealed well, is judged {}",
            whole.outcome(world, "CH").await?
        ),
        caught: (!was_read).then(|| Caught {
            code: found,
            detail: "its content was not read".to_owned(),
        }),
    })
}

/// An endpoint gives the supervisor nothing that could ever be opened.
pub(super) async fn garbage_wrap(stage: &mut Stage) -> Result<Outcome> {
    missealed(stage, Wrong::Wrap).await
}

/// The header promises another share than the seed gives.
pub(super) async fn false_share(stage: &mut Stage) -> Result<Outcome> {
    missealed(stage, Wrong::Share).await
}

/// A name is taken once.
pub(super) async fn replayed_upload(stage: &mut Stage) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let target = Target::of(world, "CH").await?;
    let first = HandSealed::of(FILE.1, &target, Wrong::Nothing)?;
    first.send(world, "CH").await??;
    // The very same bytes once more are what an endpoint sends whose answer was lost.
    first.send(world, "CH").await??;
    let second = first.like(b"another file", &target)?;
    Ok(Outcome {
        honest: "the same bytes once more are answered as before".to_owned(),
        caught: caught_by_cell(second.send(world, "CH").await?)?,
    })
}

/// Unpacking ends at a limit, and the verdict says at which.
pub(super) async fn archive_bomb(stage: &mut Stage) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let mut told = Vec::new();
    for (name, bytes) in [("letter.txt", FILE.1.to_vec()), ("backup.gz", bomb())] {
        let sharer = honest(world, &format!("endpoint-with-{name}"), (name, &bytes))?;
        home_of(&sharer, "BR").await?;
        let done = |sample: &sharing::SharedSample| said(&sample.verdict).is_some();
        let sample = sharer.wait("verdict", done).await?;
        let verdict = said(&sample.verdict).context("it was waited for")?.clone();
        told.push(verdict);
    }
    let [letter, bomb] = [&told[0], &told[1]];
    let reason = bomb
        .reasons
        .iter()
        .find(|reason| reason.starts_with("limit."));
    Ok(Outcome {
        honest: format!("a letter beside it is {}", letter.outcome.as_str()),
        caught: reason.map(|code| Caught {
            code: code.clone(),
            detail: format!("the verdict is {}", bomb.outcome.as_str()),
        }),
    })
}

/// What a stranger sent among private letters is made so that looking into it ends early.
pub(super) async fn whole_archive(stage: &mut Stage) -> Result<Outcome> {
    let rules = stage.open_cells().await?.database;
    let world = &stage.world;
    let looking = |name: &str, bytes: &[u8]| {
        let sharer = Sharer::looking(world, name, ("letters.tar", bytes), &rules)?;
        sharer.agree("DE")?;
        Ok::<_, anyhow::Error>(sharer)
    };
    let honest = looking("endpoint-with-letters", &letters())?.seal().await?;
    let member = honest
        .member
        .context("only a part of the archive is sealed")?;
    let sharer = looking("endpoint-with-a-bomb", &letters_and_bomb())?;
    let caught = sharer.seal().await.err().as_ref().map(caught_by_endpoint);
    if !sharing::shared(&sharer.config)?.samples.is_empty() {
        bail!("something of the archive was sealed");
    }
    Ok(Outcome {
        honest: format!("of one with a test file, only member {member} is sealed"),
        caught,
    })
}
