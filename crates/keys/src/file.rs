//! Private files: made once, durable, readable by their owner only.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::{FileStep, KeyError};

/// Permission bits that nobody but the owner may have.
const OTHERS: u32 = 0o077;

fn io(step: FileStep, path: &Path) -> impl FnOnce(std::io::Error) -> KeyError + '_ {
    move |source| KeyError::Io {
        step,
        path: path.to_owned(),
        source,
    }
}

/// Reads a whole private file of at most `bytes_max` bytes.
///
/// Mode and kind are asked of the opened file, so nothing can be swapped in between. Opening
/// does not block, so that a pipe put in the key's place cannot hang a daemon.
pub(crate) fn read_private(path: &Path, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(io(FileStep::Open, path))?;
    let meta = file.metadata().map_err(io(FileStep::Read, path))?;
    if !meta.is_file() {
        return Err(KeyError::NotAFile {
            path: path.to_owned(),
        });
    }
    if meta.mode() & OTHERS != 0 {
        return Err(KeyError::OpenToOthers {
            path: path.to_owned(),
            mode: meta.mode() & 0o7777,
        });
    }
    // Reserved at once: growing would leave copies of the secret behind in freed memory.
    let capacity = usize::try_from(bytes_max + 1).unwrap_or(usize::MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    Read::by_ref(&mut file)
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(io(FileStep::Read, path))?;
    if bytes.len() as u64 > bytes_max {
        return Err(KeyError::TooLarge {
            path: path.to_owned(),
            bytes_max,
        });
    }
    Ok(bytes)
}

/// Makes a new file of mode 0600 and makes it and its directory durable. The directory is made
/// with mode 0700 when it is absent.
///
/// A crash in between can leave an unfinished file. That is harmless: a key counts only after
/// this function returned, and reading the rest of one says what is wrong with it.
pub(crate) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)
        .map_err(io(FileStep::Open, parent))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => KeyError::Exists {
                path: path.to_owned(),
            },
            _ => io(FileStep::Open, path)(source),
        })?;
    let written = file
        .write_all(bytes)
        .map_err(io(FileStep::Write, path))
        .and_then(|()| file.sync_all().map_err(io(FileStep::Sync, path)))
        .and_then(|()| sync_directory(parent));
    if written.is_err() {
        // Nobody has this key yet, so the name is freed for the next attempt. The first error
        // is the one to report.
        drop(std::fs::remove_file(path));
    }
    written
}

fn sync_directory(path: &Path) -> Result<(), KeyError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(io(FileStep::Sync, path))
}
