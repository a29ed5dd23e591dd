//! The second sentence of the story: files of customers in four countries, each to its home, judged by machines, proven to
//! their owners.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result, bail};
use endpoint::sharing::{self, Extent, Proof, SharedSample};
use serde_json::{Value, json};
use statement::{Outcome, StatementDigest};

use crate::{
    archive::tar,
    cells::Machines,
    examples::{DETECTION_1_0, SCORING_1_0},
    sharer::{Sharer, said},
    story::{Told, endpoint_config, run_in, shorten},
    vendor,
    world::World,
};

/// A customer who agreed that files are shared.
struct Owner {
    country: &'static str,
    file: &'static str,
    bytes: fn() -> Vec<u8>,
    extent: Extent,
    /// What the example policy promises, and what machines must find.
    home: &'static str,
    outcome: Outcome,
}

const OWNERS: [Owner; 4] = [
    Owner {
        country: "DE",
        file: "letter.txt",
        bytes: letter,
        extent: Extent::Matching,
        home: "CH",
        outcome: Outcome::Clean,
    },
    Owner {
        country: "JP",
        file: "letters.tar",
        bytes: letters,
        extent: Extent::Matching,
        home: "CH",
        outcome: Outcome::Malicious,
    },
    Owner {
        country: "US",
        file: "invoice.vbs",
        bytes: script,
        extent: Extent::Matching,
        home: "CH",
        outcome: Outcome::Suspicious,
    },
    Owner {
        country: "BR",
        file: "backup.gz",
        bytes: bomb,
        // Nobody at the endpoint reads it to its end either.
        extent: Extent::Whole,
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

/// Letters that are nobody else's, and a file among them that rules match.
pub(crate) fn letters() -> Vec<u8> {
    let (letter, test_file) = (letter(), test_file());
    tar(&[
        ("letter.txt", &letter),
        ("from-a-stranger.com", &test_file),
        ("another-letter.txt", &letter),
    ])
}

/// The same, with what nobody unpacks to its end in the place of the test file.
pub(crate) fn letters_and_bomb() -> Vec<u8> {
    let (letter, bomb) = (letter(), bomb());
    tar(&[("letter.txt", &letter), ("from-a-stranger.gz", &bomb)])
}

fn script() -> Vec<u8> {
    b"' Your invoice\r\nSet shell = CreateObject(\"WScript.Shell\")\r\nshell.Run \"calc.exe\"\r\n"
        .to_vec()
}

/// Thirty-two megabytes of nothing: nobody unpacks it to its end, so machines cannot tell.
pub(crate) fn bomb() -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let nothing = vec![0; 1 << 20];
    // Into memory: neither call can fail.
    for _ in 0..32 {
        let _ = gzip.write_all(&nothing);
    }
    gzip.finish().unwrap_or_default()
}

/// Everybody who shared a file.
pub(crate) struct Custody {
    sharers: Vec<(&'static Owner, Sharer)>,
}

impl Told<'_> {
    /// Rules go as code does; the cells install them as any endpoint would.
    pub(crate) async fn release_rules(&self) -> Result<Machines> {
        release_rules(self.world, &|line| self.line(line)).await
    }

    /// Consent, then where, then sealed and sent.
    pub(crate) async fn share(&self) -> Result<Custody> {
        let mut sharers = Vec::new();
        for owner in &OWNERS {
            let name = format!("endpoint-{}", owner.country.to_ascii_lowercase());
            let file = (owner.file, &*(owner.bytes)());
            let world = self.world;
            let sharer = match owner.extent {
                Extent::Matching => {
                    let rules = install_rules(world, &format!("{name}/rules"), "detection").await?;
                    let rules = fs::canonicalize(&rules.config.dir)?.join("current");
                    Sharer::looking(world, &name, file, &rules)?
                }
                Extent::Whole => Sharer::prepare(world, &name, file, |home| world.cell_url(home))?,
            };
            sharer.agree(owner.country)?;
            sharers.push((owner, sharer));
        }
        for (
            Owner {
                country,
                file,
                home,
                ..
            },
            sharer,
        ) in &sharers
        {
            let sealed = sharer.seal().await?;
            if sealed.home.as_str() != *home {
                bail!(
                    "a file of {country} was sealed to {} and not to {home}",
                    sealed.home
                );
            }
            self.line(&format!(
                "{country}  {file:<13} -> {home}  by rule {}",
                sealed.rule
            ));
            if let Some(part) = sealed.part() {
                self.line(&format!("    {part}"));
            }
        }
        if let Some((_, sharer)) = sharers.first() {
            let verb = ["endpoint", "where", "--config"];
            self.show(&sharer.config_file, &verb)?;
        }
        for (_, sharer) in &sharers {
            sharer
                .wait("receipt", |sample| said(&sample.receipt).is_some())
                .await?;
        }
        self.line("sent, each with an admission token of its own; each receipt is proven to stand in the log");
        Ok(Custody { sharers })
    }

    /// What became of each file, with the proofs of its owner.
    pub(crate) async fn judged(&self, custody: &Custody) -> Result<Value> {
        let mut told = Vec::new();
        for (owner, sharer) in &custody.sharers {
            let sample = sharer
                .wait("verdict", |sample| said(&sample.verdict).is_some())
                .await?;
            let verdict = said(&sample.verdict).context("it was waited for")?;
            let Owner {
                country,
                file,
                home,
                outcome,
                ..
            } = owner;
            let found = verdict.outcome;
            if found != *outcome {
                bail!("{file}: {} and not {}", found.as_str(), outcome.as_str());
            }
            let reasons = match verdict.reasons.is_empty() {
                true => "nothing found".to_owned(),
                false => verdict.reasons.join(", "),
            };
            let found = found.as_str();
            self.line(&format!(
                "{country}  {file:<13} {home}  {found:<10} {reasons}"
            ));
            told.push(json!({"country": country, "sample": sample}));
        }
        let asked = custody
            .sharers
            .iter()
            .find(|(owner, _)| owner.country == "JP");
        if let Some((_, sharer)) = asked {
            self.show(&sharer.config_file, &["endpoint", "shared", "--config"])?;
        }
        Ok(Value::from(told))
    }

    /// One owner takes the consent back.
    pub(crate) async fn withdrawn(&self, custody: &Custody) -> Result<Value> {
        let (owner, sharer) = custody.sharers.last().context("somebody shared")?;
        let Owner { country, file, .. } = owner;
        sharing::withdraw_consent(&sharer.config, release::system_clock())?;
        self.line(&format!("{country} withdraws; nothing is sent any more"));
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
            "{file}: erased, statement {statement} at entry {entry} of {log}"
        )));
        match sharer.seal().await {
            Err(refused) => self.line(&format!("shared again: refused, {refused}")),
            Ok(_) => bail!("a file was sealed without consent"),
        }
        Ok(json!({"country": country, "sample": sample}))
    }

    /// Runs a verb of the program as its user would, and shows what it prints.
    fn show(&self, config: &Path, verb: &[&str]) -> Result<()> {
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

/// What is said of the program that no release stands behind.
pub(crate) fn unreleased(machines: &Machines) -> String {
    format!(
        "worker    {} (SHA-256 of this program, which no release of this log carries)",
        machines.worker
    )
}

/// Builds, releases and installs the rules and the scoring table of the example.
pub(crate) async fn release_rules(world: &World, told: vendor::Told<'_>) -> Result<Machines> {
    let mut releases = Vec::new();
    for (product, example) in [("detection", DETECTION_1_0), ("scoring", SCORING_1_0)] {
        let source = world.make_dir("vendor", "source")?.join(product);
        example.write_to(&source, None)?;
        if product == "scoring" {
            fs::write(source.join("table.txt"), scan::FIRST_SCORING)?;
        }
        let quiet = |_: &str| ();
        let built = vendor::build(world, &source, &quiet).await?;
        let proposed = vendor::propose(world, built.build, &quiet).await?;
        let quorum = &proposed.quorum;
        let signers =
            [quorum.center(), quorum.supervisor()].map(|signer| signer.party().to_string());
        let release = quorum.release().digest();
        told(&format!("{product:<9} {release}"));
        told(&format!(
            "          rebuilt by two labs, signed by {}",
            signers.join(" and ")
        ));
        releases.push(release);
    }
    vendor::publish(world, &|_| ()).await?;
    let mut files = Vec::new();
    for product in ["detection", "scoring"] {
        let name = format!("vendor/{product}");
        let InstalledRules { config, installed } = install_rules(world, &name, product).await?;
        told(&format!("installed by the cells: {installed}"));
        files.push(config.dir.join(installed.path()));
    }
    let ([rules, scoring], [database, scoring_table]) = (releases.as_slice(), files.as_slice())
    else {
        bail!("rules and a table were released")
    };
    Ok(Machines {
        worker: program_digest(&world.limpid)?,
        rules: *rules,
        scoring: *scoring,
        database: database
            .parent()
            .context("a file has a directory")?
            .to_owned(),
        scoring_table: scoring_table.clone(),
    })
}

/// What is named as the worker: SHA-256 of this program.
pub(crate) fn program_digest(limpid: &Path) -> Result<StatementDigest> {
    let program = fs::read(limpid).with_context(|| format!("cannot read {}", limpid.display()))?;
    Ok(StatementDigest::of(&program))
}

/// Rules as a machine has them.
pub(crate) struct InstalledRules {
    config: endpoint::Config,
    installed: endpoint::Installed,
}

/// A machine installs the newest rules, as it installs programs.
pub(crate) async fn install_rules(
    world: &World,
    name: &str,
    product: &str,
) -> Result<InstalledRules> {
    let url = world.repository_url();
    let config = endpoint_config(world, name, &url, "rules", product)?;
    let outcome = endpoint::update(&config, release::system_clock()).await?;
    let endpoint::Outcome::Installed { installed, .. } = outcome else {
        bail!("no rules were installed")
    };
    Ok(InstalledRules { config, installed })
}
