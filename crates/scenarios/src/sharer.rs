//! An endpoint whose owner shares a file.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use endpoint::sharing::{self, Config, Extent, Proof, SharedSample, SharingError};

use crate::{
    admission::Installed,
    cells::HOMES,
    world::{LOOK_EVERY, World},
};

/// The uid of the sandboxes in which endpoints look into files is apart from those of cells and rebuilders.
const SANDBOX: u32 = 30;
/// How long machines may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of its one file, and where its configuration lies.
pub(crate) struct Sharer {
    pub(crate) config: Config,
    /// The same as a file, for the program.
    pub(crate) config_file: PathBuf,
    pub(crate) file: PathBuf,
    /// How much of it.
    pub(crate) extent: Extent,
}

impl Sharer {
    /// An endpoint in a directory of its own, that shares its file whole. `address` says where it believes the cell of a home
    /// to be.
    pub(crate) fn prepare(
        world: &World,
        name: &str,
        file: (&str, &[u8]),
        address: impl Fn(&str) -> String,
    ) -> Result<Self> {
        let extent = Extent::Whole;
        Self::prepare_with(world, name, file, (extent, ""), address)
    }

    /// An endpoint that looks into its file, by the rules in a directory, and shares what matched.
    pub(crate) fn looking(
        world: &World,
        name: &str,
        file: (&str, &[u8]),
        rules: &Path,
    ) -> Result<Self> {
        let setting = looking(rules);
        let how = (Extent::Matching, &*setting);
        Self::prepare_with(world, name, file, how, |home| world.cell_url(home))
    }

    /// Writes the configuration of an endpoint that looks into files, by the rules in a directory.
    pub(crate) fn configure_looking(world: &World, name: &str, rules: &Path) -> Result<PathBuf> {
        configure(world, name, &looking(rules), |home| world.cell_url(home))
    }

    fn prepare_with(
        world: &World,
        name: &str,
        (file, bytes): (&str, &[u8]),
        (extent, settings): (Extent, &str),
        address: impl Fn(&str) -> String,
    ) -> Result<Self> {
        let config_file = configure(world, name, settings, address)?;
        let file = world.make_dir(name, "files")?.join(file);
        fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        let text = fs::read_to_string(&config_file)?;
        Ok(Self {
            config: toml::from_str(&text).context("the configuration of sharing")?,
            config_file,
            file,
            extent,
        })
    }

    /// Its owner agrees, as somebody of this country.
    pub(crate) fn agree(&self, country: &str) -> Result<()> {
        sharing::give_consent(&self.config, &country.parse()?, release::system_clock())?;
        Ok(())
    }

    /// Seals its file into the queue.
    pub(crate) async fn seal(&self) -> Result<sharing::Shared, SharingError> {
        let (now, go_on) = (release::system_clock(), |_| ControlFlow::Continue(()));
        let files = [&*self.file];
        let mut sealed = sharing::share(&self.config, &files, self.extent, now, &go_on).await?;
        Ok(sealed.remove(0))
    }

    /// Sends, demands and asks until the sample is as `done` wants it.
    pub(crate) async fn wait(
        &self,
        what: &str,
        done: impl Fn(&SharedSample) -> bool,
    ) -> Result<SharedSample> {
        let started = Instant::now();
        loop {
            let (now, go_on) = (release::system_clock(), |_| ControlFlow::Continue(()));
            let sent = sharing::send(&self.config, now, &go_on).await?;
            let report = sharing::shared(&self.config)?;
            let sample = report.samples.into_iter().next();
            let sample = sample.context("the file was shared")?;
            if done(&sample) {
                return Ok(sample);
            }
            if started.elapsed() > PATIENCE {
                let file = self.file.display();
                bail!("there is no {what} of {file} after {PATIENCE:?}: {sent}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Settings of an endpoint that looks into files.
fn looking(rules: &Path) -> String {
    format!("database = {rules:?}\nsandbox_party = {SANDBOX}\n")
}

/// Writes the configuration of an endpoint that shares files; where it lies.
fn configure(
    world: &World,
    name: &str,
    settings: &str,
    address: impl Fn(&str) -> String,
) -> Result<PathBuf> {
    // The program is started elsewhere than where the configuration is written.
    let dir = world.make_dir(name, "sharing")?;
    let dir = fs::canonicalize(&dir).with_context(|| format!("cannot find {}", dir.display()))?;
    let mut text = format!("dir = {dir:?}\nanchor = \"{}\"\n{settings}", world.anchor());
    if world.issuer.is_some() {
        let Installed { key, licence } = world.install(name)?;
        text += &format!("installation = {key:?}\nlicence = {licence:?}\n");
    }
    for home in HOMES {
        let (url, log) = (address(home), world.center_log_url());
        text += &format!("[[center]]\nhome = \"{home}\"\nurl = \"{url}\"\nlog = \"{log}\"\n");
        if world.issuer.is_some() {
            text += &format!("issuer_url = \"{}\"\n", world.issuer_url());
        }
    }
    let config_file = world.dir.join(name).join("sharing.toml");
    fs::write(&config_file, text)
        .with_context(|| format!("cannot write {}", config_file.display()))?;
    Ok(config_file)
}

/// What is proven, if it is.
pub(crate) const fn said<T>(proof: &Proof<T>) -> Option<&T> {
    match proof {
        Proof::Verified { said, .. } => Some(said),
        _ => None,
    }
}
