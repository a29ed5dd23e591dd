//! The scripts of `spec/vectors/witness.json`, played with a witness over a socket.

mod script;

use std::sync::Arc;

use serve::{Client, ClientError};
use tlog::{
    Checkpoint, KeyType, Note, NoteSigner as _, Origin, SignatureLine, Subtree, VerifierKey,
    open_checkpoint, parse_cosignatures, verify_cosignature, verify_subtree_cosignature,
};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use witness::{Config, LogConfig, WitnessError};

use crate::world::{MemoryLog, client, config, note_key};
use script::{Case, File, Shown, Step, SubtreeShown};

/// Where we differ on purpose, and what then happens.
const DIFFERENT: &[(&str, &str)] = &[(
    // Nobody audits extension lines, so we do not cosign them.
    "extension_lines_are_cosigned",
    "step 0: status 400, not [200]",
)];

/// Calls that a witness may have or not, and that ours has not.
const WITHOUT: &[&str] = &[];

const ANSWER_BYTES_MAX: usize = 1 << 20;

struct Answer {
    status: u16,
    content_type: Option<String>,
    body: Vec<u8>,
}

/// A witness with the logs of the file.
struct Player {
    config: Config,
    url: String,
    client: Client,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), WitnessError>>,
}

impl Player {
    async fn start(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(witness::serve(config.clone(), async {
            stopped.await.ok();
        }));
        let patience = std::time::Duration::from_secs(60);
        let url = serve::wait_url(&config.dir, patience).await.unwrap();
        Self {
            config,
            url,
            client: client(),
            stop,
            running,
        }
    }

    async fn stop(self) -> Config {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
        self.config
    }

    async fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let url = format!("{}{path}", self.url);
        if method == "GET" {
            return match self.client.get(&url, ANSWER_BYTES_MAX).await {
                Ok(body) => Answer {
                    status: 200,
                    content_type: None,
                    body: body.to_vec(),
                },
                Err(error) => refusal(&error),
            };
        }
        let patience = std::time::Duration::from_secs(60);
        let kind = "text/plain; charset=utf-8";
        let reply = self
            .client
            .post(&url, kind, body, ANSWER_BYTES_MAX, patience)
            .await;
        match reply {
            Ok(reply) => Answer {
                status: reply.status,
                content_type: reply.content_type,
                body: reply.body.to_vec(),
            },
            Err(error) => refusal(&error),
        }
    }

    fn keys(&self) -> Vec<VerifierKey> {
        let key = |path, kind| note_key(path, kind).vkey().clone();
        vec![
            key(&self.config.ed25519_key, KeyType::CosignatureEd25519),
            key(&self.config.ml_dsa_key, KeyType::CosignatureMlDsa44),
        ]
    }

    /// At least one of our lines, and none of ours is wrong.
    fn check_lines(
        &self,
        lines: &[SignatureLine],
        is_good: impl Fn(&SignatureLine, &VerifierKey) -> bool,
    ) -> Result<(), String> {
        let keys = self.keys();
        let ours = |line: &&SignatureLine| keys.iter().any(|key| line.is_by(key));
        if !lines.iter().any(|line| ours(&line)) {
            return Err("no line by the witness".to_owned());
        }
        for line in lines.iter().filter(ours) {
            if !keys.iter().any(|key| line.is_by(key) && is_good(line, key)) {
                return Err(format!("a line does not verify: {line}"));
            }
        }
        Ok(())
    }

    fn check_cosigned(&self, text: &str, answer: &[u8]) -> Result<(), String> {
        let checkpoint = Checkpoint::parse(text).map_err(|e| e.to_string())?;
        let lines = parse_cosignatures(answer).map_err(|e| e.to_string())?;
        self.check_lines(&lines, |line, key| {
            // A time of 0 or above 2^63-1 is refused here, too.
            verify_cosignature(&checkpoint, line, key).is_ok()
        })
    }

    fn check_subtree(
        &self,
        origin: &Origin,
        shown: &SubtreeShown,
        answer: &[u8],
    ) -> Result<(), String> {
        let subtree = Subtree::new(shown.start, shown.end).unwrap();
        let hash = tlog::Hash::from_base64(&shown.hash).unwrap();
        let lines = parse_cosignatures(answer).map_err(|e| e.to_string())?;
        self.check_lines(&lines, |line, key| {
            verify_subtree_cosignature(origin, subtree, &hash, line, key).is_ok()
        })
    }

    fn check_shown(&self, shown: &Shown, answer: &[u8]) -> Result<Checkpoint, String> {
        let log = self.config.logs.iter().find(|l| l.origin == shown.origin);
        let keys: Vec<VerifierKey> = log
            .unwrap()
            .vkeys
            .iter()
            .map(|vkey| vkey.parse().unwrap())
            .collect();
        let checkpoint = open_checkpoint(answer, &keys).map_err(|e| e.to_string())?;
        let note = Note::parse(answer).unwrap();
        self.check_lines(note.signatures(), |line, key| {
            verify_cosignature(&checkpoint, line, key).is_ok()
        })?;
        if checkpoint.size() != shown.size || checkpoint.origin().as_str() != shown.origin {
            return Err(format!("shows size {}", checkpoint.size()));
        }
        Ok(checkpoint.into_inner())
    }

    /// What is cosigned of each log, as the monitoring path tells.
    async fn check_state(&self, case: &Case) -> Result<(), String> {
        for (origin, state) in &case.state {
            let digest = tlog::sha256(origin.as_bytes()).to_hex();
            let answer = self
                .ask("GET", &format!("/{digest}/checkpoint"), Vec::new())
                .await;
            match state {
                None if answer.status == 404 => {}
                None => return Err(format!("{origin} was cosigned")),
                Some(state) => {
                    let shown = Shown {
                        origin: origin.clone(),
                        size: state.size,
                    };
                    let checkpoint = self.check_shown(&shown, &answer.body)?;
                    if checkpoint.root().to_string() != state.root {
                        return Err(format!("{origin} has another root"));
                    }
                }
            }
        }
        Ok(())
    }
}

fn refusal(error: &ClientError) -> Answer {
    let reply = error.refused().unwrap_or_else(|| panic!("{error}"));
    Answer {
        status: reply.status,
        content_type: reply.content_type.clone(),
        body: reply.body.to_vec(),
    }
}

/// What a step leaves for later ones: the checkpoint that was sent, and the answer.
struct Past {
    checkpoint: String,
    answer: Vec<u8>,
}

async fn play(file: &File, case: &Case) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), &MemoryLog::new(&[]));
    let followed = file.followed().into_iter();
    config.logs = followed
        .map(|(origin, vkeys)| LogConfig { origin, vkeys })
        .collect();
    let mut player = Player::start(config).await;
    let mut past: Vec<Past> = Vec::new();
    let mut outcome = Ok(());
    for (number, step) in case.steps.iter().enumerate() {
        if step.restart {
            player = Player::start(player.stop().await).await;
            past.push(Past {
                checkpoint: String::new(),
                answer: Vec::new(),
            });
            continue;
        }
        outcome = take_step(&player, step, &mut past)
            .await
            .map_err(|why| format!("step {number}: {why}"));
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

async fn take_step(player: &Player, step: &Step, past: &mut Vec<Past>) -> Result<(), String> {
    let request = step.request.as_ref().unwrap();
    let body = script::body_of(&request.body, |step, what| match what {
        "checkpoint" => format!("{}\n", past[step].checkpoint).into_bytes(),
        "cosignatures" => past[step].answer.clone(),
        other => panic!("no part `{other}`"),
    });
    let answer = player
        .ask(&request.method, &request.path, body.clone())
        .await;
    if !step.status.contains(&answer.status) {
        return Err(format!("status {}, not {:?}", answer.status, step.status));
    }
    if step.content_type.is_some() && step.content_type != answer.content_type {
        return Err(format!("content type {:?}", answer.content_type));
    }
    if let Some(expected) = &step.body
        && expected.as_bytes() != answer.body
    {
        return Err(format!("body {:?}", String::from_utf8_lossy(&answer.body)));
    }
    let sent = script::checkpoint_of(&body);
    if step.cosigned.is_some() {
        player.check_cosigned(&sent, &answer.body)?;
    }
    if let Some(subtree) = &step.subtree {
        let origin = sent.lines().next().unwrap().parse().unwrap();
        player.check_subtree(&origin, subtree, &answer.body)?;
    }
    if let Some(shown) = &step.shows {
        player.check_shown(shown, &answer.body)?;
    }
    past.push(Past {
        checkpoint: sent,
        answer: answer.body,
    });
    Ok(())
}

/// Scripts share nothing, and mostly wait for their witness's disk.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn the_witness_answers_as_the_vectors_say() {
    let file = Arc::new(File::read("witness"));
    let scripts = file.scripts();
    let skipped = |case: &Case| {
        let call = case.optional.as_deref();
        call.is_some_and(|call| WITHOUT.contains(&call))
    };
    let cases = 0..file.cases.len();
    let mut open = cases.filter(|at| file.cases[*at].op == "script" && !skipped(&file.cases[*at]));
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
        let expected = DIFFERENT.iter().find(|(different, _)| different == name);
        if outcome != expected.map(|(_, what)| (*what).to_owned()) {
            wrong.push(format!("{name}: {outcome:?}"));
        }
        played += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(played >= 70, "{played} scripts");
    let names: Vec<&str> = scripts.iter().map(|case| case.name.as_str()).collect();
    assert!(DIFFERENT.iter().all(|(name, _)| names.contains(name)));
}
