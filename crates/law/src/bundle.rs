//! A bundle: one cosigned checkpoint and some entries with inclusion paths (`spec/bundle.md`).
//!
//! ```text
//! {"archived":["<signed note>",...],"checkpoint":"<signed note>","entries":[{"entry":"<base64>","index":7,"path":["<base64>",...]},...],
//!  "type":"https://spec.limpid.example/bundle/v1"}                      (RFC 8785, ascending index)
//! ```
//!
//! `archived` are older checkpoints of the same log, ascending: those that an `activation` among the entries names, and those that
//! show of an entry that it stood before its `not_after`;
//! mostly there are none. The constitution chain is among the entries, so an anchor is all that a stranger needs.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use statement::{CanonicalError, StatementDigest, from_canonical, to_canonical};
use tlog::{
    Checkpoint, Hash, Origin, TlogProof, Witnessed, leaf_hash, open_witnessed, verify_inclusion,
};

use crate::{
    in_force::{InForce, View},
    logged::Logged,
    opening::chain,
    refusal::{Code, Refusal},
    settled::Settled,
};

/// Longest bundle that is read.
pub const BUNDLE_BYTES_MAX: usize = 16 << 20;
/// Most entries of a bundle.
pub const BUNDLE_ENTRIES_MAX: usize = 1024;

const TYPE: &str = "https://spec.limpid.example/bundle/v1";

/// Why bytes are not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Too long.
    #[error("the bundle has {bytes} bytes; at most {BUNDLE_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not canonical JSON of the right shape.
    #[error("the bundle is not well formed")]
    Form(#[from] CanonicalError),
    /// A fixed or encoded field is wrong.
    #[error("bundle field `{field}` of entry {at} is wrong: `{value}`")]
    Field {
        /// Field.
        field: &'static str,
        /// Which entry, from 0.
        at: usize,
        /// What was found, cut to 80 characters.
        value: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEntry {
    entry: String,
    index: u64,
    path: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    archived: Vec<String>,
    checkpoint: String,
    entries: Vec<WireEntry>,
    #[serde(rename = "type")]
    type_: String,
}

/// One entry with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleEntry {
    /// The logged bytes.
    pub entry: Vec<u8>,
    /// Position in the log.
    pub index: u64,
    /// RFC 6962 inclusion path, leaf to root.
    pub path: Vec<Hash>,
}

/// A well-formed bundle; nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Older checkpoints, as signed notes, ascending: activations name them, or entries stood in time by them.
    pub archived: Vec<Vec<u8>>,
    /// The cosigned checkpoint as a signed note.
    pub checkpoint: Vec<u8>,
    /// Entries in ascending order of index.
    pub entries: Vec<BundleEntry>,
}

impl Bundle {
    /// Parses the one accepted spelling.
    ///
    /// # Errors
    /// [`BundleError`] naming the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLong { bytes: bytes.len() });
        }
        let wire: Wire = from_canonical(bytes)?;
        let wrong = |field, at, value: &str| BundleError::Field {
            field,
            at,
            value: value.chars().take(80).collect(),
        };
        if wire.type_ != TYPE {
            return Err(wrong("type", 0, &wire.type_));
        }
        if wire.entries.len() > BUNDLE_ENTRIES_MAX {
            return Err(wrong(
                "entries",
                BUNDLE_ENTRIES_MAX,
                &wire.entries.len().to_string(),
            ));
        }
        let claims = wire
            .archived
            .iter()
            .map(|note| claimed_size(note.as_bytes()));
        let claims: Vec<_> = claims.collect();
        if let Some(at) = claims.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(wrong("archived", at + 1, &claims[at + 1].to_string()));
        }
        let newest = claimed_size(wire.checkpoint.as_bytes());
        if let Some(at) = claims.iter().position(|size| *size >= newest) {
            return Err(wrong("archived", at, &claims[at].to_string()));
        }
        let mut entries: Vec<BundleEntry> = Vec::with_capacity(wire.entries.len());
        for (at, item) in wire.entries.into_iter().enumerate() {
            if entries
                .last()
                .is_some_and(|before| before.index >= item.index)
            {
                return Err(wrong("index", at, &item.index.to_string()));
            }
            let entry = STANDARD
                .decode(&item.entry)
                .map_err(|_| wrong("entry", at, &item.entry))?;
            let path = item
                .path
                .iter()
                .map(|hash| Hash::from_base64(hash).map_err(|_| wrong("path", at, hash)))
                .collect::<Result<_, _>>()?;
            entries.push(BundleEntry {
                entry,
                index: item.index,
                path,
            });
        }
        Ok(Self {
            archived: wire.archived.into_iter().map(String::into_bytes).collect(),
            checkpoint: wire.checkpoint.into_bytes(),
            entries,
        })
    }

    /// The one spelling.
    ///
    /// # Errors
    /// [`BundleError`] when it would not parse again.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        let entries = self
            .entries
            .iter()
            .map(|item| WireEntry {
                entry: STANDARD.encode(&item.entry),
                index: item.index,
                path: item.path.iter().map(ToString::to_string).collect(),
            })
            .collect();
        let text = |note: &Vec<u8>| String::from_utf8_lossy(note).into_owned();
        let archived = self.archived.iter().map(text).collect();
        let checkpoint = text(&self.checkpoint);
        let bytes = to_canonical(&Wire {
            archived,
            checkpoint,
            entries,
            type_: TYPE.to_owned(),
        })?;
        Self::parse(&bytes)?;
        Ok(bytes)
    }

    /// One C2SP `.tlog-proof` per entry.
    pub fn to_tlog_proofs(&self) -> Vec<TlogProof> {
        self.entries
            .iter()
            .map(|item| TlogProof {
                extra: None,
                index: item.index,
                path: item.path.clone(),
                checkpoint: self.checkpoint.clone(),
            })
            .collect()
    }

    /// Verifies everything under the anchor: constitution chain, witnesses, every inclusion path.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn open(&self, anchor: StatementDigest) -> Result<OpenBundle, Refusal> {
        let mut state = self.feed(anchor, &[])?;
        let policy = state
            .policy()
            .ok_or_else(|| why_no_constitution(&state, anchor))?;
        let checkpoint = open_witnessed(&self.checkpoint, policy)
            .map_err(|error| Refusal::new(Code::CheckpointUnwitnessed, chain(&error)))?;
        for item in &self.entries {
            verify_inclusion(
                &leaf_hash(&item.entry),
                item.index,
                checkpoint.size(),
                &item.path,
                checkpoint.root(),
            )
            .map_err(|error| {
                Refusal::new(
                    Code::NotIncluded,
                    format!("entry {}: {}", item.index, chain(&error)),
                )
            })?;
        }
        state.note_time(&checkpoint);
        Ok(OpenBundle { state, checkpoint })
    }

    /// Feeds the entries in order, and those that come beside the bundle in their places.
    pub(crate) fn feed(
        &self,
        anchor: StatementDigest,
        more: &[Logged],
    ) -> Result<InForce, Refusal> {
        let mut state = InForce::start(self.claimed_origin()?, anchor, View::Excerpt);
        let mut archived = self.archived.iter().peekable();
        let own = self.entries.iter().map(|item| (item.index, &item.entry));
        let more = more.iter().map(|item| (item.proof.index, &item.entry));
        // Each index once: both are proven, so they are the same bytes.
        let entries: BTreeMap<u64, &Vec<u8>> = own.chain(more).collect();
        for (index, entry) in entries {
            while let Some(note) = archived.next_if(|note| claimed_size(note) <= index) {
                note_archived(&mut state, note)?;
            }
            state
                .feed(index, entry)
                .map_err(|error| Refusal::new(Code::EntryMalformed, error.to_string()))?;
        }
        for note in archived {
            note_archived(&mut state, note)?;
        }
        Ok(state)
    }

    /// The origin that the checkpoint claims; verified as soon as the policy is known.
    fn claimed_origin(&self) -> Result<Origin, Refusal> {
        let text = std::str::from_utf8(&self.checkpoint).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        line.parse()
            .map_err(|_| Refusal::new(Code::CheckpointUnwitnessed, "the checkpoint has no origin"))
    }
}

/// The size that a note claims; verified when it is opened.
fn claimed_size(note: &[u8]) -> u64 {
    let text = std::str::from_utf8(note).unwrap_or_default();
    text.lines()
        .nth(1)
        .and_then(|line| line.parse().ok())
        .unwrap_or(0)
}

fn note_archived(state: &mut InForce, note: &[u8]) -> Result<(), Refusal> {
    let unwitnessed = |detail: String| Refusal::new(Code::CheckpointUnwitnessed, detail);
    let policy = state.policy().ok_or_else(|| {
        unwitnessed("an archived checkpoint comes before any constitution".to_owned())
    })?;
    let checkpoint = open_witnessed(note, policy).map_err(|error| unwitnessed(chain(&error)))?;
    if checkpoint.origin() != state.origin() {
        let detail = format!("archived checkpoint of {}", checkpoint.origin());
        return Err(Refusal::new(Code::CheckpointOrigin, detail));
    }
    // The entries below it are proven under the newest checkpoint. That both are of one history is the witnesses' word, as it is
    // for two checkpoints that an activation names.
    state.note_time(&checkpoint);
    Ok(())
}

fn why_no_constitution(state: &InForce, anchor: StatementDigest) -> Refusal {
    let first = state
        .discarded
        .iter()
        .find(|discarded| discarded.kind == "constitution");
    first.map_or_else(
        || {
            Refusal::new(
                Code::EntryNoConstitution,
                format!("not every party's signature under constitution {anchor} is in the bundle"),
            )
        },
        |discarded| discarded.refusal.clone(),
    )
}

/// A verified bundle: an excerpt of one witnessed log.
#[derive(Debug, Clone)]
pub struct OpenBundle {
    state: InForce,
    checkpoint: Witnessed<Checkpoint>,
}

impl OpenBundle {
    pub(crate) const fn new(state: InForce, checkpoint: Witnessed<Checkpoint>) -> Self {
        Self { state, checkpoint }
    }
    /// The view to judge by.
    pub const fn view(&self) -> Settled<'_> {
        Settled::new(&self.state)
    }
    /// The witnessed checkpoint that every entry is included in.
    pub const fn checkpoint(&self) -> &Witnessed<Checkpoint> {
        &self.checkpoint
    }
}
