//! A log that is struck at one system call, starts again, and then loses power.
//!
//! What a killed process wrote is still in the kernel's memory, and its successor takes it for
//! what is on the disk. So each life that was struck is followed by a second one, and the power
//! is cut in that one, at the first things it says.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use crate::disk::Loss;
use crate::log_load::{Life, record_log};
use crate::recording::What;
use crate::survey::{Broken, Replay, Room as _};

/// What became of a log that was struck.
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

/// Records `first`, then a life that is left alone, and cuts the power in that one.
///
/// # Errors
/// When it cannot be recorded or judged.
pub async fn try_life(limpid: &Path, first: Life) -> Result<Trial> {
    let entries = first.entries;
    let second = Life {
        entries: 2,
        ..Life::default()
    };
    let (room, recording) = record_log(limpid, &[first, second]).await?;
    let second = recording.lives[1];
    let is_answer = |at: &usize| match &recording.steps[at - 1].what {
        What::Said(said) => said.is_answer,
        _ => false,
    };
    let answers = (1..=second).filter(is_answer).count();
    let said = (second + 1..=recording.len()).filter(is_answer);
    let mut cuts: Vec<(usize, Loss)> = said
        .take(SAID_MAX)
        .map(|at| (at, Loss::Everything))
        .collect();
    cuts.push((second, Loss::Nothing));
    cuts.push((recording.len(), Loss::Everything));
    cuts.sort_unstable();
    let mut trial = Trial {
        // Founding and entries of three submitters; a few more for readers and blobs.
        is_struck: answers < 3 * (entries + roster_len()),
        judged: cuts.len(),
        broken: Vec::new(),
    };
    let mut replay = Replay::new(&recording, &[]);
    for (at, loss) in cuts {
        replay.advance(at);
        let image = replay.disk.after(loss);
        let said = replay.said.iter().map(Arc::clone).collect();
        if let Some(what) = room.judge(image, said).await? {
            trial.broken.push(Broken { at, loss, what });
        }
    }
    Ok(trial)
}

fn roster_len() -> usize {
    crate::roster::founding().map_or(0, |founding| founding.len())
}
