//! The three keys that files of one home may be sealed to: each announced in the log, by the right party, valid now.

use statement::{CountryCode, Epoch, EpochPurpose, Predicate, Role};

use crate::{
    entry::{Included, Standing},
    refusal::{Code, Refusal},
    settled::Settled,
};

/// One epoch for each purpose, all of one home, two of them by independent parties. Made only by [`SealableEpochs::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealableEpochs {
    home: CountryCode,
    analysis: Included<Epoch>,
    center: Included<Epoch>,
    supervisor: Included<Epoch>,
}

/// Who announces an epoch: what the center alone opens, and the center's share, by the center.
pub(crate) const fn announces(purpose: EpochPurpose) -> Role {
    match purpose {
        EpochPurpose::Analysis | EpochPurpose::Center => Role::Center,
        EpochPurpose::Supervisor => Role::Supervisor,
    }
}

impl SealableEpochs {
    /// The epochs of a home to which may be sealed at `now` (POSIX seconds); of several the one that began last.
    ///
    /// # Errors
    /// [`Code::EpochMissing`], [`Code::EpochSigner`], [`Code::EpochTime`], [`Code::EpochOneParty`], or why an epoch that
    /// stands does not count.
    pub fn check(view: Settled<'_>, home: &CountryCode, now: u64) -> Result<Self, Refusal> {
        let epochs = Self {
            home: home.clone(),
            analysis: newest(view, EpochPurpose::Analysis, home, now)?,
            center: newest(view, EpochPurpose::Center, home, now)?,
            supervisor: newest(view, EpochPurpose::Supervisor, home, now)?,
        };
        let supervisor = epochs.supervisor.standing();
        let one_owner = [&epochs.analysis, &epochs.center]
            .map(|other| other.standing().legal_owner == supervisor.legal_owner);
        if one_owner == [false, false] && !view.is_of_vendor(supervisor) {
            return Ok(epochs);
        }
        let detail = format!(
            "home {home}: the supervisor's epoch is of {}",
            supervisor.legal_owner
        );
        Err(Refusal::new(Code::EpochOneParty, detail))
    }

    /// The one home.
    pub const fn home(&self) -> &CountryCode {
        &self.home
    }

    /// The epoch for a purpose.
    pub const fn get(&self, purpose: EpochPurpose) -> &Included<Epoch> {
        match purpose {
            EpochPurpose::Analysis => &self.analysis,
            EpochPurpose::Center => &self.center,
            EpochPurpose::Supervisor => &self.supervisor,
        }
    }

    /// Until when all three may be sealed to, POSIX seconds.
    pub fn valid_until(&self) -> u64 {
        let ends = [&self.analysis, &self.center, &self.supervisor].map(|epoch| epoch.valid_until);
        ends.into_iter().min().unwrap_or(0)
    }

    /// Indices of the three entries, ascending.
    pub fn entries(&self) -> Vec<u64> {
        let all = [&self.analysis, &self.center, &self.supervisor];
        let mut entries = all.map(|epoch| epoch.standing().index).to_vec();
        entries.sort_unstable();
        entries
    }
}

pub(crate) fn newest(
    view: Settled<'_>,
    purpose: EpochPurpose,
    home: &CountryCode,
    now: u64,
) -> Result<Included<Epoch>, Refusal> {
    let about = format!("home {home}, purpose {purpose}");
    let none = Refusal::new(Code::EpochMissing, about);
    let state = view.state();
    let announced = state.epochs.iter();
    let mut entries: Vec<_> = announced
        .filter_map(|digest| state.standing.get(digest))
        .flatten()
        .collect();
    entries.sort_by_key(|entry| entry.index);
    let mut why = None;
    let counted = entries.into_iter().filter_map(|entry| {
        let Predicate::Epoch(epoch) = entry.predicate() else {
            return None;
        };
        if epoch.purpose != purpose || epoch.home != *home {
            return None;
        }
        match check(view, entry, epoch, now) {
            Ok(()) => Some(Included::new(epoch.clone(), entry.clone())),
            Err(refusal) => {
                why = Some(refusal);
                None
            }
        }
    });
    let found = counted.max_by_key(|epoch| (epoch.valid_from, epoch.standing().index));
    found.ok_or_else(|| why.unwrap_or_else(|| view.why_missing("epoch", |_, _| true, none)))
}

/// Whether one announcement counts: in time, by the right side, valid now.
fn check(view: Settled<'_>, entry: &Standing, epoch: &Epoch, now: u64) -> Result<(), Refusal> {
    view.check_time(entry)?;
    let about = format!("home {}, purpose {}", epoch.home, epoch.purpose);
    if entry.role != announces(epoch.purpose) {
        let detail = format!("{about}: by a key of role {:?}", entry.role);
        return Err(Refusal::new(Code::EpochSigner, detail));
    }
    let (from, until) = (epoch.valid_from, epoch.valid_until);
    if (from..=until).contains(&now) {
        return Ok(());
    }
    let detail = format!("{about}: valid from {from} to {until}, now {now}");
    Err(Refusal::new(Code::EpochTime, detail))
}
