//! `conveyer build`: from a source to provenance.

use statement::{StatementDigest, TestOutcome};

use super::config::ConveyerConfig;
use super::conveyer::Conveyer;
use super::error::RoomError;
use super::kept::KeptFile;
use super::step::Progress;
use super::workshop::Clock;
use crate::order::BuildOrder;

/// A build whose provenance stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The build: digest of its `source` statement.
    pub build: StatementDigest,
    /// What came out, in the recipe's order; at least one.
    pub artifacts: Vec<KeptFile>,
    /// The provenance.
    pub provenance: StatementDigest,
    /// What the tests of the recipe said, if it has any.
    pub tests: Option<TestOutcome>,
}

/// Imports a source, announces it, builds it, commits to the result, waits for the rebuilders to commit, and shows
/// the artifact. The same source under the same configuration again goes on where it stopped, and finds what stands.
///
/// # Errors
/// What stopped it; see [`RoomError`].
pub async fn build_release(
    config: &ConveyerConfig,
    order: impl Into<BuildOrder>,
    progress: Progress<'_>,
    clock: Clock,
) -> Result<Built, RoomError> {
    let mut conveyer = Conveyer::open(config, progress, clock)?;
    let (source, recipe) = conveyer.import(order).await?;
    let announced = conveyer.announce(&source, &recipe).await?;
    let kept = match conveyer.kept(&announced)? {
        Some(kept) => kept,
        None => {
            let outcome = conveyer.build(&source, &recipe).await?;
            conveyer.keep(&announced, &outcome)?
        }
    };
    conveyer.commit(&kept).await?;
    conveyer.await_commitments(&kept).await?;
    conveyer.reveal(&announced, &kept).await
}
