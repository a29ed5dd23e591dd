//! Second looks, said in the middle of the stories: samples that come and go, and grants to look at some of them again.

use statement::{
    CheckpointRef, FileDigest, Predicate, ReanalysisGrant, SealDigest, StatementDigest,
};

use crate::dice::Dice;
use crate::homes::{home, until};
use crate::honest::{
    custody::{self, seals},
    keys::Key,
    log::Log,
    roster::{DAY, NOT_AFTER, SUPERVISOR_LOG},
    sayings::{closure, finding},
    story::say,
};
use crate::question::{Asked, Question};
use crate::tell::History;
use crate::twist;

/// What a grant is drafted from.
pub(crate) struct Stand<'a> {
    pub(crate) log: &'a Log,
    /// Samples of Zurich at rest below a size.
    pub(crate) stock: &'a dyn Fn(u64) -> u64,
    /// What may be named as rules, table or program; best of all the last one.
    pub(crate) releases: &'a [StatementDigest],
    pub(crate) time: u64,
}

/// What was said so far, with dice of its own.
pub(crate) struct Looks {
    dice: Dice,
    said: u64,
    granted: Vec<ReanalysisGrant>,
}

impl Looks {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed ^ 0x1001_c5ee),
            said: 0,
            granted: Vec::new(),
        }
    }

    /// The next entries, perhaps none.
    pub(crate) fn go_on(&mut self, stand: &Stand<'_>) -> Vec<Vec<u8>> {
        let mut entries = Vec::new();
        if (stand.stock)(stand.log.size()) < 100 {
            entries.push(self.come(stand.time));
        }
        for _ in 0..self.dice.below(4) {
            match self.dice.below(8) {
                0 | 1 => entries.push(self.come(stand.time)),
                2 => entries.push(self.go()),
                3 if !self.granted.is_empty() => entries.extend(self.object()),
                _ if newest_stock(stand) < 100 && !self.dice.one_in(8) => {}
                _ => {
                    let grant = self.draft(stand);
                    let key = match self.dice.below(10) {
                        0 => twist::key(&mut self.dice),
                        1 => Key::of("vendor", "center"),
                        _ => Key::of("supervisor", "supervisor"),
                    };
                    entries.push(say(grant.clone(), &key));
                    if self.dice.one_in(5) {
                        entries.push(say(grant.clone(), &key));
                    }
                    self.granted.push(grant);
                }
            }
        }
        entries
    }

    fn by_center(&mut self, said: impl Into<Predicate>) -> Vec<u8> {
        let key = match self.dice.below(12) {
            0 => twist::key(&mut self.dice),
            _ => Key::of("vendor", "center"),
        };
        say(said, &key)
    }

    /// A batch of samples; sometimes one that was said before.
    fn come(&mut self, time: u64) -> Vec<u8> {
        let mut batch = custody::receipts();
        if self.said == 0 || !self.dice.one_in(8) {
            self.said += 1;
        }
        batch.seq = self.said;
        batch.count = *self.dice.pick(&[1_000, 1_000, 1_000, 7, 1_024]);
        batch.home = home(&mut self.dice).parse().unwrap();
        batch.not_after = until(&mut self.dice, time);
        self.by_center(batch)
    }

    fn go(&mut self) -> Vec<u8> {
        let mut gone = custody::erasure();
        gone.erased_at += self.dice.below(3) as u64;
        gone.home = home(&mut self.dice).parse().unwrap();
        self.by_center(gone)
    }

    /// Somebody against a grant; perhaps settled by those who were against it.
    fn object(&mut self) -> Vec<Vec<u8>> {
        let about = custody::digest(self.dice.pick(&self.granted).clone());
        let entry = finding(about, &Key::of("lab-a", "rebuilder"));
        let closes = crate::extra::said(&entry);
        let settled = self.dice.one_in(2).then(|| closure(closes, "lab-a"));
        [entry].into_iter().chain(settled).collect()
    }

    /// A grant that could be said now, mostly one that may be.
    fn draft(&mut self, stand: &Stand<'_>) -> ReanalysisGrant {
        let (dice, log, time) = (&mut self.dice, stand.log, stand.time);
        let is_odd = dice.one_in(2);
        let newest = log.published.last().map_or(1, |(size, _)| *size);
        let (mut size, mut of) = (newest, newest);
        match dice.below(24) {
            _ if !is_odd => {}
            0 => size = log.size() + 5,
            1 => of = 1,
            2 => (size, of) = (1, 1),
            3 => (size, of) = (log.size().max(1), log.size().max(1)),
            4 => {
                let (earlier, _) = *dice.pick(&log.published);
                (size, of) = (earlier, earlier);
            }
            _ => {}
        }
        let root = log.root(of.min(log.size()));
        let checkpoint = CheckpointRef {
            size,
            root: FileDigest::new(root),
        };
        let named = |dice: &mut Dice| match dice.below(10) {
            _ if !is_odd => *stand.releases.last().unwrap(),
            0 => StatementDigest::of(b"no release"),
            1 | 2 => *dice.pick(stand.releases),
            _ => *stand.releases.last().unwrap(),
        };
        let mut grant = custody::grant(named(dice), checkpoint);
        grant.scoring = named(dice);
        if dice.one_in(4) {
            grant.worker = named(dice);
        }
        let rest = (stand.stock)(size).max(1);
        grant.stock = rest;
        let day = rest / 100;
        grant.count = (*dice.pick(&[1, day, day, day])).max(1);
        if is_odd {
            grant.stock = *dice.pick(&[rest, rest, rest + 1, rest / 2 + 1]);
            grant.count = (*dice.pick(&[10, 1, day, day + 1, day / 2 + 1])).max(1);
        }
        grant.stock = grant.stock.max(grant.count);
        grant.root = match u8::try_from(grant.count) {
            Ok(count) if grant.count <= 60 => seals(count).root(),
            _ => FileDigest::of(&time.to_be_bytes()),
        };
        if is_odd {
            let ends = [NOT_AFTER, NOT_AFTER, time + 60, time];
            grant.home = home(dice).parse().unwrap();
            grant.valid_until = *dice.pick(&ends);
            grant.not_after = until(dice, time);
            if dice.one_in(12) {
                grant.audience.push(SUPERVISOR_LOG.parse().unwrap());
            }
        }
        grant
    }

    /// What a signer, an opener and a cell would ask now.
    pub(crate) fn questions(&mut self, stand: &Stand<'_>) -> Vec<Question> {
        let (releases, time) = (stand.releases, stand.time);
        let draft = self.draft(stand);
        let dice = &mut self.dice;
        let nothing = StatementDigest::of(b"a worker that is only named");
        let mut tools = [nothing, *dice.pick(releases), *dice.pick(releases)];
        match dice.below(6) {
            0 => tools[0] = *dice.pick(releases),
            1 => tools[1 + dice.below(2)] = nothing,
            _ => {}
        }
        let mut asked = vec![Question::Tools(tools)];
        for _ in 0..2 {
            let grant = match self.granted.len() {
                0 => None,
                count => {
                    let newest = count - 1 - dice.below(count.min(3));
                    let any = dice.below(count);
                    let at = *dice.pick(&[newest, newest, any]);
                    self.granted.get(at)
                }
            };
            let Some(grant) = grant else {
                asked.push(Question::Grant(nothing, None, time));
                continue;
            };
            let edges = [
                time,
                time,
                time + 60,
                grant.valid_until,
                grant.valid_until + 1,
            ];
            let now = *dice.pick(&edges);
            let sample = dice.one_in(2).then(|| sample(dice, grant.count));
            let digest = custody::digest(grant.clone());
            asked.push(Question::Grant(digest, sample, now));
        }
        let edges = [time, time, draft.valid_until, draft.valid_until + 1];
        let now = *dice.pick(&edges);
        asked.push(Question::Draft(Box::new(draft), now));
        asked
    }
}

impl History<'_> {
    /// A day after the other has second looks, until a quarter has had enough.
    pub(crate) fn days_of_looks(&mut self) {
        for _ in 0..12 {
            for entry in self.look(Looks::go_on) {
                self.both.feed(entry);
            }
            self.time += *self.dice.pick(&[DAY + 100, DAY + 100, 3600]);
            self.publish();
            for question in self.look(Looks::questions) {
                self.both.ask(question);
            }
        }
    }

    /// What is said or asked of second looks, as things stand.
    pub(crate) fn look<T>(&mut self, what: impl FnOnce(&mut Looks, &Stand<'_>) -> T) -> T {
        let law = self.both.law.settled();
        let ready: Vec<_> = law.as_ref().map_or(Vec::new(), |view| view.released());
        let mut releases: Vec<_> = self.told.iter().map(|told| told.made.release()).collect();
        let is_ready = |release| ready.iter().any(|it| it.release().digest() == release);
        releases.sort_by_key(|release| is_ready(*release));
        let stock = |size| {
            let view = law.as_ref().ok();
            view.map_or(0, |view| view.stock(&"CH".parse().unwrap(), size))
        };
        let stand = Stand {
            log: &self.both.log,
            stock: &stock,
            releases: &releases,
            time: self.time,
        };
        what(&mut self.looks, &stand)
    }
}

/// What rests by the newest witnessed checkpoint.
fn newest_stock(stand: &Stand<'_>) -> u64 {
    let newest = stand.log.published.last();
    newest.map_or(0, |(size, _)| (stand.stock)(*size))
}

/// A sample of a tree with so many, perhaps at another place, of another home, or another one.
fn sample(dice: &mut Dice, count: u64) -> Asked {
    let tree = seals(u8::try_from(count).map_or(10, |count| count.min(60)));
    let at = dice.below(tree.seals().len());
    let seal = tree.seals()[at];
    let (index, path) = tree.place(&seal).unwrap();
    let mut asked = Asked {
        home: home(dice),
        seal,
        index,
        path,
    };
    match dice.below(8) {
        0 => asked.index += 1,
        1 => asked.seal = SealDigest::of(b"another"),
        2 => drop(asked.path.pop()),
        _ => {}
    }
    asked
}
