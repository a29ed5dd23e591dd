//! Where the files of a country go, as a value that only the policy in force can give.

use law::SealableEpochs;
use residency::Decision;
use seal::{EpochKey, EpochKeys};
use serve::Client;
use statement::{CountryCode, EpochPurpose, FileDigest, StatementDigest};

use super::{
    error::SharingError,
    evidence::{Archive, Evidence},
};

/// A home, the rule that chose it, and three keys to seal to: each judged by this endpoint itself. Sealing takes this.
#[derive(Debug, Clone)]
pub struct Destination {
    decision: Decision,
    policy: StatementDigest,
    epochs: SealableEpochs,
    keys: EpochKeys,
    proof: FileDigest,
}

impl Destination {
    /// The decision of the policy.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The policy that decided.
    #[must_use]
    pub const fn policy(&self) -> StatementDigest {
        self.policy
    }

    /// The epochs that are sealed to.
    #[must_use]
    pub const fn epochs(&self) -> &SealableEpochs {
        &self.epochs
    }

    pub(super) const fn keys(&self) -> &EpochKeys {
        &self.keys
    }

    /// The bundle that all this rests on.
    pub(super) const fn proof(&self) -> FileDigest {
        self.proof
    }

    /// Judges everything for one country at `now`.
    pub(super) fn check(
        archive: &Archive<'_>,
        decided: &Decided,
        now: u64,
    ) -> Result<Self, SharingError> {
        let evidence = &decided.evidence;
        let residence = &evidence.residence;
        residence.check_age(now, archive.config.policy_age_max_seconds)?;
        let epochs = SealableEpochs::check(evidence.open.view(), &decided.decision.home, now)?;
        let key = |purpose| {
            let epoch = epochs.get(purpose);
            EpochKey::read(epoch.digest(), epoch)
        };
        let keys = EpochKeys::new(
            key(EpochPurpose::Analysis)?,
            key(EpochPurpose::Center)?,
            key(EpochPurpose::Supervisor)?,
        )?;
        Ok(Self {
            decision: decided.decision.clone(),
            policy: residence.policy().digest(),
            keys,
            epochs,
            proof: evidence.digest,
        })
    }
}

/// A decision with the evidence of the home that it chose. Fresh epochs are not asked for yet.
pub(super) struct Decided {
    pub(super) decision: Decision,
    pub(super) evidence: Evidence,
}

impl Decided {
    /// Asks the centers, or what they showed before if none of them answers.
    pub(super) async fn find(
        archive: &Archive<'_>,
        http: &Client,
        country: &CountryCode,
        now: u64,
    ) -> Result<Self, SharingError> {
        let first = first_asked(archive, country)?;
        let evidence = newest(archive, http, &first, now).await?;
        let decision = archive.residency(&evidence)?.decide(country)?.clone();
        if decision.home == first {
            return Ok(Self { decision, evidence });
        }
        let own = newest(archive, http, &decision.home, now).await?;
        let (shown, expected) = (
            own.residence.policy().digest(),
            evidence.residence.policy().digest(),
        );
        if shown != expected {
            return Err(SharingError::OtherPolicy {
                home: decision.home,
                shown,
                expected,
            });
        }
        Ok(Self {
            decision,
            evidence: own,
        })
    }
}

/// The home that the kept policy names, so that no other center hears of this endpoint; the first one configured until then.
fn first_asked(archive: &Archive<'_>, country: &CountryCode) -> Result<CountryCode, SharingError> {
    for center in &archive.config.center {
        let Ok(Some(kept)) = archive.kept(&center.home) else {
            continue;
        };
        let decided = archive.residency(&kept).ok();
        let home = decided.and_then(|decided| Some(decided.decide(country).ok()?.home.clone()));
        if let Some(home) = home.filter(|home| archive.config.center_of(home).is_ok()) {
            return Ok(home);
        }
    }
    let first = archive.config.center.first();
    let first = first.ok_or(SharingError::Centers { count: 0 })?;
    Ok(first.home.clone())
}

/// What the center of a home shows now, or showed last when it cannot be reached.
pub(super) async fn newest(
    archive: &Archive<'_>,
    http: &Client,
    home: &CountryCode,
    now: u64,
) -> Result<Evidence, SharingError> {
    let center = archive.config.center_of(home)?;
    match archive.fetch(http, center, now).await {
        Err(error) if error.is_transient() => match archive.kept(home)? {
            Some(kept) => Ok(kept),
            None => Err(error),
        },
        other => other,
    }
}
