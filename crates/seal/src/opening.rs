//! The other side: machines open by the analysis key and check; at rest it takes both shares.

use statement::EpochPurpose;

use crate::{
    derive::{ContentKey, Seed, Share, Side},
    epochs::EpochKeys,
    error::{Missealed, SealError},
    front::Front,
    header::Header,
    kem::{Wrap, WrapOpener},
    sealing::rest_wrap,
};

/// A seed that came out of its analysis wrap. It decrypts nothing until the wraps at rest are checked.
pub struct Opened<'a> {
    front: &'a Front,
    keys: &'a EpochKeys,
    seed: Seed,
}

impl<'a> Opened<'a> {
    /// Opens the analysis wrap. `keys` are those of the epochs that the header names.
    ///
    /// # Errors
    /// [`SealError::OtherEpoch`], [`SealError::EpochHome`] when the keys are not those of this header; [`SealError::Wrap`].
    pub fn with_analysis_key(
        front: &'a Front,
        keys: &'a EpochKeys,
        opener: &impl WrapOpener,
    ) -> Result<Self, SealError> {
        let header = front.header();
        for purpose in [
            EpochPurpose::Analysis,
            EpochPurpose::Center,
            EpochPurpose::Supervisor,
        ] {
            let (named, given) = (header.epoch(purpose), keys.key(purpose).epoch());
            if named != given {
                return Err(SealError::OtherEpoch {
                    purpose,
                    named,
                    given,
                });
            }
        }
        if header.address().home != *keys.home() {
            return Err(SealError::EpochHome {
                epoch: header.epoch(EpochPurpose::Analysis),
                found: keys.home().clone(),
                expected: header.address().home.clone(),
            });
        }
        let purpose = EpochPurpose::Analysis;
        let seed = opener
            .open_wrap(&header.info(purpose), front.wraps().get(purpose))
            .ok_or(SealError::Wrap { purpose })?;
        Ok(Self {
            front,
            keys,
            seed: Seed::new(seed),
        })
    }

    /// Makes both shares and both wraps at rest again and compares. What comes out decrypts the sample.
    ///
    /// # Errors
    /// [`Missealed`], an outcome of the analysis: nobody could open this sample at rest.
    pub fn check_rest_wraps(self) -> Result<ContentKey, Missealed> {
        let header = self.front.header();
        for side in Side::BOTH {
            if self.seed.share(side).digest() != header.share_digest(side) {
                return Err(Missealed::Share { side });
            }
            let wrap = rest_wrap(header, self.keys, &self.seed, side);
            if wrap != *self.front.wraps().of_side(side) {
                return Err(Missealed::Wrap { side });
            }
        }
        let [center, supervisor] = Side::BOTH.map(|side| self.seed.share(side));
        Ok(ContentKey::of(
            &center,
            &supervisor,
            &header.address().sample,
        ))
    }
}

/// One side's share, out of its wrap at rest and compared with the header.
///
/// # Errors
/// [`SealError::Wrap`], [`SealError::Share`].
pub fn open_share(
    header: &Header,
    side: Side,
    wrap: &Wrap,
    opener: &impl WrapOpener,
) -> Result<Share, SealError> {
    let purpose = side.purpose();
    let key = opener
        .open_wrap(&header.info(purpose), wrap)
        .ok_or(SealError::Wrap { purpose })?;
    let share = Share::received(side, key);
    check_share(header, &share, side)?;
    Ok(share)
}

/// The key of the content, of the two shares that the header names.
///
/// # Errors
/// [`SealError::Share`] names the side whose share is false.
pub fn content_key_of_shares(
    header: &Header,
    center: &Share,
    supervisor: &Share,
) -> Result<ContentKey, SealError> {
    check_share(header, center, Side::Center)?;
    check_share(header, supervisor, Side::Supervisor)?;
    Ok(ContentKey::of(center, supervisor, &header.address().sample))
}

fn check_share(header: &Header, share: &Share, side: Side) -> Result<(), SealError> {
    if share.side() == side && share.digest() == header.share_digest(side) {
        Ok(())
    } else {
        Err(SealError::Share { side })
    }
}
