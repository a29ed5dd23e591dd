//! A source: one archive in the party's store, and the list of what is in it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use store::{BlobWriter, Blobs};
use tlog::{Hash, Sha256Stream};

use crate::archive::{ArchiveWriter, Entry, EntryKind};
use crate::error::ConveyerError;
use crate::git::{self, GitOrigin};
use crate::import;
use crate::limits::{ARCHIVE_BYTES_MAX, RECIPE_BYTES_MAX};
use crate::path::TreePath;
use crate::reader::ArchiveReader;
use crate::recipe::Recipe;

/// Where the recipe stands in a source.
const RECIPE: &str = "recipe.toml";

/// Where a source comes from.
#[derive(Clone, Debug)]
pub enum SourceFrom {
    /// A folder as it is now. `.git` at its top is left out, and so is everything at or below `exclude`.
    Directory {
        /// The folder.
        path: PathBuf,
        /// Paths to leave out, for example `target`.
        exclude: Vec<TreePath>,
    },
    /// A commit with its submodules, read from git's objects without any checkout filter.
    GitCommit {
        /// The repository or a folder inside it.
        repository: PathBuf,
        /// A full commit id, `HEAD`, a branch or a tag.
        commit: String,
        /// Only this folder of the commit, which becomes the root.
        folder: Option<TreePath>,
    },
}

/// A recipe that is laid into a source on import, because its authors wrote none.
#[derive(Clone, Debug)]
pub struct RecipeBeside(Vec<u8>);

impl RecipeBeside {
    /// Reads and checks the recipe.
    ///
    /// # Errors
    /// The file cannot be read, or the recipe is refused.
    pub fn read(path: &Path) -> Result<Self, ConveyerError> {
        let file = std::fs::File::open(path).map_err(ConveyerError::io("open", path))?;
        let mut bytes = Vec::new();
        file.take(RECIPE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(ConveyerError::io("read", path))?;
        Recipe::parse(&bytes)?;
        Ok(Self(bytes))
    }
}

/// A source that stands in a store as one archive of its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    archive: Hash,
    archive_bytes: u64,
    tree: Hash,
    files: Vec<(Entry, Option<Hash>)>,
    git: Option<GitOrigin>,
}

/// Turns a directory or commit into the archive, stores it in `archives`, and lists it.
///
/// # Errors
/// What the source holds and an archive cannot ([`ConveyerError::SourceRefused`], [`ConveyerError::SourcePath`]),
/// limits, git, and the store.
pub fn import_source(from: &SourceFrom, archives: &Blobs) -> Result<Source, ConveyerError> {
    import_with_recipe(from, None, archives)
}

/// As [`import_source`]; `beside` becomes `recipe.toml` at the root of a source that has none.
///
/// # Errors
/// As [`import_source`], and [`ConveyerError::SourceRefused`] when the source brings a recipe of its own.
pub fn import_with_recipe(
    from: &SourceFrom,
    beside: Option<&RecipeBeside>,
    archives: &Blobs,
) -> Result<Source, ConveyerError> {
    match from {
        SourceFrom::Directory { path, exclude } => {
            let members = with_recipe(import::list(path, exclude)?, beside)?;
            pack(archives, members, |member| {
                open_member(member, beside, import::open)
            })
        }
        SourceFrom::GitCommit {
            repository,
            commit,
            folder,
        } => {
            let mut commit = git::Commit::find(repository, commit)?;
            let members = with_recipe(commit.list(folder.as_ref())?, beside)?;
            let mut source = pack(archives, members, |member| {
                open_member(member, beside, |member| commit.open(member))
            })?;
            source.git = Some(commit.origin().clone());
            Ok(source)
        }
    }
}

/// A member that is about to be packed, and where its bytes are.
#[derive(Debug)]
pub(crate) struct Member<P> {
    pub(crate) entry: Entry,
    pub(crate) place: P,
}

/// Adds the recipe that was given beside the source, as a member without a place.
fn with_recipe<P>(
    members: Vec<Member<P>>,
    beside: Option<&RecipeBeside>,
) -> Result<Vec<Member<Option<P>>>, ConveyerError> {
    let mut members: Vec<_> = members
        .into_iter()
        .map(|member| Member {
            entry: member.entry,
            place: Some(member.place),
        })
        .collect();
    let Some(RecipeBeside(bytes)) = beside else {
        return Ok(members);
    };
    let mut paths = members.iter().map(|member| member.entry.path.as_str());
    if paths.any(|path| path == RECIPE || path.starts_with("recipe.toml/")) {
        return Err(ConveyerError::SourceRefused {
            path: RECIPE.to_owned(),
            why: "the source has a recipe of its own; build with that one",
        });
    }
    let kind = EntryKind::File {
        executable: false,
        bytes: bytes.len() as u64,
    };
    let path = RECIPE.parse()?;
    members.push(Member {
        entry: Entry { path, kind },
        place: None,
    });
    Ok(members)
}

fn open_member<P: Clone>(
    member: &Member<Option<P>>,
    beside: Option<&RecipeBeside>,
    mut open: impl FnMut(&Member<P>) -> Result<Box<dyn Read>, ConveyerError>,
) -> Result<Box<dyn Read>, ConveyerError> {
    match (&member.place, beside) {
        (Some(place), _) => open(&Member {
            entry: member.entry.clone(),
            place: place.clone(),
        }),
        (None, Some(RecipeBeside(bytes))) => Ok(Box::new(std::io::Cursor::new(bytes.clone()))),
        (None, None) => {
            unreachable!("with_recipe() adds a member without a place only for a recipe")
        }
    }
}

fn pack<P>(
    archives: &Blobs,
    mut members: Vec<Member<P>>,
    mut open: impl FnMut(&Member<P>) -> Result<Box<dyn Read>, ConveyerError>,
) -> Result<Source, ConveyerError> {
    members.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
    let mut writer = ArchiveWriter::new(BlobOut(archives.writer(ARCHIVE_BYTES_MAX * 2)?));
    let mut files = Vec::with_capacity(members.len());
    for member in members {
        let mut body = HashingReader::new(open(&member)?);
        writer.append(&member.entry, &mut body)?;
        files.push(listed(member.entry, body.finish()));
    }
    let (archive, archive_bytes) = writer.finish()?.0.finish()?;
    Ok(Source {
        archive,
        archive_bytes,
        tree: tree_digest(&files),
        files,
        git: None,
    })
}

impl Source {
    /// Reads the archive `digest` of `archives` from end to end, strictly, and lists it. This is how a rebuilder
    /// takes a source that somebody else imported.
    ///
    /// # Errors
    /// [`ConveyerError::Archive`] for any byte out of form, [`ConveyerError::Store`] for a missing or damaged blob.
    pub fn open(archives: &Blobs, digest: &Hash) -> Result<Self, ConveyerError> {
        let mut files = Vec::new();
        let archive_bytes = read_archive(archives, digest, |entry, reader| {
            let mut hash = HashOut(Sha256Stream::new());
            reader.body(&mut hash)?;
            files.push(listed(entry, hash.0.finish()));
            Ok(())
        })?;
        Ok(Self {
            archive: *digest,
            archive_bytes,
            tree: tree_digest(&files),
            files,
            git: None,
        })
    }

    /// SHA-256 of the archive, which names it.
    #[must_use]
    pub fn archive(&self) -> &Hash {
        &self.archive
    }

    /// Size of the archive, bytes.
    #[must_use]
    pub fn archive_bytes(&self) -> u64 {
        self.archive_bytes
    }

    /// Digest of the list of files (`spec/source-archive.md`), independent of the archive format.
    #[must_use]
    pub fn tree(&self) -> &Hash {
        &self.tree
    }

    /// Every entry in order; files with the SHA-256 of their bytes.
    #[must_use]
    pub fn files(&self) -> &[(Entry, Option<Hash>)] {
        &self.files
    }

    /// The commit it was imported from: the importer's claim, nothing in the archive proves it.
    #[must_use]
    pub fn git(&self) -> Option<&GitOrigin> {
        self.git.as_ref()
    }

    /// The bytes of one file, at most `bytes_max`.
    ///
    /// # Errors
    /// [`ConveyerError::NoSuchFile`], a limit, or the store.
    pub fn read_file(
        &self,
        archives: &Blobs,
        path: &str,
        bytes_max: u64,
    ) -> Result<Vec<u8>, ConveyerError> {
        let mut found = None;
        read_archive(archives, &self.archive, |entry, reader| {
            if entry.path.as_str() == path && matches!(entry.kind, EntryKind::File { .. }) {
                crate::archive::check_amount("bytes of this file", entry.body_bytes(), bytes_max)?;
                let mut bytes = Vec::new();
                reader.body(&mut bytes)?;
                found = Some(bytes);
            }
            Ok(())
        })?;
        found.ok_or_else(|| ConveyerError::NoSuchFile {
            source_digest: self.archive,
            path: path.to_owned(),
        })
    }
}

/// A reader that hashes the archive as it goes by.
pub(crate) type StoredArchive = ArchiveReader<HashingReader<std::fs::File>>;

/// Shows every entry of a stored archive to `each`, then checks the digest of the whole; returns its size.
/// What `each` did counts only when this returns well.
pub(crate) fn read_archive(
    archives: &Blobs,
    digest: &Hash,
    mut each: impl FnMut(Entry, &mut StoredArchive) -> Result<(), ConveyerError>,
) -> Result<u64, ConveyerError> {
    let (file, bytes) = archives.open_file(digest)?;
    let mut reader = ArchiveReader::new(HashingReader::new(file));
    while let Some(entry) = reader.next_entry()? {
        each(entry, &mut reader)?;
    }
    let found = reader.into_input().finish();
    if found != *digest {
        let path = archives.path(digest);
        return Err(store::StoreError::Corrupt { path, found }.into());
    }
    Ok(bytes)
}

/// The list whose digest is the tree digest, one line an entry.
fn tree_digest(files: &[(Entry, Option<Hash>)]) -> Hash {
    let mut stream = Sha256Stream::new();
    stream.update(b"limpid-source-tree 1\n");
    for (entry, digest) in files {
        let line = match (&entry.kind, digest) {
            (EntryKind::File { executable, bytes }, Some(digest)) => {
                let mode = if *executable { "755" } else { "644" };
                format!("file {mode} {} {bytes} {}\n", digest.to_hex(), entry.path)
            }
            (EntryKind::Symlink { target }, _) => {
                format!("link {}\t{}\n", entry.path, target.as_str())
            }
            (EntryKind::File { .. }, None) => unreachable!("listed() gives every file a digest"),
        };
        stream.update(line.as_bytes());
    }
    stream.finish()
}

fn listed(entry: Entry, digest: Hash) -> (Entry, Option<Hash>) {
    let is_file = matches!(entry.kind, EntryKind::File { .. });
    (entry, is_file.then_some(digest))
}

/// Hashes what is read through it.
#[derive(Debug)]
pub(crate) struct HashingReader<R> {
    input: R,
    hash: Sha256Stream,
}

impl<R> HashingReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            hash: Sha256Stream::new(),
        }
    }

    pub(crate) fn finish(self) -> Hash {
        self.hash.finish()
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(out)?;
        self.hash.update(&out[..count]);
        Ok(count)
    }
}

struct HashOut(Sha256Stream);

impl Write for HashOut {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct BlobOut<'a>(BlobWriter<'a>);

impl Write for BlobOut<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A symbolic link's or an empty file's body.
pub(crate) fn nothing() -> Box<dyn Read> {
    Box::new(std::io::empty())
}

/// `path` as the error type wants it, shown without the folder it was found under.
pub(crate) fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
