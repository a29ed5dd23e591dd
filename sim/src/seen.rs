//! What outsiders saw: nothing else is known to the checkers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serve::{Carried, CarriedReply};
use tlog::{Checkpoint, Hash, Note, open_checkpoint, parse_cosignatures, verify_cosignature};

use crate::parties;

/// An entry that somebody was told is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) index: u64,
    pub(crate) entry: Vec<u8>,
    /// When, in milliseconds.
    pub(crate) at: u64,
    pub(crate) by: &'static str,
}

/// A tree that somebody signed, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tree {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) place: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Notes>);

/// Everything seen in one run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Notes {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Trees that the log signed, and when each was seen first.
    pub(crate) signed: BTreeMap<Tree, u64>,
    /// Trees that witnesses cosigned, by witness.
    pub(crate) cosigned: Vec<BTreeMap<Tree, u64>>,
    /// Trees that the mirror says it holds.
    pub(crate) mirrored: BTreeMap<Tree, u64>,
    /// What somebody found who checks by himself: a follower, a process that will not start.
    pub(crate) complaints: Vec<String>,
    /// Digests of notes that were looked at.
    known: BTreeSet<Hash>,
}

impl Seen {
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Notes) -> T) -> T {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes
            .cosigned
            .resize(parties::WITNESSES.len(), BTreeMap::new());
        work(&mut notes)
    }

    pub(crate) fn complain(&self, what: String) {
        self.with(|notes| notes.complaints.push(what));
    }

    /// A note with a checkpoint, wherever it comes from: the log's signature counts, and each
    /// cosignature in it.
    pub(crate) fn note(&self, bytes: &[u8], place: &str, at: u64) {
        let digest = tlog::sha256(bytes);
        if !self.with(|notes| notes.known.insert(digest)) {
            return;
        }
        let Ok(opened) = open_checkpoint(bytes, parties::log_vkeys()) else {
            self.complain(format!(
                "{place} shows a checkpoint that the log did not sign"
            ));
            return;
        };
        let checkpoint = opened.into_inner();
        let tree = Tree {
            size: checkpoint.size(),
            root: *checkpoint.root(),
            place: place.to_owned(),
        };
        self.with(|notes| {
            notes.signed.entry(tree).or_insert(at);
        });
        if let Ok(note) = Note::parse(bytes) {
            self.cosignatures(&checkpoint, note.signatures(), place, at);
        }
    }

    fn cosignatures(
        &self,
        checkpoint: &Checkpoint,
        lines: &[tlog::SignatureLine],
        place: &str,
        at: u64,
    ) {
        let tree = || Tree {
            size: checkpoint.size(),
            root: *checkpoint.root(),
            place: place.to_owned(),
        };
        let is_by = |keys: &[tlog::VerifierKey; 2]| {
            keys.iter().any(|key| {
                let mut lines = lines.iter().filter(|line| line.is_by(key));
                lines.any(|line| verify_cosignature(checkpoint, line, key).is_ok())
            })
        };
        for (n, keys) in keys_of_witnesses().iter().enumerate() {
            if is_by(keys) {
                self.with(|notes| {
                    notes.cosigned[n].entry(tree()).or_insert(at);
                });
            }
        }
    }

    /// An answer on its way from a witness or a mirror to whoever asked.
    pub(crate) fn answer(&self, from: &str, request: &Carried, reply: &CarriedReply, at: u64) {
        if reply.status != 200 {
            return;
        }
        if request.url.ends_with("/add-checkpoint") && parties::WITNESSES.contains(&from) {
            let asked = tlog::AddCheckpoint::parse(&request.body);
            let lines = parse_cosignatures(&reply.body);
            let (Ok(asked), Ok(lines)) = (asked, lines) else {
                return;
            };
            if let Ok(opened) = open_checkpoint(&asked.checkpoint, parties::log_vkeys()) {
                self.cosignatures(&opened, &lines, from, at);
            }
        }
    }
}

fn keys_of_witnesses() -> &'static [[tlog::VerifierKey; 2]; 3] {
    static KEYS: std::sync::OnceLock<[[tlog::VerifierKey; 2]; 3]> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| [0, 1, 2].map(parties::witness_vkeys))
}
