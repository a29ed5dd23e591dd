//! `limpid release root ...`: the TUF root, which the constitution names.

use std::{fs, path::PathBuf, str::FromStr};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Subcommand;
use keys::{Passphrase, SecretKey, TufKey};
use release::{Config, Room};
use serde_json::json;
use statement::FileDigest;
use tuf::{RootPlan, Seats, TopRole};

use super::{ConfigFile, now};
use crate::out::Out;

const DAY_SECONDS: u64 = 86_400;

#[derive(Debug, Subcommand)]
pub(super) enum Root {
    /// Draft the root after another one, with other keys or a later end
    Draft {
        /// The root it follows
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Other keys of a role, as root=2:KEY,KEY (public, base64); roles
        /// that are not named keep theirs
        #[arg(long = "seats", value_name = "ROLE=N:KEYS")]
        seats: Vec<RoleSeat>,
        /// Days until it ends
        #[arg(long, value_name = "N", default_value_t = 364)]
        days: u64,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign a root with one key
    Sign {
        /// The root
        #[arg(value_name = "FILE")]
        root: PathBuf,
        /// The root key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the key's passphrase is: env:NAME or file:PATH
        #[arg(long, value_name = "WHERE")]
        passphrase: Option<String>,
        /// Where to write the signed copy
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Join signed copies of one root
    Join {
        /// The copies
        #[arg(value_name = "FILE", required = true)]
        copies: Vec<PathBuf>,
        /// The root it follows; none for the first
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Keep a root until a constitution that names it is in force
    #[command(override_usage = "limpid release root stage --config <FILE> <ROOT>")]
    Stage {
        #[command(flatten)]
        file: ConfigFile,
        /// The root, joined
        #[arg(value_name = "ROOT")]
        root: PathBuf,
    },
}

/// Keys and threshold, written `N:KEY,KEY`.
#[derive(Debug, Clone)]
pub(super) struct SeatList(pub(super) Seats);

impl FromStr for SeatList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (threshold, keys) = text.split_once(':').ok_or("write it as N:KEY,KEY")?;
        let threshold = threshold.parse().map_err(|_| "N is a number".to_owned())?;
        let key = |text: &str| {
            let raw = STANDARD.decode(text).ok()?;
            tuf::Key::from_raw(raw.try_into().ok()?).ok()
        };
        let keys = keys.split(',').map(|text| {
            key(text).ok_or_else(|| format!("`{text}` is not an Ed25519 key in base64"))
        });
        let keys = keys.collect::<Result<_, _>>()?;
        Ok(Self(Seats { keys, threshold }))
    }
}

/// The seats of a top-level role.
#[derive(Debug, Clone)]
pub(super) struct RoleSeat(TopRole, Seats);

impl FromStr for RoleSeat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, seats) = text.split_once('=').ok_or("write it as ROLE=N:KEY,KEY")?;
        let role = match role {
            "root" => TopRole::Root,
            "targets" => TopRole::Targets,
            "snapshot" => TopRole::Snapshot,
            "timestamp" => TopRole::Timestamp,
            _ => return Err("roles are root, targets, snapshot and timestamp".to_owned()),
        };
        Ok(Self(role, seats.parse::<SeatList>()?.0))
    }
}

impl Root {
    pub(super) fn run(self, out: Out, tell: release::Progress<'_>) -> Result<()> {
        match self {
            Self::Draft {
                from,
                seats,
                days,
                out: target,
            } => {
                let before = read(&from)?;
                let plan = plan(&before, &seats, days)?;
                let root = release::begin_root(&plan)?;
                write(out, &target, &root, "drafted; its signers sign a copy each")
            }
            Self::Sign {
                root,
                key,
                passphrase,
                out: target,
            } => {
                let passphrase = passphrase.as_deref().map(Passphrase::from_origin);
                let key = SecretKey::load(&key, passphrase.transpose()?.as_ref())?;
                let signed = release::sign_root(&read(&root)?, &TufKey::new(key)?)?;
                write(out, &target, &signed, "signed")
            }
            Self::Join {
                copies,
                from,
                out: target,
            } => {
                let copies = copies.iter().map(read).collect::<Result<Vec<_>>>()?;
                let copies: Vec<&[u8]> = copies.iter().map(Vec::as_slice).collect();
                let before = from.as_ref().map(read).transpose()?;
                let root = release::complete_root(&copies, before.as_deref())?;
                write(
                    out,
                    &target,
                    &root,
                    "complete; a constitution has to name it",
                )
            }
            Self::Stage { file, root } => {
                let config: Config = serve::load_config(&file.config)?;
                let mut room = Room::connect(&config, release::system_clock, tell)?;
                let digest = room.stage_root(&read(&root)?)?;
                let text = format!("root {digest} waits for a constitution that names it");
                out.result(&text, &json!({"root": digest}));
                Ok(())
            }
        }
    }
}

fn plan(before: &[u8], changed: &[RoleSeat], days: u64) -> Result<RootPlan> {
    let (root, _) = tuf::verify_first_root(before)?;
    let seats = |role: TopRole| -> Result<Seats> {
        match changed.iter().find(|seat| seat.0 == role) {
            Some(seat) => Ok(seat.1.clone()),
            None => Ok(release::seats_of(before, role)?),
        }
    };
    let expires = now().saturating_add(days.saturating_mul(DAY_SECONDS));
    Ok(RootPlan {
        version: root.signed().version() + 1,
        expires: tuf::Expires::from_posix(expires)?,
        root: seats(TopRole::Root)?,
        targets: seats(TopRole::Targets)?,
        snapshot: seats(TopRole::Snapshot)?,
        timestamp: seats(TopRole::Timestamp)?,
    })
}

fn read(path: &PathBuf) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(out: Out, path: &PathBuf, root: &[u8], what: &str) -> Result<()> {
    fs::write(path, root).with_context(|| format!("cannot write {}", path.display()))?;
    let digest = FileDigest::of(root);
    out.result(&format!("root {digest} {what}"), &json!({"root": digest}));
    Ok(())
}
