//! A trial on one machine: build twice with everything around changed, and compare. No log, no keys, no statement:
//! it shows whether a recipe gives the same bytes, and proves nothing to anybody else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use binary::{Explanations, Verdict};
use serde::Serialize;

use crate::build::{BuildOutcome, build, build_and_test};
use crate::compare::Report;
use crate::crates::{crates_of, take_crates};
use crate::environment::{Assurance, Environment};
use crate::error::ConveyerError;
use crate::host::HostKind;
use crate::lock::Lock;
use crate::order::BuildOrder;
use crate::party::PartyDirs;
use crate::recipe::Recipe;
use crate::source::Source;
use crate::variation::Variation;

/// In which environment a trial takes place.
#[derive(Clone, Debug)]
pub enum TrialEnvironment {
    /// As this machine has it installed.
    Host(HostKind),
    /// From a lock, whose inputs are in the party's store.
    Locked(Box<Lock>),
}

/// What is tried.
#[derive(Clone, Debug)]
pub struct TrialOrder {
    /// The source and its recipe.
    pub build: BuildOrder,
    /// Where it is built.
    pub environment: TrialEnvironment,
    /// Folder with `.crate` files that ordinary cargo fetched.
    pub crates: Option<PathBuf>,
    /// Rules by which a difference may be explained.
    pub rules: Explanations,
}

/// What a trial says while it goes on.
pub type TrialTell<'a> = &'a dyn Fn(&str);

/// What a trial gave.
#[derive(Debug)]
pub struct Trial {
    /// The source, as an archive.
    pub source: Source,
    /// Its recipe, arguments chosen.
    pub recipe: Recipe,
    /// As the conveyer builds it, with tests.
    pub first: BuildOutcome,
    /// As a rebuilder builds it.
    pub second: BuildOutcome,
    /// What differs: `ours` is the second, `theirs` the first.
    pub report: Report,
}

/// A [`Trial`] for machines.
#[derive(Debug, Serialize)]
pub struct TrialSummary {
    verdict: Verdict,
    product: String,
    version: String,
    archive: String,
    tree: String,
    recipe: String,
    environment: String,
    arguments: BTreeMap<String, String>,
    artifacts: Vec<TrialArtifact>,
    tests: Vec<TrialTest>,
    crates: usize,
    first_wall_ms: u64,
    second_wall_ms: u64,
    file_order_shows: bool,
    clock_moves: bool,
    report: Report,
}

#[derive(Debug, Serialize)]
struct TrialArtifact {
    name: String,
    bytes: u64,
    first: String,
    second: String,
}

#[derive(Debug, Serialize)]
struct TrialTest {
    name: String,
    passed: bool,
}

impl Trial {
    /// The verdict on all artifacts.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.report.verdict
    }

    /// Whether every test passed; true when there is none.
    #[must_use]
    pub fn tests_passed(&self) -> bool {
        self.first.tests.iter().all(|test| test.exit.is_success())
    }

    /// The same for machines.
    #[must_use]
    pub fn summary(&self) -> TrialSummary {
        let pairs = self.first.artifacts.iter().zip(&self.second.artifacts);
        let artifacts = pairs.map(|(first, second)| TrialArtifact {
            name: first.name.clone(),
            bytes: first.bytes,
            first: first.sha256.to_hex(),
            second: second.sha256.to_hex(),
        });
        let tests = self.first.tests.iter().map(|test| TrialTest {
            name: test.name.clone(),
            passed: test.exit.is_success(),
        });
        TrialSummary {
            verdict: self.verdict(),
            product: self.recipe.product.clone(),
            version: self.recipe.version.clone(),
            archive: self.source.archive().to_hex(),
            tree: self.source.tree().to_hex(),
            recipe: self.recipe.digest.to_hex(),
            environment: self.first.environment.to_hex(),
            arguments: self.recipe.chosen(),
            artifacts: artifacts.collect(),
            tests: tests.collect(),
            crates: self.first.crates.len(),
            first_wall_ms: self.first.wall_ms,
            second_wall_ms: self.second.wall_ms,
            file_order_shows: self.second.file_order_shows,
            clock_moves: self.second.clock_moves,
            report: self.report.clone(),
        }
    }
}

/// Imports, builds, tests, builds again in another surrounding, compares.
///
/// # Errors
/// As [`BuildOrder::import`], [`Environment::assemble`], [`build_and_test`] and [`take_crates`].
pub fn try_recipe(
    order: &TrialOrder,
    party: &PartyDirs,
    tell: TrialTell<'_>,
) -> Result<Trial, ConveyerError> {
    let (source, recipe) = order.build.import(party.blobs())?;
    let (files, archive) = (source.files().len(), source.archive().to_hex());
    tell(&format!("source archive {archive}, {files} files"));
    let crates = crates_of(&recipe, &source, party.blobs())?;
    if let Some(folder) = &order.crates {
        let taken = take_crates(&crates, folder, party.inputs())?;
        tell(&format!(
            "{} crates of Cargo.lock, {taken} taken now",
            crates.len()
        ));
    }
    let environment = match &order.environment {
        TrialEnvironment::Host(kind) => Environment::import_host(*kind, party)?,
        TrialEnvironment::Locked(lock) => {
            Environment::assemble(Lock::clone(lock), party, Assurance::Listing)?
        }
    };
    let (name, digest) = (environment.lock().name(), environment.digest().to_hex());
    tell(&format!("environment {name} {digest}"));
    tell("building as the conveyer does");
    let first = Variation::conveyer();
    let first = build_and_test(&recipe, &source, &environment, &first, party)?;
    for test in &first.tests {
        let how = if test.exit.is_success() {
            "passed"
        } else {
            "FAILED"
        };
        tell(&format!("test {} {how}", test.name));
    }
    tell("building as a rebuilder does, everything around it changed");
    let second = Variation::rebuilder(1);
    let second = build(&recipe, &source, &environment, &second, party)?;
    let mut report = Report::new(&order.rules);
    for (one, other) in first.artifacts.iter().zip(&second.artifacts) {
        if one.sha256 != other.sha256 {
            let original = party.blobs().get(&one.sha256, one.bytes)?;
            let rebuilt = party.blobs().get(&other.sha256, other.bytes)?;
            report.compare(&one.name, &rebuilt, &original, &order.rules);
        }
    }
    Ok(Trial {
        source,
        recipe,
        first,
        second,
        report,
    })
}
