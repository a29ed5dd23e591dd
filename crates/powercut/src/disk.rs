//! A disk that remembers what it promised: for each file and each folder what is durable, and
//! what only the page cache knows.
//!
//! The worst that POSIX allows. `fsync` of a file makes its bytes durable and nothing else; its
//! name is durable when the folder was synced; a rename is two changes, one in each folder, and
//! either may be lost alone. What was not synced may be there, in part, in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use tlog::Hash;

/// A file or folder, whatever it is called.
pub(crate) type NodeId = usize;

/// The daemon's own folder.
pub(crate) const ROOT: NodeId = 0;

/// A folder and all below it: paths relative to it, `None` for folders.
pub(crate) type Image = BTreeMap<String, Option<FileBytes>>;

/// What is in a file. Copies share it, and its digest, until one of them changes: most of a disk is
/// the same at two moments.
#[derive(Debug, Clone, Default)]
pub struct FileBytes(Arc<Held>);

#[derive(Debug, Clone, Default)]
struct Held {
    bytes: Vec<u8>,
    digest: OnceLock<Hash>,
}

impl FileBytes {
    pub(crate) fn digest(&self) -> &Hash {
        self.0.digest.get_or_init(|| tlog::sha256(&self.0.bytes))
    }

    fn change(&mut self) -> &mut Vec<u8> {
        let held = Arc::make_mut(&mut self.0);
        held.digest = OnceLock::new();
        &mut held.bytes
    }
}

impl PartialEq for FileBytes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.bytes == other.0.bytes
    }
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        let digest = OnceLock::new();
        Self(Arc::new(Held { bytes, digest }))
    }
}

impl std::ops::Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// Something that happened to the disk.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// `name` in `folder` is now `node`.
    Link {
        folder: NodeId,
        name: String,
        node: NodeId,
    },
    /// `name` in `folder` is gone.
    Unlink { folder: NodeId, name: String },
    /// Bytes written to a file.
    Write {
        node: NodeId,
        offset: u64,
        bytes: Arc<[u8]>,
    },
    /// A file made shorter or longer.
    Resize { node: NodeId, bytes: u64 },
}

impl Change {
    /// Whose `fsync` makes it durable.
    pub(crate) const fn kept_by(&self) -> NodeId {
        match self {
            Self::Link { folder, .. } | Self::Unlink { folder, .. } => *folder,
            Self::Write { node, .. } | Self::Resize { node, .. } => *node,
        }
    }
}

#[derive(Debug, Clone)]
enum Content {
    File(FileBytes),
    Folder(BTreeMap<String, NodeId>),
}

impl Content {
    fn apply(&mut self, change: &Change) {
        match (self, change) {
            (Self::File(content), Change::Write { offset, bytes, .. }) => {
                put(content.change(), *offset as usize, bytes);
            }
            (Self::File(content), Change::Resize { bytes, .. }) => {
                content.change().resize(*bytes as usize, 0);
            }
            (Self::Folder(names), Change::Link { name, node, .. }) => {
                names.insert(name.clone(), *node);
            }
            (Self::Folder(names), Change::Unlink { name, .. }) => {
                names.remove(name);
            }
            // A file is never changed as a folder; the recorder made both.
            _ => {}
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

#[derive(Debug, Clone)]
struct Node {
    durable: Content,
    cached: Content,
    /// Not durable yet, with the moment at which each was done.
    pending: Vec<(Change, usize)>,
}

/// What a power cut takes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    /// All of it.
    Everything,
    /// Nothing: as after `kill -9`.
    Nothing,
    /// What was written; new names stay and show empty or old files.
    Contents,
    /// New names; what was written to files stays.
    Names,
    /// Any part of it, by sectors of 512 bytes and by single names; the number is the seed.
    Torn(u64),
}

impl std::fmt::Display for Loss {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everything => out.write_str("all that was not synced is lost"),
            Self::Nothing => out.write_str("nothing is lost"),
            Self::Contents => out.write_str("unsynced contents are lost, names stay"),
            Self::Names => out.write_str("unsynced names are lost, contents stay"),
            Self::Torn(seed) => write!(out, "torn, seed {seed}"),
        }
    }
}

/// The disk below one folder.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    nodes: Vec<Node>,
}

impl Disk {
    /// Everything in `image` is durable.
    pub(crate) fn new(image: &Image) -> Self {
        let mut disk = Self { nodes: Vec::new() };
        disk.add(Content::Folder(BTreeMap::new()));
        for (path, content) in image {
            let node = disk.add(match content {
                Some(bytes) => Content::File(bytes.clone()),
                None => Content::Folder(BTreeMap::new()),
            });
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let folder = disk.find(folder).unwrap_or(ROOT);
            let link = Change::Link {
                folder,
                name: name.to_owned(),
                node,
            };
            disk.nodes[folder].durable.apply(&link);
            disk.nodes[folder].cached.apply(&link);
        }
        disk
    }

    fn add(&mut self, content: Content) -> NodeId {
        self.nodes.push(Node {
            durable: content.clone(),
            cached: content,
            pending: Vec::new(),
        });
        self.nodes.len() - 1
    }

    /// A new file or folder without a name.
    pub(crate) fn make(&mut self, is_folder: bool) -> NodeId {
        self.add(if is_folder {
            Content::Folder(BTreeMap::new())
        } else {
            Content::File(FileBytes::default())
        })
    }

    /// What has a path now, as a running process sees it; the empty path is the root.
    pub(crate) fn find(&self, path: &str) -> Option<NodeId> {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.into_iter().try_fold(ROOT, |at, name| {
            let Content::Folder(names) = &self.nodes[at].cached else {
                return None;
            };
            names.get(name).copied()
        })
    }

    /// Size of a file as a running process sees it.
    pub(crate) fn bytes(&self, node: NodeId) -> u64 {
        match &self.nodes[node].cached {
            Content::File(content) => content.len() as u64,
            Content::Folder(_) => 0,
        }
    }

    pub(crate) fn is_folder(&self, node: NodeId) -> bool {
        matches!(self.nodes[node].cached, Content::Folder(_))
    }

    /// Something happened, and was done at the moment `done`.
    pub(crate) fn apply(&mut self, change: &Change, done: usize) {
        let node = &mut self.nodes[change.kept_by()];
        node.cached.apply(change);
        node.pending.push((change.clone(), done));
    }

    /// Names in a folder that a sync which began then makes durable.
    pub(crate) fn pending_names(&self, node: NodeId, began: usize) -> BTreeSet<String> {
        let done = self.nodes[node]
            .pending
            .iter()
            .filter(|(_, done)| *done <= began);
        done.filter_map(|(change, _)| match change {
            Change::Link { name, .. } | Change::Unlink { name, .. } => Some(name.clone()),
            _ => None,
        })
        .collect()
    }

    /// `fsync`: what was done before it `began` is durable.
    pub(crate) fn sync(&mut self, node: NodeId, began: usize) {
        let node = &mut self.nodes[node];
        let (kept, pending) = std::mem::take(&mut node.pending)
            .into_iter()
            .partition(|(_, done)| *done <= began);
        let kept: Vec<(Change, usize)> = kept;
        kept.iter()
            .for_each(|(change, _)| node.durable.apply(change));
        node.pending = pending;
    }

    /// What is there after a power cut.
    pub(crate) fn after(&self, loss: Loss) -> Image {
        let mut image = Image::new();
        let mut seen = BTreeSet::new();
        self.show(ROOT, "", loss, &mut seen, &mut image);
        image
    }

    fn show(
        &self,
        node: NodeId,
        path: &str,
        loss: Loss,
        seen: &mut BTreeSet<NodeId>,
        image: &mut Image,
    ) {
        match self.content_after(node, loss) {
            Content::File(bytes) => {
                image.insert(path.to_owned(), Some(bytes));
            }
            // A folder that was moved may have kept both of its names; it is shown once.
            Content::Folder(names) if seen.insert(node) => {
                if node != ROOT {
                    image.insert(path.to_owned(), None);
                }
                for (name, below) in names {
                    let path = match path {
                        "" => name,
                        above => format!("{above}/{name}"),
                    };
                    self.show(below, &path, loss, seen, image);
                }
            }
            Content::Folder(_) => {}
        }
    }

    fn content_after(&self, id: NodeId, loss: Loss) -> Content {
        let node = &self.nodes[id];
        let is_folder = matches!(node.durable, Content::Folder(_));
        match loss {
            Loss::Everything => node.durable.clone(),
            Loss::Nothing => node.cached.clone(),
            Loss::Contents if is_folder => node.cached.clone(),
            Loss::Names if !is_folder => node.cached.clone(),
            Loss::Contents | Loss::Names => node.durable.clone(),
            Loss::Torn(seed) => torn(node, seed ^ (id as u64) << 32),
        }
    }
}

/// Smallest piece that a disk writes as a whole.
const SECTOR_BYTES: usize = 512;

fn torn(node: &Node, seed: u64) -> Content {
    let mut dice = Dice(seed);
    // Some disks had written nearly all, some nearly nothing.
    let kept_of_eight = [1, 4, 7][dice.below(3) as usize];
    let mut content = node.durable.clone();
    let mut lost_names = BTreeSet::new();
    for (change, _) in &node.pending {
        match (change, &mut content) {
            (Change::Write { offset, bytes, .. }, Content::File(file)) => {
                let mut at = *offset as usize;
                let mut rest: &[u8] = bytes;
                while !rest.is_empty() {
                    let size = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
                    let (sector, after) = rest.split_at(size);
                    if dice.below(8) < kept_of_eight {
                        put(file.change(), at, sector);
                    }
                    at += size;
                    rest = after;
                }
            }
            (Change::Link { name, .. } | Change::Unlink { name, .. }, _) => {
                // One name changes in order; different names in any.
                if lost_names.contains(name) || dice.below(8) >= kept_of_eight {
                    lost_names.insert(name.clone());
                } else {
                    content.apply(change);
                }
            }
            (Change::Resize { .. }, _) if dice.below(8) < kept_of_eight => content.apply(change),
            _ => {}
        }
    }
    content
}

/// A small generator of chance (splitmix64): one seed, one sequence.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `f` with the durable bytes `old`, then `new` written over it, and a new file `g` = `x`.
    fn disk() -> (Disk, NodeId, NodeId) {
        let mut disk = Disk::new(&Image::from([(
            "f".to_owned(),
            Some(b"old".to_vec().into()),
        )]));
        let f = disk.find("f").unwrap();
        let write = |node, bytes: &[u8]| Change::Write {
            node,
            offset: 0,
            bytes: bytes.into(),
        };
        disk.apply(&write(f, b"new"), 1);
        let g = disk.make(false);
        let link = Change::Link {
            folder: ROOT,
            name: "g".to_owned(),
            node: g,
        };
        disk.apply(&link, 2);
        disk.apply(&write(g, b"x"), 3);
        (disk, f, g)
    }

    fn files(disk: &Disk, loss: Loss) -> Vec<(String, String)> {
        let show = |(path, bytes): (String, Option<FileBytes>)| {
            (path, String::from_utf8(bytes.unwrap().to_vec()).unwrap())
        };
        disk.after(loss).into_iter().map(show).collect()
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        all.iter().map(own).collect()
    }

    #[test]
    fn what_was_not_synced_is_lost_or_kept_as_asked() {
        let (disk, _, _) = disk();
        assert_eq!(files(&disk, Loss::Everything), pairs(&[("f", "old")]));
        assert_eq!(
            files(&disk, Loss::Nothing),
            pairs(&[("f", "new"), ("g", "x")])
        );
        assert_eq!(
            files(&disk, Loss::Contents),
            pairs(&[("f", "old"), ("g", "")])
        );
        assert_eq!(files(&disk, Loss::Names), pairs(&[("f", "new")]));
    }

    #[test]
    fn syncing_a_file_does_not_keep_its_name() {
        let (mut disk, f, g) = disk();
        disk.sync(f, 9);
        disk.sync(g, 9);
        assert_eq!(files(&disk, Loss::Everything), pairs(&[("f", "new")]));
        disk.sync(ROOT, 9);
        assert_eq!(
            files(&disk, Loss::Everything),
            pairs(&[("f", "new"), ("g", "x")])
        );
    }

    #[test]
    fn a_write_that_was_not_done_when_the_sync_began_is_not_covered() {
        let (mut disk, f, _) = disk();
        disk.sync(f, 0);
        assert_eq!(files(&disk, Loss::Everything), pairs(&[("f", "old")]));
    }

    #[test]
    fn a_torn_write_leaves_whole_sectors_in_any_order() {
        let mut disk = Disk::new(&Image::from([("f".to_owned(), Some(vec![0; 4096].into()))]));
        let node = disk.find("f").unwrap();
        let bytes = vec![1; 4096].into();
        disk.apply(
            &Change::Write {
                node,
                offset: 0,
                bytes,
            },
            1,
        );
        let mut patterns = BTreeSet::new();
        for seed in 0..64 {
            let image = disk.after(Loss::Torn(seed));
            let content = image["f"].as_ref().unwrap();
            for sector in content.chunks(512) {
                assert!(sector.iter().all(|byte| *byte == sector[0]));
            }
            patterns.insert(content.to_vec());
        }
        assert!(patterns.len() > 8, "only {} patterns", patterns.len());
    }
}
