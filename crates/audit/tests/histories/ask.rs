//! What both are asked at a witnessed place of the log.

use statement::{Predicate, StatementDigest};
use tuf::{Expires, TargetFile, Targets};

use crate::honest::{
    chain::Step,
    metadata::{both, listing, signed, target, unsigned},
    roster::{DAY, TUF_ROOT},
};
use crate::question::{Question, parts};
use crate::tell::History;

impl History<'_> {
    /// Everything about one of the stories, `count` questions.
    pub(crate) fn ask_some(&mut self, count: usize) {
        for _ in 0..count {
            let question = self.question();
            self.both.ask(question);
        }
    }

    /// Whether each release may go to more people now.
    pub(crate) fn ask_of_rings(&mut self) {
        for at in 0..self.told.len() {
            let payload = self.told[at].made.payload(Step::ReleaseCenter);
            let payload = in_ring(&mut self.dice, &MORE_RINGS, payload);
            let wait = *self.dice.pick(&[0, 60, 120, 400, 3000]);
            self.both.ask(Question::Ring(payload, wait));
        }
    }

    fn question(&mut self) -> Question {
        let dice = &mut self.dice;
        let made = &self.told[dice.below(self.told.len())].made;
        match dice.below(12) {
            0..2 => Question::Approval(made.build()),
            2 if dice.one_in(2) => {
                let payload = in_ring(dice, &RINGS, made.payload(Step::ReleaseCenter));
                Question::Ring(payload, *dice.pick(&[0, 60, 3000]))
            }
            2..5 => {
                let payload = made.payload(Step::ReleaseCenter).to_vec();
                let held = parts(&payload).is_none() || !dice.one_in(4);
                Question::Release(payload, held)
            }
            5..7 => {
                let statement = made.statement(Step::ReleaseCenter);
                let Predicate::Release(release) = &statement.predicate else {
                    panic!("no release");
                };
                let (file, bytes) = release.shipped();
                let payload = made.payload(Step::ReleaseCenter).to_vec();
                Question::Released(made.release(), file, bytes, payload)
            }
            7..10 => self.metadata_question(),
            10 if dice.one_in(5) => Question::Published("rules", made.metadata.clone()),
            10 => Question::Published("software", made.metadata.clone()),
            _ => match dice.below(6) {
                0 => Question::Release(made.payload(Step::Approval).to_vec(), true),
                1 => Question::Release(b"{}".to_vec(), true),
                2 => Question::TufRoot(b"another root".to_vec()),
                3 => Question::Published("software", b"{}".to_vec()),
                4 => Question::Approval(StatementDigest::of(b"no build")),
                _ => Question::TufRoot(TUF_ROOT.to_vec()),
            },
        }
    }

    fn metadata_question(&mut self) -> Question {
        let newest = self.both.audit.latest();
        let newest = newest.newest.get("software");
        let files = self.told.iter().map(|told| &told.made.metadata);
        let mut files: Vec<_> = files.cloned().collect();
        let named = files
            .iter()
            .find(|file| newest.is_some_and(|n| n.metadata == statement::FileDigest::of(file)));
        let mut previous = named.cloned();
        let mut version = newest.map_or(1, |newest| newest.version + 1);
        let dice = &mut self.dice;
        // Newest releases first: what an honest keeper would list.
        let payloads = self
            .told
            .iter()
            .map(|told| told.made.payload(Step::ReleaseCenter).to_vec());
        let payloads: Vec<_> = payloads.filter(|payload| has_target(payload)).collect();
        let from = dice.below(payloads.len() + 1);
        let to = from + dice.below(payloads.len() + 1 - from);
        let listed: Vec<&Vec<u8>> = payloads[from..to].iter().collect();
        match dice.below(14) {
            0 => previous = None,
            1 => previous = files.pop(),
            2 => version += 1,
            _ => {}
        }
        let now = self.time;
        let life = *dice.pick(&[DAY, DAY, DAY, 60 * DAY, 90 * DAY, 91 * DAY, 0]);
        let (role, next) = match dice.below(16) {
            0 => ("targets", top(1, now + life)),
            1 => ("snapshot", top(1, now + life)),
            2 => ("rules", listing(1, &[])),
            3 => ("software", b"{}".to_vec()),
            4 => (
                "software",
                extra_field(unsigned(version, now + DAY, &listed)),
            ),
            5 => ("software", changed_target(version, now + DAY, &listed)),
            6 => (
                "targets",
                unsigned(version, now + DAY, &listed).to_bytes().unwrap(),
            ),
            _ => (
                "software",
                unsigned(version, now + life, &listed).to_bytes().unwrap(),
            ),
        };
        Question::Metadata {
            role,
            previous: if role == "software" { previous } else { None },
            next,
            now,
        }
    }
}

const RINGS: [&str; 3] = ["stable", "stable.r10", "stable.r1"];
/// Also some that are none.
const MORE_RINGS: [&str; 10] = [
    "stable",
    "stable",
    "stable.r10",
    "stable.r50",
    "stable.r1",
    "stable.r0",
    "stable.r01",
    "stable.r99",
    "stable.r100",
    "stable.rx",
];

/// The same release for one ring or for everybody.
fn in_ring(dice: &mut crate::dice::Dice, rings: &[&str], payload: &[u8]) -> Vec<u8> {
    let mut statement = statement::Statement::parse(payload).unwrap();
    if let Predicate::Release(release) = &mut statement.predicate {
        release.channel = dice.pick(rings).to_string();
    }
    statement.to_payload().unwrap()
}

fn has_target(payload: &[u8]) -> bool {
    let statement = statement::Statement::parse(payload).unwrap();
    let Predicate::Release(release) = &statement.predicate else {
        return false;
    };
    release.seq > 0
}

fn top(version: u64, expires: u64) -> Vec<u8> {
    let expires = Expires::from_posix(expires).unwrap();
    let file = Targets::delegating(version, expires, &[]).unwrap();
    signed(file, &both())
}

fn extra_field(file: tuf::Signed<Targets>) -> Vec<u8> {
    let text = String::from_utf8(file.to_bytes().unwrap()).unwrap();
    text.replace("\"spec_version\"", "\"more\":1,\"spec_version\"")
        .into_bytes()
}

fn changed_target(version: u64, expires: u64, listed: &[&Vec<u8>]) -> Vec<u8> {
    let changed = listed.iter().map(|payload| {
        let (path, file) = target(payload);
        let release = file.release().release;
        let file = TargetFile::new(&path, file.length() + 1, *file.sha256(), release);
        (path, file)
    });
    let expires = Expires::from_posix(expires).unwrap();
    let file = Targets::listing(version, expires, changed.collect()).unwrap();
    file.to_bytes().unwrap()
}
