//! Takes the artifact out of a folder that belonged to somebody hostile.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
use store::Blobs;
use tlog::Hash;

use crate::error::ConveyerError;
use crate::limits::ARTIFACT_BYTES_MAX;

/// Stores the file `path` below `build`. The build could have put links anywhere, also instead of folders, to make
/// us read a file of the host: no link is followed on the way, and nothing above `build` is reached.
pub(crate) fn collect(
    build: &Path,
    path: &str,
    blobs: &Blobs,
) -> Result<Result<(Hash, u64), String>, ConveyerError> {
    let root = open(build, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let root = root.map_err(|error| ConveyerError::io("open", build)(error.into()))?;
    // A pipe in the artifact's place must not make us wait for its other end.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let file = match openat2(&root, path, flags, Mode::empty(), resolve) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => {
            return Ok(Err(
                "a symbolic link is in its place or on the way".to_owned()
            ));
        }
        Err(error) => return Ok(Err(std::io::Error::from(error).to_string())),
    };
    let about = file
        .metadata()
        .map_err(ConveyerError::io("look at", build))?;
    if !about.is_file() {
        return Ok(Err("it is no regular file".to_owned()));
    }
    if about.len() > ARTIFACT_BYTES_MAX {
        return Ok(Err(format!(
            "it has {} bytes, more than the {ARTIFACT_BYTES_MAX} allowed",
            about.len()
        )));
    }
    Ok(Ok(blobs.put_reader(file, ARTIFACT_BYTES_MAX)?))
}
