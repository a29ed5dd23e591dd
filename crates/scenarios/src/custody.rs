//! The second sentence of the story: files of customers in four countries, each to its home, judged by machines, proven to
//! their owners.

use std::{
    fs,
    io::Write as _,
    ops::ControlFlow,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use endpoint::sharing::{self, Config, Proof, SharedSample};
use serde_json::{Value, json};
use statement::{Outcome, StatementDigest};

use crate::{
    cells::{HOMES, Machines},
    examples::DETECTION_1_0,
    story::{Told, endpoint_config, run_in, shorten},
    vendor,
    world::{LOOK_EVERY, World},
};

/// How long machines may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The scoring table that this program judges by.
const SCORING: &str = scan::FIRST_SCORING;

/// A customer who agreed that files are shared.
struct Owner {
    country: &'static str,
    file: &'static str,
    bytes: fn() -> Vec<u8>,
    /// What the example policy promises, and what machines must find.
    home: &'static str,
    outcome: Outcome,
}

const OWNERS: [Owner; 4] = [
    Owner {
        country: "DE",
        file: "letter.txt",
        bytes: letter,
        home: "CH",
        outcome: Outcome::Clean,
    },
    Owner {
        country: "JP",
        file: "test-file.com",
        bytes: test_file,
        home: "CH",
        outcome: Outcome::Malicious,
    },
    Owner {
        country: "US",
        file: "invoice.vbs",
        bytes: script,
        home: "CH",
        outcome: Outcome::Suspicious,
    },
    Owner {
        country: "BR",
        file: "backup.gz",
        bytes: bomb,
        home: "RU",
        outcome: Outcome::Anomaly,
    },
];

fn letter() -> Vec<u8> {
    b"Dear Ms Berger, the meeting is moved to Tuesday, ten o'clock. Kind regards, A. Huber\n"
        .to_vec()
}

/// The EICAR test text, put together here: the file itself stands nowhere in this project.
fn test_file() -> Vec<u8> {
    let parts = [
        "X5O!P%@AP[4",
        "\\PZX54(P^)7C",
        "C)7}$EICAR-STAND",
        "ARD-ANTIVIRUS-TE",
        "ST-FILE!$H+H*",
    ];
    parts.concat().into_bytes()
}

fn script() -> Vec<u8> {
    b"' Your invoice\r\nSet shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe\"\r\n"
        .to_vec()
}

/// Thirty-two megabytes of nothing: nobody unpacks it to its end, so machines cannot tell.
fn bomb() -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let nothing = vec![0; 1 << 20];
    // Into memory: neither call can fail.
    for _ in 0..32 {
        let _ = gzip.write_all(&nothing);
    }
    gzip.finish().unwrap_or_default()
}

/// An endpoint's configuration of sharing, and where its owner's file lies.
struct Sharer {
    owner: &'static Owner,
    config: Config,
    /// The same as a file, for the program.
    config_file: PathBuf,
    file: PathBuf,
}

impl Sharer {
    fn prepare(world: &World, owner: &'static Owner) -> Result<Self> {
        let name = format!("endpoint-{}", owner.country.to_ascii_lowercase());
        let dir = world.make_dir(&name, "sharing")?;
        let mut text = format!("dir = {dir:?}\nanchor = \"{}\"\n", world.anchor());
        for home in HOMES {
            let (url, log) = (world.cell_url(home), world.center_log_url());
            text += &format!("[[center]]\nhome = \"{home}\"\nurl = \"{url}\"\nlog = \"{log}\"\n");
        }
        let config_file = world.dir.join(&name).join("sharing.toml");
        fs::write(&config_file, &text)
            .with_context(|| format!("cannot write {}", config_file.display()))?;
        let file = world.make_dir(&name, "files")?.join(owner.file);
        fs::write(&file, (owner.bytes)())
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self {
            owner,
            config: toml::from_str(&text).context("the configuration of sharing")?,
            config_file,
            file,
        })
    }

    /// Sends, demands and asks until the sample is as `done` wants it.
    async fn wait(&self, what: &str, done: impl Fn(&SharedSample) -> bool) -> Result<SharedSample> {
        let started = Instant::now();
        loop {
            let go_on = |_| ControlFlow::Continue(());
            let sent = sharing::send(&self.config, release::system_clock(), &go_on).await?;
            let report = sharing::shared(&self.config)?;
            let sample = report.samples.into_iter().next();
            let sample = sample.context("the file was shared")?;
            if done(&sample) {
                return Ok(sample);
            }
            if started.elapsed() > PATIENCE {
                bail!(
                    "{} has no {what} after {PATIENCE:?}: {sent}",
                    self.owner.file
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What the second half of the story tells to machines.
pub(crate) struct Custody {
    sharers: Vec<Sharer>,
}

impl Told<'_> {
    /// Rules go as code does; the cells install them as any endpoint would.
    pub(crate) async fn release_rules(&self) -> Result<Machines> {
        let world = self.world;
        let source = world.make_dir("vendor", "source")?.join("detection");
        DETECTION_1_0.write_to(&source, None)?;
        let quiet = |_: &str| ();
        let built = vendor::build(world, &source, &quiet).await?;
        self.line(&format!("build     {}", built.build));
        let proposed = vendor::propose(world, built.build, &quiet).await?;
        let quorum = &proposed.quorum;
        let rules = quorum.release().digest();
        self.line(&format!("release   {rules}"));
        let signers =
            [quorum.center(), quorum.supervisor()].map(|signer| signer.party().to_string());
        self.line(&format!(
            "rebuilt by two labs, signed by {}",
            signers.join(" and ")
        ));
        vendor::publish(world, &quiet).await?;
        let name = "vendor/detection";
        let config = endpoint_config(world, name, &world.repository_url(), "rules", "detection")?;
        let now = release::system_clock();
        let go_on = |_| ControlFlow::Continue(());
        let outcome = endpoint::update_watched(&config, now, &go_on).await?;
        let endpoint::Outcome::Installed { installed, .. } = outcome else {
            bail!("no rules were installed")
        };
        let file = config.dir.join(installed.path());
        self.line(&format!("installed by the cells: {installed}"));
        let program = fs::read(&world.limpid)
            .with_context(|| format!("cannot read {}", world.limpid.display()))?;
        Ok(Machines {
            worker: StatementDigest::of(&program),
            rules,
            scoring: StatementDigest::of(SCORING.as_bytes()),
            database: file.parent().context("a file has a directory")?.to_owned(),
        })
    }

    /// Consent, then where, then sealed and sent.
    pub(crate) async fn share(&self) -> Result<Custody> {
        let mut sharers = Vec::new();
        for owner in &OWNERS {
            let sharer = Sharer::prepare(self.world, owner)?;
            let now = release::system_clock();
            sharing::give_consent(&sharer.config, &owner.country.parse()?, now)?;
            sharers.push(sharer);
        }
        for sharer in &sharers {
            let now = release::system_clock();
            let go_on = |_| ControlFlow::Continue(());
            let shared = sharing::share(&sharer.config, &[&sharer.file], now, &go_on).await?;
            let shared = shared.first().context("one file was sealed")?;
            let Owner { country, home, .. } = sharer.owner;
            if shared.home.as_str() != *home {
                bail!(
                    "a file of {country} was sealed to {} and not to {home}",
                    shared.home
                );
            }
            self.line(&format!(
                "{country}  {:<13} -> {home}  by rule {}",
                sharer.owner.file, shared.rule,
            ));
        }
        if let Some(sharer) = sharers.first() {
            let verb = ["endpoint", "where", "--config"];
            self.show(&sharer.config_file, &verb)?;
        }
        for sharer in &sharers {
            sharer
                .wait("receipt", |sample| said(&sample.receipt).is_some())
                .await?;
        }
        self.line(
            "sent; each receipt is proven to stand in the log, in a batch with those of others",
        );
        Ok(Custody { sharers })
    }

    /// What became of each file, with the proofs of its owner.
    pub(crate) async fn judged(&self, custody: &Custody) -> Result<Value> {
        let mut told = Vec::new();
        for sharer in &custody.sharers {
            let sample = sharer
                .wait("verdict", |sample| said(&sample.verdict).is_some())
                .await?;
            let verdict = said(&sample.verdict).context("it was waited for")?;
            let Owner {
                country,
                home,
                outcome,
                ..
            } = sharer.owner;
            if verdict.outcome != *outcome {
                bail!(
                    "{}: {} and not {}",
                    sample.label,
                    verdict.outcome.as_str(),
                    outcome.as_str()
                );
            }
            let reasons = match verdict.reasons.is_empty() {
                true => "nothing found".to_owned(),
                false => verdict.reasons.join(", "),
            };
            self.line(&format!(
                "{country}  {:<13} {home}  {:<10} {reasons}",
                sharer.owner.file,
                verdict.outcome.as_str(),
            ));
            told.push(json!({"country": country, "sample": sample}));
        }
        let asked = custody
            .sharers
            .iter()
            .find(|sharer| sharer.owner.country == "US");
        if let Some(sharer) = asked {
            self.show(&sharer.config_file, &["endpoint", "shared", "--config"])?;
        }
        Ok(Value::from(told))
    }

    /// One owner takes the consent back.
    pub(crate) async fn withdrawn(&self, custody: &Custody) -> Result<Value> {
        let sharer = custody.sharers.last().context("somebody shared")?;
        let now = release::system_clock();
        sharing::withdraw_consent(&sharer.config, now)?;
        self.line(&format!(
            "{} withdraws; nothing is sent any more",
            sharer.owner.country
        ));
        let done = |sample: &SharedSample| said(&sample.erasure).is_some();
        let sample = sharer.wait("erasure", done).await?;
        let Proof::Verified {
            log,
            entry,
            statement,
            ..
        } = &sample.erasure
        else {
            bail!("it was waited for")
        };
        self.line(&shorten(&format!(
            "{}: erased, statement {statement} at entry {entry} of {log}",
            sample.label
        )));
        let again = sharing::share(&sharer.config, &[&sharer.file], now, &|_| {
            ControlFlow::Continue(())
        })
        .await;
        match again {
            Err(refused) => self.line(&format!("shared again: refused, {refused}")),
            Ok(_) => bail!("a file was sealed without consent"),
        }
        Ok(json!({"country": sharer.owner.country, "sample": sample}))
    }

    /// Runs a verb of the program as its user would, and shows what it prints.
    fn show(&self, config: &std::path::Path, verb: &[&str]) -> Result<()> {
        let world = self.world;
        let shown = config
            .strip_prefix(&world.dir)
            .unwrap_or(config)
            .display()
            .to_string();
        self.line(&format!("$ cd {}", world.dir.display()));
        self.line(&format!("$ limpid {} {shown}", verb.join(" ")));
        let arguments = [verb, &[shown.as_str()]].concat();
        self.listener
            .printed(&run_in(&world.dir, &world.limpid, &arguments)?);
        Ok(())
    }
}

/// What is proven, if it is.
const fn said<T>(proof: &Proof<T>) -> Option<&T> {
    match proof {
        Proof::Verified { said, .. } => Some(said),
        _ => None,
    }
}

/// What is said of the program and the table that no release stands behind.
pub(crate) fn unreleased(machines: &Machines) -> [String; 2] {
    [
        format!("worker    {} (SHA-256 of this program)", machines.worker),
        format!(
            "scoring   {} (SHA-256 of the table in it)",
            machines.scoring
        ),
    ]
}
