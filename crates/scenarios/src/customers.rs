//! Cells in a world that goes on, and what a customer needs to share files with them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use law::Residence;

use crate::{
    cells::Machines,
    custody::{install_rules, program_digest, release_rules},
    sharer::Sharer,
    world::{Told, World},
};

/// The releases that the cells work with: written when everything before the first start is done.
const MACHINES: &str = "vendor/machines.json";
/// The customer's directory, below the world's.
const CUSTOMER: &str = "customer";

impl World {
    /// Opens both cells. The first time all parties sign where files go, and rules and a table are released; from then on that
    /// stands. The configuration with which a customer shares files.
    ///
    /// # Errors
    /// When a party refuses, a daemon does not start, or a file cannot be written.
    pub async fn open_for_customers(&mut self, told: Told<'_>) -> Result<PathBuf> {
        let file = self.dir.join(MACHINES);
        let kept = kept_machines(&file)?;
        let is_first = kept.is_none();
        let machines = match kept {
            Some(kept) => Machines {
                worker: program_digest(&self.limpid)?,
                ..kept
            },
            None => {
                told(
                    "rules and a scoring table are built, rebuilt and signed; this takes a moment",
                );
                release_rules(self, &|_| ()).await?
            }
        };
        let governed = match self.is_governed().await? {
            true => None,
            false => Some(self.govern_residency().await?),
        };
        self.start_cells(&machines, told).await?;
        if let Some(governed) = governed {
            self.keep_promises(&governed).await?;
        }
        let customer = self.equip_customer().await?;
        if is_first {
            let text = serde_json::to_vec_pretty(&machines)?;
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(customer)
    }

    /// Whether a policy stands that says where files go.
    async fn is_governed(&self) -> Result<bool> {
        let mut follower = self.follower()?;
        follower.sync().await?;
        Ok(Residence::check(follower.view()?).is_ok())
    }

    /// Rules to look into files with, a licence, and the configuration.
    async fn equip_customer(&self) -> Result<PathBuf> {
        let name = format!("{CUSTOMER}/rules");
        let rules = self.dir.join(&name).join("current");
        if !rules.exists() {
            install_rules(self, &name, "detection").await?;
        }
        let rules = fs::canonicalize(self.dir.join(&name))?.join("current");
        Sharer::configure_looking(self, CUSTOMER, &rules)
    }
}

fn kept_machines(file: &Path) -> Result<Option<Machines>> {
    match fs::read(file) {
        Ok(bytes) => {
            let kept = serde_json::from_slice(&bytes);
            kept.with_context(|| format!("{} is damaged", file.display()))
                .map(Some)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}
