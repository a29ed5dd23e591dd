//! Where the bytes come from: a directory or an address. The same names below both.
//!
//! ```text
//! <place>/checkpoint   <place>/tile/0/000   <place>/tile/entries/000.p/7   <place>/archive/5
//! <place>/blob/<sha256>                     metadata/4.software.json       targets/software/...
//! ```
//!
//! A directory may also be that of a running log: then `public/` and `blobs/ab/cd/<sha256>` are read.
//! Nothing here is believed; whoever reads it recomputes.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serve::{Client, ClientConfig, ClientError};
use statement::FileDigest;

use crate::error::AuditError;

/// A place that serves files: a directory, or an address.
#[derive(Debug, Clone)]
pub struct Place(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Directory {
        files: PathBuf,
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
                blobs: Some(dir.join("blobs")),
            }
        } else {
            Kind::Directory {
                files: dir.to_owned(),
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
            Kind::Directory { files, .. } => read_file(files.join(path), bytes_max).await,
            Kind::Url { http, url } => get_url(http, format!("{url}/{path}"), bytes_max).await,
        }
    }

    /// A blob, at most `bytes_max` bytes; its digest is **not** checked here.
    ///
    /// # Errors
    /// As [`Place::get`].
    pub async fn blob(
        &self,
        digest: FileDigest,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let name = digest.to_string();
        if let Kind::Directory {
            blobs: Some(blobs), ..
        } = &self.0
        {
            let path = blobs.join(&name[..2]).join(&name[2..4]).join(&name);
            return read_file(path, bytes_max).await;
        }
        self.get(&format!("blob/{name}"), bytes_max).await
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Kind::Directory { files, .. } => write!(f, "{}", files.display()),
            Kind::Url { url, .. } => f.write_str(url),
        }
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
    let file = match File::open(path) {
        Ok(file) => file,
        // A name that leads through a file (`checkpoint/x`) is not there either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
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
        assert_eq!(own.blob(digest, 4).await.unwrap().unwrap(), b"blob");

        let served = Place::directory(&dir.path().join("public"));
        std::fs::create_dir(dir.path().join("public/blob")).unwrap();
        std::fs::write(dir.path().join("public/blob").join(&name), b"blob").unwrap();
        assert_eq!(served.blob(digest, 4).await.unwrap().unwrap(), b"blob");
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
