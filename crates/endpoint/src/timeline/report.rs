//! The timeline for people and for programs.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use statement::FileDigest;

use super::{
    Timeline,
    fault::Fault,
    history::{Agreed, History, Seen},
};
use crate::{
    memory::PublicationSeen,
    posix_time::{age, rfc3339},
    report::Freshness,
    report_text::{line, list},
};

/// Publications of each role that a printed timeline shows; all are in the JSON.
const SHOWN_PUBLICATIONS: usize = 4;

/// A checkpoint that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointReport {
    /// Entries.
    pub size: u64,
    /// Root.
    pub root: FileDigest,
    /// When, POSIX seconds by this endpoint's clock.
    pub at: u64,
    /// Where it was heard of; none when it came with an update.
    pub place: Option<String>,
    /// Size of a larger one here that was proven to begin with it.
    pub within: Option<u64>,
}

/// What was seen of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogTimeline {
    /// Its origin.
    pub origin: String,
    /// Ascending by size.
    pub checkpoints: Vec<CheckpointReport>,
    /// When somebody else last showed the same history.
    pub agreed: Option<Agreed>,
    /// How fresh that is; red when nobody ever did.
    pub freshness: Freshness,
}

/// Everything that is kept for comparison with others. `Display` is for people, within 80 columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineReport {
    /// One per log.
    pub logs: Vec<LogTimeline>,
    /// Publications seen, per role, oldest first.
    pub publications: BTreeMap<String, Vec<PublicationSeen>>,
    /// What was found by comparing.
    pub faults: Vec<Fault>,
    /// The clock these ages were counted by, POSIX seconds.
    pub now: u64,
}

impl TimelineReport {
    pub(crate) fn new(
        timeline: &Timeline,
        publications: BTreeMap<String, Vec<PublicationSeen>>,
        now: u64,
    ) -> Self {
        let logs = timeline.origins().filter_map(|origin| {
            let history = timeline.history(origin)?;
            Some(LogTimeline::new(&origin.to_string(), history, now))
        });
        Self {
            logs: logs.collect(),
            publications,
            faults: timeline.faults().to_vec(),
            now,
        }
    }
}

impl LogTimeline {
    fn new(origin: &str, history: &History, now: u64) -> Self {
        let agreed = history.agreed.clone();
        Self {
            origin: origin.to_owned(),
            checkpoints: history.seen().iter().map(report).collect(),
            freshness: freshness(agreed.as_ref(), now),
            agreed,
        }
    }
}

fn report(seen: &Seen) -> CheckpointReport {
    CheckpointReport {
        size: seen.checkpoint.size(),
        root: FileDigest::new(*seen.checkpoint.root()),
        at: seen.at,
        place: seen.place.clone(),
        within: seen.within,
    }
}

/// How long ago somebody else showed the same history; never is red.
pub(crate) fn freshness(agreed: Option<&Agreed>, now: u64) -> Freshness {
    agreed.map_or(Freshness::Red, |agreed| {
        Freshness::of(now.saturating_sub(agreed.at))
    })
}

/// The last agreement in words.
pub(crate) fn agreement(agreed: Option<&Agreed>, now: u64) -> String {
    let colour = match freshness(agreed, now) {
        Freshness::Fresh => "fresh",
        Freshness::Amber => "amber",
        Freshness::Red => "red",
    };
    match agreed {
        None => format!("{colour}, never compared with anybody"),
        Some(agreed) => {
            let ago = age(now.saturating_sub(agreed.at));
            let (size, place) = (agreed.size, &agreed.place);
            format!("{colour}, {ago} ago, tree of {size} entries, {place}")
        }
    }
}

impl fmt::Display for TimelineReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.logs.is_empty() {
            line(f, "timeline", "nothing was seen yet")?;
        }
        for log in &self.logs {
            line(f, "log", &log.origin)?;
            let agreed = agreement(log.agreed.as_ref(), self.now);
            line(f, "compared", &agreed)?;
            let seen: Vec<_> = log.checkpoints.iter().rev().map(words).collect();
            list(f, "seen", &seen)?;
        }
        for (role, seen) in &self.publications {
            let newest = seen.iter().rev().take(SHOWN_PUBLICATIONS);
            let newest = newest.map(|seen| format!("version {} {}", seen.version, seen.metadata));
            list(f, role, &newest.collect::<Vec<_>>())?;
        }
        for fault in &self.faults {
            line(f, "fault", &fault.id)?;
            line(f, "", &fault.to_string())?;
            line(f, "", &format!("proof: {}", fault.evidence.join(", ")))?;
        }
        Ok(())
    }
}

fn words(seen: &CheckpointReport) -> String {
    let root = &seen.root.to_string()[..12];
    let (at, size) = (rfc3339(seen.at), seen.size);
    let place = seen.place.as_deref().unwrap_or("update");
    let proven = match seen.within {
        Some(within) => format!(", proven to begin {within}"),
        None => String::new(),
    };
    format!("{size} entries, root {root}, {at}, {place}{proven}")
}
