//! A process of the log: the real one, over simulated stores, network and clock. It is started again
//! whenever it ends, as a supervisor of processes does.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use log::{Config, LogError, Running, Shelf, Surroundings, Table, Threads};
use serve::CarriedReply;
use store::StoreError;

use crate::life::Life;
use crate::net::{Handler, ask};
use crate::shelf::SimShelf;
use crate::table::SimTable;
use crate::world::World;

/// See the module.
pub(crate) struct FrontEnd {
    pub(crate) name: &'static str,
    world: Arc<World>,
    config: Config,
    life: Mutex<Option<Arc<Life>>>,
    /// Numbers of lives begin here.
    first: u64,
    lives: AtomicU64,
}

impl FrontEnd {
    /// Front end `number`, which is not running yet.
    pub(crate) fn new(
        name: &'static str,
        number: u64,
        world: &Arc<World>,
        config: Config,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            world: Arc::clone(world),
            config,
            life: Mutex::new(None),
            first: number * 1_000_000,
            lives: AtomicU64::new(0),
        })
    }

    /// The life it has now.
    pub(crate) fn life(&self) -> Option<Arc<Life>> {
        self.life
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lives again and again.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.live().await;
            self.world.pause(self.name, 200, 2_000).await;
        }
    }

    async fn live(&self) {
        let world = &self.world;
        let number = self.first + self.lives.fetch_add(1, Relaxed);
        let mut dice = world.dice(&[b"life", self.name.as_bytes()]);
        let last_call = match dice.hits(350) {
            true => dice.between(1, 250),
            false => u64::MAX,
        };
        let life = Life::new(self.name, number, last_call, dice.hits(500));
        *self.life.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&life));
        world.note(format!("{} begins", self.name));
        let ended = self.work(&life).await;
        world.net.put(self.name, None);
        match ended {
            None => world.note(format!("{} is dead", self.name)),
            Some(error) => {
                world.note(format!("{} ends: {}", self.name, chain(&error)));
                if is_alarm(&error) {
                    let what = format!("{} ends: {}", self.name, chain(&error));
                    world.seen.complain(what);
                }
            }
        }
        life.end();
        // The database notices after a while that the session of the leader is over.
        let (stores, wait) = (Arc::clone(&world.stores), dice.between(50, 3_000));
        world
            .hub
            .after(wait, &mut dice, move || stores.release(number));
    }

    /// One life; why it ended, if it did not just die.
    async fn work(&self, life: &Arc<Life>) -> Option<LogError> {
        let world = &self.world;
        world.net.put(self.name, Some(not_leading()));
        let (stores, shared_life) = (Arc::clone(&world.stores), Arc::clone(life));
        let table: Arc<dyn Table> = Arc::new(SimTable {
            stores: Arc::clone(&stores),
            life: shared_life,
        });
        let shelf: Arc<dyn Shelf> = Arc::new(SimShelf {
            stores,
            life: Arc::clone(life),
        });
        let surroundings = Surroundings {
            clock: world.clock(self.name),
            carrier: Some(world.net.line(self.name, Some(Arc::clone(life)))),
            threads: Threads::None,
        };
        let opened = tokio::select! {
            biased;
            () = life.over() => return None,
            opened = Running::on(self.config.clone(), (table, shelf), surroundings) => opened,
        };
        let running = match opened {
            Ok(running) => running,
            Err(error) => return Some(error),
        };
        world.note(format!("{} works", self.name));
        let router = running.router();
        world.net.put(self.name, Some(answering(router, life)));
        tokio::select! {
            biased;
            () = life.over() => {
                running.kill();
                return None;
            }
            () = running.failed() => {}
        }
        world.net.put(self.name, None);
        tokio::select! {
            biased;
            () = life.over() => None,
            ended = tokio::time::timeout(Duration::from_secs(20), running.end()) => match ended {
                Ok(ended) => ended.err(),
                Err(_) => {
                    world.seen.complain(format!("{} does not end", self.name));
                    None
                }
            },
        }
    }
}

/// A front end that waits to lead takes nothing (`log::remote::standby`).
fn not_leading() -> Handler {
    Arc::new(|_| {
        Box::pin(async {
            CarriedReply {
                status: 503,
                content_type: None,
                body: bytes::Bytes::new(),
            }
        })
    })
}

fn answering(router: Router, life: &Arc<Life>) -> Handler {
    let life = Arc::clone(life);
    Arc::new(move |request| {
        let (router, life) = (router.clone(), Arc::clone(&life));
        Box::pin(async move {
            let reply = ask(router, request).await;
            if life.is_over() {
                return std::future::pending().await;
            }
            reply
        })
    })
}

/// Whether an error says that the history is not what it was: nothing that is simulated here
/// excuses that.
fn is_alarm(error: &LogError) -> bool {
    matches!(
        error,
        LogError::Row { .. }
            | LogError::Behind { .. }
            | LogError::OtherHistory { .. }
            | LogError::Checkpoint { .. }
            | LogError::Encode(_)
            | LogError::Lost { .. }
            | LogError::Store(StoreError::Conflict { .. })
    )
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
