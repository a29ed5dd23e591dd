//! The digest of a file on disk, whatever its size, in bounded memory.

use std::{fs::File, io::Read, path::Path};

use statement::FileDigest;
use tlog::Sha256Stream;

use crate::error::EndpointError;

/// Digest and length of the file at `path`.
///
/// # Errors
/// [`EndpointError::Io`] when it cannot be read.
pub(crate) fn digest_file(path: &Path) -> Result<(FileDigest, u64), EndpointError> {
    let refused = |source| EndpointError::io("read", path, source);
    let mut file = File::open(path).map_err(refused)?;
    let mut stream = Sha256Stream::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(refused)?;
        if count == 0 {
            return Ok((FileDigest::new(stream.finish()), bytes));
        }
        stream.update(&buffer[..count]);
        bytes += count as u64;
    }
}
