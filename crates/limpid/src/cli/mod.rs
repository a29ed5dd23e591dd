//! The command line: one file per room.

mod audit;
mod center;
mod compare;
mod constitution;
mod conveyer;
mod demo;
mod draft;
mod draft_residency;
mod endpoint;
mod environment;
mod keys;
mod log;
mod log_follow;
mod log_fsck;
mod log_monitor;
mod mirror;
mod opener;
mod proof;
mod release;
mod release_root;
mod sbom;
mod sharing;
mod source;
mod source_tree;
mod statement;
mod supervisor;
mod trace;
mod trial;
mod trusted;
#[cfg(test)]
mod units;
mod up;
mod witness;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::{confined::Territory, out::Out};

/// Heading of what every verb understands.
const GLOBAL: &str = "Options of every verb";

/// What a stranger needs next.
const AFTER_HELP: &str = "\
Start here:
  limpid demo                software to endpoints, files to their home
  limpid demo --attack all   every attack on it, each caught by a named check
  limpid verify FILE --bundle BUNDLE --anchor DIGEST

Exit status: 0 done; 1 refused, a named check did not hold;
2 the command, its input or this machine is not as needed. An audit that finds
doubts ends with 3, one that finds broken promises with 4.";

/// A transparency center in a box: what you received is what was audited.
#[derive(Debug, Parser)]
#[command(
    name = "limpid",
    version,
    max_term_width = 80,
    after_help = AFTER_HELP
)]
pub(crate) struct Limpid {
    /// Print the result as one JSON value, and no progress
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// How much to log to standard error
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "LEVEL",
          value_parser = ["error", "warn", "info", "debug", "trace"], default_value = "warn")]
    pub(crate) log_level: String,
    #[command(subcommand)]
    room: Room,
}

#[derive(Debug, Subcommand)]
enum Room {
    /// Show a release from source to endpoint here, or attack it
    Demo(demo::Demo),
    /// Run all daemons of a world on this machine until interrupted
    Up(up::Up),
    /// Install and update with proof; verify any file offline
    #[command(subcommand)]
    Endpoint(endpoint::Verb),
    /// Verify a file, or this program, by its bundle of proofs: offline
    Verify(endpoint::Verify),
    /// Build from source; rebuild what others have built
    #[command(subcommand)]
    Conveyer(conveyer::Verb),
    /// Compare bills of materials
    #[command(subcommand)]
    Sbom(sbom::Verb),
    /// Sign, publish and withdraw releases, as the center
    #[command(subcommand)]
    Release(release::Verb),
    /// Check everything again, approve and co-sign, as the supervisor
    #[command(subcommand)]
    Supervisor(supervisor::Verb),
    /// Take in sealed samples and have machines analyse them
    #[command(subcommand)]
    Center(center::Verb),
    /// Give shares of samples at rest away under a grant, and only then
    #[command(subcommand)]
    Opener(opener::Verb),
    /// Judge whole logs by rules of our own; trust nobody
    Audit(Box<audit::Verb>),
    /// Say what differs between two builds, and what explains it
    Compare(compare::Compare),
    /// Trace a byte of a program to its source line, and back
    Trace(trace::Trace),
    /// Run a public append-only log; check, follow and watch any log
    #[command(subcommand)]
    Log(log::Verb),
    /// Verify a proof of an entry, or evidence that a log forked
    #[command(subcommand)]
    Proof(proof::Verb),
    /// Cosign the checkpoints of logs, as long as they only grow
    #[command(subcommand)]
    Witness(witness::Verb),
    /// Hold whole logs and say so; bring a log to a mirror
    #[command(subcommand)]
    Mirror(mirror::Verb),
    /// Make and show signing keys
    #[command(subcommand)]
    Keys(keys::Verb),
    /// Draft, sign and show statements
    #[command(subcommand)]
    Statement(statement::Verb),
    /// Change who is party to what, together and in public
    #[command(subcommand)]
    Constitution(constitution::Verb),
}

/// Where a room's configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// Configuration (TOML; unknown keys are errors)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Limpid {
    /// Confines this process if it is to be a daemon that works with files only. Call it before any thread starts.
    ///
    /// Conveyer, rebuilders and cells start bubblewrap, which makes mounts, and landlock forbids those: they stay as
    /// they are, and each command they run is in a sandbox of its own.
    ///
    /// # Errors
    /// The configuration, or the kernel's refusal, for people.
    pub(crate) fn confine(&self) -> Result<()> {
        let territory = match &self.room {
            Room::Log(verb) => verb.territory()?,
            Room::Witness(verb) => Some(verb.territory()?),
            Room::Mirror(verb) => verb.territory()?,
            Room::Supervisor(verb) => verb.territory()?,
            Room::Release(verb) => verb.territory()?,
            Room::Center(verb) => verb.territory()?,
            Room::Opener(verb) => verb.territory()?,
            Room::Demo(_)
            | Room::Audit(_)
            | Room::Up(_)
            | Room::Endpoint(_)
            | Room::Verify(_)
            | Room::Conveyer(_)
            | Room::Keys(_)
            | Room::Proof(_)
            | Room::Compare(_)
            | Room::Trace(_)
            | Room::Sbom(_)
            | Room::Statement(_)
            | Room::Constitution(_) => None,
        };
        territory.map_or(Ok(()), Territory::enter)
    }

    /// Forks the children of a cell or an endpoint, if this process is the program in its sandbox. Call it before anything else.
    pub(crate) fn work_as_child(&self) -> Option<std::process::ExitCode> {
        match &self.room {
            Room::Center(verb) => verb.work_as_child(),
            Room::Demo(demo) => demo.work_as_child(),
            Room::Endpoint(verb) => verb.work_as_child(),
            _ => None,
        }
    }

    /// Runs what was asked for.
    ///
    /// # Errors
    /// The cause, for people.
    pub(crate) async fn run(self, out: &Out) -> Result<()> {
        match self.room {
            Room::Demo(demo) => demo.run(*out).await,
            Room::Up(up) => up.run(*out).await,
            Room::Endpoint(verb) => verb.run(*out).await,
            Room::Verify(verify) => verify.run(*out),
            Room::Conveyer(verb) => verb.run(*out).await,
            Room::Release(verb) => verb.run(*out).await,
            Room::Supervisor(verb) => verb.run(*out).await,
            Room::Center(verb) => verb.run(*out).await,
            Room::Opener(verb) => verb.run().await,
            Room::Audit(verb) => verb.run(*out).await,
            Room::Log(verb) => verb.run(*out).await,
            Room::Witness(verb) => verb.run().await,
            Room::Mirror(verb) => verb.run(*out).await,
            Room::Compare(compare) => compare.run(*out),
            Room::Trace(trace) => trace.run(*out),
            Room::Sbom(verb) => verb.run(*out),
            Room::Keys(verb) => verb.run(*out),
            Room::Proof(verb) => verb.run(*out),
            Room::Statement(verb) => verb.run(*out).await,
            Room::Constitution(verb) => verb.run(*out).await,
        }
    }
}

/// POSIX seconds by the system's clock.
fn now() -> u64 {
    ::release::system_clock()
}
