//! Directories behind HTTP servers, laid out like logs, witnesses and mirrors.

use std::{fs, path::Path};

use endpoint::{Place, PlaceKind};
use keys::{Algorithm, NoteKey, SecretKey};
use tempfile::TempDir;
use tlog::{Checkpoint, KeyType, Note, sign_checkpoint};

use crate::{
    repository::serve_directory,
    world::{NOW, World, roster},
};

/// One served directory.
pub struct Shelf {
    dir: TempDir,
    url: String,
    prefix: String,
}

fn below_digest() -> String {
    let digest = tlog::sha256(roster::ORIGIN.as_bytes()).to_hex();
    format!("{digest}/")
}

impl Shelf {
    pub async fn empty() -> Self {
        let dir = TempDir::new().unwrap();
        let url = serve_directory(dir.path()).await;
        Self {
            dir,
            url,
            prefix: String::new(),
        }
    }

    /// Checkpoint and tiles.
    pub async fn log(world: &World) -> Self {
        let shelf = Self::empty().await;
        shelf.write(world);
        shelf
    }

    /// Checkpoint and tiles below the digest of the origin.
    pub async fn mirror(world: &World) -> Self {
        let mut shelf = Self::empty().await;
        shelf.prefix = below_digest();
        shelf.write(world);
        shelf
    }

    /// The checkpoint below the digest of the origin.
    pub async fn witness(world: &World) -> Self {
        let mut shelf = Self::empty().await;
        shelf.prefix = below_digest();
        shelf.put("checkpoint", &world.log.checkpoint(NOW));
        shelf
    }

    /// A log whose checkpoint a key of the same name signed that no constitution knows.
    pub async fn signed_by(world: &World, seed: &[u8]) -> Self {
        let shelf = Self::log(world).await;
        let seed = *tlog::sha256(seed).as_bytes();
        let key = SecretKey::from_seed(Algorithm::Ed25519, seed);
        let key = NoteKey::new(key, roster::ORIGIN.parse().unwrap(), KeyType::Ed25519).unwrap();
        let head = world.log.head();
        let checkpoint = Checkpoint::new(roster::origin(), head.size, *head.root.hash()).unwrap();
        let line = sign_checkpoint(&checkpoint.to_string(), &key).unwrap();
        let note = Note::new(checkpoint.to_string(), vec![line]).unwrap();
        shelf.put("checkpoint", note.to_string().as_bytes());
        shelf
    }

    /// Where nobody listens.
    pub fn nobody(kind: PlaceKind) -> Place {
        Place {
            kind,
            url: "http://127.0.0.1:1".to_owned(),
        }
    }

    /// Shows the log as it is now.
    pub fn write(&self, world: &World) {
        for (name, bytes) in world.log.files(NOW) {
            self.put(&name, &bytes);
        }
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.dir.path().join(format!("{}{name}", self.prefix));
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn place(&self, kind: PlaceKind) -> Place {
        let url = self.url.clone();
        Place { kind, url }
    }

    pub fn place_at(&self, kind: PlaceKind, name: &str) -> Place {
        let url = format!("{}/{name}", self.url);
        Place { kind, url }
    }
}
