//! What was given away: one file for each grant and sample, durable before the answer leaves. A second question gets
//! the first answer, so a grant for a hundred samples opens a hundred, however often and whenever they are asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use law::Covered;
use seal::{ANSWER_BYTES, SealedShare};
use statement::StatementDigest;
use store::{Files, StoreError};

use crate::error::{OpenerError, Refused};
use crate::limits::GRANTS_MAX;

/// The answers that were given, and how many under each grant.
#[derive(Debug)]
pub(crate) struct Spent {
    files: Files,
    counts: Mutex<BTreeMap<StatementDigest, u64>>,
}

impl Spent {
    /// Opens the directory and counts.
    pub(crate) fn open(dir: &Path) -> Result<Self, OpenerError> {
        let spent = Self {
            files: Files::open(dir)?,
            counts: Mutex::default(),
        };
        let mut counts = BTreeMap::new();
        for (grant, path) in named(dir)? {
            let answers = list(&path)?;
            counts.insert(grant, answers.len() as u64);
        }
        *spent.counts() = counts;
        Ok(spent)
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<StatementDigest, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that was given before, or the one that is made now, counted and durable. `make` is not called for
    /// what was answered, or when `count` samples were. Blocks.
    pub(crate) fn answer(
        &self,
        covered: &Covered,
        count: u64,
        make: impl FnOnce() -> Result<SealedShare, Refused>,
    ) -> Result<SealedShare, Refused> {
        // Held to the end: two questions at once are one after the other.
        let mut counts = self.counts();
        let path = format!("{}/{}", covered.grant(), covered.seal());
        match self.files.read(&path, ANSWER_BYTES as u64) {
            Ok(bytes) => {
                let known = SealedShare::parse(&bytes);
                let path = self.files.root().join(path);
                return known.ok_or_else(|| OpenerError::Name { path }.into());
            }
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let spent = counts.entry(covered.grant()).or_default();
        if *spent >= count {
            return Err(Refused::Spent { count });
        }
        let answer = make()?;
        self.files.create(&path, &answer.to_bytes())?;
        *spent += 1;
        Ok(answer)
    }
}

/// The directories that are named by a grant.
fn named(dir: &Path) -> Result<Vec<(StatementDigest, std::path::PathBuf)>, OpenerError> {
    let mut grants = Vec::new();
    for path in list(dir)? {
        let name = path.file_name().and_then(|name| name.to_str());
        // The store's own scratch files lie beside them.
        if let Some(Ok(grant)) = name.map(str::parse) {
            grants.push((grant, path));
        }
    }
    if grants.len() > GRANTS_MAX {
        return Err(OpenerError::Many {
            path: dir.to_owned(),
            max: GRANTS_MAX,
        });
    }
    Ok(grants)
}

fn list(dir: &Path) -> Result<Vec<std::path::PathBuf>, OpenerError> {
    let refused = |source| OpenerError::List {
        path: dir.to_owned(),
        source,
    };
    let entries = fs::read_dir(dir).map_err(refused)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(refused)
}
