//! The scripts of `spec/vectors/mirror.json`, played with a mirror over a socket.

#[path = "../../../witness/tests/vectors/script.rs"]
#[allow(dead_code)]
mod script;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keys::{Algorithm, NoteKey, SecretKey};
use mirror::{Config, LogConfig, MirrorError};
use tlog::{
    Checkpoint, KeyType, MirrorInfo, Note, NoteSigner as _, SignatureLine, VerifierKey,
    open_checkpoint, parse_cosignatures, verify_cosignature,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use script::{Case, File, Request, State, Step};

const NAME: &str = "mirror.example/m1";

fn config(dir: &Path, file: &File) -> Config {
    let key = |name: &str, algorithm| -> PathBuf {
        let path = dir.join(name);
        let secret = SecretKey::generate(algorithm).unwrap();
        secret.save_new(&path, None).unwrap();
        path
    };
    let followed = file.followed().into_iter();
    Config {
        server: serve::ServerConfig::default(),
        dir: dir.to_owned(),
        name: NAME.to_owned(),
        ed25519_key: key("ed25519.pem", Algorithm::Ed25519),
        ml_dsa_key: key("ml-dsa.pem", Algorithm::MlDsa44),
        passphrase: None,
        witness_vkeys: Vec::new(),
        logs: followed
            .map(|(origin, vkeys)| LogConfig {
                origin,
                vkeys,
                bytes_max: 1 << 30,
            })
            .collect(),
    }
}

struct Answer {
    status: u16,
    content_type: Option<String>,
    body: Vec<u8>,
}

/// One request on a connection of its own, so that the script decides on every header.
async fn ask(url: &str, request: &Request, body: &[u8]) -> Answer {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let (method, path) = (&request.method, &request.path);
    let kind = request.content_type.as_deref();
    let kind = kind.unwrap_or("text/plain; charset=utf-8");
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept-Encoding: identity\r\n"
    );
    if method == "POST" {
        let length = body.len();
        head += &format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n");
    }
    if let Some(encoding) = &request.encoding {
        head += &format!("Content-Encoding: {encoding}\r\n");
    }
    head += "\r\n";
    let sent = [head.as_bytes(), body].concat();
    // A refusal may come before everything was sent.
    stream.write_all(&sent).await.ok();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.ok();
    parse_answer(&received)
}

fn parse_answer(received: &[u8]) -> Answer {
    let end = received.windows(4).position(|at| at == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(received)));
    let head = std::str::from_utf8(&received[..end]).unwrap();
    let header = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found.eq_ignore_ascii_case(name)).then(|| value.trim().to_owned())
        })
    };
    assert_eq!(header("transfer-encoding"), None, "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        content_type: header("content-type"),
        body: received[end + 4..].to_vec(),
    }
}

/// A mirror with the logs of the file.
struct Player {
    config: Config,
    url: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), MirrorError>>,
}

impl Player {
    async fn start(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(mirror::serve(config.clone(), async {
            stopped.await.ok();
        }));
        let url = serve::wait_url(&config.dir, Duration::from_secs(60)).await;
        Self {
            config,
            url: url.unwrap(),
            stop,
            running,
        }
    }

    async fn stop(self) -> Config {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
        self.config
    }

    fn check_lines(&self, checkpoint: &Checkpoint, lines: &[SignatureLine]) -> Result<(), String> {
        let key = |path: &Path, kind| {
            let secret = SecretKey::load(path, None).unwrap();
            let key = NoteKey::new(secret, NAME.parse().unwrap(), kind).unwrap();
            key.vkey().clone()
        };
        let keys = [
            key(&self.config.ed25519_key, KeyType::CosignatureEd25519),
            key(&self.config.ml_dsa_key, KeyType::CosignatureMlDsa44),
        ];
        let mut good = 0;
        for key in &keys {
            for line in lines.iter().filter(|line| line.is_by(key)) {
                verify_cosignature(checkpoint, line, key).map_err(|e| e.to_string())?;
                good += 1;
            }
        }
        if good == 0 {
            return Err("no line by the mirror".to_owned());
        }
        Ok(())
    }

    /// What is mirrored of each log, as its copy tells.
    async fn check_state(&self, case: &Case) -> Result<(), String> {
        for (origin, state) in &case.state {
            let digest = tlog::sha256(origin.as_bytes()).to_hex();
            let request = Request {
                method: "GET".to_owned(),
                path: format!("/{digest}/checkpoint"),
                content_type: None,
                encoding: None,
                body: "".into(),
            };
            let answer = ask(&self.url, &request, b"").await;
            match state {
                None if answer.status == 404 => {}
                None => return Err(format!("{origin} is served, status {}", answer.status)),
                Some(state) => self.check_served(origin, state, &answer.body)?,
            }
        }
        Ok(())
    }

    fn check_served(&self, origin: &str, state: &State, note: &[u8]) -> Result<(), String> {
        let log = self.config.logs.iter().find(|log| log.origin == origin);
        let vkeys = log.unwrap().vkeys.iter();
        let keys: Vec<VerifierKey> = vkeys.map(|vkey| vkey.parse().unwrap()).collect();
        let checkpoint = open_checkpoint(note, &keys).map_err(|e| e.to_string())?;
        self.check_lines(&checkpoint, Note::parse(note).unwrap().signatures())?;
        if (checkpoint.size(), checkpoint.root().to_string()) != (state.size, state.root.clone()) {
            return Err(format!("{origin} is served at size {}", checkpoint.size()));
        }
        Ok(())
    }
}

/// The checkpoints that were sent, by size.
type Sent = Vec<Checkpoint>;

async fn take_step(player: &Player, step: &Step, sent: &mut Sent) -> Result<(), String> {
    let request = step.request.as_ref().unwrap();
    let body = script::body_of(&request.body, |_, what| panic!("no part `{what}`"));
    let answer = ask(&player.url, request, &body).await;
    if !step.status.contains(&answer.status) {
        let text = String::from_utf8_lossy(&answer.body);
        return Err(format!(
            "status {}, not {:?}: {text}",
            answer.status, step.status
        ));
    }
    if step.content_type.is_some() && step.content_type != answer.content_type {
        return Err(format!("content type {:?}", answer.content_type));
    }
    if let Some(expected) = &step.body
        && expected.as_bytes() != answer.body
    {
        return Err(format!("body {:?}", String::from_utf8_lossy(&answer.body)));
    }
    if let Ok(checkpoint) = Checkpoint::parse(&script::checkpoint_of(&body)) {
        sent.push(checkpoint);
    }
    if let Some(cosigned) = &step.cosigned {
        let size = cosigned["size"].as_u64().unwrap();
        let checkpoint = sent.iter().find(|one| one.size() == size).unwrap();
        let lines = parse_cosignatures(&answer.body).map_err(|e| e.to_string())?;
        player.check_lines(checkpoint, &lines)?;
    }
    if let Some(shown) = &step.mirror_info {
        let info = MirrorInfo::parse(&answer.body).map_err(|e| e.to_string())?;
        if (info.tree_size, info.next_entry) != (shown.tree_size, shown.next_entry) {
            return Err(format!("tells {} and {}", info.tree_size, info.next_entry));
        }
    }
    if let Some(digest) = &step.sha256
        && tlog::sha256(&answer.body).to_hex() != *digest
    {
        return Err(format!("other bytes at {}", request.path));
    }
    Ok(())
}

async fn play(file: &File, case: &Case) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let mut player = Player::start(config(dir.path(), file)).await;
    let mut sent = Sent::new();
    let mut outcome = Ok(());
    for (number, step) in case.steps.iter().enumerate() {
        if step.restart {
            player = Player::start(player.stop().await).await;
            continue;
        }
        let taken = take_step(&player, step, &mut sent).await;
        outcome = taken.map_err(|why| format!("step {number}: {why}"));
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_ok() {
        outcome = player.check_state(case).await;
    }
    player.stop().await;
    outcome
}

/// Scripts share nothing, and mostly wait for their mirror's disk.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn the_mirror_answers_as_the_vectors_say() {
    let file = Arc::new(File::read("mirror"));
    let is_script = |at: &usize| file.cases[*at].op == "script";
    let mut open = (0..file.cases.len()).filter(is_script);
    let (mut playing, mut played, mut wrong) = (JoinSet::new(), 0, Vec::new());
    loop {
        while playing.len() < AT_ONCE
            && let Some(at) = open.next()
        {
            let file = Arc::clone(&file);
            playing.spawn(async move { (at, play(&file, &file.cases[at]).await.err()) });
        }
        let Some(ended) = playing.join_next().await else {
            break;
        };
        let (at, outcome) = ended.unwrap();
        let name = &file.cases[at].name;
        if let Some(outcome) = outcome {
            wrong.push(format!("{name}: {outcome}"));
        }
        played += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(played >= 25, "{played} scripts");
}
