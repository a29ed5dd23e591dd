//! `limpid log fsck`

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use logclient::fsck::{BadFile, Fault, Progress, Report, fsck};
use logclient::{LogFiles, Patience};
use serde_json::{Value, json};

use super::trusted::{Anchored, signed_json, signed_text};
use crate::out::{Out, Status};

/// What the exit status says.
const AFTER_HELP: &str = "\
Every bad file is named: missing, too short or too long, of other bytes, no
bundle, an archived checkpoint of another tree, or (in a directory) no file of a
log. Works on every log that serves C2SP tlog-tiles, whatever its entries are.
Entries that the log announced to serve no more are counted, and not checked.

Exit status: 0 the log is whole; 1 it is damaged; 2 it was not checked, or not
all of it.";

/// Check every file of a log against its signed root
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Fsck {
    /// Directory or http address of the log
    #[arg(value_name = "PLACE")]
    place: String,
    #[command(flatten)]
    trusted: Anchored,
    /// How many files to read and hash at a time [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Longest time to wait for one answer of a server
    #[arg(long, value_name = "SECONDS", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// Prints bad files as they are found, and how far it is.
struct Teller {
    out: Out,
    bar: Option<ProgressBar>,
    bad: Mutex<Vec<Value>>,
}

impl Progress for Teller {
    fn bad(&self, file: &BadFile) {
        let path = &file.path;
        let fault = &file.fault;
        let text = with_causes(fault);
        let line = if fault.is_damage() {
            format!("bad   {path}: {text}")
        } else {
            format!("none  {path}: {text}")
        };
        match &self.bar {
            Some(bar) => bar.suspend(|| self.out.folded(0, &line)),
            None => self.out.folded(0, &line),
        }
        if self.out.is_json() {
            let entry = match fault {
                Fault::OtherEntry { index } => Some(*index),
                _ => None,
            };
            let value = json!({"path": path, "fault": fault.code(), "what": text, "entry": entry});
            let mut bad = self
                .bad
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            bad.push(value);
        }
    }

    fn entries(&self, read: u64, all: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(read);
        }
    }
}

impl Fsck {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        let patience = Patience {
            timeout: Duration::from_secs(self.timeout),
            ..Patience::default()
        };
        let files = LogFiles::open(&self.place, patience)?;
        let checked = tokio::task::spawn_blocking(move || self.check(out, &files));
        let (report, bad) = checked.await.context("the check broke off")??;
        tell(out, &report, bad)
    }

    fn check(&self, out: Out, files: &LogFiles) -> Result<(Report, Vec<Value>)> {
        let trust = self.trusted.trust(files)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.map_or(cores, usize::from);
        let teller = Teller {
            out,
            bar: bar(out),
            bad: Mutex::default(),
        };
        let report = fsck(files, &trust, jobs, &teller)?;
        if let Some(bar) = teller.bar {
            bar.finish_and_clear();
        }
        let bad = teller.bad.into_inner();
        Ok((
            report,
            bad.unwrap_or_else(std::sync::PoisonError::into_inner),
        ))
    }
}

/// Only where somebody watches.
fn bar(out: Out) -> Option<ProgressBar> {
    if out.is_json() || !std::io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} entries, {eta} left");
    Some(ProgressBar::new(0).with_style(style.ok()?))
}

fn tell(out: Out, report: &Report, bad: Vec<Value>) -> Result<()> {
    let (status, verdict) = match (report.bad, report.unread) {
        (0, 0) if report.proven => (0, "whole".to_owned()),
        (0, unread) => (2, format!("NOT CHECKED: {unread} files were not delivered")),
        (1, 0) => (1, "DAMAGED: 1 file is bad".to_owned()),
        (bad, 0) => (1, format!("DAMAGED: {bad} files are bad")),
        (bad, unread) => (
            1,
            format!("DAMAGED: {bad} files are bad, {unread} more were not delivered"),
        ),
    };
    let checkpoint = &report.checkpoint;
    let mut text = format!(
        "{}\n{} entries, root {}\n{}\n",
        checkpoint.origin(),
        checkpoint.size(),
        checkpoint.root(),
        signed_text(&report.signed)
    );
    text += &format!(
        "hashed {} entries in {} bundles; compared {} tiles and {} archived checkpoints\n",
        report.entries, report.bundles, report.tiles, report.archived
    );
    if let Some(minimum) = &report.minimum {
        text += &format!(
            "the log serves its entries from {} on, as entry {} announced; {} entries are not available here\n",
            minimum.minimum, minimum.announced_at, report.withheld
        );
    }
    if report.ahead > 0 {
        text += &format!("{} files are of entries not published yet\n", report.ahead);
    }
    if !report.proven {
        text += "the signed root was not reached: bad files are not told apart for certain\n";
    }
    text += &verdict;
    let folded: Vec<String> = text
        .lines()
        .flat_map(|line| crate::out::fold(0, line))
        .collect();
    let word = ["whole", "damaged", "not_checked"][usize::from(status)];
    out.result(
        &folded.join("\n"),
        &json!({
            "outcome": word,
            "origin": checkpoint.origin().to_string(),
            "size": checkpoint.size(),
            "root": checkpoint.root().to_string(),
            "signed": signed_json(&report.signed),
            "proven": report.proven,
            "entries": report.entries,
            "bundles": report.bundles,
            "tiles": report.tiles,
            "archived": report.archived,
            "minimum_index": report.minimum.as_ref().map_or(0, |it| it.minimum),
            "withheld": report.withheld,
            "ahead": report.ahead,
            "bad": report.bad,
            "unread": report.unread,
            "files": bad,
        }),
    );
    match status {
        0 => Ok(()),
        status => Err(Status(status).into()),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // A cause that the message holds already is not said twice.
        let more = next.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}
