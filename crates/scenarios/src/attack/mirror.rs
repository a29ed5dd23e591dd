//! Attacks by whoever serves the repository: old states, mixed states, floods.
//!
//! All of them use two states of one product, made once: the first release published, then the second.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use endpoint::{Config as EndpointConfig, Outcome as Updated};
use release::MetadataRole;
use statement::Heartbeat;
use tuf::{Expires, Signed, TargetRole, Targets, Timestamp};

use super::{
    Caught, Outcome,
    flood::Flood,
    stage::{Stage, caught_by_endpoint},
};
use crate::{
    ceremony::{CENTER_LOG, tuf_key},
    examples::{LURES_1_0, LURES_1_1},
    story::endpoint_config,
    vendor,
    world::World,
};

const PRODUCT: &str = "lures-mirrored";
const DAY_SECONDS: u64 = 86_400;
/// A product whose only release is withdrawn.
const WITHDRAWN: &str = "lures-withdrawn";
const SUPERVISOR: &str = "supervisor/office";
/// What a connection may swallow after its reader has stopped reading.
const BUFFERS_BYTES_MAX: u64 = 16 << 20;

/// Copies of the repository: after one release of a product, and after the next.
#[derive(Debug, Clone)]
pub(super) struct States {
    pub(super) first: PathBuf,
    pub(super) second: PathBuf,
}

/// Makes the two states, or finds them.
pub(super) async fn states(stage: &mut Stage) -> Result<States> {
    if let Some(states) = &stage.states {
        return Ok(states.clone());
    }
    let world = &stage.world;
    stage.released(PRODUCT, LURES_1_0).await?;
    vendor::publish(world, &|_| ()).await?;
    let first = copy_repository(world, "first-state")?;
    stage.released(PRODUCT, LURES_1_1).await?;
    vendor::publish(world, &|_| ()).await?;
    let second = copy_repository(world, "second-state")?;
    let states = States { first, second };
    stage.states = Some(states.clone());
    Ok(states)
}

fn config(world: &World, endpoint: &str, url: &str) -> Result<EndpointConfig> {
    endpoint_config(world, endpoint, url, "rules", PRODUCT)
}

/// The number that an endpoint of this name runs after an update, which must succeed.
async fn installs(world: &World, endpoint: &str, url: &str, now: u64) -> Result<u64> {
    match endpoint::update(&config(world, endpoint, url)?, now).await? {
        Updated::Installed { installed, .. } | Updated::UpToDate { installed } => Ok(installed.seq),
    }
}

async fn refused(config: &EndpointConfig, now: u64) -> Option<Caught> {
    let error = endpoint::update(config, now).await.err();
    error.as_ref().map(caught_by_endpoint)
}

/// A mirror keeps the repository as it was and serves that to an endpoint which has seen more.
pub(super) async fn rollback(stage: &mut Stage) -> Result<Outcome> {
    let states = states(stage).await?;
    let (world, now) = (&stage.world, release::system_clock());
    let honest = world.serve_repository("stranger", "newest-mirror", &states.second)?;
    let name = "endpoint-rollback";
    installs(world, name, honest.url(), now).await?;
    let seq = installs(world, name, honest.url(), now).await?;
    let mirror = world.serve_repository("stranger", "older-mirror", &states.first)?;
    Ok(Outcome {
        honest: format!("a mirror with the newest files keeps seq {seq}"),
        caught: refused(&config(world, name, mirror.url())?, now).await,
    })
}

/// Two days pass. The center has renewed its timestamp; the mirror shows what it had.
pub(super) async fn freeze(stage: &mut Stage) -> Result<Outcome> {
    fn in_two_days() -> u64 {
        release::system_clock() + 2 * DAY_SECONDS
    }
    let states = states(stage).await?;
    let world = &stage.world;
    let renewed = copy_repository(world, "renewed-state")?;
    vendor::renew(world, &renewed, in_two_days).await?;
    let honest = world.serve_repository("stranger", "renewed-mirror", &renewed)?;
    let seq = installs(world, "endpoint-renewed", honest.url(), in_two_days()).await?;
    let mirror = world.serve_repository("stranger", "frozen-mirror", &states.second)?;
    Ok(Outcome {
        honest: format!("two days later a mirror with the renewed timestamp gives seq {seq}"),
        caught: refused(
            &config(world, "endpoint-frozen", mirror.url())?,
            in_two_days(),
        )
        .await,
    })
}

/// Timestamps are signed by one online key. Whoever has it keeps old content fresh for TUF, but not the
/// witnessed proof that it is what the log shows.
pub(super) async fn stale_proof(stage: &mut Stage) -> Result<Outcome> {
    states(stage).await?;
    let world = &stage.world;
    let proof = format!("publications/{}.bundle", TargetRole::Rules);
    let before = copy_repository(world, "unproven-state")?;
    let old = proven_at(world, &before.join(&proof))?;
    // The next proof must be later by more than the policy will allow.
    while release::system_clock() < old + 3 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    stage
        .log(&heartbeat(stage, "time passes", CENTER_LOG)?)
        .await?;
    let fresh = copy_repository(world, "proven-state")?;
    vendor::renew(world, &fresh, release::system_clock).await?;
    let newest = proven_at(world, &fresh.join(&proof))?;
    if newest <= old + 1 {
        bail!("the renewed proof is of {newest}, the old one of {old}");
    }
    let patient = |endpoint: &str, url: &str| -> Result<EndpointConfig> {
        let mut config = config(world, endpoint, url)?;
        config.evidence_age_max_seconds = newest - old - 1;
        Ok(config)
    };
    let now = release::system_clock().min(newest);
    let honest = world.serve_repository("stranger", "proven-mirror", &fresh)?;
    endpoint::update(&patient("endpoint-proven", honest.url())?, now).await?;
    let stale = copy_tree_to(world, &fresh, "stale-state")?;
    copy_tree(&before.join("publications"), &stale.join("publications"))?;
    let mirror = world.serve_repository("stranger", "stale-mirror", &stale)?;
    Ok(Outcome {
        honest: format!(
            "with the proof of {} s later it was installed",
            newest - old
        ),
        caught: refused(&patient("endpoint-stale", mirror.url())?, now).await,
    })
}

/// The newest timestamp and snapshot over the rules of the state before.
pub(super) async fn mix_and_match(stage: &mut Stage) -> Result<Outcome> {
    let states = states(stage).await?;
    let (world, now) = (&stage.world, release::system_clock());
    let mixed = copy_tree_to(world, &states.second, "mixed-state")?;
    let mirror = world.serve_repository("stranger", "mixed-mirror", &mixed)?;
    let seq = installs(world, "endpoint-unmixed", mirror.url(), now).await?;
    let newest = |state: &Path| newest_rules(&state.join("metadata"));
    fs::copy(newest(&states.first)?, newest(&mixed)?).context("cannot mix the states")?;
    Ok(Outcome {
        honest: format!("the same mirror with all parts of one state gives seq {seq}"),
        caught: refused(&config(world, "endpoint-mixed", mirror.url())?, now).await,
    })
}

/// With versions used up, no honest version could follow.
pub(super) async fn fast_forward(stage: &mut Stage) -> Result<Outcome> {
    let states = states(stage).await?;
    let world = &stage.world;
    let newest = newest_rules(&world.repository_dir().join("metadata"))?;
    let newest = Signed::<Targets>::parse(&fs::read(&newest)?)?;
    let expires = Expires::from_posix(release::system_clock() + 7 * DAY_SECONDS)?;
    let mut candidate = Targets::listing(
        newest.signed().version() + 1_000_000,
        expires,
        newest.signed().targets().clone(),
    )?;
    candidate.sign(&tuf_key(&world.dir, "vendor", "tuf-rules")?)?;
    let caught = stage
        .cosign(MetadataRole::Rules, &candidate.to_bytes()?)
        .await?;
    // `states` was published with the next version each time, by the very same call.
    let followed = newest_rules(&states.second.join("metadata"))?;
    let followed = Signed::<Targets>::parse(&fs::read(&followed)?)?;
    Ok(Outcome {
        honest: format!(
            "version {} followed the one before it",
            followed.signed().version()
        ),
        caught,
    })
}

/// The same for everybody at once: the timestamp is signed by one online key, and whoever stole that key
/// makes it as high as it goes.
pub(super) async fn last_timestamp(stage: &mut Stage) -> Result<Outcome> {
    let states = states(stage).await?;
    let (world, now) = (&stage.world, release::system_clock());
    let forged = copy_tree_to(world, &states.second, "forwarded-state")?;
    let mirror = world.serve_repository("stranger", "forwarding-mirror", &forged)?;
    let name = "endpoint-forwarded";
    let seq = installs(world, name, mirror.url(), now).await?;
    let path = forged.join("metadata").join("timestamp.json");
    let newest = Signed::<Timestamp>::parse(&fs::read(&path)?)?;
    let snapshot = newest.signed().snapshot().version();
    let named = forged
        .join("metadata")
        .join(format!("{snapshot}.snapshot.json"));
    let expires = newest.signed().expires();
    let last = Timestamp::build(u64::from(u32::MAX), expires, snapshot, &fs::read(named)?);
    let mut last = last?;
    last.sign(&tuf_key(&world.dir, "vendor", "tuf-online")?)?;
    fs::write(&path, last.to_bytes()?).context("cannot write the timestamp")?;
    Ok(Outcome {
        honest: format!("with the honest timestamp the same mirror gives seq {seq}"),
        caught: refused(&config(world, name, mirror.url())?, now).await,
    })
}

/// The center withdraws a release while the supervisor is away, so the metadata still lists it; a mirror
/// leaves the withdrawal out of what it serves.
pub(super) async fn hidden_withdrawal(stage: &mut Stage) -> Result<Outcome> {
    let digest = stage.released(WITHDRAWN, LURES_1_0).await?;
    vendor::publish(&stage.world, &|_| ()).await?;
    stage.world.kill_daemon(SUPERVISOR)?;
    let withdrawn = vendor::withdraw(&stage.world, digest, "it deletes files").await;
    stage.world.restart_daemon(SUPERVISOR)?;
    if withdrawn.is_ok() {
        bail!("metadata without the release was published without the supervisor");
    }
    let (world, now) = (&stage.world, release::system_clock());
    let state = copy_repository(world, "withdrawing-state")?;
    let config = |name: &str, url: &str| endpoint_config(world, name, url, "rules", WITHDRAWN);
    let mirror = world.serve_repository("stranger", "withdrawing-mirror", &state)?;
    let told = refused(&config("endpoint-told", mirror.url())?, now).await;
    if told.as_ref().map(|told| told.code.as_str()) != Some("release.withdrawn") {
        bail!("the honest mirror was answered with {told:?}");
    }
    let served = state.join("withdrawals");
    fs::remove_dir_all(&served).context("cannot hide the withdrawals")?;
    fs::create_dir(&served).context("cannot hide the withdrawals")?;
    fs::write(served.join("index.json"), "[]").context("cannot hide the withdrawals")?;
    Ok(Outcome {
        honest: "an endpoint that was served the withdrawal installed nothing".to_owned(),
        caught: refused(&config("endpoint-untold", mirror.url())?, now).await,
    })
}

/// Three floods, one at each thing that is downloaded. All must end at their limit.
pub(super) async fn endless_data(stage: &mut Stage) -> Result<Outcome> {
    let states = states(stage).await?;
    let (world, now) = (&stage.world, release::system_clock());
    let calm = Flood::start(&states.second, "nothing/")?;
    let seq = installs(world, "endpoint-calm", &calm.url(), now).await?;
    let mut last = None;
    for (name, prefix, bytes_max) in [
        ("metadata", "metadata/", tuf::limits::ROOT_BYTES_MAX),
        ("bundle", "bundles/", law::BUNDLE_BYTES_MAX),
        ("target", "targets/", 1 << 20),
    ] {
        let flood = Flood::start(&states.second, prefix)?;
        let endpoint = format!("endpoint-flood-{name}");
        let caught = refused(&config(world, &endpoint, &flood.url())?, now).await;
        let sent = flood.bytes_sent();
        if sent > bytes_max as u64 + BUFFERS_BYTES_MAX {
            bail!("{name}: {sent} bytes were taken, {bytes_max} are allowed");
        }
        let due = caught
            .as_ref()
            .is_some_and(|caught| caught.code == "download.too_long");
        last = caught;
        if !due {
            break;
        }
    }
    Ok(Outcome {
        honest: format!("the same server without a flood gives seq {seq}"),
        caught: last,
    })
}

/// The file of the newest version of `rules`.
fn newest_rules(metadata: &Path) -> Result<PathBuf> {
    let mut newest = None;
    for entry in
        fs::read_dir(metadata).with_context(|| format!("cannot read {}", metadata.display()))?
    {
        let entry = entry?;
        let name = entry.file_name();
        let version = name
            .to_string_lossy()
            .strip_suffix(".rules.json")
            .map(str::parse::<u64>);
        if let Some(Ok(version)) = version {
            newest = newest.max(Some((version, entry.path())));
        }
    }
    newest.map(|(_, path)| path).context("rules were published")
}

/// Median time of the witnesses under a bundle.
fn proven_at(world: &World, bundle: &Path) -> Result<u64> {
    let bytes = fs::read(bundle).with_context(|| format!("cannot read {}", bundle.display()))?;
    let open = law::Bundle::parse(&bytes)?.open(world.anchor())?;
    Ok(open.checkpoint().median_time())
}

/// A heartbeat of the center for one log: an entry that changes nothing.
pub(super) fn heartbeat(stage: &Stage, note: &str, origin: &str) -> Result<statement::Envelope> {
    let heartbeat = Heartbeat {
        audience: vec![origin.parse()?],
        not_after: release::system_clock() + DAY_SECONDS,
        blobs: Vec::new(),
        note: note.to_owned(),
    };
    let payload = statement::Statement::new(Vec::new(), heartbeat).to_payload()?;
    stage.sign_payload(payload, "vendor", "center")
}

/// A copy of the repository as it is served now.
pub(super) fn copy_repository(world: &World, name: &str) -> Result<PathBuf> {
    copy_tree_to(world, &world.repository_dir(), name)
}

fn copy_tree_to(world: &World, from: &Path, name: &str) -> Result<PathBuf> {
    let target = world.dir.join("stranger").join(name);
    copy_tree(from, &target)?;
    Ok(target)
}

/// Copies a directory over another.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}
