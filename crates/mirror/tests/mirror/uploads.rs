//! Packages: proven one by one, kept as they come, in any number of pieces.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::world::{Daemon, Folder, TestLog, config, elsewhere, go_on, refused};

#[tokio::test]
async fn packages_before_a_broken_one_are_kept_and_nothing_after_it() {
    let log = TestLog::new(1_000, "a");
    let other = TestLog::new(1_000, "b");
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    talk.offer(&log, 0, 1_000).await;
    let head = log.head(0, 1_000);
    let spans: Vec<_> = head.packages().collect();
    let body = |forged: usize| {
        let mut body = head.to_bytes().unwrap();
        for (n, span) in spans.iter().enumerate() {
            let mut package = log.package(*span, 1_000);
            if n == forged {
                package.entries = other.package(*span, 1_000).entries;
            }
            body.extend(package.to_bytes().unwrap());
        }
        body
    };
    let answer = refused(talk.add_entries(body(0)).await);
    assert_eq!(answer.status, 422);
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(1_000, 1_000)).await),
        (1_000, 0)
    );
    assert_eq!(refused(talk.add_entries(body(2)).await).status, 422);
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(1_000, 1_000)).await),
        (1_000, 512)
    );
    assert_eq!(talk.get(&log, "tile/0/002").await, None);
    assert_eq!(talk.published(&log).await, 0);
    // A proof for another package, one too many, one of too few hashes.
    for change in 0..3 {
        let mut package = log.package(spans[2], 1_000);
        match change {
            0 => package.proof = log.package(spans[1], 1_000).proof,
            1 => package.proof.push(tlog::Hash::EMPTY_ROOT),
            _ => drop(package.proof.pop()),
        }
        let mut body = log.head(512, 1_000).to_bytes().unwrap();
        body.extend(package.to_bytes().unwrap());
        assert_eq!(refused(talk.add_entries(body).await).status, 422);
    }
    let reply = talk.add_entries(log.upload(512, 1_000)).await.unwrap();
    assert_eq!(reply.status, 200);
    talk.check_served(&log, 1_000).await;
}

#[tokio::test]
async fn a_body_that_ends_early_counts_as_far_as_its_packages_are_whole() {
    let log = TestLog::new(700, "a");
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    talk.offer(&log, 0, 700).await;
    let head = log.head(0, 700).to_bytes().unwrap().len();
    let (one, two) = (
        log.upload_of(0, 700, 1).len(),
        log.upload_of(0, 700, 2).len(),
    );
    let whole = log.upload(0, 700);
    for end in [0, 1, head - 1, head, head + 1, one - 1] {
        let answer = refused(talk.add_entries(&whole[..end]).await);
        assert_eq!(answer.status, 400, "{end} bytes");
    }
    for (end, held) in [
        (one, 256),
        (two - 1, 256),
        (two, 512),
        (whole.len() - 1, 512),
    ] {
        let reply = talk.add_entries(&whole[..end]).await.unwrap();
        assert_eq!(
            (reply.status, go_on(&reply.body)),
            (202, (700, held)),
            "{end} bytes"
        );
    }
    // What follows the last package means nothing.
    let longer = [&whole[..], b"and more"].concat();
    assert_eq!(talk.add_entries(longer).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_malformed_body_is_refused_after_what_came_before_it_was_kept() {
    let log = TestLog::new(700, "a");
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    talk.offer(&log, 0, 700).await;
    let mut head = log.upload(0, 700);
    head[0] = 0xff;
    assert_eq!(refused(talk.add_entries(head).await).status, 400);
    let backwards = [
        &[0, 1, b'x'][..],
        &[0, 0, 0, 0, 0, 0, 0, 9],
        &[0; 8],
        &[0; 2],
    ]
    .concat();
    assert_eq!(refused(talk.add_entries(backwards).await).status, 400);
    let mut package = log.upload_of(0, 700, 2);
    let hashes = log
        .package(log.head(256, 700).packages().next().unwrap(), 700)
        .proof
        .len();
    let at = package.len() - 32 * hashes - 1;
    package[at] = 64;
    assert_eq!(refused(talk.add_entries(package).await).status, 400);
    assert_eq!(
        elsewhere(talk.add_entries(log.upload(700, 700)).await),
        (700, 256)
    );
}

#[tokio::test]
async fn an_upload_may_be_gzip_and_nothing_else() {
    let log = TestLog::new(700, "a");
    let mirror = Daemon::start(&[&log]).await;
    mirror.talk.offer(&log, 0, 700).await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&log.upload(0, 700)).unwrap();
    let body = gzip.finish().unwrap();
    let kind = "application/octet-stream";
    let (status, head) = raw(&mirror, kind, "br", &body).await;
    assert_eq!(status, 415);
    assert!(head.contains("accept-encoding: gzip"), "{head}");
    assert_eq!(raw(&mirror, "text/plain", "gzip", &body).await.0, 415);
    assert_eq!(raw(&mirror, kind, "gzip", b"no gzip at all").await.0, 400);
    assert_eq!(
        raw(&mirror, kind, "gzip", &body[..body.len() / 2]).await.0,
        202
    );
    assert_eq!(raw(&mirror, kind, "gzip", &body).await.0, 200);
    mirror.talk.check_served(&log, 700).await;
}

/// One request with an encoding; its status and head.
async fn raw(mirror: &Daemon, kind: &str, encoding: &str, body: &[u8]) -> (u16, String) {
    let mut stream = connect(mirror).await;
    let head = request_head(kind, body.len());
    let head = head.replace(
        "\r\n\r\n",
        &format!("\r\ncontent-encoding: {encoding}\r\n\r\n"),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The mirror may answer before it read all of it.
    drop(stream.write_all(body).await);
    answer(stream).await
}

async fn connect(mirror: &Daemon) -> TcpStream {
    let address = mirror.talk.url.strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

fn request_head(kind: &str, length: usize) -> String {
    format!(
        "POST /add-entries HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-type: {kind}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

async fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes).await);
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.split("\r\n\r\n").next().unwrap().to_owned())
}

#[tokio::test]
async fn an_upload_that_stands_still_holds_up_nobody_and_keeps_what_arrived() {
    let log = TestLog::new(700, "a");
    let dir = tempfile::tempdir().unwrap();
    let mut patient = config(dir.path(), &[&log]);
    patient.server.request_timeout_ms = 4_000;
    let mirror = Daemon::start_with(dir, patient).await;
    let talk = &mirror.talk;
    talk.offer(&log, 0, 700).await;
    let body = log.upload(0, 700);
    let begun = log.upload_of(0, 700, 1).len() + 10;
    let mut slow = connect(&mirror).await;
    let head = request_head("application/octet-stream", body.len());
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&body[..begun]).await.unwrap();
    // Somebody else is done meanwhile.
    assert_eq!(talk.add_entries(body).await.unwrap().status, 200);
    let (status, head) = answer(slow).await;
    assert_eq!(status, 202, "{head}");
}

#[tokio::test]
async fn a_smaller_checkpoint_completed_after_a_larger_one_was_uploaded_is_served_whole() {
    let log = TestLog::new(1_000, "a");
    // One ends within a bundle that is full by then, one within the last bundle, one at its edge.
    for (small, large, packages) in [(300, 1_000, 2), (500, 700, 2), (512, 1_000, 3)] {
        let mirror = Daemon::start(&[&log]).await;
        let talk = &mirror.talk;
        talk.offer(&log, 0, small).await;
        talk.offer(&log, small, large).await;
        let reply = talk.add_entries(log.upload_of(0, large, packages)).await;
        assert!(go_on(&reply.unwrap().body).1 >= small);
        let reply = talk.add_entries(log.upload(small, small)).await.unwrap();
        assert_eq!(reply.status, 200);
        mirror.check_lines(&log.checkpoint(small), &reply.body);
        let folder = Folder::of(mirror.dir.path(), &log);
        let checkpoint = log.checkpoint(small);
        tlog::fsck(&folder, small, checkpoint.root(), |_, _| {}).unwrap();
        talk.check_served(&log, small).await;
        // And the larger one afterwards.
        let held = packages as u64 * 256;
        let reply = talk.add_entries(log.upload(held, large)).await.unwrap();
        assert_eq!(reply.status, 200);
        talk.check_served(&log, large).await;
    }
}

#[tokio::test]
async fn partial_files_of_what_became_full_are_forgotten() {
    let log = TestLog::new(700, "a");
    let mirror = Daemon::start(&[&log]).await;
    for held in (0..700).step_by(100) {
        mirror.talk.mirror(&log, held, held + 100).await;
    }
    let folder = Folder::of(mirror.dir.path(), &log);
    for gone in [
        "tile/0/000.p",
        "tile/0/001.p",
        "tile/entries/000.p",
        "tile/entries/001.p",
    ] {
        assert!(!folder.0.join(gone).exists(), "{gone}");
    }
    // 600 and 700: no full tile is there in their place yet.
    for kept in ["tile/0/002.p/88", "tile/entries/002.p/88", "tile/1/000.p/1"] {
        assert!(folder.0.join(kept).exists(), "{kept}");
    }
    mirror.talk.check_served(&log, 700).await;
    let dir = mirror.stop().await;
    let mirror = Daemon::start_in(dir, &[&log]).await;
    assert_eq!(mirror.talk.published(&log).await, 700);
}

const SIZE: u64 = 1_200;

/// Clients that know nothing of each other, in an order that is different each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_at_the_same_time_make_one_log() {
    let log = std::sync::Arc::new(TestLog::new(SIZE, "a"));
    let mirror = Daemon::start(&[&log]).await;
    let mut clients = JoinSet::new();
    for seed in 1..=3u64 {
        let (talk, log) = (mirror.talk.clone(), std::sync::Arc::clone(&log));
        clients.spawn(async move {
            let mut random = seed;
            let mut next = move |below: u64| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695);
                (random >> 33) % below
            };
            let (mut pending, mut seen) = (0, 0);
            while seen < SIZE {
                let size = (pending + next(300)).min(SIZE);
                match talk
                    .add_checkpoint(&log.add_checkpoint(pending, size))
                    .await
                {
                    Ok(_) => pending = size,
                    Err(error) => {
                        let body = error.refused().unwrap().body.clone();
                        pending = std::str::from_utf8(&body).unwrap().trim().parse().unwrap();
                    }
                }
                let (mut end, mut start) = (pending, pending);
                for _ in 0..4 {
                    let body = log.upload_of(start, end, 1 + next(4) as usize);
                    let answer = match talk.add_entries(body).await {
                        Ok(reply) if reply.status == 200 => {
                            seen = seen.max(end);
                            break;
                        }
                        Ok(reply) => reply.body,
                        Err(error) => error.refused().unwrap().body.clone(),
                    };
                    (end, start) = go_on(&answer);
                }
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    assert_eq!(mirror.talk.published(&log).await, SIZE);
    let folder = Folder::of(mirror.dir.path(), &log);
    let checkpoint = log.checkpoint(SIZE);
    tlog::fsck(&folder, SIZE, checkpoint.root(), |index, entry| {
        assert_eq!(entry, log.entries[index as usize]);
    })
    .unwrap();
}
