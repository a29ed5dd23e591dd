//! A daemon that is struck at one system call, starts again, and then loses power.
//!
//! What a killed process wrote is still in the kernel's memory, and its successor takes it for
//! what is on the disk. So each life that was struck is followed by a second one, and the power
//! is cut in that one, at the first things it says.

use std::path::Path;

use anyhow::Result;

use crate::disk::Loss;
use crate::log_load::{Life, record_log};
use crate::recording::{Recording, What};
use crate::roster;
use crate::survey::{Broken, Replay, Room};
use crate::witness_room::record_witness;

/// What became of a daemon that was struck.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Whether its first life ended before its load did.
    pub is_struck: bool,
    /// Disks that were judged.
    pub judged: usize,
    /// Promises that did not hold.
    pub broken: Vec<Broken>,
}

/// How many of the first things that the second life says are followed by a power cut.
const SAID_MAX: usize = 6;

/// Records a log in `first`, then in a life that is left alone, and cuts the power in that one.
///
/// # Errors
/// When it cannot be recorded or judged.
pub async fn try_log(limpid: &Path, first: Life) -> Result<Trial> {
    // Each of three submitters founds the log and submits.
    let answers_min = 3 * (first.entries + roster::founding()?.len());
    let (room, recording) = record_log(limpid, &[first, second()]).await?;
    judge(&room, &recording, answers_min).await
}

/// The same for a witness.
///
/// # Errors
/// When it cannot be recorded or judged.
pub async fn try_witness(limpid: &Path, first: Life) -> Result<Trial> {
    let answers_min = 2 * first.entries;
    let (room, recording) = record_witness(limpid, &[first, second()]).await?;
    judge(&room, &recording, answers_min).await
}

fn second() -> Life {
    Life {
        entries: 2,
        ..Life::default()
    }
}

async fn judge<R: Room>(room: &R, recording: &Recording, answers_min: usize) -> Result<Trial> {
    let second = recording.lives[1];
    let is_answer = |at: &usize| match &recording.steps[at - 1].what {
        What::Said(said) => said.is_answer,
        _ => false,
    };
    let answers = (1..=second).filter(is_answer).count();
    let said = (second + 1..=recording.len()).filter(is_answer);
    let lost = said.take(SAID_MAX).map(|at| (at, Loss::Everything));
    let mut cuts = vec![(second, Loss::Nothing)];
    cuts.extend(lost);
    cuts.push((recording.len(), Loss::Everything));
    let mut trial = Trial {
        is_struck: answers < answers_min,
        judged: cuts.len(),
        broken: Vec::new(),
    };
    let mut replay = Replay::new(recording, &[]);
    for (at, loss) in cuts {
        replay.advance(at);
        let said = replay.said.clone();
        if let Some(what) = room.judge(replay.disk.after(loss), said).await? {
            trial.broken.push(Broken { at, loss, what });
        }
    }
    Ok(trial)
}
