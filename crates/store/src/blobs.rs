//! Blobs: immutable bytes under their SHA-256.
//!
//! `root/ab/cd/abcd...` holds the bytes whose digest is `abcd...`, mode 0444. A blob is there
//! whole or not at all; reading one always checks the digest again.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tlog::{Hash, Sha256Stream};

use crate::StoreError;
use crate::limits::CHUNK_BYTES;
use crate::scratch::{Durability, Scratch, Unfinished};

/// Nobody has a reason to write to a blob, also not where it is hard-linked.
const BLOB_MODE: u32 = 0o444;

/// A directory of blobs.
#[derive(Debug)]
pub struct Blobs {
    root: PathBuf,
    scratch: Scratch,
    /// Blobs whose names are known to be durable.
    kept: Mutex<HashSet<Hash>>,
}

/// Names that are remembered to be durable; beyond it all are forgotten and found out again.
const KEPT_MAX: usize = 65_536;

impl Blobs {
    /// Opens or makes the directory. What is acknowledged is durable.
    ///
    /// # Errors
    /// The directory cannot be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Self::with(root, Durability::Synced)
    }

    /// The same without waiting for the disk, for copies that can be fetched again (a build
    /// toolchain, a mirror). After a power cut blobs may be missing or damaged; reading notices.
    ///
    /// # Errors
    /// The directory cannot be made or written.
    pub fn open_cache(root: &Path) -> Result<Self, StoreError> {
        Self::with(root, Durability::Cached)
    }

    fn with(root: &Path, durability: Durability) -> Result<Self, StoreError> {
        Ok(Self {
            root: root.to_owned(),
            scratch: Scratch::open(root, durability)?,
            kept: Mutex::default(),
        })
    }

    /// Where the blob is, or would be.
    #[must_use]
    pub fn path(&self, digest: &Hash) -> PathBuf {
        let name = digest.to_hex();
        self.root.join(&name[..2]).join(&name[2..4]).join(name)
    }

    /// Whether a blob of this name is there. Its content is checked when it is read.
    #[must_use]
    pub fn contains(&self, digest: &Hash) -> bool {
        self.path(digest).is_file()
    }

    /// Whether a blob of this name is there and will stay: who named it may have been killed before
    /// it made the name durable. For whoever acknowledges something that rests on the blob. Cheap once it was asked.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn keep(&self, digest: &Hash) -> Result<bool, StoreError> {
        let path = self.path(digest);
        if !path.is_file() {
            return Ok(false);
        }
        if !self.is_kept(digest) {
            self.scratch.make_parent(&path)?;
            self.sync_name(digest, &path)?;
        }
        Ok(true)
    }

    /// Whether the name of this blob was made durable by this handle.
    #[must_use]
    pub fn is_kept(&self, digest: &Hash) -> bool {
        self.kept_names().contains(digest)
    }

    fn kept_names(&self) -> MutexGuard<'_, HashSet<Hash>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync_name(&self, digest: &Hash, path: &Path) -> Result<(), StoreError> {
        if let Some(parent) = path.parent() {
            self.scratch.sync_directory(parent)?;
        }
        let mut kept = self.kept_names();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(*digest);
        Ok(())
    }

    /// Stores `bytes` and returns their digest. Storing them again changes nothing.
    ///
    /// # Errors
    /// The disk refuses, or a damaged blob has this name ([`StoreError::Corrupt`]).
    pub fn put(&self, bytes: &[u8]) -> Result<Hash, StoreError> {
        let mut writer = self.writer(bytes.len() as u64)?;
        writer.write(bytes)?;
        Ok(writer.finish()?.0)
    }

    /// Stores at most `bytes_max` bytes of a stream; returns digest and size.
    ///
    /// # Errors
    /// The stream is longer or fails, the disk refuses, or a damaged blob has this name.
    /// Nothing is stored then.
    pub fn put_reader(
        &self,
        mut reader: impl Read,
        bytes_max: u64,
    ) -> Result<(Hash, u64), StoreError> {
        let mut writer = self.writer(bytes_max)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return writer.finish(),
                Ok(count) => writer.write(&chunk[..count])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::Stream(error)),
            }
        }
    }

    /// Stores bytes that arrive in pieces, at most `bytes_max` of them.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn writer(&self, bytes_max: u64) -> Result<BlobWriter<'_>, StoreError> {
        Ok(BlobWriter {
            blobs: self,
            unfinished: self.scratch.start()?,
            digest: Sha256Stream::new(),
            bytes: 0,
            bytes_max,
        })
    }

    /// The blob's bytes, at most `bytes_max`, checked against their digest.
    ///
    /// # Errors
    /// Absent, larger than allowed, or corrupt.
    pub fn get(&self, digest: &Hash, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let (file, bytes) = self.open_file(digest)?;
        let path = self.path(digest);
        if bytes > bytes_max {
            return Err(StoreError::TooLarge {
                what: path.display().to_string(),
                bytes_max,
            });
        }
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        file.take(bytes_max)
            .read_to_end(&mut content)
            .map_err(|e| StoreError::io("read", &path, e))?;
        let found = tlog::sha256(&content);
        if found == *digest {
            Ok(content)
        } else {
            Err(StoreError::Corrupt { path, found })
        }
    }

    /// Copies the blob to `out`, then checks what was copied against its digest; returns the
    /// size. After an error the output must be thrown away.
    ///
    /// # Errors
    /// Absent or corrupt; [`StoreError::Stream`] when `out` refuses.
    pub fn copy_to(&self, digest: &Hash, out: &mut impl Write) -> Result<u64, StoreError> {
        let (file, _) = self.open_file(digest)?;
        let path = self.path(digest);
        let mut bytes = 0;
        let found = digest_of(file, &path, |chunk| {
            bytes += chunk.len() as u64;
            out.write_all(chunk).map_err(StoreError::Stream)
        })?;
        if found == *digest {
            Ok(bytes)
        } else {
            Err(StoreError::Corrupt { path, found })
        }
    }

    /// Opens the blob's file for reading; also returns its size. The content is *not* checked:
    /// use [`Blobs::get`] or [`Blobs::copy_to`] unless the reader checks the digest itself.
    ///
    /// # Errors
    /// Absent, or the disk refuses.
    pub fn open_file(&self, digest: &Hash) -> Result<(File, u64), StoreError> {
        let path = self.path(digest);
        let file = File::open(&path).map_err(|e| StoreError::io("open", &path, e))?;
        let meta = file
            .metadata()
            .map_err(|e| StoreError::io("read", &path, e))?;
        Ok((file, meta.len()))
    }

    /// Whether the blob under `digest` has that digest.
    fn check(&self, digest: &Hash) -> Result<(), StoreError> {
        self.copy_to(digest, &mut std::io::sink()).map(|_| ())
    }
}

/// Digest of everything in `file`, each piece shown to `each` first.
fn digest_of(
    mut file: File,
    path: &Path,
    mut each: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<Hash, StoreError> {
    let mut digest = Sha256Stream::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = file
            .read(&mut chunk)
            .map_err(|e| StoreError::io("read", path, e))?;
        if count == 0 {
            return Ok(digest.finish());
        }
        digest.update(&chunk[..count]);
        each(&chunk[..count])?;
    }
}

/// A blob on its way in. Dropped before [`BlobWriter::finish`], it leaves nothing.
pub struct BlobWriter<'a> {
    blobs: &'a Blobs,
    unfinished: Unfinished,
    digest: Sha256Stream,
    bytes: u64,
    bytes_max: u64,
}

impl BlobWriter<'_> {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] when the limit is passed, or the disk refuses.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > self.bytes_max {
            return Err(StoreError::TooLarge {
                what: "the stream".to_owned(),
                bytes_max: self.bytes_max,
            });
        }
        self.digest.update(piece);
        self.unfinished.append(piece)
    }

    /// Makes the blob durable and visible; returns digest and size.
    ///
    /// # Errors
    /// The disk refuses, or a damaged blob has this name.
    pub fn finish(self) -> Result<(Hash, u64), StoreError> {
        let digest = self.digest.finish();
        let path = self.blobs.path(&digest);
        let scratch = &self.blobs.scratch;
        scratch.make_parent(&path)?;
        let created = if path.is_file() {
            false
        } else {
            self.unfinished.seal(BLOB_MODE)?;
            self.unfinished.name_once(&path)?
        };
        if !created {
            // To acknowledge is to promise that reading will succeed.
            self.blobs.check(&digest)?;
        }
        self.blobs.sync_name(&digest, &path)?;
        Ok((digest, self.bytes))
    }
}
