//! What is not taken: the right status, the right code, and nothing written.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use std::time::Duration;

use statement::{
    Blob, Constitution, Envelope, FileDigest, Heartbeat, Source, SourceOrigin, StatementSigner as _,
};
use world::roster::{self, beat, envelope, heartbeat, statement_key};
use world::{World, found, founding, post_at_once, refused, submit_at_once, submit_witnessed};

#[tokio::test]
async fn an_empty_log_takes_only_the_constitution_of_its_anchor() {
    let world = World::start().await;
    let client = world.client();
    let refuse = async |entry: Envelope| refused(&client, entry.to_bytes()).await;

    assert_eq!(
        refuse(beat("too early")).await,
        (409, "entry.no_constitution".into())
    );
    let other = Constitution {
        not_after: 5,
        ..roster::constitution()
    };
    let other = envelope(other, roster::CENTER_GOVERNANCE);
    assert_eq!(refuse(other).await, (403, "constitution.anchor".into()));
    let unsigned = envelope(roster::constitution(), roster::STRANGER);
    assert_eq!(refuse(unsigned).await, (403, "entry.key_unknown".into()));
    let wrong_role = envelope(roster::constitution(), roster::CENTER);
    assert_eq!(refuse(wrong_role).await, (403, "entry.role".into()));

    for (index, envelope) in founding().iter().enumerate() {
        assert_eq!(submit_at_once(&client, envelope).await, index as u64);
    }
    assert_eq!(submit_at_once(&client, &beat("now")).await, 4);
    world.stop().await;
}

#[tokio::test]
async fn what_is_refused_has_its_status_and_leaves_nothing() {
    let world = World::founded().await;
    let client = world.client();
    let refuse = async |body: Vec<u8>| refused(&client, body).await;
    let expect = |status: u16, code: &str| (status, code.to_owned());
    let with = |change: &dyn Fn(&mut Heartbeat), signer| {
        let mut heartbeat = heartbeat("x");
        change(&mut heartbeat);
        envelope(heartbeat, signer).to_bytes()
    };

    let malformed = expect(400, "entry.malformed");
    assert_eq!(refuse(Vec::new()).await, malformed);
    assert_eq!(refuse(b"{}".to_vec()).await, malformed);
    let mut spaced = beat("x").to_bytes();
    spaced.push(b'\n');
    assert_eq!(refuse(spaced).await, malformed);
    let empty = Envelope::sign(b"{}".to_vec(), &statement_key(roster::CENTER)).unwrap();
    assert_eq!(refuse(empty.to_bytes()).await, malformed);

    let too_long = refuse(vec![b'a'; 65_536]).await;
    assert_eq!(too_long, expect(413, "body_too_large"));

    let stranger = with(&|_| {}, roster::STRANGER);
    assert_eq!(refuse(stranger).await, expect(403, "entry.key_unknown"));
    let good = beat("x");
    let forged = Envelope::new(good.payload().to_vec(), good.key(), [7; 64]).unwrap();
    assert_eq!(
        refuse(forged.to_bytes()).await,
        expect(403, "entry.signature")
    );
    let elsewhere = with(
        &|beat| beat.audience = vec!["other.example/log".parse().unwrap()],
        roster::CENTER,
    );
    assert_eq!(refuse(elsewhere).await, expect(403, "entry.audience"));
    let late = with(&|beat| beat.not_after = 1_000_000_000, roster::CENTER);
    assert_eq!(refuse(late).await, expect(403, "entry.too_late"));
    let expired = with(&|_| {}, roster::EXPIRED);
    assert_eq!(refuse(expired).await, expect(403, "entry.key_expired"));
    let source = envelope(source(), roster::CENTER).to_bytes();
    assert_eq!(refuse(source).await, expect(403, "entry.role"));
    let names_a_blob = with(&|beat| beat.blobs = vec![blob(true)], roster::CENTER);
    assert_eq!(
        refuse(names_a_blob).await,
        expect(409, "submit.blob_missing")
    );

    // A blob that is not public is not for this log to hold.
    let private = with(&|beat| beat.blobs = vec![blob(false)], roster::CENTER);
    let private = Envelope::parse(&private).unwrap();
    assert_eq!(submit_witnessed(&client, &private).await.index, 4);
    world.stop().await;
}

fn blob(public: bool) -> Blob {
    Blob {
        sha256: FileDigest::of(b"not here"),
        bytes: 8,
        public,
    }
}

fn source() -> Source {
    let file = FileDigest::of(b"file");
    Source {
        audience: vec![roster::origin()],
        not_after: roster::FOR_EVER,
        blobs: Vec::new(),
        product: "truename".to_owned(),
        version: "1.0.0".to_owned(),
        kind: statement::Kind::Software,
        platform: "linux-x86_64".to_owned(),
        archive: file,
        tree: file,
        arguments: Default::default(),
        recipe: file,
        authors: vec!["A. Author".to_owned()],
        authored_in: "CH".to_owned(),
        imported_from: SourceOrigin::Directory,
    }
}

#[tokio::test]
async fn a_refusal_says_which_blob_is_missing() {
    let world = World::founded().await;
    let mut beat = heartbeat("x");
    beat.blobs = vec![blob(true)];
    let entry = envelope(beat, roster::CENTER).to_bytes();
    let error = world::post_at_once(&world.client(), entry)
        .await
        .unwrap_err();
    let problem = error.refused().unwrap().problem.clone().unwrap();
    assert_eq!(problem.field.as_deref(), Some("blobs"));
    assert_eq!(problem.value, Some(FileDigest::of(b"not here").to_string()));
    world.stop().await;
}

#[tokio::test]
async fn a_wish_that_is_not_understood_is_refused() {
    let world = World::founded().await;
    let entry = beat("x").to_bytes();
    for wish in ["wait=7", "wait=soon", "hurry=1"] {
        let url = format!("{}/submit?{wish}", world.log.url);
        let http = world::http();
        let answer = http.post(
            &url,
            "text/plain",
            entry.clone(),
            1 << 16,
            Duration::from_secs(30),
        );
        assert_eq!(answer.await.unwrap_err().status(), Some(400), "{wish}");
    }
    assert_eq!(submit_at_once(&world.client(), &beat("y")).await, 4);
    world.stop().await;
}

#[tokio::test]
async fn a_full_queue_answers_503_and_takes_nothing() {
    let world = World::start_with(|config| config.queue_max = 1).await;
    let client = world.client();
    world::found(&client).await;
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..64 {
        let client = client.clone();
        waiting.spawn(async move {
            world::post_at_once(&client, beat(format!("{n}")).to_bytes()).await
        });
    }
    let (mut taken, mut busy) = (Vec::new(), 0);
    while let Some(answer) = waiting.join_next().await {
        match answer.unwrap() {
            Ok(index) => taken.push(index),
            Err(error) => {
                assert_eq!(
                    (error.status(), error.code()),
                    (Some(503), Some("submit.busy"))
                );
                busy += 1;
            }
        }
    }
    // Who was taken stands without gaps; who was not stands nowhere.
    taken.sort_unstable();
    let expected: Vec<u64> = (4..4 + taken.len() as u64).collect();
    assert_eq!(taken, expected);
    assert_eq!(taken.len() + busy, 64);
    world.stop().await;
}

#[tokio::test]
async fn an_entry_that_was_taken_stays_taken_after_its_date() {
    let world = World::founded().await;
    let client = world.client();
    let now = || {
        std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs()
    };
    let until = now() + 2;
    let dated = |note: &str| {
        let mut beat = heartbeat(note);
        beat.not_after = until;
        envelope(beat, roster::CENTER)
    };
    let taken = submit_witnessed(&client, &dated("in time")).await;
    world::until("the date to pass", async || (now() > until).then_some(())).await;
    let refusal = refused(&client, dated("too late").to_bytes()).await;
    assert_eq!(refusal, (403, "entry.too_late".to_owned()));
    let again = submit_witnessed(&client, &dated("in time")).await;
    assert_eq!(again.index, taken.index);
    world.stop().await;
}

#[tokio::test]
async fn a_revoked_key_neither_submits_nor_puts_blobs() {
    let world = World::founded().await;
    let client = world.client();
    let center = statement_key(roster::CENTER);
    let revocation = statement::Revocation {
        audience: vec![roster::origin()],
        not_after: roster::FOR_EVER,
        blobs: Vec::new(),
        key: center.key(),
        suspect_from: Vec::new(),
        reason: "lost".to_owned(),
    };
    client.put_blob(b"before".to_vec(), &center).await.unwrap();
    submit_witnessed(&client, &envelope(revocation, roster::CENTER_GOVERNANCE)).await;
    let refusal = refused(&client, beat("after").to_bytes()).await;
    assert_eq!(refusal, (403, "entry.key_revoked".to_owned()));
    let refusal = client
        .put_blob(b"after".to_vec(), &center)
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Some("entry.key_revoked"));
    world.stop().await;
}

#[tokio::test]
async fn a_database_that_refuses_is_503_and_the_log_goes_on_afterwards() {
    let world = World::founded().await;
    let client = world.client();
    let other = store::Db::open(&world.log.dir.join("log.sqlite3"), &["", ""])
        .await
        .unwrap();
    let held = other.begin().await.unwrap();
    let refusal = refused(&client, beat("now").to_bytes()).await;
    assert_eq!(refusal, (503, "submit.unavailable".to_owned()));
    drop(held);
    other.close().await;
    assert_eq!(submit_at_once(&client, &beat("now")).await, 4);
    world.stop().await;
}

#[tokio::test]
async fn a_key_that_floods_the_log_is_told_when_to_come_back_and_holds_up_nobody_else() {
    let world = World::start_with(|config| {
        config.key_entries_burst = 2;
        config.key_entries_per_minute = 1;
    })
    .await;
    let client = world.client();
    found(&client).await;
    let first = beat("one");
    submit_witnessed(&client, &first).await;
    submit_witnessed(&client, &beat("two")).await;
    let three = beat("three").to_bytes();
    let Err(error) = post_at_once(&client, three).await else {
        panic!("a third entry was taken");
    };
    assert_eq!(
        (error.status(), error.code()),
        (Some(429), Some("submit.quota"))
    );
    assert!(error.is_transient(), "a submitter comes back by itself");
    let again = submit_at_once(&client, &first).await;
    assert_eq!(again, 4, "what stands already costs nothing");
    let other = envelope(heartbeat("another key"), roster::CENTER_GOVERNANCE);
    assert_eq!(submit_at_once(&client, &other).await, 6);
    world.stop().await;
}
