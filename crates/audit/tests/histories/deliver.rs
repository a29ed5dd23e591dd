//! What an endpoint is given at the end of a history, mostly as it should be.

use audit::judge::{Delivery, Line, Parts};
use statement::{FileDigest, Predicate, StatementDigest};

use crate::honest::{chain::Step, roster::DAY};
use crate::question::parts;
use crate::tell::History;

impl History<'_> {
    pub(crate) fn deliver(&mut self) {
        let dice = &mut self.dice;
        let made = &self.told[dice.below(self.told.len())].made;
        let other = &self.told[dice.below(self.told.len())].made;
        let payload = made.payload(Step::ReleaseCenter);
        let (file, bytes) = match made.statement(Step::ReleaseCenter).predicate {
            Predicate::Release(release) => release.shipped(),
            _ => panic!("no release"),
        };
        let made_of = parts(payload);
        let mut line = Line {
            product: "truename".to_owned(),
            channel: "stable".to_owned(),
            platform: "linux-x86_64".to_owned(),
        };
        let mut delivery = Delivery {
            line: &line.clone(),
            release: made.release(),
            artifact: file,
            artifact_bytes: bytes,
            parts: made_of.as_ref().map(|(artifact, signature)| Parts {
                artifact,
                signature,
            }),
            role: "software",
            metadata: &other.metadata,
            installed: None,
            rebuilds_min: 1,
            evidence_age_max_seconds: DAY,
            now: self.time + 60,
        };
        if dice.one_in(9) {
            delivery.parts = None;
        }
        match dice.below(12) {
            0 => delivery.artifact = FileDigest::of(b"trojan"),
            1 => delivery.artifact_bytes += 1,
            2 => delivery.installed = Some(9),
            3 => delivery.now += DAY,
            4 => delivery.rebuilds_min = 3,
            5 => line.channel.push('x'),
            6 => delivery.release = StatementDigest::of(b"no release"),
            _ => {}
        }
        delivery.line = &line;
        self.both.install(&delivery, self.anchor);
    }
}
