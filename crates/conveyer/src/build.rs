//! One build: stage the source, run the recipe's steps in the sandbox, keep the artifacts, run the tests.

use sandbox::{Exit, Finished, Sandbox};
use tlog::Hash;

use crate::artifact;
use crate::crates::{self, LockedCrate};
use crate::environment::Environment;
use crate::error::ConveyerError;
use crate::limits::LOG_TAIL_BYTES;
use crate::party::PartyDirs;
use crate::recipe::Recipe;
use crate::sbom::Finishing;
use crate::source::Source;
use crate::stage::Stage;
use crate::variation::{Variation, clock};

/// Where programs are found inside. Folders that an environment lacks do no harm.
const INNER_PATH: &str = "/opt/rust/bin:/usr/bin:/bin";

/// A file that came out of a build; it is in the party's blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltFile {
    /// File name it is released under.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Its size.
    pub bytes: u64,
}

/// One test of the recipe, as it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// Its name.
    pub name: String,
    /// How it ended; only success is a pass.
    pub exit: Exit,
    /// End of its output, control characters escaped.
    pub log_tail: String,
    /// Wall clock, milliseconds.
    pub wall_ms: u64,
}

/// What a successful build gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOutcome {
    /// Every artifact, in the recipe's order; at least one.
    pub artifacts: Vec<BuiltFile>,
    /// Every test that was asked for.
    pub tests: Vec<TestRun>,
    /// The SBOM of each artifact, in the same order, in the party's blobs; empty where none was asked for.
    pub sboms: Vec<BuiltFile>,
    /// Digest of the source archive.
    pub source: Hash,
    /// Digest of the recipe.
    pub recipe: Hash,
    /// The crates of its Cargo.lock, if the recipe names one.
    pub crates: Vec<LockedCrate>,
    /// Digest of the environment's lock.
    pub environment: Hash,
    /// Digest of what of the environment a build can see.
    pub environment_tree: Hash,
    /// What surrounded the build.
    pub variation: Variation,
    /// Whether programs inside could see the file order that the variation asked for.
    pub file_order_shows: bool,
    /// Whether programs inside saw the time of day that the variation asked for.
    pub clock_moves: bool,
    /// End of the last step's output, control characters escaped.
    pub log_tail: String,
    /// Wall clock of all steps, milliseconds.
    pub wall_ms: u64,
    /// Highest memory seen, bytes (sampled; 0 for very short builds).
    pub peak_memory_bytes: u64,
}

/// Builds the recipe's artifacts from a private copy of the source, in the environment and nothing else. The source
/// archive must be in the party's blobs, and the crates it needs among the party's inputs. Blocks until the build ends.
/// Tests are not run.
///
/// # Errors
/// [`ConveyerError::BuildFailed`] and [`ConveyerError::ArtifactMissing`] say that this source does not build here;
/// everything else says that no build took place.
pub fn build(
    recipe: &Recipe,
    source: &Source,
    environment: &Environment,
    variation: &Variation,
    party: &PartyDirs,
) -> Result<BuildOutcome, ConveyerError> {
    let site = Site::prepare(recipe, source, environment, variation, party)?;
    site.build(source)
}

/// As [`build`], then makes the SBOMs and runs the recipe's tests where it was built. The artifacts were taken out
/// before, so neither cargo nor a test can change them. A test that fails is no error: it is in the outcome.
///
/// # Errors
/// As [`build`].
pub fn build_and_test(
    recipe: &Recipe,
    source: &Source,
    environment: &Environment,
    variation: &Variation,
    party: &PartyDirs,
) -> Result<BuildOutcome, ConveyerError> {
    let site = Site::prepare(recipe, source, environment, variation, party)?;
    let mut outcome = site.build(source)?;
    let finishing = Finishing {
        recipe,
        source,
        environment: environment.lock(),
        artifacts: &outcome.artifacts,
        blobs: party.blobs(),
    };
    outcome.sboms = finishing.bills(|command| site.run(command))?;
    for test in &recipe.tests {
        let done = site.run(&test.command)?;
        outcome.tests.push(TestRun {
            name: test.name.clone(),
            exit: done.exit,
            log_tail: log_tail(&done),
            wall_ms: done.wall_ms,
        });
    }
    Ok(outcome)
}

/// Where one build takes place. Between two commands only what is below `/build` stays.
struct Site<'a> {
    recipe: &'a Recipe,
    environment: &'a Environment,
    variation: &'a Variation,
    party: &'a PartyDirs,
    crates: Vec<LockedCrate>,
    stage: Stage,
    clock_moves: bool,
}

impl<'a> Site<'a> {
    fn prepare(
        recipe: &'a Recipe,
        source: &Source,
        environment: &'a Environment,
        variation: &'a Variation,
        party: &'a PartyDirs,
    ) -> Result<Self, ConveyerError> {
        variation.check()?;
        if recipe.environment != environment.lock().name() {
            return Err(ConveyerError::WrongEnvironment {
                wanted: recipe.environment.clone(),
                given: environment.lock().name().to_owned(),
            });
        }
        let crates = crates::crates_of(recipe, source, party.blobs())?;
        let stage = Stage::prepare(source, recipe, variation, party)?;
        if recipe.cargo_lock.is_some() {
            let (build, epoch) = (stage.build(), recipe.source_date_epoch);
            crates::unpack(&crates, party.inputs(), &build, epoch, &party.identity())?;
        }
        let mut site = Self {
            recipe,
            environment,
            variation,
            party,
            crates,
            stage,
            clock_moves: false,
        };
        site.move_clock()?;
        Ok(site)
    }

    /// Compiles what moves the clock, if it is to be moved and the environment can.
    fn move_clock(&mut self) -> Result<(), ConveyerError> {
        let ahead = self.variation.clock_ahead_seconds;
        if ahead == 0 {
            return Ok(());
        }
        let (lock, build) = (self.environment.lock(), self.stage.build());
        if let Some(command) = clock::source(ahead, lock, &build, &self.party.identity())? {
            let done = self.run(&command)?;
            self.clock_moves = done.exit.is_success();
            if !self.clock_moves {
                tracing::warn!(
                    said = log_tail(&done),
                    "the clock of this build is not moved"
                );
            }
        }
        Ok(())
    }

    fn build(&self, source: &Source) -> Result<BuildOutcome, ConveyerError> {
        let recipe = self.recipe;
        tracing::info!(
            product = recipe.product,
            version = recipe.version,
            source = source.archive().to_hex(),
            "build starts"
        );
        let mut outcome = BuildOutcome {
            artifacts: Vec::new(),
            tests: Vec::new(),
            sboms: Vec::new(),
            source: *source.archive(),
            recipe: recipe.digest,
            crates: self.crates.clone(),
            environment: *self.environment.digest(),
            environment_tree: self.environment.lock().tree_digest(),
            variation: self.variation.clone(),
            file_order_shows: self.stage.order_shows(),
            clock_moves: self.clock_moves,
            log_tail: String::new(),
            wall_ms: 0,
            peak_memory_bytes: 0,
        };
        for (at, step) in recipe.steps.iter().enumerate() {
            let done = self.run(step)?;
            outcome.log_tail = log_tail(&done);
            outcome.wall_ms += done.wall_ms;
            outcome.peak_memory_bytes = outcome.peak_memory_bytes.max(done.peak_memory_bytes);
            if !done.exit.is_success() {
                return Err(ConveyerError::BuildFailed {
                    step: at + 1,
                    steps: recipe.steps.len(),
                    exit: done.exit,
                    log_tail: outcome.log_tail,
                });
            }
        }
        for wanted in &recipe.artifacts {
            outcome
                .artifacts
                .push(self.collect(wanted, &outcome.log_tail)?);
        }
        Ok(outcome)
    }

    fn collect(
        &self,
        wanted: &crate::recipe::ArtifactPlace,
        log_tail: &str,
    ) -> Result<BuiltFile, ConveyerError> {
        let below = self.stage.below_build(&self.recipe.inner_path);
        let path = format!("{below}/{}", wanted.path);
        match artifact::collect(&self.stage.build(), &path, self.party.blobs())? {
            Ok((sha256, bytes)) => Ok(BuiltFile {
                name: wanted.name.clone(),
                sha256,
                bytes,
            }),
            Err(why) => Err(ConveyerError::ArtifactMissing {
                path: wanted.path.to_string(),
                why,
                log_tail: log_tail.to_owned(),
            }),
        }
    }

    fn run(&self, command: &[String]) -> Result<Finished, ConveyerError> {
        Ok(self.confined(command)?.run(self.party.ready())?)
    }

    /// The sandbox of one command: fixed first, then what varies, then what the recipe adds.
    fn confined(&self, command: &[String]) -> Result<Sandbox, ConveyerError> {
        let (recipe, variation) = (self.recipe, self.variation);
        let jobs_max = variation.jobs(recipe.jobs);
        let (jobs, epoch) = (jobs_max.to_string(), recipe.source_date_epoch.to_string());
        let command: Vec<String> = command
            .iter()
            .map(|word| recipe.filled(word, jobs_max))
            .collect();
        let root = self.environment.root();
        let mut sandbox = Sandbox::new(self.party.identity(), root, &command)
            .writable(&self.stage.build(), "/build")
            .cwd(&recipe.inner_path)
            .limits(recipe.limits.clone())
            .inner_ids(variation.uid, variation.gid)
            .hostname(&variation.hostname)
            .umask(variation.umask)
            .cpus(&variation.cpus()?);
        let fixed = [
            ("PATH", INNER_PATH),
            ("HOME", "/build/home"),
            ("CARGO_HOME", "/build/home/cargo"),
            ("CARGO_INCREMENTAL", "0"),
            ("CARGO_NET_OFFLINE", "true"),
            ("CARGO_TERM_COLOR", "never"),
            ("TMPDIR", "/tmp"),
            ("SOURCE_DATE_EPOCH", &epoch),
        ];
        let varied = [
            ("LC_ALL", variation.locale.as_str()),
            ("LANG", &variation.locale),
            ("TZ", &variation.timezone),
            ("CARGO_BUILD_JOBS", &jobs),
            ("JOBS", &jobs),
        ];
        for (name, value) in fixed.into_iter().chain(varied) {
            sandbox = sandbox.env(name, value);
        }
        if self.clock_moves {
            sandbox = sandbox.env("LD_PRELOAD", clock::LIBRARY);
        }
        for (name, value) in &recipe.env {
            sandbox = sandbox.env(name, &recipe.filled(value, jobs_max));
        }
        Ok(sandbox)
    }
}

/// The last lines of both outputs. A build can print anything: control characters become visible text, so that
/// nobody's terminal obeys them.
fn log_tail(done: &Finished) -> String {
    let mut tail = String::new();
    for (name, bytes) in [
        ("standard output", &done.stdout),
        ("standard error", &done.stderr),
    ] {
        if bytes.is_empty() {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LOG_TAIL_BYTES)..]);
        tail.push_str(&format!("[{name}]\n"));
        for character in text.trim_end().chars() {
            match character {
                '\n' => tail.push('\n'),
                '\t' => tail.push(' '),
                other if other.is_control() => tail.extend(other.escape_default()),
                other => tail.push(other),
            }
        }
        tail.push('\n');
    }
    tail
}
