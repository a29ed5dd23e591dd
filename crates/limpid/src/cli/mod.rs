//! The command line: one file per room.

mod conveyer;
mod demo;
mod endpoint;
mod keys;
mod log;
mod release;
mod statement;
mod supervisor;
#[cfg(test)]
mod units;
mod up;
mod witness;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::{confined::Territory, out::Out};

/// A transparency center in a box: what you received is what was audited.
#[derive(Debug, Parser)]
#[command(
    name = "limpid",
    version,
    max_term_width = 80,
    propagate_version = true
)]
pub(crate) struct Limpid {
    /// Print one JSON value instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What daemons log to standard error: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    pub(crate) log_level: String,
    #[command(subcommand)]
    room: Room,
}

#[derive(Debug, Subcommand)]
enum Room {
    /// Show the whole way of a release on this machine, and every attack on it
    Demo(demo::Demo),
    /// Run all daemons of a world on this machine until interrupted
    Up(up::Up),
    /// Endpoint: update with proof, verify any file offline
    #[command(subcommand)]
    Endpoint(endpoint::Verb),
    /// Conveyer: build from source, rebuild somebody else's build
    #[command(subcommand)]
    Conveyer(conveyer::Verb),
    /// Release: sign, publish and withdraw releases for the center
    #[command(subcommand)]
    Release(release::Verb),
    /// Supervisor: verify everything, approve, co-sign
    #[command(subcommand)]
    Supervisor(supervisor::Verb),
    /// Log: a public append-only log
    #[command(subcommand)]
    Log(log::Verb),
    /// Witness: cosign checkpoints of logs that only grow
    #[command(subcommand)]
    Witness(witness::Verb),
    /// Keys: make and show signing keys
    #[command(subcommand)]
    Keys(keys::Verb),
    /// Statement: sign and show statements
    #[command(subcommand)]
    Statement(statement::Verb),
}

/// Where a room's configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// Configuration of the room (TOML; unknown keys are errors)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Limpid {
    /// Confines this process if it is to be a daemon that works with files only. Call it before any thread starts.
    ///
    /// Conveyer and rebuilders start bubblewrap, which makes mounts, and landlock forbids those: they stay as they
    /// are, and each command they run is in a sandbox of its own.
    ///
    /// # Errors
    /// The configuration, or the kernel's refusal, for people.
    pub(crate) fn confine(&self) -> Result<()> {
        let territory = match &self.room {
            Room::Log(verb) => verb.territory()?,
            Room::Witness(verb) => Some(verb.territory()?),
            Room::Supervisor(verb) => verb.territory()?,
            Room::Release(verb) => verb.territory()?,
            Room::Demo(_)
            | Room::Up(_)
            | Room::Endpoint(_)
            | Room::Conveyer(_)
            | Room::Keys(_)
            | Room::Statement(_) => None,
        };
        territory.map_or(Ok(()), Territory::enter)
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
            Room::Conveyer(verb) => verb.run(*out).await,
            Room::Release(verb) => verb.run(*out).await,
            Room::Supervisor(verb) => verb.run(*out).await,
            Room::Log(verb) => verb.run(*out).await,
            Room::Witness(verb) => verb.run().await,
            Room::Keys(verb) => verb.run(*out),
            Room::Statement(verb) => verb.run(*out),
        }
    }
}

/// POSIX seconds by the system's clock.
fn now() -> u64 {
    ::release::system_clock()
}
