//! How a daemon that let the system choose its port tells others where it is: the file `url` in
//! its directory, one line, written when it listens and removed when it stops.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::ServeError;
use crate::limits::READY_POLL;

/// The file `url`; removed when dropped. A killed daemon leaves it behind, so a starting one
/// removes it first ([`ReadyFile::clear`]).
#[derive(Debug)]
pub struct ReadyFile {
    path: PathBuf,
}

impl ReadyFile {
    /// Removes what a killed daemon left.
    ///
    /// # Errors
    /// The file is there and cannot be removed.
    pub fn clear(directory: &Path) -> Result<(), ServeError> {
        let path = directory.join("url");
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(ServeError::ReadyFile { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Writes `url` in one step. Call it when the listener is bound.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write(directory: &Path, url: &str) -> Result<Self, ServeError> {
        let path = directory.join("url");
        let unfinished = directory.join(format!(".url-{}", std::process::id()));
        std::fs::write(&unfinished, format!("{url}\n"))
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .map_err(|source| ServeError::ReadyFile {
                path: path.clone(),
                source,
            })?;
        Ok(Self { path })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Left behind, it is cleared at the next start.
        drop(std::fs::remove_file(&self.path));
    }
}

/// The address a daemon wrote to its directory, if it is there.
#[must_use]
pub fn read_url(directory: &Path) -> Option<String> {
    let text = std::fs::read_to_string(directory.join("url")).ok()?;
    let url = text.strip_suffix('\n')?;
    url.starts_with("http").then(|| url.to_owned())
}

/// Waits until a daemon wrote its address to its directory.
///
/// # Errors
/// [`ServeError::NotReady`] after `patience`.
pub async fn wait_url(directory: &Path, patience: Duration) -> Result<String, ServeError> {
    let start = Instant::now();
    loop {
        if let Some(url) = read_url(directory) {
            return Ok(url);
        }
        if start.elapsed() > patience {
            return Err(ServeError::NotReady {
                path: directory.join("url"),
                waited_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
            });
        }
        tokio::time::sleep(READY_POLL).await;
    }
}
