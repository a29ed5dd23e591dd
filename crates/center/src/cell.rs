//! A cell: its home, its key, its tables, and what it knows of the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use keys::{Passphrase, SecretKey, StatementKey};
use logclient::{Follower, LogClient};
use serve::{Client, Clock};
use statement::{CountryCode, FileDigest, SampleId, SealTree};
use store::{DirLock, Files, Tables};
use tokio::sync::Notify;

use crate::arrivals::Arrivals;
use crate::ciphertexts::Ciphertexts;
use crate::config::{AdmissionRule, Config};
use crate::draws::Draws;
use crate::equipment::Equipment;
use crate::error::{CenterError, Refusal};
use crate::ground::{Ground, Read, matters};
use crate::jobs::Jobs;
use crate::keyring::Keyring;
use crate::lead::Lead;
use crate::occupied::{Occupancy, Occupied};
use crate::openers::Openers;
use crate::outbox::{Draft, Said};
use crate::rate::{Backlog, Rate};
use crate::remote;
use crate::turned_away::TurnedAway;

/// A bundle, and of which checkpoint and entries it is.
pub(crate) struct CachedBundle {
    pub(crate) size: u64,
    pub(crate) indices: Vec<u64>,
    pub(crate) bytes: Vec<u8>,
}

/// One cell at work. Holds a lock, so two of them never work on one directory.
pub struct Cell {
    pub(crate) config: Config,
    pub(crate) db: Tables,
    /// Whether this process leads.
    pub(crate) lead: Arc<Lead>,
    pub(crate) ciphertexts: Ciphertexts,
    pub(crate) keyring: Keyring,
    pub(crate) clock: Clock,
    pub(crate) rate: Rate,
    pub(crate) backlog: Backlog,
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) jobs: Jobs,
    pub(crate) draws: Arc<Draws>,
    pub(crate) turned_away: TurnedAway,
    /// What machines of this process judge with; nothing when none work here.
    pub(crate) equipment: Option<Equipment>,
    pub(crate) log: LogClient,
    /// The log as it was read last; nothing before it could be read.
    pub(crate) read: tokio::sync::Mutex<Read>,
    /// Somebody completed an upload.
    pub(crate) arrived: Notify,
    /// Something was erased, and still stands in the write-ahead log.
    pub(crate) erased: AtomicBool,
    /// Who holds the shares of samples at rest; nothing when this cell looks at none again.
    pub(crate) openers: Option<Openers>,
    /// Lists of samples that were asked for, by the root of their tree.
    pub(crate) asked: Files,
    /// Those that were read.
    pub(crate) trees: Mutex<BTreeMap<FileDigest, Arc<SealTree>>>,
    /// What `/where` rests on, as it was made last.
    pub(crate) bundle: tokio::sync::Mutex<Option<CachedBundle>>,
    ground: RwLock<Option<Arc<Ground>>>,
    occupancy: Occupancy,
    key: StatementKey,
    _lock: DirLock,
}

impl Cell {
    /// Opens tables, keys and directories.
    ///
    /// # Errors
    /// Another process works here, a key cannot be read, or the disk refuses.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, CenterError> {
        let lock = DirLock::take(&config.dir)?;
        let passphrase = config.passphrase.as_deref().map(Passphrase::from_origin);
        let passphrase = passphrase.transpose()?;
        let secret = SecretKey::load(&config.key, passphrase.as_ref())?;
        let equipment = (config.workers > 0).then(|| Equipment::take(&config));
        let equipment = equipment.transpose()?;
        let site = remote::open(&config).await?;
        let db = site.db;
        let lead = Arc::new(Lead::new(db.clone()));
        let client = Client::new(&config.client)?;
        let openers = config.openers.as_ref();
        let openers = openers.map(|urls| Openers::new(urls, &config.client));
        let log = LogClient::new(client, &config.log_url, config.origin.clone());
        let follower = Follower::new(log.clone(), config.anchor).keeping(matters);
        Ok(Self {
            ciphertexts: Ciphertexts::open(site.files.join("ciphertext"))?,
            keyring: Keyring::open(site.files.join("epochs"), db.clone(), Arc::clone(&lead))?,
            rate: Rate::new(config.uploads_per_minute),
            backlog: Backlog::default(),
            arrivals: Arrivals::new(db.clone()),
            jobs: Jobs::new(db.clone()),
            equipment,
            draws: Arc::new(Draws::open(site.files.join("draws"))?),
            turned_away: TurnedAway::new(db.clone()),
            read: tokio::sync::Mutex::new(Read {
                follower,
                home: config.home.clone(),
            }),
            arrived: Notify::new(),
            // Of the process before this one, if need be.
            erased: AtomicBool::new(true),
            openers: openers.transpose()?,
            asked: Files::open(&site.files.join("asked"))?,
            trees: Mutex::default(),
            bundle: tokio::sync::Mutex::default(),
            ground: RwLock::default(),
            occupancy: site.occupancy,
            lead,
            key: StatementKey::new(secret)?,
            db,
            clock,
            log,
            config,
            _lock: lock,
        })
    }

    pub(crate) fn home(&self) -> &CountryCode {
        &self.config.home
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.posix_seconds()
    }

    pub(crate) fn not_after(&self) -> u64 {
        self.now().saturating_add(self.config.not_after_seconds)
    }

    pub(crate) fn audience(&self) -> Vec<tlog::Origin> {
        vec![self.config.origin.clone()]
    }

    pub(crate) fn sign(&self, draft: Draft) -> Result<Said, CenterError> {
        draft.sign(&self.key)
    }

    /// What the log says; nothing before it could be read.
    pub(crate) fn ground(&self) -> Option<Arc<Ground>> {
        self.ground
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads on in the log.
    pub(crate) async fn read_on(&self) -> Result<(), CenterError> {
        let mut read = self.read.lock().await;
        let mut ground = read.sync(self.now()).await?;
        ground.tools = self.judge_tools(&read.follower).await?;
        drop(read);
        if self.config.admission == AdmissionRule::Open {
            ground.admissions.clear();
        }
        let mut held = self.ground.write().unwrap_or_else(PoisonError::into_inner);
        *held = Some(Arc::new(ground));
        Ok(())
    }

    /// Sees to it that what was erased stands nowhere in the database's files.
    pub(crate) async fn finish_erasing(&self) -> Result<(), CenterError> {
        if self.erased.swap(false, Ordering::Relaxed) && !self.db.empty_wal().await? {
            self.erased.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Keeps everybody else from working on a sample's ciphertext until the guard is dropped.
    pub(crate) fn occupy(&self, sample: &SampleId) -> Result<Occupied, Refusal> {
        self.occupancy.occupy(sample)
    }
}
