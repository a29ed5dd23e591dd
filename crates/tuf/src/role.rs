//! Who may sign a role, and whether enough of them did (spec section 5, threshold).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::TufError;
use crate::key::{Key, KeyId};
use crate::signed::{Metadata, Signed, signing_bytes};

/// The keys of a role and how many of them must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleKeys {
    keyids: Vec<KeyId>,
    threshold: u32,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

impl RoleKeys {
    /// The role of these keys.
    pub fn new(keys: &[Key], threshold: u32) -> Self {
        let keyids = keys.iter().map(Key::id).collect();
        RoleKeys {
            keyids,
            threshold,
            extra: BTreeMap::new(),
        }
    }

    /// The ids, in the order of the file.
    pub fn keyids(&self) -> &[KeyId] {
        &self.keyids
    }

    /// How many distinct keys must sign.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }
}

/// What one role needs, resolved: the keys themselves and the threshold.
#[derive(Clone, Debug)]
pub struct Authority {
    role: String,
    keys: BTreeMap<KeyId, Key>,
    threshold: u32,
}

impl Authority {
    /// Resolves key ids; refuses repeated or unknown ids and thresholds that cannot be met.
    pub(crate) fn new(
        role: &str,
        keyids: &[KeyId],
        threshold: u32,
        known: &BTreeMap<KeyId, Key>,
    ) -> Result<Self, TufError> {
        let mut keys = BTreeMap::new();
        for key_id in keyids {
            let key = known.get(key_id).ok_or_else(|| TufError::UnknownKeyId {
                role: role.to_owned(),
                key_id: key_id.clone(),
            })?;
            if keys.insert(key_id.clone(), key.clone()).is_some() {
                return Err(TufError::DuplicateKeyId {
                    role: role.to_owned(),
                    key_id: key_id.clone(),
                });
            }
        }
        if threshold == 0 || threshold as usize > keys.len() {
            return Err(TufError::Threshold {
                role: role.to_owned(),
                threshold,
                keys: keys.len(),
            });
        }
        Ok(Authority {
            role: role.to_owned(),
            keys,
            threshold,
        })
    }

    /// The role's name.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// How many distinct keys must sign.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// The keys that may sign.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// Verifies the signatures of a file already parsed.
    ///
    /// Signatures of other keys are left out of account (a new root carries the old root's keys
    /// too). A signature of a key of this role that does not verify refuses the whole file.
    pub fn verify<T: Metadata>(&self, file: &Signed<T>) -> Result<VerifiedSigners, TufError> {
        let found = self.verify_some(file)?;
        // Ids are unique, and `check_keys` refuses one key under two of them. Raw keys are
        // counted all the same, because this number is the whole point.
        let distinct = found
            .keys
            .values()
            .map(Key::raw)
            .collect::<BTreeSet<_>>()
            .len();
        if distinct < self.threshold as usize {
            return Err(TufError::ThresholdNotMet {
                role: self.role.clone(),
                found: distinct,
                threshold: self.threshold,
            });
        }
        Ok(VerifiedSigners { keys: found.keys })
    }

    /// The keys of this role that signed so far, for a file still on its way to the threshold.
    pub fn verify_some<T: Metadata>(&self, file: &Signed<T>) -> Result<PartialSigners, TufError> {
        let message = signing_bytes(file.signed())?;
        let mut keys = BTreeMap::new();
        for signature in file.signatures() {
            let Some(key) = self.keys.get(signature.key_id()) else {
                continue;
            };
            if !key.verifies(&message, signature.bytes()) {
                return Err(TufError::BadSignature {
                    role: self.role.clone(),
                    key_id: signature.key_id().clone(),
                });
            }
            keys.insert(signature.key_id().clone(), key.clone());
        }
        Ok(PartialSigners { keys })
    }
}

/// Keys whose signatures verified, *not* known to be enough.
#[derive(Clone, Debug)]
pub struct PartialSigners {
    keys: BTreeMap<KeyId, Key>,
}

impl PartialSigners {
    /// The keys that signed.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }
}

/// Proof that a role's threshold was met. Only [`Authority::verify`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedSigners {
    keys: BTreeMap<KeyId, Key>,
}

impl VerifiedSigners {
    /// The distinct keys that signed, at least as many as the threshold.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// Their ids.
    pub fn key_ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }
}

/// Parses a file and verifies that its role's threshold was met.
pub fn verify_role<T: Metadata>(
    authority: &Authority,
    bytes: &[u8],
) -> Result<(Signed<T>, VerifiedSigners), TufError> {
    let file = Signed::parse(bytes)?;
    let signers = authority.verify(&file)?;
    Ok((file, signers))
}
