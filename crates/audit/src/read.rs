//! Where the bytes come from: a directory or an address. The same names below both.
//!
//! ```text
//! <place>/checkpoint   <place>/tile/0/000   <place>/tile/entries/000.p/7   <place>/archive/5
//! <place>/blob/<sha256>                     metadata/4.software.json       targets/software/...
//! ```
//!
//! A directory may also be that of a running log: then `public/` and `blobs/ab/cd/<sha256>` are read, and `withheld/`
//! for tiles and bundles that the log serves no more.
//! Nothing here is believed; whoever reads it recomputes.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serve::{Client, ClientConfig, ClientError};
use statement::FileDigest;
use tlog::Sha256Stream;

use crate::error::AuditError;
use crate::limits::BLOB_BYTES_MAX;

/// A place that serves files: a directory, or an address.
#[derive(Debug, Clone)]
pub struct Place(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Directory {
        files: PathBuf,
        withheld: Option<PathBuf>,
        blobs: Option<PathBuf>,
    },
    Url {
        http: Client,
        url: String,
    },
}

impl Place {
    /// A directory or an address that starts with `http://`.
    ///
    /// # Errors
    /// [`AuditError::Client`].
    pub fn new(text: &str) -> Result<Self, AuditError> {
        if text.starts_with("http://") {
            let http = Client::new(&ClientConfig::default()).map_err(AuditError::Client)?;
            let url = text.trim_end_matches('/').to_owned();
            return Ok(Self(Kind::Url { http, url }));
        }
        Ok(Self::directory(Path::new(text)))
    }

    /// A directory: what a log or repository serves, or the directory of the log itself.
    pub fn directory(dir: &Path) -> Self {
        let public = dir.join("public");
        let kind = if public.is_dir() {
            Kind::Directory {
                files: public,
                withheld: Some(dir.join("withheld")),
                blobs: Some(dir.join("blobs")),
            }
        } else {
            Kind::Directory {
                files: dir.to_owned(),
                withheld: None,
                blobs: None,
            }
        };
        Self(kind)
    }

    /// At most `bytes_max` bytes of a file; `None` when it is not there.
    ///
    /// # Errors
    /// It cannot be read, or is larger.
    pub async fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, AuditError> {
        match &self.0 {
            Kind::Directory {
                files, withheld, ..
            } => {
                let found = read_file(files.join(path), bytes_max).await?;
                match withheld {
                    Some(withheld) if found.is_none() && path.starts_with("tile/") => {
                        read_file(withheld.join(path), bytes_max).await
                    }
                    _ => Ok(found),
                }
            }
            Kind::Url { http, url } => get_url(http, format!("{url}/{path}"), bytes_max).await,
        }
    }

    /// What is served as this blob, at most `bytes_max` bytes; `None` when it is not there.
    ///
    /// # Errors
    /// It cannot be read, or is larger.
    pub(crate) async fn blob(
        &self,
        digest: FileDigest,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let name = digest.to_string();
        match &self.0 {
            Kind::Directory {
                blobs: Some(blobs), ..
            } => {
                let path = blobs.join(&name[..2]).join(&name[2..4]).join(&name);
                read_file(path, bytes_max).await
            }
            _ => self.get(&format!("blob/{name}"), bytes_max).await,
        }
    }

    /// Hashes what is served as this blob, of which `bytes` bytes are owed.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn hash_blob(
        &self,
        digest: FileDigest,
        bytes: u64,
    ) -> Result<Hashed, AuditError> {
        let name = digest.to_string();
        if let Kind::Directory {
            blobs: Some(blobs), ..
        } = &self.0
        {
            let path = blobs.join(&name[..2]).join(&name[2..4]).join(&name);
            return hash_file(path, bytes).await;
        }
        self.hash(&format!("blob/{name}"), bytes).await
    }

    /// Hashes a file that should have `bytes` bytes.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn hash(&self, path: &str, bytes: u64) -> Result<Hashed, AuditError> {
        if let Kind::Directory { files, .. } = &self.0 {
            return hash_file(files.join(path), bytes).await;
        }
        let Some(bytes_max) = usize::try_from(bytes)
            .ok()
            .filter(|_| bytes <= BLOB_BYTES_MAX)
        else {
            return Ok(Hashed::TooLarge);
        };
        match self.get(path, bytes_max).await {
            Ok(None) => Ok(Hashed::Missing),
            Ok(Some(found)) => Ok(Hashed::Whole {
                digest: FileDigest::of(&found),
                bytes: found.len() as u64,
            }),
            Err(AuditError::TooLarge { .. }) => Ok(Hashed::Longer),
            Err(error) => Err(error),
        }
    }
}

/// What is served under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashed {
    /// These bytes.
    Whole {
        /// Their digest.
        digest: FileDigest,
        /// How many.
        bytes: u64,
    },
    /// More bytes than it should have.
    Longer,
    /// Nothing.
    Missing,
    /// More than an audit fetches over HTTP.
    TooLarge,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Kind::Directory { files, .. } => write!(f, "{}", files.display()),
            Kind::Url { url, .. } => f.write_str(url),
        }
    }
}

async fn hash_file(path: PathBuf, bytes: u64) -> Result<Hashed, AuditError> {
    let read = tokio::task::spawn_blocking(move || hash_now(&path, bytes));
    read.await.map_err(|_| AuditError::Ended {
        part: "hashing a file",
    })?
}

fn hash_now(path: &Path, bytes: u64) -> Result<Hashed, AuditError> {
    let Some(file) = open(path)? else {
        return Ok(Hashed::Missing);
    };
    let mut file = file.take(bytes.saturating_add(1));
    let mut stream = Sha256Stream::new();
    let mut piece = vec![0; 256 << 10];
    let mut found = 0;
    loop {
        let read = file.read(&mut piece).map_err(|source| AuditError::Read {
            path: path.to_owned(),
            source,
        })?;
        if read == 0 {
            break;
        }
        stream.update(&piece[..read]);
        found += read as u64;
    }
    if found > bytes {
        return Ok(Hashed::Longer);
    }
    Ok(Hashed::Whole {
        digest: FileDigest::new(stream.finish()),
        bytes: found,
    })
}

fn open(path: &Path) -> Result<Option<File>, AuditError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        // A name that leads through a file (`checkpoint/x`) is not there either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(AuditError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

async fn read_file(path: PathBuf, bytes_max: usize) -> Result<Option<Vec<u8>>, AuditError> {
    let read = tokio::task::spawn_blocking(move || read_now(&path, bytes_max));
    read.await.map_err(|_| AuditError::Ended {
        part: "reading a file",
    })?
}

fn read_now(path: &Path, bytes_max: usize) -> Result<Option<Vec<u8>>, AuditError> {
    let failed = |source| AuditError::Read {
        path: path.to_owned(),
        source,
    };
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(bytes_max));
    // One more than allowed, so that the limit is noticed also while the file grows.
    file.take(bytes_max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > bytes_max {
        let what = path.display().to_string();
        return Err(AuditError::TooLarge { what, bytes_max });
    }
    Ok(Some(bytes))
}

async fn get_url(
    http: &Client,
    url: String,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, AuditError> {
    match http.get_optional(&url, bytes_max).await {
        Ok(found) => Ok(found.map(Into::into)),
        Err(ClientError::TooLarge { .. }) => Err(AuditError::TooLarge {
            what: url,
            bytes_max,
        }),
        Err(source) => Err(AuditError::Http { url, source }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_directory_of_a_log_is_read_like_what_it_serves() {
        let dir = tempfile::tempdir().unwrap();
        let digest = FileDigest::of(b"blob");
        let name = digest.to_string();
        let blobs = dir.path().join("blobs").join(&name[..2]).join(&name[2..4]);
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::create_dir(dir.path().join("public")).unwrap();
        std::fs::write(blobs.join(&name), b"blob").unwrap();
        std::fs::write(dir.path().join("public/checkpoint"), b"note").unwrap();
        let own = Place::directory(dir.path());
        assert_eq!(own.get("checkpoint", 4).await.unwrap().unwrap(), b"note");
        let whole = Hashed::Whole { digest, bytes: 4 };
        assert_eq!(own.hash_blob(digest, 4).await.unwrap(), whole);
        assert_eq!(own.hash_blob(digest, 3).await.unwrap(), Hashed::Longer);
        let other = FileDigest::of(b"other");
        assert_eq!(own.hash_blob(other, 4).await.unwrap(), Hashed::Missing);

        let served = Place::directory(&dir.path().join("public"));
        std::fs::create_dir(dir.path().join("public/blob")).unwrap();
        std::fs::write(dir.path().join("public/blob").join(&name), b"blob").unwrap();
        assert_eq!(served.hash_blob(digest, 4).await.unwrap(), whole);
    }

    #[tokio::test]
    async fn what_is_not_there_is_none_and_what_is_too_large_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("checkpoint"), b"12345").unwrap();
        let place = Place::directory(dir.path());
        assert_eq!(place.get("tile/0/000", 10).await.unwrap(), None);
        assert_eq!(place.get("checkpoint/x", 10).await.unwrap(), None);
        assert!(matches!(
            place.get("checkpoint", 4).await,
            Err(AuditError::TooLarge { bytes_max: 4, .. })
        ));
    }
}
