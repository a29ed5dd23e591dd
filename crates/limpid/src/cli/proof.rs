//! `limpid proof ...`

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use logclient::{StreamEntry, Trust};
use serde_json::json;
use tlog::{
    Checkpoint, Fork, ForkEvidence, Note, TlogProof, VerifierKey, leaf_hash, verify_inclusion,
};

use super::log_follow::describe;
use super::trusted::{Trusted, signed_json, signed_text};
use crate::out::{Out, Status, fold};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Verify a proof that an entry is logged, or evidence against a log: offline
    Verify(Verify),
}

const AFTER_HELP: &str = "\
A proof (C2SP tlog-proof) shows that an entry is in a log; give the entry. Fork
evidence shows that a log signed two histories. Keys come from you, never from
the file: whoever made it up could have made up a key as well.

Exit status: 0 it proves what is printed; 1 it does not; 2 the file or the
command is not as needed.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Verify {
    /// The proof (.tlog-proof) or the evidence (.fork)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    trusted: Trusted,
    /// The entry that a proof is about, byte for byte as logged
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
}

/// First line of fork evidence.
const FORK_HEADER: &[u8] = b"limpid/fork-evidence@v1\n";

impl Verb {
    pub(super) fn run(self, out: Out) -> Result<()> {
        match self {
            Self::Verify(verify) => verify.run(out),
        }
    }
}

impl Verify {
    fn run(&self, out: Out) -> Result<()> {
        let file = self.file.display();
        let bytes = fs::read(&self.file).with_context(|| format!("cannot read {file}"))?;
        let trust = self.trusted.trust()?;
        if let Trust::Nobody = trust {
            bail!("whose signature counts? Give --vkey or --policy");
        }
        if bytes.starts_with(FORK_HEADER) {
            if self.entry.is_some() {
                bail!("{file} is evidence against a log; it is about no entry, leave --entry out");
            }
            let evidence =
                ForkEvidence::parse(&bytes).with_context(|| format!("{file} is refused"))?;
            return fork(out, &evidence, &trust);
        }
        let proof = TlogProof::parse(&bytes).with_context(|| {
            format!("{file} is neither a proof (tlog-proof) nor fork evidence that can be read")
        })?;
        let Some(entry) = &self.entry else {
            bail!("{file} proves something about one entry; give its bytes with --entry");
        };
        let entry = fs::read(entry).with_context(|| format!("cannot read {}", entry.display()))?;
        inclusion(out, &proof, &entry, &trust)
    }
}

/// A refusal as a result: people and programs are told why, the exit status is 1.
fn refused(out: Out, what: &str, error: &dyn std::error::Error) -> Result<()> {
    let causes: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    let mut lines = vec![format!("NOT PROVED: {what}")];
    lines.extend(causes.iter().map(|cause| format!("  because: {cause}")));
    let text: Vec<String> = lines.iter().flat_map(|line| fold(0, line)).collect();
    out.result(
        &text.join("\n"),
        &json!({"proved": false, "what": what, "causes": causes}),
    );
    Err(Status(1).into())
}

fn inclusion(out: Out, proof: &TlogProof, entry: &[u8], trust: &Trust) -> Result<()> {
    let opened = match trust.open(&proof.checkpoint) {
        Ok(opened) => opened,
        Err(error) => return refused(out, "the checkpoint of the proof is not acceptable", &error),
    };
    let checkpoint = &opened.checkpoint;
    let leaf = leaf_hash(entry);
    let (size, root) = (checkpoint.size(), checkpoint.root());
    if let Err(error) = verify_inclusion(&leaf, proof.index, size, &proof.path, root) {
        let what = format!("these {} bytes are not entry {}", entry.len(), proof.index);
        return refused(out, &what, &error);
    }
    let described = describe(&StreamEntry {
        index: proof.index,
        leaf,
        bytes: entry.to_vec(),
    });
    let witnessed = matches!(opened.signed, logclient::Signed::Witnessed { .. });
    let mut lines = vec![format!("PROVED: these {} bytes are logged.", entry.len())];
    for (name, value) in [
        ("log", checkpoint.origin().to_string()),
        ("entry", format!("{} of {size}", described.0)),
        ("root", root.to_string()),
        ("signed", signed_text(&opened.signed)),
    ] {
        lines.extend(wrap(&format!("  {name:<8}"), &value));
    }
    let mut remarks = vec![if witnessed {
        "The log cannot show others a history without this entry unless a quorum of its witnesses helps."
    } else {
        "The log committed itself; without witnesses it may still show others another history."
    }];
    if proof.extra.is_some() {
        remarks.push("The proof carries extra data, which nothing here authenticates.");
    }
    remarks.push("It says nothing about whether what the entry says is true.");
    lines.extend(remarks.into_iter().flat_map(|remark| wrap("", remark)));
    let text = lines.join("\n");
    out.result(
        &text,
        &json!({
            "proved": true,
            "kind": "inclusion",
            "origin": checkpoint.origin().to_string(),
            "size": size,
            "root": root.to_string(),
            "signed": signed_json(&opened.signed),
            "entry": described.1,
        }),
    );
    Ok(())
}

fn fork(out: Out, evidence: &ForkEvidence, trust: &Trust) -> Result<()> {
    let (first, _) = evidence.claims()?;
    let keys = trust.log_keys(first.origin());
    match evidence.open(&keys) {
        Ok(fork) => {
            out.result(&explain(&fork, &keys), &fork_json(&fork, &keys));
            Ok(())
        }
        Err(error) => refused(out, "this is no evidence against the log", &error),
    }
}

/// The argument in the order in which a judge can check it.
fn explain(fork: &Fork, keys: &[VerifierKey]) -> String {
    let (one, other) = (fork.smaller(), fork.larger());
    let (m, n) = (one.size(), other.size());
    let origin = one.origin();
    let mut lines = vec![format!("PROVED: the log {origin} signed two histories.")];
    lines.push(String::new());
    lines.push(format!(
        "1. It signed: I have {m} entries, and their root is"
    ));
    lines.push(format!("     {}", one.root()));
    lines.extend(wrap("   ", &format!("with {}", signers(one.note(), keys))));
    lines.push(format!(
        "2. It signed as well: I have {n} entries, and their root is"
    ));
    lines.push(format!("     {}", other.root()));
    lines.extend(wrap(
        "   ",
        &format!("with {}", signers(other.note(), keys)),
    ));
    if m == n {
        lines.extend(wrap(
            "3. ",
            "The same number of entries has one root, and these are two. So the log keeps two different lists of entries under one name.",
        ));
    } else {
        lines.extend(wrap(
            "3. ",
            &format!(
                "The hashes in the file lead to the second root. They also give the only root that the first {m} of those {n} entries can have:"
            ),
        ));
        lines.push(format!("     {}", fork.prefix_root()));
        lines.extend(wrap(
            "   ",
            &format!(
                "That is not the root signed in 1. So the {n} entries do not begin with the {m} entries of 1: some of them were changed, removed or put in later."
            ),
        ));
    }
    lines.push(String::new());
    lines.extend(wrap(
        "",
        "Anybody can repeat this with the public key of the log, SHA-256 and this file. It does not say which of the two histories is the honest one.",
    ));
    lines.join("\n")
}

/// A paragraph of at most 80 columns; its first line begins with `head`, the others as far to the right.
fn wrap(head: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = head.to_owned();
    let margin = " ".repeat(head.len());
    for word in text.split(' ') {
        if line.len() > head.len() {
            if line.chars().count() + 1 + word.chars().count() > 80 {
                lines.push(std::mem::replace(&mut line, margin.clone()));
            } else {
                line.push(' ');
            }
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Which keys of the log signed a note, and who else stands under it without having been checked.
fn signers(note: &[u8], keys: &[VerifierKey]) -> String {
    let Ok(note) = Note::parse(note) else {
        return "no readable signature".to_owned();
    };
    let by_log = keys.iter().filter(|key| {
        let mut lines = note.signatures().iter();
        lines.any(|line| line.is_by(key))
    });
    let ids: Vec<String> = by_log.map(|key| key.id().to_string()).collect();
    let others = note.signatures().len() - ids.len();
    let mut text = format!("its key {}", ids.join(" and its key "));
    if others > 0 {
        text += &format!(" (and {others} other signatures, not checked)");
    }
    text
}

fn fork_json(fork: &Fork, keys: &[VerifierKey]) -> serde_json::Value {
    let side = |checkpoint: &Checkpoint, note: &[u8]| {
        json!({
            "size": checkpoint.size(),
            "root": checkpoint.root().to_string(),
            "signed": signers(note, keys),
        })
    };
    json!({
        "proved": true,
        "kind": "fork",
        "origin": fork.smaller().origin().to_string(),
        "smaller": side(fork.smaller(), fork.smaller().note()),
        "larger": side(fork.larger(), fork.larger().note()),
        "root_of_prefix": fork.prefix_root().to_string(),
    })
}
