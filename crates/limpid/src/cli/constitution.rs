//! `limpid constitution ...`

use std::{fs, path::PathBuf, str::FromStr};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use keys::{Passphrase, SecretKey};
use serde_json::{Value, json};
use statement::{Amendment, FileDigest, Party, PartyId, Role, Statement, Subject};
use tlog::Origin;

use super::{
    draft::{Replay, write_payload},
    now,
};
use crate::out::Out;

const DAY_SECONDS: u64 = 86_400;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show what is in force, and what was proposed and by whom
    #[command(
        override_usage = "limpid constitution status --url <URL> --origin <NAME> --anchor <DIGEST>"
    )]
    Status {
        #[command(flatten)]
        replay: Replay,
    },
    /// Describe a party from its keys, for others to propose
    #[command(
        override_usage = "limpid constitution party [OPTIONS] --key <ROLE=FILE>... --out <FILE>"
    )]
    Party(Describe),
    /// Draft the successor of the constitution in force
    #[command(
        override_usage = "limpid constitution propose --url <URL> --origin <NAME> --anchor <DIGEST>"
    )]
    Propose(Box<Propose>),
}

#[derive(Debug, Args)]
pub(super) struct Describe {
    /// Short id, for example lab-c
    #[arg(long)]
    id: PartyId,
    /// Name for people
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// Who owns it; quorums count owners
    #[arg(long, value_name = "TEXT")]
    legal_owner: String,
    /// Where it is (ISO 3166-1 alpha-2)
    #[arg(long, value_name = "CC")]
    jurisdiction: String,
    /// It belongs to the vendor
    #[arg(long)]
    vendor: bool,
    /// A key and what it is for, as governance=FILE; repeat for each
    #[arg(long = "key", value_name = "ROLE=FILE", required = true)]
    keys: Vec<Pair>,
    /// Where the passphrase of the keys is: env:NAME or file:PATH
    #[arg(long, value_name = "WHERE")]
    passphrase: Option<String>,
    /// Days until the keys end
    #[arg(long, value_name = "N", default_value_t = 365)]
    days: u64,
    /// Where to write the description
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Propose {
    #[command(flatten)]
    replay: Replay,
    /// A party that leaves, with its logs and witnesses; repeatable
    #[arg(long, value_name = "ID")]
    remove: Vec<PartyId>,
    /// A party that comes, or replaces the one of its id; repeatable
    #[arg(long, value_name = "FILE")]
    add: Vec<PathBuf>,
    /// A witness key (vkey) of a party that comes; repeatable
    #[arg(long, value_name = "ID=VKEY")]
    witness: Vec<Pair>,
    /// A log of a party that comes; repeatable
    #[arg(long, value_name = "ID=ORIGIN")]
    log: Vec<Pair>,
    /// A key (vkey) of a log that comes; repeatable
    #[arg(long, value_name = "ORIGIN=VKEY")]
    log_key: Vec<Pair>,
    /// Another witness policy, as a whole (C2SP tlog-policy)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Another TUF root; parties see its digest in the draft
    #[arg(long, value_name = "FILE")]
    tuf_root: Option<PathBuf>,
    /// Identical rebuilds before a release
    #[arg(long, value_name = "N")]
    rebuilds: Option<u64>,
    /// Legal owners that must sign a change
    #[arg(long, value_name = "N")]
    signatures: Option<u64>,
    /// Seconds that a change waits in public
    #[arg(long, value_name = "N")]
    delay: Option<u64>,
    /// Days in which it has to be signed
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u64,
    /// Where to write the payload; printed without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `LEFT=RIGHT`; the right side may hold `=` (base64), and the left none.
#[derive(Debug, Clone)]
pub(super) struct Pair(String, String);

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (left, right) = text.split_once('=').ok_or("write it as LEFT=RIGHT")?;
        Ok(Self(left.to_owned(), right.to_owned()))
    }
}

impl Verb {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Status { replay } => status(out, &replay).await,
            Self::Party(describe) => describe.run(out),
            Self::Propose(propose) => propose.run(out).await,
        }
    }
}

async fn status(out: Out, replay: &Replay) -> Result<()> {
    let (follower, archived) = replay.follow().await?;
    let state = follower.view()?.state();
    let constitution = follower.view()?.constitution()?;
    let digest = state.constitution_digest().context("no constitution")?;
    let mut text = format!(
        "constitution {} is in force: {digest}",
        constitution.version
    );
    for party in &constitution.parties {
        let (id, owner) = (&party.id, &party.legal_owner);
        text += &format!("\n  {id} ({owner}, {})", party.jurisdiction);
    }
    let mut proposed = Vec::new();
    for successor in state.successors() {
        let signers: Vec<_> = successor.signers.iter().map(ToString::to_string).collect();
        let wait = state.plan_activation(successor.digest, &archived);
        let waits = match &wait {
            Ok(_) => "has waited".to_owned(),
            Err(refusal) => refusal.detail().to_owned(),
        };
        text += &format!(
            "\nproposed: {}\n  signed by {}; {waits}",
            successor.digest,
            signers.join(", ")
        );
        proposed.push(json!({
            "constitution": successor.digest,
            "version": successor.constitution.version,
            "signers": signers,
            "waited": wait.is_ok(),
        }));
    }
    let value = json!({
        "constitution": digest,
        "version": constitution.version,
        "tuf_root": constitution.tuf_root,
        "proposed": Value::Array(proposed),
    });
    out.result(&text, &value);
    Ok(())
}

impl Describe {
    fn run(self, out: Out) -> Result<()> {
        let passphrase = self.passphrase.as_deref().map(Passphrase::from_origin);
        let passphrase = passphrase.transpose()?;
        let not_after = now().saturating_add(self.days.saturating_mul(DAY_SECONDS));
        let mut keys = Vec::new();
        for Pair(role, file) in &self.keys {
            let role: Role = serde_json::from_value(Value::from(role.as_str()))
                .with_context(|| format!("`{role}` is no role of a key"))?;
            let key = SecretKey::load(file.as_ref(), passphrase.as_ref())?;
            keys.push(key.party_key(role, not_after));
        }
        let party = Party {
            id: self.id,
            name: self.name,
            legal_owner: self.legal_owner,
            jurisdiction: self.jurisdiction,
            vendor: self.vendor,
            keys,
        };
        let text = serde_json::to_string_pretty(&party)? + "\n";
        fs::write(&self.out, text)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        let (id, count) = (party.id.to_string(), party.keys.len());
        out.result(
            &format!("party {id} with {count} keys"),
            &json!({"party": id, "keys": count}),
        );
        Ok(())
    }
}

impl Propose {
    async fn run(self, out: Out) -> Result<()> {
        let read = |path: &PathBuf| {
            fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let mut amendment = Amendment {
            remove: self.remove.clone(),
            rebuilds_min: self.rebuilds,
            governance_min: self.signatures,
            change_delay_seconds: self.delay,
            ..Amendment::default()
        };
        for file in &self.add {
            let party = serde_json::from_slice(&read(file)?);
            let party = party.with_context(|| format!("{} describes no party", file.display()));
            amendment.add.push(party?);
        }
        for Pair(party, vkey) in &self.witness {
            let party: PartyId = party.parse()?;
            match amendment.witnesses.iter_mut().find(|(id, _)| *id == party) {
                Some((_, vkeys)) => vkeys.push(vkey.clone()),
                None => amendment.witnesses.push((party, vec![vkey.clone()])),
            }
        }
        for Pair(party, origin) in &self.log {
            let keys = self.log_key.iter().filter(|pair| pair.0 == *origin);
            let keys = keys.map(|pair| pair.1.clone()).collect();
            let origin: Origin = origin.parse()?;
            amendment.logs.push((party.parse()?, origin, keys));
        }
        if let Some(file) = &self.policy {
            amendment.tlog_policy = Some(String::from_utf8(read(file)?)?);
        }
        if let Some(file) = &self.tuf_root {
            let root = read(file)?;
            tuf::verify_first_root(&root)?;
            amendment.tuf_root = Some(FileDigest::of(&root));
        }
        let (follower, _) = self.replay.follow().await?;
        let view = follower.view()?;
        let current = view.constitution()?;
        let digest = view
            .state()
            .constitution_digest()
            .context("no constitution")?;
        let not_after = now().saturating_add(self.days.saturating_mul(DAY_SECONDS));
        let next = amendment.draft(current, digest, not_after)?;
        let subject = Subject::new("tuf-root", next.tuf_root);
        write_payload(out, self.out.as_ref(), &Statement::new(vec![subject], next))
    }
}
