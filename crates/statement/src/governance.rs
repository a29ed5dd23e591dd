//! Predicates of the governance stream: who the parties are and what stops them.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tlog::{Hash, Origin};

use crate::{
    ids::{FileDigest, KeyId, PartyId, StatementDigest},
    limits::{LOGS_MAX, PARTIES_MAX, PARTY_KEYS_MAX},
    statement::{audience, predicate},
};

/// The one thing a key is for. A raw key has exactly one role, of one party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Signs constitutions, closures and revocations for its party.
    Governance,
    /// Signs `source`.
    Author,
    /// Signs provenance, `environment` and commitments of the first build.
    Conveyer,
    /// Signs `release`, `publication`, `withdrawal` for the center.
    Center,
    /// Signs approvals, `release`, `withdrawal` for the supervisor.
    Supervisor,
    /// Signs commitments and `rebuild`.
    Rebuilder,
    /// Signs TUF metadata.
    Tuf,
    /// Signs checkpoints of a log.
    Log,
    /// Cosigns checkpoints.
    Witness,
}

/// Signature algorithm of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// RFC 8032, verified strictly.
    Ed25519,
    /// FIPS 204; only logs and witnesses use it.
    #[serde(rename = "ml-dsa-44")]
    MlDsa44,
}

/// A public key of a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyKey {
    /// What it is for.
    pub role: Role,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The raw key in standard base64.
    pub public: String,
    /// POSIX seconds after which entries by it no longer count.
    pub not_after: u64,
}

impl PartyKey {
    /// The raw bytes.
    ///
    /// # Errors
    /// [`RosterError::Key`] when the text is not base64 of the length its algorithm has.
    pub fn raw(&self) -> Result<Vec<u8>, RosterError> {
        let wrong = || RosterError::Key {
            public: self.public.chars().take(80).collect(),
        };
        let raw = STANDARD.decode(&self.public).map_err(|_| wrong())?;
        let length = match self.algorithm {
            Algorithm::Ed25519 => 32,
            Algorithm::MlDsa44 => 1312,
        };
        if raw.len() == length {
            Ok(raw)
        } else {
            Err(wrong())
        }
    }
}

/// A party: somebody with keys, a legal owner and a jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Short id, for example `lab-a`.
    pub id: PartyId,
    /// Name for people.
    pub name: String,
    /// Who owns it; quorums count distinct legal owners.
    pub legal_owner: String,
    /// Where it is (ISO 3166-1 alpha-2).
    pub jurisdiction: String,
    /// Whether it belongs to the vendor.
    pub vendor: bool,
    /// Its keys.
    pub keys: Vec<PartyKey>,
}

/// A log of the constitution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// C2SP origin, which is also the key name.
    #[serde(with = "audience::one")]
    pub origin: Origin,
    /// Who runs it.
    pub party: PartyId,
}

/// What no policy may go under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// Identical rebuilds by distinct legal owners, none the vendor, before a release.
    pub rebuilds_min: u64,
    /// Parties with distinct legal owners that must sign a change, at most one of them the vendor.
    pub governance_min: u64,
    /// How long a change that adds trust waits in public, in seconds.
    pub change_delay_seconds: u64,
}

predicate! {
    /// `constitution`: the root of all trust. Its digest is the only anchor.
    pub struct Constitution {
        /// From 1, consecutive.
        version: u64,
        /// Digest of the one before; none for the first.
        previous: Option<StatementDigest>,
        /// Who is party to it.
        parties: Vec<Party>,
        /// Its logs.
        logs: Vec<LogEntry>,
        /// C2SP tlog-policy: log keys, witnesses and their quorum.
        tlog_policy: String,
        /// SHA-256 of the TUF `root.json` that counts.
        tuf_root: FileDigest,
        /// What no policy may go under.
        floors: Floors,
    }
}

/// A checkpoint by content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointRef {
    /// Number of entries.
    pub size: u64,
    /// Merkle root in lower-case hex.
    pub root: FileDigest,
}

predicate! {
    /// `activation`: a change has waited long enough between two archived checkpoints.
    pub struct Activation {
        /// The constitution that takes force.
        constitution: StatementDigest,
        /// Contains the last signature that was needed.
        signed_by: CheckpointRef,
        /// Not above this entry, and at least the delay later.
        waited_until: CheckpointRef,
    }
}

predicate! {
    /// `closure`: an adverse statement is settled.
    pub struct Closure {
        /// The adverse statement.
        closes: StatementDigest,
        /// Why.
        reason: String,
    }
}

predicate! {
    /// `halt`: nothing is signed for this product until it is closed.
    pub struct Halt {
        /// The product, or none for everything.
        product: Option<String>,
        /// Why.
        reason: String,
    }
}

/// From which entry of a log a key is suspect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspectFrom {
    /// The log.
    #[serde(with = "audience::one")]
    pub origin: Origin,
    /// First index that turns amber.
    pub index: u64,
}

predicate! {
    /// `revocation`: entries by this key no longer count after this one.
    pub struct Revocation {
        /// The key.
        key: KeyId,
        /// Since when it may have been misused, per log.
        suspect_from: Vec<SuspectFrom>,
        /// Why.
        reason: String,
    }
}

predicate! {
    /// `heartbeat`: I am here and saw nothing that is not logged.
    pub struct Heartbeat {
        /// What is reported, for people.
        note: String,
    }
}

predicate! {
    /// `anchor`: the checkpoint of another log, kept here too.
    pub struct Anchor {
        /// The other log.
        #[serde(with = "audience::one")]
        origin: Origin,
        /// Its checkpoint.
        checkpoint: CheckpointRef,
        /// The witnessed note, word for word.
        note: String,
    }
}

/// Why a constitution is refused by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// A count is zero or above its limit.
    #[error("constitution field `{field}` has {count} items; from 1 to {max} are allowed")]
    Count {
        /// Field.
        field: &'static str,
        /// Items found.
        count: usize,
        /// Limit.
        max: usize,
    },
    /// Two parties with one id.
    #[error("constitution field `parties` names `{party}` twice")]
    PartyTwice {
        /// The id.
        party: PartyId,
    },
    /// Not a key.
    #[error(
        "constitution field `keys.public`: `{public}` is not base64 of a key of that algorithm"
    )]
    Key {
        /// What was found.
        public: String,
    },
    /// Only logs and witnesses use ML-DSA-44.
    #[error("constitution: key {key} of `{party}` with role {role:?} must be Ed25519")]
    Algorithm {
        /// The key.
        key: KeyId,
        /// Whose.
        party: PartyId,
        /// Its role.
        role: Role,
    },
    /// One raw key appears twice: under two parties, roles or ids.
    #[error(
        "constitution: raw key {key} stands twice (second time at party `{party}`); every key has one party and one role"
    )]
    KeyTwice {
        /// The key.
        key: KeyId,
        /// Where it stood again.
        party: PartyId,
    },
    /// A log of nobody, or the same origin twice.
    #[error(
        "constitution field `logs`: `{origin}` is named twice or run by a party that is not listed"
    )]
    Log {
        /// The origin.
        origin: Origin,
    },
    /// The witness policy does not parse.
    #[error("constitution field `tlog_policy` is not a tlog-policy")]
    Policy(#[source] tlog::PolicyError),
    /// Quorums compare legal owners as texts, so each is written one way.
    #[error(
        "constitution field `legal_owner` of `{party}` is `{value}`; write a name without spaces around it"
    )]
    LegalOwner {
        /// Whose.
        party: PartyId,
        /// What was found.
        value: String,
    },
    /// The policy would take checkpoints that nobody witnessed.
    #[error("constitution field `tlog_policy` says `quorum none`; name a quorum of witnesses")]
    NoWitnesses,
    /// The policy names a log or witness key that no party holds in that role.
    #[error("constitution field `tlog_policy`: key `{vkey}` is no log or witness key of any party")]
    PolicyKey {
        /// The key.
        vkey: String,
    },
    /// A floor that would mean nothing.
    #[error("constitution field `floors.{field}` is {value}; it must be at least {min}")]
    Floor {
        /// Field.
        field: &'static str,
        /// Found.
        value: u64,
        /// Least.
        min: u64,
    },
}

impl Constitution {
    /// Checks what can be checked without any other statement, and parses the witness policy.
    ///
    /// # Errors
    /// [`RosterError`] naming field and value.
    pub fn check_roster(&self) -> Result<tlog::Policy, RosterError> {
        count("parties", self.parties.len(), PARTIES_MAX)?;
        count("logs", self.logs.len(), LOGS_MAX)?;
        let mut ids = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for party in &self.parties {
            count("keys", party.keys.len(), PARTY_KEYS_MAX)?;
            check_legal_owner(party)?;
            if !ids.insert(&party.id) {
                return Err(RosterError::PartyTwice {
                    party: party.id.clone(),
                });
            }
            party
                .keys
                .iter()
                .try_for_each(|key| check_key(party, key, &mut keys))?;
        }
        let mut origins = BTreeSet::new();
        for log in &self.logs {
            if !origins.insert(&log.origin) || !ids.contains(&log.party) {
                return Err(RosterError::Log {
                    origin: log.origin.clone(),
                });
            }
        }
        floor("rebuilds_min", self.floors.rebuilds_min, 1)?;
        floor("governance_min", self.floors.governance_min, 2)?;
        self.check_policy_keys()
    }

    fn check_policy_keys(&self) -> Result<tlog::Policy, RosterError> {
        let policy = tlog::Policy::parse(&self.tlog_policy).map_err(RosterError::Policy)?;
        if policy.quorum().is_none() {
            return Err(RosterError::NoWitnesses);
        }
        let known = |raw: &[u8], role: Role| {
            self.keys()
                .any(|(_, key)| key.role == role && key.raw().is_ok_and(|held| held == raw))
        };
        for log in policy.logs() {
            if !known(log.vkey().public_key(), Role::Log) {
                return Err(RosterError::PolicyKey {
                    vkey: log.vkey().to_string(),
                });
            }
        }
        for witness in policy.witnesses() {
            if !known(witness.vkey().public_key(), Role::Witness) {
                return Err(RosterError::PolicyKey {
                    vkey: witness.vkey().to_string(),
                });
            }
        }
        Ok(policy)
    }

    /// Every key with its party.
    pub fn keys(&self) -> impl Iterator<Item = (&Party, &PartyKey)> {
        self.parties
            .iter()
            .flat_map(|party| party.keys.iter().map(move |key| (party, key)))
    }

    /// The key with this id, if it is on the roster.
    pub fn find_key(&self, id: KeyId) -> Option<(&Party, &PartyKey)> {
        self.keys()
            .find(|(_, key)| key.raw().is_ok_and(|raw| KeyId::of(&raw) == id))
    }

    /// The party with this id.
    pub fn find_party(&self, id: &PartyId) -> Option<&Party> {
        self.parties.iter().find(|party| party.id == *id)
    }
}

fn count(field: &'static str, count: usize, max: usize) -> Result<(), RosterError> {
    if (1..=max).contains(&count) {
        Ok(())
    } else {
        Err(RosterError::Count { field, count, max })
    }
}

fn floor(field: &'static str, value: u64, min: u64) -> Result<(), RosterError> {
    if value >= min {
        Ok(())
    } else {
        Err(RosterError::Floor { field, value, min })
    }
}

fn check_legal_owner(party: &Party) -> Result<(), RosterError> {
    let owner = &party.legal_owner;
    let one_way = !owner.is_empty()
        && !owner.starts_with(char::is_whitespace)
        && !owner.ends_with(char::is_whitespace)
        && !owner.contains("  ")
        && !owner.chars().any(char::is_control);
    if one_way {
        return Ok(());
    }
    let value = owner.chars().take(80).collect();
    Err(RosterError::LegalOwner {
        party: party.id.clone(),
        value,
    })
}

fn check_key(party: &Party, key: &PartyKey, seen: &mut BTreeSet<Hash>) -> Result<(), RosterError> {
    let raw = key.raw()?;
    let id = KeyId::of(&raw);
    let may_be_other = matches!(key.role, Role::Log | Role::Witness);
    if key.algorithm != Algorithm::Ed25519 && !may_be_other {
        return Err(RosterError::Algorithm {
            key: id,
            party: party.id.clone(),
            role: key.role,
        });
    }
    if seen.insert(*id.hash()) {
        Ok(())
    } else {
        Err(RosterError::KeyTwice {
            key: id,
            party: party.id.clone(),
        })
    }
}
