//! The log: its load, and what it promised.
//!
//! | it said | so after a power cut |
//! |---|---|
//! | 202 to a submission | the entry stands at that index |
//! | 200 to a submission | and the tree of its proof is a beginning of the log's tree; `public/` has it, untouched |
//! | 201 to a blob | the blob is there |
//! | a checkpoint to a witness or a reader | the log never says anything that contradicts it |
//!
//! And it starts by itself, takes new entries, and gets them witnessed by a witness that remembers
//! all that was said to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use logclient::{Follower, LogClient, Submitted};
use serve::{Client, ClientConfig};
use statement::{Envelope, FileDigest};
use tempfile::TempDir;
use tlog::{AddCheckpoint, Checkpoint, Frontier, Hash, Note, TlogProof, leaf_hash};
use tokio::sync::oneshot;

use crate::daemon::{Daemon, Program};
use crate::disk::Image;
use crate::image::{read_image, write_image};
use crate::public::check_public;
use crate::roster;
use crate::survey::Room;
use crate::talk::Exchange;

/// How long the log may take to have an entry witnessed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts logs on what a power cut left.
#[derive(Debug)]
pub struct LogRoom {
    pub(crate) limpid: PathBuf,
    pub(crate) keys: TempDir,
    /// What the witness has on its disk after each checkpoint that was offered to it.
    pub(crate) memories: Vec<Image>,
}

/// A folder that needs no disk: it is thrown away anyhow.
pub(crate) fn scratch() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.context("cannot make a folder to work in")
}

/// How to start a log in `folder`, with its configuration beside it.
pub(crate) fn log_program(
    limpid: &Path,
    keys: &Path,
    folder: &Path,
    witness_url: &str,
    listen: Option<SocketAddr>,
) -> Result<Program> {
    let [ed25519, ml_dsa] = roster::key_files(keys, "log", roster::LOG_SEEDS)?;
    let config = folder.with_extension("toml");
    let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let text = format!(
        "dir = {folder:?}\norigin = \"{}\"\nanchor = \"{}\"\ned25519_key = {ed25519:?}\n\
         ml_dsa_key = {ml_dsa:?}\nbatch_ms = 2\nwait_ms = 2000\n\
         [server]\nlisten = \"{listen}\"\n[[witnesses]]\nurl = \"{witness_url}\"\n",
        roster::ORIGIN,
        roster::anchor()?,
    );
    std::fs::write(&config, text)?;
    let config = config
        .to_str()
        .context("a path that is no text")?
        .to_owned();
    Ok(Program {
        limpid: limpid.to_owned(),
        arguments: ["log", "serve", "--config", &config]
            .map(str::to_owned)
            .to_vec(),
        folder: folder.to_owned(),
        messages: folder.with_extension("messages"),
    })
}

/// A witness in this process; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) url: String,
    _stop: oneshot::Sender<()>,
}

pub(crate) fn witness_config(keys: &Path, folder: &Path) -> Result<witness::Config> {
    let [ed25519_key, ml_dsa_key] = roster::key_files(keys, "witness", roster::WITNESS_SEEDS)?;
    Ok(witness::Config {
        server: serve::ServerConfig::default(),
        dir: folder.to_owned(),
        name: roster::WITNESS.to_owned(),
        ed25519_key,
        ml_dsa_key,
        passphrase: None,
        logs: vec![witness::LogConfig {
            origin: roster::ORIGIN.to_owned(),
            vkeys: roster::log_vkeys()?.to_vec(),
        }],
    })
}

impl Witness {
    pub(crate) async fn start(config: witness::Config) -> Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let folder = config.dir.clone();
        tokio::spawn(witness::serve(config, async {
            // Dropping the sender is the signal.
            stopped.await.ok();
        }));
        let url = serve::wait_url(&folder, PATIENCE).await?;
        Ok(Self { url, _stop: stop })
    }
}

pub(crate) fn client_at(url: &str) -> Result<LogClient> {
    let http = Client::new(&ClientConfig::default())?;
    Ok(LogClient::new(http, url, roster::origin()))
}

/// What the log is bound by.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// Entries by index.
    pub(crate) entries: BTreeMap<u64, Vec<u8>>,
    /// Trees it signed and showed, by size.
    pub(crate) roots: BTreeMap<u64, Hash>,
    /// Sizes of the trees in proofs it gave: published and archived.
    pub(crate) published: Vec<u64>,
    /// Blobs by name.
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    /// Checkpoints offered to the witness.
    pub(crate) offered: usize,
}

impl Promises {
    /// Reads what was said; an index or size that was given twice is a promise broken already.
    pub(crate) fn read(said: &[Arc<Exchange>]) -> Result<Self> {
        let mut promises = Self::default();
        for exchange in said {
            promises.add(exchange)?;
        }
        Ok(promises)
    }

    fn add(&mut self, exchange: &Exchange) -> Result<()> {
        let path = exchange.path.as_str();
        match (exchange.is_answer, exchange.status) {
            (true, 202) if path.starts_with("/submit") => {
                let answer: serde_json::Value = serde_json::from_slice(&exchange.answer)?;
                let index = answer["index"].as_u64().context("a 202 without an index")?;
                self.add_entry(index, &exchange.request)
            }
            (true, 200) if path.starts_with("/submit") => {
                let proof = TlogProof::parse(&exchange.answer)?;
                self.add_entry(proof.index, &exchange.request)?;
                let size = self.add_note(&proof.checkpoint)?;
                self.published.push(size);
                Ok(())
            }
            (true, 200) if path == "/checkpoint" => {
                let size = self.add_note(&exchange.answer)?;
                self.published.push(size);
                Ok(())
            }
            (true, 201) if path.starts_with("/blob/") => {
                let name = path.trim_start_matches("/blob/").to_owned();
                self.blobs.insert(name, exchange.request.clone());
                Ok(())
            }
            (false, _) if path.ends_with("/add-checkpoint") => {
                let request = AddCheckpoint::parse(&exchange.request)?;
                self.add_note(&request.checkpoint)?;
                self.offered += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_entry(&mut self, index: u64, bytes: &[u8]) -> Result<()> {
        let before = self.entries.insert(index, bytes.to_vec());
        match before {
            Some(before) if before != bytes => Err(anyhow!("index {index} was given twice")),
            _ => Ok(()),
        }
    }

    fn add_note(&mut self, note: &[u8]) -> Result<u64> {
        let checkpoint = Checkpoint::parse(Note::parse(note)?.text())?;
        let (size, root) = (checkpoint.size(), *checkpoint.root());
        match self.roots.insert(size, root) {
            Some(before) if before != root => Err(anyhow!("size {size} has two roots")),
            _ => Ok(size),
        }
    }
}

impl LogRoom {
    /// Lets a witness see the offered checkpoints one after the other and keeps its disk each time.
    pub(crate) async fn new(limpid: &Path, said: &[Arc<Exchange>]) -> Result<Self> {
        let keys = scratch()?;
        // Before several judges ask for them at once.
        roster::key_files(keys.path(), "log", roster::LOG_SEEDS)?;
        let folder = scratch()?;
        let witness = witness::Witness::open(&witness_config(keys.path(), folder.path())?).await?;
        let mut memories = vec![read_image(folder.path())?];
        for exchange in said {
            if !exchange.is_answer && exchange.path.ends_with("/add-checkpoint") {
                // What it refused then it refuses again, and remembers the same.
                let _ = witness.add_checkpoint(&exchange.request, 0).await;
                memories.push(read_image(folder.path())?);
            }
        }
        Ok(Self {
            limpid: limpid.to_owned(),
            keys,
            memories,
        })
    }

    async fn start_witness(&self, offered: usize, folder: &Path) -> Result<Witness> {
        std::fs::create_dir(folder)?;
        let last = self.memories.len() - 1;
        write_image(&self.memories[offered.min(last)], folder)?;
        drop(std::fs::remove_file(folder.join("url")));
        Witness::start(witness_config(self.keys.path(), folder)?).await
    }
}

impl Room for LogRoom {
    async fn judge(&self, image: Image, said: Vec<Arc<Exchange>>) -> Result<Option<String>> {
        let promises = Promises::read(&said)?;
        if let Err(broken) = check_public(&image, &promises) {
            return Ok(Some(format!("before the restart: {broken:#}")));
        }
        let place = scratch()?;
        let witness_folder = place.path().join("witness");
        let witness = self
            .start_witness(promises.offered, &witness_folder)
            .await?;
        let folder = place.path().join("log");
        std::fs::create_dir(&folder)?;
        write_image(&image, &folder)?;
        drop(std::fs::remove_file(folder.join("url")));
        let program = log_program(&self.limpid, self.keys.path(), &folder, &witness.url, None)?;
        let mut daemon = Daemon::start(&program)?;
        let Some(url) = daemon.url().await? else {
            return Ok(Some(format!("it does not start: {}", daemon.said())));
        };
        if let Err(broken) = check_running(&client_at(&url)?, &promises).await {
            let gone = if daemon.is_gone()? {
                daemon.said()
            } else {
                String::new()
            };
            return Ok(Some(format!("after the restart: {broken:#} {gone}")));
        }
        let public = read_image(&folder)?;
        let after = check_public(&public, &promises).err();
        Ok(after.map(|broken| format!("in `public/` after the restart: {broken:#}")))
    }
}

/// Submits an entry that is durable at once; its index.
pub(crate) async fn submit(client: &LogClient, envelope: &Envelope) -> Result<u64> {
    match client.submit_without_waiting(envelope).await? {
        Submitted::Durable { index } => Ok(index),
        Submitted::Witnessed(proof) => Ok(proof.index),
    }
}

async fn check_running(client: &LogClient, promises: &Promises) -> Result<()> {
    for (index, envelope) in (0..).zip(roster::founding()?) {
        let given = submit(client, &envelope)
            .await
            .context("an entry is refused")?;
        anyhow::ensure!(
            given == index,
            "a founding entry moved from {index} to {given}"
        );
    }
    let last = roster::beat("after the power cut")?;
    let proof = client.submit_until_witnessed(&last, PATIENCE).await;
    let size_min = proof.context("a new entry is not witnessed")?.index + 1;
    let mut follower = Follower::new(client.clone(), roster::anchor()?);
    follower
        .sync()
        .await
        .context("the log cannot be followed")?;
    let size = follower.checkpoint().context("no checkpoint")?.size();
    anyhow::ensure!(size >= size_min, "the log shows less than it witnessed");
    let mut frontier = Frontier::new();
    for index in 0..size {
        let bytes = follower.entry(index).await?;
        if let Some(promised) = promises.entries.get(&index) {
            anyhow::ensure!(
                bytes == *promised,
                "entry {index} is another than was acknowledged"
            );
        }
        frontier.append(leaf_hash(&bytes));
        check_root(promises, index + 1, &frontier)?;
    }
    check_nothing_beyond(promises, size)?;
    for (name, bytes) in &promises.blobs {
        let digest: FileDigest = name.parse()?;
        let found = client.blob(digest, bytes.len() as u64).await;
        found.with_context(|| format!("blob {name:.12} was acknowledged"))?;
    }
    Ok(())
}

fn check_root(promises: &Promises, size: u64, frontier: &Frontier) -> Result<()> {
    match promises.roots.get(&size) {
        Some(root) if *root != frontier.root() => Err(anyhow!(
            "a second history: size {size} had another root when it was shown"
        )),
        _ => Ok(()),
    }
}

fn check_nothing_beyond(promises: &Promises, size: u64) -> Result<()> {
    let entry = promises.entries.keys().next_back().copied();
    if let Some(index) = entry.filter(|index| *index >= size) {
        return Err(anyhow!(
            "entry {index} was acknowledged and is lost; the log has {size}"
        ));
    }
    let shown = promises.roots.keys().next_back().copied();
    match shown.filter(|shown| *shown > size) {
        Some(shown) => Err(anyhow!("size {shown} was shown; the log has {size}")),
        None => Ok(()),
    }
}
