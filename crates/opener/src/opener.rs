//! One question: judged by the log as it stands, answered once.

use std::sync::Arc;

use law::{Covered, Included, ReanalysisGrant, Settled};
use logclient::{Follower, Kept, LogClient};
use seal::{EpochKey, SealedShare, ShareRequest, Side, open_share, seal_share};
use serve::{Client, Clock};
use statement::{Epoch, Predicate, Role, StatementDigest};
use store::DirLock;
use tokio::sync::Mutex;

use crate::config::Config;
use crate::error::{OpenerError, Refused};
use crate::keyring::Keyring;
use crate::spent::Spent;

/// An opener at work. Holds a lock, so two of them never count in one directory.
pub struct Opener {
    config: Config,
    side: Side,
    clock: Clock,
    follower: Mutex<Follower>,
    hands: Arc<Hands>,
    _lock: DirLock,
}

/// What blocks: keys and the disk.
struct Hands {
    keyring: Keyring,
    spent: Spent,
}

/// A question that the law allows, with all that it takes to answer it.
struct Allowed {
    covered: Covered,
    /// When it was asked, and the stock that the grant names.
    bounds: (u64, u64),
    /// The epoch that the share is sealed to, and what announced it.
    from: EpochKey,
    /// The epoch that it is to be sealed to.
    to: EpochKey,
}

impl Opener {
    /// Opens keys and directory.
    ///
    /// # Errors
    /// Another process works here, a key cannot be read, or the disk refuses.
    pub fn open(config: Config, clock: Clock) -> Result<Self, OpenerError> {
        let lock = DirLock::take(&config.dir)?;
        let client = Client::new(&config.client)?;
        let log = LogClient::new(client, &config.log_url, config.origin.clone());
        let follower = Follower::new(log, config.anchor)
            .keeping(|predicate| matches!(predicate, Predicate::Epoch(_)));
        let hands = Hands {
            keyring: Keyring::open(&config.keys, config.passphrase.as_deref())?,
            spent: Spent::open(&config.dir.join("spent"))?,
        };
        Ok(Self {
            side: config.side.into(),
            clock,
            follower: Mutex::new(follower),
            hands: Arc::new(hands),
            config,
            _lock: lock,
        })
    }

    /// Its configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Gives the share of one sample away, sealed to the machines of its home, if a grant in force covers it.
    ///
    /// # Errors
    /// [`Refused`]; then nothing was given away.
    pub async fn reanalyse(&self, request: ShareRequest) -> Result<SealedShare, Refused> {
        let allowed = {
            let mut follower = self.follower.lock().await;
            follower.sync().await?;
            let view = follower.view().map_err(Refused::Law)?;
            self.judge(view, follower.kept(), &request)?
        };
        let (hands, side) = (Arc::clone(&self.hands), self.side);
        let work = move || hands.answer(side, &request, &allowed);
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    fn judge(
        &self,
        view: Settled<'_>,
        kept: &[Kept],
        request: &ShareRequest,
    ) -> Result<Allowed, Refused> {
        let now = self.clock.posix_seconds();
        let (header, place) = (request.front.header(), (request.index, &*request.path));
        let grant = ReanalysisGrant::check(view, request.grant, now).map_err(Refused::Law)?;
        let home = &header.address().home;
        let covered = grant.cover(home, &request.seal(), place);
        let covered = covered.map_err(Refused::Law)?;
        let named = header.epoch(self.side.purpose());
        let from = self.own_epoch(kept, named).ok_or(Refused::NoKey {
            side: self.side,
            epoch: named,
        })?;
        let target: Included<Epoch> = grant.target(view, now).map_err(Refused::Law)?;
        Ok(Allowed {
            bounds: (now, grant.stock),
            covered,
            from,
            to: EpochKey::read(target.digest(), &target).map_err(Refused::Seal)?,
        })
    }

    /// An epoch of this side and home, as its own party announced it.
    fn own_epoch(&self, kept: &[Kept], named: StatementDigest) -> Option<EpochKey> {
        let role = match self.side {
            Side::Center => Role::Center,
            Side::Supervisor => Role::Supervisor,
        };
        kept.iter().find_map(|kept| {
            let Predicate::Epoch(epoch) = &kept.statement.predicate else {
                return None;
            };
            let is_own = kept.digest == named
                && kept.role == role
                && epoch.purpose == self.side.purpose()
                && epoch.home == self.config.home;
            is_own.then(|| EpochKey::read(named, epoch).ok()).flatten()
        })
    }
}

impl Hands {
    fn answer(
        &self,
        side: Side,
        request: &ShareRequest,
        allowed: &Allowed,
    ) -> Result<SealedShare, Refused> {
        let header = request.front.header();
        let make = || {
            let key = self.keyring.find(allowed.from.wrap_key())?;
            let key = key.ok_or(Refused::NoKey {
                side,
                epoch: allowed.from.epoch(),
            })?;
            let wrap = request.front.wraps().get(side.purpose());
            let share = open_share(header, side, wrap, &key).map_err(Refused::Seal)?;
            let (grant, to) = (request.grant, allowed.to.wrap_key());
            let randomness = keys::random_bytes()?;
            Ok(SealedShare {
                epoch: allowed.to.epoch(),
                wrap: seal_share(header, &share, grant, to, &randomness),
            })
        };
        self.spent.answer(&allowed.covered, allowed.bounds, make)
    }
}
