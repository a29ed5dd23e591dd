//! Everything that happens later: messages that arrive, disks that answer, people who wake up.
//!
//! One task runs all of it. What is due in one millisecond is done in an order that follows from
//! names and not from who asked first.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::fate::Dice;

type Event = Box<dyn FnOnce() + Send>;

/// See the module.
pub(crate) struct Hub {
    start: Instant,
    due: Mutex<Due>,
    news: Notify,
}

#[derive(Default)]
struct Due {
    /// By millisecond, by an order from dice, by serial number.
    events: BTreeMap<(u64, u64, u64), Event>,
    serial: u64,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub")
    }
}

impl Hub {
    /// Starts with the time at 0. Inside a runtime whose time is paused.
    pub(crate) fn start() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            due: Mutex::default(),
            news: Notify::new(),
        })
    }

    /// Milliseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Has `event` happen after so many milliseconds, at least one.
    pub(crate) fn after(
        &self,
        milliseconds: u64,
        dice: &mut Dice,
        event: impl FnOnce() + Send + 'static,
    ) {
        let at = self.now() + milliseconds.max(1);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.serial += 1;
        let key = (at, dice.number(), due.serial);
        due.events.insert(key, Box::new(event));
        drop(due);
        self.news.notify_one();
    }

    /// Waits so many milliseconds.
    pub(crate) async fn sleep(&self, milliseconds: u64, dice: &mut Dice) {
        let (tell, told) = oneshot::channel();
        self.after(milliseconds, dice, move || {
            tell.send(()).ok();
        });
        told.await.ok();
    }

    /// Runs for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let next = self.next();
            tokio::select! {
                biased;
                () = self.news.notified() => {}
                () = sleep_until(self.start + Duration::from_millis(next.unwrap_or(u64::from(u32::MAX)))) => {}
            }
            while let Some(event) = self.take() {
                event();
            }
        }
    }

    /// Forgets what would still happen.
    pub(crate) fn clear(&self) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let events = std::mem::take(&mut due.events);
        drop(due);
        drop(events);
    }

    fn next(&self) -> Option<u64> {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.events.keys().next().map(|(at, _, _)| *at)
    }

    fn take(&self) -> Option<Event> {
        let now = self.now();
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let first = due.events.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
