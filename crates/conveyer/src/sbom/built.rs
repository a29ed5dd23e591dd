//! The SBOMs of a build that just succeeded: cargo is asked where it was built, after the artifacts were taken out.

use sandbox::Finished;
use store::Blobs;

use super::limits::CARGO_LOCK_BYTES_MAX;
use super::order::{cargo_lock, file_name};
use super::{CargoFacts, Sbom, SbomFault, SbomInput, of};
use crate::build::BuiltFile;
use crate::error::ConveyerError;
use crate::lock::Lock;
use crate::recipe::Recipe;
use crate::source::Source;

/// Ours and the only one so far; a build may name another.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What decides which crates are resolved, and takes a value.
const DECIDING: [&str; 4] = ["--features", "-F", "--manifest-path", "--config"];
/// The same without a value.
const DECIDING_ALONE: [&str; 3] = ["--all-features", "--no-default-features", "--locked"];

/// What was built, from what and in what.
pub(crate) struct Finishing<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) source: &'a Source,
    pub(crate) environment: &'a Lock,
    pub(crate) artifacts: &'a [BuiltFile],
    pub(crate) blobs: &'a Blobs,
}

impl Finishing<'_> {
    /// Makes the SBOM of each artifact and keeps it in the blobs. Where cargo does not answer, or contradicts the lock
    /// of crates, the SBOM rests on less and says so: nobody decides by it, and a build is not worth less.
    pub(crate) fn bills(
        &self,
        run: impl Fn(&[String]) -> Result<Finished, ConveyerError>,
    ) -> Result<Vec<BuiltFile>, ConveyerError> {
        let lock = cargo_lock(self.recipe, self.source)
            .map(|path| {
                self.source
                    .read_file(self.blobs, path, CARGO_LOCK_BYTES_MAX)
            })
            .transpose()?;
        let (mut messages, mut metadata) = (None, None);
        if lock.is_some()
            && let Some(questions) = Questions::about(&self.recipe.steps)
        {
            messages = answer(&questions.messages, &run)?;
            metadata = answer(&questions.metadata, &run)?;
        }
        let facts = lock.as_deref().map(|lock| CargoFacts {
            lock,
            messages: messages.as_deref(),
            metadata: metadata.as_deref(),
        });
        let bill = |(at, artifact)| self.bill(at, artifact, facts);
        self.artifacts.iter().enumerate().map(bill).collect()
    }

    fn bill(
        &self,
        at: usize,
        artifact: &BuiltFile,
        facts: Option<CargoFacts<'_>>,
    ) -> Result<BuiltFile, ConveyerError> {
        let lock_alone = facts.map(|facts| CargoFacts {
            messages: None,
            metadata: None,
            ..facts
        });
        let bill = self
            .try_with(at, artifact, facts)
            .or_else(|fault| {
                tracing::warn!(%fault, "the SBOM does without what cargo says about the build");
                self.try_with(at, artifact, lock_alone)
            })
            .or_else(|fault| {
                tracing::warn!(%fault, "the SBOM does without Cargo.lock");
                self.try_with(at, artifact, None)
            })?;
        let text = bill.to_json();
        Ok(BuiltFile {
            name: format!("{}.cdx.json", artifact.name),
            bytes: text.len() as u64,
            sha256: self.blobs.put(&text)?,
        })
    }

    fn try_with(
        &self,
        at: usize,
        artifact: &BuiltFile,
        cargo: Option<CargoFacts<'_>>,
    ) -> Result<Sbom, SbomFault> {
        let place = &self.recipe.artifacts[at];
        of(&SbomInput {
            product: &self.recipe.product,
            version: &self.recipe.version,
            artifact_name: &artifact.name,
            artifact_file: file_name(place.path.as_str()),
            artifact: Some(artifact.sha256),
            archive: *self.source.archive(),
            tree: *self.source.tree(),
            recipe: self.recipe.digest,
            source_date_epoch: self.recipe.source_date_epoch,
            environment: self.environment,
            cargo,
        })
    }
}

/// What cargo prints, if it succeeds.
fn answer(
    command: &[String],
    run: impl Fn(&[String]) -> Result<Finished, ConveyerError>,
) -> Result<Option<Vec<u8>>, ConveyerError> {
    let done = run(command)?;
    if done.exit.is_success() {
        return Ok(Some(done.stdout));
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let said: String = said.chars().take(400).collect();
    tracing::warn!(?command, exit = %done.exit, ?said, "cargo says nothing for the SBOM");
    Ok(None)
}

/// The two commands that ask about the last `cargo build` of a recipe.
#[derive(Debug, PartialEq, Eq)]
struct Questions {
    /// The same build again: nothing is left to do, and cargo names everything that is done.
    messages: Vec<String>,
    metadata: Vec<String>,
}

impl Questions {
    fn about(steps: &[Vec<String>]) -> Option<Self> {
        let is_build = |step: &&Vec<String>| {
            let program = step.first().map(|word| file_name(word));
            program == Some("cargo") && step.get(1).is_some_and(|verb| verb == "build")
        };
        let build = steps.iter().rfind(is_build)?;
        let (program, arguments) = (&build[0], &build[2..]);
        let owned = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let mut messages = owned(&[program, "build", "--message-format=json"]);
        let mut metadata = owned(&[program, "metadata", "--format-version=1"]);
        let mut target = TARGET.to_owned();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let name = word.split('=').next().unwrap_or(word);
            let separate = !word.contains('=');
            let takes =
                DECIDING.contains(&name) || ["--target", "--message-format"].contains(&name);
            let value = if takes && separate {
                words.next()
            } else {
                None
            };
            if name != "--message-format" {
                messages.push(word.clone());
                messages.extend(value.cloned());
            }
            if DECIDING.contains(&name) || DECIDING_ALONE.contains(&word.as_str()) {
                metadata.push(word.clone());
                metadata.extend(value.cloned());
            }
            if name == "--target" {
                let joined = word.split_once('=').map(|(_, value)| value.to_owned());
                target = joined.or_else(|| value.cloned()).unwrap_or(target);
            }
        }
        metadata.push(format!("--filter-platform={target}"));
        Some(Self { messages, metadata })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(command: &str) -> Option<(String, String)> {
        let steps = [command.split(' ').map(str::to_owned).collect()];
        let questions = Questions::about(&steps)?;
        Some((questions.messages.join(" "), questions.metadata.join(" ")))
    }

    #[test]
    fn cargo_is_asked_by_the_same_command_and_about_the_same_features() {
        let (messages, metadata) =
            asked("cargo build --release --features a,b --locked --message-format short -p x")
                .unwrap();
        assert_eq!(
            messages,
            "cargo build --message-format=json --release --features a,b --locked -p x"
        );
        assert_eq!(
            metadata,
            "cargo metadata --format-version=1 --features a,b --locked \
             --filter-platform=x86_64-unknown-linux-gnu"
        );
        let (_, metadata) =
            asked("/usr/bin/cargo build --target=riscv64 --manifest-path=a/Cargo.toml").unwrap();
        assert_eq!(
            metadata,
            "/usr/bin/cargo metadata --format-version=1 --manifest-path=a/Cargo.toml \
             --filter-platform=riscv64"
        );
    }

    #[test]
    fn what_is_no_cargo_build_is_not_asked_about() {
        for command in ["make", "cargo test", "busybox sh build.sh"] {
            assert_eq!(asked(command), None, "{command}");
        }
    }
}
