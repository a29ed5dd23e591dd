//! A checkpoint that is with the witnesses, and what it got from them so far.

use std::collections::BTreeSet;
use std::sync::Arc;

use tlog::{Checkpoint, Note, SignatureLine, Witnessed, open_witnessed};
use tokio::time::Instant;

use crate::error::chain;
use crate::make::Offer;

/// See the module.
#[derive(Debug)]
pub(crate) struct Round {
    /// Later rounds have larger numbers, and trees that are at least as large.
    pub(crate) number: u64,
    pub(crate) offer: Arc<Offer>,
    /// By `witness` line of the policy.
    pub(crate) lines: Vec<Option<SignatureLine>>,
    /// Lanes that were asked.
    pub(crate) asked: BTreeSet<usize>,
    /// Once there is a quorum: until when quick witnesses are waited for.
    pub(crate) deadline: Option<Instant>,
    /// Whether a request of it came before the one it was built on.
    pub(crate) was_overtaken: bool,
}

impl Round {
    pub(crate) fn new(number: u64, offer: Offer) -> Self {
        Self {
            number,
            lines: vec![None; offer.policy.witnesses().len()],
            offer: Arc::new(offer),
            asked: BTreeSet::new(),
            deadline: None,
            was_overtaken: false,
        }
    }

    /// Whether those who cosigned make a quorum.
    pub(crate) fn is_enough(&self) -> bool {
        let cosigned = self.offer.policy.witnesses().iter().zip(&self.lines);
        let names = cosigned
            .filter(|(_, line)| line.is_some())
            .map(|(witness, _)| witness.name().clone());
        self.offer.policy.is_satisfied(&names.collect())
    }

    /// The checkpoint with all signatures; `None` if it does not open, which is said in the log.
    pub(crate) fn witnessed(self) -> Option<Witnessed<Checkpoint>> {
        let own = &self.offer.signed.note;
        let mut signatures = own.signatures().to_vec();
        signatures.extend(self.lines.into_iter().flatten());
        let note = Note::new(own.text().to_owned(), signatures).map(|note| note.to_string());
        match note.map(|note| open_witnessed(note.as_bytes(), &self.offer.policy)) {
            Ok(Ok(witnessed)) => Some(witnessed),
            Ok(Err(error)) => {
                tracing::error!(error = %chain(&error), "the policy in force refuses our checkpoint");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the cosigned checkpoint is no note");
                None
            }
        }
    }
}
