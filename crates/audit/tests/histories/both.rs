//! The law and the audit side by side: fed the same bytes, asked the same questions.

use std::collections::BTreeMap;

use audit::judge::{Delivery, Gate, Judge, Refused, Ruling};
use law::{Attached, Bundle, Fed, InForce, Installable, OpenBundle, Refusal};
use statement::StatementDigest;

use crate::beside::Beside;
use crate::excerpt::{Served, law_on_excerpt};
use crate::honest::log::Log;
use crate::question::Question;
use crate::script::{self, Event, Installed, audit_code, law_code};

/// What was seen: how often each code was given by each side, and where the two differ.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) law: BTreeMap<String, u64>,
    pub(crate) audit: BTreeMap<String, u64>,
    pub(crate) granted: BTreeMap<&'static str, u64>,
    /// Question, law's answer, audit's answer -> how often, first seed, detail.
    pub(crate) differing: BTreeMap<(String, String, String), (u64, u64, String)>,
}

impl Seen {
    /// Takes up what another saw.
    pub(crate) fn add(&mut self, other: Self) {
        for (mine, theirs) in [(&mut self.law, other.law), (&mut self.audit, other.audit)] {
            for (code, times) in theirs {
                *mine.entry(code).or_default() += times;
            }
        }
        for (gate, times) in other.granted {
            *self.granted.entry(gate).or_default() += times;
        }
        for (key, found) in other.differing {
            self.differing.entry(key).or_insert(found).0 += 1;
        }
    }

    /// Where law and audit do not agree.
    pub(crate) fn differences(&self) -> String {
        let each = self.differing.iter().map(|((question, law, audit), (times, seed, detail))| {
            format!("{question}: law {law}, audit {audit}: {times} times, first in history {seed}\n    {detail}\n")
        });
        each.collect()
    }

    /// How often each answer was given, as Markdown.
    pub(crate) fn table(&self, count: u64) -> String {
        let mut text = format!("{count} histories.\n\n| granted | times |\n|---|---|\n");
        for (gate, times) in &self.granted {
            text += &format!("| {gate} | {times} |\n");
        }
        text += "\n| refused with | by the law | by the audit |\n|---|---|---|\n";
        let codes: std::collections::BTreeSet<_> =
            self.law.keys().chain(self.audit.keys()).collect();
        for code in codes {
            let [law, audit] = [&self.law, &self.audit].map(|m| m.get(code).copied().unwrap_or(0));
            text += &format!("| `{code}` | {law} | {audit} |\n");
        }
        text
    }
}

/// Both, at one place of one log.
pub(crate) struct Both<'a> {
    pub(crate) seed: u64,
    pub(crate) log: Log,
    pub(crate) law: InForce,
    pub(crate) audit: Judge,
    /// The other log of the constitution.
    pub(crate) beside: Beside,
    pub(crate) seen: &'a mut Seen,
    anchor: StatementDigest,
    /// Checkpoints by size.
    notes: BTreeMap<u64, Vec<u8>>,
    answers: Vec<(u64, Question, Result<(), Refused>)>,
}

/// The audit keeps no entry that does not count, so where the law can say why something is missing or too
/// little, the audit says that it is.
pub(crate) fn is_same(law: &str, audit: &str) -> bool {
    let lacks = audit.ends_with(".missing")
        || audit.starts_with("rebuild.")
        || audit.starts_with("release.quorum_");
    let is_late = ["entry.too_late", "entry.key_expired"].contains(&audit);
    law == audit || (law.starts_with("entry.") && (lacks || is_late))
}

impl<'a> Both<'a> {
    pub(crate) fn new(seed: u64, anchor: StatementDigest, seen: &'a mut Seen) -> Self {
        let origin = crate::honest::chain::center_log();
        script::begin(anchor);
        Self {
            seed,
            log: Log::of_center(),
            law: InForce::replay(origin.clone(), anchor),
            audit: Judge::new(origin, anchor),
            beside: Beside::new(seed, anchor),
            seen,
            anchor,
            notes: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    pub(crate) fn differ(&mut self, question: &str, law: String, audit: String, detail: String) {
        let seed = self.seed;
        let key = (question.to_owned(), law, audit);
        let first = (0, seed, detail);
        self.seen.differing.entry(key).or_insert(first).0 += 1;
    }

    /// One entry; whether it counts.
    pub(crate) fn feed(&mut self, entry: Vec<u8>) -> bool {
        let index = self.log.push(entry.clone());
        let law = self.law.feed(index, &entry).unwrap();
        let audit = self.audit.entry(index, &entry).unwrap();
        script::note_entry((false, index), &entry, &law, &audit);
        let (law, said) = match &law {
            Fed::Counts(digest) => (Ok(*digest), String::new()),
            Fed::Ignored(refusal) => (Err(refusal.code().as_str()), refusal.to_string()),
        };
        let (audit, also) = match &audit {
            Ruling::Counts { digest, .. } => (Ok(*digest), String::new()),
            Ruling::Ignored { code, detail } => (Err(*code), detail.clone()),
        };
        self.count("entry", law.err(), audit.err());
        if law != audit {
            let (law, audit) = (format!("{law:.40?}"), format!("{audit:.40?}"));
            let detail = format!("entry {index}: {said} / {also}");
            let [law, audit] = [law, audit].map(|s| {
                if s.starts_with("Ok") {
                    "counts".into()
                } else {
                    s
                }
            });
            self.differ("entry", law, audit, detail);
        }
        audit.is_ok()
    }

    fn count(&mut self, granted: &'static str, law: Option<&str>, audit: Option<&str>) {
        if let Some(code) = law {
            *self.seen.law.entry(code.to_owned()).or_default() += 1;
        }
        match audit {
            Some(code) => *self.seen.audit.entry(code.to_owned()).or_default() += 1,
            None => *self.seen.granted.entry(granted).or_default() += 1,
        }
    }

    /// Everything so far is witnessed.
    pub(crate) fn publish(&mut self, time: u64) {
        let size = self.log.size();
        if self.law.policy().is_none() || self.log.published.last().is_some_and(|p| p.0 == size) {
            return;
        }
        self.log.publish(time);
        let note = self.log.checkpoint(size, time);
        let witnessed = tlog::open_witnessed(&note, self.law.policy().unwrap()).unwrap();
        self.law.settle(&witnessed).unwrap();
        let seen = self.audit.checkpoint(&note).unwrap();
        assert_eq!((seen.size, seen.time), (size, time));
        assert_eq!(seen.witnesses.len(), 2);
        self.notes.insert(size, note.clone());
        script::note(|| Event::Publish {
            there: false,
            note,
            witnessed,
        });
    }

    /// A checkpoint that is of another log, of other entries, or that too few witnesses saw.
    pub(crate) fn offer_bad_checkpoint(
        &mut self,
        which: usize,
        time: u64,
        anchor: StatementDigest,
    ) {
        let size = self.log.size();
        if self.law.policy().is_none() || size == 0 {
            return;
        }
        let mut other = match which {
            0 => Log::of("supervisor"),
            _ => Log::of_center(),
        };
        other.entries.clone_from(&self.log.entries);
        if which == 1 {
            other.entries[0].push(b' ');
        }
        let note = match which {
            0 | 1 => other.checkpoint(size, time),
            2 => other.checkpoint_by(size, time, &["lab-a"]),
            _ => other.checkpoint_by(size, time, &[]),
        };
        other.publish(time);
        let bundle = || Bundle {
            checkpoint: note.clone(),
            ..other.whole_bundle()
        };
        let law = law_on_checkpoint(&self.law, &note, anchor, bundle);
        let audit = self.audit.checkpoint(&note).map(drop);
        script::note(|| Event::Bad {
            bundle: Box::new(bundle()),
            law: law_code(&law),
            audit: audit_code(&audit),
            note: note.clone(),
        });
        self.compare("checkpoint", &law, &audit);
    }

    /// One question, now.
    pub(crate) fn ask(&mut self, question: Question) {
        let law = match self.law.settled() {
            Ok(view) => question.of_law(view),
            Err(refusal) => Err(refusal),
        };
        let size = self.log.size();
        let audit = question.of_audit(&self.audit, size);
        self.compare(question.name(), &law, &audit);
        script::note(|| Event::Ask {
            question: question.clone(),
            size,
            law: law_code(&law),
            audit: audit_code(&audit),
        });
        self.ask_beside(&question, size);
        self.ask_on_excerpt(&question, &audit);
        self.answers.push((size, question, audit));
    }

    /// The same of an endpoint, which is shown no more than the law names.
    fn ask_on_excerpt(&mut self, question: &Question, audit: &Result<(), Refused>) {
        let served = Served {
            log: &self.log,
            notes: &self.notes,
        };
        if let Some(law) = law_on_excerpt(&self.law, &served, question, self.anchor) {
            self.compare("excerpt", &law, audit);
        }
    }

    /// The same of a signer, who reads the other log, too.
    fn ask_beside(&mut self, question: &Question, size: u64) {
        let name = match question {
            Question::Approval(_) => "approval beside",
            Question::Release(..) => "release beside",
            _ => return,
        };
        let Ok(home) = self.law.settled() else {
            return;
        };
        let (is_read, law, audit) = self.beside.ask(question, home, (&self.audit, size));
        self.compare(name, &law, &audit);
        script::note(|| Event::AskBeside {
            question: question.clone(),
            size,
            is_read,
            law: law_code(&law),
            audit: audit_code(&audit),
        });
    }

    pub(crate) fn compare(
        &mut self,
        name: &'static str,
        law: &Result<(), Refusal>,
        audit: &Result<(), Refused>,
    ) {
        let [of_law, of_audit] = [
            law.as_ref().err().map(|r| r.code().as_str()),
            audit.as_ref().err().map(|r| r.code),
        ];
        self.count(name, of_law, of_audit);
        let same = match (of_law, of_audit) {
            (None, None) => true,
            (Some(law), Some(audit)) => is_same(law, audit),
            _ => false,
        };
        if !same {
            let [l, a] = [of_law, of_audit].map(|c| c.unwrap_or("granted").to_owned());
            self.differ(name, l, a, format!("{law:?} / {audit:?}"));
        }
    }

    /// What was answered of the past is answered so still.
    pub(crate) fn ask_again(&mut self) {
        script::note(|| Event::Again);
        for (size, question, before) in std::mem::take(&mut self.answers) {
            let again = question.of_audit(&self.audit, size);
            let is_unsettled = matches!(&before, Err(r) if r.code == "view.incomplete");
            if again != before && !is_unsettled {
                let name = format!("{} of the past", question.name());
                let [was, is] = [before, again].map(|a| format!("{:?}", a.map_err(|r| r.code)));
                self.differ(&name, was, is, format!("as of {size}"));
            }
        }
    }

    /// Endpoints: one bundle of everything, one checkpoint.
    pub(crate) fn install(&mut self, delivery: &Delivery<'_>, anchor: StatementDigest) {
        let bundle = self.log.whole_bundle();
        let Ok(opened) = bundle.open(anchor) else {
            return;
        };
        let law = law_on_delivery(opened, delivery);
        let audit = audit_on_delivery(&bundle, anchor, delivery);
        self.compare("install", &law, &audit);
        script::note(|| {
            let parts = delivery.parts;
            Event::Install(Box::new(Installed {
                bundle,
                line: delivery.line.clone(),
                release: delivery.release,
                artifact: delivery.artifact,
                artifact_bytes: delivery.artifact_bytes,
                parts: parts.map(|parts| (parts.artifact.to_vec(), parts.signature.to_vec())),
                role: "software",
                metadata: delivery.metadata.to_vec(),
                installed: delivery.installed,
                rebuilds_min: delivery.rebuilds_min,
                evidence_age_max_seconds: delivery.evidence_age_max_seconds,
                now: delivery.now,
                law: law_code(&law),
                audit: audit_code(&audit),
            }))
        });
    }
}

/// Somebody's checkpoint of everything; of an excerpt, where the policy does not open it.
pub(crate) fn law_on_checkpoint(
    law: &InForce,
    note: &[u8],
    anchor: StatementDigest,
    bundle: impl FnOnce() -> Bundle,
) -> Result<(), Refusal> {
    match tlog::open_witnessed(note, law.policy().unwrap()) {
        Ok(witnessed) => law.clone().settle(&witnessed).map(drop),
        Err(_) => bundle().open(anchor).map(drop),
    }
}

pub(crate) fn law_on_delivery(bundle: OpenBundle, delivery: &Delivery<'_>) -> Result<(), Refusal> {
    let attached = delivery.parts.map(|parts| {
        let attach = |artifact: &[u8], signature: &[u8]| {
            binary::attach(artifact, signature).map(|signed| signed.program)
        };
        Attached::recompute(parts.artifact, parts.signature, attach).unwrap()
    });
    let served = [bundle];
    let [bundle] = &served;
    let offer = law::Offer {
        bundle,
        release: delivery.release,
        publication: bundle,
        metadata: delivery.metadata,
        role: delivery.role,
        withdrawals: &served,
        artifact: delivery.artifact,
        artifact_bytes: delivery.artifact_bytes,
        attached: attached.as_ref(),
    };
    let policy = law::EndpointPolicy {
        line: law::Line {
            product: delivery.line.product.clone(),
            channel: delivery.line.channel.clone(),
            platform: delivery.line.platform.clone(),
        },
        rebuilds_min: delivery.rebuilds_min,
        evidence_age_max_seconds: delivery.evidence_age_max_seconds,
    };
    Installable::check(offer, &policy, delivery.installed, delivery.now).map(drop)
}

/// The audit knows no bundles: it is fed the entries, which are all.
pub(crate) fn audit_on_delivery(
    bundle: &Bundle,
    anchor: StatementDigest,
    delivery: &Delivery<'_>,
) -> Result<(), Refused> {
    let mut judge = Judge::new(crate::honest::chain::center_log(), anchor);
    for (index, entry) in (0..).zip(&bundle.entries) {
        let _ = judge.entry(index, &entry.entry).unwrap();
    }
    judge.checkpoint(&bundle.checkpoint).unwrap();
    judge.gate(&Gate::Install(*delivery), bundle.entries.len() as u64)
}
