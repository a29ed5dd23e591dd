//! What was given away: one file for each grant and sample, durable before the answer leaves. A second question gets
//! the first answer; and however many grants are in force at once, no more is given away within a day and a quarter than one of them
//! may name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use law::Covered;
use seal::{ANSWER_BYTES, SealedShare};
use statement::StatementDigest;
use store::{Files, StoreError};

use crate::error::{OpenerError, Refused};
use crate::limits::GRANTS_MAX;

const DAY_SECONDS: u64 = 86_400;
/// Seconds, and of how many samples at rest one may be opened within them: a day, and the longest quarter.
const BOUNDS: [(u64, u64); 2] = [(DAY_SECONDS, 100), (92 * DAY_SECONDS, 20)];
/// A file: when it was given, POSIX seconds big-endian, then the answer.
const FILE_BYTES: u64 = 8 + ANSWER_BYTES as u64;

/// How many answers were given, by the second.
type Given = BTreeMap<u64, u64>;

/// The answers that were given.
#[derive(Debug)]
pub(crate) struct Spent {
    files: Files,
    given: Mutex<Given>,
}

impl Spent {
    /// Opens the directory and counts.
    pub(crate) fn open(dir: &Path) -> Result<Self, OpenerError> {
        let files = Files::open(dir)?;
        let mut given = Given::new();
        for (grant, path) in grants(dir)? {
            for file in list(&path)? {
                let name = file.file_name().and_then(|name| name.to_str());
                let name = name.unwrap_or_default();
                let bytes = files.read(&format!("{grant}/{name}"), FILE_BYTES)?;
                let (at, _) = parse(&bytes).ok_or(OpenerError::Name { path: file })?;
                *given.entry(at).or_default() += 1;
            }
        }
        Ok(Self {
            files,
            given: Mutex::new(given),
        })
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that was given before, or the one that is made now, counted and durable. `stock`: samples at rest, by
    /// the grant. Blocks.
    pub(crate) fn answer(
        &self,
        covered: &Covered,
        (now, stock): (u64, u64),
        make: impl FnOnce() -> Result<SealedShare, Refused>,
    ) -> Result<SealedShare, Refused> {
        // Held to the end: two questions at once are one after the other.
        let mut given = self.given();
        let path = format!("{}/{}", covered.grant(), covered.seal());
        match self.files.read(&path, FILE_BYTES) {
            Ok(bytes) => {
                let path = self.files.root().join(path);
                let known = parse(&bytes).map(|(_, answer)| answer);
                return known.ok_or_else(|| OpenerError::Name { path }.into());
            }
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        check_bounds(&given, now, stock)?;
        let answer = make()?;
        let bytes = [now.to_be_bytes().as_slice(), &answer.to_bytes()].concat();
        self.files.create(&path, &bytes)?;
        *given.entry(now).or_default() += 1;
        Ok(answer)
    }
}

fn parse(bytes: &[u8]) -> Option<(u64, SealedShare)> {
    let (at, answer) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*at), SealedShare::parse(answer)?))
}

/// Whether one more may be given away. What seems to come from the future counts: the clock was set back.
fn check_bounds(given: &Given, now: u64, stock: u64) -> Result<(), Refused> {
    for (seconds, share) in BOUNDS {
        let from = now.saturating_sub(seconds).saturating_add(1);
        let recent: u64 = given.range(from..).map(|(_, count)| *count).sum();
        let max = stock / share;
        if recent >= max {
            let hours = seconds / 3600;
            return Err(Refused::Spent { max, hours });
        }
    }
    Ok(())
}

/// The directories that are named by a grant.
fn grants(dir: &Path) -> Result<Vec<(StatementDigest, PathBuf)>, OpenerError> {
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

fn list(dir: &Path) -> Result<Vec<PathBuf>, OpenerError> {
    let refused = |source| OpenerError::List {
        path: dir.to_owned(),
        source,
    };
    let entries = fs::read_dir(dir).map_err(refused)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(refused)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_given_away_in_a_day_than_one_grant_may_name() {
        let given = Given::from([(1_000, 4), (2_000, 5)]);
        check_bounds(&given, 3_000, 1_000).unwrap();
        let given = Given::from([(1_000, 4), (2_000, 6)]);
        let refused = check_bounds(&given, 3_000, 1_000).unwrap_err();
        assert_eq!(refused.code(), "opener.spent");
        check_bounds(&given, 1_000 + DAY_SECONDS - 1, 1_000).unwrap_err();
        check_bounds(&given, 1_000 + DAY_SECONDS, 1_000).unwrap();
        // A clock that was set back opens nothing more.
        check_bounds(&given, 10, 1_000).unwrap_err();
        check_bounds(&Given::new(), 10, 99).unwrap_err();
    }

    #[test]
    fn no_more_is_given_away_in_a_quarter_than_its_grants_may_name() {
        let days = (1..6).map(|day| (day * DAY_SECONDS, 10));
        let given: Given = days.collect();
        check_bounds(&given, 30 * DAY_SECONDS, 1_000).unwrap_err();
        check_bounds(&given, 93 * DAY_SECONDS, 1_000).unwrap();
    }

    #[test]
    fn what_was_given_away_is_read_back() {
        let share = [7; ANSWER_BYTES];
        let bytes = [9_u64.to_be_bytes().as_slice(), &share].concat();
        let (at, answer) = parse(&bytes).unwrap();
        assert_eq!((at, answer.to_bytes()), (9, share));
        assert!(parse(&bytes[1..]).is_none());
    }
}
