//! The opening keys of one side: read when a share is asked for, so that a file that was removed opens nothing any more.

use std::fs;
use std::path::{Path, PathBuf};

use keys::{OpeningKey, Passphrase};
use seal::{WrapKey, WrapOpener as _};

use crate::error::OpenerError;
use crate::limits::KEYS_MAX;

/// A directory of key files.
pub(crate) struct Keyring {
    dir: PathBuf,
    passphrase: Option<Passphrase>,
}

impl Keyring {
    /// Opens the directory.
    pub(crate) fn open(dir: &Path, passphrase: Option<&str>) -> Result<Self, OpenerError> {
        let keyring = Self {
            dir: dir.to_owned(),
            passphrase: passphrase.map(Passphrase::from_origin).transpose()?,
        };
        // What cannot be read is better known now than at the first question.
        for file in keyring.files()? {
            OpeningKey::load(&file, keyring.passphrase.as_ref())?;
        }
        Ok(keyring)
    }

    /// The private key of this public one; nothing when it is not here. Blocks.
    pub(crate) fn find(&self, public: &WrapKey) -> Result<Option<OpeningKey>, OpenerError> {
        for file in self.files()? {
            let key = OpeningKey::load(&file, self.passphrase.as_ref())?;
            if key.wrap_key() == public {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    fn files(&self) -> Result<Vec<PathBuf>, OpenerError> {
        let list = |source| OpenerError::List {
            path: self.dir.clone(),
            source,
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(list)? {
            let path = entry.map_err(list)?.path();
            if path.extension().is_some_and(|kind| kind == "key") {
                files.push(path);
            }
        }
        if files.len() > KEYS_MAX {
            return Err(OpenerError::Many {
                path: self.dir.clone(),
                max: KEYS_MAX,
            });
        }
        files.sort();
        Ok(files)
    }
}
