//! How bad things are at the moment: set by `faults`, felt by network and stores.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// See the module. All zero: everything works.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    /// Calls to a store, of 2,000, that fail without effect; as many fail after it.
    store_failures: AtomicU64,
    /// Messages of 1,000 that are lost.
    lost: AtomicU64,
    /// Requests of 1,000 that arrive twice.
    doubled: AtomicU64,
    /// Usual delay of a message, in milliseconds.
    delay: AtomicU64,
    /// Places that are cut off.
    cut_off: Mutex<BTreeSet<String>>,
    /// Whether nothing goes wrong any more.
    calm: AtomicBool,
}

impl Weather {
    pub(crate) fn set_network(&self, lost: u64, doubled: u64, delay: u64) {
        self.lost.store(lost, Relaxed);
        self.doubled.store(doubled, Relaxed);
        self.delay.store(delay, Relaxed);
    }

    pub(crate) fn set_stores(&self, failures: u64) {
        self.store_failures.store(failures, Relaxed);
    }

    pub(crate) fn store_failures(&self) -> u64 {
        self.store_failures.load(Relaxed)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    pub(crate) fn doubled(&self) -> u64 {
        self.doubled.load(Relaxed)
    }

    pub(crate) fn delay(&self) -> u64 {
        self.delay.load(Relaxed).max(5)
    }

    /// Cuts a place off the network, or connects it again.
    pub(crate) fn cut_off(&self, place: &str, is_off: bool) {
        let mut cut_off = self.cut_off.lock().unwrap_or_else(PoisonError::into_inner);
        match is_off {
            true => cut_off.insert(place.to_owned()),
            false => cut_off.remove(place),
        };
    }

    pub(crate) fn is_cut_off(&self, place: &str) -> bool {
        let cut_off = self.cut_off.lock().unwrap_or_else(PoisonError::into_inner);
        cut_off.contains(place)
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Relaxed)
    }

    /// Nothing goes wrong from here on.
    pub(crate) fn clear(&self) {
        self.calm.store(true, Relaxed);
        self.set_network(0, 0, 5);
        self.set_stores(0);
        let mut cut_off = self.cut_off.lock().unwrap_or_else(PoisonError::into_inner);
        cut_off.clear();
    }
}
