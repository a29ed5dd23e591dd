//! `public/` as it lies on the disk, before the log has repaired anything: any web server may show
//! it at that moment.

use anyhow::{Context as _, Result, anyhow, ensure};
use tlog::{ArchiveId, BundleId, BundleSource, Checkpoint, Note, TileId, TileSource, fsck};

use crate::disk::Image;
use crate::log_room::Promises;

const HASH_BYTES: usize = 32;

/// Something is not there.
#[derive(Debug)]
pub(crate) struct Missing(String);

impl std::fmt::Display for Missing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "`{}` is missing", self.0)
    }
}

impl std::error::Error for Missing {}

struct Public<'a>(&'a Image);

impl Public<'_> {
    fn read(&self, path: &str) -> Result<&[u8], Missing> {
        let content = self.0.get(&format!("public/{path}"));
        let bytes = content.and_then(Option::as_deref);
        bytes.ok_or_else(|| Missing(path.to_owned()))
    }
}

/// Partial tiles and bundles may be forgotten once the full one is there; a reader takes the
/// beginning of that.
impl TileSource for Public<'_> {
    type Error = Missing;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, Missing> {
        let partial = self.read(&id.path());
        let bytes = partial.or_else(|missing| {
            let full = self.read(&id.to_full().path()).map_err(|_| missing)?;
            let bytes = HASH_BYTES * usize::from(id.width());
            Ok(full.get(..bytes).unwrap_or(full))
        });
        bytes.map(<[u8]>::to_vec)
    }
}

impl BundleSource for Public<'_> {
    type Error = Missing;

    fn bundle(&self, id: BundleId) -> Result<Vec<u8>, Missing> {
        let missing = match self.read(&id.path()) {
            Ok(bytes) => return Ok(bytes.to_vec()),
            Err(missing) => missing,
        };
        let full = id.to_full();
        let Ok(bytes) = self.read(&full.path()) else {
            return Err(missing);
        };
        let entries = tlog::bundle::parse(bytes, full.width()).unwrap_or_default();
        let entries: Vec<&[u8]> = entries.into_iter().take(usize::from(id.width())).collect();
        // A damaged bundle has no entries, which is found out by whoever asked.
        Ok(tlog::bundle::encode(&entries).unwrap_or_default())
    }
}

/// What was published is still published: the checkpoint is not older, every file of its tree and
/// of every tree a proof was given for is whole, and those trees are in the archive.
pub(crate) fn check_public(image: &Image, promises: &Promises) -> Result<()> {
    let public = Public(image);
    let Some(newest) = promises.published.iter().max() else {
        return Ok(());
    };
    let note = public.read("checkpoint")?;
    let shown = Checkpoint::parse(Note::parse(note)?.text()).context("`checkpoint`")?;
    ensure!(
        shown.size() >= *newest,
        "`checkpoint` went back from {newest} to {}",
        shown.size()
    );
    if let Some(root) = promises.roots.get(&shown.size()) {
        ensure!(
            root == shown.root(),
            "`checkpoint` shows another root than before"
        );
    }
    let index = public.read("archive/index")?;
    let index = String::from_utf8_lossy(index);
    let mut sizes = promises.published.clone();
    sizes.dedup();
    for size in sizes {
        let root = promises.roots.get(&size).context("a size without a root")?;
        fsck(&public, size, root, |_, _| {}).with_context(|| format!("the tree of {size}"))?;
        let listed = index.lines().any(|line| line == size.to_string());
        ensure!(listed, "`archive/index` has lost {size}");
        let id = ArchiveId::new(size).map_err(|error| anyhow!(error))?;
        let archived = public.read(&id.path())?;
        let archived = Checkpoint::parse(Note::parse(archived)?.text())?;
        ensure!(
            archived.root() == root,
            "`{}` shows another root",
            id.path()
        );
    }
    fsck(&public, shown.size(), shown.root(), |_, _| {}).context("the published tree")?;
    Ok(())
}
