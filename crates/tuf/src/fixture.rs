//! A whole repository in memory, for tests of this crate and of the rooms (feature `fixture`).
//!
//! Keys come from fixed seeds: never use it for anything real. Root and targets need two of two
//! signatures, `software` and `rules` two of three, snapshot and timestamp one.

use std::collections::BTreeMap;

use ed25519_dalek::{Signer, SigningKey};
use tlog::Hash;

use crate::limits::DAY_S;
use crate::{
    Expires, Key, Metadata, Root, RootPlan, Seats, Signed, Snapshot, TIMESTAMP_FILE, TargetFile,
    TargetPath, TargetRole, Targets, Timestamp, TufSigner, metadata_file, root_file,
};

/// A signer whose secret is 32 times one byte.
#[derive(Clone)]
pub struct FixtureSigner {
    key: Key,
    secret: SigningKey,
}

impl FixtureSigner {
    /// The signer of this seed byte.
    pub fn new(seed: u8) -> Self {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let key = Key::from_raw(secret.verifying_key().to_bytes()).expect("a generated key");
        FixtureSigner { key, secret }
    }
}

impl TufSigner for FixtureSigner {
    fn key(&self) -> &Key {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign(message).to_bytes().to_vec()
    }
}

/// The signers of every role. Tests change them to play an attacker.
#[derive(Clone)]
pub struct FixtureSigners {
    /// Two of two.
    pub root: Vec<FixtureSigner>,
    /// Two of two.
    pub targets: Vec<FixtureSigner>,
    /// One of one.
    pub snapshot: Vec<FixtureSigner>,
    /// One of one.
    pub timestamp: Vec<FixtureSigner>,
    /// Three, two of which must sign.
    pub software: Vec<FixtureSigner>,
    /// Three, two of which must sign.
    pub rules: Vec<FixtureSigner>,
    /// Who really signs `software`, when not all of its signers do.
    pub software_signing: Option<Vec<FixtureSigner>>,
    /// Who really signs `rules`, when not all of its signers do.
    pub rules_signing: Option<Vec<FixtureSigner>>,
}

impl FixtureSigners {
    fn new() -> Self {
        let signers = |seeds: std::ops::Range<u8>| seeds.map(FixtureSigner::new).collect();
        FixtureSigners {
            root: signers(1..3),
            targets: signers(3..5),
            snapshot: signers(5..6),
            timestamp: signers(6..7),
            software: signers(7..10),
            rules: signers(10..13),
            software_signing: None,
            rules_signing: None,
        }
    }

    fn signing(&self, role: TargetRole) -> Vec<FixtureSigner> {
        let signing = match role {
            TargetRole::Software => &self.software_signing,
            TargetRole::Rules => &self.rules_signing,
        };
        signing.clone().unwrap_or_else(|| self.role(role).to_vec())
    }

    fn role(&self, role: TargetRole) -> &[FixtureSigner] {
        match role {
            TargetRole::Software => &self.software,
            TargetRole::Rules => &self.rules,
        }
    }
}

/// A repository that publishes itself into a map of files.
#[derive(Clone)]
pub struct Fixture {
    /// Who signs. Change it before [`Fixture::publish`] and the files say so.
    pub signers: FixtureSigners,
    /// The repository's time, POSIX seconds; expiries are counted from here.
    pub now: u64,
    /// File name below the repository -> bytes. Tests write here to play a bad mirror.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The list of withdrawals that timestamps name.
    pub withdrawals: Vec<u8>,
    targets: BTreeMap<TargetPath, TargetFile>,
    version: u64,
    root_version: u64,
}

impl Fixture {
    /// An empty repository: version 1 of everything is published.
    pub fn new(now: u64) -> Self {
        let mut fixture = Fixture {
            signers: FixtureSigners::new(),
            now,
            files: BTreeMap::new(),
            withdrawals: b"[]".to_vec(),
            targets: BTreeMap::new(),
            version: 0,
            root_version: 0,
        };
        fixture.publish_root();
        fixture.publish();
        fixture
    }

    /// The first root: what an endpoint is shipped with.
    pub fn pinned_root(&self) -> Vec<u8> {
        self.files[&root_file(1)].clone()
    }

    /// The version of every file but the root.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Lists a target and stores its bytes; seen by clients after [`Fixture::publish`].
    pub fn add_target(&mut self, path: &TargetPath, content: &[u8], release: Hash) {
        let digest = tlog::sha256(content);
        let entry = TargetFile::new(path, content.len() as u64, digest, release);
        self.targets.insert(path.clone(), entry);
        self.files
            .insert(path.repository_file(&digest), content.to_vec());
    }

    /// Takes a target off the list.
    pub fn remove_target(&mut self, path: &TargetPath) {
        self.targets.remove(path);
    }

    /// The next root, signed by the keys before and the keys now.
    pub fn rotate_root(&mut self, new_signers: FixtureSigners) {
        let before = std::mem::replace(&mut self.signers, new_signers);
        self.publish_root_signed_by(&before.root);
    }

    /// Signs and stores a new version of every file but the root.
    pub fn publish(&mut self) {
        self.version += 1;
        let seats = |role| seats(self.signers.role(role), 2);
        let delegations = TargetRole::ALL.map(|role| (role, seats(role)));
        let top = Targets::delegating(self.version, self.expires(365), &delegations);
        let top = self.store(
            &self.signers.targets.clone(),
            "targets",
            top.expect("valid"),
        );
        let software = self.publish_role(TargetRole::Software, 90);
        let rules = self.publish_role(TargetRole::Rules, 14);
        let version = self.version;
        let pinned = [
            ("targets", &top),
            ("software", &software),
            ("rules", &rules),
        ]
        .map(|(role, bytes)| (role, version, bytes.as_slice()));
        let snapshot = Snapshot::build(version, self.expires(7), &pinned).expect("valid");
        let snapshot = self.store(&self.signers.snapshot.clone(), "snapshot", snapshot);
        let named = (version, snapshot.as_slice());
        let timestamp =
            Timestamp::with_withdrawals(version, self.expires(1), named, &self.withdrawals);
        let bytes = signed_by(&self.signers.timestamp, timestamp.expect("valid"));
        self.files.insert(TIMESTAMP_FILE.to_owned(), bytes);
    }

    /// The bytes of the newest file of a role.
    pub fn newest(&self, role: &str) -> &[u8] {
        match role {
            "timestamp" => &self.files[TIMESTAMP_FILE],
            "root" => &self.files[&root_file(self.root_version)],
            _ => &self.files[&metadata_file(role, self.version)],
        }
    }

    fn publish_role(&mut self, role: TargetRole, days: u64) -> Vec<u8> {
        let listed = self.targets.iter().filter(|(path, _)| path.role() == role);
        let listed = listed
            .map(|(path, target)| (path.clone(), target.clone()))
            .collect();
        let file = Targets::listing(self.version, self.expires(days), listed).expect("valid");
        self.store(&self.signers.signing(role), role.as_str(), file)
    }

    fn publish_root(&mut self) {
        self.publish_root_signed_by(&[]);
    }

    fn publish_root_signed_by(&mut self, others: &[FixtureSigner]) {
        self.root_version += 1;
        let root = Root::build(&RootPlan {
            version: self.root_version,
            expires: self.expires(365),
            root: seats(&self.signers.root, 2),
            targets: seats(&self.signers.targets, 2),
            snapshot: seats(&self.signers.snapshot, 1),
            timestamp: seats(&self.signers.timestamp, 1),
        });
        let all: Vec<_> = self.signers.root.iter().chain(others).cloned().collect();
        let bytes = signed_by(&all, root.expect("valid"));
        self.files.insert(root_file(self.root_version), bytes);
    }

    fn store<T: Metadata>(
        &mut self,
        signers: &[FixtureSigner],
        role: &str,
        file: Signed<T>,
    ) -> Vec<u8> {
        let bytes = signed_by(signers, file);
        self.files
            .insert(metadata_file(role, self.version), bytes.clone());
        bytes
    }

    fn expires(&self, days: u64) -> Expires {
        Expires::from_posix(self.now + days * DAY_S).expect("before the year 9999")
    }
}

/// A file with the signatures of all these signers.
pub fn signed_by<T: Metadata>(signers: &[FixtureSigner], mut file: Signed<T>) -> Vec<u8> {
    for signer in signers {
        file.sign(signer).expect("a fixture signer signs well");
    }
    file.to_bytes().expect("checked metadata")
}

/// The keys of these signers with a threshold.
pub fn seats(signers: &[FixtureSigner], threshold: u32) -> Seats {
    Seats {
        keys: signers.iter().map(|s| s.key.clone()).collect(),
        threshold,
    }
}
