//! Sandboxes that hold one program, its libraries and a rule database, and nothing else. No network, no other file. The
//! program has the database loaded and forks one child for each order; a child can compute, and nothing else (see
//! [`sandbox::attend`]).

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sandbox::{
    Exit, Identity, Libraries, Limits, Nursery, OrderLimits, Ready, Refusal, Sandbox, SandboxError,
};

use crate::limits::{CHILD_MEMORY_BYTES_MAX, PROCESSES_MAX, WRITTEN_BYTES_MAX};

/// Where the parts stand inside a sandbox.
const PROGRAM: &str = "/child";
const DATABASE: &str = "/database";

/// Why no child could be given an order.
#[derive(Debug, thiserror::Error)]
pub enum WorkshopError {
    /// The sandbox: not on this machine, or not now.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The program or the database is not where it should be.
    #[error("cannot find {}; correct the configuration", path.display())]
    Missing {
        /// What.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl From<Refusal> for WorkshopError {
    fn from(refusal: Refusal) -> Self {
        Self::Sandbox(refusal.into())
    }
}

/// What stands in a sandbox.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// Where the root tree is made that children see.
    pub root: PathBuf,
    /// The program; by default this one.
    pub program: Option<&'a Path>,
    /// What it is told.
    pub arguments: &'a [String],
    /// The rule database; the program is told of it by `--database`.
    pub database: Option<&'a Path>,
    /// Number of the sandboxes' uid among those of this machine, when started as root.
    pub party: u32,
    /// Sandboxes at the same time.
    pub sandboxes: usize,
}

/// Sandboxes that wait for orders, each with a program that forks a child for each.
#[derive(Debug)]
pub struct Workshop {
    sandbox: Sandbox,
    ready: Ready,
    /// Those with nothing to do.
    idle: Mutex<Vec<Nursery>>,
}

impl Workshop {
    /// Prepares the root tree that children see. `ready` says that this machine has sandboxes.
    ///
    /// # Errors
    /// [`WorkshopError`].
    pub fn open(plan: &Plan<'_>, ready: Ready) -> Result<Self, WorkshopError> {
        let program = match plan.program {
            Some(path) => absolute(path)?,
            None => std::env::current_exe().map_err(|source| WorkshopError::Missing {
                path: PathBuf::from("this program"),
                source,
            })?,
        };
        let libraries = Libraries::of_this_process()?;
        libraries.make_tree(&plan.root, &[PROGRAM], &[DATABASE])?;
        // The sandbox is entered from elsewhere.
        let root = absolute(&plan.root)?;
        let identity = Identity::for_party(plan.party)?;
        let mut argv = libraries.argv();
        argv.push(PROGRAM.to_owned());
        argv.extend(plan.arguments.iter().cloned());
        if plan.database.is_some() {
            argv.extend(["--database".to_owned(), DATABASE.to_owned()]);
        }
        let sandbox = Sandbox::new(identity, &root, argv)
            .read_only(&program, PROGRAM)
            .tmp_bytes(WRITTEN_BYTES_MAX)
            .limits(Limits {
                // Each order has a clock of its own.
                wall_ms: u64::MAX,
                output_bytes_max: WRITTEN_BYTES_MAX,
                file_bytes_max: WRITTEN_BYTES_MAX,
                disk_bytes_max: WRITTEN_BYTES_MAX,
                memory_bytes_max: CHILD_MEMORY_BYTES_MAX,
                // Counted over all sandboxes of one uid. A child cannot start another anyway.
                processes_max: PROCESSES_MAX * plan.sandboxes.max(1) as u64,
            });
        let mut sandbox = libraries.bind(sandbox);
        if let Some(database) = plan.database {
            sandbox = sandbox.read_only(&absolute(database)?, DATABASE);
        }
        Ok(Self {
            sandbox,
            ready,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Has one child do one order: how it ended, and what it wrote. Blocks.
    ///
    /// # Errors
    /// As [`Nursery::start`] and [`Nursery::run`].
    pub fn run(
        &self,
        order: &[u8],
        input: BorrowedFd<'_>,
        limits: OrderLimits,
    ) -> Result<(Exit, Vec<u8>), SandboxError> {
        let mut nursery = match self.idle_one() {
            Some(nursery) => nursery,
            None => Nursery::start(self.sandbox.clone(), self.ready.clone())?,
        };
        let done = nursery.run(order, input, limits)?;
        if nursery.is_whole() {
            self.idle().push(nursery);
        }
        Ok(done)
    }

    /// One that waits. That another one ended while it waited is no sample's fault.
    fn idle_one(&self) -> Option<Nursery> {
        loop {
            let nursery = self.idle().pop()?;
            if nursery.is_whole() {
                return Some(nursery);
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Nursery>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn absolute(path: &Path) -> Result<PathBuf, WorkshopError> {
    fs::canonicalize(path).map_err(|source| WorkshopError::Missing {
        path: path.to_owned(),
        source,
    })
}
