//! Keys of days: made, announced, used for their day, destroyed. One file each, named by the digest of its `admission`.
//!
//! Order, so that an issuer killed in between announces nothing that it cannot use and nothing twice: the key is durable, then the
//! statement is kept, then submitted until it is witnessed, then it signs. The same bytes are submitted each time.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ::keys::IssuerKey;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use statement::{
    Admission, CountryCode, Envelope, FileDigest, Predicate, Statement, StatementDigest, Subject,
};
use store::tables::query;

use super::Issuer;
use crate::ciphertexts::blocking;
use crate::error::CenterError;
use crate::limits::{DAY_SECONDS, SKEW_SECONDS};
use crate::schema::to_sql;

/// How long one look at the log may take before the next round.
const PATIENCE: Duration = Duration::from_secs(30);

/// A key that signs now.
pub(super) struct Signing {
    pub(super) admission: StatementDigest,
    pub(super) said: Admission,
    pub(super) key: Arc<IssuerKey>,
}

impl Issuer {
    fn path(&self, admission: StatementDigest) -> PathBuf {
        self.config
            .dir
            .join("keys")
            .join(format!("{admission}.key"))
    }

    /// Removes the keys that nobody was ever told of.
    pub(super) async fn sweep_keys(&self) -> Result<(), CenterError> {
        let dir = self.config.dir.join("keys");
        fs::create_dir_all(&dir).map_err(CenterError::file("make", &dir))?;
        let rows = query("SELECT admission FROM keys WHERE destroyed IS NULL")
            .fetch_all(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        let known: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        for entry in fs::read_dir(&dir).map_err(CenterError::file("list", &dir))? {
            let path = entry.map_err(CenterError::file("list", &dir))?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if stem.is_none_or(|stem| !known.iter().any(|admission| admission == stem)) {
                fs::remove_file(&path).map_err(CenterError::file("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Makes the keys that are due, announces them, and destroys those whose day is over.
    pub(super) async fn keep_keys(&self) -> Result<(), CenterError> {
        let now = self.now();
        let today = now - now % DAY_SECONDS;
        let days = [now, now.saturating_add(self.config.lead_seconds)];
        for home in &self.config.homes {
            for day in days.map(|time| time - time % DAY_SECONDS) {
                if day >= today && !self.has_key(home, day).await? {
                    self.make_key(home, day).await?;
                }
            }
        }
        self.announce().await?;
        self.destroy_keys(now).await
    }

    async fn has_key(&self, home: &CountryCode, day: u64) -> Result<bool, CenterError> {
        let row = query("SELECT 1 FROM keys WHERE home = $1 AND valid_from = $2")
            .bind(home.as_str())
            .bind(to_sql(day))
            .fetch_optional(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(row.is_some())
    }

    async fn make_key(&self, home: &CountryCode, day: u64) -> Result<(), CenterError> {
        let taken: Vec<u8> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.values()
                .map(|key| key.public().truncated_id())
                .collect()
        };
        let key = blocking(move || {
            loop {
                // Requests name one byte of the key, so keys of one time differ in it.
                let key = IssuerKey::generate()?;
                if !taken.contains(&key.public().truncated_id()) {
                    return Ok(key);
                }
            }
        })
        .await?;
        let spki = key.public().spki();
        let subject = Subject::new("key", FileDigest::of(spki));
        let said = Admission {
            audience: vec![self.config.origin.clone()],
            // Later it would be of no use.
            not_after: day.saturating_add(DAY_SECONDS),
            blobs: Vec::new(),
            home: home.clone(),
            issuer: self.config.issuer.clone(),
            key: STANDARD.encode(spki),
            valid_from: day,
            valid_until: day.saturating_add(self.config.valid_days.saturating_mul(DAY_SECONDS)),
        };
        let payload = Statement::new(vec![subject], said).to_payload()?;
        let envelope = Envelope::sign(payload, &self.key)?;
        let admission = envelope.digest();
        key.save_new(&self.path(admission))?;
        let mut write = self.db.begin().await?;
        query("INSERT INTO keys (admission, home, valid_from, entry) VALUES ($1, $2, $3, $4)")
            .bind(admission.to_string())
            .bind(home.as_str())
            .bind(to_sql(day))
            .bind(envelope.to_bytes())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        self.db.commit(write).await?;
        tracing::info!(%admission, %home, "the key of a day was made");
        self.opened().insert(admission, Arc::new(key));
        Ok(())
    }

    fn opened(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<StatementDigest, Arc<IssuerKey>>>
    {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits what the log has not witnessed yet.
    async fn announce(&self) -> Result<(), CenterError> {
        let rows = query(
            "SELECT admission, entry FROM keys WHERE witnessed IS NULL AND destroyed IS NULL",
        )
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        for row in rows {
            let (admission, entry): (String, Vec<u8>) = (row.get(0), row.get(1));
            let envelope = Envelope::parse(&entry)?;
            self.log.submit_until_witnessed(&envelope, PATIENCE).await?;
            let mut write = self.db.begin().await?;
            query("UPDATE keys SET witnessed = $1 WHERE admission = $2")
                .bind(to_sql(self.now()))
                .bind(admission)
                .execute(&mut *write)
                .await
                .map_err(|e| self.db.sort(e))?;
            self.db.commit(write).await?;
        }
        Ok(())
    }

    /// Keys whose day is over sign nothing any more: their private half goes, and with it who had how many.
    async fn destroy_keys(&self, now: u64) -> Result<(), CenterError> {
        let over = now.saturating_sub(DAY_SECONDS + SKEW_SECONDS);
        let rows = query("SELECT admission FROM keys WHERE destroyed IS NULL AND valid_from < $1")
            .bind(to_sql(over))
            .fetch_all(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        for row in rows {
            let text: String = row.get(0);
            let admission = text.parse().map_err(|_| row_error("a digest"))?;
            self.opened().remove(&admission);
            let path = self.path(admission);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(CenterError::file("remove", &path)(error));
                }
                _ => {}
            }
            let mut write = self.db.begin().await?;
            for query in [
                query("DELETE FROM issued WHERE admission = $1").bind(&text),
                query("UPDATE keys SET destroyed = $2 WHERE admission = $1")
                    .bind(&text)
                    .bind(to_sql(now)),
            ] {
                query
                    .execute(&mut *write)
                    .await
                    .map_err(|e| self.db.sort(e))?;
            }
            self.db.commit(write).await?;
        }
        Ok(())
    }

    /// The keys that sign now: witnessed, and of this day.
    pub(super) async fn signing(&self) -> Result<Vec<Signing>, CenterError> {
        let now = self.now();
        let rows = query(
            "SELECT admission, entry FROM keys WHERE witnessed IS NOT NULL AND destroyed IS NULL
             AND valid_from <= $1 AND valid_from > $2 ORDER BY valid_from DESC",
        )
        .bind(to_sql(now.saturating_add(SKEW_SECONDS)))
        .bind(to_sql(now.saturating_sub(DAY_SECONDS + SKEW_SECONDS)))
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let mut signing = Vec::new();
        for row in rows {
            let (text, entry): (String, Vec<u8>) = (row.get(0), row.get(1));
            let admission = text.parse().map_err(|_| row_error("a digest"))?;
            let statement = Statement::parse(Envelope::parse(&entry)?.payload())?;
            let Predicate::Admission(said) = statement.predicate else {
                return Err(row_error("an admission"));
            };
            let key = self.key_of(admission)?;
            signing.push(Signing {
                admission,
                said,
                key,
            });
        }
        Ok(signing)
    }

    fn key_of(&self, admission: StatementDigest) -> Result<Arc<IssuerKey>, CenterError> {
        let mut opened = self.opened();
        if let Some(key) = opened.get(&admission) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(IssuerKey::load(&self.path(admission))?);
        opened.insert(admission, Arc::clone(&key));
        Ok(key)
    }
}

impl Signing {
    /// Seconds until its day ends.
    pub(super) const fn wait_seconds(&self, now: u64) -> u64 {
        self.said.issued_until().saturating_sub(now)
    }
}

fn row_error(what: &str) -> CenterError {
    CenterError::Row {
        table: "keys",
        what: format!("no {what}"),
    }
}
