//! The rules by which machines of the cell in memory judge, released by whoever a test says.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use statement::{FileDigest, Kind, Release, StatementDigest, Subject};

use super::cell::{Inner, NOT_AFTER};
use crate::world::{
    World,
    roster::{self, Key},
};

/// Who signs a release.
pub const SIGNERS: [&str; 2] = ["vendor/center", "supervisor/supervisor"];

/// A release, and where its signatures stand.
pub type Released = (StatementDigest, Vec<u64>);

/// A release of rules, signed by these.
pub fn release_rules(world: &Arc<Mutex<World>>, product: &str, signers: &[&str]) -> Released {
    let artifact = FileDigest::of(product.as_bytes());
    let release = Release {
        audience: vec![roster::origin()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        product: product.to_owned(),
        version: "7".to_owned(),
        channel: "stable".to_owned(),
        platform: "any".to_owned(),
        seq: 1,
        predecessor: None,
        kind: Kind::Rules,
        file: "rules.yar".to_owned(),
        artifact,
        artifact_bytes: 1,
        build: StatementDigest::of(b"build"),
        approval: StatementDigest::of(b"approval"),
        signed: None,
    };
    let mut world = world.lock().unwrap();
    let said = signers.iter().map(|signer| {
        let about = Subject::new("rules.yar", artifact);
        world.say(&Key::of(signer), release.clone().into(), about)
    });
    let said: Vec<_> = said.collect();
    (said[0].1, said.iter().map(|(at, _)| *at).collect())
}

impl Inner {
    pub fn rules_in_use(&self) -> StatementDigest {
        self.rules.last().unwrap().0
    }

    /// The signatures of the rules, as the page has them.
    pub fn shown_rules(&self) -> Vec<Value> {
        let entries = self.rules.iter().flat_map(|(_, entries)| entries);
        entries.map(|at| self.logged(*at, None)).collect()
    }
}
