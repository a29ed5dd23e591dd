//! The files of a log where they lie: a directory, or an address. Blocking, so that threads that hash
//! can read for themselves; bounded in bytes, in time and in tries.
//!
//! ```text
//! <place>/checkpoint   <place>/tile/0/000   <place>/tile/entries/000.p/7   <place>/archive/5
//! ```
//!
//! A directory may also be that of a running log; then what it serves from `public/` is read, and what it serves no
//! more from `withheld/`. Tiles and bundles may be looked for in further places. Nothing here is believed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serve::{Client, ClientConfig, ClientError};
use tlog::{BundleId, TileId, TileSource};
use tokio::runtime::Handle;

use crate::limits::{BUNDLE_BYTES_MAX, READ_FAILURES_MAX, READ_PAUSE, TILE_BYTES_MAX};

/// Why a file could not be read. That it is not there is no error.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system refused.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The server did not answer, or not as it must, as often as it was asked.
    #[error("{path} could not be fetched in {tries} tries")]
    Http {
        /// Its name in the log.
        path: String,
        /// How often it was asked for.
        tries: u32,
        /// The last answer.
        #[source]
        source: ClientError,
    },
    /// It is longer than such a file can be.
    #[error("{path} is longer than the {bytes_max} bytes that it can have")]
    TooLong {
        /// Its name in the log.
        path: String,
        /// The most it can have.
        bytes_max: usize,
    },
    /// Nothing was answered for so long that asking on is of no use.
    #[error("{place} answers nothing any more; it was not asked for {path}")]
    GaveUp {
        /// The log.
        place: String,
        /// Its name in the log.
        path: String,
    },
}

impl ReadError {
    /// Whether the file itself is to blame, not the way to it.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::File { .. } | Self::TooLong { .. })
    }
}

/// How patient a reader is with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Longest time for one answer.
    pub timeout: Duration,
    /// How often a file is asked for.
    pub tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            tries: 3,
        }
    }
}

/// The files of one log.
#[derive(Debug)]
pub struct LogFiles {
    kind: Kind,
    /// Where tiles and bundles are looked for that are not there.
    also: Vec<LogFiles>,
}

#[derive(Debug)]
enum Kind {
    Directory(PathBuf),
    Url(Server),
}

#[derive(Debug)]
struct Server {
    http: Client,
    url: String,
    runtime: Handle,
    tries: u32,
    /// Files in a row that could not be fetched.
    failures: AtomicU32,
}

impl LogFiles {
    /// A directory, or an address that starts with `http://`. Call it inside of a runtime; read
    /// outside of its threads (`spawn_blocking`).
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn open(place: &str, patience: Patience) -> Result<Self, ClientError> {
        if !place.starts_with("http://") {
            return Ok(Self::directory(Path::new(place)));
        }
        let total = u64::try_from(patience.timeout.as_millis()).unwrap_or(u64::MAX);
        let config = ClientConfig {
            connect_timeout_ms: total.min(ClientConfig::default().connect_timeout_ms),
            total_timeout_ms: total,
        };
        let server = Server {
            http: Client::new(&config)?,
            url: place.trim_end_matches('/').to_owned(),
            runtime: Handle::current(),
            tries: patience.tries.max(1),
            failures: AtomicU32::new(0),
        };
        Ok(Self::of(Kind::Url(server)))
    }

    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            also: Vec::new(),
        }
    }

    /// Looks for tiles and bundles there too if they are not here: a mirror or a copy has what a log serves no more.
    #[must_use]
    pub fn also(mut self, other: Self) -> Self {
        self.also.push(other);
        self
    }

    /// A directory: what a log serves, or the directory of the log itself.
    pub fn directory(dir: &Path) -> Self {
        let (public, withheld) = (dir.join("public"), dir.join("withheld"));
        if !public.is_dir() {
            return Self::of(Kind::Directory(dir.to_owned()));
        }
        let files = Self::of(Kind::Directory(public));
        match withheld.is_dir() {
            true => files.also(Self::of(Kind::Directory(withheld))),
            false => files,
        }
    }

    /// The directory, if it is one.
    pub fn as_directory(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Directory(dir) => Some(dir),
            Kind::Url(_) => None,
        }
    }

    /// At most `bytes_max` bytes of a file; `None` when it is not there.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ReadError> {
        let mut bytes = Vec::new();
        let found = self.read_into(path, bytes_max, &mut bytes)?;
        Ok(found.then_some(bytes))
    }

    /// As [`LogFiles::read`], into a buffer that is used again; returns whether the file is there.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_into(
        &self,
        path: &str,
        bytes_max: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<bool, ReadError> {
        if self.read_here(path, bytes_max, bytes)? {
            return Ok(true);
        }
        if path.starts_with("tile/") {
            for other in &self.also {
                if other.read_into(path, bytes_max, bytes)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn read_here(
        &self,
        path: &str,
        bytes_max: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<bool, ReadError> {
        bytes.clear();
        match &self.kind {
            Kind::Directory(dir) => read_file(&dir.join(path), path, bytes_max, bytes),
            Kind::Url(server) => match server.get(path, bytes_max)? {
                Some(found) => {
                    *bytes = found;
                    Ok(true)
                }
                None => Ok(false),
            },
        }
    }

    /// The bytes of a bundle of exactly `id.width()` entries or of the full one in its place, and
    /// which of them it is.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn bundle(&self, id: BundleId) -> Result<Option<(BundleId, Vec<u8>)>, ReadError> {
        if let Some(bytes) = self.read(&id.path(), BUNDLE_BYTES_MAX)? {
            return Ok(Some((id, bytes)));
        }
        if id.is_full() {
            return Ok(None);
        }
        let full = id.to_full();
        let found = self.read(&full.path(), BUNDLE_BYTES_MAX)?;
        Ok(found.map(|bytes| (full, bytes)))
    }

    /// Widths of the partial files beside a full one, as a directory lists them; none over HTTP,
    /// where nothing can be listed.
    pub(crate) fn partial_widths(&self, full_path: &str) -> Vec<u16> {
        let Kind::Directory(dir) = &self.kind else {
            return Vec::new();
        };
        let Ok(list) = fs::read_dir(dir.join(format!("{full_path}.p"))) else {
            return Vec::new();
        };
        let names = list.filter_map(|item| item.ok()?.file_name().into_string().ok());
        // Other names are for the search for strays.
        let exact = |name: String| name.parse().ok().filter(|w: &u16| w.to_string() == name);
        names
            .filter_map(exact)
            .filter(|width| (1..256).contains(width))
            .collect()
    }
}

impl std::fmt::Display for LogFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Kind::Directory(dir) => write!(f, "{}", dir.display()),
            Kind::Url(server) => f.write_str(&server.url),
        }
    }
}

/// A tile of a log that is not where it should be.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// Neither it nor the full one in its place.
    #[error("it is not served")]
    Missing,
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] Box<ReadError>),
}

impl TileSource for LogFiles {
    type Error = TileError;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, TileError> {
        let read = |id: TileId| {
            self.read(&id.path(), TILE_BYTES_MAX)
                .map_err(|error| TileError::Read(Box::new(error)))
        };
        let mut found = read(id)?;
        if found.is_none() && !id.is_full() {
            found = read(id.to_full())?;
        }
        found.ok_or(TileError::Missing)
    }
}

impl Server {
    fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ReadError> {
        if self.failures.load(Ordering::Relaxed) >= READ_FAILURES_MAX {
            return Err(ReadError::GaveUp {
                place: self.url.clone(),
                path: path.to_owned(),
            });
        }
        let url = format!("{}/{path}", self.url);
        let mut tries = 0;
        loop {
            tries += 1;
            let source = match self
                .runtime
                .block_on(self.http.get_optional(&url, bytes_max))
            {
                Ok(found) => {
                    self.failures.store(0, Ordering::Relaxed);
                    return Ok(found.map(Into::into));
                }
                Err(ClientError::TooLarge { .. }) => {
                    return Err(ReadError::TooLong {
                        path: path.to_owned(),
                        bytes_max,
                    });
                }
                Err(source) => source,
            };
            if tries >= self.tries || !source.is_transient() {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let path = path.to_owned();
                return Err(ReadError::Http {
                    path,
                    tries,
                    source,
                });
            }
            // Longer each time: a server in distress is not helped by haste.
            std::thread::sleep(READ_PAUSE * 4u32.pow(tries.min(4) - 1));
        }
    }
}

fn read_file(
    file: &Path,
    path: &str,
    bytes_max: usize,
    bytes: &mut Vec<u8>,
) -> Result<bool, ReadError> {
    let failed = |source| ReadError::File {
        path: path.to_owned(),
        source,
    };
    let opened = match File::open(file) {
        Ok(opened) => opened,
        // A name that leads through a file (`checkpoint/x`) is not there either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(source) => return Err(failed(source)),
    };
    let known = opened.metadata().map_err(failed)?.len();
    let expected = usize::try_from(known).unwrap_or(usize::MAX).min(bytes_max);
    bytes.reserve(expected.saturating_add(1));
    // One more than allowed, so that the limit is noticed also while the file grows.
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let limit = limit.saturating_add(1);
    opened.take(limit).read_to_end(bytes).map_err(failed)?;
    if bytes.len() > bytes_max {
        let path = path.to_owned();
        return Err(ReadError::TooLong { path, bytes_max });
    }
    Ok(true)
}
