//! Admission tokens on disk: asked for ahead, each bound to one sample, by one rename.
//!
//! ```text
//! tokens/<end>-<admission>/<nonce>.asked    blinded and maybe sent: asked for again until the issuer answered
//! tokens/<end>-<admission>/<nonce>.token    unblinded, verified, unspent
//! samples/<id>/token                        the one of this sample
//! ```
//!
//! All of them have mode 0600: whoever has one may spend it. Invariant: *a token is in one place*. It is moved to its sample before
//! anything is sent, so none is ever shown for two.

use std::{fs, io::ErrorKind};

use law::AdmissionKey;
use statement::Admission;
use store::Files;
use token::{Blinding, Token, limits::TOKEN_BYTES};
use zeroize::Zeroizing;

use super::{error::SharingError, files, queue::Sample};

const ROOT: &str = "tokens";
/// Bytes of a kept blinding and of a token are below this.
const BYTES_MAX: u64 = 1024;

/// The tokens of one endpoint.
pub(super) struct Wallet<'a> {
    files: &'a Files,
}

/// The directory of a key. Its end stands in the name, so that old ones are forgotten without asking anybody.
fn directory(key: &AdmissionKey) -> String {
    let admission = key.admission();
    let until = admission.valid_until;
    format!("{ROOT}/{until}-{}", admission.digest())
}

fn hex(nonce: &[u8; 32]) -> String {
    tlog::Hash::from_bytes(*nonce).to_hex()
}

impl<'a> Wallet<'a> {
    pub(super) const fn new(files: &'a Files) -> Self {
        Self { files }
    }

    /// Names below a directory of ours that end so, sorted; none when it is not there.
    fn names(&self, directory: &str, ending: &str) -> Result<Vec<String>, SharingError> {
        let path = self.files.root().join(directory);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(SharingError::io("read", &path))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(SharingError::io("read", &path))?;
            let name = entry.file_name();
            let name = name.to_str().filter(|name| name.ends_with(ending));
            names.extend(name.map(|name| format!("{directory}/{name}")));
        }
        names.sort();
        Ok(names)
    }

    /// How many wait under a key.
    pub(super) fn count(&self, key: &AdmissionKey) -> Result<usize, SharingError> {
        Ok(self.names(&directory(key), ".token")?.len())
    }

    /// What was asked for and not answered.
    pub(super) fn asked(&self, key: &AdmissionKey) -> Result<Vec<Blinding>, SharingError> {
        let mut asked = Vec::new();
        for name in self.names(&directory(key), ".asked")? {
            let bytes = Zeroizing::new(self.files.read(&name, BYTES_MAX)?);
            asked.push(Blinding::from_bytes(&bytes).map_err(self.damaged(&name))?);
        }
        Ok(asked)
    }

    fn damaged<E: ToString>(&self, name: &str) -> impl FnOnce(E) -> SharingError + use<E> {
        let path = self.files.root().join(name);
        move |error| SharingError::Damaged {
            path,
            wrong: error.to_string(),
        }
    }

    /// Keeps a blinding before it is sent: the answer is worth nothing without it.
    pub(super) fn begin(&self, key: &AdmissionKey, asked: &Blinding) -> Result<(), SharingError> {
        let name = format!("{}/{}.asked", directory(key), hex(asked.nonce()));
        Ok(self.files.create_private(&name, &asked.to_bytes())?)
    }

    /// Keeps a token, and forgets how it was blinded.
    pub(super) fn finish(&self, key: &AdmissionKey, token: &Token) -> Result<(), SharingError> {
        let name = format!("{}/{}", directory(key), hex(token.nonce()));
        self.files
            .create_private(&format!("{name}.token"), &token.to_bytes())?;
        files::remove(&self.files.root().join(format!("{name}.asked")))
    }

    /// Forgets a blinding that the issuer will not sign.
    pub(super) fn give_up(&self, key: &AdmissionKey, asked: &Blinding) -> Result<(), SharingError> {
        let name = format!("{}/{}.asked", directory(key), hex(asked.nonce()));
        files::remove(&self.files.root().join(name))
    }

    /// The token of a sample: the one that it has, or the first one of the oldest key, which is its from here on. Nothing when none is left.
    pub(super) fn bind(
        &self,
        sample: &Sample<'_>,
        keys: &[AdmissionKey],
    ) -> Result<Option<Token>, SharingError> {
        if let Some(token) = self.of(sample)? {
            return Ok(Some(token));
        }
        for key in keys {
            let Some(name) = self.names(&directory(key), ".token")?.into_iter().next() else {
                continue;
            };
            self.files.rename_once(&name, &sample.name("token"))?;
            return self.of(sample);
        }
        Ok(None)
    }

    fn of(&self, sample: &Sample<'_>) -> Result<Option<Token>, SharingError> {
        let name = sample.name("token");
        if !self.files.contains(&name)? {
            return Ok(None);
        }
        let bytes = self.files.read(&name, TOKEN_BYTES as u64)?;
        let token = Token::parse(&bytes).map_err(self.damaged(&name))?;
        Ok(Some(token))
    }

    /// Forgets the token of a sample that the cell refused; the next try takes another one.
    pub(super) fn discard(&self, sample: &Sample<'_>) -> Result<(), SharingError> {
        files::remove(&sample.path("token"))
    }

    /// Forgets the tokens that no cell takes any more.
    pub(super) fn forget(&self, now: u64) -> Result<(), SharingError> {
        for name in self.names(ROOT, "")? {
            let end = name
                .strip_prefix(&format!("{ROOT}/"))
                .and_then(|name| name.split_once('-'))
                .and_then(|(end, _)| end.parse::<u64>().ok());
            if end.is_none_or(|end| end < now) {
                files::remove_directory(&self.files.root().join(&name))?;
            }
        }
        Ok(())
    }
}

/// Whether what was announced can be used at all.
pub(super) fn key_of(said: &Admission) -> Result<token::TokenKey, SharingError> {
    let der = said.key_der().unwrap_or_default();
    Ok(token::TokenKey::from_spki(&der)?)
}
