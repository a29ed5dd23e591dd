//! A log in a directory, written as a log publishes: every tile and bundle of every checkpoint stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ed25519_dalek::Signer as _;
use logclient::fsck::{BadFile, Progress, Report, fsck};
use logclient::{LogFiles, Patience, Trust};
use tempfile::TempDir;
use tlog::{
    Checkpoint, Hash, KeyName, KeyType, Note, NoteSigner, VerifierKey, cosign, sha256,
    sign_checkpoint,
};

pub const ORIGIN: &str = "log.example/a";

pub struct Signer {
    vkey: VerifierKey,
    secret: ed25519_dalek::SigningKey,
}

impl Signer {
    pub fn new(name: &str, key_type: KeyType) -> Self {
        let seed = *sha256(name.as_bytes()).as_bytes();
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let name: KeyName = name.parse().unwrap();
        let public = secret.verifying_key().to_bytes();
        let vkey = VerifierKey::new(name, key_type, &public).unwrap();
        Self { vkey, secret }
    }

    pub fn log() -> Self {
        Self::new(ORIGIN, KeyType::Ed25519)
    }

    pub fn witness(name: &str) -> Self {
        Self::new(name, KeyType::CosignatureEd25519)
    }
}

impl NoteSigner for Signer {
    fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    fn sign_raw(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign(message).to_bytes().to_vec()
    }
}

/// A checkpoint signed by the log, and cosigned by witnesses at a time.
pub fn note(size: u64, root: Hash, witnesses: &[(&str, u64)]) -> Vec<u8> {
    let checkpoint = Checkpoint::new(ORIGIN.parse().unwrap(), size, root).unwrap();
    let mut lines = vec![sign_checkpoint(&checkpoint.to_string(), &Signer::log()).unwrap()];
    for (name, time) in witnesses {
        lines.push(cosign(&checkpoint, *time, &Signer::witness(name)).unwrap());
    }
    let note = Note::new(checkpoint.to_string(), lines).unwrap();
    note.to_string().into_bytes()
}

/// A log under the hands of a test.
pub struct World {
    pub dir: TempDir,
    tree: tlog::tree::Edge,
    entries: Vec<Vec<u8>>,
    archived: Vec<u64>,
}

impl World {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            tree: tlog::tree::Edge::default(),
            entries: Vec::new(),
            archived: Vec::new(),
        }
    }

    /// A log that published checkpoints of these sizes and archived all but the last.
    pub fn with(sizes: &[u64]) -> Self {
        let mut world = Self::new();
        for size in sizes {
            world.grow(*size);
            world.publish(&[]);
        }
        world
    }

    pub fn entry(index: u64) -> Vec<u8> {
        format!("entry {index}").into_bytes()
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    pub fn grow(&mut self, size: u64) {
        let entries = (self.size()..size).map(Self::entry).collect();
        self.append(entries);
    }

    /// Adds entries and writes what a log writes for its new size.
    pub fn append(&mut self, entries: Vec<Vec<u8>>) {
        let old = self.size();
        let mut files = Vec::new();
        for entry in entries {
            self.tree.append(&entry, &mut files);
            self.entries.push(entry);
        }
        files.extend(self.tree.partial_tiles());
        for id in tlog::BundleId::between(old, self.size()) {
            let start = usize::try_from(id.first_entry()).unwrap();
            let entries = &self.entries[start..start + usize::from(id.width())];
            files.push((id.path(), tlog::bundle::encode(entries).unwrap()));
        }
        for (path, bytes) in files {
            self.write(&path, &bytes);
        }
    }

    /// Publishes a checkpoint of what is there, and archives it.
    pub fn publish(&mut self, witnesses: &[(&str, u64)]) {
        let note = note(self.size(), self.root(), witnesses);
        self.write("checkpoint", &note);
        self.write(&format!("archive/{}", self.size()), &note);
        if self.archived.last() != Some(&self.size()) {
            self.archived.push(self.size());
        }
        let index: String = self.archived.iter().map(|s| format!("{s}\n")).collect();
        self.write("archive/index", index.as_bytes());
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.file(path)).unwrap()
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let file = self.file(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.file(path)).unwrap();
    }

    /// Flips one bit of a file.
    pub fn flip(&self, path: &str, at: usize) {
        let mut bytes = self.read(path);
        bytes[at] ^= 1;
        self.write(path, &bytes);
    }

    pub fn check(&self) -> Checked {
        check(&LogFiles::directory(self.path()), &trust())
    }
}

pub fn trust() -> Trust {
    Trust::Log(vec![Signer::log().vkey().clone()])
}

/// A report, and each bad file as `path: what`.
pub struct Checked {
    pub report: Report,
    pub bad: Vec<String>,
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn bad(&self, file: &BadFile) {
        let line = format!("{}: {}", file.path, file.fault.code());
        self.0.lock().unwrap().push(line);
    }
}

pub fn check(files: &LogFiles, trust: &Trust) -> Checked {
    let heard = Heard::default();
    let report = fsck(files, trust, 3, &heard).unwrap();
    let mut bad = heard.0.into_inner().unwrap();
    bad.sort();
    assert_eq!(bad.len() as u64, report.bad + report.unread, "{bad:?}");
    Checked { report, bad }
}

/// Reads over HTTP, on a thread that may block.
pub fn over_http<T: Send + 'static>(
    url: &str,
    patience: Patience,
    work: impl FnOnce(&LogFiles) -> T + Send + 'static,
) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let url = url.to_owned();
    runtime.block_on(async move {
        let files = LogFiles::open(&url, patience).unwrap();
        tokio::task::spawn_blocking(move || work(&files))
            .await
            .unwrap()
    })
}
