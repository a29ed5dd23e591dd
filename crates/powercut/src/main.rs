//! `powercut <limpid> log|witness|failpoints|kills [COUNT [SEED]]`: results as Markdown on stdout.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use powercut::{
    Blow, Broken, Life, Recording, Room, Storm, Trial, kill_log, omit, record_log, record_witness,
    survey, try_log, try_witness,
};

const USAGE: &str = "usage: powercut <limpid> log|witness|failpoints|kills [COUNT [SEED]]";
/// Different disks that are looked at for each kind of `fsync` that is left out.
const OMISSION_TRIES: usize = 12;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    let limpid = PathBuf::from(words.next().context(USAGE)?);
    let room = words.next().context(USAGE)?;
    let number = |word: Option<String>, default: u64| word.map_or(Ok(default), |w| w.parse());
    let count = usize::try_from(number(words.next(), 100)?)?;
    let seed = number(words.next(), 1)?;
    let mut out = std::io::stdout().lock();
    let is_kept = match room.as_str() {
        "log" => {
            let (room, recording) = record_log(&limpid, &lives(120)).await?;
            judge(&mut out, room, &recording, count, seed).await?
        }
        "witness" => {
            let (room, recording) = record_witness(&limpid, &lives(60)).await?;
            judge(&mut out, room, &recording, count, seed).await?
        }
        "failpoints" => failpoints(&mut out, &limpid, count).await?,
        "kills" => {
            let told = |storm: &Storm| {
                eprintln!(
                    "{} of {count} kills, {} entries found again, {} s",
                    storm.kills, storm.durable, storm.seconds
                );
            };
            let storm = kill_log(&limpid, count, seed, told).await?;
            writeln!(
                out,
                "| kills | of them while starting | logs | entries acknowledged and found | \
                 of them with a proof | seconds |\n|---|---|---|---|---|---|\n\
                 | {} | {} | {} | {} | {} | {} |",
                storm.kills,
                storm.while_starting,
                storm.logs,
                storm.durable,
                storm.witnessed,
                storm.seconds
            )?;
            true
        }
        _ => bail!(USAGE),
    };
    Ok(if is_kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One that is killed in the middle of writing to its database, one that is stopped, one that is
/// killed.
fn lives(killed_at: usize) -> [Life; 3] {
    let kill = Blow {
        call: "pwrite64".to_owned(),
        what: "signal=KILL".to_owned(),
        when: killed_at.to_string(),
    };
    let life = |entries| Life {
        entries,
        ..Life::default()
    };
    let killed = Life {
        blows: vec![kill],
        ..life(12)
    };
    let stopped = Life {
        is_stopped: true,
        // Beyond 256 entries, where the database leaves them to a bundle.
        ..life(90)
    };
    [killed, stopped, life(8)]
}

async fn judge<R: Room>(
    out: &mut impl Write,
    room: R,
    recording: &Recording,
    cuts: usize,
    seed: u64,
) -> Result<bool> {
    let room = Arc::new(room);
    writeln!(out, "{} steps were recorded.\n", recording.len())?;
    let result = survey(&room, recording, cuts, seed).await?;
    writeln!(out, "| what the power cut took | disks judged |\n|---|---|")?;
    for (kind, count) in &result.judged {
        writeln!(out, "| {kind} | {count} |")?;
    }
    let (total, alike, seconds) = (result.total(), result.alike, result.seconds);
    writeln!(
        out,
        "\n{total} different disks in {seconds} s ({alike} cuts gave one of them again)."
    )?;
    writeln!(out, "Promises broken: {}.\n", result.broken.len())?;
    for broken in &result.broken {
        writeln!(
            out,
            "- after step {}, {}: {}",
            broken.at, broken.loss, broken.what
        )?;
    }
    let kept = omissions(out, &room, recording).await?;
    Ok(kept && result.broken.is_empty())
}

/// Leaves out each kind of `fsync` in turn; true if all of them are missed, alone or with the
/// others of their folder.
async fn omissions<R: Room>(
    out: &mut impl Write,
    room: &Arc<R>,
    recording: &Recording,
) -> Result<bool> {
    let mut is_kept = true;
    writeln!(
        out,
        "| `fsync` left out | times | what breaks |\n|---|---|---|"
    )?;
    for class in recording.classes() {
        let omission = omit(room, recording, &class, OMISSION_TRIES).await?;
        let text = |broken: &Broken| broken.what.chars().take(110).collect::<String>();
        let noticed = match (&omission.noticed, &omission.noticed_together) {
            (Some(broken), _) => text(broken),
            (None, Some(broken)) => {
                format!(
                    "another one of the folder makes up for it; without all of them: {}",
                    text(broken)
                )
            }
            // The journal of a database that has said nothing yet.
            (None, None) if class.ends_with("-journal") => {
                "nothing: only the making of an empty database used it".to_owned()
            }
            (None, None) => {
                is_kept = false;
                "**nothing**".to_owned()
            }
        };
        writeln!(out, "| {class} | {} | {noticed} |", omission.times)?;
    }
    Ok(is_kept)
}

/// Where a daemon is struck, and how.
const BLOWS: [(&str, &str); 10] = [
    ("fsync,fdatasync", "signal=KILL"),
    ("pwrite64", "signal=KILL"),
    ("renameat2", "signal=KILL"),
    ("rename", "signal=KILL"),
    ("mkdir", "signal=KILL"),
    ("ftruncate", "signal=KILL"),
    ("openat", "signal=KILL"),
    ("pwrite64", "error=ENOSPC"),
    ("fsync,fdatasync", "error=EIO"),
    ("renameat2", "error=ENOSPC"),
];

/// Sizes beyond which no file grows; the write that reaches one is a short one.
const FULL_AT: [u64; 8] = [
    512, 4_096, 20_000, 40_000, 65_536, 100_000, 150_000, 250_000,
];

/// Trials of one kind, added up.
#[derive(Default)]
struct Row {
    struck: usize,
    judged: usize,
    broken: usize,
}

impl Row {
    fn add(&mut self, name: &str, trial: &Trial) {
        self.struck += usize::from(trial.is_struck);
        self.judged += trial.judged;
        self.broken += trial.broken.len();
        for broken in &trial.broken {
            eprintln!(
                "{name}: step {}, {}: {}",
                broken.at, broken.loss, broken.what
            );
        }
    }

    fn write(&self, out: &mut impl Write, name: &str) -> Result<()> {
        let (struck, judged, broken) = (self.struck, self.judged, self.broken);
        writeln!(out, "| {name} | {struck} | {judged} | {broken} |")?;
        Ok(out.flush()?)
    }
}

/// Strikes at the first, the second, ... of each call until it no longer strikes, at most `count`
/// of each; then fills the disk at growing sizes.
async fn failpoints(out: &mut impl Write, limpid: &Path, count: usize) -> Result<bool> {
    let mut is_kept = true;
    writeln!(
        out,
        "| where and how | struck | disks judged | promises broken |\n|---|---|---|---|"
    )?;
    for (call, what) in BLOWS {
        for room in ["log", "witness"] {
            let name = format!("{room}: `{call}` {what}");
            let mut row = Row::default();
            for number in 1..=count {
                let life = struck(call, what, number);
                let trial = match room {
                    "log" => try_log(limpid, life).await?,
                    _ => try_witness(limpid, life).await?,
                };
                row.add(&format!("{name} {number}"), &trial);
                if !trial.is_struck && what.contains("KILL") {
                    break;
                }
            }
            is_kept &= row.broken == 0;
            row.write(out, &name)?;
        }
    }
    let mut row = Row::default();
    for bytes in FULL_AT {
        let life = Life {
            entries: 8,
            file_bytes_max: Some(bytes),
            ..Life::default()
        };
        row.add(&format!("full at {bytes}"), &try_log(limpid, life).await?);
    }
    row.write(
        out,
        "log: any write, short, then `EFBIG`, at 8 sizes of a file",
    )?;
    Ok(is_kept && row.broken == 0)
}

fn struck(call: &str, what: &str, number: usize) -> Life {
    // An error that comes once is over when it is tried again; a full disk stays full.
    let stays = if what.contains("ENOSPC") { "+" } else { "" };
    let blow = Blow {
        call: call.to_owned(),
        what: what.to_owned(),
        when: format!("{number}{stays}"),
    };
    Life {
        entries: 4,
        blows: vec![blow],
        ..Life::default()
    }
}
