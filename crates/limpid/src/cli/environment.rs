//! `limpid conveyer environment ...`

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ::conveyer::{
    Center, EnvironmentStore, HostKind, Lock, Obtained, Sources, Supplier, WishList, fetch,
    lock_wishes,
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::out::{AlreadyTold, Out};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Resolve a wish list against public origins; write the lock
    Lock {
        /// Wish list (TOML): Debian packages, archives, crates, links
        #[arg(long, value_name = "FILE")]
        packages: PathBuf,
        /// Where to write the lock
        #[arg(long, value_name = "LOCK")]
        out: PathBuf,
        /// Keep what is downloaded here; else it is thrown away
        #[arg(long, value_name = "DIR")]
        store: Option<PathBuf>,
        #[command(flatten)]
        suppliers: Suppliers,
    },
    /// Get every input of a lock and compare it with the lock
    Fetch {
        #[command(flatten)]
        place: Place,
        /// Ask the center for what its public origin no longer has
        #[arg(long, value_name = "URL|DIR")]
        center: Option<String>,
        #[command(flatten)]
        suppliers: Suppliers,
    },
    /// Hash everything a lock names again, and say what is wrong
    Verify(Place),
    /// Show where each input came from; who gave what the origin has not
    Status(Place),
    /// Lock an environment as this host has it; no signature is checked
    Import {
        /// rust-host or busybox
        #[arg(value_name = "NAME", value_parser = kind)]
        kind: HostKind,
        /// Where to write the lock
        #[arg(long, value_name = "LOCK")]
        out: PathBuf,
        /// Keep the files here; else they are thrown away
        #[arg(long, value_name = "DIR")]
        store: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: PathBuf,
    /// This party's own store of inputs
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Suppliers {
    /// Look for files here first (can be given more than once)
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,
    /// Address of an origin that is neither Debian nor a crate registry
    #[arg(long, value_name = "NAME=URL", value_parser = origin)]
    origin: Vec<(String, String)>,
}

impl Suppliers {
    fn sources(self, center: Option<&str>) -> Sources {
        Sources {
            origins: self.origin.into_iter().collect(),
            folders: self.from,
            center: center.map(Center::parse),
        }
    }
}

impl Verb {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let tell = move |line: &str| out.folded(2, line);
        match self {
            Self::Lock {
                packages,
                out: path,
                store,
                suppliers,
            } => {
                let scratch = tempfile::tempdir().context("cannot make a folder")?;
                let store = store.as_deref().unwrap_or(scratch.path());
                let store = EnvironmentStore::open(store)?;
                let text = fs::read_to_string(&packages)
                    .with_context(|| format!("cannot read {}", packages.display()))?;
                let folder = packages.parent().unwrap_or(Path::new("."));
                let wishes = WishList::parse(&text, folder)?;
                let lock = lock_wishes(&wishes, &suppliers.sources(None), &store, &tell)?;
                write_lock(out, &lock, &path)
            }
            Self::Fetch {
                place,
                center,
                suppliers,
            } => {
                let (lock, store) = place.open()?;
                let sources = suppliers.sources(center.as_deref());
                let fetched = fetch(&lock, &sources, &store, &tell)?;
                show(out, &lock, &fetched.obtained);
                Ok(())
            }
            Self::Verify(place) => verify(out, &place),
            Self::Status(place) => {
                let (lock, store) = place.open()?;
                show(out, &lock, &store.obtained(&lock)?);
                Ok(())
            }
            Self::Import {
                kind,
                out: path,
                store,
            } => {
                let scratch = tempfile::tempdir().context("cannot make a folder")?;
                let store = store.as_deref().unwrap_or(scratch.path());
                let store = EnvironmentStore::open(store)?;
                let lock = Lock::import_host(kind, store.inputs())?;
                write_lock(out, &lock, &path)
            }
        }
    }
}

impl Place {
    fn open(&self) -> Result<(Lock, EnvironmentStore)> {
        let text = fs::read_to_string(&self.lock)
            .with_context(|| format!("cannot read {}", self.lock.display()))?;
        let lock =
            Lock::parse(&text).with_context(|| format!("{} is refused", self.lock.display()))?;
        Ok((lock, EnvironmentStore::open(&self.store)?))
    }
}

fn write_lock(out: Out, lock: &Lock, path: &Path) -> Result<()> {
    fs::write(path, lock.to_text()).with_context(|| format!("cannot write {}", path.display()))?;
    let (digest, tree) = (lock.digest().to_hex(), lock.tree_digest().to_hex());
    let text = format!(
        "environment {}\nlock {digest}\ntree {tree}\n{} inputs, {} files and links\nwritten to {}",
        lock.name(),
        lock.inputs().len(),
        lock.files().len(),
        path.display()
    );
    out.result(
        &text,
        &json!({"name": lock.name(), "lock": digest, "tree": tree,
                "inputs": lock.inputs().len(), "files": lock.files().len(), "path": path}),
    );
    Ok(())
}

fn verify(out: Out, place: &Place) -> Result<()> {
    let (lock, store) = place.open()?;
    let verified = store.verify(&lock);
    let mut text = format!(
        "{} blobs, {} bytes in {} ms: {}",
        verified.blobs,
        verified.bytes,
        verified.wall_ms,
        if verified.wrong.is_empty() {
            "all as the lock says".to_owned()
        } else {
            format!("{} wrong", verified.wrong.len())
        }
    );
    for wrong in &verified.wrong {
        text += &format!(
            "\n{} {}\n  {}\n  {}",
            wrong.input, wrong.what, wrong.why, wrong.remedy
        );
    }
    let wrong: Vec<Value> = verified
        .wrong
        .iter()
        .map(|one| {
            json!({"input": one.input, "what": one.what, "why": one.why, "remedy": one.remedy})
        })
        .collect();
    out.result(
        &text,
        &json!({"blobs": verified.blobs, "bytes": verified.bytes, "wall_ms": verified.wall_ms,
                "wrong": wrong}),
    );
    if verified.wrong.is_empty() {
        return Ok(());
    }
    Err(AlreadyTold.into())
}

/// Counts by origin and supplier, and by name what only the center gave or what is not here.
fn show(out: Out, lock: &Lock, obtained: &[Obtained]) {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for one in obtained {
        *counts
            .entry((one.origin.clone(), one.from.to_string()))
            .or_default() += 1;
    }
    let mut lines = vec![format!("lock {}", lock.digest().to_hex())];
    for ((origin, from), count) in &counts {
        lines.push(format!("origin {origin}: {count} from {from}"));
    }
    for one in obtained.iter().filter(|one| one.from == Supplier::Center) {
        let why = one.why.as_deref().unwrap_or("no reason was kept");
        lines.push(format!("taken from the center: {} ({why})", one.input));
    }
    let is_here = |name: &str| obtained.iter().any(|one| one.input == name);
    let absent: Vec<&str> = lock
        .inputs()
        .iter()
        .filter(|input| input.origin != "limpid" && !is_here(&input.name))
        .map(|input| input.name.as_str())
        .collect();
    if !absent.is_empty() {
        lines.push(format!("not fetched: {}", absent.join(" ")));
    }
    let center: Vec<&Obtained> = obtained
        .iter()
        .filter(|one| one.from == Supplier::Center)
        .collect();
    out.result(
        &lines.join("\n"),
        &json!({"lock": lock.digest().to_hex(), "obtained": obtained,
                "taken_from_center": center, "not_fetched": absent}),
    );
}

fn kind(text: &str) -> Result<HostKind, String> {
    HostKind::from_name(text).ok_or_else(|| "it is rust-host or busybox".to_owned())
}

fn origin(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, address)) if !name.is_empty() && address.contains("://") => {
            Ok((name.to_owned(), address.to_owned()))
        }
        _ => Err("it is NAME=URL".to_owned()),
    }
}
