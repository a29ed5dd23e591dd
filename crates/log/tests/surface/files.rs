//! What a log publishes, as any web client asks for it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::roster::beat;
use crate::world::{World, submit_at_once, submit_witnessed};

async fn get(world: &World, path: &str, headers: &str) -> (String, Vec<u8>) {
    let address = world.log.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let body = answer.split_off(end);
    (String::from_utf8(answer).unwrap(), body)
}

fn tag(head: &str) -> &str {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix("etag: ")).unwrap()
}

#[tokio::test]
async fn a_reader_that_polls_pays_for_a_new_checkpoint_only() {
    let world = World::founded().await;
    let (head, old) = get(&world, "checkpoint", "").await;
    assert!(
        head.contains("cache-control: public, max-age=5\r\n"),
        "{head}"
    );
    assert!(
        head.contains("content-type: text/plain; charset=utf-8\r\n"),
        "{head}"
    );
    let have = format!("if-none-match: {}\r\n", tag(&head));
    let (head, body) = get(&world, "checkpoint", &have).await;
    assert!(
        head.starts_with("HTTP/1.1 304 ") && body.is_empty(),
        "{head}"
    );
    submit_witnessed(&world.client(), &beat("one")).await;
    let (head, new) = get(&world, "checkpoint", &have).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_ne!(old, new);
    world.stop().await;
}

#[tokio::test]
async fn tiles_are_kept_for_ever_and_parts_of_them_can_be_had() {
    let world = World::founded().await;
    let client = world.client();
    for n in 0..252 {
        submit_at_once(&client, &beat(format!("{n}"))).await;
    }
    submit_witnessed(&client, &beat("last")).await;
    let immutable = "cache-control: public, max-age=31536000, immutable\r\n";
    let (head, tile) = get(&world, "tile/0/000", "").await;
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.contains(immutable),
        "{head}"
    );
    assert_eq!(tile.len(), 256 * 32);
    let (head, part) = get(&world, "tile/0/000", "range: bytes=32-63\r\n").await;
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    assert!(
        head.contains("content-range: bytes 32-63/8192\r\n"),
        "{head}"
    );
    assert_eq!(part, tile[32..64]);
    let (head, _) = get(&world, "tile/0/000", "range: bytes=8192-\r\n").await;
    assert!(head.starts_with("HTTP/1.1 416 "), "{head}");

    let (head, plain) = get(&world, "tile/entries/000", "").await;
    assert!(
        head.contains(immutable) && head.contains("vary: accept-encoding\r\n"),
        "{head}"
    );
    let (head, zipped) = get(&world, "tile/entries/000", "accept-encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert!(
        zipped.len() < plain.len() / 2,
        "{} of {}",
        zipped.len(),
        plain.len()
    );
    world.stop().await;
}

#[tokio::test]
async fn a_blob_has_a_tag_and_parts() {
    let world = World::founded().await;
    let signer = crate::world::roster::statement_key(crate::world::roster::CENTER);
    let digest = world
        .client()
        .put_blob(b"hello".to_vec(), &signer)
        .await
        .unwrap();
    let path = format!("blob/{digest}");
    let (head, _) = get(&world, &path, "").await;
    let have = format!("if-none-match: {}\r\n", tag(&head));
    let (head, _) = get(&world, &path, &have).await;
    assert!(head.starts_with("HTTP/1.1 304 "), "{head}");
    let (head, part) = get(&world, &path, "range: bytes=1-2\r\n").await;
    assert!(head.starts_with("HTTP/1.1 206 ") && part == b"el", "{head}");
    world.stop().await;
}
