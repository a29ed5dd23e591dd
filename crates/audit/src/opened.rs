//! One entry, taken apart before anybody judges it: what costs time, and depends on nothing but the bytes.
//!
//! A key id is the digest of its key, so a signature that verifies under a key of that id does so whenever
//! and by whomever it is tried. That is why it may be tried ahead, on another core, with the keys known so far.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use statement::{Constitution, Envelope, KeyId, Statement, StatementDigest};
use tlog::{Hash, leaf_hash};

/// Raw keys by their id: of constitutions that count. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Keyring(Arc<RwLock<BTreeMap<KeyId, [u8; 32]>>>);

impl Keyring {
    /// Takes up the Ed25519 keys of a constitution.
    pub fn add(&self, constitution: &Constitution) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (_, key) in constitution.keys() {
            let raw = key
                .raw()
                .ok()
                .and_then(|raw| <[u8; 32]>::try_from(raw).ok());
            if let Some(raw) = raw {
                keys.insert(KeyId::of(&raw), raw);
            }
        }
    }

    fn find(&self, id: KeyId) -> Option<[u8; 32]> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&id).copied()
    }
}

/// An entry that was taken apart.
#[derive(Debug)]
pub struct Opened {
    leaf: Hash,
    form: Result<Form, String>,
}

/// A well-formed entry.
#[derive(Debug)]
struct Form {
    statement: Statement,
    digest: StatementDigest,
    envelope: Envelope,
    /// Whether the signature verifies; `None` as long as no key of that id was known.
    verified: Option<bool>,
}

impl Opened {
    /// Takes an entry apart and tries its signature if the key is known.
    pub fn new(bytes: &[u8], keys: &Keyring) -> Self {
        Self {
            leaf: leaf_hash(bytes),
            form: Form::of(bytes, keys),
        }
    }

    /// Hash of the leaf (RFC 6962).
    pub const fn leaf(&self) -> Hash {
        self.leaf
    }

    /// What it says, if it is a well-formed statement, whoever signed.
    pub fn statement(&self) -> Option<&Statement> {
        self.form.as_ref().ok().map(|form| &form.statement)
    }

    /// Why it is no well-formed statement.
    pub fn malformed(&self) -> Option<&str> {
        self.form.as_ref().err().map(String::as_str)
    }

    /// Digest of its payload.
    pub fn digest(&self) -> Option<StatementDigest> {
        self.form.as_ref().ok().map(|form| form.digest)
    }

    /// The key that claims to have signed.
    pub fn key(&self) -> Option<KeyId> {
        self.form.as_ref().ok().map(|form| form.envelope.key())
    }

    /// Whether the signature is by this raw key, strictly.
    pub fn is_signed_by(&self, raw: &[u8; 32]) -> bool {
        let Ok(form) = &self.form else {
            return false;
        };
        match form.verified {
            Some(verified) if KeyId::of(raw) == form.envelope.key() => verified,
            _ => form.envelope.verify(raw).is_ok(),
        }
    }
}

impl Form {
    fn of(bytes: &[u8], keys: &Keyring) -> Result<Self, String> {
        let envelope = Envelope::parse(bytes).map_err(|error| chain(&error))?;
        let statement = Statement::parse(envelope.payload()).map_err(|error| chain(&error))?;
        let verified = keys
            .find(envelope.key())
            .map(|raw| envelope.verify(&raw).is_ok());
        Ok(Self {
            statement,
            digest: envelope.digest(),
            envelope,
            verified,
        })
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text += &format!(": {next}");
        cause = next.source();
    }
    text
}
