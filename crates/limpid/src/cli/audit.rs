//! `limpid audit`

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use audit::{Audit, Evidence, News, Place, Report, Request, Watch};
use clap::Args;
use serde_json::json;
use statement::StatementDigest;

use super::now;
use crate::out::{Out, Status};

/// How to give logs, and what the exit status says.
const AFTER_HELP: &str = "\
A log is given as ORIGIN=PLACE, as a PLACE alone whose checkpoint says which log
it is, or as an ORIGIN alone, which is then reached at http://ORIGIN. A place is
a directory or an http address. Give every log that the constitution names: then
they are compared with each other.

Exit status: 0 every promise held; 3 there are doubts, nothing is known to be
broken; 4 promises were broken; 2 nothing could be judged.";

/// Judge whole logs by rules of our own; trust nobody
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Verb {
    /// Digest of the first constitution: the only thing taken on trust
    #[arg(long, value_name = "DIGEST")]
    anchor: StatementDigest,
    /// A log to read; may be repeated
    #[arg(long = "log", value_name = "LOG", required = true)]
    logs: Vec<String>,
    /// TUF repository to judge beside the logs
    #[arg(long, value_name = "PLACE")]
    repository: Option<String>,
    /// Checkpoint that was seen elsewhere: it must be of the same history; may be repeated
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Judge age by this clock, in POSIX seconds
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// Write the report as one self-contained page, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write checkpoints that contradict each other into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "cursor")]
    evidence: Option<PathBuf>,
    /// Remember every root in this file; evidence is written beside it
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,
    /// Go on looking, this often, until interrupted; print only what is new
    #[arg(long, value_name = "SECONDS", requires = "cursor",
          value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
}

impl Verb {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        let request = self.request().await?;
        let Some(cursor) = &self.cursor else {
            let report = Audit::new(request)?.look(self.clock()).await?;
            for evidence in &report.evidence {
                self.keep_evidence(out, evidence)?;
            }
            return self.tell(out, &report);
        };
        let mut watch = Watch::open(request, cursor)?;
        let Some(seconds) = self.watch else {
            let news = watch.look(self.clock()).await?;
            for file in &news.evidence {
                out.folded(0, &format!("evidence written to {}", file.display()));
            }
            return self.tell(out, &news.report);
        };
        self.go_on(out, watch, Duration::from_secs(seconds)).await
    }

    fn clock(&self) -> u64 {
        self.now.unwrap_or_else(now)
    }

    async fn request(&self) -> Result<Request> {
        let mut logs = Vec::with_capacity(self.logs.len());
        for given in &self.logs {
            logs.push(audit::find_log(given).await?);
        }
        let mut seen = Vec::with_capacity(self.checkpoint.len());
        for file in &self.checkpoint {
            let note = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            seen.push((file.display().to_string(), note));
        }
        Ok(Request {
            anchor: self.anchor,
            logs,
            repository: self.repository.as_deref().map(Place::new).transpose()?,
            seen,
        })
    }

    fn tell(&self, out: Out, report: &Report) -> Result<()> {
        self.write_page(report)?;
        out.result(&report.to_text(), &report.to_json());
        match report.outcome.exit_status() {
            0 => Ok(()),
            status => Err(Status(status).into()),
        }
    }

    fn write_page(&self, report: &Report) -> Result<()> {
        let Some(file) = &self.html else {
            return Ok(());
        };
        fs::write(file, report.to_html())
            .with_context(|| format!("cannot write {}", file.display()))
    }

    fn keep_evidence(&self, out: Out, evidence: &Evidence) -> Result<()> {
        let Some(dir) = &self.evidence else {
            return Ok(());
        };
        let files = evidence
            .keep_in(dir)
            .with_context(|| format!("cannot keep evidence in {}", dir.display()))?;
        for file in files {
            out.folded(0, &format!("evidence written to {}", file.display()));
        }
        Ok(())
    }

    /// Looks until interrupted. A place that cannot be read is told, and looked at again.
    async fn go_on(&self, out: Out, mut watch: Watch, pause: Duration) -> Result<()> {
        let stop = serve::stop_signal()?;
        tokio::pin!(stop);
        let mut status = 2;
        let mut told = None;
        loop {
            match watch.look(self.clock()).await {
                Ok(news) => {
                    status = news.report.outcome.exit_status();
                    self.write_page(&news.report)?;
                    let state = state_of(&news.report);
                    if told.as_ref() != Some(&state) || !news.findings.is_empty() {
                        tell_news(out, &state, &news);
                    }
                    told = Some(state);
                }
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    tracing::error!("{error:#}");
                    told = None;
                }
            }
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        match status {
            0 => Ok(()),
            status => Err(Status(status).into()),
        }
    }
}

/// Where the logs stand, on one line.
fn state_of(report: &Report) -> String {
    let sizes: Vec<String> = report
        .logs
        .iter()
        .map(|log| format!("{} {}", log.origin, log.size))
        .collect();
    format!("{}: {}", sizes.join(", "), report.outcome.headline())
}

fn tell_news(out: Out, state: &str, news: &News) {
    let mut text = crate::out::fold(0, state).join("\n");
    for found in &news.findings {
        for line in crate::out::fold(2, &found.to_string()) {
            text += &format!("\n{line}");
        }
    }
    for file in &news.evidence {
        text += &format!("\n  evidence written to {}", file.display());
    }
    let findings: Vec<_> = news.findings.iter().map(audit::Found::to_json).collect();
    let sizes: serde_json::Map<String, serde_json::Value> = news
        .report
        .logs
        .iter()
        .map(|log| (log.origin.clone(), log.size.into()))
        .collect();
    out.result(
        &text,
        &json!({
            "outcome": news.report.outcome, "now": news.report.now, "sizes": sizes,
            "findings": findings, "evidence": news.evidence,
        }),
    );
}
