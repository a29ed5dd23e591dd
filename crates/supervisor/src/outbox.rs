//! Approvals that were signed. An approval names the time of its making, so signing twice would give
//! two; what was signed once is submitted again instead.

use std::path::Path;

use law::Approvable;
use statement::{Envelope, FileDigest};
use store::{Files, StoreError};

use crate::{error::SupervisorError, limits};

/// A directory of signed approvals.
#[derive(Debug)]
pub(crate) struct Outbox {
    files: Files,
}

impl Outbox {
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            files: Files::open(directory)?,
        })
    }

    /// The approval that was signed on this very evidence, if one was.
    pub(crate) fn find(
        &self,
        approvable: &Approvable,
    ) -> Result<Option<Envelope>, SupervisorError> {
        match self
            .files
            .read(&name(approvable), limits::ENVELOPE_BYTES_MAX)
        {
            Ok(bytes) => Ok(Some(Envelope::parse(&bytes)?)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps an approval before it is submitted.
    pub(crate) fn keep(
        &self,
        approvable: &Approvable,
        envelope: &Envelope,
    ) -> Result<(), StoreError> {
        self.files.create(&name(approvable), &envelope.to_bytes())
    }
}

/// Build, and a digest of what was judged: constitution, provenance, rebuilds.
fn name(approvable: &Approvable) -> String {
    let mut text = format!("{}\n", approvable.constitution());
    for input in approvable.inputs() {
        text.push_str(&format!("{input}\n"));
    }
    let basis = FileDigest::of(text.as_bytes());
    format!("{}.{basis}.approval", approvable.evidence().build())
}
