//! Where files go, said in the middle of the stories: declarations and policies by version, keys to seal to and keys of issuers.

use statement::{EpochPurpose, Predicate, StatementDigest};

use crate::dice::Dice;
use crate::honest::{
    custody::{self, TODAY},
    keys::Key,
    roster::{DAY, NOT_AFTER, NOW, governance},
    story::say,
};
use crate::question::Question;
use crate::twist;

const PARTIES: [&str; 5] = ["vendor", "supervisor", "lab-a", "lab-b", "lab-c"];
const HOMES: [&str; 2] = ["CH", "SG"];
const PURPOSES: [EpochPurpose; 3] = [
    EpochPurpose::Analysis,
    EpochPurpose::Center,
    EpochPurpose::Supervisor,
];

/// What was said so far. It has dice of its own, so that the stories of a seed are the same with it and without.
pub(crate) struct Homes {
    dice: Dice,
    /// Version and digest of each declaration, and of each policy.
    declarations: Vec<(u64, StatementDigest)>,
    policies: Vec<(u64, StatementDigest)>,
    /// Signatures that come later.
    held_back: Vec<Vec<u8>>,
}

impl Homes {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed ^ 0x401e5),
            declarations: Vec::new(),
            policies: Vec::new(),
            held_back: Vec::new(),
        }
    }

    /// The next entries, perhaps none.
    pub(crate) fn go_on(&mut self, time: u64) -> Vec<Vec<u8>> {
        let mut entries = std::mem::take(&mut self.held_back);
        for _ in 0..self.dice.below(4) {
            match self.dice.below(8) {
                0..2 => entries.extend(self.declare(time)),
                2..4 => entries.extend(self.direct(time)),
                4..6 => entries.extend(self.announce(time)),
                _ => {
                    for _ in 0..=self.dice.below(3) {
                        entries.push(self.issue(time));
                    }
                }
            }
        }
        entries
    }

    /// A version of the declaration: mostly the next, by mostly everybody.
    fn declare(&mut self, time: u64) -> Vec<Vec<u8>> {
        let (version, previous) = place(&mut self.dice, &self.declarations);
        let mut said = custody::declaration(version, previous);
        said.not_after = until(&mut self.dice, time);
        self.declarations
            .push((version, custody::digest(said.clone())));
        self.signed(said.into())
    }

    /// A version of the policy, mostly about the newest declaration.
    fn direct(&mut self, time: u64) -> Vec<Vec<u8>> {
        let dice = &mut self.dice;
        let (version, previous) = place(dice, &self.policies);
        let newest = self.declarations.last().map(|(_, digest)| *digest);
        let about = match dice.below(8) {
            0 if !self.declarations.is_empty() => dice.pick(&self.declarations).1,
            1 => StatementDigest::of(b"no declaration"),
            _ => newest.unwrap_or_else(|| custody::digest(custody::declaration(1, None))),
        };
        let mut said = custody::policy(version, previous, about);
        said.not_after = until(dice, time);
        self.policies.push((version, custody::digest(said.clone())));
        self.signed(said.into())
    }

    /// All governments, or some of them; some now and some later.
    fn signed(&mut self, said: Predicate) -> Vec<Vec<u8>> {
        let dice = &mut self.dice;
        let leaves_out = *dice.pick(&[0, 0, 6, 3, 2]);
        let mut entries = Vec::new();
        let first = dice.below(4);
        for at in 0..4 {
            let party = PARTIES[(first + at) % 4];
            if leaves_out > 0 && dice.one_in(leaves_out) {
                continue;
            }
            let key = match dice.below(24) {
                0 => twist::key(dice),
                1 => governance("lab-c"),
                _ => governance(party),
            };
            entries.push(say(said.clone(), &key));
        }
        if dice.one_in(4) {
            self.held_back = entries.split_off(entries.len() / 2);
        }
        entries
    }

    /// Keys to seal to: all three of a home, or one.
    fn announce(&mut self, time: u64) -> Vec<Vec<u8>> {
        let dice = &mut self.dice;
        let home = home(dice);
        let wanted = match dice.below(3) {
            0 => vec![*dice.pick(&PURPOSES)],
            _ => PURPOSES.to_vec(),
        };
        let announced = wanted.into_iter().map(|purpose| {
            let mut said = custody::epoch(purpose);
            said.home = home.parse().unwrap();
            said.valid_from = *dice.pick(&[NOW, NOW, time, time + 60, time - 300]);
            said.valid_until = said.valid_from + *dice.pick(&[DAY, DAY, 20 * DAY, 240]);
            said.destroy_by = said.valid_until + 2 * DAY;
            said.not_after = until(dice, time);
            let right = match purpose {
                EpochPurpose::Supervisor => Key::of("supervisor", "supervisor"),
                _ => Key::of("vendor", "center"),
            };
            let others = [
                ("vendor", "center"),
                ("vendor", "center-2"),
                ("supervisor", "supervisor"),
                ("vendor", "posing"),
                ("lab-a", "supervisor"),
            ];
            let key = match dice.below(8) {
                0 => twist::key(dice),
                1 | 2 => {
                    let (party, name) = *dice.pick(&others);
                    Key::of(party, name)
                }
                _ => right,
            };
            say(said, &key)
        });
        announced.collect()
    }

    /// A key of an issuer for a day.
    fn issue(&mut self, time: u64) -> Vec<u8> {
        let dice = &mut self.dice;
        let today = TODAY + (time - NOW) / DAY * DAY;
        let from = *dice.pick(&[today, today, today, today - DAY, today + DAY]);
        let mut said = custody::admission(from, dice.below(3) as u8);
        said.home = home(dice).parse().unwrap();
        said.valid_until -= *dice.pick(&[0, 0, DAY]);
        said.not_after = until(dice, time);
        let key = match dice.below(6) {
            0 => twist::key(dice),
            1 => Key::of("supervisor", "supervisor"),
            _ => Key::of("vendor", "center"),
        };
        say(said, &key)
    }

    /// What a client would ask now, or at the edge of a day.
    pub(crate) fn questions(&mut self, time: u64) -> [Question; 3] {
        let dice = &mut self.dice;
        let edges = [NOW, NOW - 1, NOW + DAY, NOW + DAY + 1, time + 60, time - 1];
        let now = match dice.below(3) {
            0 => *dice.pick(&edges),
            _ => time,
        };
        let today = TODAY + (time - NOW) / DAY * DAY;
        let day = match dice.below(3) {
            0 => *dice.pick(&[today - 1, today, today + DAY, today + 2 * DAY + 1]),
            _ => time,
        };
        [
            Question::Residence,
            Question::Epochs(home(dice), now),
            Question::Admission(home(dice), day),
        ]
    }
}

pub(crate) fn home(dice: &mut Dice) -> &'static str {
    HOMES[usize::from(dice.one_in(4))]
}

/// Other words of the same, or words that are past their time: also at the very time at which they will mostly be witnessed.
pub(crate) fn until(dice: &mut Dice, time: u64) -> u64 {
    let edges = [NOT_AFTER - 1, NOW + 500, time + 59, time + 60];
    match dice.below(3) {
        0 => *dice.pick(&edges),
        _ => NOT_AFTER,
    }
}

/// Version and predecessor of what is said next: mostly the one that follows the newest.
fn place(dice: &mut Dice, said: &[(u64, StatementDigest)]) -> (u64, Option<StatementDigest>) {
    let follows = |(version, digest): (u64, StatementDigest)| (version + 1, Some(digest));
    let newest = said.last().copied().map_or((1, None), follows);
    match dice.below(8) {
        0 => (1, None),
        1 | 2 if !said.is_empty() => follows(*dice.pick(said)),
        3 if !said.is_empty() => (newest.0 + 1, newest.1),
        _ => newest,
    }
}
