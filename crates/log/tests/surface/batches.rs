//! `POST /submit-batch`: all of a call is read, none of what is too much.

use std::time::Duration;

use logclient::LogClientError;
use tlog::bundle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::roster::{self, beat};
use crate::world::{World, http, submit_at_once, submit_witnessed, until};

async fn post(
    world: &World,
    path: &str,
    body: Vec<u8>,
) -> Result<serve::Reply, serve::ClientError> {
    let url = format!("{}/{path}", world.log.url);
    let kind = "application/octet-stream";
    http()
        .post(&url, kind, body, 1 << 20, Duration::from_secs(30))
        .await
}

/// The status and code of a call that is refused as a whole.
async fn refused(world: &World, body: Vec<u8>) -> (u16, String) {
    let error = post(world, "submit-batch?wait=0", body).await.unwrap_err();
    (
        error.status().unwrap(),
        error.code().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn each_entry_has_its_answer_in_the_order_of_the_call() {
    let world = World::founded().await;
    let client = world.client();
    let stranger = roster::envelope(roster::heartbeat("x"), roster::STRANGER);
    let call = [beat("a"), stranger, beat("b"), beat("a"), beat("c")];
    let reply = client.submit_batch(&call).await.unwrap();
    let indexes: Vec<Option<u64>> = reply
        .answers
        .iter()
        .map(|a| a.as_ref().ok().copied())
        .collect();
    assert_eq!(indexes, [Some(4), None, Some(5), Some(4), Some(6)]);
    let refusal = reply.answers[1].clone().unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code.as_str()),
        (403, "entry.key_unknown")
    );
    assert!(reply.witnessed >= 7, "it waited for witnesses");
    // They stand where the answer says, and a second call finds them there.
    let again = client.submit_batch_without_waiting(&call).await.unwrap();
    assert_eq!(again.answers[4], Ok(6));
    assert_eq!(submit_witnessed(&client, &beat("b")).await.index, 5);
    world.stop().await;
}

#[tokio::test]
async fn a_call_waits_for_witnesses_or_not_as_it_asks() {
    let world = World::founded().await;
    let body = |note: &str| bundle::encode(&[beat(note).to_bytes()]).unwrap();
    let waited = post(&world, "submit-batch", body("a")).await.unwrap();
    assert_eq!(waited.status, 200);
    let reply = post(&world, "submit-batch?wait=0", body("b"))
        .await
        .unwrap();
    assert!([200, 202].contains(&reply.status));
    assert_eq!(
        post(&world, "submit-batch?wait=2", body("c"))
            .await
            .unwrap_err()
            .status(),
        Some(400)
    );
    world.stop().await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_spoils_only_itself() {
    let world = World::founded().await;
    let good = beat("a").to_bytes();
    let body = bundle::encode(&[&good[..], b"{}", b"", &good[..good.len() - 1]]).unwrap();
    let reply = post(&world, "submit-batch", body).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(answer["answers"][0]["index"], 4);
    for at in 1..4 {
        assert_eq!(answer["answers"][at]["code"], "entry.malformed", "{at}");
        assert_eq!(answer["answers"][at]["status"], 400, "{at}");
    }
    world.stop().await;
}

#[tokio::test]
async fn of_a_call_that_is_malformed_or_too_much_nothing_is_taken() {
    let world = World::founded().await;
    let good = bundle::encode(&[beat("a").to_bytes()]).unwrap();
    let cut = good[..good.len() - 1].to_vec();
    let trailing = [&good[..], &[0]].concat();
    for body in [vec![0], cut, trailing] {
        assert_eq!(
            refused(&world, body).await,
            (400, "batch.malformed".to_owned())
        );
    }
    // 257 entries; then more bytes than a call may have.
    let mut many = good.clone();
    (0..256).for_each(|_| many.extend([0, 0]));
    assert_eq!(
        refused(&world, many).await,
        (400, "batch.malformed".to_owned())
    );
    let long = vec![0; (4 << 20) + 1];
    assert_eq!(
        refused(&world, long).await,
        (413, "batch.too_large".to_owned())
    );
    assert_eq!(submit_at_once(&world.client(), &beat("first")).await, 4);
    world.stop().await;
}

/// Sends the head of a call and nothing more; returns the answer.
async fn head_only(world: &World, framing: &str) -> String {
    let address = world.log.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("POST /submit-batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_call_is_refused_by_its_head_before_a_byte_of_it_is_sent() {
    let world = World::founded().await;
    for (framing, status, code) in [
        ("content-length: 4194305", "413", "batch.too_large"),
        ("content-length: 1000000000000000", "413", "batch.too_large"),
        ("transfer-encoding: chunked", "411", "batch.length"),
    ] {
        let answer = head_only(&world, framing).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{framing}: {answer}"
        );
        assert!(
            answer.contains(code) || answer.contains("body_too_large"),
            "{framing}: {answer}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn a_queue_that_is_full_takes_no_call_says_when_to_come_back_and_goes_on() {
    let world = World::start_with(|config| config.queue_max = 4).await;
    let client = world.client();
    crate::world::found(&client).await;
    // The sequencer cannot write, so what it was given stays in the queue.
    let other = store::Db::open(&world.log.dir.join("log.sqlite3"), &["", ""]).await;
    let Ok(other) = other else {
        panic!("the database has another number of migrations");
    };
    let held = other.begin().await.unwrap();
    let entries: Vec<_> = (0..4).map(|n| beat(format!("{n}"))).collect();
    let call = {
        let (client, entries) = (client.clone(), entries.clone());
        tokio::spawn(async move { client.submit_batch_without_waiting(&entries).await })
    };
    let url = format!("{}/metrics", world.log.url);
    until("the queue to be full", async || {
        let shown = http().get(&url, 1 << 20).await.unwrap();
        let shown = String::from_utf8(shown.to_vec()).unwrap();
        shown
            .contains("\nlimpid_log_queue_entries 4\n")
            .then_some(())
    })
    .await;
    let late = [beat("late")];
    let refusal = client.submit_batch(&late).await.unwrap_err();
    let LogClientError::Http { source, .. } = &refusal else {
        panic!("{refusal}");
    };
    assert_eq!(
        (source.status(), source.code()),
        (Some(503), Some("submit.busy"))
    );
    assert!(source.is_transient());
    drop(held);
    other.close().await;
    // Whatever became of those that waited: nothing is lost, and nothing is there twice.
    call.await.unwrap().ok();
    let reply = client.submit_batch(&entries).await.unwrap();
    let mut indexes: Vec<u64> = reply.answers.into_iter().map(Result::unwrap).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [4, 5, 6, 7]);
    world.stop().await;
}
