//! `powercut <limpid> [CUTS [SEED]]`: records a log, cuts its power, leaves out each `fsync`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use powercut::{Blow, Life, omit, record_log, survey};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    let limpid = PathBuf::from(words.next().context("usage: powercut <limpid> [CUTS [SEED]]")?);
    let number = |word: Option<String>, default: u64| word.map_or(Ok(default), |w| w.parse());
    let cuts = usize::try_from(number(words.next(), 100)?)?;
    let seed = number(words.next(), 1)?;
    let mut out = std::io::stdout().lock();
    let kill = Blow {
        call: "fdatasync".to_owned(),
        what: "signal=KILL".to_owned(),
        when: "30".to_owned(),
    };
    let lives = [
        Life { entries: 12, blows: vec![kill], is_stopped: false },
        Life { entries: 12, blows: Vec::new(), is_stopped: true },
        Life { entries: 8, blows: Vec::new(), is_stopped: false },
    ];
    let (room, recording) = record_log(&limpid, &lives).await?;
    writeln!(out, "recorded {} steps", recording.len())?;
    for (class, times) in recording.classes() {
        writeln!(out, "  {times:>5} {class}")?;
    }
    let room = Arc::new(room);
    let result = survey(&room, &recording, cuts, seed).await?;
    writeln!(out, "{result:#?}")?;
    for (class, _) in recording.classes() {
        let omission = omit(&room, &recording, &class, 8).await?;
        writeln!(out, "{class}: tried {}: {:?}", omission.tried, omission.noticed)?;
    }
    Ok(ExitCode::SUCCESS)
}
