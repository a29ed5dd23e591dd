//! What a log may stop serving, with one condition taken away at a time.

use law::Prunable;
use statement::{CheckpointRef, FileDigest, Pruning};

use crate::honest::{
    chain::center_log,
    keys::Key,
    log::Log,
    roster::{self, NOT_AFTER, NOW, PARTIES, governance},
    sayings::heartbeat,
    story::{say, signed_by_all},
};

/// A log with a checkpoint of `minimum` entries and then these announcements of it.
struct Told {
    log: Log,
    minimum: u64,
}

fn founded() -> Told {
    let mut log = Log::of_center();
    for entry in signed_by_all(&roster::constitution()) {
        log.push(entry);
    }
    log.publish(NOW + 60);
    log.push(heartbeat("one"));
    log.push(heartbeat("two"));
    log.publish(NOW + 120);
    let minimum = log.size();
    Told { log, minimum }
}

fn pruning(log: &Log, minimum: u64) -> Pruning {
    Pruning {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        origin: center_log(),
        checkpoint: CheckpointRef {
            size: minimum,
            root: FileDigest::new(log.root(minimum)),
        },
        elsewhere: Vec::new(),
        reason: "Nobody asks for them".to_owned(),
    }
}

impl Told {
    fn say(mut self, pruning: &Pruning, keys: &[Key]) -> Self {
        for key in keys {
            self.log.push(say(pruning.clone(), key));
        }
        self
    }

    fn at(mut self, time: u64) -> Option<Prunable> {
        self.log.publish(time);
        let state = self.log.replay(roster::digest(&roster::constitution()));
        Prunable::newest(&state)
    }
}

/// Who makes a quorum of the honest roster.
fn quorum() -> Vec<Key> {
    let needed = roster::constitution().floors.governance_min as usize;
    PARTIES[..needed].iter().map(|p| governance(p)).collect()
}

#[test]
fn without_an_announcement_nothing_may_go() {
    assert_eq!(
        founded()
            .say(&pruning(&founded().log, 6), &[])
            .at(NOW + 180),
        None
    );
}

#[test]
fn a_quorum_over_one_payload_lets_a_log_prune_up_to_its_checkpoint_and_no_further() {
    let told = founded();
    let (minimum, root) = (told.minimum, told.log.root(told.minimum));
    let said = pruning(&told.log, minimum);
    let first = told.log.size();
    let may = told.say(&said, &quorum()).at(NOW + 180).unwrap();
    assert_eq!((may.minimum(), may.root()), (minimum, root));
    assert_eq!(may.announced_at(), first + quorum().len() as u64 - 1);
}

#[test]
fn one_signature_less_is_no_announcement() {
    let told = founded();
    let said = pruning(&told.log, told.minimum);
    let few = &quorum()[1..];
    assert_eq!(told.say(&said, few).at(NOW + 180), None);
}

#[test]
fn a_party_that_signs_twice_is_one() {
    let told = founded();
    let said = pruning(&told.log, told.minimum);
    let mut keys = quorum();
    let last = keys.len() - 1;
    keys[last] = keys[0].clone();
    assert_eq!(told.say(&said, &keys).at(NOW + 180), None);
}

#[test]
fn other_words_are_another_announcement() {
    let told = founded();
    let said = pruning(&told.log, told.minimum);
    let other = Pruning {
        reason: "Other words".to_owned(),
        ..said.clone()
    };
    let keys = quorum();
    let told = told.say(&said, &keys[1..]).say(&other, &keys[..1]);
    assert_eq!(told.at(NOW + 180), None);
}

#[test]
fn what_was_never_archived_is_no_minimum() {
    let told = founded();
    let between = pruning(&told.log, told.minimum - 1);
    assert_eq!(told.say(&between, &quorum()).at(NOW + 180), None);
    let told = founded();
    let mut other = pruning(&told.log, told.minimum);
    other.checkpoint.root = FileDigest::of(b"another tree");
    assert_eq!(told.say(&other, &quorum()).at(NOW + 180), None);
}

#[test]
fn another_log_is_not_meant() {
    let told = founded();
    let mut other = pruning(&told.log, told.minimum);
    other.origin = "supervisor.example/log".parse().unwrap();
    assert_eq!(told.say(&other, &quorum()).at(NOW + 180), None);
}

#[test]
fn an_announcement_after_its_time_does_not_count() {
    let told = founded();
    let said = pruning(&told.log, told.minimum);
    assert_eq!(told.say(&said, &quorum()).at(NOT_AFTER + 1), None);
}

#[test]
fn an_announcement_that_would_go_itself_does_not_count() {
    // The first signature lies below the checkpoint that the payload names.
    let told = founded();
    let keys = quorum();
    let mut log = told.log;
    // Its root is not known before; so the entries of the quorum are put where they do not belong.
    log.push(heartbeat("three"));
    log.publish(NOW + 150);
    let said = pruning(&log, log.size());
    let mut early = Told {
        minimum: log.size(),
        log,
    };
    early.log.entries.insert(6, say(said.clone(), &keys[0]));
    let last = early.log.published.len() - 1;
    early.log.published[last].0 += 1;
    let told = early.say(&said, &keys[1..]);
    assert_eq!(told.at(NOW + 180), None);
}

#[test]
fn what_no_witness_saw_does_not_count_yet() {
    let told = founded();
    let said = pruning(&told.log, told.minimum);
    let told = told.say(&said, &quorum());
    let anchor = roster::digest(&roster::constitution());
    let mut seen = told.log.clone();
    let unseen = seen.entries.split_off(told.minimum as usize);
    let mut state = seen.replay(anchor);
    for entry in &unseen {
        let index = state.next_index();
        state.feed(index, entry).unwrap();
    }
    assert_eq!(Prunable::newest(&state), None);
    let size = told.log.size();
    let witnessed = told.log.witnessed(&state, size, NOW + 180);
    state.settle(&witnessed).unwrap();
    assert_eq!(Prunable::newest(&state).unwrap().minimum(), told.minimum);
}

#[test]
fn the_highest_announcement_holds_and_a_lower_one_takes_nothing_back() {
    let told = founded();
    let founding = told.log.published[0].0;
    let (low, high) = (
        pruning(&told.log, founding),
        pruning(&told.log, told.minimum),
    );
    let minimum = told.minimum;
    let told = told.say(&high, &quorum()).say(&low, &quorum());
    assert_eq!(told.at(NOW + 180).unwrap().minimum(), minimum);
}

#[test]
fn a_minimum_index_is_the_largest_witnessed_checkpoint_up_to_a_size() {
    let told = founded();
    let (log, last) = (told.log, told.minimum);
    let state = log.replay(roster::digest(&roster::constitution()));
    let at = |size: u64| {
        let found = state.checkpoint_up_to(size)?;
        assert_eq!(*found.root.hash(), log.root(found.size));
        Some(found.size)
    };
    let first = last - 2;
    assert_eq!([0, first - 1].map(at), [None, None]);
    assert_eq!([first, last - 1].map(at), [Some(first); 2]);
    assert_eq!([last, last + 1, u64::MAX].map(at), [Some(last); 3]);
}
