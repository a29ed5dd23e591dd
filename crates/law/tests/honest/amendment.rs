//! A change of the constitution, from the first signature to the activation.

use law::{InForce, Refusal};
use statement::{Activation, CheckpointRef, Constitution, FileDigest, StatementDigest};

use super::{
    chain::center_log,
    keys::Key,
    log::Log,
    roster::{self, DELAY, NOT_AFTER, NOW, PARTIES, governance},
    sayings::heartbeat,
    story::{say, sign, signed_by_all},
};

/// What will be changed and who signs it.
pub struct Amendment {
    pub first: Constitution,
    pub next: Constitution,
    /// Entries before the signatures.
    before: Vec<Vec<u8>>,
    keys: Vec<Key>,
    signed_at: u64,
    waited: u64,
    /// Which published checkpoints the activation names, counted from the founding's.
    named: (usize, usize),
    not_after: u64,
}

impl Amendment {
    /// An honest change: all sign, and it waits.
    pub fn of(change: impl Fn(&mut Constitution)) -> Self {
        Self::under(|_| {}, change)
    }

    /// A change of a constitution that is itself changed from the honest one.
    pub fn under(base: impl Fn(&mut Constitution), change: impl Fn(&mut Constitution)) -> Self {
        let mut first = roster::constitution();
        base(&mut first);
        let mut next = Constitution {
            version: 2,
            previous: Some(roster::digest(&first)),
            ..first.clone()
        };
        change(&mut next);
        Self {
            first,
            next,
            before: Vec::new(),
            keys: PARTIES.map(governance).into(),
            signed_at: NOW + 3600,
            waited: DELAY,
            named: (1, 2),
            not_after: NOT_AFTER,
        }
    }

    /// Only these keys sign.
    pub fn signed_by(mut self, keys: &[Key]) -> Self {
        self.keys = keys.to_vec();
        self
    }

    /// Only these parties sign.
    pub fn signed_by_parties(self, parties: &[&str]) -> Self {
        let keys: Vec<_> = parties.iter().map(|party| governance(party)).collect();
        self.signed_by(&keys)
    }

    /// One more entry before the signatures.
    pub fn after(mut self, entry: Vec<u8>) -> Self {
        self.before.push(entry);
        self
    }

    /// When witnesses see the last signature.
    pub fn signed_at(mut self, time: u64) -> Self {
        self.signed_at = time;
        self
    }

    /// How long it waits after that, in seconds.
    pub fn waiting(mut self, seconds: u64) -> Self {
        self.waited = seconds;
        self
    }

    /// The activation names these published checkpoints: 0 is the founding's, 1 has all signatures,
    /// 2 is after the wait.
    pub fn naming(mut self, signed_by: usize, waited_until: usize) -> Self {
        self.named = (signed_by, waited_until);
        self
    }

    /// The activation counts if it is included by then.
    pub fn activated_by(mut self, not_after: u64) -> Self {
        self.not_after = not_after;
        self
    }

    /// Writes the log and judges it.
    pub fn enact(self) -> Enacted {
        let mut log = Log::of_center();
        for entry in signed_by_all(&self.first).into_iter().chain(self.before) {
            log.push(entry);
        }
        log.publish(NOW + 60);
        let payload = roster::payload(&self.next);
        for key in &self.keys {
            log.push(sign(&payload, key));
        }
        log.publish(self.signed_at);
        log.push(heartbeat("still waiting"));
        log.publish(self.signed_at + self.waited);
        let named = |at: usize| log.published[at].0;
        let entry = activation(
            &log,
            StatementDigest::of(&payload),
            [named(self.named.0), named(self.named.1)],
            self.not_after,
        );
        let at = log.push(entry);
        log.publish(self.signed_at + self.waited + 60);
        let anchor = roster::digest(&self.first);
        let (state, judged) = log.replay_judged(anchor);
        Enacted {
            outcome: judged[at as usize].clone(),
            judged,
            log,
            anchor,
            state,
        }
    }
}

/// An activation that names the checkpoints of these sizes.
pub fn activation(
    log: &Log,
    constitution: StatementDigest,
    sizes: [u64; 2],
    not_after: u64,
) -> Vec<u8> {
    let [signed_by, waited_until] = sizes.map(|size| CheckpointRef {
        size,
        root: FileDigest::new(log.root(size)),
    });
    let activation = Activation {
        audience: vec![center_log()],
        not_after,
        blobs: Vec::new(),
        constitution,
        signed_by,
        waited_until,
    };
    say(activation, &governance("supervisor"))
}

/// What came of it.
pub struct Enacted {
    /// What became of the activation.
    pub outcome: Result<StatementDigest, Refusal>,
    /// What became of every entry.
    pub judged: Vec<Result<StatementDigest, Refusal>>,
    pub log: Log,
    pub anchor: StatementDigest,
    pub state: InForce,
}

impl Enacted {
    /// Version of the constitution in force at the end.
    pub fn version(&self) -> u64 {
        self.state.constitution().unwrap().version
    }
}
