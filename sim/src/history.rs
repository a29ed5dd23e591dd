//! The log as a stranger reads it in the end: every published entry, and every tile.

use std::collections::BTreeMap;

use logclient::LogClient;
use tlog::{
    BundleId, Frontier, Hash, TileId, TileSource, leaf_hash, open_witnessed, root_from_tiles,
    tiles_between,
};

use crate::front_end::chain;
use crate::parties;
use crate::world::World;

/// The entries of the newest published tree, and the root at each size.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) entries: Vec<Vec<u8>>,
    /// One more than entries: the first is that of the empty tree.
    pub(crate) roots: Vec<Hash>,
}

impl History {
    /// Of these entries.
    pub(crate) fn of(entries: Vec<Vec<u8>>) -> Self {
        let mut frontier = Frontier::new();
        let mut roots = vec![frontier.root()];
        for entry in &entries {
            frontier.append(leaf_hash(entry));
            roots.push(frontier.root());
        }
        Self { entries, roots }
    }

    /// Number of entries.
    pub(crate) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The root of the first so many entries.
    pub(crate) fn root_at(&self, size: u64) -> Option<&Hash> {
        self.roots.get(usize::try_from(size).ok()?)
    }
}

/// Reads what a front end shows. An error is what is wrong with it.
pub(crate) async fn read(world: &World, front_end: &str) -> Result<History, String> {
    let url = format!("http://{front_end}");
    let client = LogClient::new(world.net.perfect_client(), &url, parties::origin());
    let failed = |error: logclient::LogClientError| chain(&error);
    let note = client.checkpoint().await.map_err(failed)?;
    let checkpoint = open_witnessed(&note, parties::policy()).map_err(|e| e.to_string())?;
    let size = checkpoint.size();
    let mut entries = Vec::new();
    for id in BundleId::covering(size) {
        entries.extend(client.entries(id).await.map_err(failed)?);
    }
    let history = History::of(entries);
    if history.root_at(size) != Some(checkpoint.root()) {
        return Err(format!(
            "the bundles do not give the published root of {size} entries"
        ));
    }
    let mut tiles = Tiles::default();
    for id in tiles_between(0, size) {
        let tile = client.tile(id).await.map_err(failed)?;
        tiles.0.insert(id.path(), tile);
    }
    let root = root_from_tiles(&tiles, size).map_err(|error| chain(&error))?;
    match root == *checkpoint.root() {
        true => Ok(history),
        false => Err(format!(
            "the tiles do not give the published root of {size} entries"
        )),
    }
}

/// Tiles that were fetched; a full one serves for its partial ones.
#[derive(Default)]
struct Tiles(BTreeMap<String, Vec<u8>>);

#[derive(Debug)]
struct NotFetched(String);

impl std::fmt::Display for NotFetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tile {} was not fetched", self.0)
    }
}

impl std::error::Error for NotFetched {}

impl TileSource for Tiles {
    type Error = NotFetched;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, NotFetched> {
        let found = self.0.get(&id.path());
        let tile = found.ok_or_else(|| NotFetched(id.path()))?;
        // What was fetched may be the full tile.
        Ok(tile[..tile.len().min(id.bytes())].to_vec())
    }
}
