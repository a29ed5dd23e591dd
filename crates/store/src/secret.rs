//! Addresses with passwords and keys of a store: named in a configuration, never written in it.

use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Bytes of a secret; an address with a password is the longest.
const SECRET_BYTES_MAX: u64 = 4096;

/// Permission bits that nobody but the owner may have.
const OTHERS: u32 = 0o077;

/// Why a secret cannot be read. No text of it is in here.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not a place where a secret may be.
    #[error(
        "a secret is named as `env:NAME` or `file:PATH`; this begins with `{given}`, take it out of the configuration"
    )]
    Origin {
        /// The first 8 characters.
        given: String,
    },
    /// The environment lacks it.
    #[error("the environment variable {name} has no secret")]
    Unset {
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Others can read or change the file.
    #[error("{} has mode {mode:o}; it holds a secret, run `chmod 600` on it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Empty, too long, or more than one line.
    #[error("{origin} is not one line of 1 to 4,096 bytes")]
    Form {
        /// Where it was read.
        origin: String,
    },
}

/// One line of text that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Reads from where `origin` says: `env:NAME` or `file:PATH`. A file must be its owner's alone;
    /// one line end at its end does not count.
    ///
    /// # Errors
    /// Any other form; the variable or file is absent, open to others, empty, longer than 4,096
    /// bytes, or not one line of text.
    pub fn from_origin(origin: &str) -> Result<Self, SecretError> {
        match origin.split_once(':') {
            Some(("env", name)) if !name.is_empty() => match std::env::var_os(name) {
                // What is no text is not shown either.
                Some(text) => Self::new(text.to_str().unwrap_or_default(), origin),
                None => Err(SecretError::Unset {
                    name: name.to_owned(),
                }),
            },
            Some(("file", path)) if !path.is_empty() => {
                let text = read_private(Path::new(path))?;
                let line = text.strip_suffix('\n').unwrap_or(&text);
                Self::new(line.strip_suffix('\r').unwrap_or(line), origin)
            }
            // Cut: it may be the secret itself, written in the wrong place.
            _ => Err(SecretError::Origin {
                given: origin.chars().take(8).collect(),
            }),
        }
    }

    /// Takes a text as it is; `origin` names its source in errors.
    ///
    /// # Errors
    /// It is empty, longer than 4,096 bytes, or not one line.
    pub fn new(text: &str, origin: &str) -> Result<Self, SecretError> {
        let is_line = !text.is_empty() && !text.chars().any(char::is_control);
        match is_line && text.len() as u64 <= SECRET_BYTES_MAX {
            true => Ok(Self(Zeroizing::new(text.to_owned()))),
            false => Err(SecretError::Form {
                origin: origin.to_owned(),
            }),
        }
    }

    /// The text, for the one who connects with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let refused = |source| SecretError::File {
        path: PathBuf::from(path),
        source,
    };
    let file = std::fs::File::open(path).map_err(refused)?;
    // Asked of the opened file, so that nothing is swapped in between.
    let mode = file.metadata().map_err(refused)?.mode();
    if mode & OTHERS != 0 {
        return Err(SecretError::Open {
            path: PathBuf::from(path),
            mode: mode & 0o7777,
        });
    }
    // Reserved at once: growing would leave copies behind. Two more than the limit for the line end.
    let capacity = usize::try_from(SECRET_BYTES_MAX + 2).unwrap_or(usize::MAX);
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    file.take(SECRET_BYTES_MAX + 2)
        .read_to_string(&mut text)
        .map_err(refused)?;
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_shown_to_nobody() {
        let secret = Secret::new("hunter2", "env:X").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let error = Secret::from_origin("postgres://log:hunter2@db/limpid").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn a_file_is_one_line_of_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let origin = format!("file:{}", path.display());
        let write = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Secret::from_origin(&origin)
        };
        assert_eq!(write("hunter2\n", 0o600).unwrap().0.as_str(), "hunter2");
        assert_eq!(write("hunter2", 0o400).unwrap().0.as_str(), "hunter2");
        assert!(matches!(
            write("hunter2\n", 0o640),
            Err(SecretError::Open { mode: 0o640, .. })
        ));
        for text in ["", "\n", "hunter2\nhunter3\n", "a\0b"] {
            assert!(
                matches!(write(text, 0o600), Err(SecretError::Form { .. })),
                "{text:?}"
            );
        }
        let long = "x".repeat(usize::try_from(SECRET_BYTES_MAX).unwrap());
        assert!(write(&long, 0o600).is_ok());
        assert!(write(&format!("{long}x"), 0o600).is_err());
    }

    #[test]
    fn a_secret_that_is_nowhere_is_named() {
        let absent = Secret::from_origin("env:LIMPID_NO_SUCH_NAME").unwrap_err();
        assert!(absent.to_string().contains("LIMPID_NO_SUCH_NAME"));
        assert!(Secret::from_origin("file:/no/such/file").is_err());
        for origin in ["", "env:", "file:", "hunter2"] {
            assert!(
                matches!(Secret::from_origin(origin), Err(SecretError::Origin { .. })),
                "{origin}"
            );
        }
    }
}
