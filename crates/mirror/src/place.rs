//! The files of one log: `<SHA-256 of its origin>/tile/...` below `public/`, as every tiled log has
//! them. They are made once, from entries that were proven to be the log's.

use std::sync::Arc;

use store::{Files, StoreError};
use tlog::limits::TILE_WIDTH;
use tlog::tree::{Edge, File, plan_bundle};
use tlog::{
    BundleId, EntryPackage, Frontier, Hash, Origin, PackageSpan, ParseError, ProofError,
    ProveError, TileId, TileSource, bundle, leaf_hash, root_from_tiles, verify_subtree_consistency,
};

use crate::MirrorError;
use crate::error::chain;
use crate::limits::FILE_BYTES_MAX;
use crate::state::Known;

const WIDTH: u64 = TILE_WIDTH as u64;

/// Where the files of one log are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    files: Arc<Files>,
    origin: Origin,
    /// SHA-256 of the origin in lower-case hex (tlog-mirror, "Introduction").
    prefix: String,
}

/// What a group of packages comes to.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The tree with the new entries.
    pub(crate) edge: Edge,
    /// The files that hold them.
    pub(crate) files: Vec<File>,
    /// Packages that were proven, in order from the first on.
    pub(crate) proven: usize,
    /// Why the next one was not.
    pub(crate) refused: Option<(u64, ProofError)>,
}

impl Plan {
    /// Bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }
}

impl Place {
    pub(crate) fn new(files: Arc<Files>, origin: Origin) -> Self {
        let prefix = tlog::sha256(origin.as_str().as_bytes()).to_hex();
        Self {
            files,
            origin,
            prefix,
        }
    }

    /// The name of a file of this log below `public/`.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// Tiles, when `held` entries are held.
    pub(crate) fn tiles(&self, held: u64) -> HeldTiles<'_> {
        HeldTiles { place: self, held }
    }

    /// The tree of the first `size` entries of the `held` ones.
    pub(crate) fn tree(&self, size: u64, held: u64) -> Result<Edge, MirrorError> {
        Edge::from_tiles(&self.tiles(held), size).map_err(|source| self.unreadable(source))
    }

    /// Checks that the files give the tree that the log signed.
    pub(crate) fn check(&self, tree: Known, held: u64) -> Result<(), MirrorError> {
        let found = root_from_tiles(&self.tiles(held), tree.size);
        if found.map_err(|source| self.unreadable(source))? == tree.root {
            return Ok(());
        }
        Err(self.other_tree(tree.size))
    }

    pub(crate) fn other_tree(&self, size: u64) -> MirrorError {
        let origin = self.origin.to_string();
        MirrorError::OtherTree { origin, size }
    }

    fn unreadable(&self, source: ProveError<StoreError>) -> MirrorError {
        let origin = self.origin.to_string();
        MirrorError::Tiles { origin, source }
    }

    /// Judges packages one after the other against the tree they are said to be in, and says what
    /// files their new entries come to. Entries that are held already are proven again and not
    /// written (tlog-mirror, "Processing").
    pub(crate) fn plan(
        &self,
        edge: &Edge,
        goal: Known,
        packages: Vec<(PackageSpan, EntryPackage)>,
    ) -> Result<Plan, MirrorError> {
        let held = edge.size();
        let mut plan = Plan {
            edge: edge.clone(),
            files: Vec::new(),
            proven: 0,
            refused: None,
        };
        for (span, package) in packages {
            let mut part = Frontier::new();
            let before = self.leaves_before(&plan.edge, span)?;
            let leaves = package.entries.iter().map(|entry| leaf_hash(entry));
            before
                .into_iter()
                .chain(leaves)
                .for_each(|leaf| part.append(leaf));
            let (hash, proof) = (part.root(), &package.proof);
            let proven =
                verify_subtree_consistency(span.subtree(), &hash, goal.size, &goal.root, proof);
            if let Err(reason) = proven {
                plan.refused = Some((span.first(), reason));
                break;
            }
            plan.proven += 1;
            if span.end() > plan.edge.size() {
                self.add(&mut plan, span, package, held)?;
            }
        }
        // A checkpoint has this size, so readers ask for its partial tiles.
        if plan.edge.size() == goal.size && goal.size > held {
            plan.files.extend(plan.edge.partial_tiles());
        }
        Ok(plan)
    }

    /// Adds the entries of a proven package that are not held yet.
    fn add(
        &self,
        plan: &mut Plan,
        span: PackageSpan,
        package: EntryPackage,
        held: u64,
    ) -> Result<(), MirrorError> {
        let index = span.subtree().start() / WIDTH;
        let size = plan.edge.size();
        let mut entries = self.entries(index, size - span.subtree().start(), held)?;
        let known = (size - span.first()) as usize;
        entries.extend(package.entries.into_iter().skip(known));
        // Fits: a bundle has at most 256 entries.
        let files = BundleId::new(index, entries.len() as u16)
            .and_then(|id| plan_bundle(&mut plan.edge, id, &entries))
            .map_err(|source| self.bad_bundle(format!("bundle {index}"), source))?;
        plan.files.extend(files);
        Ok(())
    }

    /// Hashes of the leaves from a package's multiple of 256 up to its first entry; all are held.
    fn leaves_before(&self, edge: &Edge, span: PackageSpan) -> Result<Vec<Hash>, MirrorError> {
        let start = span.subtree().start();
        let count = (span.first() - start) as usize;
        if count == 0 {
            return Ok(Vec::new());
        }
        if start + WIDTH > edge.size() {
            return Ok(edge.leaves()[..count].to_vec());
        }
        let entries = self.entries(start / WIDTH, span.first() - start, edge.size())?;
        Ok(entries.iter().map(|entry| leaf_hash(entry)).collect())
    }

    /// The first `count` entries of a bundle, of `held` entries in all.
    fn entries(&self, index: u64, count: u64, held: u64) -> Result<Vec<Vec<u8>>, MirrorError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let bad = |source| self.bad_bundle(format!("bundle {index}"), source);
        // Fits: at most 256.
        let id = BundleId::new(index, count as u16).map_err(bad)?;
        let (bytes, width) = match self.read(&id.path())? {
            Some(bytes) => (bytes, id.width()),
            None => match self.read(&id.to_full().path())? {
                Some(bytes) => (bytes, TILE_WIDTH),
                None => {
                    let newest = BundleId::new(index, newest_width(index, held)).map_err(bad)?;
                    let bytes = self
                        .files
                        .read(&self.path(&newest.path()), FILE_BYTES_MAX)?;
                    (bytes, newest.width())
                }
            },
        };
        let entries = bundle::parse(&bytes, width)
            .map_err(|source| self.bad_bundle(id.to_string(), source))?;
        let entries = entries.into_iter().take(count as usize);
        Ok(entries.map(<[u8]>::to_vec).collect())
    }

    fn bad_bundle(&self, bundle: String, source: ParseError) -> MirrorError {
        MirrorError::Bundle {
            origin: self.origin.to_string(),
            bundle,
            source,
        }
    }

    /// Files that a reader of the tree of `size` entries asks for and that may not be there yet,
    /// because the entries came under larger checkpoints.
    pub(crate) fn partials(&self, size: u64, held: u64) -> Result<Vec<File>, MirrorError> {
        let mut files = self.tree(size, held)?.partial_tiles();
        if !size.is_multiple_of(WIDTH) {
            let (index, count) = (size / WIDTH, size % WIDTH);
            let entries = self.entries(index, count, held)?;
            let id = BundleId::new(index, count as u16);
            let file = id.and_then(|id| Ok((id.path(), bundle::encode(&entries)?)));
            files.push(file.map_err(|source| self.bad_bundle(format!("bundle {index}"), source))?);
        }
        Ok(files)
    }

    /// Removes the partial tiles and bundles of what became full while the mirrored tree grew: readers
    /// are served the full ones (tlog-tiles, "Partial Tiles"). Returns the number of bytes. What cannot
    /// be removed stays, and costs disk only.
    pub(crate) fn forget_outgrown(&self, before: u64, size: u64) -> u64 {
        let tiles = (0..8u8).flat_map(|level| {
            let at = |leaves: u64| leaves.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            let full = move |index| Some(TileId::new(level, index, TILE_WIDTH).ok()?.path());
            (at(before)..at(size)).filter_map(full)
        });
        let full = |index| Some(BundleId::new(index, TILE_WIDTH).ok()?.path());
        let bundles = (before / WIDTH..size / WIDTH).filter_map(full);
        bundles.chain(tiles).map(|name| self.forget(&name)).sum()
    }

    fn forget(&self, name: &str) -> u64 {
        let partials = self.path(&format!("{name}.p"));
        let Ok(files) = std::fs::read_dir(self.files.root().join(&partials)) else {
            return 0;
        };
        let sizes = files.map(|file| Ok(file?.metadata()?.len()));
        let bytes = sizes.sum::<std::io::Result<u64>>();
        let is_full = self.files.contains(&self.path(name));
        match (is_full, bytes) {
            (Ok(true), Ok(bytes)) => match self.files.remove_directory(&partials) {
                Ok(()) => bytes,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "partial files stay");
                    0
                }
            },
            _ => 0,
        }
    }

    /// Makes files, durable when this returns.
    pub(crate) fn make(&self, files: &[File]) -> Result<(), StoreError> {
        let named = files.iter().map(|(name, bytes)| (self.path(name), bytes));
        self.files.create_many(&named.collect::<Vec<_>>())
    }

    /// Replaces the one file that changes.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.files.replace(&self.path(name), bytes)
    }

    /// A file, if it is there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.files.read(&self.path(name), FILE_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How many of `held` things the last, unfinished piece with this index has.
fn newest_width(index: u64, held: u64) -> u16 {
    // Fits: at most 256.
    held.saturating_sub(index * WIDTH).min(WIDTH) as u16
}

/// The tiles of a log as far as it is held. A partial tile that was never made is cut from the full
/// one, or from the one that ends where the log does.
pub(crate) struct HeldTiles<'a> {
    place: &'a Place,
    held: u64,
}

impl TileSource for HeldTiles<'_> {
    type Error = StoreError;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, StoreError> {
        if let Some(tile) = self.place.read(&id.path())? {
            return Ok(tile);
        }
        let mut wider = self.place.read(&id.to_full().path())?;
        if wider.is_none() {
            let there = self
                .held
                .checked_shr(8 * u32::from(id.level()))
                .unwrap_or(0);
            let width = newest_width(id.index(), there);
            if let Ok(newest) = TileId::new(id.level(), id.index(), width) {
                wider = self.place.read(&newest.path())?;
            }
        }
        // Only whole hashes are cut off; a tile that is too short is refused by who asked.
        let mut wider = match wider {
            Some(bytes) => bytes,
            None => {
                let path = self.place.path(&id.path());
                self.place.files.read(&path, FILE_BYTES_MAX)?
            }
        };
        wider.truncate(id.bytes());
        Ok(wider)
    }
}
