//! What an audit says: counted with denominators, findings with their proof, and what all of it does not prove.

use std::collections::BTreeMap;

use serde::Serialize;
use statement::StatementDigest;

use crate::findings::{Evidence, Found};
use crate::judge::{PolicyCounts, PromiseSeen, Severity, Summary};
use crate::report_cells::{cell_json, cell_of};
use crate::run_cross::Kept;
use crate::run_repository::RepositoryCounts;

/// Said below every report.
pub const NOT_PROVED: &[&str] = &[
    "that others are shown the same: without witnesses or parties who compare, a log can show each \
     reader another history; two checkpoints from two places, given to one audit, would tell;",
    "that what a party signed is true: only that the party that had to sign did, in time and in order;",
    "that the parties are independent: legal owners are what the constitution says they are;",
    "that source code or a product is harmless, or that whoever reviewed it noticed everything;",
    "anything about entries below no witnessed checkpoint, or about what was never submitted to a log;",
    "anything at all, if all parties of a quorum collude.",
];

/// Whether the promises held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing is wrong, with what was given.
    Held,
    /// Something is doubtful, late or was not given; no promise is known to be broken.
    Doubtful,
    /// A promise was broken, with the entry that proves it.
    Broken,
}

impl Outcome {
    /// For people.
    pub const fn headline(self) -> &'static str {
        match self {
            Self::Held => "every promise that was checked held",
            Self::Doubtful => "no promise is known to be broken, but there are doubts",
            Self::Broken => "promises were BROKEN",
        }
    }

    /// Exit status of the program: 0, 3 or 4. That nothing could be judged is 2.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Doubtful => 3,
            Self::Broken => 4,
        }
    }
}

/// How old evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Age {
    /// At most 24 hours.
    Fresh,
    /// Older.
    Amber,
    /// Older than 14 days, or there is none.
    Red,
}

/// One log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// Its origin.
    pub origin: String,
    /// Where it was read.
    pub place: String,
    /// Entries that were read.
    pub entries: u64,
    /// Root of the newest verified checkpoint, 64 hex digits.
    pub root: Option<String>,
    /// Size of the newest verified checkpoint.
    pub size: u64,
    /// Median time of its witnesses, POSIX seconds.
    pub time: Option<u64>,
    /// Witnesses of that checkpoint.
    pub witnesses: Vec<String>,
    /// Seconds since then.
    pub age_seconds: Option<u64>,
    /// The same in colours.
    pub age: Age,
    /// Checkpoints listed in the archive, and of these, verified.
    pub archived: (u64, u64),
    /// Tiles compared with the entries.
    pub tiles: u64,
    /// Public blobs named, of these there, and their bytes.
    pub blobs: (u64, u64, u64),
    /// Checkpoints of other logs that it keeps.
    pub kept: Kept,
    /// What the judge counted.
    pub summary: Summary,
}

/// Everything that an audit says.
#[derive(Debug, Clone)]
pub struct Report {
    /// The trust anchor.
    pub anchor: StatementDigest,
    /// POSIX seconds for which age was judged.
    pub now: u64,
    /// Whether the promises held.
    pub outcome: Outcome,
    /// The logs that were read.
    pub logs: Vec<LogReport>,
    /// Logs that the constitution names, read or not.
    pub logs_named: Vec<String>,
    /// The repository, if one was given.
    pub repository: Option<(String, RepositoryCounts)>,
    /// What was found, the worst first.
    pub findings: Vec<Found>,
    /// Findings that are not listed: log, code, severity, how many.
    pub more: Vec<(String, &'static str, Severity, usize)>,
    /// Checkpoints that contradict each other.
    pub evidence: Vec<Evidence>,
}

/// The word for a severity.
pub(crate) const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Red => "red",
        Severity::Amber => "amber",
        Severity::Note => "note",
    }
}

impl Report {
    /// How many findings of a severity there are, listed or not.
    pub fn count(&self, severity: Severity) -> usize {
        let listed = self.findings.iter();
        let listed = listed.filter(|found| found.finding.severity == severity);
        let more = self.more.iter().filter(|more| more.2 == severity);
        listed.count() + more.map(|more| more.3).sum::<usize>()
    }

    /// One JSON value.
    pub fn to_json(&self) -> serde_json::Value {
        let findings: Vec<_> = self.findings.iter().map(Found::to_json).collect();
        let logs: Vec<_> = self.logs.iter().map(log_json).collect();
        let evidence: Vec<_> = self.evidence.iter().map(evidence_json).collect();
        let more: Vec<_> = self
            .more
            .iter()
            .map(|(log, code, severity, count)| {
                serde_json::json!({"log": log, "code": code, "severity": word(*severity), "count": count})
            })
            .collect();
        serde_json::json!({
            "outcome": self.outcome,
            "anchor": self.anchor,
            "now": self.now,
            "logs": logs,
            "logs_named": self.logs_named,
            "repository": self.repository.as_ref().map(|(place, counts)| {
                serde_json::json!({"place": place, "counts": counts})
            }),
            "findings": findings,
            "findings_not_listed": more,
            "evidence": evidence,
            "not_proved": NOT_PROVED,
        })
    }
}

impl Found {
    /// One JSON value.
    pub fn to_json(&self) -> serde_json::Value {
        let finding = &self.finding;
        serde_json::json!({
            "log": self.log.as_ref().map(ToString::to_string),
            "code": finding.code,
            "severity": word(finding.severity),
            "entry": finding.entry,
            "subject": finding.subject,
            "what": finding.what,
            "remedy": finding.remedy,
        })
    }
}

fn evidence_json(evidence: &Evidence) -> serde_json::Value {
    serde_json::json!({
        "origin": evidence.origin.to_string(),
        "why": evidence.why,
        "earlier": String::from_utf8_lossy(&evidence.earlier),
        "later": String::from_utf8_lossy(&evidence.later),
        "fork": evidence.fork.as_ref().map(|fork| &fork.name),
    })
}

fn log_json(log: &LogReport) -> serde_json::Value {
    let summary = &log.summary;
    let newest: BTreeMap<_, _> = summary
        .newest
        .iter()
        .map(|(role, newest)| {
            let value = serde_json::json!({
                "version": newest.version, "metadata": newest.metadata, "entry": newest.entry
            });
            (role, value)
        })
        .collect();
    serde_json::json!({
        "origin": log.origin,
        "place": log.place,
        "entries": log.entries,
        "checkpoint": {
            "size": log.size, "root": log.root, "time": log.time, "witnesses": log.witnesses,
            "age_seconds": log.age_seconds, "age": log.age,
        },
        "archived": {"listed": log.archived.0, "verified": log.archived.1},
        "tiles_compared": log.tiles,
        "blobs": {"public": log.blobs.0, "present": log.blobs.1, "bytes": log.blobs.2},
        "kept_checkpoints": {
            "kept": log.kept.kept, "agree": log.kept.agree, "not_compared": log.kept.not_compared
        },
        "counted": summary.counted,
        "ignored": summary.ignored,
        "kinds": summary.kinds,
        "constitution": {
            "version": summary.constitution, "digest": summary.constitution_digest,
            "parties": summary.parties.iter().map(|(id, name, owner)| {
                serde_json::json!({"id": id, "name": name, "legal_owner": owner})
            }).collect::<Vec<_>>(),
        },
        "builds": summary.builds,
        "approvals": summary.approvals,
        "releases": {
            "signed": summary.releases_signed, "with_quorum": summary.releases,
            "withdrawn": summary.releases_withdrawn
        },
        "cells": summary.cells.iter().map(|(home, cell)| {
            cell_json(home, cell)
        }).collect::<Vec<_>>(),
        "policy": summary.policy.as_ref().map(|policy| {
            serde_json::json!({"version": policy.version, "digest": policy.digest, "countries": policy.homes})
        }),
        "promises": summary.promises.iter().map(|promise| {
            serde_json::json!({
                "id": promise.id, "text": promise.text, "due": promise.due, "met": promise.met,
            })
        }).collect::<Vec<_>>(),
        "adverse": {"all": summary.adverse, "open": summary.adverse_open},
        "publications": {"all": summary.publications, "newest": newest},
    })
}

/// `20852163` as `20,852,163`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// POSIX seconds as RFC 3339.
pub(crate) fn when(seconds: u64) -> String {
    tuf::Expires::from_posix(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// The lines about a log: what was counted, out of how many. Shared by text and page.
pub(crate) fn facts_of(log: &LogReport) -> Vec<(&'static str, String)> {
    let summary = &log.summary;
    let cells = summary.cells.iter();
    let cells = cells.map(|(home, cell)| ("cell", cell_of(home, cell)));
    let mut facts = facts_of_software(log);
    let policy = summary.policy.iter();
    facts.extend(policy.map(|policy| ("files go", policy_of(policy))));
    let promises = summary.promises.iter();
    facts.extend(promises.map(|promise| ("promise", promise_of(promise))));
    facts.extend(cells);
    facts
}

fn facts_of_software(log: &LogReport) -> Vec<(&'static str, String)> {
    let summary = &log.summary;
    vec![
        ("entries", entries_of(log)),
        ("checkpoints", checkpoints_of(log)),
        (
            "tiles",
            format!("{} compared with the entries", grouped(log.tiles)),
        ),
        ("constitution", constitution_of(summary)),
        (
            "builds",
            format!(
                "{} with source, {} approvals",
                grouped(summary.builds),
                grouped(summary.approvals)
            ),
        ),
        (
            "releases",
            format!(
                "{} of {} signed have both sides; {} withdrawn",
                grouped(summary.releases),
                grouped(summary.releases_signed),
                grouped(summary.releases_withdrawn)
            ),
        ),
        (
            "adverse",
            format!(
                "{} of {} statements are open",
                grouped(summary.adverse_open),
                grouped(summary.adverse)
            ),
        ),
        (
            "blobs",
            format!(
                "{} of {} public ones are there and hash right ({} bytes)",
                grouped(log.blobs.1),
                grouped(log.blobs.0),
                grouped(log.blobs.2)
            ),
        ),
        ("other logs", kept_of(log.kept)),
    ]
}

/// Where files go, by the rules themselves.
fn policy_of(policy: &PolicyCounts) -> String {
    let version = policy.version;
    let homes = policy.homes.iter();
    let homes: Vec<_> = homes
        .map(|(home, countries)| format!("{countries} countries to {home}"))
        .collect();
    match homes.as_slice() {
        [] => format!("version {version} of the policy; it was not replayed"),
        homes => format!(
            "version {version} of the policy, replayed: {}",
            homes.join(", ")
        ),
    }
}

/// A promise and what became of it. That it is late is a finding.
fn promise_of(promise: &PromiseSeen) -> String {
    let PromiseSeen { id, due, met, .. } = promise;
    match met {
        Some(met) => format!("{id}: due {due}, kept {met}"),
        None => format!("{id}: due {due}, open"),
    }
}

fn entries_of(log: &LogReport) -> String {
    let ignored = &log.summary.ignored;
    let mut text = format!(
        "{} of {} read are witnessed; {} count, {} have no effect",
        grouped(log.size.min(log.entries)),
        grouped(log.entries),
        grouped(log.summary.counted),
        grouped(ignored.values().sum())
    );
    if !ignored.is_empty() {
        let codes = ignored
            .iter()
            .map(|(code, count)| format!("{code} {count}"));
        text += &format!(" ({})", codes.collect::<Vec<_>>().join(", "));
    }
    text
}

fn checkpoints_of(log: &LogReport) -> String {
    let witnesses = if log.witnesses.is_empty() {
        "no witness".to_owned()
    } else {
        log.witnesses.join(", ")
    };
    format!(
        "{} of {} archived ones verified, roots recomputed; newest by {witnesses}",
        grouped(log.archived.1),
        grouped(log.archived.0),
    )
}

fn constitution_of(summary: &Summary) -> String {
    let Some(digest) = summary.constitution_digest else {
        return "none is in force under this anchor".to_owned();
    };
    let parties = summary.parties.iter().map(|(id, _, _)| id.as_str());
    format!(
        "version {} ({}) in force; parties: {}",
        summary.constitution,
        digest.short(),
        parties.collect::<Vec<_>>().join(", ")
    )
}

fn kept_of(kept: Kept) -> String {
    if kept.kept == 0 {
        return "it keeps no checkpoint of another log".to_owned();
    }
    format!(
        "{} of {} checkpoints it keeps agree, {} not compared",
        grouped(kept.agree),
        grouped(kept.kept),
        grouped(kept.not_compared)
    )
}

/// The lines about a repository.
pub(crate) fn facts_of_repository(counts: &RepositoryCounts) -> Vec<(&'static str, String)> {
    vec![
        (
            "publications",
            format!(
                "{} of {} versions judged anew by the signer's diff",
                grouped(counts.publications_judged),
                grouped(counts.publications)
            ),
        ),
        (
            "targets",
            format!(
                "{} of {} are there and hash right; bundles of {} are there",
                grouped(counts.targets_present),
                grouped(counts.targets),
                grouped(counts.bundles)
            ),
        ),
        (
            "withdrawals",
            format!(
                "{} of {} logged ones are shown",
                grouped(counts.withdrawals_listed),
                grouped(counts.withdrawals)
            ),
        ),
        (
            "timestamp",
            counts
                .timestamp_expires
                .map_or_else(|| "none".to_owned(), |at| format!("expires {}", when(at))),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(20_852_163), "20,852,163");
    }

    #[test]
    fn each_outcome_has_its_own_exit_status() {
        let all = [Outcome::Held, Outcome::Doubtful, Outcome::Broken];
        assert_eq!(all.map(Outcome::exit_status), [0, 3, 4]);
    }
}
