//! Entries of the custody stream in the honest world, and a log that begins with its constitution.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use statement::{
    Admission, Anomaly, Blob, CheckpointRef, Declaration, Epoch, EpochPurpose, Erasure,
    ErasureCause, Facility, FileDigest, OutcomeCounts, Predicate, ReanalysisGrant, Receipts,
    Region, ResidencyPolicy, SEAL_SUITE, SampleId, SealDigest, SealTree, Statement,
    StatementDigest, Subject, Verdicts,
    limits::{ADMISSION_KEY_BYTES, EPOCH_KEY_BYTES},
};

use super::{
    chain::center_log,
    keys::Key,
    log::Log,
    roster::{self, NOT_AFTER, NOW, PARTIES, governance},
    story::{say, sign, signed_by_all},
};

/// All four parties have signed the constitution, and witnesses saw it.
pub fn founded() -> Log {
    let mut log = Log::of_center();
    for entry in signed_by_all(&roster::constitution()) {
        log.push(entry);
    }
    log.publish(NOW + 60);
    log
}

/// Who makes a governance quorum of the honest roster.
pub fn quorum() -> Vec<Key> {
    let needed = roster::constitution().floors.governance_min as usize;
    PARTIES[..needed].iter().map(|p| governance(p)).collect()
}

/// Digest of what is said in the words of [`say`].
pub fn digest(predicate: impl Into<Predicate>) -> StatementDigest {
    let subject = Subject::new("world", FileDigest::of(b"the honest world"));
    StatementDigest::of(
        &Statement::new(vec![subject], predicate)
            .to_payload()
            .unwrap(),
    )
}

/// Europe to Zurich.
pub fn declaration(version: u64, previous: Option<StatementDigest>) -> Declaration {
    Declaration {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        version,
        previous,
        regions: vec![Region {
            name: "europe".parse().unwrap(),
            countries: vec!["CH".parse().unwrap(), "DE".parse().unwrap()],
        }],
        facilities: vec![Facility {
            id: "zurich-1".parse().unwrap(),
            city: "Zurich".to_owned(),
            country: "CH".parse().unwrap(),
            operator: "vendor".parse().unwrap(),
            purpose: "Keeps files".to_owned(),
        }],
        promises: Vec::new(),
    }
}

pub fn policy(
    version: u64,
    previous: Option<StatementDigest>,
    declaration: StatementDigest,
) -> ResidencyPolicy {
    let documents = ["text", "schema", "entities"].map(|name| FileDigest::of(name.as_bytes()));
    let blob = |sha256| Blob {
        sha256,
        bytes: 9,
        public: true,
    };
    ResidencyPolicy {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: documents.map(blob).to_vec(),
        version,
        previous,
        declaration,
        language: "cedar 4.14.1".to_owned(),
        text: documents[0],
        schema: documents[1],
        entities: documents[2],
    }
}

/// A key for a day, for Zurich.
pub fn epoch(purpose: EpochPurpose) -> Epoch {
    Epoch {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        purpose,
        home: "CH".parse().unwrap(),
        suite: SEAL_SUITE.to_owned(),
        key: STANDARD.encode(vec![purpose as u8; EPOCH_KEY_BYTES]),
        valid_from: NOW,
        valid_until: NOW + 86_400,
        destroy_by: NOW + 3 * 86_400,
    }
}

/// Midnight before [`NOW`].
pub const TODAY: u64 = NOW - NOW % 86_400;

/// A key of an issuer for the day that begins at `from`, for Zurich. Keys with other bytes differ.
pub fn admission(from: u64, byte: u8) -> Admission {
    Admission {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        issuer: "issuer.vendor.example".parse().unwrap(),
        key: STANDARD.encode(vec![byte; ADMISSION_KEY_BYTES]),
        valid_from: from,
        valid_until: from + 2 * 86_400,
    }
}

pub fn sample() -> SampleId {
    SampleId::new([7; 16])
}

pub fn receipts() -> Receipts {
    Receipts {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        seq: 1,
        count: 1,
        root: FileDigest::of(b"root"),
    }
}

pub fn verdicts() -> Verdicts {
    Verdicts {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        seq: 1,
        count: 1,
        outcomes: OutcomeCounts {
            clean: 1,
            ..OutcomeCounts::default()
        },
        root: FileDigest::of(b"root"),
    }
}

pub fn anomaly() -> Anomaly {
    Anomaly {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        sample: sample(),
        seal: SealDigest::of(b"seal"),
        home: "CH".parse().unwrap(),
        region: "europe".parse().unwrap(),
        size_bytes_max: 4_096,
        day: "2026-11-22".parse().unwrap(),
        receipts: digest(receipts()),
        verdicts: digest(verdicts()),
        reasons: vec!["limit.ratio".parse().unwrap()],
    }
}

pub fn erasure() -> Erasure {
    Erasure {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        sample: sample(),
        seal: SealDigest::of(b"seal"),
        home: "CH".parse().unwrap(),
        cause: ErasureCause::Owner,
        demand: Some(FileDigest::of(b"demand")),
        erased_at: NOW + 100,
    }
}

/// Samples that a grant covers, in the order of its tree.
pub fn seals(count: u8) -> SealTree {
    let mut seals: Vec<_> = (0..count).map(|n| SealDigest::of(&[n])).collect();
    seals.sort();
    SealTree::new(seals).unwrap()
}

/// One percent of a thousand samples, with released rules.
pub fn grant(rules: StatementDigest, checkpoint: CheckpointRef) -> ReanalysisGrant {
    let tree = seals(10);
    ReanalysisGrant {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        home: "CH".parse().unwrap(),
        count: 10,
        root: tree.root(),
        worker: StatementDigest::of(b"a worker that is only named"),
        rules,
        scoring: rules,
        stock: 1_000,
        checkpoint,
        valid_until: NOT_AFTER,
    }
}

/// Signs the same words with each key, one entry after the other.
pub fn say_all(log: &mut Log, predicate: impl Into<Predicate>, keys: &[Key]) {
    let subject = Subject::new("world", FileDigest::of(b"the honest world"));
    let payload = Statement::new(vec![subject], predicate)
        .to_payload()
        .unwrap();
    for key in keys {
        log.push(sign(&payload, key));
    }
}

/// One entry by one key.
pub fn say_one(log: &mut Log, predicate: impl Into<Predicate>, key: &Key) -> u64 {
    log.push(say(predicate, key))
}
