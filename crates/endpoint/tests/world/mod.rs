//! An honest world in memory: four parties, one log, a chain from source to release, and bundles.
//! Each [`Twist`] changes exactly one thing.

pub mod log;
pub mod roster;

use std::collections::BTreeMap;

use statement::{
    Activation, Artifact, BuildDefinition, Builder, Commitment, ExternalParameters, FileDigest,
    InternalParameters, Kind, Predicate, Provenance, Publication, Rebuild, Release,
    ResourceDescriptor, RunDetails, RunMetadata, Source, SourceOrigin, Statement, StatementDigest,
    Subject, Verdict, VerificationResult, VerificationSummary, Verifier, VsaPolicy, Withdrawal,
    approval_resource_uri, artifacts_digest, commitment_digest,
};
use statement::{Blob, StatementSigner};

use log::Log;
use roster::Key;

/// When everything happens: 2027-01-15T08:00:00Z.
pub const NOW: u64 = 1_800_000_000;
const NOT_AFTER: u64 = NOW + 30 * 86_400;

/// The one thing that is not honest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    Honest,
    /// The supervisor does not sign the release.
    NoSupervisor,
    /// A second key of the center signs in the supervisor's place.
    TwoCenterKeys,
    /// The second lab builds nothing: it says what the first one said.
    CopiedRebuild,
    /// The second lab commits only after it saw the result.
    LateCommitment,
}

/// A release and where its evidence stands.
#[derive(Debug, Clone)]
pub struct Made {
    pub seq: u64,
    pub release: StatementDigest,
    pub artifact: Vec<u8>,
    pub indices: Vec<u64>,
}

/// One log with its constitution.
#[derive(Clone)]
pub struct World {
    pub log: Log,
    pub anchor: StatementDigest,
    /// Entries that carry the constitution.
    pub constitution: Vec<u64>,
    /// Checkpoints that its activations name.
    pub archived: Vec<Vec<u8>>,
    newest: (u64, StatementDigest),
}

impl World {
    /// Signed by all four parties; names this TUF root.
    pub fn new(tuf_root: &[u8]) -> Self {
        let mut log = Log::new(roster::ORIGIN);
        let statement = roster::constitution(1, None, FileDigest::of(tuf_root), NOT_AFTER);
        let payload = statement.to_payload().unwrap();
        let constitution = roster::governance()
            .iter()
            .map(|key| log.append(&payload, key))
            .collect();
        Self {
            log,
            anchor: StatementDigest::of(&payload),
            constitution,
            archived: Vec::new(),
            newest: (1, StatementDigest::of(&payload)),
        }
    }

    /// The next constitution names this TUF root; all sign, it waits and takes force.
    pub fn amend(&mut self, tuf_root: &[u8]) {
        let (version, previous) = (self.newest.0 + 1, Some(self.newest.1));
        let root = FileDigest::of(tuf_root);
        let statement = roster::constitution(version, previous, root, NOT_AFTER);
        let payload = statement.to_payload().unwrap();
        let signed = roster::governance().map(|key| self.log.append(&payload, &key));
        let (signed_by, first) = (self.log.head(), self.log.checkpoint(NOW));
        self.withdraw(StatementDigest::of(b"fills the wait"));
        let (waited_until, second) = (self.log.head(), self.log.checkpoint(NOW + 1));
        let digest = StatementDigest::of(&payload);
        let activation = Predicate::Activation(Activation {
            audience: self.audience(),
            not_after: NOT_AFTER,
            blobs: vec![],
            constitution: digest,
            signed_by,
            waited_until,
        });
        let about = Subject::new("constitution", FileDigest::new(*digest.hash()));
        let (at, _) = self.say(&Key::of("supervisor/governance"), activation, about);
        self.constitution.extend(signed);
        self.constitution.push(at);
        self.archived.extend([first, second]);
        self.newest = (version, digest);
    }

    /// Logs a statement; its position and digest.
    pub fn say(
        &mut self,
        key: &Key,
        predicate: Predicate,
        about: Subject,
    ) -> (u64, StatementDigest) {
        let statement = Statement {
            subject: vec![about],
            predicate,
        };
        let payload = statement.to_payload().unwrap();
        (
            self.log.append(&payload, key),
            StatementDigest::of(&payload),
        )
    }

    /// Everything from `source` to both signatures under `release`.
    pub fn release(&mut self, seq: u64, before: Option<StatementDigest>, twist: Twist) -> Made {
        let artifact = format!("#!/bin/sh\necho truename {seq}\n").into_bytes();
        let digest = FileDigest::of(&artifact);
        let mut indices = Vec::new();
        let (at, build) = self.source(seq);
        indices.push(at);
        let labs = [Key::of("lab-a/rebuilder"), Key::of("lab-b/rebuilder")];
        let salt = |n: u8| FileDigest::of(&[n, seq as u8]);
        let conveyer = Key::of("vendor/conveyer");
        let second_builds = !matches!(twist, Twist::CopiedRebuild | Twist::LateCommitment);
        indices.push(self.commit(&conveyer, build, digest, salt(0)));
        indices.push(self.commit(&labs[0], build, digest, salt(1)));
        if second_builds {
            indices.push(self.commit(&labs[1], build, digest, salt(2)));
        }
        let (at, provenance) = self.provenance(build, seq, &artifact, salt(0));
        indices.push(at);
        if twist == Twist::LateCommitment {
            indices.push(self.commit(&labs[1], build, digest, salt(2)));
        }
        let mut inputs = vec![provenance];
        for (lab, n) in labs.iter().zip([1, 2]) {
            let (at, rebuild) = self.rebuild(lab, build, provenance, digest, salt(n));
            indices.push(at);
            inputs.push(rebuild);
        }
        let (at, approval) = self.approve(build, digest, &inputs);
        indices.push(at);
        let release = self.release_statement(seq, before, build, approval, &artifact);
        let signers = match twist {
            Twist::NoSupervisor => vec!["vendor/center"],
            Twist::TwoCenterKeys => vec!["vendor/center", "vendor/center-2"],
            _ => vec!["vendor/center", "supervisor/supervisor"],
        };
        let payload = release.to_payload().unwrap();
        indices.extend(
            signers
                .into_iter()
                .map(|name| self.log.append(&payload, &Key::of(name))),
        );
        Made {
            seq,
            release: StatementDigest::of(&payload),
            artifact,
            indices,
        }
    }

    /// `publication` of a metadata file.
    pub fn publish(&mut self, role: &str, version: u64, file: &[u8]) -> u64 {
        let metadata = FileDigest::of(file);
        let publication = Predicate::Publication(Publication {
            audience: self.audience(),
            not_after: NOT_AFTER,
            blobs: vec![],
            role: role.to_owned(),
            version,
            metadata,
        });
        self.say(
            &Key::of("vendor/center"),
            publication,
            Subject::new(role, metadata),
        )
        .0
    }

    /// `withdrawal` of a release by the supervisor.
    pub fn withdraw(&mut self, release: StatementDigest) -> u64 {
        let withdrawal = Predicate::Withdrawal(Withdrawal {
            audience: self.audience(),
            not_after: NOT_AFTER,
            blobs: vec![],
            release,
            reason: "a hole was found".to_owned(),
        });
        let about = Subject::new("release", FileDigest::new(*release.hash()));
        self.say(&Key::of("supervisor/supervisor"), withdrawal, about)
            .0
    }

    /// The bundle of these entries and the constitution, to a checkpoint witnessed at `time`.
    pub fn bundle(&self, indices: &[u64], time: u64) -> Vec<u8> {
        let all: Vec<u64> = self.constitution.iter().chain(indices).copied().collect();
        let mut bundle = self.log.bundle(&all, time);
        bundle.archived.clone_from(&self.archived);
        bundle.to_bytes().unwrap()
    }

    fn audience(&self) -> Vec<tlog::Origin> {
        vec![roster::origin()]
    }

    fn source(&mut self, seq: u64) -> (u64, StatementDigest) {
        let archive = FileDigest::of(format!("source {seq}").as_bytes());
        let source = Predicate::Source(Source {
            audience: self.audience(),
            not_after: NOT_AFTER,
            blobs: vec![],
            product: "truename".to_owned(),
            version: format!("1.{seq}"),
            kind: Kind::Software,
            platform: "linux-x86_64".to_owned(),
            archive,
            tree: FileDigest::of(b"tree"),
            recipe: FileDigest::of(b"recipe"),
            arguments: BTreeMap::new(),
            authors: vec!["Ada Writer".to_owned()],
            authored_in: "CH".to_owned(),
            imported_from: SourceOrigin::Directory,
        });
        self.say(
            &Key::of("vendor/author"),
            source,
            Subject::new("source", archive),
        )
    }

    fn commit(
        &mut self,
        key: &Key,
        build: StatementDigest,
        artifact: FileDigest,
        salt: FileDigest,
    ) -> u64 {
        let commitment = commitment_digest(
            key.key(),
            build,
            artifacts_digest([("truename", artifact)]),
            salt,
        );
        let predicate = Predicate::Commitment(Commitment {
            audience: self.audience(),
            not_after: NOT_AFTER,
            blobs: vec![],
            build,
            commitment,
        });
        self.say(key, predicate, Subject::new("commitment", commitment))
            .0
    }

    fn provenance(
        &mut self,
        build: StatementDigest,
        seq: u64,
        artifact: &[u8],
        salt: FileDigest,
    ) -> (u64, StatementDigest) {
        let digest = FileDigest::of(artifact);
        let blob = Blob {
            sha256: digest,
            bytes: artifact.len() as u64,
            public: true,
        };
        let archive = FileDigest::of(format!("source {seq}").as_bytes());
        let predicate = Predicate::Provenance(Provenance {
            build_definition: BuildDefinition {
                build_type: Provenance::BUILD_TYPE.to_owned(),
                external_parameters: ExternalParameters {
                    arguments: BTreeMap::new(),
                    audience: self.audience(),
                    blobs: vec![blob],
                    build,
                    not_after: NOT_AFTER,
                },
                internal_parameters: InternalParameters { salt },
                resolved_dependencies: vec![
                    ResourceDescriptor::new("source", archive),
                    ResourceDescriptor::new("recipe", FileDigest::of(b"recipe")),
                    ResourceDescriptor::new("environment", FileDigest::of(b"lock")),
                ],
            },
            run_details: RunDetails {
                builder: Builder {
                    id: "https://vendor.example/conveyer".to_owned(),
                },
                byproducts: vec![],
                metadata: RunMetadata {
                    finished_on: "2027-01-15T07:00:00Z".to_owned(),
                    invocation_id: format!("run-{seq}"),
                },
            },
        });
        self.say(
            &Key::of("vendor/conveyer"),
            predicate,
            Subject::new("truename", digest),
        )
    }

    fn rebuild(
        &mut self,
        lab: &Key,
        build: StatementDigest,
        provenance: StatementDigest,
        artifact: FileDigest,
        salt: FileDigest,
    ) -> (u64, StatementDigest) {
        let predicate = Predicate::Rebuild(Rebuild {
            audience: self.audience(),
            not_after: NOT_AFTER,
            blobs: vec![],
            build,
            provenance,
            verdict: Verdict::Identical,
            artifacts: vec![Artifact::new("truename", artifact)],
            salt: Some(salt),
            environment: Some(FileDigest::of(b"lock")),
            taken_from_center: vec![],
            differences: vec![],
            report: None,
        });
        self.say(lab, predicate, Subject::new("truename", artifact))
    }

    fn approve(
        &mut self,
        build: StatementDigest,
        artifact: FileDigest,
        inputs: &[StatementDigest],
    ) -> (u64, StatementDigest) {
        let input = |digest: &StatementDigest| {
            ResourceDescriptor::new("input", FileDigest::new(*digest.hash()))
        };
        let predicate = Predicate::Approval(VerificationSummary {
            input_attestations: inputs.iter().map(input).collect(),
            policy: VsaPolicy {
                digest: ResourceDescriptor::new("", FileDigest::new(*self.anchor.hash())).digest,
                uri: "constitution".to_owned(),
            },
            resource_uri: approval_resource_uri(&roster::origin(), build),
            time_verified: "2027-01-15T07:30:00Z".to_owned(),
            verification_result: VerificationResult::Passed,
            verified_levels: vec!["SLSA_BUILD_LEVEL_3".to_owned()],
            verifier: Verifier {
                id: "https://supervisor.example".to_owned(),
            },
        });
        self.say(
            &Key::of("supervisor/supervisor"),
            predicate,
            Subject::new("truename", artifact),
        )
    }

    fn release_statement(
        &self,
        seq: u64,
        before: Option<StatementDigest>,
        build: StatementDigest,
        approval: StatementDigest,
        artifact: &[u8],
    ) -> Statement {
        let digest = FileDigest::of(artifact);
        Statement {
            subject: vec![Subject::new("truename", digest)],
            predicate: Predicate::Release(Release {
                audience: self.audience(),
                not_after: NOT_AFTER,
                blobs: vec![],
                product: "truename".to_owned(),
                version: format!("1.{seq}"),
                channel: "stable".to_owned(),
                platform: "linux-x86_64".to_owned(),
                seq,
                predecessor: before,
                kind: Kind::Software,
                file: "truename".to_owned(),
                artifact: digest,
                artifact_bytes: artifact.len() as u64,
                build,
                approval,
                signed: None,
            }),
        }
    }
}

/// Expects exactly this code.
macro_rules! refused_with {
    ($code:literal, $result:expr) => {
        match $result {
            Ok(_) => panic!("{} was expected, and it was accepted", $code),
            Err(error) => assert_eq!(error.code(), $code, "{error}"),
        }
    };
}
pub(crate) use refused_with;
