//! Clients that are slow, gone, or endless: they cost little, and others do not notice.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::roster::beat;
use crate::world::{World, found, submit_at_once, until};

async fn connect(world: &World, head: &str) -> TcpStream {
    let address = world.log.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_submission_that_stops_arriving_is_ended_and_nothing_of_it_is_taken() {
    let world = World::start_with(|config| config.server.stall_timeout_ms = 100).await;
    let client = world.client();
    found(&client).await;
    let entry = beat("cut").to_bytes();
    for path in ["submit", "submit-batch"] {
        let length = entry.len();
        let head = format!("POST /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        let mut stream = connect(&world, &head).await;
        stream.write_all(&entry[..length - 1]).await.unwrap();
        let answer = answer(stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
    }
    assert_eq!(submit_at_once(&client, &beat("whole")).await, 4);
    world.stop().await;
}

#[tokio::test]
async fn an_entry_without_end_is_refused_at_its_limit() {
    let world = World::founded().await;
    let announced = "POST /submit HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000000\r\n\r\n";
    let answer_to_head = answer(connect(&world, announced).await).await;
    assert!(
        answer_to_head.starts_with("HTTP/1.1 413 "),
        "{answer_to_head}"
    );
    let hidden = "POST /submit HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = connect(&world, hidden).await;
    let piece = format!("{:x}\r\n{}\r\n", 65_536, "a".repeat(65_536));
    stream.write_all(piece.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
    world.stop().await;
}

#[tokio::test]
async fn calls_that_never_arrive_use_up_their_own_room_and_nobody_elses() {
    let world = World::start_with(|config| config.server.stall_timeout_ms = 2_000).await;
    let client = world.client();
    found(&client).await;
    let head = "POST /submit-batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4194304\r\n\r\n";
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(connect(&world, head).await);
    }
    // One more of them is too much.
    let refused = until("a call to be refused", async || {
        let mut stream = connect(&world, head).await;
        let mut status = [0; 12];
        let read = tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut status));
        match read.await {
            Ok(Ok(_)) => Some((status, answer(stream).await)),
            _ => None,
        }
    })
    .await;
    assert_eq!(&refused.0, b"HTTP/1.1 503", "{}", refused.1);
    assert!(refused.1.contains("retry-after: "), "{}", refused.1);
    // Single entries have room of their own.
    assert_eq!(submit_at_once(&client, &beat("one")).await, 4);
    for stream in silent {
        let answer = answer(stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    let reply = client
        .submit_batch_without_waiting(&[beat("two")])
        .await
        .unwrap();
    assert_eq!(reply.answers, [Ok(5)]);
    world.stop().await;
}

#[tokio::test]
async fn half_open_connections_do_not_keep_submitters_out() {
    let world = World::start_with(|config| config.server.concurrent_max = 4).await;
    let client = world.client();
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(connect(&world, "POST /submit HTT").await);
    }
    found(&client).await;
    assert_eq!(submit_at_once(&client, &beat("one")).await, 4);
    drop(silent);
    world.stop().await;
}

#[tokio::test]
async fn those_who_wait_for_witnesses_do_not_keep_readers_out() {
    // Nothing is ever witnessed here, and four requests are worked on at once.
    let root = tempfile::tempdir().unwrap();
    let mut config = crate::world::log_config(&World::make_dir(&root, "log"), &[]);
    config.server.concurrent_max = 4;
    config.wait_ms = 600_000;
    let log = crate::world::start_log(config).await;
    let client = crate::world::client_at(&log.url);
    let mut waiting = tokio::task::JoinSet::new();
    for envelope in crate::world::founding() {
        let client = client.clone();
        waiting.spawn(async move { client.submit(&envelope).await });
    }
    // Two wait; the others are told at once that their entry is durable.
    for _ in 0..2 {
        let told = waiting.join_next().await.unwrap().unwrap();
        assert!(
            matches!(told, Ok(logclient::Submitted::Durable { .. })),
            "{told:?}"
        );
    }
    let url = format!("{}/archive/index", log.url);
    let index = crate::world::http().get(&url, 100).await.unwrap();
    assert!(index.is_empty());
    waiting.abort_all();
    drop(waiting);
    log.stop().await;
}
