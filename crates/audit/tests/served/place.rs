//! Directories that real logs have filled, and audits of them.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use audit::{Audit, Place, Report, Request};
use statement::{Blob, FileDigest};
use tempfile::TempDir;

use crate::world::roster::{self, CENTER, beat, envelope, heartbeat, statement_key};
use crate::world::{World, submit_at_once, submit_witnessed};

pub const BLOB: &[u8] = b"bulk evidence";

/// A log that is served from a directory; nothing runs any more.
pub struct Served {
    _root: TempDir,
    /// The directory of the log.
    pub dir: PathBuf,
    /// Entry that names the blob.
    pub blob_entry: u64,
}

impl Served {
    /// The directory that anybody may fetch.
    pub fn public(&self) -> PathBuf {
        self.dir.join("public")
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.public().join(path)).unwrap()
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.public().join(path);
        drop(std::fs::remove_file(&path));
        std::fs::write(path, bytes).unwrap();
    }

    pub async fn audit(&self) -> Report {
        audit_of(&self.dir).await
    }
}

pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

pub fn request(dir: &Path) -> Request {
    Request {
        anchor: roster::anchor(),
        logs: vec![(roster::origin(), Place::directory(dir))],
        repository: None,
        seen: Vec::new(),
    }
}

pub async fn audit_of(dir: &Path) -> Report {
    let mut audit = Audit::new(request(dir)).unwrap();
    audit.look(now()).await.unwrap()
}

/// Puts a blob and an entry that names it.
pub async fn log_blob(world: &World) -> u64 {
    let client = world.client();
    let signer = statement_key(CENTER);
    let sha256 = client.put_blob(BLOB.to_vec(), &signer).await.unwrap();
    assert_eq!(sha256, FileDigest::of(BLOB));
    let mut statement = heartbeat("with evidence");
    statement.blobs = vec![Blob {
        sha256,
        bytes: BLOB.len() as u64,
        public: true,
    }];
    let proof = submit_witnessed(&client, &envelope(statement, CENTER)).await;
    proof.index
}

/// A log with a blob and `beats` more entries, stopped.
pub async fn served(beats: usize) -> Served {
    let world = World::founded().await;
    let blob_entry = log_blob(&world).await;
    let client = world.client();
    for n in 1..beats {
        submit_at_once(&client, &beat(format!("beat {n}"))).await;
    }
    submit_witnessed(&client, &beat("last")).await;
    let dir = world.log.dir.clone();
    Served {
        _root: world.stop().await,
        dir,
        blob_entry,
    }
}

/// The codes of a report with the entries that prove them.
pub fn codes(report: &Report) -> Vec<(&'static str, Option<u64>)> {
    let found = report.findings.iter();
    found
        .map(|found| (found.finding.code, found.finding.entry))
        .collect()
}
