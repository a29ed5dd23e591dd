//! What the log says about a build, as conveyer and rebuilder need it. Pure; counting is the law's business.

use std::collections::{BTreeMap, BTreeSet};

use law::{BuildEvidence, BuiltArtifact, Refusal, Settled, Standing};
use statement::{FileDigest, KeyId, PartyId, Predicate, Role, Source, StatementDigest, Verdict};

use super::kept::{KeptFile, KeptResult};

/// Whether a statement stands, whoever signed it.
pub(super) fn stands(view: Settled<'_>, digest: StatementDigest, predicate: &Predicate) -> bool {
    let build = match predicate {
        Predicate::Source(_) => digest,
        Predicate::Commitment(commitment) => commitment.build,
        Predicate::Provenance(provenance) => provenance.build(),
        Predicate::Rebuild(rebuild) => rebuild.build,
        Predicate::TestResult(tests) => match tests.build() {
            Some(build) => build,
            None => return false,
        },
        _ => return false,
    };
    let entries = view.entries_of_build(build);
    entries.iter().any(|entry| entry.digest() == digest)
}

fn predicate(entry: &Standing) -> &Predicate {
    &entry.statement().predicate
}

/// The first entry that shows all of `artifacts`, or any provenance: the law's own rule. A rebuild that names other bytes
/// shows nothing that could be copied, and must not be able to spoil a build.
fn first_reveal<'a>(entries: &[&'a Standing], artifacts: &[KeptFile]) -> Option<&'a Standing> {
    let mut shows = entries.iter().copied();
    shows.find(|entry| match predicate(entry) {
        Predicate::Provenance(_) => true,
        Predicate::Rebuild(rebuild) => artifacts.iter().all(|own| {
            let mut shown = rebuild.artifacts.iter();
            shown.any(|shown| shown.sha256 == own.sha256)
        }),
        _ => false,
    })
}

/// Who committed to a result of a build before anybody showed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commitments {
    /// One party of each legal owner that is not the vendor.
    pub(super) committed: Vec<PartyId>,
    /// Rebuilders of the roster whose owners did not.
    pub(super) missing: Vec<PartyId>,
    /// Whether the commitment asked about is below the first reveal.
    pub(super) own: bool,
    /// Who showed a result first, and where.
    pub(super) revealed: Option<(PartyId, u64)>,
    /// The constitution's floor.
    pub(super) needed: u64,
}

impl Commitments {
    /// Who committed, below the first reveal of the caller's own result.
    pub(super) fn of(view: Settled<'_>, own: &KeptResult) -> Result<Self, Refusal> {
        let constitution = view.constitution()?;
        // As the law has it: an owner that was the vendor's under any constitution stays one.
        let vendors: BTreeSet<&str> = view
            .state()
            .constitutions()
            .flat_map(|constitution| &constitution.parties)
            .filter(|party| party.vendor)
            .map(|party| party.legal_owner.as_str())
            .collect();
        let entries = view.entries_of_build(own.build());
        let revealed = first_reveal(&entries, own.artifacts());
        let revealed = revealed.map(|entry| (entry.party().clone(), entry.index()));
        let below = revealed.as_ref().map_or(u64::MAX, |(_, index)| *index);
        let mut by_owner: BTreeMap<&str, PartyId> = BTreeMap::new();
        let mut is_own_below = false;
        for entry in entries.iter().filter(|entry| entry.index() < below) {
            let Predicate::Commitment(commitment) = predicate(entry) else {
                continue;
            };
            is_own_below |= commitment.commitment == own.commitment();
            let is_independent =
                view.party(entry.party()).is_some() && !vendors.contains(entry.legal_owner());
            if entry.role() == Role::Rebuilder && is_independent {
                by_owner
                    .entry(entry.legal_owner())
                    .or_insert_with(|| entry.party().clone());
            }
        }
        let missing = constitution.parties.iter().filter(|party| {
            let rebuilds = party.keys.iter().any(|key| key.role == Role::Rebuilder);
            let owner = party.legal_owner.as_str();
            rebuilds && !vendors.contains(owner) && !by_owner.contains_key(owner)
        });
        Ok(Self {
            missing: missing.map(|party| party.id.clone()).collect(),
            committed: by_owner.into_values().collect(),
            own: is_own_below,
            revealed,
            needed: constitution.floors.rebuilds_min,
        })
    }

    pub(super) const fn are_enough(&self) -> bool {
        self.own && self.committed.len() as u64 >= self.needed
    }
}

/// The provenance of a build by this key, if one stands.
pub(super) fn own_provenance(
    view: Settled<'_>,
    build: StatementDigest,
    key: KeyId,
) -> Option<StatementDigest> {
    let entries = view.entries_of_build(build);
    let own = entries
        .iter()
        .find(|entry| entry.key() == key && matches!(predicate(entry), Predicate::Provenance(_)));
    own.map(|entry| entry.digest())
}

/// What a rebuilder already has for a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Has {
    /// Nothing yet.
    Nothing,
    /// A kept result with this commitment.
    Result(FileDigest),
    /// The source did not build here.
    Failure,
}

/// What a rebuilder should do next about a build.
#[derive(Debug, Clone)]
pub(super) enum Task {
    /// Its verdict stands.
    Answered {
        /// The statement.
        rebuild: StatementDigest,
        /// What it says.
        verdict: Verdict,
    },
    /// Fetch, check, build.
    Build(Box<Source>),
    /// Submit the commitment to the kept result.
    Commit,
    /// Nothing can be said before others act.
    Await(Refusal),
    /// Compare with what the conveyer shows.
    Judge {
        /// The archive both built.
        archive: FileDigest,
        /// The provenance.
        provenance: StatementDigest,
        /// The conveyer's artifacts.
        artifacts: Vec<BuiltArtifact>,
    },
}

/// Decides from the log alone, apart from what this party already has. Nothing when no source stands.
pub(super) fn plan_rebuild(
    view: Settled<'_>,
    build: StatementDigest,
    key: KeyId,
    has: Has,
) -> Option<Task> {
    let entries = view.entries_of_build(build);
    let source = entries.iter().find_map(|entry| match predicate(entry) {
        Predicate::Source(source) if entry.digest() == build => Some(source),
        _ => None,
    })?;
    let mut own = entries.iter().filter(|entry| entry.key() == key);
    let answer = own.clone().find_map(|entry| match predicate(entry) {
        Predicate::Rebuild(rebuild) => Some((entry.digest(), rebuild.verdict)),
        _ => None,
    });
    if let Some((rebuild, verdict)) = answer {
        return Some(Task::Answered { rebuild, verdict });
    }
    match has {
        Has::Nothing => return Some(Task::Build(Box::new(source.clone()))),
        Has::Result(commitment) => {
            let is_committed = own.any(|entry| {
                matches!(predicate(entry), Predicate::Commitment(c) if c.commitment == commitment)
            });
            if !is_committed {
                return Some(Task::Commit);
            }
        }
        Has::Failure => {}
    }
    // The law's own judgement of the provenance, without asking for rebuilds.
    Some(match BuildEvidence::check(view, build, 0) {
        Ok(evidence) => Task::Judge {
            archive: source.archive,
            provenance: evidence.provenance().digest(),
            artifacts: evidence.artifacts().to_vec(),
        },
        Err(refusal) => Task::Await(refusal),
    })
}

/// Builds that are not answered by `key`; those first in which a commitment can still count.
pub(super) fn unanswered(view: Settled<'_>, key: KeyId) -> Vec<StatementDigest> {
    let mut open: Vec<_> = view
        .builds()
        .into_iter()
        .filter_map(|build| {
            let entries = view.entries_of_build(build);
            let is_answered = entries.iter().any(|entry| {
                entry.key() == key && matches!(predicate(entry), Predicate::Rebuild(_))
            });
            let mut said = entries.iter().map(|entry| predicate(entry));
            let is_revealed = said.any(|said| matches!(said, Predicate::Provenance(_)));
            (!is_answered).then_some((is_revealed, build))
        })
        .collect();
    // Stable: log order within each half.
    open.sort_by_key(|(is_revealed, _)| *is_revealed);
    open.into_iter().map(|(_, build)| build).collect()
}
