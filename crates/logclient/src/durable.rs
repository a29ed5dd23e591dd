//! Small files that readers of logs remember things in: replaced as a whole, on disk when the call returns.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The file system refused.
    #[error("{path} cannot be {done}")]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It does not hold what was written there.
    #[error("{path} is not what was remembered: {why}; restore it, or remove it to begin anew")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// At most `bytes_max` bytes; `None` if there is no file.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, MemoryError> {
    let failed = |source| MemoryError::File {
        path: path.to_owned(),
        done: "read",
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(MemoryError::Broken {
            path: path.to_owned(),
            why: format!("it has more than {bytes_max} bytes"),
        });
    }
    Ok(Some(bytes))
}

/// Readers see the old bytes or the new ones, also after a power cut.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), MemoryError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    let next = PathBuf::from(name);
    let written = File::create(&next).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&next, path)?;
        let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    });
    written.map_err(|source| MemoryError::File {
        path: path.to_owned(),
        done: "written",
        source,
    })
}
