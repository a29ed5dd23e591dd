//! Comparing with others what the log showed: how a view made for one endpoint alone is found.
//!
//! ```text
//! GET <log>/checkpoint                               the log itself, or any copy of its files
//! GET <witness>/<hex sha256(origin)>/checkpoint      what a witness cosigned last (tlog-witness)
//! GET <mirror>/<hex sha256(origin)>/checkpoint       what a mirror holds (tlog-mirror), with tiles
//! GET <bundle>                                       a proof that another endpoint was shown
//! ```
//!
//! What others say counts only if the log's own keys signed it, so a place that lies, or shows rubbish,
//! costs nothing; one that is silent only lets the last agreement grow old. Trees of one size are
//! compared as they are; of two sizes the larger must begin with the smaller, and who serves tiles
//! shows whether it does. Whoever shows a branch to one endpoint must therefore also keep it away from
//! every witness, mirror and peer, for ever.

mod hear;
mod place;
mod report;
mod tiles;

use std::time::{Duration, Instant};

use serve::{Client, ClientConfig};
use store::{DirLock, Files};
use tlog::{Checkpoint, Origin, Verified};

pub use place::{Place, PlaceKind};
pub use report::{Answer, Gossip, LogAgreement, PlaceReport};

use crate::{
    config::Config,
    error::EndpointError,
    limits::{GOSSIP_MS_MAX, PLACES_MAX},
    memory::Memory,
    timeline::{Agreed, Finding, Seen, Timeline, contradiction},
};
use hear::{Hearing, hear};
use tiles::PlaceTiles;

/// A bundle that was handed over, for example by another endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where it came from, for the report.
    pub name: String,
    /// The bundle.
    pub bytes: Vec<u8>,
}

/// Compares with every configured place and with the bundles `given`. `now` is the system's clock in
/// POSIX seconds.
///
/// # Errors
/// [`EndpointError::Fault`] when a fault was found; its evidence is on disk. Whatever places answer or
/// do not answer is no error.
pub async fn gossip(config: &Config, given: &[Given], now: u64) -> Result<Gossip, EndpointError> {
    let _lock = DirLock::take(&config.dir)?;
    let files = Files::open(&config.dir)?;
    let (mut timeline, memory) = (Timeline::load(&files)?, Memory::load(&files)?);
    let now = memory.now(now);
    compare(config, &files, &mut timeline, &memory, given, now).await
}

/// As [`gossip`], within an update.
pub(crate) async fn compare(
    config: &Config,
    files: &Files,
    timeline: &mut Timeline,
    memory: &Memory,
    given: &[Given],
    now: u64,
) -> Result<Gossip, EndpointError> {
    let count = config.gossip.len() + given.len();
    if count > PLACES_MAX {
        return Err(EndpointError::Places { count });
    }
    let http = client(&config.client)?;
    let deadline = Instant::now() + Duration::from_millis(GOSSIP_MS_MAX);
    let hearings = hear(config, &http, timeline, given, deadline).await;
    let mut findings = Vec::new();
    for hearing in &hearings {
        findings.extend(take_note(timeline, hearing, now));
        if let Some(publication) = &hearing.publication {
            let role = config.role().as_str();
            let seen = memory.publication(role, publication.version);
            findings.extend(contradiction(files, role, seen, publication));
        }
    }
    for hearing in &hearings {
        findings.extend(prove(timeline, hearing, &http, deadline).await);
    }
    let gossip = conclude(timeline, &hearings, now);
    timeline.save(files)?;
    timeline.record_all(files, findings, now)?;
    Ok(gossip)
}

/// Comparing must not hold up an update for long, however patient the endpoint is with its repository.
fn client(config: &ClientConfig) -> Result<Client, EndpointError> {
    let config = ClientConfig {
        connect_timeout_ms: config.connect_timeout_ms.min(GOSSIP_MS_MAX),
        total_timeout_ms: config.total_timeout_ms.min(GOSSIP_MS_MAX),
    };
    Client::new(&config).map_err(|source| EndpointError::Http {
        what: "client".to_owned(),
        source,
    })
}

/// Keeps what a place showed. Trees of one size are compared here.
fn take_note(timeline: &mut Timeline, hearing: &Hearing, now: u64) -> Vec<Finding> {
    if let Some(shown) = &hearing.shown {
        let seen = timeline.see(shown, Some(&hearing.name), now);
        return seen.err().map(Finding::from).into_iter().collect();
    }
    let mut findings = Vec::new();
    for checkpoint in hearing.checkpoints() {
        let Some(history) = timeline.history_mut(checkpoint.origin()) else {
            continue;
        };
        let seen = Seen {
            checkpoint: checkpoint.clone(),
            at: now,
            place: Some(hearing.name.clone()),
            within: None,
        };
        findings.extend(history.insert(seen).err().map(Finding::from));
    }
    findings
}

/// Lets a place with tiles show whether its tree begins with every smaller one that was seen.
async fn prove(
    timeline: &mut Timeline,
    hearing: &Hearing,
    http: &Client,
    deadline: Instant,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for checkpoint in hearing.checkpoints() {
        let origin = checkpoint.origin();
        let Some(url) = hearing.tiles_url(origin) else {
            continue;
        };
        let size = checkpoint.size();
        let mut tiles = PlaceTiles::new(http, &url, size, deadline);
        for smaller in smaller_open_ends(timeline, checkpoint) {
            let path = match tiles.prefix(smaller).await {
                Ok(path) => path,
                Err(why) => {
                    tracing::warn!(place = %hearing.name, %why, "no proof");
                    break;
                }
            };
            let Some(history) = timeline.history_mut(origin) else {
                break;
            };
            match history.link(smaller, size, path) {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(place = %hearing.name, %origin, size, "its tiles are not those of its checkpoint");
                    break;
                }
                Err(fork) => {
                    // One contradiction says it all; the smaller trees of that branch add nothing.
                    findings.push(Finding::from(fork));
                    break;
                }
            }
        }
    }
    findings
}

/// Sizes seen below a checkpoint that nothing larger was proven to begin with, the newest first: what
/// this endpoint acts on comes before what was heard long ago.
fn smaller_open_ends(timeline: &Timeline, checkpoint: &Verified<Checkpoint>) -> Vec<u64> {
    let history = timeline.history(checkpoint.origin());
    let ends = history.into_iter().flat_map(|history| history.open_ends());
    let sizes = ends.map(|seen| seen.checkpoint.size());
    let mut sizes: Vec<u64> = sizes
        .filter(|size| (1..checkpoint.size()).contains(size))
        .collect();
    sizes.reverse();
    sizes
}

/// Who showed the same history as this endpoint was shown.
fn conclude(timeline: &mut Timeline, hearings: &[Hearing], now: u64) -> Gossip {
    let mut places = Vec::new();
    for hearing in hearings {
        places.extend(hearing.answers.iter().map(|heard| PlaceReport {
            place: hearing.name.clone(),
            origin: heard.origin().map(ToString::to_string),
            answer: match heard.checkpoint() {
                Some(checkpoint) => judge(timeline, hearing, checkpoint, now),
                None => heard.failure(),
            },
        }));
    }
    let origins: Vec<Origin> = timeline.origins().cloned().collect();
    let logs = origins.iter().filter_map(|origin| {
        let history = timeline.history(origin)?;
        let agreed = history.agreed.clone();
        let own = history.own().map(|seen| seen.checkpoint.size());
        Some(LogAgreement::new(origin.to_string(), own, agreed, now))
    });
    Gossip {
        logs: logs.collect(),
        places,
        now,
    }
}

fn judge(
    timeline: &mut Timeline,
    hearing: &Hearing,
    checkpoint: &Verified<Checkpoint>,
    now: u64,
) -> Answer {
    let (origin, size) = (checkpoint.origin(), checkpoint.size());
    let Some(history) = timeline.history_mut(origin) else {
        return Answer::Useless {
            why: "a log that was not seen here".to_owned(),
        };
    };
    let kept = history
        .seen()
        .iter()
        .find(|seen| seen.checkpoint.size() == size);
    if kept.is_none_or(|seen| seen.checkpoint.root() != checkpoint.root()) {
        return Answer::Contradicts { size };
    }
    let own = history.own().map(|seen| seen.checkpoint.size());
    match own {
        Some(own) if history.is_one(size, own) => {
            history.agreed = Some(Agreed {
                at: now,
                place: hearing.name.clone(),
                size: own,
            });
            Answer::Agrees { size }
        }
        _ => Answer::Unproven { size },
    }
}
