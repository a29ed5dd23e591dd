//! One build: stage the source, run the recipe's command in the sandbox, keep the artifact.

use sandbox::{Finished, Sandbox};
use tlog::Hash;

use crate::artifact;
use crate::environment::Environment;
use crate::error::ConveyerError;
use crate::limits::LOG_TAIL_BYTES;
use crate::party::PartyDirs;
use crate::recipe::Recipe;
use crate::source::Source;
use crate::stage::Stage;
use crate::variation::Variation;

/// Where programs are found inside. Folders that an environment lacks do no harm.
const INNER_PATH: &str = "/opt/rust/bin:/usr/bin:/bin";

/// What a successful build gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOutcome {
    /// SHA-256 of the artifact, which is in the party's blobs.
    pub artifact: Hash,
    /// Its size, bytes.
    pub artifact_bytes: u64,
    /// File name it is released under.
    pub artifact_name: String,
    /// Digest of the source archive.
    pub source: Hash,
    /// Digest of the recipe.
    pub recipe: Hash,
    /// Digest of the environment's lock.
    pub environment: Hash,
    /// Digest of what of the environment a build can see.
    pub environment_tree: Hash,
    /// What surrounded the build.
    pub variation: Variation,
    /// Whether programs inside could see the file order that the variation asked for.
    pub file_order_shows: bool,
    /// End of the output, control characters escaped.
    pub log_tail: String,
    /// Wall clock, milliseconds.
    pub wall_ms: u64,
    /// Highest memory seen, bytes (sampled; 0 for very short builds).
    pub peak_memory_bytes: u64,
}

/// Builds the recipe's artifact from a private copy of the source, in the environment and nothing else. The source
/// archive must be in the party's blobs. Blocks until the build ends.
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
    variation.check()?;
    if recipe.environment != environment.lock().name() {
        return Err(ConveyerError::WrongEnvironment {
            wanted: recipe.environment.clone(),
            given: environment.lock().name().to_owned(),
        });
    }
    let stage = Stage::prepare(source, recipe, variation, party)?;
    let run = confined(recipe, environment, variation, party, &stage)?;
    tracing::info!(
        product = recipe.product,
        version = recipe.version,
        source = source.archive().to_hex(),
        "build starts"
    );
    let done = run.run(party.ready())?;
    let log_tail = log_tail(&done);
    if !done.exit.is_success() {
        return Err(ConveyerError::BuildFailed {
            exit: done.exit,
            log_tail,
        });
    }
    let path = format!(
        "{}/{}",
        stage.below_build(&recipe.inner_path),
        recipe.artifact_path
    );
    let (artifact, artifact_bytes) = match artifact::collect(&stage.build(), &path, party.blobs())?
    {
        Ok(found) => found,
        Err(why) => {
            return Err(ConveyerError::ArtifactMissing {
                path: recipe.artifact_path.to_string(),
                why,
                log_tail,
            });
        }
    };
    Ok(BuildOutcome {
        artifact,
        artifact_bytes,
        artifact_name: recipe.artifact_name.clone(),
        source: *source.archive(),
        recipe: recipe.digest,
        environment: *environment.digest(),
        environment_tree: environment.lock().tree_digest(),
        variation: variation.clone(),
        file_order_shows: stage.order_shows(),
        log_tail,
        wall_ms: done.wall_ms,
        peak_memory_bytes: done.peak_memory_bytes,
    })
}

/// The sandbox of a build: fixed first, then what varies, then what the recipe adds.
fn confined(
    recipe: &Recipe,
    environment: &Environment,
    variation: &Variation,
    party: &PartyDirs,
    stage: &Stage,
) -> Result<Sandbox, ConveyerError> {
    let jobs = variation.jobs(recipe.jobs).to_string();
    let epoch = recipe.source_date_epoch.to_string();
    let mut sandbox = Sandbox::new(party.identity(), environment.root(), &recipe.command)
        .writable(&stage.build(), "/build")
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
    let own = recipe
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in fixed.into_iter().chain(varied).chain(own) {
        sandbox = sandbox.env(name, value);
    }
    Ok(sandbox)
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
