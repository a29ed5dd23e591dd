//! Where children work, as a cell has it: what each is told of a sample, and what its end means.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use sandbox::{Exit, LimitKind, OrderLimits, preflight};
use scanner::Plan;
use seal::{ContentKey, Header};
use statement::SealDigest;
use zeroize::Zeroizing;

use crate::analysis::End;
use crate::child::UNOPENED;
use crate::config::Config;
use crate::error::CenterError;
use crate::limits::REPORT_BYTES_MAX;

/// Sandboxes that wait for samples.
#[derive(Debug)]
pub(crate) struct Workshop {
    sandboxes: scanner::Workshop,
    limits: OrderLimits,
}

impl Workshop {
    /// Prepares the root tree that children see.
    pub(crate) fn open(config: &Config, database: &Path) -> Result<Self, CenterError> {
        let plan = Plan {
            root: config.dir.join("worker"),
            program: config.worker_program.as_deref(),
            arguments: &config.worker_arguments,
            database: Some(database),
            party: config.sandbox_party,
            sandboxes: config.workers,
        };
        Ok(Self {
            sandboxes: scanner::Workshop::open(&plan, preflight()?)?,
            limits: OrderLimits {
                wall_ms: config.worker_wall_ms,
                output_bytes_max: REPORT_BYTES_MAX,
            },
        })
    }

    /// Runs one child on one sample; its report, or how it ended. Blocks.
    pub(crate) fn run(
        &self,
        header: &Header,
        seal: &SealDigest,
        key: &ContentKey,
        ciphertext: &File,
    ) -> Result<Result<Vec<u8>, End>, CenterError> {
        let order = order(header, seal, key)?;
        let done = self.sandboxes.run(&order, ciphertext.as_fd(), self.limits);
        let (exit, report) = done?;
        Ok(match exit {
            Exit::Code(0) => Ok(report),
            Exit::Code(code) if code == i32::from(UNOPENED) => Err(End::Unopened),
            Exit::LimitExceeded(LimitKind::Wall) => Err(End::Time),
            Exit::LimitExceeded(LimitKind::Memory) => Err(End::Memory),
            _ => {
                tracing::warn!(%exit, "a child ended without a report");
                Err(End::Died)
            }
        })
    }
}

/// What the child is told before the ciphertext (see [`crate::child`]).
fn order(
    header: &Header,
    seal: &SealDigest,
    key: &ContentKey,
) -> Result<Zeroizing<Vec<u8>>, CenterError> {
    let text = header.as_bytes();
    let mut order = Zeroizing::new(Vec::with_capacity(2 + text.len() + 64));
    let length = u16::try_from(text.len()).map_err(|_| CenterError::Ended)?;
    order.extend_from_slice(&length.to_be_bytes());
    order.extend_from_slice(text);
    order.extend_from_slice(seal.hash().as_bytes());
    order.extend_from_slice(key.expose());
    Ok(order)
}
