//! What a log does not make itself: the time of day, the way to its witnesses, threads that may
//! block. A daemon has those of its machine; a simulation brings its own, so that one seed is one
//! run.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serve::{Carrier, Client, ClientConfig, ClientError, Clock};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

/// See the module.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The log's own clock: it bounds `not_after` of submissions and stamps the log's ML-DSA-44
    /// signature. Nobody else has to believe it.
    pub clock: Clock,
    /// What carries requests to witnesses; sockets if it is `None`.
    pub carrier: Option<Arc<dyn Carrier>>,
    /// Where work is done that holds a thread.
    pub threads: Threads,
}

/// Where work is done that holds a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// On threads for it.
    Many,
    /// Where it is asked for, at once. Needs a shelf whose reads are answered when they are asked.
    None,
}

/// Work that was begun.
pub(crate) enum Job<T> {
    Away(JoinHandle<T>),
    Done(T),
}

impl Surroundings {
    /// Those of this machine.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self {
            clock: Clock::of_this_machine(),
            carrier: None,
            threads: Threads::Many,
        }
    }

    /// POSIX seconds; at least 1, because a cosignature cannot state 0.
    pub(crate) fn posix_seconds(&self) -> u64 {
        self.clock.posix_seconds().max(1)
    }

    /// A client for witnesses.
    pub(crate) fn client(&self, config: &ClientConfig) -> Result<Client, ClientError> {
        match &self.carrier {
            None => Client::new(config),
            Some(carrier) => Ok(Client::carried_by(Arc::clone(carrier), config)),
        }
    }
}

impl Threads {
    /// Begins work that may block.
    pub(crate) fn begin<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Job<T> {
        match self {
            Self::Many => Job::Away(tokio::task::spawn_blocking(work)),
            Self::None => Job::Done(work()),
        }
    }

    /// Waits, in work that may block, for what is not done by blocking.
    pub(crate) fn wait<T>(self, work: impl Future<Output = T>) -> T {
        match self {
            Self::Many => Handle::current().block_on(work),
            Self::None => match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(done) => done,
                Poll::Pending => panic!("a shelf that is read in place answers at once"),
            },
        }
    }
}

impl<T> Job<T> {
    /// What came of it.
    pub(crate) async fn ended(self) -> Result<T, JoinError> {
        match self {
            Self::Away(job) => job.await,
            Self::Done(done) => Ok(done),
        }
    }
}
