//! Witnesses and mirrors: the real ones, with their databases and files, on a thread of their own.
//! Who asks one waits for it, so that in simulated time an answer takes no time and nothing else
//! happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use axum::Router;
use serve::{Carried, CarriedReply, Clock};

use crate::net::ask;

/// See the module.
#[derive(Debug)]
pub(crate) struct SideRoom {
    jobs: Option<mpsc::Sender<(Carried, mpsc::Sender<CarriedReply>)>>,
    thread: Option<JoinHandle<()>>,
    now: Arc<AtomicU64>,
}

impl SideRoom {
    /// Opens the room on its thread.
    pub(crate) fn open<F>(
        name: &str,
        open: impl FnOnce(Clock) -> F + Send + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = Result<Router>>,
    {
        let now = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&now);
        let clock = Clock::reading(move || time.load(Relaxed));
        let (jobs, waiting) = mpsc::channel::<(Carried, mpsc::Sender<CarriedReply>)>();
        let (tell, opened) = mpsc::channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error.into()))),
            };
            let router = match runtime.block_on(open(clock)) {
                Ok(router) => router,
                Err(error) => return drop(tell.send(Err(error))),
            };
            tell.send(Ok(())).ok();
            for (request, back) in waiting {
                back.send(runtime.block_on(ask(router.clone(), request)))
                    .ok();
            }
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)?;
        opened.recv().context("the room did not open")??;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            now,
        })
    }

    /// Asks at a time, in POSIX seconds, and waits for the answer.
    pub(crate) fn ask(&self, request: Carried, now: u64) -> CarriedReply {
        self.now.store(now, Relaxed);
        let (tell, told) = mpsc::channel();
        let sent = self.jobs.as_ref().map(|jobs| jobs.send((request, tell)));
        match (sent, told.recv()) {
            (Some(Ok(())), Ok(reply)) => reply,
            _ => panic!("the room ended by a defect"),
        }
    }
}

impl Drop for SideRoom {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
