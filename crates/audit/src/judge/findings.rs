//! Everything that stands in the log and should not, or has not been settled.
//!
//! A capability is judged as of the index of the entry that used it. Whoever signed had looked at a
//! witnessed log a moment before: what came in between is a race and amber, not a broken promise.

use std::collections::BTreeMap;

use statement::{FileDigest, StatementDigest, Verdict};

use super::{
    Judge,
    adverse::Adverse,
    asof::AsOf,
    codes,
    facts::{Fact, Table, build_of, line_of},
    metadata::{File, Signing, shown_line},
    signed::Held,
    types::{Finding, OutOfOrder, Refused, Severity},
};

/// Checkpoints that are tried when a signature was justified a moment before.
const LOOKED_BACK_MAX: usize = 32;
/// A party that sent heartbeats is silent after this long, in seconds.
const SILENT_SECONDS: u64 = 86_400;

const WITHDRAW: &str = "withdraw the release; ask both signers what they checked";
const ASK_SIGNER: &str = "ask the signer what it checked";

/// A publication, for whoever fetches the file it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationSeen {
    /// TUF role.
    pub role: String,
    /// Version.
    pub version: u64,
    /// SHA-256 of the file.
    pub metadata: FileDigest,
    /// The entry.
    pub entry: u64,
}

/// A finding about one entry.
pub(super) fn about(
    entry: u64,
    subject: StatementDigest,
    code: &'static str,
    severity: Severity,
) -> Finding {
    Finding {
        code,
        severity,
        entry: Some(entry),
        subject: Some(subject),
        what: String::new(),
        remedy: String::new(),
    }
}

impl Finding {
    pub(super) fn says(mut self, what: impl Into<String>, remedy: &str) -> Self {
        self.what = what.into();
        remedy.clone_into(&mut self.remedy);
        self
    }
}

pub(super) fn other_history(size: u64, what: String) -> Finding {
    Finding {
        code: codes::ROOT,
        severity: Severity::Red,
        entry: size.checked_sub(1),
        subject: None,
        what,
        remedy: "keep both checkpoints and show them to every party: this log has two histories"
            .to_owned(),
    }
}

pub(super) fn time_back(size: u64, time: u64, before: u64, earlier: u64) -> Finding {
    Finding {
        code: "checkpoint.time",
        severity: Severity::Amber,
        entry: size.checked_sub(1),
        subject: None,
        what: format!(
            "witnesses saw {size} entries at {time}, and {before} entries at {earlier}, which is later"
        ),
        remedy: "ask the witnesses to set their clocks".to_owned(),
    }
}

impl Judge {
    /// Publications that count, in log order by role: fetch each file and give it to
    /// [`Judge::judge_publication`].
    pub fn publications(&self) -> Vec<PublicationSeen> {
        let view = self.as_of(self.next_index());
        let tables = self.facts.publications.iter();
        let seen = tables.flat_map(|(role, table)| {
            view.all(Some(table)).map(|fact| PublicationSeen {
                role: role.clone(),
                version: fact.said.version,
                metadata: fact.said.metadata,
                entry: fact.at,
            })
        });
        seen.collect()
    }

    /// Recomputes the signer's diff of the publication at `entry`: `file` is what it names, `previous` the
    /// file of the version before.
    ///
    /// # Errors
    /// [`OutOfOrder`] when no publication of this file stands there.
    pub fn judge_publication(
        &mut self,
        entry: u64,
        previous: Option<&[u8]>,
        file: &[u8],
    ) -> Result<Option<Refused>, OutOfOrder> {
        let digest = FileDigest::of(file);
        let judged = {
            let mut tables = self.facts.publications.iter();
            let found = tables.find_map(|(role, table)| {
                let mut facts = table.iter();
                let fact = facts.find(|f| f.at == entry && f.said.metadata == digest)?;
                Some((role, fact))
            });
            let Some((role, fact)) = found else {
                let expected = self.next_index();
                return Err(OutOfOrder {
                    expected,
                    got: entry,
                });
            };
            let signing = Signing {
                from: self.clock.after(entry).unwrap_or(0),
                to: self.clock.by(entry).unwrap_or(u64::MAX),
            };
            let whole = self.as_of(self.next_index());
            let signed = File::parse(role, file)
                .and_then(|parsed| whole.check_signers(fact, &parsed).map(|()| parsed));
            signed.err().or_else(|| {
                self.at_some_time(entry, |view| {
                    view.gate_metadata(role, previous, file, signing)
                })
                .err()
                .map(|(refused, _)| refused)
            })
        };
        self.judged.insert(entry, judged.clone());
        Ok(judged)
    }

    /// Everything that is wrong so far, worst first.
    pub fn findings(&self) -> Vec<Finding> {
        let view = self.as_of(self.next_index());
        let mut found = self.suspicious.clone();
        self.judge_releases(view, &mut found);
        self.judge_approvals(view, &mut found);
        self.find_forks(view, &mut found);
        self.find_open(view, &mut found);
        self.find_doubtful(view, &mut found);
        self.find_governance(&mut found);
        self.find_silence(&mut found);
        found.extend(self.admission_findings());
        found.extend(self.residence_findings());
        found.extend(self.homes_findings());
        found.extend(self.promise_findings());
        found.extend(self.again_findings());
        found.extend(self.custody_findings());
        for (entry, refused) in &self.judged {
            let Some(refused) = refused else { continue };
            let what = format!("metadata was signed and published: {refused}");
            found.push(Finding {
                code: refused.code,
                severity: Severity::Red,
                entry: Some(*entry),
                subject: None,
                what,
                remedy: "do not install from this version; ask both signers".to_owned(),
            });
        }
        found.sort_by(|a, b| (b.severity, a.entry).cmp(&(a.severity, b.entry)));
        found
    }

    /// Asks a gate as of `index`; if it refuses, as of the witnessed sizes just below. The error holds what
    /// the gate granted a moment before, if it did.
    pub(super) fn at_some_time<T>(
        &self,
        index: u64,
        gate: impl Fn(AsOf<'_>) -> Result<T, Refused>,
    ) -> Result<T, (Refused, Option<T>)> {
        let refused = match gate(self.as_of(index)) {
            Ok(granted) => return Ok(granted),
            Err(refused) => refused,
        };
        let mut sizes = self.clock.sizes(0, index).take(LOOKED_BACK_MAX);
        let raced = sizes.find_map(|size| gate(self.as_of(size)).ok());
        Err((refused, raced))
    }

    fn judge_releases(&self, view: AsOf<'_>, found: &mut Vec<Finding>) {
        for (digest, table) in &self.facts.releases {
            let complete = view.complete_at(*digest);
            let signed = view.all(Some(table));
            if let (Ok(at), Some(fact)) = (&complete, view.all(Some(table)).next())
                && let Err(refused) = self.as_of(*at).check_ring(&fact.said.release, 0)
            {
                let what = format!("it skipped a ring, and no emergency says why: {refused}");
                let amber = about(*at, *digest, refused.code, Severity::Amber);
                found.push(amber.says(what, ASK_SIGNER));
            }
            let needed = signed.filter(|f| complete.as_ref().is_ok_and(|at| f.at <= *at));
            for fact in needed {
                let said = &fact.said;
                let judged = self.at_some_time(fact.at, |view| {
                    view.judge_release(said, *digest, Held::Later)
                });
                let Err((refused, raced)) = judged else {
                    continue;
                };
                let line = shown_line(&said.release);
                let (severity, when) = if raced.is_some() {
                    (
                        Severity::Amber,
                        "justified when it was checked, not when logged",
                    )
                } else {
                    (Severity::Red, "signed without what it needs")
                };
                let what = format!("release {} of {line}: {when}: {refused}", said.release.seq);
                found.push(about(fact.at, *digest, refused.code, severity).says(what, WITHDRAW));
            }
            if let (Err(refused), Some(fact)) = (&complete, view.all(Some(table)).next()) {
                let what = format!("signed by one side only: {refused}");
                let note = about(fact.at, *digest, refused.code, Severity::Note);
                found.push(note.says(what, "none needed; the other side has not signed"));
            }
        }
    }

    fn judge_approvals(&self, view: AsOf<'_>, found: &mut Vec<Finding>) {
        for (digest, table) in &self.facts.approvals {
            for fact in view.all(Some(table)).filter(|fact| fact.said.passed) {
                let Some(build) = build_of(&fact.said.resource, &self.origin) else {
                    continue;
                };
                let judged = self.at_some_time(fact.at, |view| view.gate_approval(build));
                let Err((refused, raced)) = judged else {
                    continue;
                };
                let (severity, when) = if raced.is_some() {
                    (
                        Severity::Amber,
                        "justified when it was checked, not when logged",
                    )
                } else {
                    (Severity::Red, "PASSED without what it needs")
                };
                let what = format!("approval of build {}: {when}: {refused}", build.short());
                found.push(about(fact.at, *digest, refused.code, severity).says(what, ASK_SIGNER));
            }
        }
    }

    fn find_forks(&self, view: AsOf<'_>, found: &mut Vec<Finding>) {
        for (digest, table) in &self.facts.releases {
            let Some(fact) = view.all(Some(table)).next() else {
                continue;
            };
            let release = &fact.said.release;
            let line = line_of(release);
            let twins = view.twins(&line, release, *digest);
            let Some((twin, _)) = twins.first() else {
                continue;
            };
            let what = format!(
                "releases {} and {} have one predecessor",
                digest.short(),
                twin.short()
            );
            let fork = about(fact.at, *digest, codes::RELEASE_FORK, Severity::Red);
            found.push(fork.says(what, "withdraw one of them; ask who signed both"));
        }
        for (role, table) in &self.facts.publications {
            let mut first: BTreeMap<u64, &Fact<_>> = BTreeMap::new();
            for fact in view.all(Some(table)) {
                let known = first.entry(fact.said.version).or_insert(fact);
                if known.digest == fact.digest {
                    continue;
                }
                let version = fact.said.version;
                let what = format!("{role} {version} was published at entry {}, too", known.at);
                let fork = about(fact.at, fact.digest, codes::PUBLICATION_FORK, Severity::Red);
                found.push(fork.says(what, "believe neither; ask the center"));
            }
        }
    }

    fn find_open(&self, view: AsOf<'_>, found: &mut Vec<Finding>) {
        for (adverse, what) in view.all_adverse() {
            if view.is_open(&adverse) {
                let code = if what == "halt" {
                    codes::HALTED
                } else {
                    codes::ADVERSE_OPEN
                };
                let open = about(adverse.at, adverse.digest, code, Severity::Amber);
                let what = format!("a {what} is open");
                found.push(open.says(what, "its issuer closes it, or a quorum without the vendor"));
            }
        }
    }

    /// Late entries, and those of keys that may have been in a thief's hands.
    fn find_doubtful(&self, view: AsOf<'_>, found: &mut Vec<Finding>) {
        let marks = self.facts.marks();
        for (kind, fact) in &marks {
            if let Some(code) = view.late(fact) {
                let what = format!("this {kind} was included too late and does not count");
                let late = about(fact.at, fact.digest, code, Severity::Note);
                found.push(late.says(what, "sign it anew"));
            }
        }
        for (key, table) in &self.facts.revocations {
            for revocation in table {
                if !revocation.said.is_own {
                    let what = format!("key {key} is not of the party that took it back");
                    let note = about(
                        revocation.at,
                        revocation.digest,
                        "revocation.foreign",
                        Severity::Note,
                    );
                    found.push(note.says(what, "only a new constitution removes another's key"));
                    continue;
                }
                let Some(from) = revocation.said.suspect_from else {
                    continue;
                };
                let by_key = marks.iter().filter(|(_, fact)| fact.key == *key);
                for (kind, fact) in by_key.filter(|(_, f)| (from..revocation.at).contains(&f.at)) {
                    let what = format!(
                        "this {kind} is by a key that may have been stolen by then (entry {})",
                        revocation.at
                    );
                    let doubt = about(fact.at, fact.digest, "entry.suspect", Severity::Amber);
                    found.push(doubt.says(what, "ask its party whether it signed this"));
                }
            }
        }
    }

    fn find_governance(&self, found: &mut Vec<Finding>) {
        for fault in &self.chain.faults {
            let red = about(
                fault.entry,
                fault.subject,
                codes::TWO_SUCCESSORS,
                Severity::Red,
            );
            let what = format!("{} signed two successors of one constitution", fault.party);
            found.push(red.says(what, "both are stopped; ask the party"));
        }
        for reign in &self.chain.reigns {
            let (Some(until), Some(by)) = (reign.until, self.clock.by(reign.from)) else {
                continue;
            };
            if by > until {
                let late = about(
                    reign.from,
                    reign.roster.digest,
                    "activation.late",
                    Severity::Amber,
                );
                let what =
                    "the activation was included after its not_after; the wait was over in time";
                found.push(late.says(what, "none needed if all parties agree"));
            }
        }
    }

    fn find_silence(&self, found: &mut Vec<Finding>) {
        let Some((_, now)) = self.clock.newest() else {
            return;
        };
        for (party, at) in &self.facts.heartbeats {
            let silent = self.clock.by(*at).map(|by| now.saturating_sub(by));
            if let Some(seconds) = silent.filter(|seconds| *seconds > SILENT_SECONDS) {
                found.push(Finding {
                    code: "heartbeat.silent",
                    severity: Severity::Amber,
                    entry: Some(*at),
                    subject: None,
                    what: format!(
                        "{party} was last heard {} hours before the newest checkpoint",
                        seconds / 3600
                    ),
                    remedy: "ask the party whether it is well".to_owned(),
                });
            }
        }
    }
}

impl AsOf<'_> {
    /// Every adverse statement that counts, with what it is.
    pub(super) fn all_adverse(self) -> Vec<(Adverse, &'static str)> {
        let facts = &self.judge.facts;
        let mut all = Vec::new();
        self.gather_table(&mut all, "finding", &facts.findings, |()| true);
        self.gather_table(&mut all, "rebuild that differs", &facts.rebuilds, |said| {
            said.verdict != Verdict::Identical
        });
        self.gather_table(&mut all, "failed approval", &facts.failed_approvals, |()| {
            true
        });
        self.gather_table(&mut all, "failed test", &facts.failed_tests, |()| true);
        let mut halts = Vec::new();
        let standing = self.all(Some(&facts.halts));
        standing.for_each(|fact| self.gather(&mut halts, fact));
        all.extend(halts.into_iter().map(|halt| (halt, "halt")));
        all
    }

    fn gather_table<K, T>(
        self,
        all: &mut Vec<(Adverse, &'static str)>,
        kind: &'static str,
        table: &Table<K, T>,
        is_adverse: impl Fn(&T) -> bool,
    ) {
        let mut gathered = Vec::new();
        for fact in table.values().flatten() {
            if self.counts(fact) && is_adverse(&fact.said) {
                self.gather(&mut gathered, fact);
            }
        }
        all.extend(gathered.into_iter().map(|adverse| (adverse, kind)));
    }
}
