//! What a witness may be asked, by how it answers.

use keys::{Algorithm, NoteKey, SecretKey};
use tlog::{Hash, KeyType, Note, NoteSigner as _};
use tokio::task::JoinSet;

use super::*;
use crate::ask::Signed;

const GRACE: Duration = Duration::from_millis(200);
const POLICY: &str = "quorum none\n";

fn lane(requests_per_minute: Option<u32>) -> Lane {
    let witness = WitnessUrl {
        url: "http://w.example".to_owned(),
        requests_per_minute,
    };
    Lane::new(&witness, 7, true, WitnessMeters::default())
}

/// One that cosigned before.
fn known_lane() -> Lane {
    let secret = SecretKey::from_seed(Algorithm::Ed25519, [1; 32]);
    let key = NoteKey::new(
        secret,
        "w.example".parse().unwrap(),
        KeyType::CosignatureEd25519,
    );
    let policy = format!("witness w {}\nquorum w\n", key.unwrap().vkey());
    let policy = Policy::parse(&policy).unwrap();
    let mut lane = lane(None);
    lane.names.insert(policy.witnesses()[0].name().clone());
    lane
}

fn ended(took_ms: u64, outcome: Outcome, size: Option<u64>) -> Ended {
    Ended {
        took: Duration::from_millis(took_ms),
        requests: 1,
        size,
        outcome,
    }
}

fn good(took_ms: u64) -> Ended {
    ended(took_ms, Outcome::Good, Some(9))
}

fn failed(took_ms: u64) -> Ended {
    ended(took_ms, Outcome::Failed, None)
}

fn offer(size: u64) -> Arc<Offer> {
    let checkpoint = Checkpoint::new("o.example/log".parse().unwrap(), size, Hash::EMPTY_ROOT);
    let checkpoint = checkpoint.unwrap();
    let note = Note::parse(NOTE.as_bytes()).unwrap();
    Arc::new(Offer {
        signed: Signed { checkpoint, note },
        policy: Policy::parse(POLICY).unwrap(),
        began: Duration::ZERO,
    })
}

const NOTE: &str = "any\n\n\u{2014} o.example AAAAAAECAw==\n";

/// Another task's number.
fn id() -> Id {
    JoinSet::new().spawn(async {}).id()
}

impl Lane {
    /// Begins a request of this round, for so many entries.
    fn send(&mut self, round: u64, size: u64, now: Duration) -> Id {
        let id = id();
        self.begin(id, round, offer(size), now);
        id
    }

    fn sends_and_gets(&mut self, round: u64, ended: &Ended, now: Duration) -> Option<u64> {
        let id = self.send(round, 9, now);
        self.end(id, ended, now).map(|flight| flight.round)
    }
}

#[tokio::test]
async fn a_quick_witness_is_waited_for_and_a_failing_one_is_not() {
    let (mut lane, now) = (lane(None), Duration::ZERO);
    assert_eq!(lane.patience(GRACE), GRACE, "nothing is known of it");
    assert_eq!(lane.sends_and_gets(1, &good(10), now), Some(1));
    assert_eq!(lane.patience(GRACE), Duration::from_millis(20));
    assert_eq!(lane.asked().size, 9);
    lane.sends_and_gets(2, &good(101), now);
    assert_eq!(lane.patience(GRACE), Duration::ZERO, "slow by nature");
    lane.sends_and_gets(3, &failed(5_000), Duration::from_secs(5));
    assert_eq!(lane.patience(GRACE), Duration::ZERO);
    assert_eq!(lane.asked().size, 9, "nothing was learned");
}

#[tokio::test]
async fn a_failing_witness_is_asked_ever_more_rarely_until_it_answers() {
    let (mut lane, now) = (lane(None), Duration::from_secs(100));
    let mut rests = Vec::new();
    for round in 0..8 {
        lane.sends_and_gets(round, &failed(1), now);
        rests.push((lane.ready_at() - now).as_millis());
    }
    assert_eq!(rests, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    lane.sends_and_gets(9, &good(1), now);
    assert_eq!(lane.ready_at(), Duration::ZERO);
}

#[tokio::test]
async fn each_request_counts_against_the_quota() {
    let (mut lane, now) = (lane(Some(12)), Duration::from_secs(100));
    let id = lane.send(1, 9, now);
    assert!(lane.is_within_quota(now));
    let corrected = Ended {
        requests: 2,
        ..good(1)
    };
    lane.end(id, &corrected, now);
    assert!(!lane.is_within_quota(now));
    assert_eq!(lane.ready_at(), now + Duration::from_secs(5));
}

#[tokio::test]
async fn requests_build_on_each_other_and_are_bounded() {
    let (mut lane, now) = (known_lane(), Duration::ZERO);
    let mut expected = (7, false);
    for round in 1..=REQUESTS_UNDER_WAY_MAX as u64 {
        assert!(lane.has_room(1));
        let asked = lane.asked();
        assert_eq!((asked.size, asked.is_built_on), expected);
        lane.send(round, 10 * round, now);
        expected = (10 * round, true);
    }
    assert!(!lane.has_room(1));
}

#[tokio::test]
async fn a_witness_that_is_not_known_or_fails_has_one_request_at_a_time() {
    let now = Duration::ZERO;
    let mut unknown = lane(None);
    assert!(unknown.has_room(1));
    unknown.send(1, 9, now);
    assert!(!unknown.has_room(1));
    let mut failing = known_lane();
    failing.sends_and_gets(1, &failed(1), now);
    failing.send(2, 9, now);
    assert!(!failing.has_room(1));
}

#[tokio::test]
async fn a_witness_that_is_behind_the_others_has_one_request_at_a_time() {
    let mut lane = known_lane();
    lane.send(4, 9, Duration::ZERO);
    assert!(lane.has_room(4), "its round is not over");
    assert!(!lane.has_room(5));
}

#[tokio::test]
async fn where_one_request_overtook_another_the_next_ones_go_alone_ever_longer() {
    let (mut lane, now) = (known_lane(), Duration::ZERO);
    let mut round = 0;
    for alone in [1, 2, 4, 8, 16, 32, 64, 64] {
        let first = lane.send(round, 8, now);
        let second = lane.send(round + 1, 9, now);
        lane.end(second, &ended(1, Outcome::Overtaken, Some(7)), now);
        assert_eq!(lane.failures, 0, "it is nobody's fault");
        assert_eq!(
            lane.end(first, &ended(1, Outcome::Good, Some(8)), now)
                .unwrap()
                .round,
            round
        );
        // The first answer above was one of them.
        for _ in 1..alone {
            round += 2;
            lane.send(round, 9, now);
            assert!(!lane.has_room(0));
            let id = lane.flights[0].id;
            lane.end(id, &good(1), now);
        }
        round += 2;
        lane.send(round, 9, now);
        assert!(lane.has_room(0), "after {alone}");
        let id = lane.flights[0].id;
        lane.end(id, &good(1), now);
    }
}

#[tokio::test]
async fn answers_in_another_order_do_not_take_back_what_is_known() {
    let (mut lane, now) = (known_lane(), Duration::ZERO);
    let first = lane.send(1, 20, now);
    let second = lane.send(2, 30, now);
    lane.end(second, &ended(1, Outcome::Good, Some(30)), now);
    lane.end(first, &ended(1, Outcome::Good, Some(20)), now);
    assert_eq!(lane.asked().size, 30);
}

#[tokio::test]
async fn requests_that_fail_together_count_as_one_failure() {
    let (mut lane, later) = (known_lane(), Duration::from_secs(5));
    let ids: Vec<Id> = (1..=3)
        .map(|n| lane.send(n, 10 * n, Duration::ZERO))
        .collect();
    for id in ids {
        lane.end(id, &failed(5_000), later);
    }
    assert_eq!(lane.ready_at() - later, BACKOFF.0);
}
