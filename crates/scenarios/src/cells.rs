//! Cells of the center, and what they stand on: declaration and policy of all parties, opening epochs, rules.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use residency::{Documents, Terms};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use statement::{
    Day, Declaration, Envelope, EpochPurpose, Facility, FileDigest, Met, Promise, Region,
    Statement, StatementDigest, Subject,
};
use tlog::Origin;

use crate::{
    ceremony::{CENTER_LOG, key_path, statement_key},
    examples,
    world::{LOOK_EVERY, PATIENCE, SERVER, Told, World},
};

/// Homes of the example policy, each with one cell.
pub const HOMES: [&str; 2] = ["CH", "RU"];

const DAY_SECONDS: u64 = 86_400;
/// How long declaration, policy and epochs may take to be included.
const NOT_AFTER_DAYS: u64 = 30;
/// How long endpoints seal to an opening epoch, and how long its key is kept.
const EPOCH_DAYS: [u64; 2] = [30, 365];
/// Setting of a cell that takes samples with a token only.
const ASKS_FOR_TOKENS: &str = "admission = \"tokens\"\n";
/// The uid of a cell's sandbox is apart from those of the rebuilders.
const FIRST_SANDBOX: usize = 20;

/// What the machines of a cell work with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machines {
    /// What is named as the worker.
    pub worker: StatementDigest,
    /// Release of the rules.
    pub rules: StatementDigest,
    /// Release of the scoring table.
    pub scoring: StatementDigest,
    /// Where the rules are installed.
    pub database: PathBuf,
    /// Where the table is installed.
    pub scoring_table: PathBuf,
}

/// What all parties signed.
#[derive(Debug, Clone)]
pub struct Governed {
    /// What the declaration says.
    pub said: Declaration,
    /// Regions, places, promises.
    pub declaration: StatementDigest,
    /// Where files go.
    pub policy: StatementDigest,
}

/// What the example's declaration says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    regions: Vec<Region>,
    facilities: Vec<Facility>,
    promises: Vec<Promise>,
}

fn center_log() -> Result<Origin> {
    Ok(CENTER_LOG.parse()?)
}

fn not_after() -> u64 {
    release::system_clock() + NOT_AFTER_DAYS * DAY_SECONDS
}

/// The file of a party's opening key of a home.
fn opening_key(world: &Path, party: &str, home: &str) -> PathBuf {
    let file = format!("opening-{}", home.to_ascii_lowercase());
    key_path(world, party, &file)
}

/// The directory of a home's cell, below that of the vendor.
fn name_of(home: &str) -> String {
    format!("cell-{}", home.to_ascii_lowercase())
}

impl World {
    /// All parties sign the example's declaration and policy, and log them with the documents.
    ///
    /// # Errors
    /// When the example contradicts itself, or the log refuses.
    pub async fn govern_residency(&self) -> Result<Governed> {
        let text = examples::text("residency/declaration.json")?;
        let said: Said = serde_json::from_str(text).context("the example's declaration")?;
        let declared = Declaration {
            audience: vec![center_log()?],
            not_after: not_after(),
            blobs: Vec::new(),
            version: 1,
            previous: None,
            regions: said.regions,
            facilities: said.facilities,
            promises: said.promises,
        };
        let subject = Subject::new("declaration.json", FileDigest::of(text.as_bytes()));
        let declaration = Statement::new(vec![subject], declared.clone());
        let declaration = self.all_sign(&declaration).await?;
        let documents = Documents {
            text: examples::text("residency/policy.cedar")?,
            schema: examples::text("residency/policy.cedarschema")?,
            entities: examples::text("residency/entities.json")?,
        };
        let policy = self.log_policy(&documents, declaration).await?;
        let policy = self.all_sign(&policy).await?;
        Ok(Governed {
            said: declared,
            declaration,
            policy,
        })
    }

    /// All parties declare that the promises are kept since today: late, for the example's are those of 2018. What shows it
    /// is the key that files of these regions are sealed to.
    ///
    /// # Errors
    /// When the cell shows no such key, or the log refuses.
    pub async fn keep_promises(&self, governed: &Governed) -> Result<()> {
        let day = Day::of(release::system_clock()).context("a day of our time")?;
        let shown = self.shown(&self.cell_url(HOMES[0])).await?;
        let mut epochs = shown["epochs"].as_array().into_iter().flatten();
        let epoch = epochs.find(|epoch| epoch["purpose"] == "analysis");
        let epoch = epoch.context("the cell shows no key of a day")?["epoch"].as_str();
        let evidence = epoch.unwrap_or_default().parse()?;
        let mut declared = governed.said.clone();
        declared.version += 1;
        declared.previous = Some(governed.declaration);
        for promise in &mut declared.promises {
            promise.met = Some(Met { day, evidence });
        }
        let text = examples::text("residency/declaration.json")?;
        let subject = Subject::new("declaration.json", FileDigest::of(text.as_bytes()));
        self.all_sign(&Statement::new(vec![subject], declared))
            .await?;
        Ok(())
    }

    /// Keeps the documents of a first policy in the log; the policy that names them.
    pub(crate) async fn log_policy(
        &self,
        documents: &Documents<'_>,
        declaration: StatementDigest,
    ) -> Result<Statement> {
        let (log, author) = (
            self.center_client()?,
            statement_key(&self.dir, "vendor", "author")?,
        );
        for document in [documents.text, documents.schema, documents.entities] {
            log.put_blob(document.as_bytes().to_vec(), &author).await?;
        }
        Ok(documents.policy(Terms {
            audience: vec![center_log()?],
            not_after: not_after(),
            version: 1,
            previous: None,
            declaration,
        }))
    }

    async fn all_sign(&self, statement: &Statement) -> Result<StatementDigest> {
        let payload = statement.to_payload()?;
        let log = self.center_client()?;
        let mut envelopes = Vec::new();
        for party in &self.cast.parties {
            let key = statement_key(&self.dir, party.id, "governance")?;
            let envelope = Envelope::sign(payload.clone(), &key)?;
            log.submit_without_waiting(&envelope).await?;
            envelopes.push(envelope);
        }
        for envelope in &envelopes {
            log.submit_until_witnessed(envelope, PATIENCE).await?;
        }
        Ok(StatementDigest::of(&payload))
    }

    /// Center and supervisor announce the keys of a home by which samples at rest are opened together.
    ///
    /// # Errors
    /// When a key cannot be written, or the log refuses.
    pub async fn announce_opening(&self, home: &str) -> Result<()> {
        let now = release::system_clock();
        let [valid_days, keep_days] = EPOCH_DAYS;
        for (purpose, party, signer) in [
            (EpochPurpose::Center, "vendor", "center"),
            (EpochPurpose::Supervisor, "supervisor", "supervisor"),
        ] {
            let plan = center::EpochPlan {
                purpose,
                home: home.parse()?,
                audience: vec![center_log()?],
                not_after: not_after(),
                valid_from: now,
                valid_until: now + valid_days * DAY_SECONDS,
                destroy_by: now + keep_days * DAY_SECONDS,
            };
            let path = opening_key(&self.dir, party, home);
            let signer = statement_key(&self.dir, party, signer)?;
            let log = self.center_client()?;
            center::log_opening_epoch(plan, &path, &signer, &log, PATIENCE).await?;
        }
        Ok(())
    }

    /// Starts the issuer of tokens and the cells of both homes, which ask for them, and waits until they take samples.
    ///
    /// # Errors
    /// When one does not start, or finds nothing in the log to stand on.
    pub async fn start_cells(&mut self, machines: &Machines, told: Told<'_>) -> Result<()> {
        self.start_issuer()?;
        told(&format!(
            "issuer of tokens listens at {}",
            self.issuer_url()
        ));
        for home in HOMES {
            self.start_cell(home, machines, (ASKS_FOR_TOKENS, ""))?;
            told(&format!("cell {home} listens at {}", self.cell_url(home)));
        }
        for home in HOMES {
            self.open_cell(home).await?;
        }
        Ok(())
    }

    /// Starts the cell of a home, with more settings and sections in its configuration.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_cell(
        &mut self,
        home: &str,
        machines: &Machines,
        (settings, sections): (&str, &str),
    ) -> Result<()> {
        let name = name_of(home);
        let config = format!(
            "dir = {:?}\nhome = \"{home}\"\norigin = \"{CENTER_LOG}\"\nlog_url = \"{}\"\nanchor = \"{}\"\n\
             key = {:?}\nworker = \"{}\"\nrules = \"{}\"\nscoring = \"{}\"\ndatabase = {:?}\nscoring_table = {:?}\nworkers = 1\n\
             sandbox_party = {}\nbatch_ms = 200\npoll_ms = 50\n{settings}{SERVER}{sections}",
            self.make_dir("vendor", &name)?,
            self.center_log_url(),
            self.anchor(),
            key_path(&self.dir, "vendor", "center"),
            machines.worker,
            machines.rules,
            machines.scoring,
            machines.database,
            machines.scoring_table,
            FIRST_SANDBOX + self.cells.len(),
        );
        let daemon = self.daemon("vendor", &name, &["center", "serve"], &config)?;
        self.cells.push(daemon);
        Ok(())
    }

    /// Announces the opening keys of a home, unless they were, and waits until its cell takes samples.
    ///
    /// # Errors
    /// When the log refuses, or the cell finds nothing in it to stand on.
    pub async fn open_cell(&self, home: &str) -> Result<()> {
        if !opening_key(&self.dir, "supervisor", home).exists() {
            self.announce_opening(home).await?;
        }
        self.wait_until_open(&self.cell_url(home)).await
    }

    pub(crate) async fn wait_until_open(&self, url: &str) -> Result<()> {
        let started = Instant::now();
        while !self.is_open(url).await? {
            if started.elapsed() > PATIENCE {
                bail!("the cell at {url} has no policy or not the three epochs after {PATIENCE:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Whether a cell knows its policy, one epoch of each purpose, and whose tokens it takes if it asks for some.
    async fn is_open(&self, url: &str) -> Result<bool> {
        // It answers 503 before it has read the log.
        let Ok(shown) = self.shown(url).await else {
            return Ok(false);
        };
        let epochs = shown["epochs"].as_array().map_or(0, Vec::len);
        let asks_in_vain = shown["admission"].as_array().is_some_and(Vec::is_empty);
        Ok(!shown["policy"].is_null() && epochs >= 3 && !asks_in_vain)
    }

    /// What a cell says that it serves.
    async fn shown(&self, url: &str) -> Result<Value> {
        let bytes = self.http.get(&format!("{url}/where"), 1 << 20).await?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Address of the cell of a home.
    pub fn cell_url(&self, home: &str) -> String {
        let name = format!("vendor/{}", name_of(home));
        let mut cells = self.cells.iter();
        let found = cells.find(|cell| cell.name() == name);
        found.map_or_else(String::new, |cell| cell.url().to_owned())
    }
}
