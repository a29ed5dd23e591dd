//! A rebuilder takes a source from the log, believes nothing about it, and builds it.

use std::sync::Arc;

use logclient::LogClientError;
use statement::{FileDigest, Source as SourceStatement, StatementDigest};

use super::error::{RoomError, with_causes};
use super::limits::DIFFERENCE_BYTES_MAX;
use super::statements::kind;
use super::step::Step;
use super::workshop::{Run, Workshop, blocking};
use crate::build::BuildOutcome;
use crate::error::{ArchiveFault, ConveyerError};
use crate::party::PartyDirs;
use crate::recipe::Recipe;
use crate::source::Source;
use crate::variation::Variation;

/// What became of an attempt that took place. When none did, that is an error and says nothing about the source.
#[derive(Debug)]
pub(super) enum Attempt {
    /// An artifact came out.
    Built(Box<BuildOutcome>),
    /// The source is at fault.
    Failed(String),
}

impl Workshop<'_> {
    /// Fetches, checks and builds what a `source` names; in the environment with the digest `locked`, if it is of the past.
    pub(super) async fn attempt(
        &mut self,
        build: StatementDigest,
        said: &SourceStatement,
        variation: &Variation,
        locked: Option<FileDigest>,
    ) -> Result<Attempt, RoomError> {
        if let Err(reason) = self.fetch_archive(said).await? {
            return Ok(Attempt::Failed(reason));
        }
        let (party, of) = (Arc::clone(&self.party), said.clone());
        let (source, recipe) = match blocking(move || examine(&party, &of)).await? {
            Ok(Ok(checked)) => checked,
            Ok(Err(reason)) => return Ok(Attempt::Failed(reason)),
            Err(error) => return blame(error),
        };
        self.tell(Step::SourceChecked(build));
        let environment = match locked {
            Some(digest) => self.locked_environment(digest).await?,
            None => self.environment(&recipe.environment).await?,
        };
        let what = (&source, &recipe);
        let built = self.build_in(environment, what, variation, Run::Build);
        match built.await {
            Ok(outcome) => Ok(Attempt::Built(Box::new(outcome))),
            Err(RoomError::Conveyer(error)) => blame(error),
            Err(error) => Err(error),
        }
    }

    /// The archive into this party's store; the inner error is the log's fault.
    async fn fetch_archive(&self, said: &SourceStatement) -> Result<Result<(), String>, RoomError> {
        if self.party.blobs().contains(said.archive.hash()) {
            return Ok(Ok(()));
        }
        let bytes = match self.fetch(said.archive).await? {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(Err(format!("source archive: {reason}"))),
        };
        let party = Arc::clone(&self.party);
        blocking(move || party.blobs().put(&bytes)).await??;
        Ok(Ok(()))
    }

    /// A blob of the log; the inner error says that it is not there or is another one.
    pub(super) async fn fetch(
        &self,
        digest: FileDigest,
    ) -> Result<Result<Vec<u8>, String>, RoomError> {
        let client = self.follower.client();
        match client.blob(digest, self.ground.blob_bytes_max).await {
            Ok(bytes) => Ok(Ok(bytes)),
            Err(error @ LogClientError::BlobDigest { .. }) => Ok(Err(with_causes(&error))),
            Err(LogClientError::Http { source, .. }) if source.status() == Some(404) => {
                Ok(Err(format!("the log does not hold blob {digest}")))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads the archive strictly and compares everything that the statement says about it.
fn examine(
    party: &PartyDirs,
    said: &SourceStatement,
) -> Result<Result<(Source, Recipe), String>, ConveyerError> {
    let source = Source::open(party.blobs(), said.archive.hash())?;
    let mut recipe = Recipe::of_source(&source, party.blobs())?;
    recipe.choose(&said.arguments)?;
    Ok(check_said(said, &source, &recipe).map(|()| (source, recipe)))
}

fn check_said(said: &SourceStatement, source: &Source, recipe: &Recipe) -> Result<(), String> {
    let pairs = [
        ("tree", said.tree.to_string(), source.tree().to_hex()),
        ("recipe", said.recipe.to_string(), recipe.digest.to_hex()),
        ("product", said.product.clone(), recipe.product.clone()),
        ("version", said.version.clone(), recipe.version.clone()),
        (
            "platform",
            said.platform.clone(),
            recipe.platform.as_str().to_owned(),
        ),
        (
            "kind",
            said.kind.tuf_role().to_owned(),
            kind(recipe.kind).tuf_role().to_owned(),
        ),
    ];
    if said.arguments != recipe.chosen() {
        return Err("the source statement does not say every argument of the recipe".to_owned());
    }
    for (field, said, found) in pairs {
        if said != found {
            return Err(format!(
                "the source statement says {field} {said}, the archive has {found}"
            ));
        }
    }
    Ok(())
}

/// Tells errors that are the source's fault from those that say nothing about it.
fn blame(error: ConveyerError) -> Result<Attempt, RoomError> {
    let is_the_sources = match &error {
        ConveyerError::BuildFailed { .. }
        | ConveyerError::ArtifactMissing { .. }
        | ConveyerError::Recipe(_)
        | ConveyerError::Argument(_)
        | ConveyerError::CargoLock { .. }
        | ConveyerError::CrateRefused { .. }
        | ConveyerError::SourcePath(_)
        | ConveyerError::NoSuchFile { .. } => true,
        ConveyerError::Archive(ArchiveFault::Stream(error)) => {
            error.kind() == std::io::ErrorKind::UnexpectedEof
        }
        ConveyerError::Archive(_) => true,
        _ => false,
    };
    if is_the_sources {
        return Ok(Attempt::Failed(shortened(&with_causes(&error))));
    }
    Err(error.into())
}

/// At most what a statement should carry: the beginning says what happened, the end is the build's last words.
pub(super) fn shortened(text: &str) -> String {
    if text.len() <= DIFFERENCE_BYTES_MAX {
        return text.to_owned();
    }
    let half = DIFFERENCE_BYTES_MAX / 2 - 4;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    format!("{}\n...\n{}", &text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_keeps_its_beginning_and_its_end() {
        let long = format!("begin{}end", "ü".repeat(5_000));
        let short = shortened(&long);
        assert!(short.len() <= DIFFERENCE_BYTES_MAX);
        assert!(short.starts_with("beginü") && short.ends_with("üend"));
        assert_eq!(shortened("short"), "short");
    }

    #[test]
    fn a_machine_that_cannot_build_says_nothing_about_the_source() {
        let lacks = ConveyerError::HostLacks {
            what: "gcc".to_owned(),
            remedy: "apt-get install gcc".to_owned(),
        };
        assert!(blame(lacks).is_err());
        let truncated = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let fault = ConveyerError::Archive(ArchiveFault::Stream(truncated));
        assert!(matches!(blame(fault), Ok(Attempt::Failed(_))));
        let disk = std::io::Error::other("the disk");
        assert!(blame(ConveyerError::Archive(ArchiveFault::Stream(disk))).is_err());
    }
}
