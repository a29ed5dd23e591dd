//! The table and the shelf of the log, as far as the contracts of `log::Table` and `log::Shelf` go:
//! a database and a store of files that several processes share, or the disk of one machine.
//!
//! A call is a message: it arrives later than it was made, or never, and its caller may be dead by
//! then. It can fail before it has an effect, or after.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::{Batch, LogError, Mark, SignedTree};
use tokio::sync::oneshot;

use crate::fate::{Dice, Fate};
use crate::hub::Hub;
use crate::life::{Life, Step};
use crate::trace::Trace;
use crate::weather::Weather;

/// A part of the system that is broken on purpose, to see that the checkers notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Defect {
    /// Nothing is broken.
    #[default]
    None,
    /// The table lets anybody write, whoever leads and whatever is there.
    TableIgnoresLeader,
    /// The table says that entries are durable a moment before they are.
    TableAnswersEarly,
    /// A power cut takes a file that the shelf had made durable.
    ShelfForgets,
    /// The table forgets entries whose bundles are not on the shelf.
    TailForgotten,
    /// One witness cosigns whatever it is shown, and the table ignores who leads, so that it is
    /// shown two histories.
    BlindWitness,
}

impl Defect {
    pub(crate) const fn ignores_leader(self) -> bool {
        matches!(self, Self::TableIgnoresLeader | Self::BlindWitness)
    }
}

/// What the rows say. Every change is one transaction.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) fence: u64,
    pub(crate) sequenced: u64,
    pub(crate) integrated: Mark,
    pub(crate) tail: BTreeMap<u64, Batch>,
    pub(crate) signed: Option<SignedTree>,
    pub(crate) archived: BTreeMap<u64, String>,
    /// Number of the life that holds the lock of the leader.
    pub(crate) leader: Option<u64>,
}

/// A file: what readers see, and what a power cut leaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub(crate) seen: Option<Arc<Vec<u8>>>,
    pub(crate) kept: Option<Arc<Vec<u8>>>,
}

/// Both stores.
pub(crate) struct Stores {
    pub(crate) hub: Arc<Hub>,
    pub(crate) fate: Arc<Fate>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) defect: Defect,
    /// Whether they are on the machine of the one process: then nobody else can lead meanwhile.
    pub(crate) is_local: bool,
    rows: Mutex<Rows>,
    files: Mutex<BTreeMap<String, Cell>>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stores")
    }
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    Good,
    /// It fails, without effect.
    Refused,
    /// It fails, although it had its effect.
    Unheard,
}

impl Stores {
    pub(crate) fn new(
        (hub, fate, trace, weather): (Arc<Hub>, Arc<Fate>, Arc<Trace>, Arc<Weather>),
        defect: Defect,
        is_local: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            hub,
            fate,
            trace,
            weather,
            defect,
            is_local,
            rows: Mutex::new(Rows {
                fence: 0,
                sequenced: 0,
                integrated: Mark::EMPTY,
                tail: BTreeMap::new(),
                signed: None,
                archived: BTreeMap::new(),
                leader: None,
            }),
            files: Mutex::default(),
        })
    }

    pub(crate) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn files(&self) -> MutexGuard<'_, BTreeMap<String, Cell>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, what: String) {
        self.trace.note(self.hub.now(), what);
    }

    /// Makes a call in a life of a process. `effect` happens when it arrives; a second one, if
    /// there is one, when what the first did becomes durable.
    pub(crate) async fn call<T: Send + 'static, E: Send + 'static>(
        self: Arc<Self>,
        (life, action, dice): (Arc<Life>, &'static str, Dice),
        effect: impl FnOnce(&Self, Luck, Dice) -> Result<T, E> + Send + 'static,
        settle: impl FnOnce(&Self) + Send + 'static,
    ) -> Result<T, E> {
        let mut dice = dice;
        let step = match self.weather.is_calm() {
            true => Step::Go,
            false => life.step(),
        };
        if life.is_over() || step == Step::DieBefore {
            if step == Step::DieBefore {
                self.note(format!("{} dies before it can {action}", life.name));
                life.end();
            }
            return std::future::pending().await;
        }
        let slow = life.slowness.load(std::sync::atomic::Ordering::Relaxed);
        let (there, back) = (dice.delay(6) + slow, dice.delay(4));
        let luck = self.luck(&mut dice);
        let (tell, told) = oneshot::channel();
        let (stores, caller, mut later) = (Arc::clone(&self), Arc::clone(&life), dice.clone());
        self.hub.clone().after(there, &mut dice, move || {
            // What a process that died had not sent yet never arrives.
            if caller.is_cut() || caller.is_over() && later.hits(500) {
                return;
            }
            let done = effect(&stores, luck, later.clone());
            if luck != Luck::Good {
                stores.note(format!("{}: cannot {action} ({luck:?})", caller.name));
            }
            let hub = Arc::clone(&stores.hub);
            hub.after(back, &mut later, move || {
                // A machine whose power is cut makes nothing durable any more.
                if done.is_ok() && !(stores.is_local && caller.is_over()) {
                    settle(&stores);
                }
                if step == Step::DieAfter {
                    stores.note(format!("{} dies after it could {action}", caller.name));
                    caller.end();
                }
                if !caller.is_over() {
                    tell.send(done).ok();
                }
            });
        });
        match told.await {
            Ok(done) => done,
            // The process is dead, so it never hears of anything.
            Err(_) => std::future::pending().await,
        }
    }

    fn luck(&self, dice: &mut Dice) -> Luck {
        match dice.below(2000) {
            n if n < self.weather.store_failures() => Luck::Refused,
            n if n < 2 * self.weather.store_failures() => Luck::Unheard,
            _ => Luck::Good,
        }
    }

    /// Gives up the lock of the leader, if this life holds it: its session ended.
    pub(crate) fn release(&self, life: u64) {
        let mut rows = self.rows();
        if rows.leader == Some(life) {
            rows.leader = None;
        }
    }

    /// The power of the machine is cut: what was not durable is there or not.
    pub(crate) fn cut_power(&self, mut dice: Dice) {
        let mut files = self.files();
        let mut lost = BTreeSet::new();
        for (path, cell) in files.iter_mut() {
            let differs = cell.seen != cell.kept;
            if differs && dice.hits(500) {
                cell.seen = cell.kept.clone();
                lost.insert(path.clone());
            }
            cell.kept = cell.seen.clone();
        }
        if self.defect == Defect::ShelfForgets {
            let tiles: Vec<String> = files
                .iter()
                .filter(|(path, _)| path.starts_with("tile/") && !path.contains(".p/"))
                .map(|(path, _)| path.clone())
                .collect();
            if let Some(path) = tiles.get(dice.below(tiles.len() as u64) as usize) {
                files.remove(path);
                lost.insert(format!("{path} (which was durable)"));
            }
        }
        files.retain(|_, cell| cell.seen.is_some());
        drop(files);
        self.note(format!("power cut; gone back: {lost:?}"));
    }

    /// The error of a table that does not answer.
    pub(crate) fn table_failed(action: &'static str) -> LogError {
        LogError::Remote {
            action: action.to_owned(),
            source: "simulated".into(),
        }
    }
}
