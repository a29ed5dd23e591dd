//! Following a log: what it publishes is replayed into `law::InForce` and settled, or refused.
//!
//! Invariant: after a successful [`Follower::sync`] everything fed is witnessed. After a failed one
//! the replay starts over, so that nothing half-judged is ever built on.

use std::{cell::RefCell, collections::BTreeMap};

use law::{Bundle, BundleEntry, Code, InForce, Refusal, Settled};
use statement::StatementDigest;
use tlog::{
    BundleId, Checkpoint, Note, TileId, TileSource, Witnessed, open_witnessed, prove_inclusion,
};

use crate::{client::LogClient, error::LogClientError};

const WIDTH: u64 = 256;

/// A log that is followed.
#[derive(Debug)]
pub struct Follower {
    client: LogClient,
    anchor: StatementDigest,
    state: InForce,
    newest: Option<Witnessed<Checkpoint>>,
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
        }
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
        let size = self.claimed_size(&note)?;
        let before = self.state.next_index();
        if size < before {
            let origin = self.client.origin().to_string();
            return Err(LogClientError::WentBack {
                origin,
                before,
                now: size,
            });
        }
        match self.replay_to(size, &note).await {
            Ok(()) => Ok(size > before),
            Err(error) => {
                self.state = InForce::replay(self.client.origin().clone(), self.anchor);
                self.newest = None;
                Err(error)
            }
        }
    }

    async fn replay_to(&mut self, size: u64, note: &[u8]) -> Result<(), LogClientError> {
        if size > self.state.next_index() {
            for archived in self.client.archived_sizes().await? {
                if archived > self.state.next_index() && archived < size {
                    self.feed_to(archived).await?;
                    let note = self.client.archived(archived).await?;
                    self.settle(&note)?;
                }
            }
            self.feed_to(size).await?;
        }
        self.newest = Some(self.settle(note)?);
        Ok(())
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
        Ok(checkpoint)
    }

    async fn feed_to(&mut self, size: u64) -> Result<(), LogClientError> {
        while self.state.next_index() < size {
            let next = self.state.next_index();
            let bundle = bundle_id(next / WIDTH, size)?;
            let entries = self.client.entries(bundle).await?;
            for (index, entry) in (bundle.first_entry()..).zip(&entries) {
                if index >= next {
                    self.state.feed(index, entry)?;
                }
            }
        }
        Ok(())
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
        for index in wanted {
            let path = self.prove(&mut tiles, index, newest.size()).await?;
            entries.push(BundleEntry {
                entry: self.entry(index).await?,
                index,
                path,
            });
        }
        let mut archived = Vec::new();
        for size in self.state.archived_sizes_named() {
            archived.push(self.client.archived(*size).await?);
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
    ) -> Result<Vec<tlog::Hash>, LogClientError> {
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
struct FetchedTiles {
    held: BTreeMap<String, Vec<u8>>,
    missing: RefCell<Option<TileId>>,
}

#[derive(Debug, thiserror::Error)]
#[error("tile {0} is not here yet")]
struct NotHere(String);

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

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
