//! One history: mostly honest, with a few things left out, repeated, moved, forged, late or said twice.

use statement::{Constitution, Kind, Predicate, StatementDigest};

use crate::both::{Both, Seen};
use crate::dice::Dice;
use crate::extra::{early, emergency, failed, forged, late_finding, said, tested, twin};
use crate::homes::Homes;
use crate::honest::{
    amendment::activation,
    chain::Step,
    keys::Key,
    roster::{self, DAY, DELAY, NOT_AFTER, NOW, governance},
    sayings::{closure, finding, halt, heartbeat, revocation, withdrawal},
    story::{Story, Told, sign},
};
use crate::looks::Looks;
use crate::{twist, world};

const PARTIES: [&str; 5] = ["vendor", "supervisor", "lab-a", "lab-b", "lab-c"];

/// Sets the dice of the rings apart; with this one the history that once told the two apart is as it was.
const RINGS: u64 = 0x041b;

pub(crate) struct History<'a> {
    pub(crate) dice: Dice,
    pub(crate) both: Both<'a>,
    homes: Homes,
    pub(crate) looks: Looks,
    /// Mostly where rules are released.
    looks_again: bool,
    curious: Dice,
    pub(crate) told: Vec<Told>,
    /// Digests of proposals.
    proposed: Vec<StatementDigest>,
    adverse: Vec<StatementDigest>,
    pub(crate) time: u64,
    pub(crate) anchor: StatementDigest,
    activated: bool,
    /// Nothing is odd here but at most one story, so that what comes late is reached, too.
    calm: bool,
}

/// Tells the history of a seed to both.
pub(crate) fn tell(seed: u64, seen: &mut Seen) {
    let mut dice = Dice::new(seed);
    let calm = dice.one_in(2);
    let odd = if calm {
        Vec::new()
    } else {
        world::odd(&mut dice)
    };
    let change = |draft: &mut Constitution| odd.iter().for_each(|tweak| tweak(draft));
    let mut first = roster::constitution();
    change(&mut first);
    // Dice of their own, so that the rest of a seed's history is the same with signatures and without.
    let mut platform = Dice::new(seed ^ 0x5ead);
    let mut rings = Dice::new(seed ^ RINGS);
    let mut rules = Dice::new(seed ^ 0x7a1e);
    let others = [&mut platform, &mut rings, &mut rules];
    let told = stories(&mut dice, others, calm, &change);
    let anchor = match dice.below(40) {
        0 if !calm => StatementDigest::of(b"another anchor"),
        _ => roster::digest(&first),
    };
    let mut history = History {
        both: Both::new(seed, anchor, seen),
        homes: Homes::new(seed),
        looks: Looks::new(seed),
        looks_again: is_of_rules(&told) || rules.one_in(12),
        curious: Dice::new(seed ^ 0x0c0e),
        dice,
        told,
        proposed: Vec::new(),
        adverse: Vec::new(),
        time: NOW,
        anchor,
        activated: false,
        calm,
    };
    history.found(&first);
    history.run();
    history.end();
}

/// Up to three releases of one line, each with at most two twists.
fn stories(
    dice: &mut Dice,
    [platform, rings, rules]: [&mut Dice; 3],
    calm: bool,
    change: &dyn Fn(&mut Constitution),
) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let of_rules = rules.one_in(4);
    for at in 0..dice.below(3) + 1 {
        let mut story = match told.last() {
            None => Story::under(change),
            Some(before) => next(dice, before, at),
        };
        let twists = match (calm, at) {
            (true, 0) => usize::from(dice.one_in(2)),
            (true, _) => 1,
            (false, _) => [0, 0, 0, 1, 1, 1, 2][dice.below(7)],
        };
        for _ in 0..twists {
            story = twist::twist(dice, story);
        }
        if platform.one_in(4) {
            story = twist::signed_by_platform(platform, story);
        }
        if rings.one_in(3) {
            story = twist::in_a_ring(rings, story);
        }
        // For second looks, which need released rules.
        if of_rules {
            story = story.of_rules();
        }
        told.push(story.tell());
    }
    told
}

fn is_of_rules(told: &[Told]) -> bool {
    told.iter().any(|told| {
        let statement = told.made.statement(Step::ReleaseCenter);
        matches!(statement.predicate, Predicate::Release(release) if release.kind == Kind::Rules)
    })
}

/// The next release: a new version, or the very same source once more.
fn next(dice: &mut Dice, before: &Told, at: usize) -> Story {
    if !dice.one_in(4) {
        return before.next(&format!("1.{at}.0"));
    }
    before.next("1.0.0").change(Step::Source, |statement| {
        if let Predicate::Source(source) = &mut statement.predicate {
            source.not_after -= 7;
        }
    })
}

impl History<'_> {
    fn found(&mut self, first: &Constitution) {
        let payload = roster::payload(first);
        let mut entries: Vec<_> = first
            .parties
            .iter()
            .map(|party| sign(&payload, &governance(party.id.as_str())))
            .collect();
        let fault = self.dice.below(30);
        match if self.calm { 8 } else { fault } {
            0 => entries.insert(0, heartbeat("too early")),
            1 => drop(entries.pop()),
            2 => entries.insert(1, sign(&payload, &Key::of("vendor", "center"))),
            3 => entries.insert(1, sign(&payload, &Key::of("stranger", "governance"))),
            4 => entries.insert(1, entries[0].clone()),
            5 => entries.push(entries[0].clone()),
            6 => entries.insert(1, b"no entry".to_vec()),
            7 => entries.insert(1, forged(entries[0].clone())),
            _ => {}
        }
        for entry in entries {
            self.both.beside.feed(entry.clone());
            self.both.feed(entry);
        }
        self.publish();
        self.both.beside.publish(self.time);
    }

    fn run(&mut self) {
        if self.both.law.policy().is_none() {
            self.both.feed(heartbeat("nobody is in force"));
            return;
        }
        for at in 0..self.told.len() {
            for entry in self.sequence(at) {
                self.both.feed(entry);
                if self.dice.one_in(if self.calm { 60 } else { 7 }) {
                    self.extra(at);
                }
                if self.dice.one_in(12) {
                    self.publish_and_ask();
                }
            }
            self.publish_and_ask();
            let floors = self.both.law.constitution().map(|now| &now.floors);
            let is_weak = floors.is_some_and(|floors| floors.governance_min == 2);
            if self.dice.one_in(if is_weak { 2 } else { 4 }) {
                self.amend();
            }
        }
        if self.dice.one_in(2) {
            self.extra(self.told.len() - 1);
            self.extra(self.told.len() - 1);
            self.publish_and_ask();
        }
        if self.looks_again {
            self.days_of_looks();
        }
        self.last_words();
    }

    /// When all stories are told: something against them, an end of it by several, a key taken back, a release withdrawn.
    fn last_words(&mut self) {
        std::mem::swap(&mut self.dice, &mut self.curious);
        for _ in 0..self.dice.below(4) {
            let dice = &mut self.dice;
            let made = &self.told[dice.below(self.told.len())].made;
            let mut entries = Vec::new();
            match dice.below(4) {
                0 => {
                    let steps = [Step::Source, Step::Provenance, Step::ReleaseCenter];
                    let about = made.digest(*dice.pick(&steps));
                    entries.push(finding(about, &Key::of("vendor", "author")));
                    self.adverse.push(said(&entries[0]));
                }
                1 if !self.adverse.is_empty() => {
                    let closes = *dice.pick(&self.adverse);
                    let closers = PARTIES.iter().filter(|_| dice.one_in(2));
                    entries.extend(closers.map(|party| closure(closes, party)));
                }
                2 => {
                    let name = *dice.pick(&["center", "tuf", "conveyer", "author"]);
                    let key = Key::of("vendor", name);
                    entries.push(revocation(key.id(), "vendor"));
                }
                _ => entries.push(withdrawal(
                    made.release(),
                    &Key::of("vendor", "center"),
                    NOT_AFTER,
                )),
            }
            for entry in entries {
                self.both.feed(entry);
            }
            self.publish();
            self.ask_some(8);
            self.ask_of_rings();
        }
        std::mem::swap(&mut self.dice, &mut self.curious);
    }

    /// The entries of a story; some dropped, repeated, swapped or damaged.
    fn sequence(&mut self, at: usize) -> Vec<Vec<u8>> {
        let made = &self.told[at].made;
        let mut entries: Vec<_> = Step::ALL.map(|step| made.envelope(step)).into();
        let faults = [0, 0, 0, 0, 1, 1, 2][self.dice.below(7)];
        for _ in 0..if self.calm { 0 } else { faults } {
            let place = self.dice.below(entries.len());
            match self.dice.below(5) {
                0 => drop(entries.remove(place)),
                1 => {
                    let to = self.dice.below(entries.len());
                    let moved = entries.remove(place);
                    entries.insert(to, moved);
                }
                2 => {
                    let other = place.saturating_sub(1);
                    entries.swap(place, other);
                }
                3 => entries[place] = forged(entries[place].clone()),
                _ => entries[place].truncate(80),
            }
        }
        entries
    }

    pub(crate) fn publish(&mut self) {
        self.time += match self.dice.below(40) {
            0 if !self.calm => 32 * DAY,
            1..3 => DELAY,
            3..6 => 3000,
            6..12 => 400,
            _ => 60,
        };
        if self.dice.one_in(12) {
            let which = self.dice.below(4);
            self.both
                .offer_bad_checkpoint(which, self.time, self.anchor);
        }
        self.both.publish(self.time);
        self.both.agree_on_state();
    }

    fn publish_and_ask(&mut self) {
        if self.dice.one_in(25) {
            self.ask_some(3);
        }
        for entry in self.homes.go_on(self.time) {
            self.both.feed(entry);
        }
        if self.looks_again {
            for entry in self.look(Looks::go_on) {
                self.both.feed(entry);
            }
        }
        self.publish();
        let told: Vec<_> = self.told.iter().map(|told| &told.made).collect();
        self.both.beside.go_on(&told, self.time);
        self.ask_some(7);
        let looks = match self.looks_again {
            true => self.look(Looks::questions),
            false => Vec::new(),
        };
        for question in self.homes.questions(self.time).into_iter().chain(looks) {
            self.both.ask(question);
        }
        // With dice of their own, too.
        std::mem::swap(&mut self.dice, &mut self.curious);
        self.ask_some(6);
        self.ask_of_rings();
        std::mem::swap(&mut self.dice, &mut self.curious);
    }

    /// One more entry beside the stories.
    fn extra(&mut self, at: usize) {
        let entry = self.make_extra(at);
        if self.both.feed(entry.clone()) && self.dice.one_in(5) {
            self.both.feed(entry);
        }
    }

    fn make_extra(&mut self, at: usize) -> Vec<u8> {
        let dice = &mut self.dice;
        let which = match dice.below(4) {
            0 => dice.below(self.told.len()),
            _ => at,
        };
        let made = &self.told[which].made;
        let party = *dice.pick(&PARTIES);
        match dice.below(17) {
            0..3 => {
                let steps = [
                    Step::Source,
                    Step::Provenance,
                    Step::Approval,
                    Step::ReleaseCenter,
                ];
                let about = made.digest(*dice.pick(&steps));
                let entry = finding(about, &twist::key(dice));
                let entry = match dice.below(5) {
                    0 => late_finding(&entry, &twist::key(dice)),
                    _ => entry,
                };
                self.adverse.push(said(&entry));
                entry
            }
            3 => {
                let product = *dice.pick(&[None, Some("truename"), Some("other")]);
                let entry = halt(product, &twist::key(dice));
                self.adverse.push(said(&entry));
                entry
            }
            4..7 if !self.adverse.is_empty() => closure(*dice.pick(&self.adverse), party),
            4 => closure(made.digest(Step::Source), party),
            5..8 => {
                let key = twist::key(dice).id();
                let owner = match dice.below(3) {
                    0 => party,
                    1 => "vendor",
                    _ => "supervisor",
                };
                revocation(key, owner)
            }
            8..10 => {
                let until = *dice.pick(&[NOT_AFTER, NOT_AFTER, NOW + 500]);
                let keys = [
                    ("vendor", "center"),
                    ("supervisor", "supervisor"),
                    ("lab-a", "rebuilder"),
                ];
                let (party, name) = *dice.pick(&keys);
                withdrawal(made.release(), &Key::of(party, name), until)
            }
            10 => twin(made, Step::ReleaseCenter),
            11 => twin(made, Step::Publication),
            12 => twin(made, Step::Provenance),
            13 => failed(made),
            14 if dice.one_in(2) => emergency(made),
            14 => tested(made),
            15 => early(made, Step::RebuildB),
            _ => early(made, Step::Provenance),
        }
    }

    /// A proposal, some signatures, a wait, an activation; each perhaps not quite right.
    fn amend(&mut self) {
        let Some(now) = self.both.law.constitution().cloned() else {
            return;
        };
        let next = world::successor(&mut self.dice, &now);
        let payload = roster::payload(&next);
        let digest = StatementDigest::of(&payload);
        self.proposed.push(digest);
        if self.dice.one_in(6) {
            let other = roster::payload(&world::successor(&mut self.dice, &now));
            self.proposed.push(StatementDigest::of(&other));
            let party = *self.dice.pick(&PARTIES);
            self.both.feed(sign(&other, &governance(party)));
            if self.dice.one_in(3) {
                let third = roster::payload(&world::successor(&mut self.dice, &now));
                self.both.feed(sign(&third, &governance(party)));
            }
        }
        let few = self
            .dice
            .one_in(if now.floors.governance_min == 2 { 2 } else { 6 });
        for party in PARTIES {
            let leaves_out = match few {
                true => !["vendor", "lab-a"].contains(&party),
                false => self.dice.one_in(6),
            };
            if leaves_out {
                continue;
            }
            let key = match self.dice.below(12) {
                _ if few => governance(party),
                0 => Key::of(party, "planted"),
                1 => Key::of(party, "governance-2"),
                2 => twist::key(&mut self.dice),
                _ => governance(party),
            };
            self.both.feed(sign(&payload, &key));
        }
        if self.dice.one_in(4) {
            self.both
                .feed(sign(&payload, &Key::of("lab-a", "governance-2")));
        }
        self.publish();
        let signed = self.both.log.published.len() - 1;
        self.both.feed(heartbeat("waiting"));
        let wait = *self.dice.pick(&[DELAY, DELAY, DELAY, DELAY - 100, 60]);
        self.time += wait;
        self.publish();
        self.activate(digest, signed);
        self.publish_and_ask();
    }

    fn activate(&mut self, digest: StatementDigest, signed: usize) {
        let published = self.both.log.published.clone();
        let mut sizes = [published[signed].0, published[published.len() - 1].0];
        for size in &mut sizes {
            if self.dice.one_in(8) {
                *size = published[self.dice.below(published.len())].0;
            }
        }
        let named = match self.dice.below(10) {
            0 => *self.dice.pick(&self.proposed),
            1 => StatementDigest::of(b"nobody proposed this"),
            _ => digest,
        };
        let until = *self
            .dice
            .pick(&[NOT_AFTER, NOT_AFTER, NOT_AFTER, self.time, self.time - 1]);
        let log = if self.dice.one_in(12) {
            let mut other = self.both.log.clone();
            other.entries[0].push(b' ');
            other
        } else {
            self.both.log.clone()
        };
        let entry = activation(&log, named, sizes, until);
        let counted = self.both.feed(entry.clone());
        self.activated |= counted;
        if self.dice.one_in(5) {
            self.both.feed(entry);
        }
    }

    fn end(&mut self) {
        self.publish();
        self.both.ask_again();
        if self.activated || self.both.log.published.is_empty() {
            return;
        }
        for _ in 0..2 {
            self.deliver();
        }
    }
}
