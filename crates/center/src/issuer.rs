//! The issuer of admission tokens: a process of its own, with keys of its own, that never sees a sample. `spec/admission.md`.
//!
//! It knows installations by their licences, counts how many tokens each got of a day's key, and signs what it cannot see. A cell sees
//! tokens and knows no installation. What the two write down cannot be put together, whoever has both.
//!
//! Invariant: *signed <= counted*. A request is counted durably before it is signed, so a restart gives nobody more.

mod config;
mod daemon;
mod http;
mod keys;
mod quota;
mod refusal;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ::keys::{IssuerKey, Passphrase, SecretKey, StatementKey};
use logclient::LogClient;
use serve::{Client, Clock};
use statement::StatementDigest;
use store::tables::Step;
use store::{DirLock, Tables};

pub use config::IssuerConfig;
pub use daemon::{serve_issuer, serve_issuer_by};
pub use http::issuer_router;
pub use refusal::IssuerRefusal;

use crate::error::CenterError;

/// The tables of an issuer; steps are only ever added.
const MIGRATIONS: &[Step] = &[Step::Same(
    "
    CREATE TABLE keys (
        -- The statement that announces it.
        admission TEXT PRIMARY KEY,
        home TEXT NOT NULL,
        valid_from INTEGER NOT NULL,
        entry BLOB NOT NULL,
        -- When the log had it witnessed.
        witnessed INTEGER,
        -- When its private half was removed.
        destroyed INTEGER
    ) STRICT;
    -- One key for a home and a day, ever.
    CREATE UNIQUE INDEX keys_by_day ON keys (home, valid_from);

    -- What each installation had signed: digests of what nobody can read.
    CREATE TABLE issued (
        admission TEXT NOT NULL REFERENCES keys (admission),
        installation TEXT NOT NULL,
        request TEXT NOT NULL,
        PRIMARY KEY (admission, installation, request)
    ) STRICT;
",
)];

/// One issuer at work. Holds a lock, so two of them never work on one directory.
pub struct Issuer {
    pub(crate) config: IssuerConfig,
    db: Tables,
    clock: Clock,
    log: LogClient,
    licence_keys: Vec<[u8; 32]>,
    /// Keys that sign now.
    open: Mutex<BTreeMap<StatementDigest, Arc<IssuerKey>>>,
    key: StatementKey,
    _lock: DirLock,
}

impl Issuer {
    /// Opens tables, keys and directories.
    ///
    /// # Errors
    /// Another process works here, a key cannot be read, or the disk refuses.
    pub async fn open(config: IssuerConfig, clock: Clock) -> Result<Self, CenterError> {
        let lock = DirLock::take(&config.dir)?;
        let passphrase = config.passphrase.as_deref().map(Passphrase::from_origin);
        let secret = SecretKey::load(&config.key, passphrase.transpose()?.as_ref())?;
        let db = Tables::open_file(&config.dir.join("issuer.sqlite3"), MIGRATIONS).await?;
        let client = Client::new(&config.client)?;
        let issuer = Self {
            log: LogClient::new(client, &config.log_url, config.origin.clone()),
            licence_keys: config.licence_keys()?,
            open: Mutex::default(),
            key: StatementKey::new(secret)?,
            db,
            clock,
            config,
            _lock: lock,
        };
        issuer.sweep_keys().await?;
        Ok(issuer)
    }

    fn now(&self) -> u64 {
        self.clock.posix_seconds()
    }
}
