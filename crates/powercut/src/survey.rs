//! Cutting the power at many moments of a recording, and asking a room each time whether it kept
//! its promises.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::disk::{Dice, Disk, Image, Loss};
use crate::image::digest;
use crate::recording::{Recording, What};
use crate::talk::Exchange;

/// A daemon that can be started on what a power cut left, and judged.
pub trait Room: Send + Sync + 'static {
    /// Starts the daemon on `image`; everything in `said` was said before the cut. The answer is
    /// the first promise that does not hold.
    ///
    /// # Errors
    /// When nothing can be judged: no room for files, a program that is not there.
    fn judge(
        &self,
        image: Image,
        said: Vec<Arc<Exchange>>,
    ) -> impl Future<Output = Result<Option<String>>> + Send;
}

/// The disk at one moment of a recording.
pub(crate) struct Replay<'a> {
    recording: &'a Recording,
    pub(crate) disk: Disk,
    at: usize,
    /// Syncs of these classes are taken for lies.
    ignored: &'a [String],
    pub(crate) said: Vec<Arc<Exchange>>,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(recording: &'a Recording, ignored: &'a [String]) -> Self {
        Self {
            recording,
            disk: Disk::new(&recording.start),
            at: 0,
            ignored,
            said: Vec::new(),
        }
    }

    /// Goes on until `at` steps are done.
    pub(crate) fn advance(&mut self, at: usize) {
        while self.at < at {
            let step = &self.recording.steps[self.at];
            match &step.what {
                What::Made { is_folder } => {
                    self.disk.make(*is_folder);
                }
                What::Changed(change, done) => self.disk.apply(change, *done),
                What::Synced { node, began } => {
                    if !self.ignored.contains(&step.class) {
                        self.disk.sync(*node, *began);
                    }
                }
                What::Said(exchange) => self.said.push(Arc::clone(exchange)),
            }
            self.at += 1;
        }
    }
}

/// One power cut and what it leaves.
#[derive(Debug, Clone)]
struct Case {
    at: usize,
    loss: Loss,
    image: Image,
    said: Vec<Arc<Exchange>>,
}

/// A promise that did not hold.
#[derive(Debug, Clone)]
pub struct Broken {
    /// After how many steps of the recording the power was cut.
    pub at: usize,
    /// What was lost.
    pub loss: Loss,
    /// Which promise, in words.
    pub what: String,
}

/// The result of many power cuts.
#[derive(Debug, Default)]
pub struct Survey {
    /// Different disks that were judged, by kind of loss.
    pub judged: BTreeMap<&'static str, usize>,
    /// Power cuts that left a disk which had been judged already.
    pub alike: usize,
    /// Promises that did not hold.
    pub broken: Vec<Broken>,
    /// Wall-clock seconds.
    pub seconds: u64,
}

impl Survey {
    /// Different disks that were judged.
    pub fn total(&self) -> usize {
        self.judged.values().sum()
    }
}

const fn kind_of(loss: Loss) -> &'static str {
    match loss {
        Loss::Everything => "all unsynced lost",
        Loss::Nothing => "nothing lost",
        Loss::Contents => "contents lost, names kept",
        Loss::Names => "names lost, contents kept",
        Loss::Torn(_) => "torn",
    }
}

/// Cuts the power `cuts` times: after each thing that was said, spread over the rest, and with
/// every kind of loss in turn.
///
/// # Errors
/// When a cut cannot be judged.
pub async fn survey<R: Room>(
    room: &Arc<R>,
    recording: &Recording,
    cuts: usize,
    seed: u64,
) -> Result<Survey> {
    let started = Instant::now();
    let mut result = Survey::default();
    let mut dice = Dice(seed);
    let moments = moments(recording, cuts, &mut dice);
    let mut replay = Replay::new(recording, &[]);
    let mut seen = HashSet::new();
    let mut running = JoinSet::new();
    for (at, loss) in moments {
        replay.advance(at);
        let image = replay.disk.after(loss);
        if !seen.insert((digest(&image), replay.said.len())) {
            result.alike += 1;
            continue;
        }
        *result.judged.entry(kind_of(loss)).or_default() += 1;
        let said = replay.said.clone();
        let case = Case {
            at,
            loss,
            image,
            said,
        };
        while running.len() >= workers() {
            note(&mut running, &mut result.broken).await?;
        }
        spawn(&mut running, room, case);
    }
    while !running.is_empty() {
        note(&mut running, &mut result.broken).await?;
    }
    result.broken.sort_by_key(|broken| (broken.at, broken.loss));
    result.seconds = started.elapsed().as_secs();
    Ok(result)
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

type Running = JoinSet<Result<Option<Broken>>>;

fn spawn<R: Room>(running: &mut Running, room: &Arc<R>, case: Case) {
    let room = Arc::clone(room);
    running.spawn(async move {
        let (at, loss) = (case.at, case.loss);
        let judged = room.judge(case.image, case.said).await?;
        Ok(judged.map(|what| Broken { at, loss, what }))
    });
}

async fn note(running: &mut Running, broken: &mut Vec<Broken>) -> Result<()> {
    if let Some(ended) = running.join_next().await {
        broken.extend(ended??);
    }
    Ok(())
}

/// Pairs of moment and loss, ascending. Half of them right after something was said, where the
/// daemon has just promised most; the others anywhere.
fn moments(recording: &Recording, cuts: usize, dice: &mut Dice) -> Vec<(usize, Loss)> {
    let is_said = |at: &usize| matches!(recording.steps[at - 1].what, What::Said(_));
    let said: Vec<usize> = (1..=recording.len()).filter(is_said).collect();
    let all: Vec<usize> = (1..=recording.len()).collect();
    let mut chosen = Vec::new();
    for (number, from) in (0..cuts).zip([&said, &all].into_iter().cycle()) {
        let loss = match number / 2 % 8 {
            0 | 1 => Loss::Everything,
            2 => Loss::Nothing,
            3 => Loss::Contents,
            4 => Loss::Names,
            _ => Loss::Torn(dice.roll()),
        };
        if !from.is_empty() {
            let at = dice.below(from.len() as u64) as usize;
            chosen.push((from[at], loss));
        }
    }
    chosen.sort_unstable();
    chosen
}

/// What became of one class of `fsync` when it was left out.
#[derive(Debug, Clone)]
pub struct Omission {
    /// Which `fsync`.
    pub class: String,
    /// How often the daemon did it.
    pub times: usize,
    /// The first promise that did not hold without it.
    pub noticed: Option<Broken>,
    /// If there is none: the first that did not hold without any `fsync` of that folder. Then
    /// another one of it comes before anything is said.
    pub noticed_together: Option<Broken>,
}

/// Leaves out every `fsync` of one class and looks for a promise that does not hold then, on at
/// most `tries` disks that differ from what they were with it.
///
/// # Errors
/// When a cut cannot be judged.
pub async fn omit<R: Room>(
    room: &Arc<R>,
    recording: &Recording,
    class: &str,
    tries: usize,
) -> Result<Omission> {
    let noticed = first_broken(room, recording, &[class.to_owned()], tries).await?;
    let mut noticed_together = None;
    if let (None, Some((_, folder))) = (&noticed, class.rsplit_once(" in ")) {
        let same = format!(" in {folder}");
        let all = recording.steps.iter().map(|step| step.class.clone());
        // Also those that have nothing to keep as long as the others are there.
        let of_folder = all.filter(|other| other.ends_with(&same));
        let together = Vec::from_iter(BTreeSet::from_iter(of_folder));
        noticed_together = first_broken(room, recording, &together, tries).await?;
    }
    Ok(Omission {
        class: class.to_owned(),
        times: recording
            .steps
            .iter()
            .filter(|step| step.class == class)
            .count(),
        noticed,
        noticed_together,
    })
}

async fn first_broken<R: Room>(
    room: &Arc<R>,
    recording: &Recording,
    classes: &[String],
    tries: usize,
) -> Result<Option<Broken>> {
    let cases = omission_cases(recording, classes);
    let mut broken = Vec::new();
    let mut running = JoinSet::new();
    let mut replay = Replay::new(recording, classes);
    for (at, loss) in spread(cases, tries) {
        replay.advance(at);
        let case = Case {
            at,
            loss,
            image: replay.disk.after(loss),
            said: replay.said.clone(),
        };
        while running.len() >= workers() {
            note(&mut running, &mut broken).await?;
        }
        if !broken.is_empty() {
            break;
        }
        spawn(&mut running, room, case);
    }
    while !running.is_empty() {
        note(&mut running, &mut broken).await?;
    }
    Ok(broken.into_iter().next())
}

/// At most `count` of them: the first, the last, and some between.
fn spread<T>(all: Vec<T>, count: usize) -> Vec<T> {
    let steps = count.min(all.len()).saturating_sub(1).max(1);
    let last = all.len().saturating_sub(1);
    let picked: HashSet<usize> = (0..=steps).map(|step| step * last / steps).collect();
    let numbered = all.into_iter().enumerate();
    numbered
        .filter(|(at, _)| picked.contains(at))
        .map(|(_, one)| one)
        .collect()
}

/// The cuts after something was said at which a lacking `fsync` makes a difference, each
/// different disk once.
fn omission_cases(recording: &Recording, classes: &[String]) -> Vec<(usize, Loss)> {
    let mut with = Replay::new(recording, &[]);
    let mut without = Replay::new(recording, classes);
    let mut seen = HashSet::new();
    let mut cases = Vec::new();
    for at in 1..=recording.len() {
        if !matches!(recording.steps[at - 1].what, What::Said(_)) {
            continue;
        }
        with.advance(at);
        without.advance(at);
        for loss in [Loss::Everything, Loss::Names, Loss::Contents] {
            let image = without.disk.after(loss);
            let number = digest(&image);
            if number != digest(&with.disk.after(loss)) && seen.insert((number, at)) {
                cases.push((at, loss));
            }
        }
    }
    cases
}
