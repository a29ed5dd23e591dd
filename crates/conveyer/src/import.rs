//! Lists a directory for import. Nothing about the machine gets in: not the order of entries, not owners, times
//! or umask; of the mode only whether the owner may run it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::archive::{Entry, EntryKind, check_amount};
use crate::error::ConveyerError;
use crate::limits::ENTRIES_MAX;
use crate::path::{LinkTarget, TreePath};
use crate::source::{Member, nothing, shown};

/// Every file and link below `root`.
pub(crate) fn list(
    root: &Path,
    exclude: &[TreePath],
) -> Result<Vec<Member<PathBuf>>, ConveyerError> {
    let mut members = Vec::new();
    let mut folders: Vec<(PathBuf, Option<TreePath>)> = vec![(root.to_owned(), None)];
    while let Some((folder, inner)) = folders.pop() {
        for item in fs::read_dir(&folder).map_err(ConveyerError::io("list", &folder))? {
            let item = item.map_err(ConveyerError::io("list", &folder))?;
            let name = item.file_name();
            let path = item.path();
            let refused = |why| ConveyerError::SourceRefused {
                path: shown(root, &path),
                why,
            };
            let name = name
                .to_str()
                .ok_or_else(|| refused("its name is not UTF-8; rename it"))?;
            if name == ".git" && inner.is_none() {
                continue;
            }
            if name == ".git" {
                return Err(refused(
                    "a git repository inside the source; exclude its folder",
                ));
            }
            let at: TreePath = match &inner {
                Some(inner) => inner.join(name)?,
                None => name.parse()?,
            };
            if exclude.contains(&at) {
                continue;
            }
            let about = fs::symlink_metadata(&path).map_err(ConveyerError::io("look at", &path))?;
            if about.is_dir() {
                folders.push((path, Some(at)));
                continue;
            }
            let kind = kind_of(&path, &at, &about, root)?;
            members.push(Member {
                entry: Entry { path: at, kind },
                place: path,
            });
            check_amount(
                "entries of the source",
                members.len() as u64,
                ENTRIES_MAX as u64,
            )?;
        }
    }
    Ok(members)
}

/// Opens a member's bytes; a file that became a link meanwhile is refused by the system.
pub(crate) fn open(member: &Member<PathBuf>) -> Result<Box<dyn Read>, ConveyerError> {
    if matches!(member.entry.kind, EntryKind::Symlink { .. }) {
        return Ok(nothing());
    }
    let no_link =
        i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).expect("a flag of open(2) is an int");
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(no_link)
        .open(&member.place);
    Ok(Box::new(
        file.map_err(ConveyerError::io("open", &member.place))?,
    ))
}

fn kind_of(
    path: &Path,
    at: &TreePath,
    about: &fs::Metadata,
    root: &Path,
) -> Result<EntryKind, ConveyerError> {
    if about.is_file() {
        return Ok(EntryKind::File {
            executable: about.mode() & 0o100 != 0,
            bytes: about.len(),
        });
    }
    let refused = |why| ConveyerError::SourceRefused {
        path: shown(root, path),
        why,
    };
    if !about.is_symlink() {
        return Err(refused(
            "it is a device, socket or pipe; remove or exclude it",
        ));
    }
    let target = fs::read_link(path).map_err(ConveyerError::io("read the link", path))?;
    let target = target
        .to_str()
        .ok_or_else(|| refused("its target is not UTF-8"))?;
    Ok(EntryKind::Symlink {
        target: LinkTarget::parse(at, target)?,
    })
}
