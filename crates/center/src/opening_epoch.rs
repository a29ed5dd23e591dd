//! Opening epochs: the keys that samples at rest are sealed to, for a month. Their key files are for the openers of
//! center and supervisor, not for a cell, so they are made apart from one.

use std::path::Path;
use std::time::Duration;

use keys::{OpeningKey, StatementKey};
use logclient::LogClient;
use statement::{Statement, StatementDigest};

use crate::error::CenterError;
use crate::keyring::EpochPlan;

/// Makes a key in a new file and says so in the log; returns when that is witnessed.
///
/// The key is durable before anybody is told. When the log refuses, the file stays: nothing was ever sealed to it.
///
/// # Errors
/// The file exists, or the log refuses or is not witnessed within `patience`.
pub async fn log_opening_epoch(
    plan: EpochPlan,
    file: &Path,
    signer: &StatementKey,
    log: &LogClient,
    patience: Duration,
) -> Result<StatementDigest, CenterError> {
    let key = OpeningKey::generate()?;
    key.save_new(file, None)?;
    let (subject, epoch) = plan.statement(&key);
    let statement = Statement::new(vec![subject], epoch);
    let (envelope, _) = log.sign_and_submit(&statement, signer, patience).await?;
    Ok(envelope.digest())
}
