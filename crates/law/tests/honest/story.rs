//! One release told from the start, with hooks to leave out or change exactly one thing.

use std::collections::BTreeMap;

use law::{Approvable, InForce, OpenBundle, Refusal, Releasable, ReleasedFile};
use statement::{
    Constitution, Envelope, FileDigest, Kind, Predicate, Release, Statement, StatementDigest,
    Subject,
};

use super::{
    chain::{Chain, Facts, Step, artifact},
    keys::Key,
    log::Log,
    metadata,
    roster::{self, NOW, PARTIES},
};

type Change = Box<dyn Fn(&mut Statement)>;
type Garble = Box<dyn Fn(&mut Vec<u8>)>;
type Extra = Box<dyn Fn(&Made) -> Vec<u8>>;
type Metadata = Box<dyn Fn(u64, &Vec<u8>) -> Vec<u8>>;

enum Item {
    Step(Step),
    Extra(Extra),
}

/// What will happen.
pub struct Story {
    past: Log,
    anchor: StatementDigest,
    facts: Facts,
    changes: Vec<(Step, Change)>,
    garbles: Vec<(Step, Garble)>,
    keys: BTreeMap<Step, Key>,
    items: Vec<Item>,
    metadata: Metadata,
    time: u64,
}

impl Story {
    /// The first release in an honest world.
    pub fn honest() -> Self {
        Self::under(|_| {})
    }

    /// The same under a changed constitution, signed by all its parties.
    pub fn under(change: impl Fn(&mut Constitution)) -> Self {
        let mut constitution = roster::constitution();
        change(&mut constitution);
        let payload = roster::payload(&constitution);
        let mut past = Log::of_center();
        for party in &constitution.parties {
            past.push(sign(&payload, &roster::governance(party.id.as_str())));
        }
        past.publish(NOW + 60);
        let anchor = StatementDigest::of(&payload);
        let facts = Facts {
            version: "1.0.0".to_owned(),
            seq: 1,
            predecessor: None,
            constitution: anchor,
            publication: 1,
        };
        Self::after(past, anchor, facts)
    }

    fn after(past: Log, anchor: StatementDigest, facts: Facts) -> Self {
        let time = past.published.last().unwrap().1 + 3600;
        Self {
            past,
            anchor,
            facts,
            changes: Vec::new(),
            garbles: Vec::new(),
            keys: BTreeMap::new(),
            items: Step::ALL.map(Item::Step).into(),
            metadata: Box::new(|version, release| metadata::listing(version, &[release])),
            time,
        }
    }

    /// Changes the statement of a step before it is signed; what follows refers to it as changed.
    pub fn change(mut self, step: Step, change: impl Fn(&mut Statement) + 'static) -> Self {
        self.changes.push((step, Box::new(change)));
        self
    }

    /// Changes the release that both sides sign.
    pub fn change_release(self, change: impl Fn(&mut Release) + 'static) -> Self {
        self.change(Step::ReleaseCenter, move |statement| {
            let Predicate::Release(release) = &mut statement.predicate else {
                panic!("not a release");
            };
            change(release);
        })
    }

    /// What is released is a database of rules.
    pub fn of_rules(self) -> Self {
        let story = self.change(Step::Source, |statement| {
            let Predicate::Source(source) = &mut statement.predicate else {
                panic!("not a source");
            };
            source.kind = Kind::Rules;
        });
        story.change_release(|release| release.kind = Kind::Rules)
    }

    /// Changes the bytes of an entry after it was signed.
    pub fn garble(mut self, step: Step, garble: impl Fn(&mut Vec<u8>) + 'static) -> Self {
        self.garbles.push((step, Box::new(garble)));
        self
    }

    /// Lets another key sign.
    pub fn signed_by(mut self, step: Step, key: Key) -> Self {
        self.keys.insert(step, key);
        self
    }

    /// Lets another key commit and rebuild in the place of lab-b.
    pub fn second_rebuilder(self, key: Key) -> Self {
        self.signed_by(Step::CommitB, key.clone())
            .signed_by(Step::RebuildB, key)
    }

    /// Leaves a step out of the log; the statements that name it still do.
    pub fn without(mut self, step: Step) -> Self {
        self.items
            .retain(|item| !matches!(item, Item::Step(found) if *found == step));
        self
    }

    /// Nothing after this step stands in the log.
    pub fn until(mut self, last: Step) -> Self {
        self.items
            .retain(|item| !matches!(item, Item::Step(found) if *found > last));
        self
    }

    /// These steps stand in the log, in this order.
    pub fn in_order(mut self, steps: &[Step]) -> Self {
        self.items = steps.iter().copied().map(Item::Step).collect();
        self
    }

    /// Moves a step to just behind another.
    pub fn moved_behind(self, step: Step, other: Step) -> Self {
        let mut story = self.without(step);
        let at = story.place(other);
        story.items.insert(at + 1, Item::Step(step));
        story
    }

    /// One more entry just before a step.
    pub fn inserted_before(
        mut self,
        step: Step,
        extra: impl Fn(&Made) -> Vec<u8> + 'static,
    ) -> Self {
        let at = self.place(step);
        self.items.insert(at, Item::Extra(Box::new(extra)));
        self
    }

    /// One more entry at the end.
    pub fn appended(mut self, extra: impl Fn(&Made) -> Vec<u8> + 'static) -> Self {
        self.items.push(Item::Extra(Box::new(extra)));
        self
    }

    /// Publishes another file, made from version and release payload.
    pub fn publishing(mut self, file: impl Fn(u64, &Vec<u8>) -> Vec<u8> + 'static) -> Self {
        self.metadata = Box::new(file);
        self
    }

    /// When witnesses see the end of the story.
    pub fn witnessed_at(mut self, time: u64) -> Self {
        self.time = time;
        self
    }

    fn place(&self, step: Step) -> usize {
        let is_it = |item: &Item| matches!(item, Item::Step(found) if *found == step);
        self.items.iter().position(is_it).unwrap()
    }

    /// Makes every statement, then writes the log.
    pub fn tell(self) -> Told {
        let made = self.make();
        let mut log = self.past;
        let mut indices = BTreeMap::new();
        for item in &self.items {
            match item {
                Item::Step(step) => {
                    let mut entry = made.envelope(*step);
                    for (_, garble) in self.garbles.iter().filter(|(at, _)| at == step) {
                        garble(&mut entry);
                    }
                    indices.insert(*step, log.push(entry));
                }
                Item::Extra(extra) => {
                    log.push(extra(&made));
                }
            }
        }
        if log.published.last().unwrap().0 < log.size() {
            log.publish(self.time);
        }
        Told {
            log,
            anchor: self.anchor,
            made,
            indices,
        }
    }

    fn make(&self) -> Made {
        let keys: BTreeMap<Step, Key> = Step::ALL
            .into_iter()
            .map(|step| {
                (
                    step,
                    self.keys.get(&step).cloned().unwrap_or(step.honest_key()),
                )
            })
            .collect();
        let mut payloads = BTreeMap::new();
        let mut metadata = Vec::new();
        for step in Step::ALL {
            if step == Step::Publication {
                let payload: &Vec<u8> = &payloads[&Step::ReleaseCenter];
                metadata = (self.metadata)(self.facts.publication, payload);
            }
            let chain = Chain {
                facts: &self.facts,
                payloads: &payloads,
                key: &|step| keys[&step].clone(),
                metadata: &metadata,
            };
            let mut statement = match step {
                // Both sides sign one payload.
                Step::ReleaseSupervisor => {
                    Statement::parse(&payloads[&Step::ReleaseCenter]).unwrap()
                }
                _ => chain.make(step),
            };
            for (_, change) in self.changes.iter().filter(|(at, _)| *at == step) {
                change(&mut statement);
            }
            payloads.insert(step, statement.to_payload().unwrap());
        }
        Made {
            facts: self.facts.clone(),
            payloads,
            keys,
            metadata,
        }
    }
}

/// The statements of a story, whether or not they stand in the log.
pub struct Made {
    facts: Facts,
    payloads: BTreeMap<Step, Vec<u8>>,
    keys: BTreeMap<Step, Key>,
    /// The TUF file that lists the release.
    pub metadata: Vec<u8>,
}

impl Made {
    pub fn payload(&self, step: Step) -> &[u8] {
        &self.payloads[&step]
    }

    pub fn statement(&self, step: Step) -> Statement {
        Statement::parse(self.payload(step)).unwrap()
    }

    pub fn digest(&self, step: Step) -> StatementDigest {
        StatementDigest::of(self.payload(step))
    }

    /// The digest of the release.
    pub fn release(&self) -> StatementDigest {
        self.digest(Step::ReleaseCenter)
    }

    /// The id of the build.
    pub fn build(&self) -> StatementDigest {
        self.digest(Step::Source)
    }

    pub fn artifact(&self) -> Vec<u8> {
        artifact(&self.facts.version)
    }

    pub fn key(&self, step: Step) -> &Key {
        &self.keys[&step]
    }

    /// The entry of a step.
    pub fn envelope(&self, step: Step) -> Vec<u8> {
        sign(self.payload(step), self.key(step))
    }
}

/// An entry over this payload.
pub fn sign(payload: &[u8], key: &Key) -> Vec<u8> {
    Envelope::sign(payload.to_vec(), key).unwrap().to_bytes()
}

/// An entry that says `predicate`, about nothing in particular.
pub fn say(predicate: impl Into<Predicate>, key: &Key) -> Vec<u8> {
    let subject = Subject::new("world", FileDigest::of(b"the honest world"));
    sign(
        &Statement::new(vec![subject], predicate)
            .to_payload()
            .unwrap(),
        key,
    )
}

/// What happened.
pub struct Told {
    pub log: Log,
    pub anchor: StatementDigest,
    pub made: Made,
    /// Where each step stands.
    pub indices: BTreeMap<Step, u64>,
}

impl Told {
    pub fn replay(&self) -> InForce {
        self.log.replay(self.anchor)
    }

    /// What became of the entry of a step.
    pub fn judged(&self, step: Step) -> Result<StatementDigest, Refusal> {
        let (_, judged) = self.log.replay_judged(self.anchor);
        judged[self.indices[&step] as usize].clone()
    }

    pub fn approvable(&self) -> Result<Approvable, Refusal> {
        Approvable::check(self.replay().settled().unwrap(), self.made.build())
    }

    pub fn releasable(&self) -> Result<Releasable, Refusal> {
        let payload = self.made.payload(Step::ReleaseCenter);
        Releasable::check(self.replay().settled().unwrap(), payload)
    }

    /// The bundle of the whole log, opened.
    pub fn bundle(&self) -> OpenBundle {
        self.log.whole_bundle().open(self.anchor).unwrap()
    }

    /// The released file as a stranger with the bundle judges it.
    pub fn released(&self) -> Result<ReleasedFile, Refusal> {
        let artifact = self.made.artifact();
        ReleasedFile::check(
            self.bundle().view(),
            self.made.release(),
            FileDigest::of(&artifact),
            artifact.len() as u64,
            1,
        )
    }

    /// The next release of the same line in the same log.
    pub fn next(&self, version: &str) -> Story {
        let facts = Facts {
            version: version.to_owned(),
            seq: self.made.facts.seq + 1,
            predecessor: Some(self.made.release()),
            publication: self.made.facts.publication + 1,
            ..self.made.facts.clone()
        };
        Story::after(self.log.clone(), self.anchor, facts)
    }

    /// One more witnessed entry.
    pub fn then(&mut self, entry: Vec<u8>) {
        self.log.push(entry);
        let time = self.log.published.last().unwrap().1 + 60;
        self.log.publish(time);
    }
}

/// Signs a constitution with the governance keys of all four parties.
pub fn signed_by_all(constitution: &Constitution) -> Vec<Vec<u8>> {
    let payload = roster::payload(constitution);
    PARTIES
        .iter()
        .map(|party| sign(&payload, &roster::governance(party)))
        .collect()
}
