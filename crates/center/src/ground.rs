//! What the log says that this cell rests on: the policy in force with its declaration, and the epochs of its home.

use std::collections::BTreeMap;

use law::{Refusal, ReleasedTools, Residence};
use logclient::{Follower, Kept};
use statement::{CountryCode, Epoch, EpochPurpose, Predicate, Role, StatementDigest};
use tlog::Policy;

use crate::admission::Admits;
use crate::equipment::Tools;
use crate::error::CenterError;
use crate::limits::{EPOCHS_SHOWN, SKEW_SECONDS};

/// An epoch and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Stands {
    pub(crate) digest: StatementDigest,
    pub(crate) index: u64,
    pub(crate) said: Epoch,
}

/// Everything that counts in the log and matters here, as of one witnessed checkpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ground {
    /// The policy in force and its declaration; nothing while there is none.
    pub(crate) residence: Option<Residence>,
    /// Every epoch of this home that was ever announced by the right party.
    pub(crate) epochs: BTreeMap<StatementDigest, Stands>,
    /// Keys of the issuer whose tokens are taken about now.
    pub(crate) admissions: Vec<Admits>,
    /// What machines of this process judge with; nothing when none work here.
    pub(crate) tools: Option<Tools>,
}

/// What a follower keeps for [`Ground::of`], and to know what was granted.
pub(crate) fn matters(predicate: &Predicate) -> bool {
    matches!(
        predicate,
        Predicate::Epoch(_) | Predicate::ReanalysisGrant(_)
    )
}

/// Whose key signs an epoch of a purpose (`spec/epoch.md`).
const fn signer_of(purpose: EpochPurpose) -> Role {
    match purpose {
        EpochPurpose::Analysis | EpochPurpose::Center => Role::Center,
        EpochPurpose::Supervisor => Role::Supervisor,
    }
}

impl Ground {
    /// Puts together what a follower kept, and what is in force by its view.
    pub(crate) fn of(follower: &Follower, home: &CountryCode, now: u64) -> Result<Self, Refusal> {
        // Why there is none yet is for whoever proposes one to find out.
        let residence = Residence::check(follower.view()?).ok();
        let epochs = follower.kept().iter();
        Ok(Self {
            residence,
            admissions: Admits::all(follower, home, now)?,
            tools: None,
            epochs: epochs
                .filter_map(|kept| Some((kept.digest, epoch_of(kept, home)?)))
                .collect(),
        })
    }

    /// What machines may judge with now.
    pub(crate) fn tools_in_force(&self) -> Option<&ReleasedTools> {
        match &self.tools {
            Some(Tools::InForce(tools)) => Some(tools),
            _ => None,
        }
    }

    /// The epoch, if it is of this purpose and may be sealed to now.
    pub(crate) fn in_force(
        &self,
        epoch: StatementDigest,
        purpose: EpochPurpose,
        now: u64,
    ) -> Option<&Stands> {
        let found = self.epochs.get(&epoch)?;
        (found.said.purpose == purpose && is_in_force(&found.said, now)).then_some(found)
    }

    /// The epochs that may be sealed to now, for `/where`: of each purpose those that are valid longest.
    pub(crate) fn shown(&self, now: u64) -> Vec<&Stands> {
        let purposes = [
            EpochPurpose::Analysis,
            EpochPurpose::Center,
            EpochPurpose::Supervisor,
        ];
        let of = |purpose| {
            let fits = move |it: &&Stands| {
                let said = &it.said;
                said.purpose == purpose && (said.valid_from..=said.valid_until).contains(&now)
            };
            let mut found: Vec<_> = self.epochs.values().filter(fits).collect();
            found.sort_by_key(|it| std::cmp::Reverse(it.said.valid_until));
            found.truncate(EPOCHS_SHOWN);
            found
        };
        purposes.into_iter().flat_map(of).collect()
    }

    /// Where the statements stand that `/where` names.
    pub(crate) fn indices(&self, now: u64) -> Vec<u64> {
        let residence = self.residence.iter().flat_map(Residence::entries);
        let epochs = self.shown(now).into_iter().map(|it| it.index);
        let admissions = self.admissions.iter().map(|it| it.index);
        residence.chain(epochs).chain(admissions).collect()
    }
}

/// An epoch of this home, if the right party announced it.
fn epoch_of(kept: &Kept, home: &CountryCode) -> Option<Stands> {
    let Predicate::Epoch(said) = &kept.statement.predicate else {
        return None;
    };
    let fits = said.home == *home && kept.role == signer_of(said.purpose) && said.check().is_ok();
    fits.then(|| Stands {
        digest: kept.digest,
        index: kept.index,
        said: said.clone(),
    })
}

/// Whether samples that were sealed to this epoch are taken now: a little early and late, for clocks differ.
pub(crate) fn is_in_force(epoch: &Epoch, now: u64) -> bool {
    epoch.valid_from <= now.saturating_add(SKEW_SECONDS)
        && now <= epoch.valid_until.saturating_add(SKEW_SECONDS)
}

/// The log and what was read of it last.
pub(crate) struct Read {
    pub(crate) follower: Follower,
    pub(crate) home: CountryCode,
}

impl Read {
    /// The witness policy in force; nothing before the log could be read.
    pub(crate) fn policy(&self) -> Option<Policy> {
        let view = self.follower.view().ok()?;
        view.state().policy().cloned()
    }

    /// Reads on; the ground when the log is readable.
    pub(crate) async fn sync(&mut self, now: u64) -> Result<Ground, CenterError> {
        self.follower.sync().await?;
        Ok(Ground::of(&self.follower, &self.home, now)?)
    }
}
