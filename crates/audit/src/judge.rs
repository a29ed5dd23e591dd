//! The second judgement: one log, fed whole, answers what was in force at any index.
//!
//! Invariant: `witnessed <= fed`. Facts are kept in tables by the index of their entry and never change;
//! each question is asked *as of* an index and looks only below it. So there is no running state in
//! which a mistake could hide: the same tables answer for yesterday and for today.
//!
//! ```text
//! entry(i, bytes)   -> Ruling           does it count, and if not, why
//! checkpoint(note)  -> CheckpointSeen   log signature, witnesses, root of what was fed
//! gate(what, as_of) -> Ok | Refused     was this capability justified by the entries below `as_of`
//! findings()        -> everything that was logged all the same, and should not have been
//! ```

mod admission;
mod adverse;
mod again;
mod asof;
mod beside;
mod cedar;
mod chain;
mod clock;
mod codes;
mod custody;
mod evidence;
mod facts;
mod findings;
mod grants;
mod homes;
mod install;
mod metadata;
mod promises;
mod release;
mod residence;
mod ring;
mod roll;
mod signed;
mod summary;
mod types;

use std::collections::BTreeMap;

use statement::{Constitution, KeyId, Predicate, Role, Statement, StatementDigest};
use tlog::{Frontier, Origin, PolicyError, open_witnessed};

use self::{
    asof::AsOf,
    chain::Chain,
    clock::Clock,
    facts::{Facts, Said},
    metadata::Signing,
    roll::{Roster, may_say},
    signed::Held,
};
use crate::opened::{Keyring, Opened};

pub use codes::CODES;
pub use facts::Anchored;
pub use findings::PublicationSeen;
pub use homes::PolicySeen;
pub use signed::SignedRelease;
pub use types::{
    Blob, CellCounts, CheckpointSeen, Delivery, Documents, Finding, Gate, Heard, Line, Newest,
    OutOfOrder, Parts, Placed, PolicyCounts, PromiseSeen, Refused, Ruling, Severity, Summary,
    Tools,
};

/// One log, replayed whole. Memory grows with the statements that rules ask for, not with entries.
#[derive(Debug)]
pub struct Judge {
    origin: Origin,
    keys: Keyring,
    tree: Frontier,
    chain: Chain,
    clock: Clock,
    facts: Facts,
    ignored: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<&'static str, u64>,
    /// Checkpoints that are of other entries or against the order of time.
    suspicious: Vec<Finding>,
    /// Publications whose file was judged: what is wrong with it.
    judged: BTreeMap<u64, Option<Refused>>,
}

impl Judge {
    /// Begins the log `origin` under the trust anchor.
    pub fn new(origin: Origin, anchor: StatementDigest) -> Self {
        Self {
            origin,
            keys: Keyring::default(),
            tree: Frontier::new(),
            chain: Chain::new(anchor),
            clock: Clock::default(),
            facts: Facts::default(),
            ignored: BTreeMap::new(),
            kinds: BTreeMap::new(),
            suspicious: Vec::new(),
            judged: BTreeMap::new(),
        }
    }

    /// Index of the entry that is fed next.
    pub fn next_index(&self) -> u64 {
        self.tree.size()
    }

    /// The log.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The constitution in force after everything fed.
    pub fn constitution(&self) -> Option<&Constitution> {
        let roster = self.chain.at(self.next_index())?;
        Some(&roster.constitution)
    }

    /// Feeds the next entry.
    ///
    /// # Errors
    /// [`OutOfOrder`] when `index` is not the next one.
    pub fn entry(&mut self, index: u64, bytes: &[u8]) -> Result<Ruling, OutOfOrder> {
        let opened = Opened::new(bytes, &self.keys);
        self.opened(index, &opened)
    }

    /// Feeds the next entry, taken apart before.
    ///
    /// # Errors
    /// [`OutOfOrder`] when `index` is not the next one.
    pub fn opened(&mut self, index: u64, opened: &Opened) -> Result<Ruling, OutOfOrder> {
        let expected = self.next_index();
        if index != expected {
            return Err(OutOfOrder {
                expected,
                got: index,
            });
        }
        let judged = self.judge(index, opened);
        self.tree.append(opened.leaf());
        Ok(match judged {
            Ok((digest, kind)) => {
                *self.kinds.entry(kind).or_default() += 1;
                Ruling::Counts { digest, kind }
            }
            Err(Refused { code, detail }) => {
                *self.ignored.entry(code).or_default() += 1;
                Ruling::Ignored { code, detail }
            }
        })
    }

    fn judge(
        &mut self,
        index: u64,
        opened: &Opened,
    ) -> Result<(StatementDigest, &'static str), Refused> {
        let (Some(statement), Some(digest), Some(key)) =
            (opened.statement(), opened.digest(), opened.key())
        else {
            let detail = opened.malformed().unwrap_or_default();
            return Err(Refused::new(codes::MALFORMED, detail));
        };
        let kind = statement.predicate.short_name();
        if let Predicate::Constitution(constitution) = &statement.predicate {
            self.judge_constitution(index, opened, constitution, digest, key)?;
            return Ok((digest, kind));
        }
        let Some(roster) = self.chain.at(index) else {
            let detail = "no constitution is in force";
            return Err(Refused::new(codes::NO_CONSTITUTION, detail));
        };
        let role = check_signature(roster, key, opened)?;
        if !may_say(role, &statement.predicate) {
            let detail = format!("a key of role {role:?} may not sign {kind}");
            return Err(Refused::new(codes::ROLE, detail));
        }
        self.check_revoked(index, key)?;
        self.check_audience(statement)?;
        let seat = self.as_of(index).seat_at(index, key);
        let Some(seat) = seat else {
            return Err(Refused::new(codes::KEY_UNKNOWN, key.to_string()));
        };
        let (party, until) = (seat.party.clone(), seat.not_after);
        if let Predicate::Activation(activation) = &statement.predicate {
            self.chain.activate(index, activation, until, &self.clock)?;
        }
        let is_own = match &statement.predicate {
            Predicate::Revocation(revocation) => {
                let mut keys = party.keys.iter().filter_map(|held| held.raw().ok());
                keys.any(|raw| KeyId::of(&raw) == revocation.key)
            }
            _ => false,
        };
        let said = Said {
            at: index,
            key,
            digest,
            party: &party.id,
            statement,
        };
        self.facts.add(said, &self.origin, is_own);
        Ok((digest, kind))
    }

    fn judge_constitution(
        &mut self,
        index: u64,
        opened: &Opened,
        constitution: &Constitution,
        digest: StatementDigest,
        key: KeyId,
    ) -> Result<(), Refused> {
        self.check_revoked(index, key)?;
        if !constitution.audience.contains(&self.origin) {
            let detail = format!("it is not meant for {}", self.origin);
            return Err(Refused::new(codes::AUDIENCE, detail));
        }
        let proposed = Roster::of(constitution.clone(), digest)
            .map_err(|error| Refused::new(codes::MALFORMED, error.to_string()))?;
        self.chain.check_anchor(digest)?;
        self.chain.check_place(&proposed)?;
        let Some((roster, seat)) = self.chain.seat_for(&proposed, key) else {
            let detail = format!("key {key}");
            return Err(Refused::new(codes::KEY_UNKNOWN, detail));
        };
        let role = seat.role;
        if role != Role::Governance {
            let detail = format!("a key of role {role:?} may not sign a constitution");
            return Err(Refused::new(codes::ROLE, detail));
        }
        check_signature(roster, key, opened)?;
        self.keys.add(constitution);
        self.chain.sign(index, key, proposed)
    }

    fn check_revoked(&self, index: u64, key: KeyId) -> Result<(), Refused> {
        if self.as_of(index).is_revoked(key, index) {
            let detail = format!("key {key} was taken back by its party");
            return Err(Refused::new(codes::KEY_REVOKED, detail));
        }
        Ok(())
    }

    /// Two standard predicates carry no audience; what they are about begins with the log's origin.
    fn check_audience(&self, statement: &Statement) -> Result<(), Refused> {
        let predicate = &statement.predicate;
        let meant = match predicate {
            Predicate::Approval(summary) => {
                facts::in_log(&summary.resource_uri, &self.origin).is_some()
            }
            Predicate::TestResult(tests) => tests.is_for(&self.origin),
            _ => predicate.audience().contains(&self.origin),
        };
        if meant {
            return Ok(());
        }
        let detail = format!("it is not meant for {}", self.origin);
        Err(Refused::new(codes::AUDIENCE, detail))
    }

    /// Verifies a checkpoint of everything fed: origin, signatures of the log, quorum of the witnesses, root.
    ///
    /// # Errors
    /// The condition that does not hold. A checkpoint of fewer or more entries is `view.incomplete`: feed
    /// exactly as many as it has, then ask. One of other entries is a finding, too.
    pub fn checkpoint(&mut self, note: &[u8]) -> Result<CheckpointSeen, Refused> {
        let fed = self.next_index();
        let Some(roster) = self.chain.at(fed) else {
            let detail = "no constitution is in force";
            return Err(Refused::new(codes::NO_CONSTITUTION, detail));
        };
        let opened = open_witnessed(note, &roster.policy).map_err(|error| {
            let code = match error {
                PolicyError::UnknownOrigin { .. } => codes::CHECKPOINT_ORIGIN,
                _ => codes::UNWITNESSED,
            };
            Refused::new(code, crate::opened::chain(&error))
        })?;
        if *opened.origin() != self.origin {
            let detail = format!("it is of {}", opened.origin());
            return Err(Refused::new(codes::CHECKPOINT_ORIGIN, detail));
        }
        let (size, root, time) = (opened.size(), *opened.root(), opened.median_time());
        if size != fed {
            let detail = format!("the checkpoint has {size} entries, {fed} were fed");
            return Err(Refused::new(codes::INCOMPLETE, detail));
        }
        if root != self.tree.root() {
            let what = format!(
                "log and witnesses signed root {root} for {size} entries; the entries served give {}",
                self.tree.root()
            );
            self.suspicious
                .push(findings::other_history(size, what.clone()));
            return Err(Refused::new(codes::ROOT, what));
        }
        if let Some((before, earlier)) = self.clock.newest().filter(|(_, t)| *t > time) {
            self.suspicious
                .push(findings::time_back(size, time, before, earlier));
        }
        self.clock.add(size, root, time);
        let names = opened.cosigners().iter();
        Ok(CheckpointSeen {
            size,
            root,
            time,
            witnesses: names.map(|(name, _)| name.to_string()).collect(),
        })
    }

    /// Whether a capability was justified by the entries below `as_of`, all of which must be witnessed.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn gate(&self, gate: &Gate<'_>, as_of: u64) -> Result<(), Refused> {
        let view = self.witnessed(as_of)?;
        match *gate {
            Gate::Approval { build } => view.gate_approval(build).map(drop),
            Gate::Release { payload, parts } => view.gate_release(payload, parts).map(drop),
            Gate::Ring {
                payload,
                wait_seconds,
            } => view.gate_ring(payload, wait_seconds),
            Gate::Released {
                release,
                rebuilds_min,
                parts,
            } => {
                let held = parts.map_or(Held::Later, |parts| Held::Now(Some(parts)));
                view.gate_released(release, None, held, rebuilds_min)
                    .map(drop)
            }
            Gate::Metadata {
                role,
                previous,
                next,
                now,
            } => view.gate_metadata(role, previous, next, Signing { from: now, to: now }),
            Gate::Published { role, file } => view.gate_published(role, file).map(drop),
            Gate::TufRoot { file } => view.gate_tuf_root(file),
            Gate::Install(delivery) => view.gate_install(&delivery),
            Gate::Residence => view.gate_residence().map(drop),
            Gate::Admission { home, now } => view.gate_admission(home, now),
            Gate::Epochs { home, now } => view.gate_epochs(home, now),
            Gate::Tools(tools) => view.gate_tools(tools),
            Gate::GrantDraft { grant, now } => view.gate_draft(grant, now),
            Gate::Grant { grant, sample, now } => view.gate_grant(grant, sample, now),
        }
    }

    /// The log up to an index below which everything is witnessed.
    fn witnessed(&self, as_of: u64) -> Result<AsOf<'_>, Refused> {
        let witnessed = self.clock.newest().map_or(0, |(size, _)| size);
        if as_of == 0 || as_of > witnessed {
            let detail = format!("{witnessed} entries are witnessed, {as_of} are asked for");
            return Err(Refused::new(codes::INCOMPLETE, detail));
        }
        Ok(self.as_of(as_of))
    }

    const fn as_of(&self, end: u64) -> AsOf<'_> {
        AsOf { judge: self, end }
    }

    /// Blobs that counted statements name.
    pub fn blobs(&self) -> impl Iterator<Item = Blob> {
        let named = self.facts.blobs.iter();
        named.map(|((sha256, bytes, public), entry)| Blob {
            sha256: *sha256,
            bytes: *bytes,
            public: *public,
            entry: *entry,
        })
    }

    /// Checkpoints of other logs that stand in this one.
    pub fn anchors(&self) -> &[Anchored] {
        &self.facts.anchors
    }
}

/// The key is on the roster and signed; its role.
fn check_signature(roster: &Roster, key: KeyId, opened: &Opened) -> Result<Role, Refused> {
    let (Some(seat), Some(raw)) = (roster.seat(key), roster.raw(key)) else {
        let detail = format!("key {key}");
        return Err(Refused::new(codes::KEY_UNKNOWN, detail));
    };
    if opened.is_signed_by(&raw) {
        return Ok(seat.role);
    }
    let detail = format!("by key {key}");
    Err(Refused::new(codes::SIGNATURE, detail))
}
