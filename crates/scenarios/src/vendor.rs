//! The vendor's side of the story, through the rooms' own functions.

use std::path::Path;

use anyhow::{Context as _, Result};
use conveyer::{Built, ConveyerConfig, SourceFrom};
use release::{Config, Order, Proposed, Published, RemoteLog, RoleSeats, Room};
use statement::StatementDigest;

use crate::{ceremony::delegated_seats, world::World};

/// Told about each step.
pub type Told<'a> = &'a (dyn Fn(&str) + Sync);

fn release_config(world: &World) -> Result<Config> {
    toml::from_str(&world.release_config()?).context("the release room's configuration")
}

/// Publishes version 1 of everything.
///
/// # Errors
/// When the supervisor or the log refuses.
pub async fn init_repository(world: &World) -> Result<Published> {
    let config = release_config(world)?;
    let seats = RoleSeats {
        software: delegated_seats(&world.dir, "software")?,
        rules: delegated_seats(&world.dir, "rules")?,
    };
    let tell = |_| ();
    let mut room = Room::open(
        &config,
        RemoteLog::new(&config)?,
        release::system_clock,
        &tell,
    )?;
    Ok(room
        .init_repository(&world.founded.tuf_root, &seats)
        .await?)
}

/// Builds a source directory in the conveyer and waits until its provenance stands.
///
/// # Errors
/// When the recipe, the build or the log refuses.
pub async fn build(world: &World, source: &Path, told: Told<'_>) -> Result<Built> {
    let config: ConveyerConfig =
        toml::from_str(&world.conveyer_config()?).context("the conveyer's configuration")?;
    let tell = |step: conveyer::Step| told(&step.to_string());
    let from = SourceFrom::Directory {
        path: source.to_owned(),
        exclude: Vec::new(),
    };
    Ok(conveyer::build_release(&config, from, &tell, release::system_clock).await?)
}

/// Releases a build: waits for approval, signs, waits for the supervisor.
///
/// # Errors
/// When the law or the supervisor refuses.
pub async fn propose(world: &World, build: StatementDigest, told: Told<'_>) -> Result<Proposed> {
    let config = release_config(world)?;
    let tell = |step: release::Step| told(&step.to_string());
    let mut room = Room::open(
        &config,
        RemoteLog::new(&config)?,
        release::system_clock,
        &tell,
    )?;
    Ok(room
        .propose(&Order {
            build,
            channel: "stable".to_owned(),
            artifact: None,
            rollback: false,
            signature: None,
        })
        .await?)
}

/// Publishes everything that was released.
///
/// # Errors
/// When the supervisor or the log refuses.
pub async fn publish(world: &World, told: Told<'_>) -> Result<Published> {
    let config = release_config(world)?;
    let tell = |step: release::Step| told(&step.to_string());
    let mut room = Room::open(
        &config,
        RemoteLog::new(&config)?,
        release::system_clock,
        &tell,
    )?;
    Ok(room.publish().await?)
}

/// Renews what a copy of the repository says about its freshness, as if it were `clock`.
///
/// # Errors
/// When the log refuses, or the copy is not the newest state.
pub async fn renew(world: &World, repository: &Path, clock: release::Clock) -> Result<Published> {
    let mut config = release_config(world)?;
    repository.clone_into(&mut config.repository);
    let mut room = Room::open(&config, RemoteLog::new(&config)?, clock, &|_| ())?;
    Ok(room.renew().await?)
}

/// Withdraws a release.
///
/// # Errors
/// When the log or the supervisor refuses; the withdrawal itself needs no supervisor.
pub async fn withdraw(world: &World, release: StatementDigest, reason: &str) -> Result<Published> {
    let config = release_config(world)?;
    let log = RemoteLog::new(&config)?;
    let mut room = Room::open(&config, log, release::system_clock, &|_| ())?;
    Ok(room.withdraw(release, reason).await?.published)
}
