//! A history written down: every entry, checkpoint and question, and what both said.
//!
//! It can be told again to one of the two alone, without signing and reading everything anew. That is how the mutants of
//! `cargo xtask long mutants compare` are looked for: the mutated side hears the script, and is compared with what the
//! other side said when it was written down.

use std::cell::RefCell;
use std::collections::BTreeMap;

use audit::judge::{Delivery, Line, Parts, Refused, Ruling};
use audit::{Keyring, Opened};
use law::{Bundle, Fed, Refusal};
use statement::{FileDigest, KeyId, Predicate, StatementDigest};
use tlog::{Checkpoint, Witnessed};

use crate::both::is_same;
use crate::question::Question;
use crate::state::State;

/// Which digest counts, or the code of why nothing does.
pub(crate) type Entered = Result<StatementDigest, &'static str>;
/// Granted, or the code.
pub(crate) type Answer = Result<(), &'static str>;

pub(crate) enum Event {
    Entry {
        there: bool,
        index: u64,
        bytes: Vec<u8>,
        read: Option<Box<law::Opened>>,
        opened: Box<Opened>,
        law: Entered,
        audit: Entered,
    },
    Publish {
        there: bool,
        note: Vec<u8>,
        witnessed: Witnessed<Checkpoint>,
    },
    State(Box<[State; 2]>),
    Bad {
        note: Vec<u8>,
        bundle: Box<Bundle>,
        law: Answer,
        audit: Answer,
    },
    Ask {
        question: Question,
        size: u64,
        law: Answer,
        audit: Answer,
    },
    AskBeside {
        question: Question,
        size: u64,
        is_read: bool,
        law: Answer,
        audit: Answer,
    },
    Again,
    Install(Box<Installed>),
}

/// What an endpoint is given, and what both say to it.
pub(crate) struct Installed {
    pub(crate) bundle: Bundle,
    pub(crate) line: Line,
    pub(crate) release: StatementDigest,
    pub(crate) artifact: FileDigest,
    pub(crate) artifact_bytes: u64,
    pub(crate) parts: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) role: &'static str,
    pub(crate) metadata: Vec<u8>,
    pub(crate) installed: Option<u64>,
    pub(crate) rebuilds_min: u64,
    pub(crate) evidence_age_max_seconds: u64,
    pub(crate) now: u64,
    pub(crate) law: Answer,
    pub(crate) audit: Answer,
}

impl Installed {
    pub(crate) fn delivery(&self) -> Delivery<'_> {
        let parts = self.parts.as_ref().map(|(artifact, signature)| Parts {
            artifact,
            signature,
        });
        Delivery {
            line: &self.line,
            release: self.release,
            artifact: self.artifact,
            artifact_bytes: self.artifact_bytes,
            parts,
            role: self.role,
            metadata: &self.metadata,
            installed: self.installed,
            rebuilds_min: self.rebuilds_min,
            evidence_age_max_seconds: self.evidence_age_max_seconds,
            now: self.now,
        }
    }
}

pub(crate) struct Script {
    pub(crate) anchor: StatementDigest,
    pub(crate) events: Vec<Event>,
}

/// Writes down what this thread tells.
struct Writer {
    keyring: Keyring,
    raw: BTreeMap<KeyId, [u8; 32]>,
    anchor: Option<StatementDigest>,
    events: Vec<Event>,
}

thread_local! {
    static WRITER: RefCell<Option<Writer>> = const { RefCell::new(None) };
}

/// The script of what is told meanwhile.
pub(crate) fn written(tell: impl FnOnce()) -> Script {
    let writer = Writer {
        keyring: Keyring::default(),
        raw: BTreeMap::new(),
        anchor: None,
        events: Vec::new(),
    };
    WRITER.set(Some(writer));
    tell();
    let writer = WRITER.take().unwrap();
    Script {
        anchor: writer.anchor.unwrap(),
        events: writer.events,
    }
}

pub(crate) fn begin(anchor: StatementDigest) {
    WRITER.with_borrow_mut(|writer| {
        if let Some(writer) = writer {
            writer.anchor = Some(anchor);
        }
    });
}

/// Writes an event down, if somebody wants a script.
pub(crate) fn note(event: impl FnOnce() -> Event) {
    WRITER.with_borrow_mut(|writer| {
        if let Some(writer) = writer {
            writer.events.push(event());
        }
    });
}

pub(crate) fn note_entry((there, index): (bool, u64), entry: &[u8], law: &Fed, audit: &Ruling) {
    WRITER.with_borrow_mut(|writer| {
        let Some(writer) = writer else {
            return;
        };
        let mut read = law::Opened::read(entry).ok().map(Box::new);
        if let Some(read) = &mut read {
            if let Predicate::Constitution(constitution) = &read.statement().predicate {
                writer.keyring.add(constitution);
                for (_, key) in constitution.keys() {
                    if let Some(raw) = key
                        .raw()
                        .ok()
                        .and_then(|raw| <[u8; 32]>::try_from(raw).ok())
                    {
                        writer.raw.insert(KeyId::of(&raw), raw);
                    }
                }
            }
            if let Some(raw) = writer.raw.get(&read.key()) {
                read.verify(raw);
            }
        }
        let opened = Box::new(Opened::new(entry, &writer.keyring));
        writer.events.push(Event::Entry {
            there,
            index,
            bytes: entry.to_vec(),
            read,
            opened,
            law: by_law(law),
            audit: by_audit(audit),
        });
    });
}

pub(crate) fn by_law(fed: &Fed) -> Entered {
    match fed {
        Fed::Counts(digest) => Ok(*digest),
        Fed::Ignored(refusal) => Err(refusal.code().as_str()),
    }
}

pub(crate) fn by_audit(ruling: &Ruling) -> Entered {
    match ruling {
        Ruling::Counts { digest, .. } => Ok(*digest),
        Ruling::Ignored { code, .. } => Err(*code),
    }
}

pub(crate) fn law_code(said: &Result<(), Refusal>) -> Answer {
    said.as_ref()
        .copied()
        .map_err(|refusal| refusal.code().as_str())
}

pub(crate) fn audit_code(said: &Result<(), Refused>) -> Answer {
    said.as_ref().copied().map_err(|refused| refused.code)
}

/// Whether two answers are the same, as far as both keep what the reason needs.
pub(crate) fn agree(law: Answer, audit: Answer) -> bool {
    match (law, audit) {
        (Ok(()), Ok(())) => true,
        (Err(law), Err(audit)) => is_same(law, audit),
        _ => false,
    }
}

pub(crate) fn agree_on_entry(there: bool, law: Entered, audit: Entered) -> bool {
    match there {
        true => law.is_ok() == audit.is_ok(),
        false => law == audit,
    }
}
