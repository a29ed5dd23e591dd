//! `limpid up`

use std::{env, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use scenarios::{cast::Cast, story, world::World};
use serde_json::json;

use super::now;
use crate::out::Out;

/// Run all daemons of a world on this machine until interrupted
#[derive(Debug, Args)]
pub(super) struct Up {
    /// Where its files lie; founded there if there is no world yet
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Open cells in Zurich and Moscow, too, and prepare a customer
    #[arg(long)]
    cells: bool,
    /// Lock of an environment that software is built in; may be given several
    /// times
    #[arg(long = "environment", value_name = "LOCK")]
    environments: Vec<PathBuf>,
    /// Folder with .crate files that cargo fetched, for software with a
    /// Cargo.lock: registry/cache
    #[arg(long, value_name = "DIR")]
    crates: Option<PathBuf>,
}

/// Said of a daemon that did not confine itself.
const NOT_CONFINED: &str =
    "no: its sandboxes need mounts, which landlock forbids; what it runs is inside of one";

impl Up {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        let limpid = env::current_exe().context("cannot find this program")?;
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot create {}", self.dir.display()))?;
        let dir = self
            .dir
            .canonicalize()
            .with_context(|| format!("cannot find {}", self.dir.display()))?;
        let stop = serve::stop_signal()?;
        let mut world = World::found(&dir, &limpid, Cast::smallest(), now())?;
        // Daemons have other working directories.
        let found = |path: &PathBuf| {
            let found = path.canonicalize();
            found.with_context(|| format!("cannot find {}", path.display()))
        };
        let locks = self.environments.iter().map(found);
        world.supplies.locks = locks.collect::<Result<_>>()?;
        world.supplies.crates = self.crates.as_ref().map(found).transpose()?;
        world
            .start(&mut |line| out.progress(&format!("  {line}")))
            .await?;
        world.write_configs()?;
        story::endpoint_config(
            &world,
            "endpoint",
            &world.repository_url(),
            "rules",
            "lures",
        )?;
        let customer = match self.cells {
            true => {
                let mut tell = |line: &str| out.progress(&format!("  {line}"));
                Some(world.open_for_customers(&mut tell).await?)
            }
            false => None,
        };
        out.progress("\nconfined to its own directory:");
        let mut daemons = Vec::new();
        for daemon in world.daemons() {
            let held = daemon.confinement()?;
            let said = held.as_deref().unwrap_or(NOT_CONFINED);
            out.folded(2, &format!("{:<20} {said}", daemon.name()));
            daemons.push(json!({"name": daemon.name(), "url": daemon.url(), "confinement": held}));
        }
        let shares = match customer {
            Some(_) => "customer/sharing.toml, ",
            None => "",
        };
        out.result(
            &format!(
                "\nanchor {}\nconfigurations: {shares}vendor/conveyer.toml, vendor/release.toml and endpoint.toml in\n  {}\nrunning; interrupt to stop",
                world.anchor(),
                dir.display()
            ),
            &json!({"anchor": world.anchor(), "daemons": daemons, "sharing": customer}),
        );
        stop.await;
        Ok(())
    }
}
