//! One look at one log: gather what everybody shows, compare, remember.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use statement::{Envelope, Predicate, Statement};
use tlog::{Checkpoint, Fork, ForkError, ForkProveError, Verified, sha256};

use super::Watched;
use super::alarm::{Alarm, Level, LogLook, MonitorError};
use super::memory::Kept;
use crate::authentic::Held;
use crate::durable;
use crate::limits::{BEHIND_S, NOTE_BYTES_MAX};
use crate::sources::LogFiles;
use crate::stream::Stream;
use crate::trust::Opened;

/// A checkpoint that the log signed, and who showed it.
struct Shown {
    by: String,
    checkpoint: Verified<Checkpoint>,
}

/// Whether a tree contains a smaller one.
enum Relation {
    Consistent,
    Forked(Box<Fork>),
    /// The tiles that are served do not tell.
    Unknown(String),
}

/// Collects alarms.
struct Alarms(Vec<Alarm>);

impl Alarms {
    fn add(&mut self, level: Level, code: &'static str, about: &str, what: String) {
        self.0.push(Alarm {
            level,
            code,
            about: about.to_owned(),
            what,
            evidence: None,
        });
    }
}

impl Watched {
    /// Looks once.
    pub(super) fn look(&mut self, now: u64, dir: &Path) -> Result<LogLook, MonitorError> {
        let mut alarms = Alarms(Vec::new());
        // Others first: then what they saw is not newer than the log only because time went by.
        let mut shown = self.ask_others(&mut alarms);
        let newest = self.ask_log(&mut alarms);
        let by_log = newest.as_ref().and_then(|opened| {
            let checkpoint = self.trust.verified(&opened.note).ok()?;
            Some(Shown {
                by: "the log".to_owned(),
                checkpoint,
            })
        });
        if let Some(opened) = &newest {
            self.check_cosignatures(opened, &mut alarms);
        }
        self.check_back(by_log.as_ref(), now, &mut alarms);
        shown.extend(self.remembered());
        let size = by_log.as_ref().map(|shown| shown.checkpoint.size());
        shown.extend(by_log);
        let is_sound = self.compare(&shown, dir, &mut alarms)?;
        if is_sound {
            self.remember(&shown, now);
        }
        self.check_age(newest.as_ref(), now, &mut alarms);
        if is_sound && newest.is_some() {
            self.check_heartbeat(now, &mut alarms);
        }
        self.memory.save(&self.file)?;
        alarms
            .0
            .sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.code.cmp(b.code)));
        Ok(LogLook {
            origin: self.origin.to_string(),
            size,
            signed: newest.map(|opened| opened.signed),
            alarms: alarms.0,
        })
    }

    /// What witnesses and mirrors show, as far as the log signed it.
    fn ask_others(&self, alarms: &mut Alarms) -> Vec<Shown> {
        let witnesses = self.witnesses.iter().map(|place| ("witness", place));
        let mirrors = self.mirrors.iter().map(|place| ("mirror", place));
        let mut shown = Vec::new();
        for (kind, (place, files)) in witnesses.chain(mirrors) {
            let (unreachable, refused) = match kind {
                "witness" => ("witness.unreachable", "witness.refused"),
                _ => ("mirror.unreachable", "mirror.refused"),
            };
            let note = match files.read("checkpoint", NOTE_BYTES_MAX) {
                Ok(Some(note)) => note,
                Ok(None) => {
                    let what = format!("{kind} {place} shows no checkpoint of this log");
                    alarms.add(Level::Amber, unreachable, place, what);
                    continue;
                }
                Err(error) => {
                    let what = format!("{kind} {place}: {}", with_causes(&error));
                    alarms.add(Level::Amber, unreachable, place, what);
                    continue;
                }
            };
            match self.trust.verified(&note) {
                Ok(checkpoint) if *checkpoint.origin() == self.origin => shown.push(Shown {
                    by: format!("{kind} {place}"),
                    checkpoint,
                }),
                Ok(_) => {
                    let what = format!("{kind} {place} shows a checkpoint of another log");
                    alarms.add(Level::Amber, refused, place, what);
                }
                Err(error) => {
                    let what = format!("{kind} {place} shows what the log did not sign: {error}");
                    alarms.add(Level::Amber, refused, place, what);
                }
            }
        }
        shown
    }

    /// What the log shows, if it is as good as asked for, or at least signed.
    fn ask_log(&self, alarms: &mut Alarms) -> Option<Opened> {
        let about = self.origin.as_str();
        let note = match self.log.read("checkpoint", NOTE_BYTES_MAX) {
            Ok(Some(note)) => note,
            Ok(None) => {
                let what = format!("{} shows no checkpoint", self.log);
                alarms.add(Level::Amber, "log.unreachable", about, what);
                return None;
            }
            Err(error) => {
                let what = with_causes(&error);
                alarms.add(Level::Amber, "log.unreachable", about, what);
                return None;
            }
        };
        let signed = self.trust.verified(&note);
        match (self.trust.open(&note), signed) {
            (_, Ok(signed)) if *signed.origin() != self.origin => {
                let what = format!("it shows a checkpoint of `{}`", signed.origin());
                alarms.add(Level::Red, "log.refused", about, what);
                None
            }
            (Ok(opened), _) => Some(opened),
            (Err(error), Ok(signed)) => {
                // The log itself signed, so it binds the log all the same.
                let what = format!("the newest checkpoint {}", with_causes(&error));
                alarms.add(Level::Red, "log.unwitnessed", about, what);
                Some(Opened {
                    checkpoint: signed.clone().into_inner(),
                    note,
                    signed: crate::trust::Signed::ByLog,
                })
            }
            (Err(_), Err(error)) => {
                let what = format!("the newest checkpoint: {}", with_causes(&error));
                alarms.add(Level::Red, "log.refused", about, what);
                None
            }
        }
    }

    fn check_cosignatures(&self, opened: &Opened, alarms: &mut Alarms) {
        for name in self.absent(&opened.note) {
            let what = format!("witness `{name}` did not cosign the newest checkpoint");
            alarms.add(Level::Amber, "witness.absent", &name, what);
        }
    }

    /// A log that shows less than before, or less than others know for a while.
    fn check_back(&self, by_log: Option<&Shown>, now: u64, alarms: &mut Alarms) {
        let Some(size) = by_log.map(|shown| shown.checkpoint.size()) else {
            return;
        };
        let about = self.origin.as_str();
        let before = self.kept(self.memory.shown.as_ref());
        if let Some((before, _)) = before.filter(|(before, _)| before.size() > size) {
            let before = before.size();
            let what = format!("it shows {size} entries where it showed {before} before");
            alarms.add(Level::Red, "log.rollback", about, what);
            return;
        }
        let known = self.kept(self.memory.largest.as_ref());
        if let Some((known, seen_at)) = known.filter(|(known, _)| known.size() > size) {
            let age = now.saturating_sub(seen_at);
            if age > BEHIND_S {
                let known = known.size();
                let what = format!(
                    "it shows {size} entries; {known} are signed and were seen elsewhere {age} s ago"
                );
                alarms.add(Level::Amber, "log.behind", about, what);
            }
        }
    }

    fn kept(&self, kept: Option<&Kept>) -> Option<(Verified<Checkpoint>, u64)> {
        let kept = kept?;
        let checkpoint = self.trust.verified(kept.note.as_bytes()).ok()?;
        Some((checkpoint, kept.seen_at))
    }

    fn remembered(&self) -> Vec<Shown> {
        let kept = [&self.memory.shown, &self.memory.largest];
        let shown = kept.into_iter().filter_map(|kept| {
            let (checkpoint, _) = self.kept(kept.as_ref())?;
            Some(Shown {
                by: "this monitor's memory".to_owned(),
                checkpoint,
            })
        });
        shown.collect()
    }

    /// Compares neighbours in the order of their sizes. Returns whether nothing contradicts anything.
    fn compare(
        &self,
        shown: &[Shown],
        dir: &Path,
        alarms: &mut Alarms,
    ) -> Result<bool, MonitorError> {
        let mut by_size: BTreeMap<u64, Vec<&Shown>> = BTreeMap::new();
        for one in shown {
            let same = by_size.entry(one.checkpoint.size()).or_default();
            if same
                .iter()
                .all(|o| o.checkpoint.root() != one.checkpoint.root())
            {
                same.push(one);
            }
        }
        let mut sound = true;
        // Each tree against the next larger one, and all roots of one size against each other.
        let sets: Vec<&Vec<&Shown>> = by_size.values().collect();
        let mut pairs: Vec<(&Shown, &Shown)> = Vec::new();
        for set in &sets {
            pairs.extend(set.windows(2).map(|two| (two[0], two[1])));
        }
        for two in sets.windows(2) {
            for smaller in two[0] {
                pairs.extend(two[1].iter().map(|larger| (*smaller, *larger)));
            }
        }
        for (one, other) in pairs {
            let what = format!(
                "{} entries by {}, {} entries by {}",
                one.checkpoint.size(),
                one.by,
                other.checkpoint.size(),
                other.by
            );
            match self.relation(one, other) {
                Relation::Consistent => {}
                Relation::Forked(fork) => {
                    sound = false;
                    let evidence = self.keep(&fork, dir)?;
                    alarms.0.push(Alarm {
                        level: Level::Red,
                        code: "log.fork",
                        about: evidence.display().to_string(),
                        what: format!("the log signed two histories: {what}"),
                        evidence: Some(evidence),
                    });
                }
                Relation::Unknown(why) => {
                    // Not a proof, and nothing to forget either: what is remembered stays.
                    sound = false;
                    let what = format!("it cannot be seen that the log only grew: {what}; {why}");
                    alarms.add(Level::Amber, "log.unproven", self.origin.as_str(), what);
                }
            }
        }
        Ok(sound)
    }

    /// Looks for tiles of the larger tree at the log, then at mirrors.
    fn relation(&self, one: &Shown, other: &Shown) -> Relation {
        let mut why = String::new();
        let places = std::iter::once(&self.log).chain(self.mirrors.iter().map(|(_, m)| m));
        for files in places {
            let (one, other) = (one.checkpoint.clone(), other.checkpoint.clone());
            match prove(one, other, files) {
                Relation::Unknown(reason) => why = reason,
                known => return known,
            }
        }
        Relation::Unknown(why)
    }

    /// Writes evidence once; the same fork has the same name.
    fn keep(&self, fork: &Fork, dir: &Path) -> Result<PathBuf, MonitorError> {
        let bytes = fork.to_evidence().to_bytes();
        let (m, n) = (fork.smaller(), fork.larger());
        // Cosignatures come and go; sizes and roots make the fork.
        let roots = format!("{}{}{}", self.origin, m.root(), n.root());
        let id = sha256(roots.as_bytes()).to_hex();
        let path = dir.join(format!("{}-{}-{}.fork", m.size(), n.size(), &id[..12]));
        if !path.exists() {
            durable::replace(&path, &bytes)?;
        }
        Ok(path)
    }

    /// Only after everything fitted together.
    fn remember(&mut self, shown: &[Shown], now: u64) {
        let by_log = shown.iter().rfind(|one| one.by == "the log");
        let largest = shown.iter().max_by_key(|one| one.checkpoint.size());
        let newer = |kept: &Option<Kept>, one: &Shown, trust: &crate::Trust| {
            let known = kept
                .as_ref()
                .and_then(|kept| trust.verified(kept.note.as_bytes()).ok());
            known.is_none_or(|known| known.size() < one.checkpoint.size())
        };
        let kept = |one: &Shown| Kept {
            note: String::from_utf8_lossy(one.checkpoint.note()).into_owned(),
            seen_at: now,
        };
        if let Some(one) = by_log.filter(|one| newer(&self.memory.shown, one, &self.trust)) {
            self.memory.shown = Some(kept(one));
        }
        if let Some(one) = largest.filter(|one| newer(&self.memory.largest, one, &self.trust)) {
            self.memory.largest = Some(kept(one));
        }
    }

    fn check_age(&self, newest: Option<&Opened>, now: u64, alarms: &mut Alarms) {
        let Some(limit) = self.stale_s else {
            return;
        };
        let seen_at = self.memory.shown.as_ref().map(|kept| kept.seen_at);
        let time = match newest {
            Some(opened) => Some(Self::time_of(&opened.signed, seen_at.unwrap_or(now))),
            None => seen_at,
        };
        let age = time.map(|time| now.saturating_sub(time));
        if let Some(age) = age.filter(|age| *age > limit) {
            let what = format!("the newest checkpoint is {age} s old; {limit} are allowed");
            alarms.add(Level::Amber, "log.stale", self.origin.as_str(), what);
        }
    }

    /// Reads new entries for heartbeats.
    fn check_heartbeat(&mut self, now: u64, alarms: &mut Alarms) {
        let Some(limit) = self.heartbeat_s else {
            return;
        };
        let about = self.origin.to_string();
        let mut last = None;
        let mut stream = match Stream::open(self.trust.clone(), self.memory.next, None) {
            Ok(stream) => stream,
            Err(error) => {
                let what = with_causes(&error);
                return alarms.add(Level::Amber, "log.unreadable", &about, what);
            }
        };
        let read = stream.advance(&self.log, &mut |entry| {
            if is_heartbeat(&entry.bytes) {
                last = Some(now);
            }
            Ok(())
        });
        self.memory.next = stream.next();
        if let Err(error) = read {
            let what = format!("its entries cannot be read: {}", with_causes(&error));
            alarms.add(Level::Amber, "log.unreadable", &about, what);
        }
        let since = last.or(self.memory.heartbeat_at).unwrap_or(now);
        self.memory.heartbeat_at = Some(since);
        let age = now.saturating_sub(since);
        if age > limit {
            let what = format!("no heartbeat for {age} s; {limit} are allowed");
            alarms.add(Level::Amber, "heartbeat.missing", &about, what);
        }
    }
}

fn prove(one: Verified<Checkpoint>, other: Verified<Checkpoint>, files: &LogFiles) -> Relation {
    match Fork::prove(one, other, &Held::new(files)) {
        Ok(fork) => Relation::Forked(Box::new(fork)),
        Err(ForkProveError::NoFork(ForkError::Consistent { .. } | ForkError::Empty)) => {
            Relation::Consistent
        }
        Err(error) => Relation::Unknown(with_causes(&error)),
    }
}

fn is_heartbeat(entry: &[u8]) -> bool {
    let statement = Envelope::parse(entry)
        .ok()
        .and_then(|envelope| Statement::parse(envelope.payload()).ok());
    statement.is_some_and(|statement| matches!(statement.predicate, Predicate::Heartbeat(_)))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
