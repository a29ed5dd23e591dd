//! What everybody in one run shares.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serve::{Client, Clock};

use crate::fate::{Dice, Fate};
use crate::hub::Hub;
use crate::net::Net;
use crate::seen::Seen;
use crate::stores::{Defect, Stores};
use crate::trace::Trace;
use crate::weather::Weather;

/// POSIX seconds at the start of each run.
const BEGINNING: u64 = 1_790_000_000;

/// See the module.
pub(crate) struct World {
    pub(crate) hub: Arc<Hub>,
    pub(crate) fate: Arc<Fate>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) net: Arc<Net>,
    pub(crate) stores: Arc<Stores>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) defect: Defect,
    /// Directory for what is on real disks.
    pub(crate) dir: PathBuf,
    /// Seconds by which the clock of each place is ahead.
    ahead: Mutex<BTreeMap<String, i64>>,
}

impl World {
    pub(crate) fn new(seed: u64, defect: Defect, is_local: bool, dir: PathBuf) -> Arc<Self> {
        let (hub, fate) = (Hub::start(), Arc::new(Fate::new(seed)));
        let (trace, weather) = (Arc::<Trace>::default(), Arc::<Weather>::default());
        let seen = Arc::<Seen>::default();
        let (watcher, time) = (Arc::clone(&seen), Arc::clone(&hub));
        let tap = Box::new(move |from: &str, request: &_, reply: &_| {
            watcher.answer(from, request, reply, time.now());
        });
        let around = (Arc::clone(&hub), Arc::clone(&fate), Arc::clone(&weather));
        let net = Net::new(around, tap);
        let around = (
            Arc::clone(&hub),
            Arc::clone(&fate),
            Arc::clone(&trace),
            Arc::clone(&weather),
        );
        let stores = Stores::new(around, defect, is_local);
        Arc::new(Self {
            hub,
            fate,
            trace,
            weather,
            net,
            stores,
            seen,
            defect,
            dir,
            ahead: Mutex::default(),
        })
    }

    /// Lets go of everything that holds the world, so that its memory is given back.
    pub(crate) fn end(&self) {
        self.net.clear();
        self.hub.clear();
    }

    pub(crate) fn note(&self, what: String) {
        self.trace.note(self.hub.now(), what);
    }

    pub(crate) fn dice(&self, name: &[&[u8]]) -> Dice {
        self.fate.dice(name)
    }

    /// Waits some time that chance decides, in milliseconds.
    pub(crate) async fn pause(&self, who: &str, low: u64, high: u64) {
        let mut dice = self.dice(&[b"pause", who.as_bytes()]);
        let time = dice.between(low, high);
        self.hub.sleep(time, &mut dice).await;
    }

    /// Sets the clock of a place.
    pub(crate) fn set_ahead(&self, place: &str, seconds: i64) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.insert(place.to_owned(), seconds);
    }

    /// What the clock of a place says, in POSIX seconds.
    pub(crate) fn posix_seconds(&self, place: &str) -> u64 {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = ahead.get(place).copied().unwrap_or(0);
        (BEGINNING + self.hub.now() / 1000).saturating_add_signed(ahead)
    }

    /// The clock of a place.
    pub(crate) fn clock(self: &Arc<Self>, place: &str) -> Clock {
        let (world, place) = (Arc::clone(self), place.to_owned());
        Clock::reading(move || world.posix_seconds(&place))
    }

    /// An HTTP client at a place.
    pub(crate) fn client(&self, place: &str, timeout_ms: u64) -> Client {
        self.net.client(place, timeout_ms)
    }
}
