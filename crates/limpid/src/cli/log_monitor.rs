//! `limpid log monitor`

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use logclient::monitor::{Alarm, Level, LogLook, Monitor, MonitorConfig};
use serde_json::{Value, json};

use super::now;
use super::trusted::{signed_json, signed_text};
use crate::out::{Out, Status};

const AFTER_HELP: &str = "\
The configuration names logs with their keys or policy, and the monitoring paths
of witnesses and mirrors:

  dir = \"monitor\"
  [[logs]]
  origin = \"center.example/log\"
  place = \"http://127.0.0.1:7101\"
  policy = \"center.policy\"
  witnesses = [\"http://127.0.0.1:7201\"]
  stale_s = 86400

Two checkpoints that cannot both be true become a file of evidence in `dir`; see
`limpid proof verify`. What the entries mean is judged by `limpid audit`.

Exit status of --once: 0 nothing to report; 3 somebody should look; 4 a log
broke its promise; 2 nothing could be watched.";

/// Watch logs as logs: forks, rollback, age, witnesses, heartbeats
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Watch {
    /// Configuration (TOML; unknown keys are errors)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Look once and say everything; otherwise go on and say what is new
    #[arg(long)]
    once: bool,
    /// Judge age by this clock, in POSIX seconds
    #[arg(long, value_name = "SECONDS", requires = "once")]
    now: Option<u64>,
}

impl Watch {
    pub(super) async fn run(self, out: Out) -> Result<()> {
        let config: MonitorConfig = serve::load_config(&self.config)?;
        let every = Duration::from_millis(config.interval_ms.max(1000));
        let mut monitor = Monitor::open(&config)?;
        if self.once {
            let now = self.now.unwrap_or_else(now);
            let looked = tokio::task::spawn_blocking(move || monitor.look(now));
            let looks = looked.await.context("the look broke off")??;
            return tell_all(out, &looks);
        }
        let watched = tokio::task::spawn_blocking(move || {
            let mut told = BTreeSet::new();
            loop {
                let looks = monitor.look(now())?;
                tell_news(out, &looks, &mut told);
                std::thread::sleep(every);
            }
        });
        let ended: Result<()> = watched.await.context("watching broke off")?;
        ended
    }
}

fn tell_all(out: Out, looks: &[LogLook]) -> Result<()> {
    let mut lines = Vec::new();
    for look in looks {
        lines.push(match (look.size, &look.signed) {
            (Some(size), Some(signed)) => {
                format!("{}: {size} entries, {}", look.origin, signed_text(signed))
            }
            _ => format!("{}: no acceptable checkpoint", look.origin),
        });
        lines.extend(look.alarms.iter().map(alarm_text));
    }
    let worst = looks
        .iter()
        .flat_map(|look| look.alarms.iter().map(|alarm| alarm.level))
        .max();
    let (status, verdict) = match worst {
        None => (0, "nothing to report"),
        Some(Level::Amber) => (3, "somebody should look"),
        Some(Level::Red) => (4, "A PROMISE IS BROKEN"),
    };
    lines.push(verdict.to_owned());
    let folded: Vec<String> = lines
        .iter()
        .flat_map(|line| crate::out::fold(0, line))
        .collect();
    let logs: Vec<Value> = looks.iter().map(look_json).collect();
    out.result(
        &folded.join("\n"),
        &json!({"outcome": verdict, "logs": logs}),
    );
    match status {
        0 => Ok(()),
        status => Err(Status(status).into()),
    }
}

/// Alarms that were not there at the last look, and those that are over.
fn tell_news(out: Out, looks: &[LogLook], told: &mut BTreeSet<(String, &'static str, String)>) {
    let mut here = BTreeSet::new();
    for look in looks {
        for alarm in &look.alarms {
            let key = (look.origin.clone(), alarm.code, alarm.about.clone());
            if !told.contains(&key) {
                let line = format!("{}: {}", look.origin, alarm_text(alarm).trim_start());
                let folded = crate::out::fold(0, &line).join("\n");
                let mut value = alarm_json(alarm);
                value["origin"] = json!(look.origin);
                out.result(&folded, &value);
            }
            here.insert(key);
        }
    }
    for (origin, code, about) in told.difference(&here) {
        let line = format!("{origin}: over: {code} ({about})");
        let value = json!({"origin": origin, "over": code, "about": about});
        out.result(&crate::out::fold(0, &line).join("\n"), &value);
    }
    *told = here;
}

fn alarm_text(alarm: &Alarm) -> String {
    let mut text = format!("  {} {}: {}", alarm.level, alarm.code, alarm.what);
    if let Some(path) = &alarm.evidence {
        text += &format!("; evidence: {}", path.display());
    }
    text
}

fn alarm_json(alarm: &Alarm) -> Value {
    json!({
        "level": alarm.level.to_string(),
        "code": alarm.code,
        "about": alarm.about,
        "what": alarm.what,
        "evidence": alarm.evidence,
    })
}

fn look_json(look: &LogLook) -> Value {
    json!({
        "origin": look.origin,
        "size": look.size,
        "signed": look.signed.as_ref().map(signed_json),
        "alarms": look.alarms.iter().map(alarm_json).collect::<Vec<_>>(),
    })
}
