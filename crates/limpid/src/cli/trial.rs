//! `limpid conveyer try`, `import` and `vendor`: a recipe on this machine, without a log.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ::binary::{Explanations, Rule, Verdict};
use ::conveyer::{
    HostKind, Lock, PartyDirs, Trial, TrialEnvironment, TrialOrder, crates_of, take_crates,
    try_recipe,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use sandbox::Identity;
use serde_json::json;

use super::source::{Choices, FromArgs};
use crate::out::{Out, Status};

/// Differs, each byte by a rule.
const EXPLAINED: u8 = 3;
/// Differs.
const UNEXPLAINED: u8 = 4;
/// Identical, and a test failed.
const TESTS_FAILED: u8 = 5;

#[derive(Debug, Args)]
pub(super) struct Try {
    #[command(flatten)]
    from: FromArgs,
    /// Lock of the environment; or rust-host or busybox, as installed here
    #[arg(long, value_name = "LOCK")]
    environment: String,
    /// Where inputs and results are kept; inputs of LOCK are there
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Folder with .crate files that cargo fetched
    #[arg(long, value_name = "DIR")]
    crates: Option<PathBuf>,
    #[command(flatten)]
    choices: Choices,
    /// Copy the artifacts here
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Switch an explanation off
    #[arg(long, value_name = "RULE")]
    no_explain: Vec<Rule>,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    from: FromArgs,
    /// Where the archive is kept
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Vendor {
    #[command(flatten)]
    from: FromArgs,
    /// Folder with .crate files that cargo fetched: registry/cache
    #[arg(long, value_name = "DIR")]
    crates: PathBuf,
    /// Where inputs are kept
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
}

fn party(store: &Path) -> Result<PartyDirs> {
    let identity = Identity::for_party(0)?;
    Ok(PartyDirs::open(store, identity)?)
}

impl Import {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let (source, recipe) = self.from.order().import(party(&self.store)?.blobs())?;
        let (archive, tree) = (source.archive().to_hex(), source.tree().to_hex());
        let mut text = format!(
            "{} {}\narchive {archive}\n{} files, {} bytes\ntree    {tree}\nrecipe  {}",
            recipe.product,
            recipe.version,
            source.files().len(),
            source.archive_bytes(),
            recipe.digest.to_hex()
        );
        if let Some(git) = source.git() {
            text.push_str(&format!("\ncommit  {} by {}", git.commit, git.author));
            for module in &git.submodules {
                text.push_str(&format!("\n        {} in {}", module.commit, module.path));
            }
        }
        let git = source.git().map(|git| {
            json!({"commit": git.commit, "author": git.author, "signature": git.signature,
                   "submodules": git.submodules})
        });
        let value = json!({"product": recipe.product, "version": recipe.version, "archive": archive,
            "bytes": source.archive_bytes(), "files": source.files().len(), "tree": tree,
            "recipe": recipe.digest.to_hex(), "git": git});
        out.result(&text, &value);
        Ok(())
    }
}

impl Vendor {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let party = party(&self.store)?;
        let (source, recipe) = self.from.order().import(party.blobs())?;
        if recipe.cargo_lock.is_none() {
            bail!(
                "the recipe has no [cargo] table, so nothing is vendored; add: lock = \"Cargo.lock\""
            );
        }
        let crates = crates_of(&recipe, &source, party.blobs())?;
        let taken = take_crates(&crates, &self.crates, party.inputs())?;
        let text = format!(
            "{} crates, each with the checksum of Cargo.lock; {taken} taken now",
            crates.len()
        );
        let listed: Vec<_> = crates
            .iter()
            .map(|one| {
                json!({"name": one.name, "version": one.version, "sha256": one.checksum.to_hex()})
            })
            .collect();
        out.result(&text, &json!({"taken": taken, "crates": listed}));
        Ok(())
    }
}

impl Try {
    pub(super) fn run(self, out: Out) -> Result<()> {
        let party = party(&self.store)?;
        let environment = match HostKind::from_name(&self.environment) {
            Some(kind) => TrialEnvironment::Host(kind),
            None => {
                let text = fs::read_to_string(&self.environment)
                    .with_context(|| format!("cannot read {}", self.environment))?;
                let lock = Lock::parse(&text)
                    .with_context(|| format!("{} is refused", self.environment))?;
                TrialEnvironment::Locked(Box::new(lock))
            }
        };
        let off = self.no_explain.iter().copied();
        let order = TrialOrder {
            build: self.from.order_with(self.choices),
            environment,
            crates: self.crates.clone(),
            rules: off.fold(Explanations::all(), Explanations::without),
        };
        let tell = move |line: &str| out.folded(2, line);
        let trial = try_recipe(&order, &party, &tell)?;
        if let Some(folder) = &self.out {
            copy_out(&trial, &party, folder)?;
        }
        out.result(&told(&trial), &serde_json::to_value(trial.summary())?);
        match (trial.verdict(), trial.tests_passed()) {
            (Verdict::Identical, true) => Ok(()),
            (Verdict::Identical, false) => Err(Status(TESTS_FAILED).into()),
            (Verdict::Explained, _) => Err(Status(EXPLAINED).into()),
            (Verdict::Unexplained, _) => Err(Status(UNEXPLAINED).into()),
        }
    }
}

/// The first build's artifacts, under the names they are released by.
fn copy_out(trial: &Trial, party: &PartyDirs, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for built in &trial.first.artifacts {
        let path = folder.join(&built.name);
        let bytes = party.blobs().get(&built.sha256, built.bytes)?;
        let mode = if is_program(&bytes) { 0o755 } else { 0o644 };
        fs::write(&path, bytes)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Blobs have no mode, so the bytes tell: ELF, or a script that names its interpreter.
fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"#!")
}

fn told(trial: &Trial) -> String {
    let mut text = format!(
        "{}: {} {}, built in {} and {} ms\n",
        trial.verdict(),
        trial.recipe.product,
        trial.recipe.version,
        trial.first.wall_ms,
        trial.second.wall_ms
    );
    let pairs = trial.first.artifacts.iter().zip(&trial.second.artifacts);
    for (first, second) in pairs {
        text.push_str(&format!("{} ({} bytes)\n", first.name, first.bytes));
        text.push_str(&format!("  {}\n", first.sha256.to_hex()));
        if first.sha256 != second.sha256 {
            text.push_str(&format!("  {}\n", second.sha256.to_hex()));
        }
    }
    for test in trial
        .first
        .tests
        .iter()
        .filter(|test| !test.exit.is_success())
    {
        let (name, exit, tail) = (&test.name, test.exit, &test.log_tail);
        text.push_str(&format!(
            "test {name} ended with {exit}; its last words:\n{tail}"
        ));
    }
    for compared in &trial.report.artifacts {
        text.push_str(&format!("\n{}: {}", compared.name, compared.comparison));
    }
    text
}
