//! A monitor: looks at logs again and again, as logs, whatever their entries mean. For any log that serves C2SP
//! tlog-tiles.
//!
//! ```text
//! dir = "monitor"
//! [[logs]]
//! origin = "center.example/log"
//! place = "http://127.0.0.1:7101"
//! policy = "center.policy"
//! witnesses = ["http://127.0.0.1:7201"]
//! stale_s = 86400
//! ```
//!
//! Of each log it keeps the checkpoint the log showed last and the largest one that anybody showed, both signed by
//! the log. What log, witnesses and mirrors show now must be consistent with both; two checkpoints that are not
//! become one file of evidence ([`tlog::ForkEvidence`]). It alarms, too, on a log that goes back, is stale, lacks
//! cosignatures or heartbeats. What the log's signature does not cover accuses nobody: a witness that answers
//! nonsense is only an alarm about that witness.
//!
//! Whether entries are what they may be is for `limpid audit`; whether every file is there, for [`crate::fsck`].

mod alarm;
mod config;
mod look;
mod memory;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;

use tlog::{Note, Origin, sha256};

pub use alarm::{Alarm, Level, LogLook, MonitorError};
pub use config::{MonitorConfig, WatchedLog};

use crate::limits::LOGS_AT_ONCE_MAX;
use crate::sources::{LogFiles, Patience};
use crate::trust::{Signed, Trust};
use memory::Memory;

/// Logs that are watched.
#[derive(Debug)]
pub struct Monitor {
    dir: PathBuf,
    logs: Vec<Watched>,
}

/// One of them.
#[derive(Debug)]
struct Watched {
    origin: Origin,
    trust: Trust,
    log: LogFiles,
    /// Address and files of each monitoring path.
    witnesses: Vec<(String, LogFiles)>,
    mirrors: Vec<(String, LogFiles)>,
    stale_s: Option<u64>,
    heartbeat_s: Option<u64>,
    file: PathBuf,
    memory: Memory,
}

impl Monitor {
    /// Reads keys, policies and what is remembered. Call it inside of a runtime.
    ///
    /// # Errors
    /// The configuration is wrong, or the memory is not what was written.
    pub fn open(config: &MonitorConfig) -> Result<Self, MonitorError> {
        fs::create_dir_all(&config.dir).map_err(|source| MonitorError::Directory {
            path: config.dir.clone(),
            source,
        })?;
        let patience = Patience {
            timeout: std::time::Duration::from_millis(config.timeout_ms),
            ..Patience::default()
        };
        let mut by_origin = BTreeMap::new();
        for log in &config.logs {
            let watched = Watched::open(log, config, patience)?;
            let origin = watched.origin.to_string();
            if by_origin.insert(origin.clone(), watched).is_some() {
                return Err(MonitorError::Twice { origin });
            }
        }
        Ok(Self {
            dir: config.dir.clone(),
            logs: by_origin.into_values().collect(),
        })
    }

    /// Looks at every log once. Blocks; call it on a thread that may. `now` is in POSIX seconds.
    ///
    /// # Errors
    /// Memory or evidence cannot be written. What is wrong with logs is in the answer.
    pub fn look(&mut self, now: u64) -> Result<Vec<LogLook>, MonitorError> {
        let mut looks = Vec::with_capacity(self.logs.len());
        for some in self.logs.chunks_mut(LOGS_AT_ONCE_MAX) {
            let dir = &self.dir;
            let results: Vec<Result<LogLook, MonitorError>> = thread::scope(|threads| {
                let started: Vec<_> = some
                    .iter_mut()
                    .map(|log| threads.spawn(move || log.look(now, dir)))
                    .collect();
                let ended = started.into_iter().map(|thread| thread.join());
                ended
                    .map(|result| result.unwrap_or(Err(MonitorError::Ended)))
                    .collect()
            });
            for look in results {
                looks.push(look?);
            }
        }
        Ok(looks)
    }
}

impl Watched {
    fn open(
        log: &WatchedLog,
        config: &MonitorConfig,
        patience: Patience,
    ) -> Result<Self, MonitorError> {
        let origin: Origin = log.origin.parse().map_err(|source| MonitorError::Config {
            field: "origin",
            value: log.origin.clone(),
            source,
        })?;
        let trust = log.trust(&origin)?;
        let files = |place: &str| {
            LogFiles::open(place, patience).map_err(|source| MonitorError::Client(Box::new(source)))
        };
        let name = sha256(origin.as_str().as_bytes()).to_hex();
        // tlog-witness, "Monitoring", and tlog-mirror: <prefix>/<hex of SHA-256 of the origin>.
        let below = |prefixes: &[String]| {
            prefixes
                .iter()
                .map(|prefix| {
                    let place = format!("{}/{name}", prefix.trim_end_matches('/'));
                    Ok((prefix.clone(), files(&place)?))
                })
                .collect::<Result<Vec<_>, MonitorError>>()
        };
        let file = config.dir.join(format!("{}.json", &name[..16]));
        let memory = Memory::load(&file, &origin)?;
        Ok(Self {
            witnesses: below(&log.witnesses)?,
            mirrors: below(&log.mirrors)?,
            log: files(&log.place)?,
            trust,
            stale_s: log.stale_s,
            heartbeat_s: log.heartbeat_s,
            origin,
            file,
            memory,
        })
    }

    /// Names of the policy's witness keys that are not under this note.
    fn absent(&self, note: &[u8]) -> Vec<String> {
        let (Trust::Policy(policy), Ok(note)) = (&self.trust, Note::parse(note)) else {
            return Vec::new();
        };
        let absent = policy.witnesses().iter().filter(|witness| {
            let mut lines = note.signatures().iter();
            !lines.any(|line| line.is_by(witness.vkey()))
        });
        absent.map(|witness| witness.name().to_string()).collect()
    }

    /// When the log was alive, by its witnesses if there are some.
    fn time_of(signed: &Signed, seen_at: u64) -> u64 {
        match signed {
            Signed::Witnessed { median_time, .. } => *median_time,
            Signed::ByLog | Signed::Unchecked => seen_at,
        }
    }
}
