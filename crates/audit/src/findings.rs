//! Findings as they are collected: each once, and of one kind not more than people can read.

use std::collections::{BTreeMap, BTreeSet};

use statement::{FileDigest, StatementDigest};
use tlog::Origin;

use crate::judge::{Finding, Severity};
use crate::limits::{EVIDENCE_MAX, SAME_FINDINGS_MAX};
use crate::read_log::Fault;

/// A finding and the log that proves it; no log when it is about the repository or the audit itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Origin of the log.
    pub log: Option<Origin>,
    /// What was found.
    pub finding: Finding,
}

/// Two checkpoints that do not fit together, byte for byte: of two histories, or an older one shown as the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The log that signed both.
    pub origin: Origin,
    /// What they show.
    pub why: String,
    /// The one seen first.
    pub earlier: Vec<u8>,
    /// The one shown now.
    pub later: Vec<u8>,
    /// The same for anybody to judge offline, if it shows two histories and the log serves what it takes.
    pub fork: Option<ForkFile>,
}

/// Fork evidence (`spec/fork-evidence.md`), and the name under which it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkFile {
    /// Both sizes and the beginning of its digest: `6-9-1f2e3d4c.fork`.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

impl ForkFile {
    pub(crate) fn new(smaller: u64, larger: u64, bytes: Vec<u8>) -> Self {
        let digest = FileDigest::of(&bytes).to_string();
        let name = format!("{smaller}-{larger}-{}.fork", &digest[..8]);
        Self { name, bytes }
    }
}

/// Collected findings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    found: Vec<Found>,
    evidence: Vec<Evidence>,
    known: BTreeSet<(Option<Origin>, &'static str, Option<u64>, String)>,
    by_code: BTreeMap<(Option<Origin>, &'static str, Severity), usize>,
}

impl Findings {
    /// Adds a finding unless it is there; returns whether it is new.
    pub(crate) fn add(&mut self, log: Option<&Origin>, finding: Finding) -> bool {
        let count = self
            .by_code
            .entry((log.cloned(), finding.code, finding.severity))
            .or_default();
        if *count >= SAME_FINDINGS_MAX {
            // Counted, also if it should be one that is known: the list says "at least".
            *count += 1;
            return false;
        }
        let what = finding.what.clone();
        if !self
            .known
            .insert((log.cloned(), finding.code, finding.entry, what))
        {
            return false;
        }
        *count += 1;
        let log = log.cloned();
        self.found.push(Found { log, finding });
        true
    }

    /// Whether something of this kind was found at this entry.
    pub(crate) fn has(&self, log: Option<&Origin>, code: &str, entry: Option<u64>) -> bool {
        self.found.iter().any(|found| {
            let Finding {
                code: c, entry: e, ..
            } = &found.finding;
            (found.log.as_ref(), *c, *e) == (log, code, entry)
        })
    }

    /// A promise of a log that does not hold.
    pub(crate) fn fault(&mut self, log: &Origin, fault: Fault, remedy: &str) {
        let Fault { code, entry, what } = fault;
        self.add(
            Some(log),
            Finding {
                code,
                severity: Severity::Red,
                entry,
                subject: None,
                what,
                remedy: remedy.to_owned(),
            },
        );
    }

    /// Two checkpoints that contradict each other.
    pub(crate) fn contradiction(&mut self, evidence: Evidence) {
        let of_log = |other: &&Evidence| other.origin == evidence.origin;
        let known = self.evidence.contains(&evidence);
        if !known && self.evidence.iter().filter(of_log).count() < EVIDENCE_MAX {
            self.evidence.push(evidence);
        }
    }

    /// Everything found, the worst first, then by log and entry.
    pub(crate) fn sorted(&self) -> Vec<Found> {
        let mut found = self.found.clone();
        found.sort_by(|a, b| {
            let key = |f: &Found| (f.finding.code, f.log.clone(), f.finding.entry);
            b.finding
                .severity
                .cmp(&a.finding.severity)
                .then_with(|| key(a).cmp(&key(b)))
        });
        found
    }

    /// What is not shown one by one: log, code, and how many more there are.
    pub(crate) fn more(&self) -> Vec<(Option<Origin>, &'static str, Severity, usize)> {
        self.by_code
            .iter()
            .filter(|(_, count)| **count > SAME_FINDINGS_MAX)
            .map(|((log, code, severity), count)| {
                (log.clone(), *code, *severity, count - SAME_FINDINGS_MAX)
            })
            .collect()
    }

    /// Contradictions, to be completed.
    pub(crate) fn evidence_mut(&mut self) -> &mut [Evidence] {
        &mut self.evidence
    }

    /// Contradictions.
    pub(crate) fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }
}

/// A finding in one call.
pub(crate) fn finding(
    code: &'static str,
    severity: Severity,
    entry: Option<u64>,
    subject: Option<StatementDigest>,
    what: String,
    remedy: &str,
) -> Finding {
    Finding {
        code,
        severity,
        entry,
        subject,
        what,
        remedy: remedy.to_owned(),
    }
}
