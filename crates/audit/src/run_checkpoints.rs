//! Checkpoints of one log: archived, newest, and those that were remembered, against the entries read.

use crate::findings::{Evidence, Findings, finding};
use crate::judge::{Refused, Severity};
use crate::limits::SEEN_MAX;
use crate::read_log::Claimed;
use crate::run_log::{ASK, FORK, LogAudit};

impl LogAudit {
    /// An archived checkpoint: signed, witnessed, and of the entries read.
    pub(crate) fn check_archived(
        &mut self,
        size: u64,
        note: Option<Vec<u8>>,
        is_newest: bool,
        findings: &mut Findings,
    ) {
        let origin = self.reader.origin.clone();
        let Some(note) = note else {
            let what = format!("archive/{size} is listed and not served");
            findings.add(
                Some(&origin),
                finding("archive.missing", Severity::Amber, None, None, what, ASK),
            );
            return;
        };
        // The judge settles the newest one itself, with the cosignatures it has by now.
        if is_newest {
            let same = Claimed::parse(note)
                .is_ok_and(|claimed| *claimed.checkpoint.root() == self.frontier.root());
            if same {
                self.archived_verified += 1;
            } else {
                let refused = Refused {
                    code: "checkpoint.root",
                    detail: format!("archive/{size} is of another tree"),
                };
                self.refused(size, refused, findings);
            }
            return;
        }
        match self.judge.checkpoint(&note) {
            Ok(seen) if seen.size == size => {
                self.archived_verified += 1;
                self.good_to = Some(size);
                self.facts.witnessed(seen.time);
            }
            Ok(seen) => {
                let refused = Refused {
                    code: "archive.size",
                    detail: format!("archive/{size} holds the checkpoint of {}", seen.size),
                };
                self.refused(size, refused, findings);
            }
            Err(refused) => self.refused(size, refused, findings),
        }
    }

    pub(crate) fn check_newest(&mut self, claimed: Claimed, findings: &mut Findings) {
        match self.judge.checkpoint(&claimed.note) {
            Ok(seen) => {
                self.good_to = Some(seen.size);
                self.facts.witnessed(seen.time);
                self.remember(seen.size, claimed.note.clone());
                self.head = Some((seen, claimed.note));
            }
            Err(refused) => {
                self.broken = true;
                self.refused(claimed.checkpoint.size(), refused, findings);
            }
        }
    }

    fn refused(&mut self, size: u64, refused: Refused, findings: &mut Findings) {
        let remedy = match refused.code {
            "checkpoint.root" => {
                "an entry was changed, dropped or added after the checkpoint: trust nothing newer of this log"
            }
            "checkpoint.unwitnessed" => "wait for the witnesses, and ask them what they saw",
            _ => ASK,
        };
        let what = match (refused.code, self.good_to) {
            ("checkpoint.root", Some(good)) => format!(
                "the checkpoint of {size} entries is not of the entries served; up to entry {} they fit ({})",
                good.saturating_sub(1),
                refused.detail
            ),
            _ => format!("checkpoint of {size} entries: {}", refused.detail),
        };
        let origin = self.reader.origin.clone();
        findings.add(
            Some(&origin),
            finding(
                refused.code,
                Severity::Red,
                size.checked_sub(1),
                None,
                what,
                remedy,
            ),
        );
    }

    /// Remembers a checkpoint for ever, thinning out the middle of a long list.
    pub(crate) fn remember(&mut self, size: u64, note: Vec<u8>) {
        let notes = self.remembered.entry(size).or_default();
        if notes.is_empty() {
            notes.push(note);
        }
        if self.remembered.len() > SEEN_MAX {
            // Each size that is remembered binds all below it: every second one can go.
            let newest = self.remembered.keys().next_back().copied();
            let mut keep = false;
            self.remembered.retain(|size, _| {
                keep = !keep;
                keep || Some(*size) == newest
            });
        }
    }

    /// Compares what was remembered at this size with the entries that are served now.
    pub(crate) fn meet(&mut self, size: u64, shown: &Claimed, findings: &mut Findings) {
        let root = self.frontier.root();
        for note in self.remembered.get(&size).cloned().unwrap_or_default() {
            let same = Claimed::parse(note.clone()).map(|c| *c.checkpoint.root() == root);
            if same != Ok(false) {
                continue;
            }
            let origin = self.reader.origin.clone();
            let signed = self.facts.open(&note);
            let (code, severity, what) = match signed {
                Ok(()) => (
                    "log.fork",
                    Severity::Red,
                    format!(
                        "a checkpoint of {size} entries that was seen before is not of the entries shown now: two histories"
                    ),
                ),
                Err(why) => (
                    "log.checkpoint_foreign",
                    Severity::Amber,
                    format!(
                        "a checkpoint of {size} entries that was given is of another tree, and nobody known signed it ({why})"
                    ),
                ),
            };
            findings.add(
                Some(&origin),
                finding(
                    code,
                    severity,
                    size.checked_sub(1),
                    None,
                    what.clone(),
                    FORK,
                ),
            );
            if severity == Severity::Red {
                self.contradict(size, shown, what, findings);
            }
        }
    }

    /// Puts the checkpoint remembered at `size` beside the one shown now.
    pub(crate) fn contradict(
        &self,
        size: u64,
        shown: &Claimed,
        why: String,
        findings: &mut Findings,
    ) {
        for earlier in self.remembered.get(&size).into_iter().flatten() {
            findings.contradiction(Evidence {
                origin: self.reader.origin.clone(),
                why: why.clone(),
                earlier: earlier.clone(),
                later: shown.note.clone(),
                fork: None,
            });
        }
    }
}
