//! `sign-subtree`.

use tlog::{
    SignSubtree, Subtree, parse_cosignatures, prove_subtree_consistency, subtree_hash,
    verify_subtree_cosignature,
};

use crate::world::{Daemon, TestLog, refused};

#[tokio::test]
async fn a_subtree_of_a_cosigned_checkpoint_is_cosigned_and_nothing_else() {
    let log = TestLog::new(400, "a");
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    talk.mirror(&log, 0, 300).await;
    let cosigned = talk.get(&log, "checkpoint").await.unwrap();
    let request = |start, end| {
        let subtree = Subtree::new(start, end).unwrap();
        SignSubtree {
            subtree,
            hash: subtree_hash(&log, subtree, 400).unwrap(),
            proof: prove_subtree_consistency(&log, subtree, 300).unwrap_or_default(),
            checkpoint: cosigned.clone(),
        }
    };
    let post = async |request: SignSubtree| {
        talk.post("sign-subtree", "text/plain", request.to_bytes())
            .await
    };
    for (start, end) in [(0, 300), (256, 300), (8, 13), (299, 300)] {
        let reply = post(request(start, end)).await.unwrap();
        let lines = parse_cosignatures(&reply.body).unwrap();
        let [line] = &lines[..] else {
            panic!("one line, of the key that can name subtrees")
        };
        let asked = request(start, end);
        let origin = log.origin.parse().unwrap();
        let key = &mirror.vkeys[1];
        verify_subtree_cosignature(&origin, asked.subtree, &asked.hash, line, key).unwrap();
    }
    assert_eq!(refused(post(request(256, 301)).await).status, 400);
    let malformed = talk
        .post("sign-subtree", "text/plain", "subtree 3 5\n")
        .await;
    assert_eq!(refused(malformed).status, 400);
    let mut other_hash = request(8, 13);
    other_hash.hash = tlog::Hash::EMPTY_ROOT;
    assert_eq!(refused(post(other_hash).await).status, 422);
    let mut not_ours = request(8, 13);
    not_ours.checkpoint = log.signed(300);
    assert_eq!(refused(post(not_ours).await).status, 403);
    // A cosignature of one checkpoint under another one.
    let mut forged = request(8, 13);
    let lines = String::from_utf8(cosigned.clone()).unwrap();
    let lines = lines.split_once("\n\n").unwrap().1.to_owned();
    let text = log.checkpoint(301).to_string();
    forged.checkpoint = format!("{text}\n{lines}").into_bytes();
    assert_eq!(refused(post(forged).await).status, 403);
    let mut stranger = TestLog::named("other.example/log");
    stranger.push(b"x".to_vec());
    let unknown = SignSubtree {
        subtree: Subtree::new(0, 1).unwrap(),
        hash: subtree_hash(&stranger, Subtree::new(0, 1).unwrap(), 1).unwrap(),
        proof: Vec::new(),
        checkpoint: stranger.signed(1),
    };
    assert_eq!(refused(post(unknown).await).status, 404);
}
