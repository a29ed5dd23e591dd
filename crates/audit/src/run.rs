//! An audit from the first byte to the report: logs one after the other, then against each other, then
//! the repository. Looking again reads only what is new.

use std::sync::Arc;

use statement::StatementDigest;
use tlog::Origin;

use crate::error::AuditError;
use crate::findings::{Findings, finding};
use crate::judge::Severity;
use crate::limits::{FRESH_SECONDS, STALE_SECONDS};
use crate::opened::Keyring;
use crate::read::Place;
use crate::read_log::{Claimed, LogReader};
use crate::report::{Age, LogReport, Outcome, Report};
use crate::run_cross::{Kept, check_spread, compare_kept, hours};
use crate::run_fork::prove_forks;
use crate::run_log::LogAudit;
use crate::run_repository::RepositoryAudit;

/// What to audit.
#[derive(Debug, Clone)]
pub struct Request {
    /// Digest of the first constitution: the only thing taken on trust.
    pub anchor: StatementDigest,
    /// The logs and where each is reached.
    pub logs: Vec<(Origin, Place)>,
    /// The TUF repository.
    pub repository: Option<Place>,
    /// Checkpoints that were seen elsewhere, each with where it came from.
    pub seen: Vec<(String, Vec<u8>)>,
}

/// Reads `ORIGIN=PLACE`, an origin (reached at its own address, as C2SP has it), or a place that says in
/// its checkpoint which log it is.
///
/// # Errors
/// Nothing there is a log, or the place cannot be read.
pub async fn find_log(given: &str) -> Result<(Origin, Place), AuditError> {
    let no_log = || AuditError::Log {
        given: given.to_owned(),
    };
    let is_place = |text: &str| text.starts_with("http://") || std::path::Path::new(text).is_dir();
    if !is_place(given) {
        let (origin, place) = match given.split_once('=') {
            Some((origin, place)) => (origin, place.to_owned()),
            None => (given, format!("http://{given}")),
        };
        let origin: Origin = origin.parse().map_err(|_| no_log())?;
        return is_place(&place)
            .then(|| Place::new(&place).map(|place| (origin, place)))
            .ok_or_else(no_log)?;
    }
    let place = Place::new(given)?;
    let note = place
        .get("checkpoint", crate::limits::NOTE_BYTES_MAX)
        .await?;
    let note = note.ok_or_else(|| AuditError::NoCheckpoint {
        place: place.to_string(),
    })?;
    let claimed = Claimed::parse(note).map_err(|source| AuditError::Checkpoint {
        what: format!("{place}/checkpoint"),
        source,
    })?;
    Ok((claimed.checkpoint.origin().clone(), place))
}

/// A running audit.
pub struct Audit {
    pub(crate) anchor: StatementDigest,
    pub(crate) logs: Vec<LogAudit>,
    repository: Option<Place>,
    /// What was found while reading; it stays found.
    pub(crate) findings: Findings,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origins = self.logs.iter().map(|log| log.reader.origin.as_str());
        f.debug_list().entries(origins).finish()
    }
}

impl Audit {
    /// Prepares an audit; nothing is read yet.
    ///
    /// # Errors
    /// No log, a log twice, or a checkpoint that is none.
    pub fn new(request: Request) -> Result<Self, AuditError> {
        let mut logs: Vec<LogAudit> = Vec::new();
        for (origin, place) in request.logs {
            if logs.iter().any(|log| log.reader.origin == origin) {
                return Err(AuditError::LogTwice { origin });
            }
            let reader = LogReader {
                origin,
                place: Arc::new(place),
                keys: Keyring::default(),
            };
            logs.push(LogAudit::new(reader, request.anchor));
        }
        if logs.is_empty() {
            return Err(AuditError::NoLog);
        }
        let mut audit = Self {
            anchor: request.anchor,
            logs,
            repository: request.repository,
            findings: Findings::default(),
        };
        for (what, note) in request.seen {
            audit.remember(what, note)?;
        }
        Ok(audit)
    }

    fn remember(&mut self, what: String, note: Vec<u8>) -> Result<(), AuditError> {
        let claimed =
            Claimed::parse(note).map_err(|source| AuditError::Checkpoint { what, source })?;
        let of = claimed.checkpoint.origin().clone();
        if let Some(log) = self.logs.iter_mut().find(|log| log.reader.origin == of) {
            let notes = log.remembered.entry(claimed.checkpoint.size()).or_default();
            notes.push(claimed.note);
        }
        Ok(())
    }

    /// Reads what is new, judges everything, and reports. `now` is the clock, POSIX seconds; a witness
    /// that saw a later time is believed instead.
    ///
    /// # Errors
    /// A place cannot be read.
    pub async fn look(&mut self, now: u64) -> Result<Report, AuditError> {
        for log in &mut self.logs {
            log.advance(&mut self.findings).await?;
        }
        // A log that was read first may be behind what the others, read later, keep of it.
        if self.logs.len() > 1 {
            for log in &mut self.logs {
                log.advance(&mut self.findings).await?;
            }
        }
        let medians = self.logs.iter().filter_map(|log| log.head.as_ref());
        let now = medians.map(|(seen, _)| seen.time).fold(now, u64::max);
        let mut findings = self.findings.clone();
        let repository = self.check_repository(now, &mut findings).await?;
        let kept = compare_kept(&self.logs, &mut findings).await?;
        prove_forks(&self.logs, &mut findings).await?;
        check_spread(&self.logs, now, &mut findings);
        let mut logs = Vec::new();
        let judges: Vec<_> = self.logs.iter().map(|log| &log.judge).collect();
        for log in &self.logs {
            let origin = Some(&log.reader.origin);
            let beside = log.judge.findings_beside(&judges);
            for found in log.judge.findings().into_iter().chain(beside) {
                // A wrong root was found while reading, with the entries that still fit.
                if found.code != "checkpoint.root" || !findings.has(origin, found.code, found.entry)
                {
                    findings.add(origin, found);
                }
            }
            let kept = kept.get(&log.reader.origin).copied().unwrap_or_default();
            let report = log_report(log, kept, now);
            check_age(log, &report, &mut findings);
            logs.push(report);
        }
        let logs_named = self.check_named(&mut findings);
        let found = findings.sorted();
        let worst = found.first().map(|found| found.finding.severity);
        Ok(Report {
            anchor: self.anchor,
            now,
            outcome: match worst {
                Some(Severity::Red) => Outcome::Broken,
                Some(Severity::Amber) => Outcome::Doubtful,
                Some(Severity::Note) | None => Outcome::Held,
            },
            logs,
            logs_named,
            repository,
            findings: found,
            more: findings
                .more()
                .into_iter()
                .map(|(log, code, severity, count)| {
                    let log = log.map_or_else(String::new, |log| log.to_string());
                    (log, code, severity, count)
                })
                .collect(),
            evidence: findings.evidence().to_vec(),
        })
    }

    /// The logs that constitutions name, and a finding for each that was not read.
    fn check_named(&self, findings: &mut Findings) -> Vec<String> {
        let mut named: Vec<String> = self
            .logs
            .iter()
            .flat_map(|log| log.facts.logs.iter().cloned())
            .collect();
        named.sort();
        named.dedup();
        for name in &named {
            if !self
                .logs
                .iter()
                .any(|log| log.reader.origin.as_str() == name)
            {
                let what = format!(
                    "the constitution names the log {name}, and it was not given to this audit"
                );
                let remedy = "give it with --log, so that the logs can be compared";
                let found = finding("log.not_given", Severity::Amber, None, None, what, remedy);
                findings.add(None, found);
            }
        }
        for log in &self.logs {
            let origin = &log.reader.origin;
            if !named.is_empty() && !named.iter().any(|name| name == origin.as_str()) {
                let what = "no constitution names this log".to_owned();
                let remedy = "nothing in it is owed to you under this anchor";
                let found = finding("log.not_named", Severity::Amber, None, None, what, remedy);
                findings.add(Some(origin), found);
            }
        }
        named
    }

    async fn check_repository(
        &mut self,
        now: u64,
        findings: &mut Findings,
    ) -> Result<Option<(String, crate::run_repository::RepositoryCounts)>, AuditError> {
        let Some(place) = &self.repository else {
            return Ok(None);
        };
        // A product's whole chain stands in one log: the one with the publications.
        let log = self
            .logs
            .iter_mut()
            .max_by_key(|log| log.judge.publications().len())
            .expect("an audit has a log");
        let audit = RepositoryAudit {
            place,
            log,
            now,
            findings,
        };
        let counts = audit.check().await?;
        Ok(Some((place.to_string(), counts)))
    }
}

fn log_report(log: &LogAudit, kept: Kept, now: u64) -> LogReport {
    let head = log.head.as_ref().map(|(seen, _)| seen);
    let age_seconds = head.map(|seen| now.saturating_sub(seen.time));
    let age = match age_seconds {
        Some(0..=FRESH_SECONDS) => Age::Fresh,
        Some(age) if age <= STALE_SECONDS => Age::Amber,
        Some(_) | None => Age::Red,
    };
    LogReport {
        origin: log.reader.origin.to_string(),
        place: log.reader.place.to_string(),
        entries: log.size(),
        root: head.map(|seen| seen.root.to_hex()),
        size: head.map_or(0, |seen| seen.size),
        time: head.map(|seen| seen.time),
        witnesses: head.map_or_else(Vec::new, |seen| seen.witnesses.clone()),
        age_seconds,
        age,
        archived: (log.archived, log.archived_verified),
        tiles: log.tiles,
        blobs: (log.facts.owed() as u64, log.blobs.present, log.blobs.bytes),
        kept,
        summary: log.judge.latest(),
    }
}

fn check_age(log: &LogAudit, report: &LogReport, findings: &mut Findings) {
    let severity = match report.age {
        Age::Fresh => return,
        Age::Amber => Severity::Amber,
        Age::Red => Severity::Red,
    };
    // That no checkpoint holds is a finding with its reason already.
    let Some(age) = report.age_seconds else {
        return;
    };
    let what = format!("the newest witnessed checkpoint is {} old", hours(age));
    let remedy = "entries may be withheld: ask the log, its witnesses, or a mirror";
    let found = finding("freshness.checkpoint", severity, None, None, what, remedy);
    findings.add(Some(&log.reader.origin), found);
}
