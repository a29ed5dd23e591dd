//! Ciphertext on disk: one file for each sample, appended to while it comes. Nothing else of a sample is in files.
//!
//! ```text
//! ciphertext/b7/b7dc80210d33289b777623333ffd4900
//! ```
//!
//! Invariant: `held <= durable <= written`. How much is held is counted in the database, after the `fsync`; what
//! a killed process wrote beyond that is cut off by the next piece.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use seal::{Ciphertext, Header};
use statement::{SampleId, SealDigest};
use tlog::{Hash, Sha256Stream};

use crate::error::CenterError;
use crate::limits::HASHED_BYTES;

/// The files of a cell. The functions block.
#[derive(Debug, Clone)]
pub(crate) struct Ciphertexts {
    root: PathBuf,
}

fn refused(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> CenterError + use<> {
    let path = path.to_owned();
    move |source| CenterError::File {
        action,
        path,
        source,
    }
}

fn sync(directory: &Path) -> Result<(), CenterError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(refused("make durable", directory))
}

impl Ciphertexts {
    /// Makes the directories; all of their names are durable afterwards, so that no upload has to see to it.
    pub(crate) fn open(root: PathBuf) -> Result<Self, CenterError> {
        for byte in 0..=255_u8 {
            let path = root.join(format!("{byte:02x}"));
            fs::create_dir_all(&path).map_err(refused("make", &path))?;
        }
        sync(&root)?;
        if let Some(parent) = root.parent() {
            sync(parent)?;
        }
        Ok(Self { root })
    }

    fn path(&self, sample: &SampleId) -> PathBuf {
        let name = sample.as_str();
        self.root.join(&name[..2]).join(name)
    }

    /// Writes `bytes` behind the first `held`, and forgets what else was there. Durable when it returns.
    pub(crate) fn append(
        &self,
        sample: &SampleId,
        held: u64,
        bytes: &[u8],
    ) -> Result<(), CenterError> {
        let path = self.path(sample);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let mut file = options.open(&path).map_err(refused("open", &path))?;
        // Most files are new, and have nothing that could be cut off.
        if file.metadata().map_err(refused("read", &path))?.len() > held {
            file.set_len(held).map_err(refused("cut", &path))?;
        }
        file.seek(SeekFrom::Start(held))
            .and_then(|_| file.write_all(bytes))
            .and_then(|()| file.sync_all())
            .map_err(refused("write", &path))?;
        match (held, path.parent()) {
            (0, Some(parent)) => sync(parent),
            _ => Ok(()),
        }
    }

    /// Opens a whole ciphertext.
    pub(crate) fn read(&self, sample: &SampleId) -> Result<File, CenterError> {
        let path = self.path(sample);
        File::open(&path).map_err(refused("open", &path))
    }

    /// The name of the sealed sample whose ciphertext is here; nothing when it has not the length that the header says.
    pub(crate) fn seal_digest(&self, header: &Header) -> Result<Option<SealDigest>, CenterError> {
        use std::io::Read;
        let sample = &header.address().sample;
        let (mut file, path) = (self.read(sample)?, self.path(sample));
        let mut ciphertext = Ciphertext::new(header);
        let mut piece = vec![0_u8; HASHED_BYTES];
        loop {
            match file.read(&mut piece).map_err(refused("read", &path))? {
                0 => return Ok(ciphertext.finish().ok()),
                count if ciphertext.update(&piece[..count]).is_ok() => {}
                _ => return Ok(None),
            }
        }
    }

    /// SHA-256 of a whole ciphertext; nothing when it is gone. Blocks.
    pub(crate) fn digest(&self, sample: &SampleId) -> Result<Option<Hash>, CenterError> {
        use std::io::Read;
        let path = self.path(sample);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused("open", &path)(error)),
        };
        let mut digest = Sha256Stream::new();
        let mut piece = vec![0_u8; HASHED_BYTES];
        loop {
            match file.read(&mut piece).map_err(refused("read", &path))? {
                0 => return Ok(Some(digest.finish())),
                count => digest.update(&piece[..count]),
            }
        }
    }

    /// Removes a ciphertext; absent is fine. Durable when it returns.
    pub(crate) fn remove(&self, sample: &SampleId) -> Result<(), CenterError> {
        let path = self.path(sample);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(refused("remove", &path)(error)),
            Ok(()) => path.parent().map_or(Ok(()), sync),
        }
    }
}

/// Runs work on files where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CenterError> + Send + 'static,
) -> Result<T, CenterError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(CenterError::Ended))
}
