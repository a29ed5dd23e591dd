//! The conveyer's steps, each of which can be run again.

use std::sync::Arc;

use keys::StatementKey;
use statement::{FileDigest, StatementDigest, StatementSigner as _, TestOutcome};
use tokio::time::Instant;

use super::build_release::Built;
use super::config::{ConveyerConfig, Ground};
use super::error::RoomError;
use super::kept::KeptResult;
use super::log_view::{Commitments, own_provenance};
use super::statements::{self, Inputs};
use super::step::{Progress, Step};
use super::workshop::{Clock, Run, Workshop, blocking, load_key};
use crate::build::BuildOutcome;
use crate::crates::{crate_list, crates_of};
use crate::error::ConveyerError;
use crate::limits::RECIPE_BYTES_MAX;
use crate::lock::Lock;
use crate::order::BuildOrder;
use crate::recipe::Recipe;
use crate::source::Source;
use crate::variation::Variation;

/// The conveyer at work: author's and conveyer's key, one directory, one log.
pub struct Conveyer<'a> {
    workshop: Workshop<'a>,
    config: &'a ConveyerConfig,
    author: StatementKey,
    key: StatementKey,
}

/// A source that stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    build: StatementDigest,
    inputs: Inputs,
}

impl Announced {
    /// Digest of the `source` statement.
    #[must_use]
    pub const fn build(&self) -> StatementDigest {
        self.build
    }
}

impl<'a> Conveyer<'a> {
    /// Opens directory and keys, and checks that this machine can isolate a build.
    ///
    /// # Errors
    /// Another process works here, a key cannot be read, the sandbox refuses, or the disk does.
    pub fn open(
        config: &'a ConveyerConfig,
        progress: Progress<'a>,
        clock: Clock,
    ) -> Result<Self, RoomError> {
        let passphrase = config.keys.passphrase.as_deref();
        Ok(Self {
            author: load_key(&config.keys.author, passphrase)?,
            key: load_key(&config.keys.conveyer, passphrase)?,
            workshop: Workshop::open(Ground::from(config), progress, clock)?,
            config,
        })
    }

    /// Turns a directory or commit into the archive, reads its recipe, and chooses the arguments.
    ///
    /// # Errors
    /// As [`BuildOrder::import`].
    pub async fn import(
        &self,
        order: impl Into<BuildOrder>,
    ) -> Result<(Source, Recipe), RoomError> {
        let (order, party) = (order.into(), Arc::clone(&self.workshop.party));
        let (source, recipe) = blocking(move || order.import(party.blobs())).await??;
        self.workshop.tell(Step::SourceImported {
            archive: FileDigest::new(*source.archive()),
            bytes: source.archive_bytes(),
            entries: source.files().len(),
        });
        Ok((source, recipe))
    }

    /// Puts archive and recipe into the log and says with the author's key that this is what gets built.
    ///
    /// # Errors
    /// [`RoomError::BlobTooLarge`]; the log refuses or is away.
    pub async fn announce(
        &mut self,
        source: &Source,
        recipe: &Recipe,
    ) -> Result<Announced, RoomError> {
        let blobs = self.workshop.party.blobs();
        self.workshop
            .check_blob("source archive", source.archive_bytes())?;
        let archive = blobs
            .get(source.archive(), source.archive_bytes())
            .map_err(RoomError::from)?;
        let recipe_text = source.read_file(blobs, "recipe.toml", RECIPE_BYTES_MAX)?;
        let recipe_bytes = recipe_text.len() as u64;
        self.workshop.sync().await?;
        for (what, bytes) in [("source archive", archive), ("recipe", recipe_text)] {
            self.workshop.put_blob(what, bytes, &self.author).await?;
        }
        let (config, recipe_and_size) = (self.config, (recipe, recipe_bytes));
        let draft = |not_after| statements::source(config, source, recipe_and_size, not_after);
        let envelope = self.workshop.sign_once(draft, &self.author)?;
        self.workshop.submit(&envelope).await?;
        let build = envelope.digest();
        self.workshop.tell(Step::SourceLogged(build));
        let crates = crates_of(recipe, source, self.workshop.party.blobs())?;
        let list = crate_list(&crates);
        let listed = (FileDigest::of(list.as_bytes()), list.len() as u64);
        let inputs = Inputs {
            archive: FileDigest::new(*source.archive()),
            recipe: FileDigest::new(recipe.digest),
            arguments: recipe.chosen(),
            crates: recipe.cargo_lock.is_some().then_some(listed),
        };
        if inputs.crates.is_some() {
            let put = self
                .workshop
                .put_blob("list of crates", list.into_bytes(), &self.key);
            put.await?;
        }
        Ok(Announced { build, inputs })
    }

    /// The result of a build from before a restart.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn kept(&self, announced: &Announced) -> Result<Option<KeptResult>, RoomError> {
        let found = self
            .workshop
            .results
            .find(announced.build, self.key.key())?;
        if found.is_some() {
            self.workshop.tell(Step::ResultFound(announced.build));
        }
        Ok(found)
    }

    /// Builds in the sandbox, and runs the recipe's tests.
    ///
    /// # Errors
    /// As [`crate::build_and_test`], or [`RoomError::BlobTooLarge`] for an artifact.
    pub async fn build(
        &mut self,
        source: &Source,
        recipe: &Recipe,
    ) -> Result<BuildOutcome, RoomError> {
        let variation = Variation::conveyer();
        let build = Run::BuildAndTest;
        let outcome = self
            .workshop
            .build(source, recipe, &variation, build)
            .await?;
        for built in &outcome.artifacts {
            self.workshop.check_blob("artifact", built.bytes)?;
        }
        Ok(outcome)
    }

    /// Keeps the outcome with a fresh salt; nobody sees anything of it yet. There must be none for this build.
    ///
    /// # Errors
    /// The disk refuses, or a result is kept already.
    pub fn keep(
        &self,
        announced: &Announced,
        outcome: &BuildOutcome,
    ) -> Result<KeptResult, RoomError> {
        self.workshop.keep(announced.build, &self.key, outcome)
    }

    /// Logs the environment that was built in, and the commitment to the result.
    ///
    /// # Errors
    /// The log refuses or is away.
    pub async fn commit(&mut self, kept: &KeptResult) -> Result<(), RoomError> {
        let text = self.workshop.lock_text(kept.environment())?;
        let lock = Lock::parse(&String::from_utf8_lossy(&text)).map_err(ConveyerError::from)?;
        self.workshop
            .put_blob("environment lock", text, &self.key)
            .await?;
        let origin = &self.config.origin;
        let draft = |not_after| statements::environment(origin, &lock, not_after);
        let envelope = self.workshop.sign_once(draft, &self.key)?;
        self.workshop.submit(&envelope).await?;
        self.workshop
            .tell(Step::EnvironmentLogged(kept.environment()));
        self.workshop.commit(kept, &self.key).await
    }

    /// Waits until as many independent rebuilders as the constitution asks for have committed.
    ///
    /// # Errors
    /// [`RoomError::TooFewCommitments`] after `wait_ms`; [`RoomError::RevealedEarly`] when waiting is of no use.
    pub async fn await_commitments(&mut self, kept: &KeptResult) -> Result<(), RoomError> {
        let started = Instant::now();
        let mut last = None;
        loop {
            self.workshop.sync().await?;
            let view = self.workshop.follower.view()?;
            let build = kept.build();
            if own_provenance(view, build, self.key.key()).is_some() {
                return Ok(());
            }
            let found = Commitments::of(view, kept)?;
            if found.are_enough() {
                self.workshop
                    .tell(Step::CommitmentsStand(found.committed.len()));
                return Ok(());
            }
            if let Some((party, index)) = found.revealed {
                return Err(RoomError::RevealedEarly {
                    build,
                    party,
                    index,
                });
            }
            let error = RoomError::TooFewCommitments {
                build,
                needed: found.needed,
                committed: found.committed,
                missing: found.missing,
                waited_ms: self.config.wait_ms,
            };
            if started.elapsed() >= self.workshop.wait() {
                return Err(error);
            }
            let why = missing(&error);
            if last.as_ref() != Some(&why) {
                let what = "commitments";
                self.workshop.tell(Step::Waiting {
                    what,
                    why: why.clone(),
                });
                last = Some(why);
            }
            tokio::time::sleep(self.workshop.poll()).await;
        }
    }

    /// Shows the artifacts: puts them into the log and says what they were made of and how the tests went. Whoever has not committed by now is
    /// too late, so [`Conveyer::await_commitments`] comes first.
    ///
    /// # Errors
    /// The log refuses or is away.
    pub async fn reveal(
        &mut self,
        announced: &Announced,
        kept: &KeptResult,
    ) -> Result<Built, RoomError> {
        let view = self.workshop.follower.view()?;
        let provenance = match own_provenance(view, kept.build(), self.key.key()) {
            Some(standing) => standing,
            None => {
                let artifacts = kept.artifacts().iter().map(|file| ("artifact", file));
                let sboms = kept.sboms().iter().map(|file| ("SBOM", file));
                for (what, file) in artifacts.chain(sboms) {
                    let blobs = self.workshop.party.blobs();
                    let bytes = blobs.get(file.sha256.hash(), file.bytes)?;
                    self.workshop.put_blob(what, bytes, &self.key).await?;
                }
                let (config, inputs) = (self.config, &announced.inputs);
                let draft = |not_after| statements::provenance(config, inputs, kept, not_after);
                let envelope = self.workshop.sign_once(draft, &self.key)?;
                self.workshop.submit(&envelope).await?;
                envelope.digest()
            }
        };
        self.workshop.tell(Step::ProvenanceLogged(provenance));
        let tests = self.say_tests(announced, kept).await?;
        Ok(Built {
            build: kept.build(),
            artifacts: kept.artifacts().to_vec(),
            provenance,
            tests,
        })
    }

    /// Logs what the tests said; a failed one stops every approval and release. Without tests there is nothing to say.
    async fn say_tests(
        &mut self,
        announced: &Announced,
        kept: &KeptResult,
    ) -> Result<Option<TestOutcome>, RoomError> {
        if kept.tests().is_empty() {
            return Ok(None);
        }
        let (origin, inputs) = (&self.config.origin, &announced.inputs);
        let statement = statements::test_result(origin, inputs, kept);
        let failed = kept.tests().iter().filter(|test| !test.passed).count();
        let draft = |_| statement.clone();
        let envelope = self.workshop.sign_once(draft, &self.key)?;
        self.workshop.submit(&envelope).await?;
        self.workshop.tell(Step::TestsLogged {
            build: kept.build(),
            passed: kept.tests().len() - failed,
            failed,
        });
        Ok(Some(match failed {
            0 => TestOutcome::Passed,
            _ => TestOutcome::Failed,
        }))
    }
}

/// Who is missing, without how long was waited.
fn missing(error: &RoomError) -> String {
    match error {
        RoomError::TooFewCommitments {
            needed,
            committed,
            missing,
            ..
        } => {
            let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
            let (have, missing) = (committed.len(), missing.join(", "));
            format!("{have} of {needed}; not yet: {missing}")
        }
        other => other.to_string(),
    }
}
