//! Whose word counts: the keys of a log, from the constitutions that were shown under the anchor.

use tlog::{
    Checkpoint, Note, Origin, Policy, SignatureLine, Verified, VerifierKey, open_checkpoint,
};

/// The keys that speak for one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogKeys(Vec<VerifierKey>);

impl LogKeys {
    /// The keys that any of the policies names for a log.
    pub(crate) fn of<'a>(policies: impl Iterator<Item = &'a Policy>, origin: &Origin) -> Self {
        let mut keys: Vec<VerifierKey> = Vec::new();
        for policy in policies {
            for key in policy.log_keys(origin) {
                if !keys.contains(key) {
                    keys.push(key.clone());
                }
            }
        }
        Self(keys)
    }

    /// Opens a note that one of the keys signed; `None` when none did, or one of them wrongly.
    pub(crate) fn open(&self, note: &[u8]) -> Option<Verified<Checkpoint>> {
        open_checkpoint(note, &self.0).ok()
    }

    fn signed(&self, line: &SignatureLine) -> bool {
        self.0.iter().any(|key| line.is_by(key))
    }
}

/// A checkpoint signed by the log, with no other lines than those of keys that the policy knows: so
/// nobody fills the timeline with signatures that say nothing.
pub(crate) fn own_lines(
    note: &[u8],
    keys: &LogKeys,
    policy: &Policy,
) -> Option<Verified<Checkpoint>> {
    let note = Note::parse(note).ok()?;
    let witnessed = |line: &SignatureLine| {
        let mut witnesses = policy.witnesses().iter();
        witnesses.any(|witness| line.is_by(witness.vkey()))
    };
    let lines = note.signatures().iter();
    let lines = lines
        .filter(|line| keys.signed(line) || witnessed(line))
        .cloned();
    let own = Note::new(note.text().to_owned(), lines.collect()).ok()?;
    keys.open(own.to_string().as_bytes())
}

/// The origin that a note claims; believed as soon as a key of that log has opened it.
pub(crate) fn claimed_origin(note: &[u8]) -> Option<Origin> {
    let text = std::str::from_utf8(note).ok()?;
    text.lines().next()?.parse().ok()
}
