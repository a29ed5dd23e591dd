//! A world: the parties of a cast with their directories, keys, configurations and running daemons.
//!
//! ```text
//! <world>/constitution/            payload, envelopes, anchor, TUF root
//! <world>/vendor/{keys,log,conveyer,release,repository,detection,cell-ch,cell-ru}/
//! <world>/supervisor/{keys,log,office}/
//! <world>/lab-a/{keys,witness,rebuilder}/   <world>/lab-b/...
//! ```

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context as _, Result};
use logclient::{Follower, LogClient};
use serve::{Client, ClientConfig};
use statement::{Admission, Role, StatementDigest};
use tlog::NoteSigner as _;

use crate::{
    cast::Cast,
    ceremony::{self, CENTER_LOG, Founded, LOG_KEYS, SUPERVISOR_LOG, key_path},
    daemon::Daemon,
    supplies::Supplies,
};

/// How long the founding waits for witnesses.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Told about each thing that happens while a world starts.
pub type Told<'a> = &'a mut dyn FnMut(&str);

/// A running world. Its daemons stop when it is dropped.
#[derive(Debug)]
pub struct World {
    /// Where everything lies.
    pub dir: PathBuf,
    /// For builds; those who start the world may fill it before.
    pub supplies: Supplies,
    /// The program that the daemons run.
    pub limpid: PathBuf,
    /// Who takes part.
    pub cast: Cast,
    /// What came of the founding.
    pub founded: Founded,
    /// HTTP client of the scenarios.
    pub http: Client,
    witnesses: Vec<Daemon>,
    center_log: Option<Daemon>,
    supervisor_log: Option<Daemon>,
    repository: Option<Daemon>,
    supervisor: Option<Daemon>,
    rebuilders: Vec<Daemon>,
    pub(crate) cells: Vec<Daemon>,
    pub(crate) issuer: Option<Daemon>,
    /// Keys of admission tokens that were looked up in the log.
    pub(crate) admissions: Mutex<BTreeMap<StatementDigest, Admission>>,
}

impl World {
    /// Founds a world in `dir`, or takes up the one that is there.
    ///
    /// # Errors
    /// When files cannot be written or read.
    pub fn found(dir: &Path, limpid: &Path, cast: Cast, now: u64) -> Result<Self> {
        let founded = if dir.join("constitution").join("anchor").exists() {
            Founded::load(dir, &cast)?
        } else {
            ceremony::found(dir, &cast, now)?
        };
        Ok(Self {
            dir: dir.to_owned(),
            supplies: Supplies::default(),
            limpid: limpid.to_owned(),
            cast,
            founded,
            http: Client::new(&ClientConfig::default())?,
            witnesses: Vec::new(),
            center_log: None,
            supervisor_log: None,
            repository: None,
            supervisor: None,
            rebuilders: Vec::new(),
            cells: Vec::new(),
            issuer: None,
            admissions: Mutex::default(),
        })
    }

    /// The trust anchor.
    pub const fn anchor(&self) -> StatementDigest {
        self.founded.anchor
    }

    /// Starts all daemons, and publishes the founding.
    ///
    /// # Errors
    /// When a daemon does not start, or the founding is refused.
    pub async fn start(&mut self, told: Told<'_>) -> Result<()> {
        self.start_services(told).await?;
        self.start_rebuilders(told)
    }

    /// Starts witnesses, logs, repository and supervisor, and publishes the founding.
    ///
    /// # Errors
    /// As [`World::start`].
    pub async fn start_services(&mut self, told: Told<'_>) -> Result<()> {
        self.start_witnesses(told)?;
        self.start_logs(told)?;
        for (url, origin) in [
            (self.center_log_url(), CENTER_LOG),
            (self.supervisor_log_url(), SUPERVISOR_LOG),
        ] {
            let client = LogClient::new(self.http.clone(), &url, origin.parse()?);
            // The first entries cannot be witnessed before the last party's signature is in.
            for envelope in &self.founded.envelopes {
                client.submit_without_waiting(envelope).await?;
            }
            for envelope in &self.founded.envelopes {
                client.submit_until_witnessed(envelope, PATIENCE).await?;
            }
            told(&format!(
                "{origin}: constitution {} logged and witnessed",
                self.anchor().short()
            ));
        }
        self.start_repository(told)?;
        self.start_supervisor(told)?;
        crate::vendor::init_repository(self).await?;
        told("TUF repository: root named by the constitution, delegations, empty roles published");
        Ok(())
    }

    /// Address of the center's log.
    pub fn center_log_url(&self) -> String {
        url_of(self.center_log.as_ref())
    }

    /// Address of the supervisor's log.
    pub fn supervisor_log_url(&self) -> String {
        url_of(self.supervisor_log.as_ref())
    }

    /// Address of the TUF repository.
    pub fn repository_url(&self) -> String {
        url_of(self.repository.as_ref())
    }

    /// Address of the supervisor.
    pub fn supervisor_url(&self) -> String {
        url_of(self.supervisor.as_ref())
    }

    /// Addresses of the witnesses, by party.
    pub fn witness_urls(&self) -> Vec<String> {
        self.witnesses
            .iter()
            .map(|daemon| daemon.url().to_owned())
            .collect()
    }

    /// Every running daemon.
    pub fn daemons(&self) -> impl Iterator<Item = &Daemon> {
        let singles = [
            &self.center_log,
            &self.supervisor_log,
            &self.repository,
            &self.supervisor,
        ];
        self.witnesses
            .iter()
            .chain(singles.into_iter().flatten())
            .chain(&self.rebuilders)
            .chain(&self.cells)
            .chain(&self.issuer)
    }

    /// Kills a daemon with SIGKILL. Its name is `<party>/<directory>`, for example `vendor/log`.
    ///
    /// # Errors
    /// When there is no such daemon or it cannot be killed.
    pub fn kill_daemon(&mut self, name: &str) -> Result<()> {
        self.daemon_mut(name)?.kill()
    }

    /// Starts a killed daemon again, at the address where the others know it.
    ///
    /// # Errors
    /// When there is no such daemon or it does not start.
    pub fn restart_daemon(&mut self, name: &str) -> Result<()> {
        let config = self.dir.join(format!("{name}.toml"));
        let daemon = self.daemon_mut(name)?;
        let address = daemon
            .url()
            .strip_prefix("http://")
            .context("daemons listen on plain HTTP")?;
        let text = fs::read_to_string(&config)?
            .replace(SERVER, &format!("[server]\nlisten = \"{address}\"\n"));
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        daemon.start_again()
    }

    fn daemon_mut(&mut self, name: &str) -> Result<&mut Daemon> {
        let singles = [
            &mut self.center_log,
            &mut self.supervisor_log,
            &mut self.repository,
            &mut self.supervisor,
        ];
        self.witnesses
            .iter_mut()
            .chain(singles.into_iter().flatten())
            .chain(&mut self.rebuilders)
            .chain(&mut self.cells)
            .chain(&mut self.issuer)
            .find(|daemon| daemon.name() == name)
            .with_context(|| format!("there is no daemon {name}"))
    }

    /// The repository's directory.
    pub fn repository_dir(&self) -> PathBuf {
        self.dir.join("vendor").join("repository")
    }

    /// A client of the center's log.
    pub fn center_client(&self) -> Result<LogClient> {
        Ok(LogClient::new(
            self.http.clone(),
            &self.center_log_url(),
            CENTER_LOG.parse()?,
        ))
    }

    /// A client of the supervisor's log.
    pub fn supervisor_client(&self) -> Result<LogClient> {
        let (http, url) = (self.http.clone(), self.supervisor_log_url());
        Ok(LogClient::new(http, &url, SUPERVISOR_LOG.parse()?))
    }

    /// A fresh follower of the center's log.
    pub fn follower(&self) -> Result<Follower> {
        Ok(Follower::new(self.center_client()?, self.anchor()))
    }

    fn start_witnesses(&mut self, told: Told<'_>) -> Result<()> {
        for party in self
            .cast
            .parties
            .clone()
            .iter()
            .filter(|party| party.has(Role::Witness))
        {
            let name = ceremony::witness_name(party.id)?;
            let mut config = format!(
                "dir = {:?}\nname = \"{name}\"\ned25519_key = {:?}\nml_dsa_key = {:?}\n",
                self.make_dir(party.id, "witness")?,
                key_path(&self.dir, party.id, "witness"),
                key_path(&self.dir, party.id, "witness-mldsa"),
            );
            config += SERVER;
            for (party, origin) in [("vendor", CENTER_LOG), ("supervisor", SUPERVISOR_LOG)] {
                let vkeys = LOG_KEYS
                    .iter()
                    .map(|(file, key_type)| {
                        let key =
                            ceremony::note_key(&self.dir, party, file, origin.parse()?, *key_type)?;
                        Ok(key.vkey().to_string())
                    })
                    .collect::<Result<Vec<_>>>()?;
                config += &format!("[[logs]]\norigin = \"{origin}\"\nvkeys = {vkeys:?}\n");
            }
            let daemon = self.daemon(party.id, "witness", &["witness", "serve"], &config)?;
            told(&format!("witness {} listens at {}", party.id, daemon.url()));
            self.witnesses.push(daemon);
        }
        Ok(())
    }

    fn start_logs(&mut self, told: Told<'_>) -> Result<()> {
        self.center_log = Some(self.start_log("vendor", CENTER_LOG, told)?);
        self.supervisor_log = Some(self.start_log("supervisor", SUPERVISOR_LOG, told)?);
        Ok(())
    }

    fn start_log(&self, party: &str, origin: &str, told: Told<'_>) -> Result<Daemon> {
        let mut config = format!(
            "dir = {:?}\norigin = \"{origin}\"\nanchor = \"{}\"\ned25519_key = {:?}\nml_dsa_key = {:?}\n",
            self.make_dir(party, "log")?,
            self.anchor(),
            key_path(&self.dir, party, "log"),
            key_path(&self.dir, party, "log-mldsa"),
        );
        config += ROOMY;
        config += SERVER;
        for witness in &self.witnesses {
            config += &format!("[[witnesses]]\nurl = \"{}\"\n", witness.url());
        }
        let daemon = self.daemon(party, "log", &["log", "serve"], &config)?;
        told(&format!("log {origin} listens at {}", daemon.url()));
        Ok(daemon)
    }

    fn start_repository(&mut self, told: Told<'_>) -> Result<()> {
        let daemon = self.serve_repository("vendor", "mirror", &self.repository_dir())?;
        told(&format!("repository served at {}", daemon.url()));
        self.repository = Some(daemon);
        Ok(())
    }

    /// Serves a directory as a TUF repository: the vendor's own, or an attacker's copy of it.
    ///
    /// # Errors
    /// When the server does not start.
    pub fn serve_repository(&self, party: &str, name: &str, repository: &Path) -> Result<Daemon> {
        fs::create_dir_all(repository)
            .with_context(|| format!("cannot create {}", repository.display()))?;
        let dir = self.make_dir(party, name)?;
        let config = format!("dir = {dir:?}\nrepository = {repository:?}\n{SERVER}");
        self.daemon(party, name, &["release", "serve"], &config)
    }

    fn start_supervisor(&mut self, told: Told<'_>) -> Result<()> {
        let key = |file| key_path(&self.dir, "supervisor", file);
        let config = format!(
            "dir = {:?}\norigin = \"{CENTER_LOG}\"\nlog_url = \"{}\"\nown_origin = \"{SUPERVISOR_LOG}\"\n\
             own_log_url = \"{}\"\nanchor = \"{}\"\nrepository_url = \"{}\"\n\
             verifier = \"https://supervisor.limpid.example\"\npoll_ms = 50\n\
             {ROOMY}{SERVER}[keys]\nsupervisor = {:?}\ntargets = {:?}\nsoftware = {:?}\nrules = {:?}\n",
            self.make_dir("supervisor", "office")?,
            self.center_log_url(),
            self.supervisor_log_url(),
            self.anchor(),
            self.repository_url(),
            key("supervisor"),
            key("tuf-targets"),
            key("tuf-software"),
            key("tuf-rules"),
        );
        let daemon = self.daemon("supervisor", "office", &["supervisor", "serve"], &config)?;
        told(&format!("supervisor listens at {}", daemon.url()));
        self.supervisor = Some(daemon);
        Ok(())
    }

    /// Stops the supervisor, as if it fell silent.
    pub fn silence_supervisor(&mut self) {
        self.supervisor = None;
    }

    fn start_rebuilders(&mut self, told: Told<'_>) -> Result<()> {
        let labs: Vec<_> = self
            .cast
            .parties
            .iter()
            .filter(|party| party.has(Role::Rebuilder))
            .map(|p| p.id)
            .collect();
        for (number, party) in (1u32..).zip(labs) {
            let daemon = self.start_rebuilder(party, number)?;
            told(&format!("rebuilder {party} listens at {}", daemon.url()));
            self.rebuilders.push(daemon);
        }
        Ok(())
    }

    fn start_rebuilder(&self, party: &str, number: u32) -> Result<Daemon> {
        let config = format!(
            "dir = {:?}\norigin = \"{CENTER_LOG}\"\nlog_url = \"{}\"\nanchor = \"{}\"\nvariation = {number}\n\
             key = {:?}\npoll_ms = 50\n{ROOMY}{PATIENT}{}[isolation]\nparty = {number}\n\
             [environments]\nlocks = {:?}\n{SERVER}",
            self.make_dir(party, "rebuilder")?,
            self.center_log_url(),
            self.anchor(),
            key_path(&self.dir, party, "rebuilder"),
            self.supplies.crates_line(),
            self.supplies.locks,
        );
        self.daemon(party, "rebuilder", &["conveyer", "rebuild"], &config)
    }

    /// Stops one rebuilder for good.
    pub fn stop_rebuilder(&mut self, party: &str) {
        self.rebuilders
            .retain(|daemon| !daemon.name().starts_with(&format!("{party}/")));
    }

    /// Configuration of the conveyer, as TOML.
    pub fn conveyer_config(&self) -> Result<String> {
        let key = |file| key_path(&self.dir, "vendor", file);
        Ok(format!(
            "dir = {:?}\norigin = \"{CENTER_LOG}\"\nlog_url = \"{}\"\nanchor = \"{}\"\n\
             builder_id = \"https://conveyer.limpid.example\"\nauthored_in = \"RU\"\n\
             authors = [\"Example Antivirus engineers\"]\npoll_ms = 50\n{ROOMY}{PATIENT}{}\
             [keys]\nauthor = {:?}\nconveyer = {:?}\n[environments]\nlocks = {:?}\n",
            self.make_dir("vendor", "conveyer")?,
            self.center_log_url(),
            self.anchor(),
            self.supplies.crates_line(),
            key("author"),
            key("conveyer"),
            self.supplies.locks,
        ))
    }

    /// Configuration of the release room, as TOML.
    pub fn release_config(&self) -> Result<String> {
        let key = |file| key_path(&self.dir, "vendor", file);
        Ok(format!(
            "dir = {:?}\nrepository = {:?}\norigin = \"{CENTER_LOG}\"\nlog_url = \"{}\"\nanchor = \"{}\"\n\
             supervisor_url = \"{}\"\npoll_ms = 50\n\
             [[other_logs]]\norigin = \"{SUPERVISOR_LOG}\"\nurl = \"{}\"\n\
             [keys]\ncenter = {:?}\ntargets = {:?}\nsoftware = {:?}\nrules = {:?}\nsnapshot = {:?}\ntimestamp = {:?}\n",
            self.make_dir("vendor", "release")?,
            self.repository_dir(),
            self.center_log_url(),
            self.anchor(),
            self.supervisor_url(),
            self.supervisor_log_url(),
            key("center"),
            key("tuf-targets"),
            key("tuf-software"),
            key("tuf-rules"),
            key("tuf-online"),
            key("tuf-online"),
        ))
    }

    /// Writes the configurations of the vendor's verbs, `vendor/conveyer.toml` and
    /// `vendor/release.toml`, for people who release by hand.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_configs(&self) -> Result<()> {
        for (name, text) in [
            ("conveyer", self.conveyer_config()?),
            ("release", self.release_config()?),
        ] {
            let path = self.dir.join("vendor").join(format!("{name}.toml"));
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Creates a directory of a party.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn make_dir(&self, party: &str, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(party).join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    pub(crate) fn daemon(
        &self,
        party: &str,
        name: &str,
        verb: &[&str],
        config: &str,
    ) -> Result<Daemon> {
        let dir = self.dir.join(party);
        let file = dir.join(format!("{name}.toml"));
        fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
        let file = file.display().to_string();
        let args: Vec<&str> = verb.iter().copied().chain(["--config", &file]).collect();
        let url_file = dir.join(name).join("url");
        let log = dir.join(format!("{name}.log"));
        Daemon::start(
            &self.limpid,
            &format!("{party}/{name}"),
            &args,
            &url_file,
            &log,
        )
    }
}

/// Every daemon of a world listens on loopback, on a port that the system chooses.
pub(crate) const SERVER: &str = "[server]\nlisten = \"127.0.0.1:0\"\n";

/// What people release from a world on their own machine: programs of any size, whose builds take their time.
const PATIENT: &str = "wait_ms = 14_400_000\n";
/// See [`PATIENT`].
const ROOMY: &str = "blob_bytes_max = 536_870_912\n";

pub(crate) fn url_of(daemon: Option<&Daemon>) -> String {
    daemon.map_or_else(String::new, |daemon| daemon.url().to_owned())
}
