//! Reads a commit from git's objects with `gix`: no filter, hook, checkout, network, or configuration of this user.
//!
//! Every object is hashed and compared with the id by which it was asked for, so what is imported is what the commit id
//! says, as far as SHA-1 with collision detection holds. Who is named as author, and what a signature says, are
//! claims of the repository: nothing here verifies them.

use std::io::Read;
use std::path::{Path, PathBuf};

use gix::objs::tree::EntryKind as GitKind;
use gix::{ObjectId, Repository};
use statement::{CommitSignature, Submodule};

use crate::archive::{Entry, EntryKind, check_amount};
use crate::error::ConveyerError;
use crate::limits::{ENTRIES_MAX, SOURCE_FILE_BYTES_MAX, SUBMODULE_DEPTH_MAX};
use crate::path::{LinkTarget, TreePath};
use crate::signature::signature_of;
use crate::source::{Member, nothing};

/// First line of the stand-in that git LFS leaves for a file.
const LFS_MARK: &[u8] = b"version https://git-lfs.github.com/spec/v1";

/// Settings that must not come from the repository: objects are read as they are, without `git replace`.
const OVERRIDES: [&str; 2] = [
    "core.useReplaceRefs=false",
    "gitoxide.objects.noReplace=true",
];

/// What a commit says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitOrigin {
    /// Its full id.
    pub commit: String,
    /// `Name <address>` of the author.
    pub author: String,
    /// The signature it carries.
    pub signature: Option<CommitSignature>,
    /// Repositories inside that were imported too.
    pub submodules: Vec<Submodule>,
}

/// Where a file of a commit is: in which of the repositories, under which id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    repository: usize,
    object: ObjectId,
}

/// A commit of a repository, and the repositories of its submodules.
pub(crate) struct Commit {
    repositories: Vec<Repository>,
    tree: ObjectId,
    origin: GitOrigin,
}

/// A folder on the way: in which repository, which tree, under which path of the source.
struct Folder {
    repository: usize,
    tree: ObjectId,
    /// Path in its own repository, which `.gitmodules` speaks of.
    own: Option<TreePath>,
    /// Path in the source.
    at: Option<TreePath>,
    depth: usize,
    /// The root tree of its repository.
    root: ObjectId,
}

impl Commit {
    /// Resolves `HEAD`, a branch, a tag or a commit id to a commit.
    pub(crate) fn find(repository: &Path, name: &str) -> Result<Self, ConveyerError> {
        let trouble = |error: gix::Error| git_error(repository, &error);
        let opened = gix::discover(repository).map_err(trouble)?;
        let opened = open(opened.git_dir())?;
        let id = resolve(&opened, name)?;
        let data = read(&opened, id, gix::objs::Kind::Commit)?;
        let commit = gix::objs::CommitRef::from_bytes(&data, id.kind()).map_err(trouble)?;
        let author = commit.author().map_err(trouble)?;
        let author = format!("{} <{}>", author.name, author.email);
        let origin = GitOrigin {
            commit: id.to_string(),
            author: author.chars().take(200).collect(),
            signature: signature_of(&commit),
            submodules: Vec::new(),
        };
        let tree = commit.tree();
        Ok(Self {
            repositories: vec![opened],
            tree,
            origin,
        })
    }

    /// What it says about itself; complete after [`Commit::list`].
    pub(crate) fn origin(&self) -> &GitOrigin {
        &self.origin
    }

    /// Every file and link of the commit, or of one folder of it, submodules included.
    pub(crate) fn list(
        &mut self,
        folder: Option<&TreePath>,
    ) -> Result<Vec<Member<Place>>, ConveyerError> {
        let mut tree = self.tree;
        if let Some(folder) = folder {
            for part in folder.as_str().split('/') {
                let found = self
                    .entries(0, tree)?
                    .into_iter()
                    .find(|entry| entry.name == part.as_bytes() && entry.kind == GitKind::Tree);
                let found = found.ok_or_else(|| ConveyerError::SourceRefused {
                    path: folder.to_string(),
                    why: "the commit has no such folder",
                })?;
                tree = found.id;
            }
        }
        let mut members = Vec::new();
        let mut open = vec![Folder {
            repository: 0,
            tree,
            own: folder.cloned(),
            at: None,
            depth: 0,
            root: self.tree,
        }];
        while let Some(folder) = open.pop() {
            for entry in self.entries(folder.repository, folder.tree)? {
                match self.take(&folder, entry)? {
                    Taken::Folder(next) => open.push(next),
                    Taken::Member(member) => members.push(member),
                }
                check_amount(
                    "entries of the source",
                    (members.len() + open.len()) as u64,
                    ENTRIES_MAX as u64,
                )?;
            }
        }
        self.origin.submodules.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(members)
    }

    /// The bytes of one member.
    pub(crate) fn open(&self, member: &Member<Place>) -> Result<Box<dyn Read>, ConveyerError> {
        if matches!(member.entry.kind, EntryKind::Symlink { .. }) {
            return Ok(nothing());
        }
        let Place { repository, object } = member.place;
        let bytes = read(
            &self.repositories[repository],
            object,
            gix::objs::Kind::Blob,
        )?;
        if bytes.starts_with(LFS_MARK) {
            return Err(ConveyerError::SourceRefused {
                path: member.entry.path.to_string(),
                why: "it is a git LFS pointer, not the file; commit the file itself or import from a directory",
            });
        }
        Ok(Box::new(std::io::Cursor::new(bytes)))
    }

    fn entries(&self, repository: usize, tree: ObjectId) -> Result<Vec<TreeEntry>, ConveyerError> {
        let repository = &self.repositories[repository];
        let bytes = read(repository, tree, gix::objs::Kind::Tree)?;
        let entries = gix::objs::TreeRefIter::from_bytes(&bytes, tree.kind());
        entries
            .map(|entry| {
                let entry = entry.map_err(|error| git_error(repository.git_dir(), &error))?;
                Ok(TreeEntry {
                    name: entry.filename.to_vec(),
                    kind: entry.mode.kind(),
                    id: entry.oid.to_owned(),
                })
            })
            .collect()
    }

    fn take(&mut self, folder: &Folder, entry: TreeEntry) -> Result<Taken, ConveyerError> {
        let name = String::from_utf8(entry.name).map_err(|error| ConveyerError::SourceRefused {
            path: String::from_utf8_lossy(error.as_bytes()).into_owned(),
            why: "its name is not UTF-8; rename it",
        })?;
        let joined = |above: &Option<TreePath>| match above {
            Some(above) => above.join(&name),
            None => name.parse(),
        };
        let (at, own) = (joined(&folder.at)?, joined(&folder.own)?);
        let repository = folder.repository;
        let kind = match entry.kind {
            GitKind::Tree => {
                return Ok(Taken::Folder(Folder {
                    repository,
                    tree: entry.id,
                    own: Some(own),
                    at: Some(at),
                    depth: folder.depth,
                    root: folder.root,
                }));
            }
            GitKind::Commit => return self.enter(folder, at, &own, entry.id).map(Taken::Folder),
            GitKind::Blob | GitKind::BlobExecutable => {
                let bytes = size_of(&self.repositories[repository], entry.id)?;
                check_amount("bytes of a file", bytes, SOURCE_FILE_BYTES_MAX)?;
                EntryKind::File {
                    executable: entry.kind == GitKind::BlobExecutable,
                    bytes,
                }
            }
            GitKind::Link => {
                let target = read(
                    &self.repositories[repository],
                    entry.id,
                    gix::objs::Kind::Blob,
                )?;
                let target =
                    String::from_utf8(target).map_err(|_| ConveyerError::SourceRefused {
                        path: at.to_string(),
                        why: "its link target is not UTF-8",
                    })?;
                EntryKind::Symlink {
                    target: LinkTarget::parse(&at, &target)?,
                }
            }
        };
        Ok(Taken::Member(Member {
            entry: Entry { path: at, kind },
            place: Place {
                repository,
                object: entry.id,
            },
        }))
    }

    /// Goes on in a submodule, if this machine has its objects.
    fn enter(
        &mut self,
        folder: &Folder,
        at: TreePath,
        own: &TreePath,
        commit: ObjectId,
    ) -> Result<Folder, ConveyerError> {
        let refused = |why| ConveyerError::SourceRefused {
            path: at.to_string(),
            why,
        };
        if folder.depth >= SUBMODULE_DEPTH_MAX {
            return Err(refused("submodules are nested too deep"));
        }
        let outer = &self.repositories[folder.repository];
        let name = self.submodule_name(folder, own)?;
        let candidates = name
            .map(|name| outer.git_dir().join("modules").join(name.as_str()))
            .into_iter()
            .chain(outer.workdir().map(|work| work.join(own.as_str())));
        let found = candidates
            .filter(|path| path.is_dir())
            .filter_map(|path| open(&path).ok())
            .find(|inner| inner.has_object(commit));
        let inner = found.ok_or_else(|| {
            refused("this submodule is not here; run: git submodule update --init --recursive")
        })?;
        let data = read(&inner, commit, gix::objs::Kind::Commit)?;
        let tree = gix::objs::CommitRef::from_bytes(&data, commit.kind())
            .map_err(|error| git_error(inner.git_dir(), &error))?
            .tree();
        self.repositories.push(inner);
        self.origin.submodules.push(Submodule {
            commit: commit.to_string(),
            path: at.to_string(),
        });
        Ok(Folder {
            repository: self.repositories.len() - 1,
            tree,
            own: None,
            at: Some(at),
            depth: folder.depth + 1,
            root: tree,
        })
    }

    /// The name under which `.gitmodules` of the folder's repository knows the submodule at `own`.
    fn submodule_name(
        &self,
        folder: &Folder,
        own: &TreePath,
    ) -> Result<Option<TreePath>, ConveyerError> {
        let entries = self.entries(folder.repository, folder.root)?;
        let Some(file) = entries.iter().find(|entry| entry.name == b".gitmodules") else {
            return Ok(None);
        };
        let repository = &self.repositories[folder.repository];
        let text = read(repository, file.id, gix::objs::Kind::Blob)?;
        let text = String::from_utf8_lossy(&text);
        let mut name: Option<&str> = None;
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("[submodule \"") {
                name = rest.strip_suffix("\"]");
            } else if let Some((key, value)) = line.split_once('=')
                && key.trim() == "path"
                && value.trim() == own.as_str()
            {
                // A name that leads out of `modules` is no name.
                return Ok(name.and_then(|name| name.parse().ok()));
            }
        }
        Ok(None)
    }
}

struct TreeEntry {
    name: Vec<u8>,
    kind: GitKind,
    id: ObjectId,
}

enum Taken {
    Folder(Folder),
    Member(Member<Place>),
}

/// A repository, without this user's or machine's configuration.
fn open(path: &Path) -> Result<Repository, ConveyerError> {
    let options = gix::open::Options::isolated().config_overrides(OVERRIDES);
    gix::open_opts(path, options).map_err(|error| git_error(path, &error))
}

fn resolve(repository: &Repository, name: &str) -> Result<ObjectId, ConveyerError> {
    let unknown = || ConveyerError::Git {
        repository: repository.git_dir().to_owned(),
        said: format!(
            "it has no commit {:?}",
            name.chars().take(100).collect::<String>()
        ),
    };
    let id = match ObjectId::from_hex(name.as_bytes()) {
        Ok(id) => id,
        Err(_) => {
            let mut reference = repository.find_reference(name).map_err(|_| unknown())?;
            reference.peel_to_id().map_err(|_| unknown())?.detach()
        }
    };
    // An annotated tag names a commit, perhaps through other tags.
    let object = repository.find_object(id).map_err(|_| unknown())?;
    let commit = object.peel_to_commit().map_err(|_| unknown())?;
    Ok(commit.id)
}

/// An object whose bytes have the id that was asked for.
fn read(
    repository: &Repository,
    id: ObjectId,
    kind: gix::objs::Kind,
) -> Result<Vec<u8>, ConveyerError> {
    check_amount(
        "bytes of a file",
        size_of(repository, id)?,
        SOURCE_FILE_BYTES_MAX,
    )?;
    let trouble = |error: gix::Error| git_error(repository.git_dir(), &error);
    let object = repository.find_object(id).map_err(trouble)?;
    let found = gix::objs::compute_hash(id.kind(), object.kind, &object.data).map_err(trouble)?;
    if found != id || object.kind != kind {
        return Err(ConveyerError::Git {
            repository: repository.git_dir().to_owned(),
            said: format!("object {id} is damaged: it is {} {found}", object.kind),
        });
    }
    Ok(object.detach().data)
}

fn size_of(repository: &Repository, id: ObjectId) -> Result<u64, ConveyerError> {
    let header = repository.find_header(id);
    let header = header.map_err(|error| git_error(repository.git_dir(), &error))?;
    Ok(header.size())
}

fn git_error(repository: impl Into<PathBuf>, error: &dyn std::error::Error) -> ConveyerError {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        said = format!("{said}: {next}");
        cause = next.source();
    }
    ConveyerError::Git {
        repository: repository.into(),
        said: said.chars().take(400).collect(),
    }
}
