//! What the shell remembers of counted statements, to compare logs, files and blobs with them later.

use std::collections::BTreeSet;

use statement::{FileDigest, KeyId, Predicate, StatementDigest};
use tlog::{Hash, Origin, Policy};

use crate::limits::ANCHORS_MAX;
use crate::opened::Opened;
use crate::read_log::Claimed;

/// A statement that must stand in other logs too.
#[derive(Debug, Clone)]
pub(crate) struct Governance {
    pub(crate) digest: StatementDigest,
    pub(crate) key: KeyId,
    pub(crate) kind: &'static str,
    pub(crate) entry: u64,
    /// Latest time at which it was included, once a checkpoint has it.
    pub(crate) by: Option<u64>,
    /// The logs it is meant for; none means all.
    pub(crate) only: Option<Vec<Origin>>,
}

/// A checkpoint of another log, as an entry of this one keeps it.
#[derive(Debug, Clone)]
pub(crate) struct KeptCheckpoint {
    pub(crate) entry: u64,
    pub(crate) origin: Origin,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// Whether the note it carries says the same and is witnessed; else why not.
    pub(crate) note: Result<(), String>,
}

/// A public blob that a counted statement names for the first time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owed {
    pub(crate) entry: u64,
    pub(crate) sha256: FileDigest,
    pub(crate) bytes: u64,
}

/// Facts of one log.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) governance: Vec<Governance>,
    pub(crate) kept: Vec<KeptCheckpoint>,
    /// Kept checkpoints beyond what is remembered.
    pub(crate) kept_forgotten: u64,
    pub(crate) withdrawals: Vec<(u64, StatementDigest)>,
    /// Witness policies of every constitution that counts.
    pub(crate) policies: Vec<Policy>,
    /// Logs that those constitutions name.
    pub(crate) logs: BTreeSet<String>,
    owed: BTreeSet<FileDigest>,
    /// How many statements of governance have a time already.
    timed: usize,
}

impl Facts {
    /// Takes up a counted entry; returns the public blobs that it is the first to name.
    pub(crate) fn add(&mut self, entry: u64, opened: &Opened) -> Vec<Owed> {
        let (Some(statement), Some(digest), Some(key)) =
            (opened.statement(), opened.digest(), opened.key())
        else {
            return Vec::new();
        };
        let predicate = &statement.predicate;
        let mut govern = |only: Option<Vec<Origin>>| {
            self.governance.push(Governance {
                digest,
                key,
                kind: predicate.short_name(),
                entry,
                by: None,
                only,
            });
        };
        match predicate {
            Predicate::Constitution(constitution) => {
                govern(None);
                let origins = constitution.logs.iter().map(|log| log.origin.to_string());
                self.logs.extend(origins);
                if let Ok(policy) = constitution.check_roster()
                    && !self.policies.contains(&policy)
                {
                    self.policies.push(policy);
                }
            }
            Predicate::Halt(_) | Predicate::Revocation(_) => govern(None),
            Predicate::Closure(closure) => govern(Some(closure.audience.clone())),
            Predicate::Anchor(anchor) => self.keep(entry, anchor),
            Predicate::Withdrawal(_) => self.withdrawals.push((entry, digest)),
            _ => {}
        }
        let public = predicate.blobs().iter().filter(|blob| blob.public);
        public
            .filter(|blob| self.owed.insert(blob.sha256))
            .map(|blob| Owed {
                entry,
                sha256: blob.sha256,
                bytes: blob.bytes,
            })
            .collect()
    }

    /// Everything so far is in a checkpoint of this median time.
    pub(crate) fn witnessed(&mut self, time: u64) {
        for fact in &mut self.governance[self.timed..] {
            fact.by = Some(time);
        }
        self.timed = self.governance.len();
    }

    /// Public blobs named so far.
    pub(crate) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Whether a note is signed by its log and witnessed under one of the policies that counted.
    pub(crate) fn open(&self, note: &[u8]) -> Result<(), String> {
        let mut why = "no constitution counts".to_owned();
        for policy in self.policies.iter().rev() {
            match tlog::open_witnessed(note, policy) {
                Ok(_) => return Ok(()),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    fn keep(&mut self, entry: u64, anchor: &statement::Anchor) {
        if self.kept.len() >= ANCHORS_MAX {
            self.kept_forgotten += 1;
            return;
        }
        let root = *anchor.checkpoint.root.hash();
        let note = Claimed::parse(anchor.note.clone().into_bytes())
            .map_err(|error| error.to_string())
            .and_then(|claimed| {
                let said = &claimed.checkpoint;
                let same = *said.origin() == anchor.origin
                    && said.size() == anchor.checkpoint.size
                    && *said.root() == root;
                if same {
                    self.open(&claimed.note)
                } else {
                    Err("the note is of another checkpoint".to_owned())
                }
            });
        self.kept.push(KeptCheckpoint {
            entry,
            origin: anchor.origin.clone(),
            size: anchor.checkpoint.size,
            root,
            note,
        });
    }
}
