//! Second looks of the cell in memory, by the page `spec/reanalysis.md`.

use serde_json::json;
use statement::{
    BatchTree, CheckpointRef, FileDigest, OutcomeCounts, Reanalyses, ReanalysisGrant,
    ReanalysisRecord, SealDigest, SealTree, StatementDigest, Subject,
};

use super::cell::{Inner, NOT_AFTER};
use super::rules::{SIGNERS, release_rules};
use crate::world::roster::{self, Key};

/// A second look, and the one thing about it that is not honest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Honest,
    /// The grant is for another sample.
    OtherSample,
    /// The center signed the grant.
    CenterGranted,
    /// The record names other rules than the grant.
    OtherRules,
}

impl Inner {
    /// Machines look again, as the supervisor granted.
    pub fn look_again(&mut self, id: &str, look: Look) {
        let seal = self.samples[id].seal();
        let covered = match look {
            Look::OtherSample => SealDigest::of(b"another sample"),
            _ => seal,
        };
        let tree = SealTree::new(vec![covered]).unwrap();
        let release = |name: &[u8]| StatementDigest::of(name);
        let newer = release_rules(&self.world, "newer", &SIGNERS);
        self.rules.push(newer);
        let grant = ReanalysisGrant {
            audience: vec![roster::origin()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            home: self.home.clone(),
            count: 1,
            root: tree.root(),
            worker: release(b"worker"),
            rules: self.rules_in_use(),
            scoring: self.rules_in_use(),
            stock: 100,
            checkpoint: CheckpointRef {
                size: 1,
                root: FileDigest::of(b"root"),
            },
            valid_until: NOT_AFTER,
        };
        let by = match look {
            Look::CenterGranted => "vendor/center",
            _ => "supervisor/supervisor",
        };
        let about = Subject::new("samples", tree.root());
        let said = { self.world.lock().unwrap() }.say(&Key::of(by), grant.into(), about);
        let (granted_at, granted) = said;
        let mut verdict = self.verdict(id, 9);
        if look == Look::OtherRules {
            verdict.rules = release(b"other rules");
        }
        let record = ReanalysisRecord {
            grant: granted,
            verdict,
        };
        let batch = BatchTree::new(std::slice::from_ref(&record)).unwrap();
        let (at, digest) = self.say(Reanalyses {
            audience: vec![roster::origin()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            home: self.home.clone(),
            grant: granted,
            seq: 1,
            count: 1,
            outcomes: OutcomeCounts {
                malicious: 1,
                ..OutcomeCounts::default()
            },
            root: batch.root(),
        });
        let proven = batch.prove(digest, 0, &record).unwrap().to_bytes().unwrap();
        let proven = String::from_utf8(proven).unwrap();
        let shown = json!({
            "grant": granted.to_string(), "state": "analysed", "granted": self.logged(granted_at, None),
            "place": {"index": 0, "path": []}, "verdict": self.logged(at, Some(&proven)),
        });
        self.samples.get_mut(id).unwrap().again.push(shown);
    }
}
