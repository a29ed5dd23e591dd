//! tlog-witness over a real socket.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

mod vectors;
mod world;

use tlog::{
    AddCheckpoint, Hash, SignSubtree, SignatureLine, Subtree, prove_subtree_consistency,
    subtree_hash, verify_subtree_cosignature,
};
use witness::{Witness, WitnessError};
use world::{Daemon, MemoryLog, ORIGIN, config, times, vkeys};

const ENTRIES: &[&str] = &["a", "b", "c", "d", "e", "f", "g"];

#[tokio::test]
async fn a_growing_log_is_cosigned_with_both_keys_and_one_time() {
    let log = MemoryLog::new(ENTRIES);
    let witness = Daemon::start(&log).await;
    let config = config(witness.dir.path(), &log);
    for (old, size) in [(0, 1), (1, 4), (4, 7)] {
        let lines = witness.cosigned(&log.request(old, size)).await;
        let times = times(&config, &log.checkpoint(size), &lines);
        assert_eq!(times[0], times[1]);
    }
    witness.stop().await;
}

#[tokio::test]
async fn the_same_size_again_is_cosigned_again() {
    let log = MemoryLog::new(ENTRIES);
    let witness = Daemon::start(&log).await;
    witness.cosigned(&log.request(0, 4)).await;
    let lines = witness.cosigned(&log.request(4, 4)).await;
    let config = config(witness.dir.path(), &log);
    times(&config, &log.checkpoint(4), &lines);
    witness.stop().await;
}

#[tokio::test]
async fn each_refusal_has_the_status_of_the_specification() {
    let log = MemoryLog::new(ENTRIES);
    let witness = Daemon::start(&log).await;
    witness.cosigned(&log.request(0, 4)).await;
    let good = log.request(4, 6);

    assert_eq!(witness.status("old 4\n").await, 400);
    assert_eq!(witness.status("old 04\n\nx").await, 400);
    assert_eq!(witness.status([0xff, 0xfe]).await, 400);
    assert_eq!(witness.status(log.request(6, 4).to_bytes()).await, 400);
    assert_eq!(witness.status(vec![b'a'; 65 * 1024]).await, 413);

    let foreign = String::from_utf8(good.to_bytes())
        .unwrap()
        .replace(ORIGIN, "other.example/log");
    assert_eq!(witness.status(foreign).await, 404);

    let stranger = MemoryLog::with_key(ENTRIES, [8; 32]);
    assert_eq!(witness.status(stranger.request(4, 6).to_bytes()).await, 403);
    let mut altered = good.clone();
    altered.checkpoint = String::from_utf8(altered.checkpoint)
        .unwrap()
        .replacen("\n6\n", "\n5\n", 1)
        .into_bytes();
    assert_eq!(witness.status(altered.to_bytes()).await, 403);

    let refused = witness
        .post(log.request(2, 6).to_bytes())
        .await
        .unwrap_err();
    let reply = refused.refused().unwrap();
    assert_eq!(reply.status, 409);
    assert_eq!(reply.content_type.as_deref(), Some("text/x.tlog.size"));
    assert_eq!(&reply.body[..], b"4\n");

    let mut wrong = good.clone();
    wrong.proof[0] = Hash::EMPTY_ROOT;
    assert_eq!(witness.status(wrong.to_bytes()).await, 422);
    let mut short = good.clone();
    short.proof.pop();
    assert_eq!(witness.status(short.to_bytes()).await, 422);

    // Nothing of that moved the witness.
    witness.cosigned(&good).await;
    witness.stop().await;
}

#[tokio::test]
async fn a_proof_from_the_empty_tree_and_a_false_empty_root_are_refused() {
    let log = MemoryLog::new(ENTRIES);
    let witness = Daemon::start(&log).await;
    let with_proof = AddCheckpoint {
        proof: vec![Hash::EMPTY_ROOT],
        ..log.request(0, 4)
    };
    assert_eq!(witness.status(with_proof.to_bytes()).await, 422);
    witness.cosigned(&log.request(0, 0)).await;
    witness.cosigned(&log.request(0, 4)).await;
    witness.stop().await;
}

#[tokio::test]
async fn a_second_history_is_refused_and_kept_as_a_fault() {
    let log = MemoryLog::new(ENTRIES);
    let other = MemoryLog::new(&["a", "b", "c", "X", "e", "f", "g"]);
    let witness = Daemon::start(&log).await;
    witness.cosigned(&log.request(0, 4)).await;
    assert_eq!(witness.get("faults").await, "");

    // The same size with another root: a proof by itself, whatever `old` says.
    assert_eq!(witness.status(other.request(4, 4).to_bytes()).await, 422);
    // A larger tree over the other history: nobody can prove that it follows.
    assert_eq!(witness.status(other.request(4, 6).to_bytes()).await, 422);

    let faults = witness.get("faults").await;
    let split = format!("fault split {ORIGIN} 4 ");
    let unproven = format!("fault unproven {ORIGIN} 6 ");
    assert!(faults.starts_with(&split), "{faults}");
    assert!(faults.contains(&unproven), "{faults}");
    for note in [log.signed(4), other.signed(4), other.signed(6)] {
        assert!(
            faults.contains(std::str::from_utf8(&note).unwrap()),
            "{faults}"
        );
    }
    // The first history goes on.
    witness.cosigned(&log.request(4, 7)).await;
    witness.stop().await;
}

#[tokio::test]
async fn a_suspicion_ends_with_the_proof() {
    let log = MemoryLog::new(ENTRIES);
    let witness = Daemon::start(&log).await;
    witness.cosigned(&log.request(0, 4)).await;
    let mut wrong = log.request(4, 6);
    wrong.proof[0] = Hash::EMPTY_ROOT;
    assert_eq!(witness.status(wrong.to_bytes()).await, 422);
    assert!(witness.get("faults").await.starts_with("fault unproven"));
    witness.cosigned(&log.request(4, 6)).await;
    assert_eq!(witness.get("faults").await, "");
    witness.stop().await;
}

#[tokio::test]
async fn the_newest_checkpoint_can_be_monitored() {
    let log = MemoryLog::new(ENTRIES);
    let witness = Daemon::start(&log).await;
    let name = tlog::sha256(ORIGIN.as_bytes()).to_hex();
    let url = format!("{}/{name}/checkpoint", witness.url);
    assert!(
        witness
            .client
            .get_optional(&url, 1 << 16)
            .await
            .unwrap()
            .is_none()
    );

    let lines = witness.cosigned(&log.request(0, 4)).await;
    let shown = witness.get(&format!("{name}/checkpoint")).await;
    let mut expected = String::from_utf8(log.signed(4)).unwrap();
    lines
        .iter()
        .for_each(|line| expected.push_str(&format!("{line}\n")));
    assert_eq!(shown, expected);
    witness.stop().await;
}

/// A request for a subtree of the first `size` entries, with `lines` under the checkpoint.
fn subtree_request(
    log: &MemoryLog,
    (start, end): (u64, u64),
    size: usize,
    lines: &[SignatureLine],
) -> SignSubtree {
    let subtree = Subtree::new(start, end).unwrap();
    let mut checkpoint = format!("{}\n", log.checkpoint(size));
    lines
        .iter()
        .for_each(|line| checkpoint.push_str(&format!("{line}\n")));
    SignSubtree {
        subtree,
        hash: subtree_hash(log, subtree, size as u64).unwrap(),
        proof: prove_subtree_consistency(log, subtree, size as u64).unwrap(),
        checkpoint: checkpoint.into_bytes(),
    }
}

#[tokio::test]
async fn each_subtree_of_a_cosigned_tree_is_cosigned_without_a_time() {
    let log = MemoryLog::new(ENTRIES);
    let witness = Daemon::start(&log).await;
    let config = config(witness.dir.path(), &log);
    let [_, ml_dsa] = vkeys(&config);
    let lines = witness.cosigned(&log.request(0, 6)).await;
    for range in [(0, 1), (0, 4), (4, 6), (5, 6), (0, 6), (2, 4)] {
        // Either of our cosignatures is enough, and both are.
        for own in [&lines[..1], &lines[1..], &lines[..]] {
            let request = subtree_request(&log, range, 6, own);
            let signed = witness.sign_subtree(request.to_bytes()).await.unwrap();
            assert_eq!(signed.len(), 1);
            let (subtree, hash) = (request.subtree, request.hash);
            let origin = ORIGIN.parse().unwrap();
            verify_subtree_cosignature(&origin, subtree, &hash, &signed[0], &ml_dsa).unwrap();
        }
    }
    // An older tree is part of the newest, so its parts are too.
    witness.cosigned(&log.request(6, 7)).await;
    let request = subtree_request(&log, (4, 6), 6, &lines);
    witness.sign_subtree(request.to_bytes()).await.unwrap();
    witness.stop().await;
}

#[tokio::test]
async fn a_subtree_that_is_not_proven_is_not_signed() {
    let log = MemoryLog::new(ENTRIES);
    let other = MemoryLog::new(&["a", "b", "c", "d", "X", "f", "g"]);
    let witness = Daemon::start(&log).await;
    let lines = witness.cosigned(&log.request(0, 6)).await;
    let good = subtree_request(&log, (4, 6), 6, &lines);
    let status = async |request: SignSubtree| witness.sign_subtree(request.to_bytes()).await.err();

    let mut wrong = good.clone();
    wrong.hash = subtree_request(&other, (4, 6), 6, &lines).hash;
    assert_eq!(status(wrong).await, Some(422), "another subtree's hash");
    let mut wrong = good.clone();
    wrong.proof[0] = Hash::EMPTY_ROOT;
    assert_eq!(status(wrong).await, Some(422), "another proof");
    let mut wrong = good.clone();
    wrong.proof.pop();
    assert_eq!(status(wrong).await, Some(422), "half a proof");

    // A tree that we never cosigned, or that only others did.
    let unsigned = subtree_request(&log, (4, 6), 7, &[]);
    let by_log = String::from_utf8(log.signed(7)).unwrap();
    let unsigned = SignSubtree {
        checkpoint: by_log.into_bytes(),
        ..unsigned
    };
    assert_eq!(status(unsigned).await, Some(403), "only the log signed");
    let moved = subtree_request(&other, (4, 6), 6, &lines);
    assert_eq!(
        status(moved).await,
        Some(403),
        "our signature under another tree"
    );
    let subtree_line = witness.sign_subtree(good.to_bytes()).await.unwrap();
    let reused = subtree_request(&log, (4, 6), 6, &subtree_line);
    assert_eq!(
        status(reused).await,
        Some(403),
        "a cosignature of a subtree is none of a tree"
    );

    let foreign = String::from_utf8(good.to_bytes()).unwrap();
    let foreign = foreign.replace(ORIGIN, "other.example/log");
    assert_eq!(
        witness.sign_subtree(foreign.into_bytes()).await.err(),
        Some(404)
    );
    let text = String::from_utf8(good.to_bytes()).unwrap();
    for (from, to) in [
        ("subtree 4 6", "subtree 4 8"),
        ("subtree 4 6", "subtree 3 6"),
        ("subtree 4 6", "subtree 6 4"),
        ("subtree 4 6", "subtree 4 4"),
        ("subtree 4 6", "subtree 04 6"),
        ("subtree 4 6", "subtree 4 6 "),
        ("subtree 4 6", "old 4"),
    ] {
        let bad = text.replacen(from, to, 1).into_bytes();
        assert_eq!(witness.sign_subtree(bad).await.err(), Some(400), "{to}");
    }
    witness.stop().await;
}

#[tokio::test]
async fn a_restarted_witness_remembers_what_it_cosigned() {
    let log = MemoryLog::new(ENTRIES);
    let witness = Daemon::start(&log).await;
    witness.cosigned(&log.request(0, 5)).await;
    let dir = witness.stop().await;
    let witness = Daemon::start_in(dir, &log).await;
    assert_eq!(witness.status(log.request(0, 3).to_bytes()).await, 409);
    witness.cosigned(&log.request(5, 7)).await;
    witness.stop().await;
}

#[tokio::test]
async fn a_clock_set_back_does_not_make_a_larger_tree_look_older() {
    let log = MemoryLog::new(ENTRIES);
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &log);
    let witness = Witness::open(&config).await.unwrap();
    let lines = witness
        .add_checkpoint(&log.request(0, 2).to_bytes(), 5000)
        .await
        .unwrap();
    assert_eq!(times(&config, &log.checkpoint(2), &lines), [5000, 5000]);
    let lines = witness
        .add_checkpoint(&log.request(2, 3).to_bytes(), 4000)
        .await
        .unwrap();
    assert_eq!(times(&config, &log.checkpoint(3), &lines), [5000, 5000]);
    let lines = witness
        .add_checkpoint(&log.request(3, 3).to_bytes(), 5001)
        .await
        .unwrap();
    assert_eq!(times(&config, &log.checkpoint(3), &lines), [5001, 5001]);
}

#[tokio::test]
async fn requests_at_once_never_cosign_two_trees_from_one() {
    let log = MemoryLog::new(ENTRIES);
    let other = MemoryLog::new(&["a", "b", "c", "X", "e", "f", "g"]);
    let witness = Daemon::start(&log).await;
    witness.cosigned(&log.request(0, 3)).await;
    let (bodies_a, bodies_b) = (log.request(3, 5).to_bytes(), other.request(3, 5).to_bytes());
    for _ in 0..8 {
        let (a, b) = tokio::join!(
            witness.post(bodies_a.clone()),
            witness.post(bodies_b.clone())
        );
        assert!(a.is_err() || b.is_err());
    }
    witness.stop().await;
}

#[tokio::test]
async fn one_directory_has_one_witness() {
    let log = MemoryLog::new(ENTRIES);
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &log);
    let _first = Witness::open(&config).await.unwrap();
    let second = Witness::open(&config).await.err().unwrap();
    assert!(matches!(
        second,
        WitnessError::Store(store::StoreError::Locked { .. })
    ));
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_field_and_value() {
    let log = MemoryLog::new(ENTRIES);
    let dir = tempfile::tempdir().unwrap();
    let good = config(dir.path(), &log);
    let refuse = async |change: &dyn Fn(&mut witness::Config)| {
        let mut config = good.clone();
        change(&mut config);
        Witness::open(&config).await.err().unwrap().to_string()
    };
    let name = refuse(&|config| config.name = "w 1".to_owned()).await;
    assert_eq!(name, "configuration field `name` is `w 1`");
    let vkey = refuse(&|config| config.logs[0].vkeys = vec!["x".to_owned()]).await;
    assert_eq!(vkey, "configuration field `logs.vkeys` is `x`");
    let other = refuse(&|config| config.logs[0].origin = "other.example/log".to_owned()).await;
    assert!(
        other.contains("is no key of log `other.example/log`"),
        "{other}"
    );
    let none = refuse(&|config| config.logs[0].vkeys.clear()).await;
    assert!(none.contains("with at least one vkey"), "{none}");
    let twice = refuse(&|config| config.logs.push(config.logs[0].clone())).await;
    assert!(twice.contains("must be listed once"), "{twice}");
}
