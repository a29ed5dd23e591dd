//! From a log's directory over sockets into a mirror, as `limpid mirror push` does it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use logclient::{LogClient, MirrorPush, MirrorPushError};
use serve::{Client, ClientConfig, ServerConfig, published_caching, static_dir};
use tempfile::TempDir;
use tlog::tree::{Edge, plan_bundle};
use tlog::{AddEntries, BundleId, MirrorInfo, Policy, VerifierKey, open_witnessed};
use tokio::task::JoinHandle;

use crate::world::{Daemon, Folder, TestLog};

/// A log's public directory, served.
struct Site {
    dir: TempDir,
    edge: Edge,
    url: String,
    server: JoinHandle<()>,
}

impl Site {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (url, server) = run(static_dir(dir.path(), published_caching)).await;
        Self {
            dir,
            edge: Edge::default(),
            url,
            server,
        }
    }

    /// Publishes the log at this size, as logs do.
    fn publish(&mut self, log: &TestLog, size: u64) {
        for id in BundleId::between(self.edge.size(), size) {
            let first = id.first_entry() as usize;
            let entries = &log.entries[first..first + usize::from(id.width())];
            for (path, bytes) in plan_bundle(&mut self.edge, id, entries).unwrap() {
                write(&self.dir.path().join(path), &bytes);
            }
        }
        for (path, bytes) in self.edge.partial_tiles() {
            write(&self.dir.path().join(path), &bytes);
        }
        write(&self.dir.path().join("checkpoint"), &log.signed(size));
    }

    fn push_to(&self, log: &TestLog, url: &str, keys: &[VerifierKey]) -> MirrorPush {
        let http = Client::new(&ClientConfig::default()).unwrap();
        let source = LogClient::new(http.clone(), &self.url, log.origin.parse().unwrap());
        let log_keys = vec![log.vkey().parse().unwrap()];
        MirrorPush::new(source, log_keys, http, url, keys.to_vec())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

async fn run(router: Router) -> (String, JoinHandle<()>) {
    let config = ServerConfig {
        body_bytes_max: 1 << 30,
        ..ServerConfig::default()
    };
    let listener = serve::bind(config.listen).await.unwrap();
    let url = serve::bound_url(&listener).unwrap();
    let server = tokio::spawn(async move {
        let never = std::future::pending();
        serve::run(listener, router, &config, never).await.unwrap();
    });
    (url, server)
}

/// Every file of the log's directory is in the mirror's, byte for byte, but for the checkpoint and
/// partial files of what is full there.
fn assert_same_files(log: &Path, mirror: &Path) -> usize {
    let mut files = 0;
    let mut left = vec![log.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(log).unwrap();
            let full = name.to_str().unwrap().split(".p").next().unwrap();
            if path.is_dir() {
                let is_outgrown = full.len() < name.as_os_str().len() && mirror.join(full).exists();
                left.extend((!is_outgrown).then_some(path));
            } else if name != Path::new("checkpoint") {
                let there = std::fs::read(mirror.join(name)).unwrap();
                assert_eq!(there, std::fs::read(&path).unwrap(), "{}", name.display());
                files += 1;
            }
        }
    }
    files
}

#[tokio::test]
async fn a_log_is_brought_to_a_mirror_and_only_what_is_new_is_sent() {
    let log = TestLog::new(9_000, "a");
    let mut site = Site::start().await;
    let mirror = Daemon::start(&[&log]).await;
    let mut push = site.push_to(&log, &mirror.talk.url, &mirror.vkeys);
    // Two requests: more than 32 packages.
    site.publish(&log, 8_300);
    let first = push.push().await.unwrap();
    assert_eq!(first.entries_sent, 8_300);
    assert_eq!(*first.checkpoint, log.checkpoint(8_300));
    let folder = Folder::of(mirror.dir.path(), &log);
    assert!(assert_same_files(site.dir.path(), &folder.0) > 60);

    let again = push.push().await.unwrap();
    assert_eq!(again.entries_sent, 0, "it is cosigned afresh");
    site.publish(&log, 8_301);
    assert_eq!(push.push().await.unwrap().entries_sent, 1);
    site.publish(&log, 9_000);
    let last = push.push().await.unwrap();
    assert_eq!(last.entries_sent, 699);
    assert_same_files(site.dir.path(), &folder.0);

    // Somebody who knows nothing of what was before.
    let mut stranger = site.push_to(&log, &mirror.talk.url, &mirror.vkeys[1..]);
    let seen = stranger.push().await.unwrap();
    assert_eq!((seen.entries_sent, seen.cosignatures.len()), (0, 1));

    // What the pusher keeps passes a policy that asks for both keys of the mirror.
    let [ed, pq] = &mirror.vkeys;
    let text = format!(
        "log {}\nwitness ed {ed}\nwitness pq {pq}\ngroup m1 all ed pq\nquorum m1\n",
        log.vkey()
    );
    let policy = Policy::parse(&text).unwrap();
    for note in [first.note().unwrap(), last.note().unwrap()] {
        open_witnessed(note.to_string().as_bytes(), &policy).unwrap();
    }
    let served = mirror.talk.get(&log, "checkpoint").await.unwrap();
    assert_eq!(
        *open_witnessed(&served, &policy).unwrap(),
        log.checkpoint(9_000)
    );
}

#[tokio::test]
async fn an_upload_that_others_began_is_gone_on_with() {
    let log = TestLog::new(2_000, "a");
    let mut site = Site::start().await;
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    talk.offer(&log, 0, 1_000).await;
    talk.add_entries(log.upload_of(0, 1_000, 2)).await.unwrap();
    site.publish(&log, 2_000);
    let mut push = site.push_to(&log, &talk.url, &mirror.vkeys);
    assert_eq!(push.push().await.unwrap().entries_sent, 1_488);
    talk.check_served(&log, 2_000).await;
}

#[tokio::test]
async fn a_log_that_shows_less_than_the_mirror_saw_or_other_keys_are_said_so() {
    let log = TestLog::new(700, "a");
    let mut site = Site::start().await;
    site.publish(&log, 300);
    let mirror = Daemon::start(&[&log]).await;
    let talk = &mirror.talk;
    let other = TestLog::new(1, "b");
    let unknown: VerifierKey = other.vkey().parse().unwrap();
    let mut push = site.push_to(&log, &talk.url, &[unknown]);
    let refused = push.push().await.unwrap_err();
    assert!(matches!(refused, MirrorPushError::NotCosigned), "{refused}");
    talk.offer(&log, 300, 700).await;
    let mut push = site.push_to(&log, &talk.url, &mirror.vkeys);
    let refused = push.push().await.unwrap_err();
    assert!(
        matches!(
            refused,
            MirrorPushError::MirrorAhead {
                mirror: 700,
                log: 300
            }
        ),
        "{refused}"
    );
    assert!(refused.is_transient(), "a log may lag behind");
}

/// A mirror that answers by a script and remembers the heads of uploads.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<(u16, MirrorInfo)>>>,
    heads: Arc<Mutex<Vec<AddEntries>>>,
}

async fn scripted(State(mirror): State<Scripted>, body: Body) -> Response {
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    let mut unpacked = flate2::write::GzDecoder::new(Vec::new());
    std::io::Write::write_all(&mut unpacked, &bytes).unwrap();
    let bytes = unpacked.finish().unwrap();
    let (head, _) = AddEntries::parse_prefix(&bytes).unwrap().unwrap();
    mirror.heads.lock().unwrap().push(head);
    let mut answers = mirror.answers.lock().unwrap();
    // The last answer is given for ever.
    let (status, info) = if answers.len() > 1 {
        answers.pop_front().unwrap()
    } else {
        answers[0].clone()
    };
    let kind = [(header::CONTENT_TYPE, tlog::MIRROR_INFO_CONTENT_TYPE)];
    (StatusCode::from_u16(status).unwrap(), kind, info.to_bytes()).into_response()
}

async fn with_script(
    answers: &[(u16, u64, u64, &str)],
) -> (MirrorPushError, Vec<(u64, u64, String)>) {
    let log = TestLog::new(700, "a");
    let mut site = Site::start().await;
    site.publish(&log, 300);
    site.publish(&log, 700);
    let mirror = Scripted::default();
    let infos = answers
        .iter()
        .map(|(status, tree_size, next_entry, ticket)| {
            let info = MirrorInfo {
                tree_size: *tree_size,
                next_entry: *next_entry,
                ticket: ticket.as_bytes().to_vec(),
            };
            (*status, info)
        });
    *mirror.answers.lock().unwrap() = infos.collect();
    let router = Router::new()
        .route("/add-checkpoint", post(async || ""))
        .route("/add-entries", post(scripted))
        .with_state(mirror.clone());
    let (url, server) = run(router).await;
    let error = site.push_to(&log, &url, &[]).push().await.unwrap_err();
    server.abort();
    let heads = mirror.heads.lock().unwrap();
    let heads = heads.iter().map(|head| {
        let ticket = String::from_utf8(head.ticket.clone()).unwrap();
        (head.start, head.end, ticket)
    });
    (error, heads.collect())
}

#[tokio::test]
async fn a_ticket_is_brought_back_and_an_older_checkpoint_is_completed_first() {
    let script = [
        (409, 300, 0, "one"),
        (202, 300, 256, "two"),
        (202, 700, 300, "three"),
        (409, 900, 300, "four"),
    ];
    let (error, heads) = with_script(&script).await;
    let expected = [
        (700, 700, ""),
        (0, 300, "one"),
        (256, 300, "two"),
        (300, 700, "three"),
    ];
    let expected = expected.map(|(start, end, ticket)| (start, end, ticket.to_owned()));
    assert_eq!(heads, expected);
    assert!(
        matches!(error, MirrorPushError::MirrorAhead { mirror: 900, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_mirror_that_never_comes_further_is_given_up() {
    let (error, heads) = with_script(&[(409, 700, 256, "x")]).await;
    assert!(
        matches!(error, MirrorPushError::Stuck { next: 256 }),
        "{error}"
    );
    assert!(heads.len() <= 6, "{heads:?}");
    let (error, _) = with_script(&[(202, 300, 400, "x")]).await;
    assert!(
        matches!(error, MirrorPushError::MirrorAhead { mirror: 400, .. }),
        "{error}"
    );
}
