//! The supervisor's log beside the center's: the same founding, and whatever is said against what happens there.

use audit::judge::{Judge, Refused};
use law::{InForce, Refusal, Settled};
use statement::{
    Closure, Envelope, FileDigest, Finding, Halt, Predicate, Rebuild, Statement, StatementDigest,
    TestResult, Verdict, VerificationResult, approval_resource_uri,
};
use tlog::Origin;

use crate::dice::Dice;
use crate::honest::{
    chain::Step,
    keys::Key,
    log::Log,
    roster::{NOT_AFTER, NOW, SUPERVISOR_LOG, governance},
    story::{Made, say, sign},
};
use crate::question::Question;
use crate::script::{self, Event};
use crate::twist;

const PARTIES: [&str; 5] = ["vendor", "supervisor", "lab-a", "lab-b", "lab-c"];

pub(crate) fn there() -> Origin {
    SUPERVISOR_LOG.parse().unwrap()
}

/// Law and audit at one place of the other log. It has dice of its own, so that the history of a seed is the
/// same with it and without.
pub(crate) struct Beside {
    dice: Dice,
    log: Log,
    law: InForce,
    audit: Judge,
    adverse: Vec<StatementDigest>,
}

impl Beside {
    pub(crate) fn new(seed: u64, anchor: StatementDigest) -> Self {
        Self {
            dice: Dice::new(!seed),
            log: Log::of("supervisor"),
            law: InForce::replay(there(), anchor),
            audit: Judge::new(there(), anchor),
            adverse: Vec::new(),
        }
    }

    /// One entry; both say the same of it.
    pub(crate) fn feed(&mut self, entry: Vec<u8>) {
        let index = self.log.push(entry.clone());
        let law = self.law.feed(index, &entry).unwrap();
        let audit = self.audit.entry(index, &entry).unwrap();
        script::note_entry((true, index), &entry, &law, &audit);
        let counts = matches!(law, law::Fed::Counts(_));
        let agrees = counts == matches!(audit, audit::judge::Ruling::Counts { .. });
        assert!(
            agrees,
            "entry {index} of the other log: {law:?} / {audit:?}"
        );
    }

    pub(crate) fn publish(&mut self, time: u64) {
        let size = self.log.size();
        let is_published = self.log.published.last().is_some_and(|p| p.0 == size);
        if self.law.policy().is_none() || is_published {
            return;
        }
        self.log.publish(time);
        let note = self.log.checkpoint(size, time);
        let witnessed = tlog::open_witnessed(&note, self.law.policy().unwrap()).unwrap();
        self.law.settle(&witnessed).unwrap();
        self.audit.checkpoint(&note).unwrap();
        script::note(|| Event::Publish {
            there: true,
            note,
            witnessed,
        });
    }

    /// Perhaps something against one of the stories, or an end of it; witnessed, mostly.
    pub(crate) fn go_on(&mut self, told: &[&Made], time: u64) {
        for _ in 0..self.dice.below(3) {
            let made = told[self.dice.below(told.len())];
            let entry = self.make(made);
            self.feed(entry);
        }
        if !self.dice.one_in(9) {
            self.publish(time);
        }
    }

    fn make(&mut self, made: &Made) -> Vec<u8> {
        let dice = &mut self.dice;
        let party = *dice.pick(&PARTIES);
        // Mostly a rebuilder: others may not say so, or close it again.
        let key = match dice.below(3) {
            0 => twist::key(dice),
            _ => {
                let labs = ["lab-a", "lab-b"];
                let lab = dice.pick(&labs);
                Key::of(lab, "rebuilder")
            }
        };
        let until = *dice.pick(&[NOT_AFTER, NOT_AFTER, NOT_AFTER, NOW]);
        let entry = match dice.below(12) {
            0..2 => finding(dice, made, until, &key),
            2 => halt(dice, until, &key),
            3 => say(differing(made, until), &key),
            4 => failed(made),
            5 => tested(made),
            _ if !self.adverse.is_empty() => {
                return closure(*dice.pick(&self.adverse), party, until);
            }
            _ => return closure(made.digest(Step::Source), party, until),
        };
        self.adverse.push(Envelope::parse(&entry).unwrap().digest());
        entry
    }

    /// Law and audit about a signer who has read this log too, or has not.
    pub(crate) fn ask(
        &mut self,
        question: &Question,
        home: Settled<'_>,
        audit: (&Judge, u64),
    ) -> (bool, Result<(), Refusal>, Result<(), Refused>) {
        let is_read = !self.dice.one_in(9) && self.law.settled().is_ok();
        let others = match self.law.settled() {
            Ok(view) if is_read => vec![view],
            _ => Vec::new(),
        };
        let beside = match self.law.settled() {
            Ok(_) if is_read => vec![(&self.audit, self.audit.next_index())],
            _ => Vec::new(),
        };
        let law = question.of_law_beside(home, &others);
        let audit = question.of_audit_beside(audit, &beside);
        (is_read, law, audit)
    }
}

fn finding(dice: &mut Dice, made: &Made, not_after: u64, key: &Key) -> Vec<u8> {
    let steps = [
        Step::Source,
        Step::Provenance,
        Step::Approval,
        Step::ReleaseCenter,
    ];
    let finding = Finding {
        audience: vec![there()],
        not_after,
        blobs: Vec::new(),
        about: made.digest(*dice.pick(&steps)),
        title: "A password is compiled in".to_owned(),
        detail: "See line 7.".to_owned(),
    };
    say(finding, key)
}

fn halt(dice: &mut Dice, not_after: u64, key: &Key) -> Vec<u8> {
    let product = *dice.pick(&[None, Some("truename"), Some("other")]);
    let halt = Halt {
        audience: vec![there()],
        not_after,
        blobs: Vec::new(),
        product: product.map(ToOwned::to_owned),
        reason: "A key may be stolen".to_owned(),
    };
    say(halt, key)
}

fn closure(closes: StatementDigest, party: &str, not_after: u64) -> Vec<u8> {
    let closure = Closure {
        audience: vec![there()],
        not_after,
        blobs: Vec::new(),
        closes,
        reason: "It was explained".to_owned(),
    };
    say(closure, &governance(party))
}

/// A rebuild of the build with another result.
fn differing(made: &Made, not_after: u64) -> Rebuild {
    let Predicate::Rebuild(honest) = made.statement(Step::RebuildA).predicate else {
        panic!("no rebuild");
    };
    Rebuild {
        audience: vec![there()],
        not_after,
        build: made.build(),
        verdict: Verdict::Failed,
        artifacts: Vec::new(),
        salt: None,
        ..honest
    }
}

/// The supervisor says no.
fn failed(made: &Made) -> Vec<u8> {
    let mut statement: Statement = made.statement(Step::Approval);
    if let Predicate::Approval(summary) = &mut statement.predicate {
        summary.verification_result = VerificationResult::Failed;
        summary.resource_uri = approval_resource_uri(&there(), made.build());
        summary.policy.digest.sha256 = FileDigest::of(b"policy");
    }
    let key = Key::of("supervisor", "supervisor");
    sign(&statement.to_payload().unwrap(), &key)
}

/// The conveyer's tests failed.
fn tested(made: &Made) -> Vec<u8> {
    let failed = vec!["unit".to_owned()];
    let tests = TestResult::of((&there(), made.build()), [], Vec::new(), failed);
    say(tests, &Key::of("vendor", "conveyer"))
}
