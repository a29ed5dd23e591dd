//! The owner's consent: signed, off by default, and over as soon as it is withdrawn (`spec/consent.md`).
//!
//! ```text
//! {"consent":{"at":1800000000,"country":"DE","given":true,"previous":null,"seq":1,"type":"https://spec.limpid.example/consent/v1"},
//!  "key":"d75a98…","signature":"base64"}
//! ```
//!
//! Records are never changed: each names the one before by its digest, and the last one counts. None of them leaves this machine
//! by itself, because two samples under one consent would have something in common.

use std::{fmt, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{Algorithm, SecretKey};
use seal::UploadKey;
use serde::{Deserialize, Serialize};
use statement::{CountryCode, FileDigest};
use store::{DirLock, Files};

use super::{config::Config, error::SharingError, files};
use crate::limits::{CONSENTS_MAX, RECORD_BYTES_MAX};

const TYPE: &str = "https://spec.limpid.example/consent/v1";
const DOMAIN: &str = "limpid consent v1";
const KEY_FILE: &str = "key.pem";

/// What the owner said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// POSIX seconds by the clock of this machine.
    pub at: u64,
    /// The country that files are of, declared by the owner and derived from nothing.
    pub country: CountryCode,
    /// Given, or withdrawn.
    pub given: bool,
    /// SHA-256 of the record before; none for the first.
    pub previous: Option<FileDigest>,
    /// From 1, consecutive.
    pub seq: u64,
    #[serde(rename = "type")]
    type_: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    consent: Consent,
    key: String,
    signature: String,
}

/// A consent that is in force. Made only by reading every record of the owner; sealing and sending take this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consented {
    country: CountryCode,
    seq: u64,
}

impl Consented {
    /// The country that files are of.
    #[must_use]
    pub const fn country(&self) -> &CountryCode {
        &self.country
    }

    /// The record that says so.
    pub(super) const fn seq(&self) -> u64 {
        self.seq
    }
}

/// What the records say together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentState {
    /// Whether files are shared.
    pub in_force: bool,
    /// Every record, oldest first.
    pub records: Vec<Consent>,
    /// The key that signed them; none before the first.
    pub key: Option<String>,
}

impl fmt::Display for ConsentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(last) = self.records.last() else {
            return f.write_str("no consent was ever given: nothing is shared");
        };
        let at = crate::posix_time::rfc3339(last.at);
        let country = &last.country;
        if last.given {
            write!(
                f,
                "consent is in force since {at}: files are of {country}, record {}",
                last.seq
            )
        } else {
            write!(
                f,
                "the consent was withdrawn at {at}: nothing is shared, record {}",
                last.seq
            )
        }
    }
}

/// The records of one endpoint. They have a lock of their own, so that a consent can be withdrawn while something is being sent.
pub(super) struct Consents {
    files: Files,
}

impl Consents {
    pub(super) fn open(config: &Config) -> Result<Self, SharingError> {
        Ok(Self {
            files: Files::open(&config.dir.join("consent"))?,
        })
    }

    /// The consent in force.
    ///
    /// # Errors
    /// [`SharingError::NoConsent`] when none was given or the last one was withdrawn; a record that is not as it must be.
    pub(super) fn check(&self) -> Result<Consented, SharingError> {
        match self.state()?.records.pop() {
            Some(Consent {
                given: true,
                country,
                seq,
                ..
            }) => Ok(Consented { country, seq }),
            _ => Err(SharingError::NoConsent),
        }
    }

    /// The same between two requests, for whoever began under a consent.
    ///
    /// # Errors
    /// [`SharingError::Withdrawn`] when it ended since.
    pub(super) fn check_still(&self) -> Result<(), SharingError> {
        match self.state()?.records.pop() {
            Some(last) if last.given => Ok(()),
            Some(last) => Err(SharingError::Withdrawn { at: last.at }),
            None => Err(SharingError::NoConsent),
        }
    }

    pub(super) fn state(&self) -> Result<ConsentState, SharingError> {
        let (mut records, mut key, mut previous) = (Vec::new(), None, None);
        for seq in 1..=CONSENTS_MAX {
            let name = file_name(seq);
            let Some(record) = files::read::<Record>(&self.files, &name, RECORD_BYTES_MAX)? else {
                break;
            };
            let wrong = |wrong| self.refused(seq, wrong);
            check(&record).map_err(wrong)?;
            if record.consent.seq != seq || record.consent.previous != previous {
                return Err(wrong("it does not follow the record before"));
            }
            if key.as_ref().is_some_and(|key| *key != record.key) {
                return Err(wrong("another key signed it than the first"));
            }
            previous = Some(FileDigest::of(&files::print(&self.files, &name, &record)?));
            key = Some(record.key);
            records.push(record.consent);
        }
        let in_force = records.last().is_some_and(|last| last.given);
        Ok(ConsentState {
            in_force,
            records,
            key,
        })
    }

    fn refused(&self, seq: u64, wrong: &'static str) -> SharingError {
        SharingError::ConsentRecord {
            seq,
            wrong,
            path: self.files.root().join(file_name(seq)),
        }
    }

    /// Adds a record; says again what holds when nothing changes.
    fn say(&self, country: Option<CountryCode>, at: u64) -> Result<ConsentState, SharingError> {
        let _lock = DirLock::take(self.files.root())?;
        let state = self.state()?;
        let last = state.records.last();
        let given = country.is_some();
        let Some(country) = country.or_else(|| last.map(|last| last.country.clone())) else {
            return Ok(state);
        };
        if last.is_some_and(|last| last.given == given && last.country == country)
            || (!given && !state.in_force)
        {
            return Ok(state);
        }
        let seq = state.records.len() as u64 + 1;
        if seq > CONSENTS_MAX {
            return Err(self.refused(seq, "there are more records than are read"));
        }
        let consent = Consent {
            at,
            country,
            given,
            previous: self.digest(seq - 1)?,
            seq,
            type_: TYPE.to_owned(),
        };
        let key = self.key(seq == 1)?;
        let record = sign(consent, &key, self.files.root())?;
        files::create(&self.files, &file_name(seq), &record)?;
        self.state()
    }

    fn digest(&self, seq: u64) -> Result<Option<FileDigest>, SharingError> {
        if seq == 0 {
            return Ok(None);
        }
        let bytes = self.files.read(&file_name(seq), RECORD_BYTES_MAX)?;
        Ok(Some(FileDigest::of(&bytes)))
    }

    /// The key of this endpoint's consent, made with the first record.
    fn key(&self, may_make: bool) -> Result<SecretKey, SharingError> {
        let path = self.files.root().join(KEY_FILE);
        if may_make && !path.exists() {
            let key = SecretKey::generate(Algorithm::Ed25519)?;
            key.save_new(&path, None)?;
            return Ok(key);
        }
        Ok(SecretKey::load(&path, None)?)
    }
}

fn file_name(seq: u64) -> String {
    format!("{seq}.json")
}

fn message(consent: &Consent, root: &Path) -> Result<Vec<u8>, SharingError> {
    let json = statement::to_canonical(consent).map_err(|error| SharingError::Damaged {
        path: root.to_owned(),
        wrong: error.to_string(),
    })?;
    Ok([DOMAIN.as_bytes(), b"\n", &json, b"\n"].concat())
}

fn sign(consent: Consent, key: &SecretKey, root: &Path) -> Result<Record, SharingError> {
    let signature = key.sign(&message(&consent, root)?);
    Ok(Record {
        consent,
        key: FileDigest::new(tlog::Hash::from_bytes(public(key)?)).to_string(),
        signature: STANDARD.encode(signature),
    })
}

pub(super) fn public(key: &SecretKey) -> Result<[u8; 32], SharingError> {
    let raw = key.public_key().try_into();
    raw.map_err(|_| {
        SharingError::Key(keys::KeyError::NotEd25519 {
            algorithm: key.algorithm(),
        })
    })
}

/// Judges one record by itself: type, country, signature.
fn check(record: &Record) -> Result<(), &'static str> {
    if record.consent.type_ != TYPE {
        return Err("it is of another type");
    }
    if !record.consent.country.is_assigned() {
        return Err("it names no country of ISO 3166-1");
    }
    let key: UploadKey = record.key.parse().map_err(|_| "its key is none")?;
    let raw = STANDARD.decode(&record.signature).unwrap_or_default();
    let signature: [u8; 64] = raw.try_into().map_err(|_| "its signature is none")?;
    let message =
        message(&record.consent, Path::new("consent")).map_err(|_| "it cannot be printed")?;
    key.verify(&message, &signature)
        .map_err(|_| "its signature does not verify")
}

/// Shows every record, without network.
///
/// # Errors
/// [`SharingError::ConsentRecord`] when one of them is not as it must be.
pub fn consent_state(config: &Config) -> Result<ConsentState, SharingError> {
    Consents::open(config)?.state()
}

/// The owner agrees that files of this country are shared. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// [`SharingError::Country`], or the record cannot be written.
pub fn give_consent(
    config: &Config,
    country: &CountryCode,
    now: u64,
) -> Result<ConsentState, SharingError> {
    if !country.is_assigned() {
        let country = country.clone();
        return Err(SharingError::Country { country });
    }
    Consents::open(config)?.say(Some(country.clone()), now)
}

/// The owner does not agree any more. From here on nothing is sealed or sent, also by a process that is at it; the queue is emptied
/// and erasures are demanded by [`super::send()`], which whoever calls this calls next.
///
/// # Errors
/// The record cannot be written.
pub fn withdraw_consent(config: &Config, now: u64) -> Result<ConsentState, SharingError> {
    Consents::open(config)?.say(None, now)
}
