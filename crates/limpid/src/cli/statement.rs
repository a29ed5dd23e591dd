//! `limpid statement ...`

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use keys::{Passphrase, SecretKey, StatementKey};
use serde_json::{Value, json};
use statement::{Envelope, Statement};

use super::draft::Draft;
use crate::out::Out;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Draft a statement of governance from flags
    #[command(subcommand)]
    Draft(Draft),
    /// Sign a payload and write it as an envelope (DSSE)
    Sign {
        /// The payload: canonical JSON of an in-toto statement
        #[arg(value_name = "PAYLOAD")]
        payload: PathBuf,
        /// The statement key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the key's passphrase is: env:NAME or file:PATH
        #[arg(long, value_name = "WHERE")]
        passphrase: Option<String>,
        /// Where to write the envelope
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Show what an envelope says and claims; verifies nothing
    Show {
        /// The envelope
        #[arg(value_name = "FILE")]
        envelope: PathBuf,
    },
}

impl Verb {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        let read = |path: &PathBuf| {
            fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        match self {
            Self::Draft(draft) => draft.run(out).await?,
            Self::Sign {
                payload,
                key,
                passphrase,
                out: target,
            } => {
                let payload = read(&payload)?;
                Statement::parse(&payload)?;
                let passphrase = passphrase
                    .as_deref()
                    .map(Passphrase::from_origin)
                    .transpose()?;
                let key = StatementKey::new(SecretKey::load(&key, passphrase.as_ref())?)?;
                let envelope = Envelope::sign(payload, &key)?;
                fs::write(&target, envelope.to_bytes())
                    .with_context(|| format!("cannot write {}", target.display()))?;
                let digest = envelope.digest();
                out.result(
                    &format!("statement {digest}"),
                    &json!({"statement": digest, "keyid": envelope.key()}),
                );
            }
            Self::Show { envelope } => {
                let envelope = Envelope::parse(&read(&envelope)?)?;
                let statement = Statement::parse(envelope.payload())?;
                let value: Value = serde_json::from_slice(envelope.payload())?;
                let text = format!(
                    "statement {}\npredicate {}\nkeyid     {} (not verified)\n{value:#}",
                    envelope.digest(),
                    statement.predicate.short_name(),
                    envelope.key(),
                );
                let value = json!({"statement": envelope.digest(), "keyid": envelope.key(), "payload": value});
                out.result(&text, &value);
            }
        }
        Ok(())
    }
}
