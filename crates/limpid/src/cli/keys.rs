//! `limpid keys ...`

use std::path::PathBuf;

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Subcommand, ValueEnum};
use keys::{Algorithm, Passphrase, SecretKey};
use serde_json::json;
use tlog::{KeyName, KeyType};

use crate::out::Out;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    Ed25519,
    MlDsa44,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Use {
    Log,
    Witness,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a key in a new file that only you can read
    Generate {
        /// Where to write it; never overwritten
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Its algorithm; logs and witnesses need a key of each
        #[arg(long, value_enum, default_value = "ed25519")]
        algorithm: Kind,
        /// Encrypt it with the passphrase in env:NAME or file:PATH
        #[arg(long, value_name = "WHERE")]
        passphrase: Option<String>,
    },
    /// Show the public side of a key
    Show {
        /// The key file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where its passphrase is: env:NAME or file:PATH
        #[arg(long, value_name = "WHERE")]
        passphrase: Option<String>,
        /// Also show the C2SP verifier key (vkey) under this name
        #[arg(long, requires = "for_use")]
        name: Option<KeyName>,
        /// What the verifier key is for: signing a log, or cosigning logs
        #[arg(long = "for", value_enum, value_name = "USE")]
        for_use: Option<Use>,
    },
}

impl Verb {
    pub(super) fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Generate {
                file,
                algorithm,
                passphrase,
            } => {
                let algorithm = match algorithm {
                    Kind::Ed25519 => Algorithm::Ed25519,
                    Kind::MlDsa44 => Algorithm::MlDsa44,
                };
                let passphrase = passphrase
                    .as_deref()
                    .map(Passphrase::from_origin)
                    .transpose()?;
                let key = SecretKey::generate(algorithm)?;
                key.save_new(&file, passphrase.as_ref())?;
                show(out, &key, None, None)
            }
            Self::Show {
                file,
                passphrase,
                name,
                for_use,
            } => {
                let passphrase = passphrase
                    .as_deref()
                    .map(Passphrase::from_origin)
                    .transpose()?;
                show(
                    out,
                    &SecretKey::load(&file, passphrase.as_ref())?,
                    name,
                    for_use,
                )
            }
        }
    }
}

fn show(out: Out, key: &SecretKey, name: Option<KeyName>, for_use: Option<Use>) -> Result<()> {
    let public = STANDARD.encode(key.public_key());
    let id = key.statement_key_id();
    let algorithm = key.algorithm();
    let mut text = format!("algorithm {algorithm}\nkeyid     {id}\npublic    {public}");
    let mut value = json!({"algorithm": algorithm.to_string(), "keyid": id, "public": public});
    if let (Some(name), Some(for_use)) = (name, for_use) {
        let key_type = match (algorithm, for_use) {
            (Algorithm::MlDsa44, _) => KeyType::CosignatureMlDsa44,
            (Algorithm::Ed25519, Use::Log) => KeyType::Ed25519,
            (Algorithm::Ed25519, Use::Witness) => KeyType::CosignatureEd25519,
        };
        let vkey = tlog::VerifierKey::new(name, key_type, &key.public_key())?;
        text += &format!("\nvkey      {vkey}");
        value["vkey"] = vkey.to_string().into();
    }
    out.result(&text, &value);
    Ok(())
}
