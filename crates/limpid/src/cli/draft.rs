//! `limpid statement draft ...`: payloads from flags, for `limpid statement sign`.

use std::{collections::BTreeSet, fs, path::PathBuf, str::FromStr};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use logclient::Follower;
use serde_json::json;
use statement::{
    Activation, Anchor, CheckpointRef, Closure, FileDigest, Finding, Halt, Heartbeat, KeyId,
    Predicate, Pruning, Revocation, Statement, StatementDigest, Subject, SuspectFrom,
};
use tlog::Origin;

use super::{draft_residency, log::At, now};
use crate::out::Out;

const DAY_SECONDS: u64 = 86_400;

#[derive(Debug, Subcommand)]
pub(super) enum Draft {
    /// Stop all signing for a product, or for everything
    Halt {
        #[command(flatten)]
        bounds: Bounds,
        /// The product; everything without it
        #[arg(long, value_name = "NAME")]
        product: Option<String>,
        /// Why, for everybody to read
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Say what is wrong with a source, build or release
    #[command(
        override_usage = "limpid statement draft finding [OPTIONS] --about <DIGEST> --title <TEXT>"
    )]
    Finding {
        #[command(flatten)]
        bounds: Bounds,
        /// The statement it is about
        #[arg(long, value_name = "DIGEST")]
        about: StatementDigest,
        /// One sentence
        #[arg(long, value_name = "TEXT")]
        title: String,
        /// The rest
        #[arg(long, value_name = "TEXT", default_value = "")]
        detail: String,
    },
    /// Settle a finding, halt or failed rebuild
    #[command(override_usage = "limpid statement draft closure [OPTIONS] --closes <DIGEST>")]
    Closure {
        #[command(flatten)]
        bounds: Bounds,
        /// The statement that is settled
        #[arg(long, value_name = "DIGEST")]
        closes: StatementDigest,
        /// Why, for everybody to read
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take a key of your own party out of use
    #[command(override_usage = "limpid statement draft revocation [OPTIONS] --key <KEYID>")]
    Revocation {
        #[command(flatten)]
        bounds: Bounds,
        /// Id of the key
        #[arg(long, value_name = "KEYID")]
        key: KeyId,
        /// First entry of a log that may be forged; may be repeated
        #[arg(long, value_name = "ORIGIN=INDEX")]
        suspect_from: Vec<Suspect>,
        /// Why, for everybody to read
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Say that you are here and saw nothing that is not logged
    Heartbeat {
        #[command(flatten)]
        bounds: Bounds,
        /// What is reported, for people
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
    /// Keep the newest witnessed checkpoint of a log in another log
    #[command(
        override_usage = "limpid statement draft anchor [OPTIONS] --url <URL> --anchor <DIGEST>"
    )]
    Anchor {
        #[command(flatten)]
        bounds: Bounds,
        #[command(flatten)]
        replay: Replay,
    },
    /// Announce from which entry on a log will serve its entries
    #[command(
        override_usage = "limpid statement draft pruning [OPTIONS] --below <INDEX> --reason <TEXT>"
    )]
    Pruning {
        #[command(flatten)]
        bounds: Bounds,
        #[command(flatten)]
        replay: Replay,
        /// No entry from here on will go; the last archived size up to here counts
        #[arg(long, value_name = "INDEX")]
        below: u64,
        /// Where the entries that go can still be had; may be repeated
        #[arg(long, value_name = "PREFIX")]
        elsewhere: Vec<String>,
        /// Why, for everybody to read
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Bring a constitution into force that has waited long enough
    #[command(
        override_usage = "limpid statement draft activation [OPTIONS] --url <URL> --anchor <DIGEST>"
    )]
    Activation {
        #[command(flatten)]
        bounds: Bounds,
        #[command(flatten)]
        replay: Replay,
        /// The successor; found in the log if there is only one
        #[arg(long, value_name = "DIGEST")]
        constitution: Option<StatementDigest>,
    },
    #[command(flatten)]
    Residency(draft_residency::Draft),
}

/// What every statement of ours says.
#[derive(Debug, Args)]
pub(super) struct Bounds {
    /// Log it is meant for; may be repeated
    #[arg(long = "for", value_name = "ORIGIN", required = true)]
    audience: Vec<Origin>,
    /// Days in which it has to be included
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u64,
    /// Where to write the payload; printed without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A log that is replayed under an anchor.
#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    pub(super) at: At,
    /// Digest of the first constitution: the only thing taken on trust
    #[arg(long, value_name = "DIGEST")]
    pub(super) anchor: StatementDigest,
}

impl Replay {
    /// Everything in the log so far, with the sizes that it archived.
    pub(super) async fn follow(&self) -> Result<(Follower, BTreeSet<u64>)> {
        let client = self.at.client()?;
        let archived = client.archived_sizes().await?.into_iter().collect();
        let mut follower = Follower::new(client, self.anchor);
        follower.sync().await?;
        Ok((follower, archived))
    }
}

/// From which entry of a log a key is suspect.
#[derive(Debug, Clone)]
pub(super) struct Suspect(SuspectFrom);

impl FromStr for Suspect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('=');
        let (origin, index) = parts.ok_or("write ORIGIN=INDEX")?;
        let origin = origin.parse().map_err(|error| format!("{error}"))?;
        let index = index.parse().map_err(|_| "INDEX is a number".to_owned())?;
        Ok(Self(SuspectFrom { origin, index }))
    }
}

/// The three fields that all predicates of ours carry.
macro_rules! ours {
    ($bounds:ident, $name:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {
        $name {
            audience: $bounds.audience.clone(),
            not_after: $bounds.not_after(),
            blobs: Vec::new(),
            $($field $(: $value)?),*
        }
    };
}

impl Draft {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Halt {
                bounds,
                product,
                reason,
            } => halt(out, &bounds, product, reason),
            Self::Finding {
                bounds,
                about,
                title,
                detail,
            } => {
                let finding = ours!(
                    bounds,
                    Finding {
                        about,
                        title,
                        detail
                    }
                );
                bounds.write(out, "statement", digest(about), finding)
            }
            Self::Closure {
                bounds,
                closes,
                reason,
            } => {
                let closure = ours!(bounds, Closure { closes, reason });
                bounds.write(out, "statement", digest(closes), closure)
            }
            Self::Revocation {
                bounds,
                key,
                suspect_from,
                reason,
            } => {
                let suspect_from = suspect_from.into_iter().map(|suspect| suspect.0).collect();
                let subject = FileDigest::new(*key.hash());
                let revocation = ours!(
                    bounds,
                    Revocation {
                        key,
                        suspect_from,
                        reason
                    }
                );
                bounds.write(out, "key", subject, revocation)
            }
            Self::Heartbeat { bounds, note } => heartbeat(out, &bounds, note),
            Self::Anchor { bounds, replay } => anchor(out, &bounds, &replay).await,
            Self::Pruning {
                bounds,
                replay,
                below,
                elsewhere,
                reason,
            } => pruning(out, &bounds, &replay, below, (elsewhere, reason)).await,
            Self::Activation {
                bounds,
                replay,
                constitution,
            } => activation(out, &bounds, &replay, constitution).await,
            Self::Residency(draft) => draft.run(out),
        }
    }
}

fn halt(out: Out, bounds: &Bounds, product: Option<String>, reason: String) -> Result<()> {
    let name = product.clone().unwrap_or_else(|| "everything".to_owned());
    let subject = FileDigest::of(name.as_bytes());
    let halt = ours!(bounds, Halt { product, reason });
    bounds.write(out, &name, subject, halt)
}

fn heartbeat(out: Out, bounds: &Bounds, note: String) -> Result<()> {
    let subject = FileDigest::of(note.as_bytes());
    let heartbeat = ours!(bounds, Heartbeat { note });
    bounds.write(out, "note", subject, heartbeat)
}

async fn anchor(out: Out, bounds: &Bounds, replay: &Replay) -> Result<()> {
    let (follower, _) = replay.follow().await?;
    let newest = follower.checkpoint().context("nothing is witnessed yet")?;
    let root = FileDigest::new(*newest.root());
    let origin = newest.origin().clone();
    let checkpoint = CheckpointRef {
        size: newest.size(),
        root,
    };
    let anchor = ours!(
        bounds,
        Anchor {
            origin: origin.clone(),
            checkpoint,
            note: String::from_utf8_lossy(newest.note()).into_owned()
        }
    );
    bounds.write(out, origin.as_str(), root, anchor)
}

async fn pruning(
    out: Out,
    bounds: &Bounds,
    replay: &Replay,
    below: u64,
    (elsewhere, reason): (Vec<String>, String),
) -> Result<()> {
    let (follower, _) = replay.follow().await?;
    let state = follower.view()?.state();
    let checkpoint = state.checkpoint_up_to(below);
    let checkpoint = checkpoint.context("no checkpoint up to there is archived")?;
    let root = checkpoint.root;
    let pruning = ours!(
        bounds,
        Pruning {
            origin: state.origin().clone(),
            checkpoint,
            elsewhere,
            reason
        }
    );
    bounds.write(out, "checkpoint", root, pruning)
}

async fn activation(
    out: Out,
    bounds: &Bounds,
    replay: &Replay,
    constitution: Option<StatementDigest>,
) -> Result<()> {
    let (follower, archived) = replay.follow().await?;
    let state = follower.view()?.state();
    let constitution = match (constitution, &state.successors()[..]) {
        (Some(named), _) => named,
        (None, [only]) => only.digest,
        (None, none_or_many) => anyhow::bail!(
            "{} successors are proposed; name one with --constitution",
            none_or_many.len()
        ),
    };
    let wait = state.plan_activation(constitution, &archived)?;
    let activation = ours!(
        bounds,
        Activation {
            constitution,
            signed_by: wait.signed_by,
            waited_until: wait.waited_until
        }
    );
    bounds.write(out, "constitution", digest(constitution), activation)
}

fn digest(statement: StatementDigest) -> FileDigest {
    FileDigest::new(*statement.hash())
}

impl Bounds {
    /// The logs it is meant for.
    pub(super) fn audience(&self) -> Vec<Origin> {
        self.audience.clone()
    }

    /// POSIX seconds by which it has to be included.
    pub(super) fn not_after(&self) -> u64 {
        now().saturating_add(self.days.saturating_mul(DAY_SECONDS))
    }

    /// Where to write the payload.
    pub(super) const fn file(&self) -> Option<&PathBuf> {
        self.out.as_ref()
    }

    fn write(
        &self,
        out: Out,
        name: &str,
        subject: FileDigest,
        predicate: impl Into<Predicate>,
    ) -> Result<()> {
        let statement = Statement::new(vec![Subject::new(name, subject)], predicate);
        write_payload(out, self.out.as_ref(), &statement)
    }
}

/// Prints a payload, or writes it to a file and says its digest.
pub(super) fn write_payload(out: Out, file: Option<&PathBuf>, statement: &Statement) -> Result<()> {
    let payload = statement.to_payload()?;
    let digest = StatementDigest::of(&payload);
    let text = String::from_utf8(payload).context("a payload is text")?;
    let Some(file) = file else {
        out.result(&text, &json!({"statement": digest, "payload": text}));
        return Ok(());
    };
    fs::write(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    let kind = statement.predicate.short_name();
    out.result(
        &format!("{kind} {digest}"),
        &json!({"statement": digest, "predicate": kind}),
    );
    Ok(())
}
