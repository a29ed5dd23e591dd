//! Signed envelopes, kept before they are submitted.
//!
//! A statement names the time until which it may be included, so signing it twice would give two statements, and a
//! second `source` would be a second build. What was signed once is submitted again instead. A file is named by
//! what the statement says apart from that time.

use std::path::Path;

use statement::{Envelope, Statement, StatementDigest, StatementError};
use store::{Files, StoreError};

use super::error::RoomError;
use super::limits::ENVELOPE_BYTES_MAX;

/// A directory of signed envelopes.
#[derive(Debug)]
pub(super) struct Outbox {
    files: Files,
}

/// A statement before it is decided until when it may be included.
pub(super) struct Draft<F> {
    make: F,
}

impl<F: Fn(u64) -> Statement> Draft<F> {
    /// `make` gives the statement for a `not_after` in POSIX seconds.
    pub(super) const fn new(make: F) -> Self {
        Self { make }
    }

    /// The payload for this `not_after`.
    pub(super) fn payload(&self, not_after: u64) -> Result<Vec<u8>, StatementError> {
        (self.make)(not_after).to_payload()
    }

    fn name(&self) -> Result<String, StatementError> {
        let statement = (self.make)(0);
        let basis = StatementDigest::of(&statement.to_payload()?);
        Ok(format!("{basis}.{}", statement.predicate.short_name()))
    }
}

impl Outbox {
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            files: Files::open(directory)?,
        })
    }

    /// The envelope over this draft that was signed before, with its `not_after`.
    pub(super) fn find<F: Fn(u64) -> Statement>(
        &self,
        draft: &Draft<F>,
    ) -> Result<Option<(Envelope, Statement)>, RoomError> {
        match self.files.read(&draft.name()?, ENVELOPE_BYTES_MAX) {
            Ok(bytes) => {
                let envelope = Envelope::parse(&bytes)?;
                let statement = Statement::parse(envelope.payload())?;
                Ok(Some((envelope, statement)))
            }
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps an envelope over this draft; one that can no longer be included is replaced.
    pub(super) fn keep<F: Fn(u64) -> Statement>(
        &self,
        draft: &Draft<F>,
        envelope: &Envelope,
    ) -> Result<(), RoomError> {
        let name = draft.name()?;
        Ok(self.files.replace(&name, &envelope.to_bytes())?)
    }
}
