//! The entries of a log as they are published, for any log: each is known to be what the log signed, and each
//! checkpoint is known to contain the one before, also across restarts.
//!
//! The memory is one small file:
//!
//! ```text
//! limpid/log-stream@v1
//! next 5
//!
//! center.example/log
//! 9
//! CsUYapGG...
//!
//! — center.example/log Az3g...
//! ```
//!
//! Invariant: `next` <= size of the checkpoint; entries below `next` were given. The checkpoint is written before
//! an entry above the one before it is given, and `next` now and then afterwards: after a crash entries may come
//! again, and none is left out.
//!
//! What entries mean is for whoever reads them. [`crate::Follower`] follows a log in order to sign.

use std::path::{Path, PathBuf};

use tlog::{Checkpoint, Fork, ForkError, ForkProveError, Verified, leaf_hash};

use crate::authentic::{AuthenticError, Entries, Held};
use crate::durable::{self, MemoryError};
use crate::limits::{BUNDLES_PER_MEMORY, MINIMUM_BYTES_MAX, NOTE_BYTES_MAX};
use crate::minimum::{MINIMUM_PATH, Minimum};
use crate::sources::{LogFiles, ReadError, TileError};
use crate::trust::{Opened, Trust, TrustError};

const HEADER: &str = "limpid/log-stream@v1";

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its index.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: tlog::Hash,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why the stream stopped.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The checkpoint cannot be read.
    #[error("the checkpoint cannot be read")]
    Read(#[source] ReadError),
    /// It is not as good as asked for.
    #[error("the checkpoint is refused")]
    Checkpoint(#[source] TrustError),
    /// It is of another log than before.
    #[error("the checkpoint is of `{found}`, this stream is of `{expected}`")]
    OtherLog {
        /// The log that is streamed.
        expected: String,
        /// The log that answered.
        found: String,
    },
    /// It shows less than before.
    #[error(
        "the log shows {now} entries where it signed {before} before; ask who runs it, and keep the memory"
    )]
    WentBack {
        /// Entries remembered.
        before: u64,
        /// Entries shown.
        now: u64,
    },
    /// It signed two histories.
    #[error(
        "the log signed two histories: {} entries do not begin with the {} it signed before", .0.larger().size(), .0.smaller().size()
    )]
    Forked(Box<Fork>),
    /// Its tiles do not show that it only grew.
    #[error("it cannot be seen that the tree of {now} entries contains the one of {before}")]
    Unproven {
        /// Entries remembered.
        before: u64,
        /// Entries shown.
        now: u64,
        /// What the tiles show.
        #[source]
        source: Box<ForkProveError<TileError>>,
    },
    /// The log announced that it serves its entries only from a later one on.
    #[error(
        "entries {index} to {} are served no more, as entry {} of the log announced; read them where they are kept, or begin with entry {}",
        .minimum.minimum - 1, .minimum.announced_at, .minimum.minimum
    )]
    Withheld {
        /// The first one that is missing.
        index: u64,
        /// What was announced.
        minimum: Box<Minimum>,
    },
    /// An entry cannot be had, or is not what the log signed.
    #[error("entry {index} cannot be had")]
    Entry {
        /// Its index.
        index: u64,
        /// Why.
        #[source]
        source: AuthenticError,
    },
    /// The memory cannot be used.
    #[error("the memory of the stream cannot be used")]
    Memory(#[from] MemoryError),
    /// Whoever takes the entries could not.
    #[error("entry {index} could not be passed on")]
    Taker {
        /// Its index.
        index: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl StreamError {
    /// Whether looking again later may help: nothing was shown that is wrong.
    pub fn is_transient(&self) -> bool {
        let readable = |error: &ReadError| !error.is_damage();
        match self {
            Self::Read(error) => readable(error),
            Self::Entry {
                source: AuthenticError::Bundle { source, .. },
                ..
            } => readable(source),
            Self::Entry {
                source:
                    AuthenticError::Tile {
                        source: TileError::Read(source),
                        ..
                    },
                ..
            } => readable(source),
            Self::Unproven { source, .. } => matches!(
                &**source,
                ForkProveError::Tiles(tlog::ProveError::Source {
                    source: TileError::Read(error),
                    ..
                }) if readable(error)
            ),
            _ => false,
        }
    }
}

/// A log as a stream of entries.
#[derive(Debug)]
pub struct Stream {
    trust: Trust,
    memory: Option<PathBuf>,
    next: u64,
    seen: Option<Verified<Checkpoint>>,
    newest: Option<Opened>,
}

impl Stream {
    /// Begins at entry `from`, or where the memory left off.
    ///
    /// # Errors
    /// The memory cannot be used.
    pub fn open(trust: Trust, from: u64, memory: Option<&Path>) -> Result<Self, StreamError> {
        let mut stream = Self {
            trust,
            memory: memory.map(Path::to_owned),
            next: from,
            seen: None,
            newest: None,
        };
        if let Some(path) = memory
            && let Some(bytes) = durable::read(path, NOTE_BYTES_MAX as u64 + 100)?
        {
            let broken = |why: String| MemoryError::Broken {
                path: path.to_owned(),
                why,
            };
            let (next, note) = parse_memory(&bytes)
                .ok_or_else(|| broken("its first lines are others".to_owned()))?;
            let seen = stream.trust.verified(note);
            let seen = seen.map_err(|error| broken(format!("its checkpoint: {error}")))?;
            if next > seen.size() {
                return Err(broken(format!("entry {next} is beyond its checkpoint")).into());
            }
            stream.next = next;
            stream.seen = Some(seen);
        }
        Ok(stream)
    }

    /// Goes on after a checkpoint that was kept elsewhere.
    #[must_use]
    pub fn after(mut self, seen: Option<Verified<Checkpoint>>) -> Self {
        self.seen = seen;
        self
    }

    /// The entry that comes next.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The newest checkpoint that was looked at and held.
    pub const fn newest(&self) -> Option<&Opened> {
        self.newest.as_ref()
    }

    /// Looks once and gives what is new, in order. Returns how many entries that were. Blocks.
    ///
    /// # Errors
    /// [`StreamError`]; whatever was given before it is right.
    pub fn advance(
        &mut self,
        files: &LogFiles,
        give: &mut dyn FnMut(&StreamEntry) -> std::io::Result<()>,
    ) -> Result<u64, StreamError> {
        let note = files.read("checkpoint", NOTE_BYTES_MAX);
        let Some(note) = note.map_err(StreamError::Read)? else {
            return Ok(0);
        };
        let opened = self.trust.open(&note).map_err(StreamError::Checkpoint)?;
        let shown = self
            .trust
            .verified(&note)
            .map_err(StreamError::Checkpoint)?;
        let held = Held::new(files);
        self.check_growth(&shown, &held)?;
        let size = shown.size();
        let is_new = self.seen.as_ref().is_none_or(|seen| seen.note() != note);
        self.seen = Some(shown);
        self.newest = Some(opened);
        if self.next >= size {
            // An entry asked for that is not there yet: the memory begins when it is.
            if is_new && self.next == size {
                self.remember()?;
            }
            return Ok(0);
        }
        self.remember()?;
        self.give_entries(&held, give)
    }

    fn give_entries(
        &mut self,
        held: &Held<'_>,
        give: &mut dyn FnMut(&StreamEntry) -> std::io::Result<()>,
    ) -> Result<u64, StreamError> {
        let Some(checkpoint) = self.seen.as_deref().cloned() else {
            return Ok(0);
        };
        let begin = self.next;
        let mut unwritten = 0;
        let entries = Entries::of(held, &checkpoint);
        let mut entries = entries.map_err(|source| self.missed(held, begin, source))?;
        while self.next < checkpoint.size() {
            let (first, bundle) = entries
                .bundle_with(self.next)
                .map_err(|source| self.missed(held, self.next, source))?;
            for (index, bytes) in (first..).zip(bundle) {
                if index < self.next {
                    continue;
                }
                let leaf = leaf_hash(&bytes);
                give(&StreamEntry { index, leaf, bytes })
                    .map_err(|source| StreamError::Taker { index, source })?;
                self.next = index + 1;
            }
            unwritten += 1;
            if unwritten == BUNDLES_PER_MEMORY {
                self.remember()?;
                unwritten = 0;
            }
        }
        self.remember()?;
        Ok(self.next - begin)
    }

    /// Why an entry is not to be had: it may have been announced.
    fn missed(&self, held: &Held<'_>, index: u64, source: AuthenticError) -> StreamError {
        let announced = || {
            let bytes = held.files().read(MINIMUM_PATH, MINIMUM_BYTES_MAX).ok()??;
            Minimum::open(&bytes, &self.trust, self.seen.as_deref()?).ok()
        };
        let minimum = source.is_absence().then(announced).flatten();
        match minimum.filter(|it| index < it.minimum) {
            Some(minimum) => StreamError::Withheld {
                index,
                minimum: Box::new(minimum),
            },
            None => StreamError::Entry { index, source },
        }
    }

    /// What is shown now must contain what was seen before.
    fn check_growth(
        &self,
        shown: &Verified<Checkpoint>,
        held: &Held<'_>,
    ) -> Result<(), StreamError> {
        let Some(seen) = &self.seen else {
            return Ok(());
        };
        if seen.origin() != shown.origin() {
            return Err(StreamError::OtherLog {
                expected: seen.origin().to_string(),
                found: shown.origin().to_string(),
            });
        }
        let (before, now) = (seen.size(), shown.size());
        if now < before {
            return Err(StreamError::WentBack { before, now });
        }
        match Fork::prove(seen.clone(), shown.clone(), held) {
            Ok(fork) => Err(StreamError::Forked(Box::new(fork))),
            Err(ForkProveError::NoFork(ForkError::Consistent { .. } | ForkError::Empty)) => Ok(()),
            Err(source) => Err(StreamError::Unproven {
                before,
                now,
                source: Box::new(source),
            }),
        }
    }

    fn remember(&self) -> Result<(), MemoryError> {
        let (Some(path), Some(seen)) = (&self.memory, &self.seen) else {
            return Ok(());
        };
        let mut bytes = format!("{HEADER}\nnext {}\n\n", self.next).into_bytes();
        bytes.extend_from_slice(seen.note());
        durable::replace(path, &bytes)
    }
}

fn parse_memory(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let text = std::str::from_utf8(bytes).ok()?;
    let rest = text.strip_prefix(HEADER)?.strip_prefix("\nnext ")?;
    let (next, note) = rest.split_once("\n\n")?;
    let number: u64 = next.parse().ok()?;
    (number.to_string() == next).then_some((number, note.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::parse_memory;

    #[test]
    fn a_memory_has_one_spelling() {
        let good = b"limpid/log-stream@v1\nnext 5\n\nnote";
        assert_eq!(parse_memory(good), Some((5, &b"note"[..])));
        for bad in [
            "",
            "limpid/log-stream@v2\nnext 5\n\nnote",
            "limpid/log-stream@v1\nnext 05\n\nnote",
            "limpid/log-stream@v1\nnext +5\n\nnote",
            "limpid/log-stream@v1\nnext 5\nnote",
        ] {
            assert_eq!(parse_memory(bad.as_bytes()), None, "{bad}");
        }
    }
}
