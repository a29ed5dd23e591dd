//! The steps of a file from the owner's disk to a receipt; a caller may watch them, and stop between any two.

use std::{fmt, ops::ControlFlow};

/// Whether sharing goes on after a step.
pub type WatchShare<'a> = &'a (dyn Fn(ShareStep) -> ControlFlow<()> + Sync);

/// What was just done. Up to [`ShareStep::Queued`] nothing is in the queue, and what lies there is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShareStep {
    /// The policy said where, and three keys to seal to are proven.
    Decided,
    /// The key of this sample is on disk.
    WroteKey,
    /// The ciphertext is on disk.
    WroteCiphertext,
    /// Header and wraps are on disk.
    WroteFront,
    /// The sample is in the queue.
    Queued,
    /// It is noted that the center may have heard of it.
    Began,
    /// The center has the front.
    SentFront,
    /// The center has one piece more.
    SentPiece,
    /// The center says that it will not lose it.
    Completed,
    /// That is on disk.
    KeptAnswer,
    /// The ciphertext is gone from this disk.
    RemovedCiphertext,
}

impl ShareStep {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::Decided,
        Self::WroteKey,
        Self::WroteCiphertext,
        Self::WroteFront,
        Self::Queued,
        Self::Began,
        Self::SentFront,
        Self::SentPiece,
        Self::Completed,
        Self::KeptAnswer,
        Self::RemovedCiphertext,
    ];
}

impl fmt::Display for ShareStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decided => "decided where",
            Self::WroteKey => "wrote key",
            Self::WroteCiphertext => "wrote ciphertext",
            Self::WroteFront => "wrote header and wraps",
            Self::Queued => "queued",
            Self::Began => "began to send",
            Self::SentFront => "sent header and wraps",
            Self::SentPiece => "sent a piece",
            Self::Completed => "sent all",
            Self::KeptAnswer => "kept the answer",
            Self::RemovedCiphertext => "removed the ciphertext",
        })
    }
}

/// Tells of a step and stops if the caller wants to.
pub(super) fn done(watch: WatchShare<'_>, step: ShareStep) -> Result<(), super::SharingError> {
    match watch(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(super::SharingError::Stopped { after: step }),
    }
}
