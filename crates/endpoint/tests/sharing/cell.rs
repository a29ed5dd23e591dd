//! A cell in memory behind a real HTTP server, by the page `spec/intake.md` and nothing of the product.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};
use keys::OpeningKey;
use seal::{EpochKey, EpochKeys, Front, Opened, disclosure_message, erasure_message};
use serde_json::{Value, json};
use statement::{
    BatchTree, CountryCode, Epoch, EpochPurpose, Erasure, ErasureCause, FileDigest, Outcome,
    OutcomeCounts, Predicate, ReceiptRecord, Receipts, SealDigest, StatementDigest, Subject,
    VerdictRecord, Verdicts,
};
use token::{Challenge, Token, TokenKey};

use super::{
    intake::{begin, complete, piece, progress, whole},
    rules::{Released, SIGNERS, release_rules},
};
use crate::world::{
    NOW, World,
    roster::{self, Key},
};

pub const NOT_AFTER: u64 = NOW + 30 * 86_400;
const PIECE_BYTES: usize = 64;

/// The one thing about this cell that is not honest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// The receipt names another sealed sample.
    OtherSeal,
    /// The batch has another root.
    OtherRoot,
    /// One witness saw it, not both.
    Unwitnessed,
    /// The erasure answers a demand that nobody made.
    OtherDemand,
}

/// A sample as the cell has it.
pub struct Sample {
    pub front: Front,
    pub ciphertext: Vec<u8>,
    pub completed: bool,
    pub erased: Option<Value>,
    pub again: Vec<Value>,
    pub receipt: Option<(StatementDigest, u64, String)>,
    pub verdict: Option<(StatementDigest, u64, String)>,
}

/// Everything behind one address.
pub struct Inner {
    pub world: Arc<Mutex<World>>,
    pub home: CountryCode,
    pub samples: BTreeMap<String, Sample>,
    pub bundle: Vec<u8>,
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub lie: Lie,
    /// Every body that came, to look for what must not be in it.
    pub heard: Vec<u8>,
    pub requests: usize,
    /// Every sample is treated as one that was begun in pieces, however small it is.
    pub in_pieces: bool,
    /// The cell keeps this many bytes of each piece.
    pub piece_bytes: usize,
    /// Refuse everything by this code.
    pub refuse: Option<&'static str>,
    pub openers: [OpeningKey; 3],
    pub epochs: Vec<(StatementDigest, Epoch)>,
    pub epoch_entries: Vec<u64>,
    /// Whose tokens it asks for.
    pub admits: Option<Admits>,
    /// The releases that machines here judged by, and where their signatures stand; the last one is in use.
    pub rules: Vec<Released>,
    seq: u64,
}

/// A key of an issuer, and what was shown.
pub struct Admits {
    pub key: TokenKey,
    pub challenge: Challenge,
    /// Samples by the token that they came with.
    pub spent: BTreeMap<String, String>,
    /// Say that every token was spent with another sample.
    pub refuses: bool,
}

impl Admits {
    /// The code of a refusal, if this is no token for a new sample.
    pub fn refusal(&mut self, headers: &HeaderMap, sample: &str) -> Option<(u16, &'static str)> {
        let Some(shown) = headers.get("authorization") else {
            return Some((401, "intake.token_missing"));
        };
        let token = Token::from_header(shown.to_str().unwrap()).unwrap();
        let Ok(admitted) = token.admit(&self.key, &self.challenge) else {
            return Some((401, "intake.token"));
        };
        let name = admitted.name().to_hex();
        let by = self.spent.entry(name).or_insert_with(|| sample.to_owned());
        (self.refuses || by != sample).then_some((409, "intake.token_spent"))
    }
}

#[derive(Clone)]
pub struct Cell(pub Arc<Mutex<Inner>>);

impl Cell {
    pub fn new(world: &Arc<Mutex<World>>, home: &str) -> Self {
        let seed = home.as_bytes()[0];
        Self(Arc::new(Mutex::new(Inner {
            world: world.clone(),
            home: home.parse().unwrap(),
            samples: BTreeMap::new(),
            bundle: Vec::new(),
            blobs: BTreeMap::new(),
            lie: Lie::None,
            heard: Vec::new(),
            requests: 0,
            in_pieces: false,
            piece_bytes: PIECE_BYTES,
            refuse: None,
            openers: [1, 2, 3].map(|n| OpeningKey::from_seed(&[seed ^ n; 32])),
            epochs: Vec::new(),
            epoch_entries: Vec::new(),
            admits: None,
            rules: vec![release_rules(world, &format!("rules-{home}"), &SIGNERS)],
            seq: 0,
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Serves until the test ends.
    pub async fn serve(&self) -> String {
        let router = Router::new()
            .route("/where/bundle", get(bundle))
            .route("/blob/{digest}", get(blob))
            .route("/samples", post(whole))
            .route("/uploads", post(begin))
            .route("/uploads/{sample}", patch(piece).get(progress))
            .route("/uploads/{sample}/complete", post(complete))
            .route("/samples/{sample}/disclosure", post(disclose))
            .route("/samples/{sample}/erase", post(erase))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }
}

pub fn problem(status: u16, code: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [("content-type", "application/problem+json")];
    let mut body = json!({"type": "about:blank", "title": code, "status": status.as_u16(), "detail": "", "code": code});
    if code == "intake.sampled" {
        body["field"] = json!("one_in");
        body["value"] = json!("8");
    }
    (status, headers, body.to_string()).into_response()
}

async fn bundle(State(cell): State<Cell>) -> Response {
    cell.lock().bundle.clone().into_response()
}

async fn blob(State(cell): State<Cell>, Path(digest): Path<String>) -> Response {
    let found = cell.lock().blobs.get(&digest).cloned();
    found.map_or_else(|| problem(404, "blob.unknown"), IntoResponse::into_response)
}

async fn disclose(State(cell): State<Cell>, Path(id): Path<String>, body: Bytes) -> Response {
    let mut inner = cell.lock();
    inner.hear(&body);
    let Some(sample) = inner
        .samples
        .get(&id)
        .filter(|sample| sample.completed || sample.erased.is_some())
    else {
        return problem(404, "sample.unknown");
    };
    let seal = sample.seal();
    if sample.erased.is_none()
        && !sample.signed(&disclosure_message(&id.parse().unwrap(), &seal), &body)
    {
        return problem(403, "sample.signature");
    }
    let told = |proven: &Option<(StatementDigest, u64, String)>| {
        proven
            .as_ref()
            .map(|(_, index, proven)| inner.logged(*index, Some(proven)))
    };
    let state = if sample.erased.is_some() {
        "erased"
    } else {
        "analysed"
    };
    let mut answer = json!({
        "sample": id, "seal": seal.to_string(), "home": inner.home.to_string(), "state": state,
        "received": NOW + 5, "receipt": told(&sample.receipt), "verdict": told(&sample.verdict),
        "anomaly": null, "erasure": sample.erased,
        "touched": [{"attempt": 1, "worker": digest("worker"), "rules": inner.rules[0].0,
            "scoring": inner.rules[0].0, "started": NOW + 6, "ended": NOW + 7, "end": "reported"}],
        "tools": inner.shown_rules(),
    });
    if !sample.again.is_empty() {
        answer["again"] = sample.again.clone().into();
    }
    Json(answer).into_response()
}

async fn erase(State(cell): State<Cell>, Path(id): Path<String>, body: Bytes) -> Response {
    let mut inner = cell.lock();
    inner.hear(&body);
    let Some(sample) = inner.samples.get(&id).filter(|sample| sample.completed) else {
        return problem(404, "sample.unknown");
    };
    let message = erasure_message(&id.parse().unwrap(), &sample.seal());
    if !sample.signed(&message, &body) {
        return problem(403, "sample.signature");
    }
    if sample.erased.is_none() {
        let mut demand = FileDigest::of(&[message.as_slice(), body.as_ref()].concat());
        if inner.lie == Lie::OtherDemand {
            demand = FileDigest::of(b"nobody's");
        }
        inner.take_out(&id, demand);
    }
    Json(json!({"state": "erased"})).into_response()
}

fn digest(text: &str) -> String {
    StatementDigest::of(text.as_bytes()).to_string()
}

impl Sample {
    pub fn seal(&self) -> SealDigest {
        self.front
            .header()
            .seal_digest(&tlog::sha256(&self.ciphertext))
    }

    fn signed(&self, message: &[u8], body: &[u8]) -> bool {
        let signature: Result<[u8; 64], _> = body.try_into();
        let key = self.front.header().address().upload_key;
        signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}

impl Inner {
    pub fn hear(&mut self, body: &[u8]) {
        self.requests += 1;
        self.heard.extend_from_slice(body);
    }

    /// What machines here see: the file itself.
    pub fn open(&self, id: &str) -> Vec<u8> {
        let sample = &self.samples[id];
        let key = |purpose: EpochPurpose| {
            let mut epochs = self.epochs.iter();
            let (digest, epoch) = epochs.find(|(_, epoch)| epoch.purpose == purpose).unwrap();
            EpochKey::read(*digest, epoch).unwrap()
        };
        let keys = EpochKeys::new(
            key(EpochPurpose::Analysis),
            key(EpochPurpose::Center),
            key(EpochPurpose::Supervisor),
        )
        .unwrap();
        let opened = Opened::with_analysis_key(&sample.front, &keys, &self.openers[0]).unwrap();
        let content = opened.check_rest_wraps().unwrap();
        let header = sample.front.header();
        let opener = seal::ContentOpener::new(header, &content);
        opener
            .open_all(&sample.ciphertext, &sample.seal())
            .unwrap()
            .to_vec()
    }

    pub fn say(&mut self, predicate: impl Into<Predicate>) -> (u64, StatementDigest) {
        let about = Subject::new("batch", FileDigest::of(b"batch"));
        let mut world = self.world.lock().unwrap();
        world.say(&Key::of("vendor/center"), predicate.into(), about)
    }

    fn receipt(&self, id: &str, salt: u8) -> ReceiptRecord {
        let sample = &self.samples[id];
        ReceiptRecord {
            sample: id.parse().unwrap(),
            seal: match self.lie {
                Lie::OtherSeal => SealDigest::of(b"another sample"),
                _ => sample.seal(),
            },
            wraps: FileDigest::new(sample.front.wraps().digest()),
            home: self.home.clone(),
            received: NOW + 5,
            salt: FileDigest::of(&[salt]),
        }
    }

    pub fn verdict(&self, id: &str, salt: u8) -> VerdictRecord {
        VerdictRecord {
            sample: id.parse().unwrap(),
            seal: self.samples[id].seal(),
            home: self.home.clone(),
            outcome: Outcome::Malicious,
            score: 90,
            worker: StatementDigest::of(b"worker"),
            rules: self.rules_in_use(),
            scoring: self.rules_in_use(),
            finished: NOW + 7,
            reasons: vec!["yara:Lure".parse().unwrap()],
            salt: FileDigest::of(&[salt]),
        }
    }

    /// A batch of three for receipts, another one for verdicts.
    pub fn take_in(&mut self, id: &str) {
        self.seq += 1;
        let receipts = [0, 1, 2].map(|salt| self.receipt(id, salt));
        let verdicts = [0, 1, 2].map(|salt| self.verdict(id, salt));
        let (one, two) = (
            BatchTree::new(&receipts).unwrap(),
            BatchTree::new(&verdicts).unwrap(),
        );
        let root = match self.lie {
            Lie::OtherRoot => FileDigest::of(b"another batch"),
            _ => one.root(),
        };
        let (home, seq) = (self.home.clone(), self.seq);
        let (at, digest) = self.say(Receipts {
            audience: vec![roster::origin()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            home: home.clone(),
            seq,
            count: 3,
            root,
        });
        let proven = one
            .prove(digest, 1, &receipts[1])
            .unwrap()
            .to_bytes()
            .unwrap();
        let receipt = (digest, at, String::from_utf8(proven).unwrap());
        let (at, digest) = self.say(Verdicts {
            audience: vec![roster::origin()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            home,
            seq,
            count: 3,
            outcomes: OutcomeCounts {
                malicious: 3,
                ..OutcomeCounts::default()
            },
            root: two.root(),
        });
        let proven = two
            .prove(digest, 1, &verdicts[1])
            .unwrap()
            .to_bytes()
            .unwrap();
        let verdict = (digest, at, String::from_utf8(proven).unwrap());
        let sample = self.samples.get_mut(id).unwrap();
        (sample.receipt, sample.verdict) = (Some(receipt), Some(verdict));
    }

    fn take_out(&mut self, id: &str, demand: FileDigest) {
        let seal = self.samples[id].seal();
        let home = self.home.clone();
        let (at, _) = self.say(Erasure {
            audience: vec![roster::origin()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            sample: id.parse().unwrap(),
            seal,
            home,
            cause: ErasureCause::Owner,
            demand: Some(demand),
            erased_at: NOW + 9,
        });
        let logged = self.logged(at, None);
        self.samples.get_mut(id).unwrap().erased = Some(logged);
    }

    /// A `logged` object.
    pub fn logged(&self, index: u64, proven: Option<&String>) -> Value {
        let world = self.world.lock().unwrap();
        let mut bundle = world.log.bundle(&[index], NOW + 10);
        if self.lie == Lie::Unwitnessed {
            bundle.checkpoint = world.log.checkpoint_by(&roster::witnesses()[..1], NOW + 10);
        }
        let proof = bundle.to_tlog_proofs().remove(0).to_bytes();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        json!({"proven": proven, "entry": text(world.log.entry(index)), "proof": text(&proof)})
    }
}
