//! One life of a process: it ends by a crash, and nothing that it does afterwards has any effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tokio::sync::Notify;

/// See the module.
#[derive(Debug)]
pub(crate) struct Life {
    /// Which process, and which of its lives.
    pub(crate) name: String,
    pub(crate) number: u64,
    dead: AtomicBool,
    /// Whether the power of its machine was cut, so that what it had sent is gone too.
    cut: AtomicBool,
    ended: Notify,
    /// Calls to table and shelf so far.
    calls: AtomicU64,
    /// The call at which it dies.
    last_call: u64,
    /// Whether that call still takes effect.
    last_counts: bool,
    /// Milliseconds that each call takes longer, while the process or its way to the stores is slow.
    pub(crate) slowness: AtomicU64,
}

/// What becomes of a call to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is made, and the process lives on.
    Go,
    /// The process dies before it has an effect.
    DieBefore,
    /// The process dies right after its effect.
    DieAfter,
}

impl Life {
    pub(crate) fn new(name: &str, number: u64, last_call: u64, last_counts: bool) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            number,
            dead: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            ended: Notify::new(),
            calls: AtomicU64::new(0),
            last_call,
            last_counts,
            slowness: AtomicU64::new(0),
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.dead.load(Relaxed)
    }

    /// Ends it at once.
    pub(crate) fn end(&self) {
        self.dead.store(true, Relaxed);
        self.ended.notify_one();
    }

    /// Ends it with its machine.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Relaxed);
        self.end();
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    /// Completes when it is over. For one who waits.
    pub(crate) async fn over(&self) {
        while !self.is_over() {
            self.ended.notified().await;
        }
    }

    /// Counts a call to a store.
    pub(crate) fn step(&self) -> Step {
        let call = self.calls.fetch_add(1, Relaxed) + 1;
        match (call == self.last_call, self.last_counts) {
            (false, _) => Step::Go,
            (true, false) => Step::DieBefore,
            (true, true) => Step::DieAfter,
        }
    }
}
