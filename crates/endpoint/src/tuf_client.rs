//! The TUF client of an endpoint: what is the newest metadata, and may it be believed?
//!
//! The workflow (TUF 1.0.34 section 5: order, rollback, freeze, recovery) is `sigstore-tuf`'s.
//! Three things are ours, because that library leaves them open:
//!
//! - **Roots are allowed first.** A new root goes through the caller's check (is its digest named
//!   by the constitution in force?) before the library sees it. So roots are fetched and followed here,
//!   and the library starts from the newest.
//! - **Memory is durable.** What was trusted is kept in one file, replaced as a whole and fsynced;
//!   an update that cannot be remembered fails. The library's own store is best effort, and a
//!   forgotten version is a door for rollback. A damaged memory is an error, not an empty one.
//! - **Signatures are judged again** by `tuf::verify_view`: strict Ed25519, distinct raw keys, one
//!   canonical form.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serve::Client;
use sigstore_tuf::{Updater, UpdaterConfig};
use store::{Files, StoreError};
use tlog::Hash;
use tuf::{Root, Signed, TargetFile, TargetPath, TargetRole, VerifiedView};

mod desk;
mod error;

use desk::{Desk, Mirror};
use error::sort;
pub use error::{Cause, TufClientError};

/// New roots in one update; more means that somebody feeds us roots without end.
const NEW_ROOTS_MAX: u32 = 32;
/// 2020-01-01, POSIX seconds: before anything was published.
const VERSIONS_SINCE: u64 = 1_577_836_800;
/// The largest memory that is read: a little more than all files at their limits.
const MEMORY_BYTES_MAX: u64 = 64 << 20;
const MEMORY_FILE: &str = "trusted-metadata.json";

/// How a root is known to whoever is asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// It was good once; it leads to newer ones.
    Earlier,
    /// It is the one that counts now. What says so stands above all roots, so this one counts even if
    /// the holders of the old root's keys are gone and did not sign it.
    InForce,
}

/// Is asked about each root before it is used.
pub type AllowRoot<'a> = &'a (dyn Fn(&[u8]) -> Result<Naming, Cause> + Sync);

/// Metadata that may be believed. Only [`TufClient::refresh`] makes it.
#[derive(Debug)]
pub struct Trusted {
    root: Vec<u8>,
    metadata: Vec<u8>,
    view: VerifiedView,
}

impl Trusted {
    /// The root in use, as published.
    pub fn root_bytes(&self) -> &[u8] {
        &self.root
    }

    /// The delegated role's file, as published.
    pub fn metadata_bytes(&self) -> &[u8] {
        &self.metadata
    }

    /// The digest that the role's `publication` statement must name.
    pub fn metadata_digest(&self) -> Hash {
        tuf::metadata_digest(&self.metadata)
    }

    /// The verified files, with the keys that signed the delegated role.
    pub fn view(&self) -> &VerifiedView {
        &self.view
    }

    /// The targets of the role, each with the release it is the effect of.
    pub fn targets(&self) -> &BTreeMap<TargetPath, TargetFile> {
        self.view.delegated().targets()
    }
}

/// A client of one repository, with its memory.
#[derive(Debug)]
pub struct TufClient {
    http: Client,
    base_url: String,
    pinned_root: Vec<u8>,
    memory: Files,
}

impl TufClient {
    /// A client of the repository at `base_url` (metadata lies below `<base_url>/metadata/`,
    /// artifacts below `<base_url>/targets/`) that believes `pinned_root` and remembers in
    /// `state_dir`. One process at a time: the caller holds the lock of the directory.
    pub fn open(
        http: Client,
        base_url: &str,
        pinned_root: Vec<u8>,
        state_dir: &Path,
    ) -> Result<Self, TufClientError> {
        let memory = Files::open(state_dir).map_err(TufClientError::Memory)?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(TufClient {
            http,
            base_url,
            pinned_root,
            memory,
        })
    }

    /// Finds the newest metadata of `role` at `now` (POSIX seconds).
    ///
    /// `allow_root` is asked about each new root before it is used for anything, and about the
    /// root in use if there is no new one.
    pub async fn refresh(
        &self,
        role: TargetRole,
        allow_root: AllowRoot<'_>,
        now: u64,
    ) -> Result<Trusted, TufClientError> {
        let time = i64::try_from(now)
            .ok()
            .and_then(|s| jiff::Timestamp::from_second(s).ok());
        let time = time.ok_or(TufClientError::Clock { now })?;
        let mut known = self.recall()?;
        let before = known.clone();
        let (root, root_bytes) = self.walk_roots(&mut known, allow_root).await?;

        let desk = Desk::new(known);
        let mirror = Mirror {
            http: self.http.clone(),
            base_url: self.base_url.clone(),
            failure: desk.failure.clone(),
        };
        let run = async {
            let mut updater = Updater::new(mirror, &root_bytes)?
                .with_config(limits())
                .with_store(desk.clone());
            updater.refresh(time).await?;
            // Asking for a path of the role, listed or not, makes the library load the role.
            updater.get_target_info(&probe(role), time).await?;
            Ok(updater.trusted().root().version)
        };
        let outcome: Result<u64, sigstore_tuf::Error> = run.await;
        let version = outcome.map_err(|error| desk.explain(error))?;
        if version != root.signed().version() {
            let what = format!("root version {version}");
            return Err(TufClientError::Integrity { what });
        }

        let known = desk.files();
        let file = |name: &str| {
            known.get(name).ok_or_else(|| TufClientError::NotFound {
                name: name.to_owned(),
            })
        };
        let metadata = file(&format!("{role}.json"))?;
        let files = tuf::Files {
            timestamp: file("timestamp.json")?,
            snapshot: file("snapshot.json")?,
            targets: file("targets.json")?,
            delegated: metadata,
        };
        let view = tuf::verify_view(root.signed(), role, files, now)
            .map_err(|error| sort(role.as_str(), error))?;
        check_not_ahead(&view, role, now)?;
        if known != before {
            self.remember(&known)?;
        }
        Ok(Trusted {
            root: root_bytes,
            metadata: metadata.clone(),
            view,
        })
    }

    /// Fetches a target, checked against its signed size and digest. It is held in memory.
    pub async fn fetch(
        &self,
        trusted: &Trusted,
        path: &TargetPath,
        bytes_max: u64,
    ) -> Result<Vec<u8>, TufClientError> {
        let target = trusted.targets().get(path);
        let target = target.ok_or_else(|| TufClientError::NotFound {
            name: path.to_string(),
        })?;
        let bytes = target.length();
        let size = usize::try_from(bytes).ok().filter(|_| bytes <= bytes_max);
        let Some(size) = size else {
            return Err(TufClientError::TargetTooLarge {
                path: path.to_string(),
                bytes,
                bytes_max,
            });
        };
        let file = path.repository_file(target.sha256());
        let content = match get(&self.http, &self.base_url, &file, size).await? {
            Some(content) => content,
            None => return Err(TufClientError::NotFound { name: file }),
        };
        if content.len() != size || tlog::sha256(&content) != *target.sha256() {
            return Err(TufClientError::Integrity {
                what: format!("target {path}"),
            });
        }
        Ok(content)
    }

    /// From the pinned root over the remembered ones to the newest; new ones are remembered at
    /// once, because a root once seen must not be forgotten (section 5.3.8).
    async fn walk_roots(
        &self,
        known: &mut BTreeMap<String, Vec<u8>>,
        allow_root: AllowRoot<'_>,
    ) -> Result<(Signed<Root>, Vec<u8>), TufClientError> {
        let allow = |version, bytes: &[u8]| {
            allow_root(bytes).map_err(|source| TufClientError::RootNotAllowed { version, source })
        };
        let first = tuf::verify_first_root(&self.pinned_root);
        let mut root = first.map_err(|error| sort("root", error))?.0;
        let mut bytes = self.pinned_root.clone();
        while let Some(next) = known.get(&stored_root(root.signed().version() + 1)) {
            // Its signatures were judged before it was remembered. A newer pinned root may not be what the remembered ones followed: they are then
            // of no use, and the repository is asked.
            let Ok(verified) = tuf::verify_named_root(root.signed(), next) else {
                break;
            };
            (root, bytes) = (verified, next.clone());
        }
        for count in 0.. {
            let version = root.signed().version() + 1;
            let name = tuf::root_file(version);
            let size = tuf::limits::ROOT_BYTES_MAX;
            let Some(next) = get(&self.http, &self.base_url, &metadata_path(&name), size).await?
            else {
                if count == 0 {
                    allow(version - 1, &bytes)?;
                }
                break;
            };
            if count == NEW_ROOTS_MAX {
                return Err(TufClientError::TooManyRoots);
            }
            let verified = match allow(version, &next)? {
                Naming::Earlier => tuf::verify_next_root(root.signed(), &next),
                Naming::InForce => tuf::verify_named_root(root.signed(), &next),
            };
            root = verified.map_err(|error| sort("root", error))?;
            known.insert(stored_root(version), next.clone());
            self.remember(known)?;
            bytes = next;
        }
        Ok((root, bytes))
    }

    fn recall(&self) -> Result<BTreeMap<String, Vec<u8>>, TufClientError> {
        let damaged = |file: &str| TufClientError::MemoryDamaged {
            file: file.to_owned(),
        };
        let bytes = match self.memory.read(MEMORY_FILE, MEMORY_BYTES_MAX) {
            Err(StoreError::NotFound { .. }) => return Ok(BTreeMap::new()),
            other => other.map_err(TufClientError::Memory)?,
        };
        let memory: Memory = serde_json::from_slice(&bytes).map_err(|_| damaged(MEMORY_FILE))?;
        let mut known = BTreeMap::new();
        for (name, file) in memory.files {
            if tlog::sha256(file.text.as_bytes()).to_hex() != file.sha256 {
                return Err(damaged(&name));
            }
            known.insert(name, file.text.into_bytes());
        }
        Ok(known)
    }

    fn remember(&self, known: &BTreeMap<String, Vec<u8>>) -> Result<(), TufClientError> {
        let mut files = BTreeMap::new();
        for (name, bytes) in known {
            // Metadata that was verified is canonical JSON, so it is text.
            let text = String::from_utf8(bytes.clone()).map_err(|_| TufClientError::Integrity {
                what: format!("{name} is not text, it"),
            })?;
            let sha256 = tlog::sha256(bytes).to_hex();
            files.insert(name.clone(), MemoryFile { sha256, text });
        }
        let bytes = serde_json::to_vec(&Memory { files }).expect("texts and names are JSON");
        self.memory
            .replace(MEMORY_FILE, &bytes)
            .map_err(TufClientError::Memory)
    }
}

/// Versions count up, and what was seen once is never gone behind. Whoever steals a key could use them up
/// with one file, so that no honest version follows; no version is believed that one publication a
/// second could not have reached.
fn check_not_ahead(view: &VerifiedView, role: TargetRole, now: u64) -> Result<(), TufClientError> {
    let latest = now.saturating_sub(VERSIONS_SINCE);
    let versions = [
        ("timestamp", view.timestamp().version()),
        ("snapshot", view.snapshot().version()),
        ("targets", view.top_level().version()),
        (role.as_str(), view.delegated().version()),
    ];
    match versions.iter().find(|(_, version)| *version > latest) {
        Some((role, version)) => Err(TufClientError::FastForward {
            role: (*role).to_owned(),
            version: *version,
            latest,
        }),
        None => Ok(()),
    }
}

/// `trusted-metadata.json`: every file with its digest, so that damage is told from absence.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    files: BTreeMap<String, MemoryFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryFile {
    sha256: String,
    text: String,
}

async fn get(
    http: &Client,
    base_url: &str,
    file: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, TufClientError> {
    match http
        .get_optional(&format!("{base_url}/{file}"), bytes_max)
        .await
    {
        Ok(found) => Ok(found.map(|bytes| bytes.to_vec())),
        Err(source) => Err(TufClientError::Fetch {
            file: file.to_owned(),
            source,
        }),
    }
}

/// Metadata lies beside `targets/`, in a folder of its own.
fn metadata_path(name: &str) -> String {
    format!("metadata/{name}")
}

fn stored_root(version: u64) -> String {
    format!("root_history/{}", tuf::root_file(version))
}

fn probe(role: TargetRole) -> String {
    format!("{role}/probe/probe/probe/1/probe")
}

fn limits() -> UpdaterConfig {
    let mut config = UpdaterConfig::default();
    config.root_max_length = tuf::limits::ROOT_BYTES_MAX as u64;
    config.timestamp_max_length = tuf::limits::TIMESTAMP_BYTES_MAX as u64;
    config.snapshot_max_length = tuf::limits::SNAPSHOT_BYTES_MAX as u64;
    config.targets_max_length = tuf::limits::TARGETS_BYTES_MAX as u64;
    config
}
