//! A sample that is sealed by hand, so that one thing about it can be wrong: `spec/sealing.md`, `spec/intake.md`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use keys::{Algorithm, OpeningKey, SecretKey, random_bytes};
use logclient::Follower;
use seal::{
    Address, EpochKey, EpochKeys, Front, Opened, SealError, Sealer, Seed, ShareRequest, UploadKey,
    disclosure_message, limits::WRAP_BYTES, upload_message,
};
use serde_json::Value;
use serve::{ClientError, Reply};
use statement::{EpochPurpose, Predicate, SampleId, SealDigest, SealTree, StatementDigest};
use tlog::sha256;
use token::Token;

use super::stage::{LOOK_EVERY, PATIENCE};
use crate::world::World;

const KIND: &str = "application/octet-stream";
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    /// The last wrap, which is the supervisor's.
    Wrap,
    /// The digest of the supervisor's share in the header.
    Share,
}

/// What a cell answered.
pub(super) type Taken = Result<(), ClientError>;

/// A sample and the key that speaks for it.
pub(super) struct HandSealed {
    key: SecretKey,
    sample: SampleId,
    seal: SealDigest,
    front: Vec<u8>,
    ciphertext: Vec<u8>,
    /// Of the upload demand.
    signature: Vec<u8>,
}

/// What a cell shows to be sealed to.
pub(super) struct Target {
    keys: EpochKeys,
    policy: StatementDigest,
}

impl Target {
    /// Of the cell of a home: the statements stand in the log, which is followed.
    pub(super) async fn of(world: &World, home: &str) -> Result<Self> {
        let url = format!("{}/where", world.cell_url(home));
        let shown: Value = serde_json::from_slice(&world.http.get(&url, ANSWER_BYTES_MAX).await?)?;
        let mut follower = Follower::new(world.center_client()?, world.anchor())
            .keeping(|predicate| matches!(predicate, Predicate::Epoch(_)));
        follower.sync().await?;
        let key = |purpose: &str| {
            let epochs = shown["epochs"].as_array().into_iter().flatten();
            let named = epochs.into_iter().find(|epoch| epoch["purpose"] == purpose);
            let named = named.with_context(|| format!("no {purpose} epoch of {home}"))?;
            let digest: StatementDigest = text(&named["epoch"]).parse()?;
            let kept = follower.kept().iter().find(|kept| kept.digest == digest);
            match kept.map(|kept| &kept.statement.predicate) {
                Some(Predicate::Epoch(epoch)) => Ok(EpochKey::read(digest, epoch)?),
                _ => bail!("epoch {digest} is not in the log"),
            }
        };
        Ok(Self {
            keys: EpochKeys::new(key("analysis")?, key("center")?, key("supervisor")?)?,
            policy: text(&shown["policy"]).parse()?,
        })
    }
}

impl HandSealed {
    pub(super) fn of(file: &[u8], to: &Target, wrong: Wrong) -> Result<Self> {
        Self::named(SampleId::new(*random_bytes()?), file, to, wrong)
    }

    /// Under the name of another one.
    pub(super) fn like(&self, file: &[u8], to: &Target) -> Result<Self> {
        Self::named(self.sample.clone(), file, to, Wrong::Nothing)
    }

    fn named(sample: SampleId, file: &[u8], to: &Target, wrong: Wrong) -> Result<Self> {
        let key = SecretKey::generate(Algorithm::Ed25519)?;
        let raw = key.public_key();
        let raw = raw
            .as_slice()
            .try_into()
            .context("Ed25519 keys have 32 bytes")?;
        let address = Address {
            sample: sample.clone(),
            upload_key: UploadKey::from_raw(raw).context("a key of Ed25519")?,
            home: to.keys.home().clone(),
            region: "europe".parse()?,
            policy: to.policy,
            size_bytes: file.len() as u64,
        };
        let (seed, draw) = (Seed::new(random_bytes()?), random_bytes()?);
        let sealer = Sealer::start(address, &to.keys, &seed, &draw)?;
        let (sealed, ciphertext) = sealer.seal_all(file)?;
        let mut front = sealed.front.to_bytes();
        match wrong {
            Wrong::Nothing => {}
            Wrong::Wrap => {
                let at = front.len() - WRAP_BYTES / 2;
                front[at] ^= 1;
            }
            Wrong::Share => {
                let line = b"share_supervisor ";
                let found = front.windows(line.len()).position(|part| part == line);
                let at = found.context("a header names both shares")? + line.len();
                front[at] = if front[at] == b'0' { b'1' } else { b'0' };
            }
        }
        // Signed as it is: nobody on the way made this.
        let parsed = Front::parse(&front)?;
        let seal = parsed.header().seal_digest(&sha256(&ciphertext));
        let signature = key.sign(&upload_message(&seal, &parsed.wraps().digest()));
        Ok(Self {
            key,
            sample,
            seal,
            front,
            ciphertext,
            signature,
        })
    }

    /// The epoch whose key lets machines read it.
    pub(super) fn analysis_epoch(to: &Target) -> StatementDigest {
        to.keys.key(EpochPurpose::Analysis).epoch()
    }

    /// Whether this key opens it, by the way that machines take.
    pub(super) fn opens_with(&self, to: &Target, key: &OpeningKey) -> Result<bool> {
        let front = Front::parse(&self.front)?;
        match Opened::with_analysis_key(&front, &to.keys, key) {
            Ok(opened) => Ok(opened.check_rest_wraps().is_ok()),
            Err(SealError::Wrap { .. }) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// All of it in one call, with a token of its own where one is asked for.
    pub(super) async fn send(&self, world: &World, home: &str) -> Result<Taken> {
        match world.asks_for_tokens(home).await? {
            true => {
                let token = world.token(home).await?;
                Ok(self.send_with(world, home, &token).await)
            }
            false => Ok(self.send_by(world, home, Vec::new()).await),
        }
    }

    /// All of it in one call, with this token.
    pub(super) async fn send_with(&self, world: &World, home: &str, token: &Token) -> Taken {
        let headers = vec![("authorization", token.to_header())];
        self.send_by(world, home, headers).await
    }

    async fn send_by(
        &self,
        world: &World,
        home: &str,
        mut headers: Vec<(&'static str, String)>,
    ) -> Taken {
        let body = [&self.front, &self.ciphertext, &self.signature].map(|part| part.as_slice());
        let url = format!("{}/samples", world.cell_url(home));
        headers.push(("content-type", KIND.to_owned()));
        let (bytes_max, patience) = (ANSWER_BYTES_MAX, Duration::from_secs(30));
        let sent = world
            .http
            .post_with(&url, headers, body.concat(), bytes_max, patience);
        sent.await.map(drop)
    }

    /// Its name.
    pub(super) fn seal(&self) -> SealDigest {
        self.seal
    }

    /// What whoever runs the cell can ask an opener: at the place of the sample that is covered.
    pub(super) fn share_request(&self, grant: StatementDigest, tree: &SealTree) -> Result<Vec<u8>> {
        let covered = tree.seals().first().context("a grant has samples")?;
        let (index, path) = tree.place(covered).context("each has its place")?;
        let request = ShareRequest {
            grant,
            ciphertext: sha256(&self.ciphertext),
            index,
            path,
            front: Front::parse(&self.front)?,
        };
        Ok(request.to_bytes())
    }

    /// Everything that the cell shows the owner.
    pub(super) async fn disclosure(&self, world: &World, home: &str) -> Result<Value> {
        let (cell, sample) = (world.cell_url(home), &self.sample);
        let url = format!("{cell}/samples/{sample}/disclosure");
        let signature = self.key.sign(&disclosure_message(sample, &self.seal));
        let asked = post(world, &url, signature).await?;
        Ok(serde_json::from_slice(&asked.body)?)
    }

    /// The outcome in its verdict record, or how machines ended that set it aside, once there is one.
    pub(super) async fn outcome(&self, world: &World, home: &str) -> Result<String> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let shown = self.disclosure(world, home).await?;
            if shown["state"] == "set-aside" {
                return Ok(text(&shown["touched"][0]["end"]));
            }
            let proven = text(&shown["verdict"]["proven"]);
            if let Ok(proven) = serde_json::from_str::<Value>(&proven) {
                let record = text(&proven["record"]);
                let mut lines = record
                    .lines()
                    .filter_map(|line| line.strip_prefix("outcome "));
                let outcome = lines.next().context("a verdict has an outcome")?;
                return Ok(outcome.to_owned());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("sample {} has no verdict after {PATIENCE:?}", self.sample)
    }
}

async fn post(world: &World, url: &str, body: Vec<u8>) -> Result<Reply, ClientError> {
    let sent = world
        .http
        .post(url, KIND, body, ANSWER_BYTES_MAX, Duration::from_secs(30));
    sent.await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
