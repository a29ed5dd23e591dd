//! The three keys that a sample is sealed to, each named by the statement that announced it.

use statement::{CountryCode, Epoch, EpochPurpose, StatementDigest};

use crate::{derive::Side, error::SealError, kem::WrapKey};

/// The key of one `epoch` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochKey {
    epoch: StatementDigest,
    purpose: EpochPurpose,
    home: CountryCode,
    key: WrapKey,
}

impl EpochKey {
    /// The key in the statement with this digest. That the statement counts is for the caller to know (`law`).
    ///
    /// # Errors
    /// [`SealError::Epoch`], [`SealError::EpochKey`].
    pub fn read(epoch: StatementDigest, statement: &Epoch) -> Result<Self, SealError> {
        let raw = statement
            .check()
            .and_then(|()| statement.raw_key())
            .map_err(|source| SealError::Epoch { epoch, source })?;
        Ok(Self {
            epoch,
            purpose: statement.purpose,
            home: statement.home.clone(),
            key: WrapKey::from_raw(&raw).ok_or(SealError::EpochKey { epoch })?,
        })
    }

    /// Digest of the statement.
    #[must_use]
    pub fn epoch(&self) -> StatementDigest {
        self.epoch
    }

    /// The key.
    #[must_use]
    pub fn wrap_key(&self) -> &WrapKey {
        &self.key
    }
}

/// One key for each purpose, all of one home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochKeys {
    analysis: EpochKey,
    center: EpochKey,
    supervisor: EpochKey,
}

impl EpochKeys {
    /// Puts three keys in their places.
    ///
    /// # Errors
    /// [`SealError::EpochPurpose`], [`SealError::EpochHome`].
    pub fn new(
        analysis: EpochKey,
        center: EpochKey,
        supervisor: EpochKey,
    ) -> Result<Self, SealError> {
        let places = [
            (&analysis, EpochPurpose::Analysis),
            (&center, EpochPurpose::Center),
            (&supervisor, EpochPurpose::Supervisor),
        ];
        for (key, expected) in places {
            let epoch = key.epoch;
            if key.purpose != expected {
                let found = key.purpose;
                return Err(SealError::EpochPurpose {
                    epoch,
                    found,
                    expected,
                });
            }
            if key.home != analysis.home {
                return Err(SealError::EpochHome {
                    epoch,
                    found: key.home.clone(),
                    expected: analysis.home.clone(),
                });
            }
        }
        Ok(Self {
            analysis,
            center,
            supervisor,
        })
    }

    /// The one home.
    #[must_use]
    pub fn home(&self) -> &CountryCode {
        &self.analysis.home
    }

    /// The key for a purpose.
    #[must_use]
    pub fn key(&self, purpose: EpochPurpose) -> &EpochKey {
        match purpose {
            EpochPurpose::Analysis => &self.analysis,
            EpochPurpose::Center => &self.center,
            EpochPurpose::Supervisor => &self.supervisor,
        }
    }

    pub(crate) fn of_side(&self, side: Side) -> &WrapKey {
        &self.key(side.purpose()).key
    }
}
