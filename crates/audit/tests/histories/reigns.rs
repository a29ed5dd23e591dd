//! Histories of nothing but constitutions: who must sign, how long it must wait, and every time at its very edge.

use statement::{Constitution, Role, StatementDigest};

use crate::both::{Both, Seen};
use crate::dice::Dice;
use crate::honest::{
    amendment::activation,
    keys::Key,
    roster::{self, NOT_AFTER, NOW, governance, party_mut},
    sayings::{closure, finding, heartbeat},
    story::sign,
};
use crate::question::Question;
use crate::world;

const PARTIES: [&str; 4] = ["vendor", "supervisor", "lab-a", "lab-b"];

/// Tells the constitutions of a seed to both.
pub(crate) fn tell(seed: u64, seen: &mut Seen) {
    let mut dice = Dice::new(seed ^ 0x4e19);
    let mut first = roster::constitution();
    for tweak in world::odd(&mut dice) {
        tweak(&mut first);
    }
    if dice.one_in(2) {
        // So that the vendor and one more are enough for everything but the supervisor.
        first.floors.governance_min = 2;
    }
    if dice.one_in(30) {
        first.version = 2;
        first.previous = Some(StatementDigest::of(b"an older one"));
    }
    let mut reigns = Reigns {
        both: Both::new(seed, roster::digest(&first), seen),
        dice,
        time: NOW,
        proposed: Vec::new(),
    };
    reigns.found(&first);
    // Whoever signed what did not take force signs nothing after it: its party would have two successors.
    for _ in 0..6 {
        let before = reigns.both.law.constitution_digest();
        reigns.amend();
        let after = reigns.both.law.constitution_digest();
        if before == after && reigns.dice.one_in(2) {
            break;
        }
    }
}

struct Reigns<'a> {
    both: Both<'a>,
    dice: Dice,
    time: u64,
    proposed: Vec<Constitution>,
}

/// Two times, and whether what is between them is enough.
struct Wait {
    /// Size and time of the checkpoint with the last signature.
    signed: (u64, u64),
    waited: (u64, u64),
}

impl Reigns<'_> {
    fn found(&mut self, first: &Constitution) {
        let payload = roster::payload(first);
        for party in &first.parties {
            self.both
                .feed(sign(&payload, &governance(party.id.as_str())));
        }
        self.publish(60);
    }

    /// Where the log is witnessed now.
    fn publish(&mut self, later: u64) -> (u64, u64) {
        self.time += later;
        self.both.feed(heartbeat(&format!("at {}", self.time)));
        self.both.publish(self.time);
        self.both.agree_on_state();
        self.both.log.published.last().copied().unwrap_or((0, NOW))
    }

    fn amend(&mut self) {
        let Some(now) = self.both.law.constitution().cloned() else {
            return;
        };
        let delay = now.floors.change_delay_seconds;
        // Known beforehand, so that something can end just then.
        let (signed_at, wait) = (
            self.time + 60,
            *self
                .dice
                .pick(&[delay, delay, delay, delay + 1, delay.max(1) - 1]),
        );
        let waited_at = signed_at + wait;
        let edges = [
            signed_at - 1,
            signed_at,
            signed_at + 1,
            waited_at - 1,
            waited_at,
        ];
        let mut next = world::successor(&mut self.dice, &now);
        match self.dice.below(6) {
            0 => next.not_after = *self.dice.pick(&edges),
            1 => self.end_of_a_key(&mut next, &edges),
            // What would end in this change was agreed on in the one before it.
            2 => self.end_of_a_key(&mut next, &edges.map(|edge| edge + 60 + wait)),
            _ => {}
        }
        if self.dice.one_in(4) {
            let supervisors = party_mut(&mut next, "lab-b");
            let key = roster::ed25519("lab-b", "supervisor", Role::Supervisor);
            if !supervisors
                .keys
                .iter()
                .any(|held| held.public == key.public)
            {
                supervisors.keys.push(key);
            }
        }
        self.both.feed(heartbeat("before the signatures"));
        self.sign_some(&next);
        let signed = self.publish_at(signed_at);
        if self.dice.one_in(9) {
            // After the checkpoint that is said to hold the last signature.
            let party = *self.dice.pick(&PARTIES);
            self.both
                .feed(sign(&roster::payload(&next), &governance(party)));
        }
        let waited = self.publish_at(waited_at);
        self.proposed.push(next.clone());
        let wait = Wait { signed, waited };
        for _ in 0..=self.dice.below(2) {
            self.activate(&next, &wait);
        }
        self.publish(60);
        self.ask();
    }

    fn publish_at(&mut self, time: u64) -> (u64, u64) {
        self.publish(time.saturating_sub(self.time))
    }

    /// A governance key of somebody ends at one of these times.
    fn end_of_a_key(&mut self, next: &mut Constitution, edges: &[u64]) {
        let party = *self.dice.pick(&PARTIES);
        let until = *self.dice.pick(edges);
        let keys = &mut party_mut(next, party).keys;
        for key in keys.iter_mut().filter(|key| key.role == Role::Governance) {
            key.not_after = until;
        }
    }

    /// Some sign it; some of them sign another one, too, and one perhaps a third.
    fn sign_some(&mut self, next: &Constitution) {
        let leaves_out = *self.dice.pick(&[2, 2, 3, 6, 40]);
        let mut others: Vec<Constitution> = Vec::new();
        if self.dice.one_in(7) {
            for name in ["another", "a third"] {
                let mut other = next.clone();
                party_mut(&mut other, "lab-a").name = name.to_owned();
                others.push(other);
            }
        }
        let twice = *self.dice.pick(&PARTIES);
        for party in PARTIES {
            let mut keys = vec![governance(party)];
            match self.dice.below(9) {
                0 => keys.push(Key::of(party, "planted")),
                1 => keys.push(Key::of(party, "governance-2")),
                2 => keys = vec![Key::of("vendor", "center")],
                3 => keys = vec![Key::of(party, "planted")],
                _ => {}
            }
            if !self.dice.one_in(leaves_out) {
                for key in &keys {
                    self.both.feed(sign(&roster::payload(next), key));
                }
            }
            for other in others.iter().filter(|_| party == twice) {
                let until = self.dice.below(3);
                if until > 0 {
                    self.both
                        .feed(sign(&roster::payload(other), &governance(party)));
                }
            }
        }
    }

    /// One activation, perhaps not of what was signed, not between these two, or past its time.
    fn activate(&mut self, next: &Constitution, wait: &Wait) {
        let mut named = roster::digest(next);
        if self.dice.one_in(20) {
            named = roster::digest(self.dice.pick(&self.proposed));
        }
        let mut sizes = [wait.signed.0, wait.waited.0];
        match self.dice.below(28) {
            0 => sizes.swap(0, 1),
            1 => sizes = [wait.signed.0; 2],
            2 => sizes = [wait.waited.0; 2],
            3 => {
                let (size, _) = *self.dice.pick(&self.both.log.published);
                sizes[0] = size;
            }
            _ => {}
        }
        let log = match self.dice.below(24) {
            0 => {
                let mut other = self.both.log.clone();
                other.entries[0].push(b' ');
                other
            }
            _ => self.both.log.clone(),
        };
        let (_, waited) = wait.waited;
        let until = *self.dice.pick(&[
            NOT_AFTER * 2,
            NOT_AFTER * 2,
            NOT_AFTER * 2,
            NOT_AFTER * 2,
            NOT_AFTER * 2,
            waited - 1,
            waited,
            waited + 1,
        ]);
        let entry = activation(&log, named, sizes, until);
        self.both.feed(entry);
    }

    /// What depends on who is in force: something against everything, and closures of it.
    fn ask(&mut self) {
        let about = StatementDigest::of(b"a build");
        let party = *self.dice.pick(&PARTIES);
        let entry = finding(about, &governance(party));
        let closes = crate::extra::said(&entry);
        self.both.feed(entry);
        for party in PARTIES {
            if self.dice.one_in(2) {
                self.both.feed(closure(closes, party));
            }
        }
        self.publish(60);
        self.both.ask(Question::Approval(about));
        self.both.ask(Question::Residence);
        self.both.ask(Question::TufRoot(roster::TUF_ROOT.to_vec()));
    }
}
