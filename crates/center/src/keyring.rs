//! Keys of analysis epochs: made, used, destroyed. One file each, named by the digest of its `epoch`.
//!
//! Order, so that a cell killed in between promises nothing that it cannot keep: the key is durable, then the
//! statement is kept and submitted, then endpoints seal to it. A key file whose statement was never kept is removed
//! by whoever leads next.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::OpeningKey;
use seal::WrapOpener as _;
use statement::{
    CountryCode, Epoch, EpochPurpose, FileDigest, SEAL_SUITE, StatementDigest, Subject,
};
use store::Tables;
use store::tables::query;

use crate::config::EpochTimes;
use crate::error::CenterError;
use crate::lead::Lead;
use crate::outbox::{Draft, Said};
use crate::schema::{from_sql, to_sql};

/// The fields of an epoch that its maker chooses.
#[derive(Debug, Clone)]
pub struct EpochPlan {
    /// What its key opens.
    pub purpose: EpochPurpose,
    /// The jurisdiction whose samples it is for.
    pub home: CountryCode,
    /// Logs that it is meant for.
    pub audience: Vec<tlog::Origin>,
    /// POSIX seconds until which it may be included.
    pub not_after: u64,
    /// POSIX seconds from which endpoints seal to it.
    pub valid_from: u64,
    /// POSIX seconds after which they no longer do.
    pub valid_until: u64,
    /// POSIX seconds by which the key is gone.
    pub destroy_by: u64,
}

impl EpochPlan {
    /// The statement and its subject.
    #[must_use]
    pub fn statement(self, key: &OpeningKey) -> (Subject, Epoch) {
        let raw = key.wrap_key().raw();
        let epoch = Epoch {
            audience: self.audience,
            not_after: self.not_after,
            blobs: Vec::new(),
            purpose: self.purpose,
            home: self.home,
            suite: SEAL_SUITE.to_owned(),
            key: STANDARD.encode(raw),
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            destroy_by: self.destroy_by,
        };
        (Subject::new("key", FileDigest::of(&raw)), epoch)
    }
}

/// The key files of a cell.
pub(crate) struct Keyring {
    dir: PathBuf,
    db: Tables,
    lead: Arc<Lead>,
    open: Mutex<BTreeMap<StatementDigest, Arc<OpeningKey>>>,
}

impl Keyring {
    /// Opens the directory.
    pub(crate) fn open(dir: PathBuf, db: Tables, lead: Arc<Lead>) -> Result<Self, CenterError> {
        fs::create_dir_all(&dir).map_err(file("make", &dir))?;
        Ok(Self {
            dir,
            db,
            lead,
            open: Mutex::default(),
        })
    }

    /// Removes the keys that nobody was ever told of. For who has just begun to lead: a leader before it can no longer
    /// keep the statement of a key that it made.
    pub(crate) async fn remove_untold(&self) -> Result<(), CenterError> {
        let known = query("SELECT epoch FROM epochs WHERE destroyed IS NULL")
            .fetch_all(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        let known: Vec<String> = known.iter().map(|row| row.get(0)).collect();
        for entry in fs::read_dir(&self.dir).map_err(file("list", &self.dir))? {
            let path = entry.map_err(file("list", &self.dir))?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if stem.is_none_or(|stem| !known.iter().any(|epoch| epoch == stem)) {
                fs::remove_file(&path).map_err(file("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Forgets the keys whose files another process removed.
    pub(crate) fn forget_destroyed(&self) {
        self.opened().retain(|epoch, _| self.path(*epoch).is_file());
    }

    fn path(&self, epoch: StatementDigest) -> PathBuf {
        self.dir.join(format!("{epoch}.key"))
    }

    fn opened(&self) -> MutexGuard<'_, BTreeMap<StatementDigest, Arc<OpeningKey>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the key is here.
    pub(crate) fn holds(&self, epoch: StatementDigest) -> bool {
        self.path(epoch).is_file()
    }

    /// The key of an epoch; nothing once it is destroyed. Blocks.
    pub(crate) fn key(
        &self,
        epoch: StatementDigest,
    ) -> Result<Option<Arc<OpeningKey>>, CenterError> {
        let mut opened = self.opened();
        let path = self.path(epoch);
        // Asked each time: another process may have destroyed it.
        if !path.is_file() {
            opened.remove(&epoch);
            return Ok(None);
        }
        if let Some(key) = opened.get(&epoch) {
            return Ok(Some(Arc::clone(key)));
        }
        let key = Arc::new(OpeningKey::load(&path, None)?);
        opened.insert(epoch, Arc::clone(&key));
        Ok(Some(key))
    }

    /// When the newest epoch ends that is not destroyed.
    pub(crate) async fn newest_end(&self) -> Result<Option<u64>, CenterError> {
        let row = query("SELECT MAX(valid_until) FROM epochs WHERE destroyed IS NULL")
            .fetch_one(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(row.get::<Option<i64>, _>(0).map(from_sql))
    }

    /// Makes a key and says so.
    pub(crate) async fn make(
        &self,
        plan: EpochPlan,
        sign: impl FnOnce(Draft) -> Result<Said, CenterError>,
        now: u64,
    ) -> Result<StatementDigest, CenterError> {
        let key = OpeningKey::generate()?;
        let times = [plan.valid_from, plan.valid_until, plan.destroy_by].map(to_sql);
        let (subject, epoch) = plan.statement(&key);
        let said = sign(Draft::single("epoch", subject, epoch))?;
        let digest = said.digest();
        key.save_new(&self.path(digest), None)?;
        let mut write = self.lead.begin().await?;
        said.keep(&self.db, &mut write, now).await?;
        query(
            "INSERT INTO epochs (epoch, valid_from, valid_until, destroy_by) VALUES ($1, $2, $3, $4)",
        )
        .bind(digest.to_string())
        .bind(times[0])
        .bind(times[1])
        .bind(times[2])
        .execute(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        self.db.commit(write).await?;
        tracing::info!(epoch = %digest, "an analysis epoch was made");
        Ok(digest)
    }

    /// The epochs whose keys are to go: over and nothing waits for them, or past the promised end.
    pub(crate) async fn due(&self, now: u64) -> Result<Vec<StatementDigest>, CenterError> {
        let rows = query(
            "SELECT epoch FROM epochs WHERE destroyed IS NULL AND (destroy_by <= $1 OR (valid_until < $2
             AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.epoch = epochs.epoch)
             AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.epoch = epochs.epoch)))",
        )
        .bind(to_sql(now))
        .bind(to_sql(now.saturating_sub(crate::limits::SKEW_SECONDS)))
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let parse = |row: &store::tables::Row| {
            let text: String = row.get(0);
            text.parse::<StatementDigest>()
                .map_err(|_| CenterError::Row {
                    table: "epochs",
                    what: text,
                })
        };
        rows.iter().map(parse).collect()
    }

    /// Destroys a key: its file is gone and stays gone when this returns.
    pub(crate) async fn destroy(
        &self,
        epoch: StatementDigest,
        now: u64,
    ) -> Result<(), CenterError> {
        self.opened().remove(&epoch);
        let path = self.path(epoch);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(file("remove", &path)(error));
            }
            _ => {}
        }
        File::open(&self.dir)
            .and_then(|opened| opened.sync_all())
            .map_err(file("make durable", &self.dir))?;
        let mut write = self.lead.begin().await?;
        query("UPDATE epochs SET destroyed = $1 WHERE epoch = $2")
            .bind(to_sql(now))
            .bind(epoch.to_string())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        self.db.commit(write).await?;
        tracing::info!(%epoch, "the key of an analysis epoch is destroyed");
        Ok(())
    }
}

impl EpochTimes {
    /// The epoch that is to be made now, if one is: so early that endpoints know it before the last one ends.
    pub(crate) fn next(self, newest_end: Option<u64>, now: u64) -> Option<[u64; 3]> {
        if newest_end.is_some_and(|end| now.saturating_add(self.lead_seconds) < end) {
            return None;
        }
        Some([
            now,
            now.saturating_add(self.valid_seconds),
            now.saturating_add(self.destroy_seconds),
        ])
    }
}

fn file(
    action: &'static str,
    path: &std::path::Path,
) -> impl FnOnce(std::io::Error) -> CenterError + use<> {
    let path = path.to_owned();
    move |source| CenterError::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_epoch_is_made_before_the_last_one_ends() {
        let times = EpochTimes {
            valid_seconds: 100,
            lead_seconds: 10,
            destroy_seconds: 300,
        };
        assert_eq!(times.next(None, 50), Some([50, 150, 350]));
        assert_eq!(times.next(Some(150), 139), None);
        assert_eq!(times.next(Some(150), 140), Some([140, 240, 440]));
        assert_eq!(times.next(Some(150), 900), Some([900, 1000, 1200]));
    }
}
