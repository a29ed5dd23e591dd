//! What this endpoint was shown of logs, kept so that nobody can show it another history unnoticed.
//!
//! An endpoint cannot see at the moment of an update that it alone is shown a branch which the log's
//! keys and enough witnesses' keys have signed. It can keep what it was shown, ask for proof that the
//! next thing extends it, and compare with what others were shown ([`crate::gossip`]). A contradiction
//! becomes evidence that anybody can check, and nothing is installed until a person has settled it.
//!
//! ```text
//! timeline.json                    checkpoints per log, faults; replaced as a whole
//! timeline/software.7.bundle       proof of a publication, to be shown to others
//! evidence/5f0c77e1a9b3.fork       two checkpoints that cannot both be true, with the proof
//! ```

mod excerpt;
mod fault;
mod history;
mod keys;
mod report;
mod wire;

use std::{collections::BTreeMap, fs, io, path::Path};

use statement::FileDigest;
use store::{DirLock, Files, StoreError};
use tlog::{Checkpoint, Fork, Origin, Policy, Verified};

pub(crate) use excerpt::{Shown, ShownPublication};
pub(crate) use fault::Finding;
pub use fault::{Fault, FaultKind, Settlement, Tree};
pub use history::Agreed;
pub(crate) use history::{History, Seen};
pub(crate) use keys::claimed_origin;
use keys::{LogKeys, own_lines};
pub use report::{CheckpointReport, LogTimeline, TimelineReport};
pub(crate) use report::{agreement, freshness};

use crate::{
    config::Config,
    error::EndpointError,
    limits::{BUNDLES_MAX, FAULTS_MAX, LOGS_MAX, REASON_BYTES_MAX, TIMELINE_BYTES_MAX},
    memory::Memory,
};

const TIMELINE_FILE: &str = "timeline.json";
const BUNDLES_DIR: &str = "timeline";

/// Everything that is kept for comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// Newest version of the constitution that was shown under the anchor.
    constitution: u64,
    /// Policies of its chain, each once, the one in force last.
    policies: Vec<Policy>,
    histories: BTreeMap<Origin, History>,
    faults: Vec<Fault>,
}

impl Timeline {
    /// Reads `timeline.json`; an endpoint that never ran has none.
    ///
    /// # Errors
    /// [`EndpointError::Damaged`] naming what is wrong in it.
    pub(crate) fn load(files: &Files) -> Result<Self, EndpointError> {
        let bytes = match files.read(TIMELINE_FILE, TIMELINE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        wire::parse(&bytes).map_err(|field| damaged(files, field))
    }

    /// Writes it durably, compacted.
    pub(crate) fn save(&mut self, files: &Files) -> Result<(), EndpointError> {
        for history in self.histories.values_mut() {
            history.compact();
        }
        let bytes = wire::print(self).map_err(|error| damaged(files, error.to_string()))?;
        Ok(files.replace(TIMELINE_FILE, &bytes)?)
    }

    /// Refuses to go on while a fault is not settled.
    ///
    /// # Errors
    /// [`EndpointError::Unsettled`] with the first one.
    pub(crate) fn check_settled(&self, dir: &Path) -> Result<(), EndpointError> {
        let open = self.faults.iter().find(|fault| fault.settled.is_none());
        open.map_or(Ok(()), |fault| {
            Err(EndpointError::Unsettled {
                fault: Box::new(fault.clone()),
                dir: dir.to_owned(),
            })
        })
    }

    /// Logs that were seen.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.histories.keys()
    }

    /// What was seen of a log.
    pub(crate) fn history(&self, origin: &Origin) -> Option<&History> {
        self.histories.get(origin)
    }

    pub(crate) fn history_mut(&mut self, origin: &Origin) -> Option<&mut History> {
        self.histories.get_mut(origin)
    }

    /// Everything that was found, settled or not.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Opens a checkpoint that somebody shows: it counts if a key signed it that the newest constitution
    /// names for a log seen here, whoever shows it.
    pub(crate) fn open(&self, note: &[u8]) -> Option<Verified<Checkpoint>> {
        let policy = self.policies.last()?;
        let origin = claimed_origin(note).filter(|origin| self.histories.contains_key(origin))?;
        own_lines(note, &LogKeys::of([policy].into_iter(), &origin), policy)
    }

    /// Takes note of what a bundle showed, and compares it with what was seen before: trees of one size,
    /// and those older ones that the bundle's entries prove something about.
    ///
    /// # Errors
    /// The proof, when the log signed two histories.
    pub(crate) fn see(
        &mut self,
        shown: &Shown,
        place: Option<&str>,
        now: u64,
    ) -> Result<(), Box<Fork>> {
        self.learn(shown.constitution, &shown.policies);
        let (origin, size) = (shown.checkpoint.origin(), shown.checkpoint.size());
        if !self.histories.contains_key(origin) && self.histories.len() >= LOGS_MAX {
            tracing::warn!(%origin, "more logs than are compared");
            return Ok(());
        }
        let history = self.histories.entry(origin.clone()).or_default();
        history.insert(Seen {
            checkpoint: shown.checkpoint.clone(),
            at: now,
            place: place.map(str::to_owned),
            within: None,
        })?;
        let older = history.seen().iter().map(|seen| seen.checkpoint.size());
        let provable: Vec<u64> = older
            .filter(|older| shown.prefixes.contains_key(older))
            .collect();
        for older in provable {
            history.link(older, size, shown.prefixes[&older].clone())?;
        }
        Ok(())
    }

    /// A chain of constitutions only grows, so an older one teaches nothing.
    fn learn(&mut self, constitution: u64, policies: &[Policy]) {
        if constitution < self.constitution {
            return;
        }
        self.constitution = constitution;
        self.policies.retain(|known| !policies.contains(known));
        for policy in policies {
            self.policies.retain(|known| known != policy);
            self.policies.push(policy.clone());
        }
    }

    /// As [`Timeline::record`], all of them.
    ///
    /// # Errors
    /// [`EndpointError::Fault`] with the first one that no person has settled; the disk refuses.
    pub(crate) fn record_all(
        &mut self,
        files: &Files,
        findings: Vec<Finding>,
        now: u64,
    ) -> Result<(), EndpointError> {
        let mut fault = None;
        for finding in findings {
            let found = self.record(files, finding, now)?;
            fault = fault.or(found);
        }
        fault.map_or(Ok(()), Err)
    }

    /// Writes down what was found: the evidence first, durably, then the fault that names it.
    ///
    /// Returns the error to end with; `None` for a fault that a person has settled.
    ///
    /// # Errors
    /// The disk refuses.
    fn record(
        &mut self,
        files: &Files,
        finding: Finding,
        now: u64,
    ) -> Result<Option<EndpointError>, EndpointError> {
        let (fault, evidence) = finding.write_up(now);
        let fault = match self.faults.iter().find(|known| known.id == fault.id) {
            Some(known) if known.settled.is_some() => return Ok(None),
            Some(known) => known.clone(),
            None => {
                for (name, bytes) in &evidence {
                    files.replace(name, bytes)?;
                }
                self.make_room();
                self.faults.push(fault.clone());
                self.save(files)?;
                tracing::info!(id = %fault.id, %fault, "found by comparing");
                fault
            }
        };
        Ok(Some(EndpointError::Fault {
            fault: Box::new(fault),
            dir: files.root().to_owned(),
        }))
    }

    /// The oldest go first, settled ones before others: one that is open stops installs just as well.
    fn make_room(&mut self) {
        if self.faults.len() >= FAULTS_MAX {
            let settled = self.faults.iter().position(|fault| fault.settled.is_some());
            self.faults.remove(settled.unwrap_or(0));
        }
    }

    /// Lets installs go on. What was seen of the log is forgotten with the fault: which of its histories
    /// goes on is for the next update and the next comparison to show.
    pub(crate) fn settle(
        &mut self,
        memory: &mut Memory,
        id: &str,
        settlement: &Settlement,
    ) -> Option<Fault> {
        let what = self
            .faults
            .iter()
            .find(|fault| fault.id == id)?
            .what
            .clone();
        for fault in &mut self.faults {
            // All that is known of one log is settled at once: it is one question to a person.
            if fault.id == id || fault.is_about_log_of(&what) {
                fault.settled.get_or_insert_with(|| settlement.clone());
            }
        }
        match &what {
            FaultKind::TwoHistories { origin, .. } => {
                memory.forget_log(origin);
                self.histories.retain(|known, _| known.as_str() != origin);
            }
            FaultKind::TwoPublications { role, version, .. } => {
                memory.forget_publication(role, *version);
            }
        }
        self.faults.iter().find(|fault| fault.id == id).cloned()
    }
}

/// Keeps the proof of a publication, so that it can be shown to others; the newest few of a role.
pub(crate) fn keep_publication(
    files: &Files,
    role: &str,
    shown: &ShownPublication,
) -> Result<(), EndpointError> {
    files.replace(&bundle_name(role, shown.version), &shown.bundle)?;
    for version in kept_versions(files, role)?.iter().rev().skip(BUNDLES_MAX) {
        let path = files.root().join(bundle_name(role, *version));
        fs::remove_file(&path).map_err(|error| EndpointError::io("remove", &path, error))?;
    }
    Ok(())
}

/// The proof of a publication that was kept, if it still is.
pub(crate) fn kept_publication(files: &Files, role: &str, version: u64) -> Option<Vec<u8>> {
    let read = files.read(&bundle_name(role, version), law::BUNDLE_BYTES_MAX as u64);
    read.ok()
}

/// Versions of which the proof is kept, ascending.
fn kept_versions(files: &Files, role: &str) -> Result<Vec<u64>, EndpointError> {
    let dir = files.root().join(BUNDLES_DIR);
    let entries = match fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| EndpointError::io("read", &dir, error))?,
    };
    let mut versions: Vec<u64> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(role)?.strip_prefix('.')?;
            version.strip_suffix(".bundle")?.parse().ok()
        })
        .collect();
    versions.sort_unstable();
    Ok(versions)
}

fn bundle_name(role: &str, version: u64) -> String {
    format!("{BUNDLES_DIR}/{role}.{version}.bundle")
}

fn damaged(files: &Files, field: String) -> EndpointError {
    EndpointError::Damaged {
        path: files.root().join(TIMELINE_FILE),
        field,
    }
}

/// Shows what was seen, without network. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// [`EndpointError`] when the directory is damaged.
pub fn timeline(config: &Config, now: u64) -> Result<TimelineReport, EndpointError> {
    let files = Files::open(&config.dir)?;
    let (timeline, memory) = (Timeline::load(&files)?, Memory::load(&files)?);
    let publications = memory.publications.clone();
    Ok(TimelineReport::new(
        &timeline,
        publications,
        memory.now(now),
    ))
}

/// The newest proof of publication that was shown, to be compared by another endpoint
/// ([`crate::gossip`]), with its version.
///
/// # Errors
/// [`EndpointError`] when the directory is damaged.
pub fn newest_bundle(config: &Config) -> Result<Option<(u64, Vec<u8>)>, EndpointError> {
    let files = Files::open(&config.dir)?;
    let role = config.role().as_str();
    let newest = kept_versions(&files, role)?.last().copied();
    Ok(newest.and_then(|version| Some((version, kept_publication(&files, role, version)?))))
}

/// A person has looked at a fault, and installs go on. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// [`EndpointError::NoFault`] when there is none of this name, [`EndpointError::Reason`] for a reason that
/// is no short line, and what the disk refuses.
pub fn settle(config: &Config, id: &str, reason: &str, now: u64) -> Result<Fault, EndpointError> {
    let fits = (1..=REASON_BYTES_MAX).contains(&reason.len());
    if !fits || reason.chars().any(char::is_control) {
        return Err(EndpointError::Reason);
    }
    let _lock = DirLock::take(&config.dir)?;
    let files = Files::open(&config.dir)?;
    let (mut timeline, mut memory) = (Timeline::load(&files)?, Memory::load(&files)?);
    let settlement = Settlement {
        at: now,
        reason: reason.to_owned(),
    };
    let settled = timeline.settle(&mut memory, id, &settlement);
    let settled = settled.ok_or_else(|| EndpointError::NoFault { id: id.to_owned() })?;
    // What was forgotten first, so that a crash between the two leaves the fault open.
    memory.save(&files)?;
    timeline.save(&files)?;
    Ok(settled)
}

/// Compares a publication with the one of that version that was seen here.
pub(crate) fn contradiction(
    files: &Files,
    role: &str,
    seen: Option<FileDigest>,
    shown: &ShownPublication,
) -> Option<Finding> {
    let seen = seen.filter(|seen| *seen != shown.metadata)?;
    Some(Finding::Publications {
        role: role.to_owned(),
        version: shown.version,
        one: (seen, kept_publication(files, role, shown.version)),
        other: Box::new(shown.clone()),
    })
}
