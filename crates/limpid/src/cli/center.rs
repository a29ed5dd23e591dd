//! `limpid center ...`

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Args, Subcommand, ValueEnum};
use keys::{Passphrase, SecretKey, StatementKey};
use logclient::LogClient;
use serde_json::json;
use statement::{CountryCode, EpochPurpose};
use tlog::Origin;

use super::ConfigFile;
use crate::confined::Territory;
use crate::out::Out;

const DAY_SECONDS: u64 = 86_400;
/// How long a log may take to have an epoch witnessed.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Purpose {
    Center,
    Supervisor,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Take in sealed samples and analyse them, until interrupted
    Serve(ConfigFile),
    /// Issue admission tokens to licensed installations, until interrupted
    Issuer(ConfigFile),
    /// Sign the licence of an installation, by which issuers of tokens know it
    Licence(Issued),
    /// Make the key of an opening epoch, for center or supervisor, and log it
    Epoch(Epoch),
    /// Write down which samples at rest machines should look at again
    AskReanalysis(Ask),
    /// Analyse samples, each in a child of its own, as a cell's program in its sandbox
    #[command(hide = true)]
    Work {
        /// Directory of the rule database
        #[arg(long, value_name = "DIR")]
        database: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(override_usage = "limpid center ask-reanalysis --config <FILE> --count <N> --out <FILE>")]
pub(super) struct Ask {
    #[command(flatten)]
    file: ConfigFile,
    /// How many samples, at most
    #[arg(long, value_name = "N")]
    count: usize,
    /// Where to write the list for the supervisor; never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Ask {
    async fn run(self, out: Out) -> Result<()> {
        let config: center::Config = serve::load_config(&self.file.config)?;
        let asked = center::ask_reanalysis(&config, self.count).await?;
        let path = self.out.display();
        let written = fs::File::create_new(&self.out)
            .and_then(|mut file| file.write_all(asked.text.as_bytes()));
        written.with_context(|| format!("cannot write {path}"))?;
        let (count, root) = (asked.tree.seals().len(), asked.tree.root());
        let text = format!("{count} samples under {root}, listed in {path}");
        out.result(&text, &json!({"count": count, "root": root}));
        Ok(())
    }
}

#[derive(Debug, Args)]
#[command(override_usage = "limpid center epoch --purpose <PURPOSE> --home <COUNTRY> --key <FILE>")]
pub(super) struct Epoch {
    /// Whose share of samples at rest it opens
    #[arg(long, value_enum)]
    purpose: Purpose,
    /// The jurisdiction whose samples it is for
    #[arg(long, value_name = "COUNTRY")]
    home: CountryCode,
    /// Where to write its key; never overwritten
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Key that signs the statement
    #[arg(long, value_name = "FILE")]
    signer: PathBuf,
    /// Where the signer's passphrase is: env:NAME or file:PATH
    #[arg(long, value_name = "WHERE")]
    passphrase: Option<String>,
    /// Origin of the log
    #[arg(long)]
    origin: Origin,
    /// Where the log is reached
    #[arg(long, value_name = "URL")]
    log_url: String,
    /// Days in which endpoints seal to it
    #[arg(long, default_value_t = 30)]
    days: u64,
    /// Days from now after which its key is destroyed
    #[arg(long, value_name = "DAYS", default_value_t = 365)]
    keep_days: u64,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "limpid center licence --signer <FILE> --installation <KEY> --out <FILE>"
)]
pub(super) struct Issued {
    /// Licence key of the vendor
    #[arg(long, value_name = "FILE")]
    signer: PathBuf,
    /// Where its passphrase is: env:NAME or file:PATH
    #[arg(long, value_name = "WHERE")]
    passphrase: Option<String>,
    /// Public key of the installation, as `limpid keys show` prints it
    #[arg(long, value_name = "KEY")]
    installation: String,
    /// Days for which it is known
    #[arg(long, default_value_t = 365)]
    days: u64,
    /// Where to write the licence; never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Issued {
    fn run(self, out: Out) -> Result<()> {
        let passphrase = self.passphrase.as_deref().map(Passphrase::from_origin);
        let signer = SecretKey::load(&self.signer, passphrase.transpose()?.as_ref())?;
        let raw = STANDARD.decode(&self.installation).unwrap_or_default();
        let installation: [u8; 32] = raw
            .try_into()
            .ok()
            .context("an installation key is base64 of 32 bytes; see `limpid keys show`")?;
        let until = super::now().saturating_add(self.days.saturating_mul(DAY_SECONDS));
        let message = token::licence_message(&installation, until);
        let signed = signer.sign(&message);
        let signed = signed.as_slice().try_into();
        let signed = signed.context("a licence key is an Ed25519 key")?;
        let licence = token::Licence::new(installation, until, signed).to_text();
        let mut file = File::create_new(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        file.write_all(licence.as_bytes())
            .and_then(|()| file.sync_all())
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        let text = format!("licence of {} until {until}", self.installation);
        out.result(
            &text,
            &json!({"installation": self.installation, "valid_until": until}),
        );
        Ok(())
    }
}

impl Epoch {
    async fn run(self, out: Out) -> Result<()> {
        let passphrase = self.passphrase.as_deref().map(Passphrase::from_origin);
        let secret = SecretKey::load(&self.signer, passphrase.transpose()?.as_ref())?;
        let signer = StatementKey::new(secret)?;
        let now = super::now();
        let after = |days: u64| now.saturating_add(days.saturating_mul(DAY_SECONDS));
        let plan = center::EpochPlan {
            purpose: match self.purpose {
                Purpose::Center => EpochPurpose::Center,
                Purpose::Supervisor => EpochPurpose::Supervisor,
            },
            home: self.home,
            audience: vec![self.origin.clone()],
            not_after: after(1),
            valid_from: now,
            valid_until: after(self.days),
            destroy_by: after(self.keep_days),
        };
        let http = serve::Client::new(&serve::ClientConfig::default())?;
        let log = LogClient::new(http, &self.log_url, self.origin);
        let epoch = center::log_opening_epoch(plan, &self.key, &signer, &log, PATIENCE).await?;
        out.result(&format!("epoch {epoch}"), &json!({"epoch": epoch}));
        Ok(())
    }
}

impl Verb {
    /// What the issuer needs; a cell starts bubblewrap, whose mounts landlock forbids.
    pub(super) fn territory(&self) -> Result<Option<Territory>> {
        let Self::Issuer(file) = self else {
            return Ok(None);
        };
        let config: center::IssuerConfig = serve::load_config(&file.config)?;
        let territory = Territory::of(&file.config, &config.dir)
            .reads([&config.key])
            .passphrase(config.passphrase.as_deref());
        Ok(Some(territory))
    }

    /// Forks children for samples, if this is what was asked: before any thread starts, since a fork copies none.
    pub(super) fn work_as_child(&self) -> Option<ExitCode> {
        let Self::Work { database } = self else {
            return None;
        };
        let attend = || -> Result<()> {
            let database = center::load_database(database.as_deref())?;
            Ok(center::attend(&database)?)
        };
        Some(match attend() {
            Ok(()) => ExitCode::SUCCESS,
            // Read by the cell, which says it to people.
            Err(error) => Out::new(false).failed(&error),
        })
    }

    pub(super) async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Serve(file) => {
                let config = serve::load_config(&file.config)?;
                center::serve(config, serve::stop_signal()?).await?;
            }
            Self::Issuer(file) => {
                let config = serve::load_config(&file.config)?;
                center::serve_issuer(config, serve::stop_signal()?).await?;
            }
            Self::Licence(licence) => licence.run(out)?,
            Self::Epoch(epoch) => epoch.run(out).await?,
            Self::AskReanalysis(ask) => ask.run(out).await?,
            // Done before the runtime began.
            Self::Work { .. } => {}
        }
        Ok(())
    }
}
