//! From bytes to things that may be believed. The types here have private fields: only the
//! functions of this file make them, so a forgotten check does not compile.

use std::collections::BTreeMap;
use std::ops::Deref;

use crate::checkpoint::Checkpoint;
use crate::cosignature::{verify_cosignature, verify_timestamped};
use crate::errors::{NoteError, PolicyError};
use crate::hash::Hash;
use crate::key::{KeyName, KeyType, VerifierKey};
use crate::note::{Note, SignatureLine};
use crate::policy::{Policy, PolicyName};

/// Something a log signed. It may still show different things to different people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    note: Vec<u8>,
}

impl<T> Verified<T> {
    /// The exact bytes that were verified.
    pub fn note(&self) -> &[u8] {
        &self.note
    }

    /// Gives up the guarantee.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Something a log signed and a quorum of witnesses cosigned: everybody is shown the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed<T> {
    verified: Verified<T>,
    cosigners: Vec<(KeyName, u64)>,
    median_time: u64,
}

impl<T> Witnessed<T> {
    /// The distinct witnesses through which the quorum was met, by key name, with the time each
    /// stated (POSIX seconds). Of a witness with two keys, the earlier time counts.
    pub fn cosigners(&self) -> &[(KeyName, u64)] {
        &self.cosigners
    }

    /// Median of the cosigners' times in POSIX seconds. Of an even number, the lower middle one:
    /// a time that a witness stated, and the older of the two.
    pub fn median_time(&self) -> u64 {
        self.median_time
    }

    /// The exact bytes that were verified.
    pub fn note(&self) -> &[u8] {
        self.verified.note()
    }

    /// The same thing with the weaker guarantee.
    pub fn as_verified(&self) -> &Verified<T> {
        &self.verified
    }
}

impl<T> Deref for Witnessed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.verified.value
    }
}

/// Opens a checkpoint signed by a log.
///
/// Lines by unknown keys are ignored. A line by one of `log_keys` must verify, or the whole note is
/// refused. At least one key whose name is the checkpoint's origin must have signed.
///
/// # Errors
/// [`NoteError`]; [`NoteError::NoTrustedSignature`] if only unknown keys signed.
pub fn open_checkpoint(
    note: &[u8],
    log_keys: &[VerifierKey],
) -> Result<Verified<Checkpoint>, NoteError> {
    let (parsed, checkpoint) = parse_checkpoint_note(note)?;
    let mut trusted = false;
    for key in log_keys {
        if let Some(line) = parsed.line_by(key)? {
            verify_log_line(&parsed, &checkpoint, line, key)?;
            trusted |= checkpoint.origin().is_named(key.name());
        }
    }
    if !trusted {
        let origin = checkpoint.origin().to_string();
        return Err(NoteError::NoTrustedSignature { origin });
    }
    Ok(Verified {
        value: checkpoint,
        note: note.to_vec(),
    })
}

/// Opens a checkpoint that a policy's log signed and a policy's quorum cosigned.
///
/// Every key that the policy lists for the origin must have signed. A known key of any log or
/// witness of the policy whose line fails refuses the whole note.
///
/// # Errors
/// [`PolicyError`]; under `quorum none` nothing is ever witnessed.
pub fn open_witnessed(note: &[u8], policy: &Policy) -> Result<Witnessed<Checkpoint>, PolicyError> {
    let Some(quorum) = policy.quorum() else {
        return Err(PolicyError::QuorumNone);
    };
    let (parsed, checkpoint) = parse_checkpoint_note(note).map_err(PolicyError::Note)?;
    if checkpoint.size() == 0 && *checkpoint.root() != Hash::EMPTY_ROOT {
        let origin = checkpoint.origin().to_string();
        return Err(PolicyError::Note(NoteError::EmptyRoot { origin }));
    }
    verify_policy_logs(&parsed, &checkpoint, policy)?;
    let times = verify_policy_witnesses(&parsed, &checkpoint, policy)?;
    let cosigned = times.keys().cloned().collect();
    let Some(contributors) = policy.contributors(&cosigned) else {
        let present: Vec<&str> = cosigned.iter().map(|name| name.as_str()).collect();
        return Err(PolicyError::QuorumNotMet {
            quorum: quorum.to_string(),
            present: if present.is_empty() {
                "none".to_owned()
            } else {
                present.join(", ")
            },
        });
    };
    let mut by_name: BTreeMap<&KeyName, u64> = BTreeMap::new();
    for witness in policy
        .witnesses()
        .iter()
        .filter(|w| contributors.contains(w.name()))
    {
        let time = times[witness.name()];
        by_name
            .entry(witness.vkey().name())
            .and_modify(|t| *t = time.min(*t))
            .or_insert(time);
    }
    let cosigners: Vec<_> = by_name
        .into_iter()
        .map(|(name, time)| (name.clone(), time))
        .collect();
    let mut sorted: Vec<u64> = cosigners.iter().map(|(_, time)| *time).collect();
    sorted.sort_unstable();
    let median_time = sorted[(sorted.len() - 1) / 2];
    let verified = Verified {
        value: checkpoint,
        note: note.to_vec(),
    };
    Ok(Witnessed {
        verified,
        cosigners,
        median_time,
    })
}

/// Every key of the origin must have signed; keys of other logs must not have failed.
fn verify_policy_logs(
    note: &Note,
    checkpoint: &Checkpoint,
    policy: &Policy,
) -> Result<(), PolicyError> {
    let mut known = false;
    for key in policy.logs().iter().map(|log| log.vkey()) {
        let required = checkpoint.origin().is_named(key.name());
        known |= required;
        match note.line_by(key).map_err(PolicyError::Note)? {
            Some(line) => {
                verify_log_line(note, checkpoint, line, key).map_err(PolicyError::Note)?;
            }
            None if required => {
                return Err(PolicyError::LogSignatureMissing {
                    name: key.name().clone(),
                    id: key.id(),
                    key_type: key.key_type(),
                });
            }
            None => {}
        }
    }
    if !known {
        return Err(PolicyError::UnknownOrigin {
            origin: checkpoint.origin().to_string(),
        });
    }
    Ok(())
}

/// The `witness` lines that cosigned, with their times.
fn verify_policy_witnesses(
    note: &Note,
    checkpoint: &Checkpoint,
    policy: &Policy,
) -> Result<BTreeMap<PolicyName, u64>, PolicyError> {
    let mut times = BTreeMap::new();
    for witness in policy.witnesses() {
        if let Some(line) = note.line_by(witness.vkey()).map_err(PolicyError::Note)? {
            let time =
                verify_cosignature(checkpoint, line, witness.vkey()).map_err(PolicyError::Note)?;
            times.insert(witness.name().clone(), time);
        }
    }
    Ok(times)
}

fn parse_checkpoint_note(note: &[u8]) -> Result<(Note, Checkpoint), NoteError> {
    let note = Note::parse(note).map_err(NoteError::Parse)?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(NoteError::Parse)?;
    Ok((note, checkpoint))
}

/// A log signs with Ed25519 over the note text, or with an ML-DSA-44 cosignature.
fn verify_log_line(
    note: &Note,
    checkpoint: &Checkpoint,
    line: &SignatureLine,
    key: &VerifierKey,
) -> Result<(), NoteError> {
    match key.key_type() {
        KeyType::Ed25519 if key.is_raw_signature(note.text().as_bytes(), line.signature()) => {
            Ok(())
        }
        KeyType::Ed25519 => Err(NoteError::BadSignature {
            name: key.name().clone(),
            id: key.id(),
        }),
        KeyType::CosignatureMlDsa44 => verify_timestamped(checkpoint, line, key).map(drop),
        KeyType::CosignatureEd25519 => Err(NoteError::KeyType {
            name: key.name().clone(),
            found: key.key_type(),
            purpose: "a log's signature",
        }),
    }
}
