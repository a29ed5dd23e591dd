//! A witness over sockets that answers as real ones do, and worse. Behind it stands an honest one.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segment, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use log::{Config, WitnessUrl};
use logclient::LogClient;
use statement::{Constitution, Envelope, Role};
use tempfile::TempDir;
use tlog::{AddCheckpoint, KeyType, SignatureLine, cosignatures_to_bytes};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use witness::{Refusal, Witness};

use crate::world::roster::{self, GOVERNANCE};
use crate::world::{self, Log, PATIENCE};

/// How a peer answers `add-checkpoint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As the specification says.
    Honest,
    /// With one cosignature only.
    OneLine,
    /// With lines between the cosignatures that are none, and one by a key nobody knows.
    Chatty,
    /// A 409 is a bare number: no content type, no newline.
    BareConflict,
    /// Always 409 with the size that was offered: the tag v1.0.0 for the same size and another root.
    SameSizeConflict,
    /// Always this status, without a word.
    Always(u16),
    /// Not at all, and it does not say what it remembers.
    Silent,
    /// Honest, for those who send at most 16 KiB.
    Small,
}

/// What a peer was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: Instant,
    pub bytes: usize,
    pub signatures: usize,
    pub old_size: u64,
}

pub struct Behind {
    witness: Witness,
    pub mood: Mutex<Mood>,
    pub sent: Mutex<Vec<Sent>>,
    /// Requests are judged in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    /// If answers are held: those that wait, oldest first.
    held: Mutex<Option<Vec<oneshot::Sender<()>>>>,
    /// Whether the next request is judged only after another one was refused.
    delays: AtomicBool,
    /// How many requests were refused with a size.
    conflicts: watch::Sender<usize>,
    under_way: AtomicUsize,
    /// The most requests that were under way at once.
    pub most: AtomicUsize,
}

/// Counts a request while it is under way.
struct Counted<'a>(&'a Behind);

impl<'a> Counted<'a> {
    fn begin(behind: &'a Behind) -> Self {
        let now = behind.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        behind.most.fetch_max(now, Ordering::SeqCst);
        Self(behind)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A running peer.
pub struct Peer {
    pub behind: Arc<Behind>,
    pub url: String,
}

impl Peer {
    pub fn set(&self, mood: Mood) {
        *self.behind.mood.lock().unwrap() = mood;
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.behind.sent.lock().unwrap().clone()
    }

    /// From here on requests are judged, and their answers kept back.
    pub fn hold_answers(&self) {
        *self.behind.held.lock().unwrap() = Some(Vec::new());
    }

    /// Gives the oldest answers that are kept back.
    pub fn release(&self, count: usize) {
        let mut held = self.behind.held.lock().unwrap();
        for waiting in held.as_mut().unwrap().drain(..count) {
            waiting.send(()).unwrap();
        }
    }

    /// Gives the newest answer that is kept back.
    pub fn release_newest(&self) {
        let newest = self.behind.held.lock().unwrap().as_mut().unwrap().pop();
        newest.unwrap().send(()).unwrap();
    }

    /// Keeps back nothing any more.
    pub fn answer_freely(&self) {
        *self.behind.held.lock().unwrap() = None;
    }

    /// The next request is judged after another one was refused with a size.
    pub fn delay_one(&self) {
        self.behind.delays.store(true, Ordering::SeqCst);
    }
}

async fn add_checkpoint(State(behind): State<Arc<Behind>>, body: Bytes) -> Response {
    let _counted = Counted::begin(&behind);
    let delays = behind.delays.swap(false, Ordering::SeqCst);
    let conflicts = *behind.conflicts.borrow();
    let turn = match delays {
        true => None,
        false => Some(behind.turn.lock().await),
    };
    let held = behind.held.lock().unwrap().as_mut().map(|held| {
        let (release, released) = oneshot::channel();
        held.push(release);
        released
    });
    let request = AddCheckpoint::parse(&body).unwrap();
    let note = String::from_utf8(request.checkpoint.clone()).unwrap();
    behind.sent.lock().unwrap().push(Sent {
        at: Instant::now(),
        bytes: body.len(),
        signatures: note.matches('\u{2014}').count(),
        old_size: request.old_size,
    });
    let mood = *behind.mood.lock().unwrap();
    match mood {
        Mood::Silent => {
            drop(turn);
            return std::future::pending().await;
        }
        Mood::Always(status) => return StatusCode::from_u16(status).unwrap().into_response(),
        Mood::SameSizeConflict => {
            return (StatusCode::CONFLICT, format!("{}\n", request.old_size)).into_response();
        }
        Mood::Small if body.len() > 16 << 10 => {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        _ => {}
    }
    if delays {
        let mut told = behind.conflicts.subscribe();
        told.wait_for(|told| *told > conflicts).await.unwrap();
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let judged = behind.witness.add_checkpoint(&body, now).await;
    drop(turn);
    if let Some(released) = held {
        // Nobody holds it any more if the sender is gone.
        released.await.ok();
    }
    if matches!(judged, Err(Refusal::Conflict { .. })) {
        behind.conflicts.send_modify(|told| *told += 1);
    }
    answer(judged, mood)
}

fn answer(judged: Result<Vec<SignatureLine>, Refusal>, mood: Mood) -> Response {
    match judged {
        Ok(lines) => {
            let both = String::from_utf8(cosignatures_to_bytes(&lines)).unwrap();
            let one = format!("{}\n", lines[0]);
            match mood {
                Mood::OneLine => one,
                Mood::Chatty => {
                    format!("\nthank you\n{both}\u{2014} other.example AAAAAAECAw==\n\n")
                }
                _ => both,
            }
            .into_response()
        }
        Err(Refusal::Conflict { latest, .. }) if mood == Mood::BareConflict => {
            let mut response = (StatusCode::CONFLICT, latest.to_string()).into_response();
            response.headers_mut().remove(header::CONTENT_TYPE);
            response
        }
        Err(Refusal::Conflict { latest, .. }) => {
            let kind = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            (StatusCode::CONFLICT, kind, format!("{latest}\n")).into_response()
        }
        Err(refusal) => panic!("the log offered what an honest witness refuses: {refusal}"),
    }
}

async fn checkpoint(
    State(behind): State<Arc<Behind>>,
    Segment(origin): Segment<String>,
) -> Response {
    if *behind.mood.lock().unwrap() == Mood::Silent {
        std::future::pending::<()>().await;
    }
    match behind.witness.latest_note(&origin).await.unwrap() {
        Some(note) => note.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

const SEEDS: [[u8; 2]; 3] = [[60, 61], [62, 63], [64, 65]];
const NAMES: [&str; 3] = ["w1.example", "w2.example", "w3.example"];

pub async fn start(n: usize, dir: &Path, mood: Mood) -> Peer {
    let [ed25519_key, ml_dsa_key] = world::key_files(dir, SEEDS[n]);
    let config = witness::Config {
        name: NAMES[n].to_owned(),
        ed25519_key,
        ml_dsa_key,
        ..world::witness_config(0, &dir.join("honest"))
    };
    let behind = Arc::new(Behind {
        witness: Witness::open(&config).await.unwrap(),
        mood: Mutex::new(mood),
        sent: Mutex::default(),
        turn: tokio::sync::Mutex::default(),
        held: Mutex::default(),
        delays: AtomicBool::default(),
        conflicts: watch::Sender::default(),
        under_way: AtomicUsize::default(),
        most: AtomicUsize::default(),
    });
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .with_state(Arc::clone(&behind));
    // Not our own shell: it gives every refusal a body, and these have what real ones have.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Peer { behind, url }
}

/// A log with peers, `k` of which must cosign, each with either of its keys.
pub struct House {
    pub root: TempDir,
    pub peers: Vec<Peer>,
    pub log: Log,
    pub config: Config,
    constitution: Constitution,
}

fn constitution(peers: usize, k: usize) -> Constitution {
    let [ed25519, ml_dsa] = roster::log_vkeys();
    let mut policy = format!("log {ed25519}\nlog {ml_dsa}\n");
    for n in 0..peers {
        let a = roster::vkey(NAMES[n], KeyType::CosignatureEd25519, SEEDS[n][0]);
        let b = roster::vkey(NAMES[n], KeyType::CosignatureMlDsa44, SEEDS[n][1]);
        policy += &format!("witness w{n}e {a}\nwitness w{n}m {b}\ngroup w{n} any w{n}e w{n}m\n");
    }
    let names: Vec<String> = (0..peers).map(|n| format!("w{n}")).collect();
    policy += &format!("group enough {k} {}\nquorum enough\n", names.join(" "));
    let mut constitution = roster::constitution();
    let third = roster::pair(Role::Witness, SEEDS[2]);
    constitution.parties[1].keys.extend(third);
    constitution.tlog_policy = policy;
    constitution
}

impl House {
    /// One peer for each mood; nothing is logged.
    pub async fn start(moods: &[Mood], k: usize, change: impl FnOnce(&mut Config)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut peers = Vec::new();
        for (n, mood) in moods.iter().enumerate() {
            let dir = world::World::make_dir(&root, &format!("peer{n}"));
            std::fs::create_dir(dir.join("honest")).unwrap();
            peers.push(start(n, &dir, *mood).await);
        }
        let constitution = constitution(moods.len(), k);
        let dir = world::World::make_dir(&root, "log");
        let mut config = world::log_config(&dir, &[]);
        config.witnesses = peers
            .iter()
            .map(|peer| WitnessUrl::new(&peer.url))
            .collect();
        config.anchor = roster::envelope(constitution.clone(), GOVERNANCE[0]).digest();
        change(&mut config);
        let log = world::start_log(config.clone()).await;
        Self {
            root,
            peers,
            log,
            config,
            constitution,
        }
    }

    /// The same with a constitution.
    pub async fn founded(moods: &[Mood], k: usize, change: impl FnOnce(&mut Config)) -> Self {
        let house = Self::start(moods, k, change).await;
        house.submit_founding().await;
        house.witnessed(house.founding().last().unwrap()).await;
        house
    }

    pub fn client(&self) -> LogClient {
        world::client_at(&self.log.url)
    }

    pub fn founding(&self) -> Vec<Envelope> {
        let sign = |seed: &u8| roster::envelope(self.constitution.clone(), *seed);
        GOVERNANCE.iter().map(sign).collect()
    }

    pub async fn submit_founding(&self) {
        for (index, envelope) in self.founding().iter().enumerate() {
            let at = world::submit_at_once(&self.client(), envelope).await;
            assert_eq!(at, index as u64);
        }
    }

    /// Submits until there is a proof, and opens it.
    pub async fn witnessed(&self, envelope: &Envelope) -> u64 {
        let client = self.client();
        let proof = client
            .submit_until_witnessed(envelope, PATIENCE)
            .await
            .unwrap();
        proof.open(&envelope.to_bytes(), &self.policy()).unwrap();
        proof.index
    }

    /// Under which its proofs open.
    pub fn policy(&self) -> tlog::Policy {
        tlog::Policy::parse(&self.constitution.tlog_policy).unwrap()
    }

    /// Stops the log and starts it again in its directory.
    pub async fn restart(self) -> Self {
        self.log.stop().await;
        let log = world::start_log(self.config.clone()).await;
        Self { log, ..self }
    }

    /// What `/metrics` says of a name with its labels; `None` if it is not there.
    pub async fn number(&self, name: &str) -> Option<i64> {
        let url = format!("{}/metrics", self.log.url);
        let shown = world::http().get(&url, 1 << 20).await.unwrap();
        let shown = String::from_utf8(shown.to_vec()).unwrap();
        let mut lines = shown.lines().filter_map(|line| line.rsplit_once(' '));
        let found = lines.find(|(key, _)| *key == name);
        found.map(|(_, value)| value.parse().unwrap())
    }
}
