//! Following a log: what it publishes is replayed into `law::InForce` and settled, or refused.
//!
//! Invariant: between two calls of [`Follower::sync`] everything fed is witnessed. Entries and the
//! checkpoint above them are fetched first, so a log that cannot be reached changes nothing; when
//! what it shows is refused the replay starts over, so that nothing half-judged is ever built on.
//! What was seen before is remembered through that: the log can neither go back nor show another
//! history afterwards.
//!
//! An `activation` is judged by the archived checkpoints that it names. If each follower used the ones
//! that the log happens to show it, two followers could judge one entry differently; so those that are
//! named are asked for, and a log that does not serve one is not followed past the activation.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use law::{Bundle, BundleEntry, Code, Fed, InForce, Opened, Refusal, Settled};
use statement::{Envelope, Predicate, Role, Statement, StatementDigest};
use tlog::{
    BundleId, Checkpoint, Hash, Note, TileId, TileSource, Witnessed, open_witnessed,
    prove_inclusion,
};

use crate::{
    client::LogClient,
    error::LogClientError,
    limits::{NAMED_MAX, STRIDE_BYTES_MAX},
};

const WIDTH: u64 = 256;

/// A log that is followed.
#[derive(Debug)]
pub struct Follower {
    client: LogClient,
    anchor: StatementDigest,
    state: InForce,
    newest: Option<Witnessed<Checkpoint>>,
    /// Size and root of the largest tree ever settled; survives a replay that starts over.
    seen: (u64, Hash),
    /// Sizes at which this replay stopped at the archived checkpoint, which gives them their time.
    archived: BTreeSet<u64>,
    /// Sizes that activations named and the archive's index left out; survives a replay that starts over.
    named: BTreeSet<u64>,
    /// Which entries are kept.
    keeps: fn(&Predicate) -> bool,
    kept: Vec<Kept>,
}

/// An entry that counts and that whoever follows wants to have at hand.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Where it stands.
    pub index: u64,
    /// The role of the key that signed it, by the constitution in force below it.
    pub role: Role,
    /// Digest of what it says.
    pub digest: StatementDigest,
    /// What it says.
    pub statement: Statement,
}

impl Follower {
    /// Starts following under an anchor.
    pub fn new(client: LogClient, anchor: StatementDigest) -> Self {
        let state = InForce::replay(client.origin().clone(), anchor);
        Self {
            client,
            anchor,
            state,
            newest: None,
            seen: (0, Hash::EMPTY_ROOT),
            archived: BTreeSet::new(),
            named: BTreeSet::new(),
            keeps: |_| false,
            kept: Vec::new(),
        }
    }

    /// Keeps the entries that count and that `keeps` asks for; see [`Follower::kept`].
    #[must_use]
    pub fn keeping(mut self, keeps: fn(&Predicate) -> bool) -> Self {
        self.keeps = keeps;
        self
    }

    /// The entries that were asked for, in the order of the log. All of them are witnessed.
    pub fn kept(&self) -> &[Kept] {
        let settled = self.state.settled_size();
        let end = self.kept.partition_point(|kept| kept.index < settled);
        &self.kept[..end]
    }

    /// The client it follows with.
    pub const fn client(&self) -> &LogClient {
        &self.client
    }

    /// The newest witnessed checkpoint that was replayed to.
    pub const fn checkpoint(&self) -> Option<&Witnessed<Checkpoint>> {
        self.newest.as_ref()
    }

    /// Everything replayed, as witnessed.
    ///
    /// # Errors
    /// [`Code::NotReplayed`] before the first successful [`Follower::sync`].
    pub fn view(&self) -> Result<Settled<'_>, Refusal> {
        self.state.settled()
    }

    /// Fetches, replays and settles what was published since. Returns whether the log grew.
    ///
    /// # Errors
    /// That nothing is published yet, that the log went back, or what is wrong with what it shows.
    pub async fn sync(&mut self) -> Result<bool, LogClientError> {
        let note = self.client.checkpoint().await?;
        if self
            .newest
            .as_ref()
            .is_some_and(|newest| newest.note() == note)
        {
            return Ok(false);
        }
        let size = self.claimed_size(&note)?;
        let (before, _) = self.seen;
        if size < before {
            let origin = self.client.origin().to_string();
            return Err(LogClientError::WentBack {
                origin,
                before,
                now: size,
            });
        }
        let synced = loop {
            match self.replay_to(size, &note).await {
                Err(LogClientError::NotStopped { size })
                    if self.named.len() < NAMED_MAX && self.named.insert(size) =>
                {
                    self.start_over();
                }
                other => break other,
            }
        };
        if matches!(
            synced,
            Err(LogClientError::Refused(_)
                | LogClientError::Order(_)
                | LogClientError::Split { .. })
        ) {
            self.start_over();
        }
        synced.map(|()| size > before)
    }

    fn start_over(&mut self) {
        self.state = InForce::replay(self.client.origin().clone(), self.anchor);
        self.newest = None;
        self.archived.clear();
        self.kept.clear();
    }

    /// Settles at each archived checkpoint on the way, which gives entries their time.
    async fn replay_to(&mut self, size: u64, note: &[u8]) -> Result<(), LogClientError> {
        if size > self.state.next_index() {
            let from = self.state.next_index();
            let archived = self.client.archived_sizes_above(from).await?;
            let mut stops: BTreeSet<u64> = archived.into_iter().collect();
            stops.extend(&self.named);
            while self.state.next_index() < size {
                let from = self.state.next_index();
                let stop = stops.range(from + 1..=size).next().copied();
                let entries = self.fetch_to(stop.unwrap_or(size)).await?;
                match self.unstopped(&entries) {
                    None => {}
                    Some(named) if named > from => {
                        stops.insert(named);
                        continue;
                    }
                    Some(size) => return Err(LogClientError::NotStopped { size }),
                }
                let Some(stop) = stop else {
                    self.feed(&entries)?;
                    break;
                };
                let archived = self.archived_note(stop).await?;
                self.feed(&entries)?;
                self.newest = Some(self.settle(&archived)?);
                self.archived.insert(stop);
            }
        }
        self.newest = Some(self.settle(note)?);
        Ok(())
    }

    async fn archived_note(&self, size: u64) -> Result<Vec<u8>, LogClientError> {
        match self.client.archived(size).await {
            Err(LogClientError::Http { source, .. }) if source.status() == Some(404) => {
                let origin = self.client.origin().to_string();
                Err(LogClientError::NotArchived { origin, size })
            }
            other => other,
        }
    }

    /// The smallest size that an activation among the next entries rests on and at which the replay does
    /// not stop.
    fn unstopped(&self, entries: &[Vec<u8>]) -> Option<u64> {
        let indexed = (self.state.next_index()..).zip(entries);
        indexed
            .flat_map(|(index, entry)| {
                let named = checkpoints_named(entry).into_iter().flatten();
                named.filter(move |size| (1..=index).contains(size))
            })
            .filter(|size| !self.archived.contains(size))
            .min()
    }

    /// The entries from the next one to `size`.
    async fn fetch_to(&self, size: u64) -> Result<Vec<Vec<u8>>, LogClientError> {
        let mut next = self.state.next_index();
        let mut fetched = Vec::new();
        let mut bytes = 0;
        while next < size {
            let bundle = bundle_id(next / WIDTH, size)?;
            let entries = self.client.entries(bundle).await?;
            let known = usize::try_from(next - bundle.first_entry()).expect("at most 256");
            bytes += entries.iter().map(held_bytes).sum::<usize>();
            if bytes > STRIDE_BYTES_MAX {
                return Err(LogClientError::TooFar {
                    from: self.state.next_index(),
                    to: size,
                });
            }
            fetched.extend(entries.into_iter().skip(known));
            next = bundle.first_entry() + u64::from(bundle.width());
        }
        Ok(fetched)
    }

    fn feed(&mut self, entries: &[Vec<u8>]) -> Result<(), LogClientError> {
        for entry in entries {
            let index = self.state.next_index();
            // By what is in force below it, as it is judged.
            let kept = self.look_at(index, entry);
            if let Fed::Counts(_) = self.state.feed(index, entry)? {
                self.kept.extend(kept);
            }
            self.check_seen()?;
        }
        Ok(())
    }

    fn look_at(&self, index: u64, entry: &[u8]) -> Option<Kept> {
        let envelope = Envelope::parse(entry).ok()?;
        let statement = Statement::parse(envelope.payload()).ok()?;
        if !(self.keeps)(&statement.predicate) {
            return None;
        }
        let (_, key) = self.state.constitution()?.find_key(envelope.key())?;
        Some(Kept {
            index,
            role: key.role,
            digest: envelope.digest(),
            statement,
        })
    }

    /// Where the replay passes what was seen before, it must be the same.
    fn check_seen(&mut self) -> Result<(), LogClientError> {
        let (size, root) = self.seen;
        if self.state.next_index() != size || self.state.mark().1 == root {
            return Ok(());
        }
        let origin = self.client.origin().to_string();
        Err(LogClientError::Split { origin, size })
    }

    fn settle(&mut self, note: &[u8]) -> Result<Witnessed<Checkpoint>, LogClientError> {
        let policy = self.state.policy().ok_or_else(|| {
            Refusal::new(
                Code::EntryNoConstitution,
                "the log does not begin with the constitution of the anchor",
            )
        })?;
        let checkpoint = open_witnessed(note, policy)
            .map_err(|error| Refusal::new(Code::CheckpointUnwitnessed, with_causes(&error)))?;
        self.state.settle(&checkpoint)?;
        if checkpoint.size() > self.seen.0 {
            self.seen = (checkpoint.size(), *checkpoint.root());
        }
        Ok(checkpoint)
    }

    fn claimed_size(&self, note: &[u8]) -> Result<u64, LogClientError> {
        let malformed = |source| LogClientError::Malformed {
            url: "checkpoint".to_owned(),
            source,
        };
        let note = Note::parse(note).map_err(malformed)?;
        Ok(Checkpoint::parse(note.text()).map_err(malformed)?.size())
    }

    /// The entry at `index`, as logged; below what was replayed.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn entry(&self, index: u64) -> Result<Vec<u8>, LogClientError> {
        let size = self.state.next_index();
        if index >= size {
            return Err(LogClientError::Proof {
                index,
                detail: format!("only {size} entries were replayed"),
            });
        }
        let bundle = bundle_id(index / WIDTH, size)?;
        let entries = self.client.entries(bundle).await?;
        let at = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        entries
            .into_iter()
            .nth(at)
            .ok_or_else(|| LogClientError::Proof {
                index,
                detail: "no such entry".to_owned(),
            })
    }

    /// A bundle of the constitution chain and the entries at `indices`, verified before it is returned.
    ///
    /// # Errors
    /// When entries or tiles cannot be had, or the bundle does not verify under the anchor.
    pub async fn bundle(&self, indices: &[u64]) -> Result<Bundle, LogClientError> {
        let newest = self.newest.as_ref();
        let newest =
            newest.ok_or_else(|| Refusal::new(Code::NotReplayed, "nothing was replayed yet"))?;
        let mut wanted: Vec<u64> = self
            .state
            .constitution_entries()
            .iter()
            .chain(indices)
            .copied()
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut tiles = FetchedTiles::default();
        let mut entries = Vec::with_capacity(wanted.len());
        let mut sizes: BTreeSet<u64> = self.state.archived_sizes_named().iter().copied().collect();
        for index in wanted {
            let path = self.prove(&mut tiles, index, newest.size()).await?;
            let entry = self.entry(index).await?;
            let digest = Opened::read(&entry).ok().map(|opened| opened.digest());
            if digest.is_some_and(|digest| self.state.ended_since(index, digest)) {
                sizes.extend(self.archived.range(index + 1..).next());
            }
            entries.push(BundleEntry { entry, index, path });
        }
        let mut archived = Vec::new();
        for size in sizes.into_iter().filter(|size| *size < newest.size()) {
            archived.push(self.client.archived(size).await?);
        }
        let bundle = Bundle {
            archived,
            checkpoint: newest.note().to_vec(),
            entries,
        };
        bundle.open(self.anchor)?;
        Ok(bundle)
    }

    /// Computes a proof, fetching each tile that turns out to be needed.
    async fn prove(
        &self,
        tiles: &mut FetchedTiles,
        index: u64,
        size: u64,
    ) -> Result<Vec<Hash>, LogClientError> {
        loop {
            let error = match prove_inclusion(&*tiles, index, size) {
                Ok(path) => return Ok(path),
                Err(error) => error,
            };
            let Some(missing) = tiles.missing.take() else {
                return Err(LogClientError::Proof {
                    index,
                    detail: with_causes(&error),
                });
            };
            let tile = self.client.tile(missing).await?;
            tiles.held.insert(missing.path(), tile);
        }
    }
}

/// Sizes of the checkpoints that an entry names, if it is an activation.
fn checkpoints_named(entry: &[u8]) -> Option<[u64; 2]> {
    let envelope = Envelope::parse(entry).ok()?;
    match Statement::parse(envelope.payload()).ok()?.predicate {
        Predicate::Activation(activation) => {
            Some([activation.signed_by.size, activation.waited_until.size])
        }
        _ => None,
    }
}

/// What an entry takes while it is held: a log may serve entries without bytes, as many as it likes.
fn held_bytes(entry: &Vec<u8>) -> usize {
    size_of_val(entry) + entry.len()
}

fn bundle_id(index: u64, size: u64) -> Result<BundleId, LogClientError> {
    let width = (size - index * WIDTH).min(WIDTH);
    let width = u16::try_from(width).expect("at most 256");
    BundleId::new(index, width).map_err(|source| LogClientError::Malformed {
        url: "tile/entries".to_owned(),
        source,
    })
}

/// Tiles held so far; remembers the first one that was asked for in vain.
#[derive(Debug, Default)]
pub(crate) struct FetchedTiles {
    pub(crate) held: BTreeMap<String, Vec<u8>>,
    pub(crate) missing: RefCell<Option<TileId>>,
}

#[derive(Debug, thiserror::Error)]
#[error("tile {0} is not here yet")]
pub(crate) struct NotHere(String);

impl TileSource for FetchedTiles {
    type Error = NotHere;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, NotHere> {
        if let Some(tile) = self.held.get(&id.path()) {
            return Ok(tile.clone());
        }
        let path = id.path();
        self.missing.replace(Some(id));
        Err(NotHere(path))
    }
}

pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_without_bytes_reach_the_limit_too() {
        let held = held_bytes(&Vec::new());
        assert!(held > 0, "a log may serve them without end");
        assert_eq!(held_bytes(&vec![0; 7]), held + 7);
    }
}
