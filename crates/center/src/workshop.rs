//! Where children work: sandboxes that hold one program, its libraries and the rule database, and nothing else. No
//! network, no file of the cell, no file of the host. The program has the database loaded and forks one child for each
//! sample; a child can compute, and nothing else (see [`sandbox::attend`]).

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sandbox::{
    Exit, Identity, Libraries, LimitKind, Limits, Nursery, OrderLimits, Ready, Sandbox, preflight,
};
use seal::{ContentKey, Header};
use statement::SealDigest;
use zeroize::Zeroizing;

use crate::analysis::End;
use crate::child::UNOPENED;
use crate::config::Config;
use crate::error::CenterError;
use crate::limits::{CHILD_MEMORY_BYTES_MAX, CHILD_PROCESSES_MAX, REPORT_BYTES_MAX};

/// Where the parts of a child stand inside the sandbox.
const PROGRAM: &str = "/child";
const DATABASE: &str = "/database";

/// Sandboxes that wait for samples, each with a program that forks one child for each.
#[derive(Debug)]
pub(crate) struct Workshop {
    sandbox: Sandbox,
    ready: Ready,
    limits: OrderLimits,
    /// Those with nothing to do.
    idle: Mutex<Vec<Nursery>>,
}

impl Workshop {
    /// Prepares the root tree that children see.
    pub(crate) fn open(config: &Config) -> Result<Self, CenterError> {
        let ready = preflight()?;
        let program = match &config.worker_program {
            Some(path) => absolute(path)?,
            None => std::env::current_exe().map_err(refused("find", Path::new("this program")))?,
        };
        let libraries = Libraries::of_this_process()?;
        let root = config.dir.join("worker");
        libraries.make_tree(&root, &[PROGRAM], &[DATABASE])?;
        // The sandbox is entered from elsewhere.
        let root = absolute(&root)?;
        let identity = Identity::for_party(config.sandbox_party)?;
        let mut argv = libraries.argv();
        argv.push(PROGRAM.to_owned());
        argv.extend(config.worker_arguments.iter().cloned());
        if config.database.is_some() {
            argv.extend(["--database".to_owned(), DATABASE.to_owned()]);
        }
        let sandbox = Sandbox::new(identity, &root, argv)
            .read_only(&program, PROGRAM)
            .tmp_bytes(1 << 20)
            .limits(Limits {
                // Each order has a clock of its own.
                wall_ms: u64::MAX,
                output_bytes_max: 1 << 20,
                file_bytes_max: 1 << 20,
                disk_bytes_max: 1 << 20,
                memory_bytes_max: CHILD_MEMORY_BYTES_MAX,
                // Counted over all sandboxes of one uid. A child cannot start another anyway.
                processes_max: CHILD_PROCESSES_MAX * config.workers.max(1) as u64,
            });
        let mut sandbox = libraries.bind(sandbox);
        if let Some(database) = &config.database {
            sandbox = sandbox.read_only(&absolute(database)?, DATABASE);
        }
        Ok(Self {
            sandbox,
            ready,
            limits: OrderLimits {
                wall_ms: config.worker_wall_ms,
                output_bytes_max: REPORT_BYTES_MAX,
            },
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Runs one child on one sample; its report, or how it ended. Blocks.
    pub(crate) fn run(
        &self,
        header: &Header,
        seal: &SealDigest,
        key: &ContentKey,
        ciphertext: &File,
    ) -> Result<Result<Vec<u8>, End>, CenterError> {
        let order = order(header, seal, key)?;
        let mut nursery = match self.idle_one() {
            Some(nursery) => nursery,
            None => Nursery::start(self.sandbox.clone(), self.ready.clone())?,
        };
        let (exit, report) = nursery.run(&order, ciphertext.as_fd(), self.limits)?;
        if nursery.is_whole() {
            self.idle().push(nursery);
        }
        Ok(match exit {
            Exit::Code(0) => Ok(report),
            Exit::Code(code) if code == i32::from(UNOPENED) => Err(End::Unopened),
            Exit::LimitExceeded(LimitKind::Wall) => Err(End::Time),
            Exit::LimitExceeded(LimitKind::Memory) => Err(End::Memory),
            _ => {
                tracing::warn!(%exit, "a child ended without a report");
                Err(End::Died)
            }
        })
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

/// What the child is told before the ciphertext (see [`crate::child`]).
fn order(
    header: &Header,
    seal: &SealDigest,
    key: &ContentKey,
) -> Result<Zeroizing<Vec<u8>>, CenterError> {
    let text = header.as_bytes();
    let mut order = Zeroizing::new(Vec::with_capacity(2 + text.len() + 64));
    let length = u16::try_from(text.len()).map_err(|_| CenterError::Ended)?;
    order.extend_from_slice(&length.to_be_bytes());
    order.extend_from_slice(text);
    order.extend_from_slice(seal.hash().as_bytes());
    order.extend_from_slice(key.expose());
    Ok(order)
}

fn absolute(path: &Path) -> Result<PathBuf, CenterError> {
    fs::canonicalize(path).map_err(refused("find", path))
}

fn refused(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> CenterError + use<> {
    let path = path.to_owned();
    move |source| CenterError::File {
        action,
        path,
        source,
    }
}
