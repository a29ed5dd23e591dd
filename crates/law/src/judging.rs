//! Judging one entry by what is in force: as a candidate, and when it counts.

use statement::{Party, PartyKey, Predicate, StatementDigest};

use crate::{
    entry::{Standing, check_in_time},
    in_force::{Discarded, Fed, InForce},
    opened::Opened,
    opening::build_of,
    quorum::{is_vendor, may_sign},
    refusal::{Code, Refusal},
};

/// Discarded entries that are remembered for their reason; the oldest are forgotten first.
const DISCARDED_MAX: usize = 4096;

impl InForce {
    /// Judges what would become of an entry if it came next, and changes nothing: a log asks this before it
    /// takes a submission. `now` is the clock by which `not_after` of statement and key are judged.
    ///
    /// # Errors
    /// The refusal that the entry would meet.
    pub fn judge_candidate(&self, entry: &[u8], now: u64) -> Result<StatementDigest, Refusal> {
        self.judge_opened(&Opened::read(entry)?, now)
    }

    /// The same for an entry that was read before.
    ///
    /// # Errors
    /// The refusal that the entry would meet.
    pub fn judge_opened(&self, opened: &Opened, now: u64) -> Result<StatementDigest, Refusal> {
        let index = self.next_index();
        let predicate = &opened.statement.predicate;
        if let Predicate::Constitution(constitution) = predicate {
            self.check_constitution(opened)?;
            self.succession
                .clone()
                .feed(index, &opened.envelope, constitution)?;
            return Ok(opened.digest());
        }
        let (party, key) = self.check_rostered(index, opened)?;
        check_in_time(predicate, index, (opened.key(), key.not_after), now)?;
        if let Predicate::Activation(activation) = predicate {
            let standing = self.stand(index, (party, key), opened.clone());
            self.succession
                .clone()
                .activate(&standing, activation, &self.checkpoints)?;
        }
        Ok(opened.digest())
    }

    /// Has an entry take effect, or says why it has none.
    pub(crate) fn judge(&mut self, index: u64, opened: Opened) -> Fed {
        let digest = opened.digest();
        let predicate = &opened.statement.predicate;
        let about = (predicate.short_name(), build_of(predicate));
        let named = chain_of(predicate);
        let judged = match predicate {
            Predicate::Constitution(constitution) => self
                .check_constitution(&opened)
                .and_then(|()| self.succession.feed(index, &opened.envelope, constitution)),
            _ => match self.check_rostered(index, &opened) {
                Ok(found) => {
                    let standing = self.stand(index, found, opened);
                    self.take_place(standing)
                }
                Err(refusal) => Err(refusal),
            },
        };
        match judged {
            Ok(()) => {
                self.note_chain(index, named);
                Fed::Counts(digest)
            }
            Err(refusal) => {
                if self.discarded.len() == DISCARDED_MAX {
                    self.discarded.remove(0);
                }
                self.discarded.push(Discarded {
                    kind: about.0,
                    digest,
                    build: about.1,
                    refusal: refusal.clone(),
                });
                Fed::Ignored(refusal)
            }
        }
    }

    fn take_place(&mut self, standing: Standing) -> Result<(), Refusal> {
        if let Predicate::Activation(activation) = standing.predicate() {
            return self
                .succession
                .activate(&standing, activation, &self.checkpoints);
        }
        self.take_effect(standing);
        Ok(())
    }

    /// Judges signature, roster, role, revocation and audience. Time is judged when it is known.
    fn check_rostered(&self, index: u64, opened: &Opened) -> Result<(&Party, &PartyKey), Refusal> {
        let key_id = opened.key();
        let constitution = self.constitution().ok_or_else(|| {
            Refusal::new(
                Code::EntryNoConstitution,
                format!("entry {index} comes first"),
            )
        })?;
        let (party, key) = constitution.find_key(key_id).ok_or_else(|| {
            Refusal::new(
                Code::EntryKeyUnknown,
                format!("key {key_id} at entry {index}"),
            )
        })?;
        opened.check_signature(key)?;
        let predicate = &opened.statement.predicate;
        if !may_sign(key.role, predicate) {
            let detail = format!(
                "`{}` by a key with role {:?} of {}",
                predicate.short_name(),
                key.role,
                party.id
            );
            return Err(Refusal::new(Code::EntryRole, detail));
        }
        self.check_revoked(key_id)?;
        self.check_audience(predicate)?;
        Ok((party, key))
    }

    fn stand(&self, index: u64, (party, key): (&Party, &PartyKey), opened: Opened) -> Standing {
        Standing {
            index,
            key: opened.key(),
            key_not_after: key.not_after,
            party: party.id.clone(),
            legal_owner: party.legal_owner.clone(),
            vendor: self
                .constitution()
                .is_some_and(|constitution| is_vendor(constitution, party)),
            role: key.role,
            digest: opened.digest(),
            statement: opened.statement,
        }
    }

    /// Roster and signature of a constitution are the business of its succession; this is the rest.
    fn check_constitution(&self, opened: &Opened) -> Result<(), Refusal> {
        self.check_revoked(opened.key())?;
        self.check_audience(&opened.statement.predicate)
    }

    /// Entries are judged in order, so every revocation that is known stands below.
    fn check_revoked(&self, key: statement::KeyId) -> Result<(), Refusal> {
        match self.revoked.get(&key) {
            Some(at) => Err(Refusal::new(
                Code::EntryKeyRevoked,
                format!("key {key}, revoked at entry {at}"),
            )),
            None => Ok(()),
        }
    }

    fn check_audience(&self, predicate: &Predicate) -> Result<(), Refusal> {
        if self.is_for_this_log(predicate) {
            return Ok(());
        }
        let audience = predicate.audience().iter().map(ToString::to_string);
        let audience = audience.collect::<Vec<_>>().join(", ");
        let detail = format!("meant for [{audience}], found in {}", self.origin);
        Err(Refusal::new(Code::EntryAudience, detail))
    }

    /// Two standard predicates have no audience field: the `resourceUri` of a VSA begins with the log, and a
    /// test result names the build in its log.
    fn is_for_this_log(&self, predicate: &Predicate) -> bool {
        match predicate {
            Predicate::Approval(approval) => approval
                .resource_uri
                .strip_prefix(&self.origin.to_string())
                .is_some_and(|rest| rest.starts_with("/build/")),
            Predicate::TestResult(tests) => tests.is_for(&self.origin),
            other => other.audience().contains(&self.origin),
        }
    }
}

/// What an entry adds to the chain of constitutions: nothing, or itself and the sizes that it names.
fn chain_of(predicate: &Predicate) -> Option<Vec<u64>> {
    match predicate {
        Predicate::Constitution(_) => Some(Vec::new()),
        Predicate::Activation(activation) => Some(vec![
            activation.signed_by.size,
            activation.waited_until.size,
        ]),
        _ => None,
    }
}
