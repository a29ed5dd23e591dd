//! The attack that no proof stops: everybody's keys are copied, and a second world is run for one endpoint.
//!
//! In it everything is right: the log is a log, the witnesses cosign one history, center and supervisor agree.
//! Only whoever compares with somebody outside of it sees that there are two.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use endpoint::{Answer, Config as EndpointConfig, Outcome as Updated, Place, PlaceKind};

use super::{
    Outcome, mirror,
    stage::{Stage, caught_by_endpoint},
};
use crate::{
    ceremony::CENTER_LOG, examples::LURES_1_0, story::endpoint_config, vendor, world::World,
};

const PRODUCT: &str = "lures-split";
/// What is copied: keys, and the memory of whoever must not sign twice.
const COPIED: [&str; 12] = [
    "constitution",
    "vendor/keys",
    "vendor/log",
    "vendor/release",
    "vendor/repository",
    "supervisor/keys",
    "supervisor/log",
    "supervisor/office",
    "lab-a/keys",
    "lab-a/witness",
    "lab-b/keys",
    "lab-b/witness",
];
/// Those that must not write while they are copied, in the order in which they start again.
const WRITERS: [&str; 5] = [
    "lab-a/witness",
    "lab-b/witness",
    "vendor/log",
    "supervisor/log",
    "supervisor/office",
];

/// One endpoint is cut off from everybody but the second world and installs from it; then it reaches one
/// honest witness and one honest copy of the log.
pub(super) async fn split_view(stage: &mut Stage) -> Result<Outcome> {
    let build = stage.approved(PRODUCT, LURES_1_0).await?.built.build;
    let second = copy_world(stage)?;
    let (limpid, cast) = (stage.world.limpid.clone(), stage.world.cast.clone());
    let mut second = World::found(&second, &limpid, cast, release::system_clock())?;
    second.start_services(&mut |_| ()).await?;
    vendor::propose(&second, build, &|_| ()).await?;
    vendor::publish(&second, &|_| ()).await?;
    let mut misled = config(&stage.world, "endpoint-misled", &second)?;
    misled.gossip = nobody();
    installs(&misled).await?;

    let world = &stage.world;
    while size(world).await? <= size(&second).await? {
        let note = format!("seen by everybody {}", size(world).await?);
        stage
            .log(&mirror::heartbeat(stage, &note, CENTER_LOG)?)
            .await?;
    }
    vendor::propose(world, build, &|_| ()).await?;
    vendor::publish(world, &|_| ()).await?;
    let mut twin = config(world, "endpoint-not-misled", world)?;
    twin.gossip = honest_places(world)?;
    installs(&twin).await?;
    let compared = endpoint::gossip(&twin, &[], release::system_clock()).await?;
    let agrees = |said: &endpoint::PlaceReport| matches!(said.answer, Answer::Agrees { .. });
    if !compared.places.iter().any(agrees) {
        bail!("the honest twin was told:\n{compared}");
    }

    misled.gossip = honest_places(world)?;
    let found = endpoint::gossip(&misled, &[], release::system_clock()).await;
    misled.repository = world.repository_url();
    let next = endpoint::update(&misled, release::system_clock()).await;
    let stopped = next.err().map(|error| caught_by_endpoint(&error));
    if found.is_err() && stopped.as_ref().map(|by| by.code.as_str()) != Some("timeline.unsettled") {
        bail!("after the fork was found the next update ended with {stopped:?}");
    }
    Ok(Outcome {
        honest: "shown what everybody sees, an endpoint agreed with the same places".to_owned(),
        caught: found.err().map(|error| caught_by_endpoint(&error)),
    })
}

/// Copies keys and memories of all parties while nobody writes.
fn copy_world(stage: &mut Stage) -> Result<PathBuf> {
    for name in WRITERS {
        stage.world.kill_daemon(name)?;
    }
    let second = stage.world.dir.join("stranger").join("second-world");
    for part in COPIED {
        mirror::copy_tree(&stage.world.dir.join(part), &second.join(part))?;
    }
    for name in WRITERS {
        stage.world.restart_daemon(name)?;
    }
    Ok(second)
}

fn config(world: &World, name: &str, served_by: &World) -> Result<EndpointConfig> {
    endpoint_config(world, name, &served_by.repository_url(), "rules", PRODUCT)
}

async fn installs(config: &EndpointConfig) -> Result<()> {
    match endpoint::update(config, release::system_clock()).await? {
        Updated::Installed { .. } => Ok(()),
        Updated::UpToDate { .. } => bail!("{} had something installed", config.dir.display()),
    }
}

/// Entries of the center's log.
async fn size(world: &World) -> Result<u64> {
    let mut follower = world.follower()?;
    follower.sync().await?;
    let newest = follower.checkpoint().context("the log is published")?;
    Ok(newest.size())
}

/// One witness and one copy of the log that the attacker does not control.
fn honest_places(world: &World) -> Result<Vec<Place>> {
    let witness = world.witness_urls().pop().context("a witness runs")?;
    Ok(vec![
        Place {
            kind: PlaceKind::Witness,
            url: witness,
        },
        Place {
            kind: PlaceKind::Log,
            url: world.center_log_url(),
        },
    ])
}

/// What an endpoint reaches whose wire the attacker holds.
fn nobody() -> Vec<Place> {
    let url = "http://127.0.0.1:1".to_owned();
    vec![Place {
        kind: PlaceKind::Witness,
        url,
    }]
}
