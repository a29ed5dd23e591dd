//! The honest statements of one release, each made from those before it.

use std::collections::BTreeMap;

use statement::{
    Artifact, Blob, BuildDefinition, Builder, Commitment, ExternalParameters, FileDigest,
    InternalParameters, Kind, Provenance, Publication, Rebuild, Release, ResourceDescriptor,
    RunDetails, RunMetadata, Source, SourceOrigin, Statement, StatementDigest, Subject, Verdict,
    VerificationResult, VerificationSummary, Verifier, VsaPolicy, approval_resource_uri,
    artifacts_digest, commitment_digest,
};
use tlog::Origin;

use super::{
    keys::Key,
    roster::{CENTER_LOG, NOT_AFTER},
};

/// What happens, in the honest order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Source,
    CommitConveyer,
    CommitA,
    CommitB,
    Provenance,
    RebuildA,
    RebuildB,
    Approval,
    ReleaseCenter,
    ReleaseSupervisor,
    Publication,
}

impl Step {
    pub const ALL: [Self; 11] = [
        Self::Source,
        Self::CommitConveyer,
        Self::CommitA,
        Self::CommitB,
        Self::Provenance,
        Self::RebuildA,
        Self::RebuildB,
        Self::Approval,
        Self::ReleaseCenter,
        Self::ReleaseSupervisor,
        Self::Publication,
    ];

    /// Who signs it.
    pub fn honest_key(self) -> Key {
        match self {
            Self::Source => Key::of("vendor", "author"),
            Self::CommitConveyer | Self::Provenance => Key::of("vendor", "conveyer"),
            Self::CommitA | Self::RebuildA => Key::of("lab-a", "rebuilder"),
            Self::CommitB | Self::RebuildB => Key::of("lab-b", "rebuilder"),
            Self::Approval | Self::ReleaseSupervisor => Key::of("supervisor", "supervisor"),
            Self::ReleaseCenter | Self::Publication => Key::of("vendor", "center"),
        }
    }
}

pub fn center_log() -> Origin {
    CENTER_LOG.parse().unwrap()
}

/// The bytes that come out of an honest build of this version.
pub fn artifact(version: &str) -> Vec<u8> {
    super::program::program(version)
}

/// A salt for this key.
pub fn salt(key: &Key) -> FileDigest {
    FileDigest::of(format!("salt of {}", key.id()).as_bytes())
}

/// What differs from one release to the next.
#[derive(Clone)]
pub struct Facts {
    pub version: String,
    pub seq: u64,
    pub predecessor: Option<StatementDigest>,
    pub constitution: StatementDigest,
    pub publication: u64,
}

/// Payloads made so far.
pub struct Chain<'a> {
    pub facts: &'a Facts,
    pub payloads: &'a BTreeMap<Step, Vec<u8>>,
    /// Who signs each step in this story.
    pub key: &'a dyn Fn(Step) -> Key,
    /// The metadata file that the publication names.
    pub metadata: &'a [u8],
}

impl Chain<'_> {
    /// The honest statement of a step.
    pub fn make(&self, step: Step) -> Statement {
        match step {
            Step::Source => self.source(),
            Step::CommitConveyer => self.commitment((self.key)(Step::Provenance)),
            Step::CommitA => self.commitment((self.key)(Step::RebuildA)),
            Step::CommitB => self.commitment((self.key)(Step::RebuildB)),
            Step::Provenance => self.provenance(),
            Step::RebuildA | Step::RebuildB => self.rebuild(&(self.key)(step)),
            Step::Approval => self.approval(),
            Step::ReleaseCenter | Step::ReleaseSupervisor => self.release(),
            Step::Publication => self.publication(),
        }
    }

    pub fn digest(&self, step: Step) -> StatementDigest {
        StatementDigest::of(&self.payloads[&step])
    }

    fn artifact(&self) -> FileDigest {
        FileDigest::of(&artifact(&self.facts.version))
    }

    /// What a commitment fixes.
    fn artifacts(&self) -> FileDigest {
        artifacts_digest([("truename", self.artifact())])
    }

    fn bytes(&self) -> u64 {
        artifact(&self.facts.version).len() as u64
    }

    fn artifact_subject(&self) -> Vec<Subject> {
        vec![Subject::new("truename", self.artifact())]
    }

    fn source_file(&self, name: &str) -> FileDigest {
        FileDigest::of(format!("{name} {}", self.facts.version).as_bytes())
    }

    fn source(&self) -> Statement {
        let archive = self.source_file("archive");
        let source = Source {
            audience: vec![center_log()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            product: "truename".to_owned(),
            version: self.facts.version.clone(),
            kind: Kind::Software,
            platform: "linux-x86_64".to_owned(),
            archive,
            tree: self.source_file("tree"),
            recipe: self.source_file("recipe"),
            arguments: BTreeMap::new(),
            authors: vec!["A. Author".to_owned()],
            authored_in: "RU".to_owned(),
            imported_from: SourceOrigin::Directory,
        };
        Statement::new(vec![Subject::new("source.tar", archive)], source)
    }

    fn commitment(&self, key: Key) -> Statement {
        let build = self.digest(Step::Source);
        let commitment = Commitment {
            audience: vec![center_log()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            build,
            commitment: commitment_digest(key.id(), build, self.artifacts(), salt(&key)),
        };
        let subject = Subject::new("commitment", commitment.commitment);
        Statement::new(vec![subject], commitment)
    }

    fn provenance(&self) -> Statement {
        let key = (self.key)(Step::Provenance);
        let provenance = Provenance {
            build_definition: BuildDefinition {
                build_type: Provenance::BUILD_TYPE.to_owned(),
                external_parameters: ExternalParameters {
                    arguments: BTreeMap::new(),
                    audience: vec![center_log()],
                    blobs: vec![Blob {
                        sha256: self.artifact(),
                        bytes: self.bytes(),
                        public: true,
                    }],
                    build: self.digest(Step::Source),
                    not_after: NOT_AFTER,
                },
                internal_parameters: InternalParameters { salt: salt(&key) },
                resolved_dependencies: vec![
                    ResourceDescriptor::new("source", self.source_file("archive")),
                    ResourceDescriptor::new("recipe", self.source_file("recipe")),
                    ResourceDescriptor::new("environment", FileDigest::of(b"lock")),
                ],
            },
            run_details: RunDetails {
                builder: Builder {
                    id: "https://vendor.example/conveyer".to_owned(),
                },
                byproducts: Vec::new(),
                metadata: RunMetadata {
                    finished_on: "2027-01-15T08:00:00Z".to_owned(),
                    invocation_id: "1".to_owned(),
                },
            },
        };
        Statement::new(self.artifact_subject(), provenance)
    }

    fn rebuild(&self, key: &Key) -> Statement {
        let rebuild = Rebuild {
            audience: vec![center_log()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            build: self.digest(Step::Source),
            provenance: self.digest(Step::Provenance),
            verdict: Verdict::Identical,
            artifacts: vec![Artifact::new("truename", self.artifact())],
            salt: Some(salt(key)),
            environment: Some(FileDigest::of(b"lock")),
            taken_from_center: Vec::new(),
            differences: Vec::new(),
            report: None,
        };
        Statement::new(self.artifact_subject(), rebuild)
    }

    fn approval(&self) -> Statement {
        let inputs = [Step::Provenance, Step::RebuildA, Step::RebuildB];
        let named =
            |step| ResourceDescriptor::new("input", FileDigest::new(*self.digest(step).hash()));
        let policy = FileDigest::new(*self.facts.constitution.hash());
        let summary = VerificationSummary {
            input_attestations: inputs.map(named).to_vec(),
            policy: VsaPolicy {
                digest: ResourceDescriptor::new("policy", policy).digest,
                uri: "https://spec.limpid.example/constitution/v1".to_owned(),
            },
            resource_uri: approval_resource_uri(&center_log(), self.digest(Step::Source)),
            time_verified: "2027-01-15T08:30:00Z".to_owned(),
            verification_result: VerificationResult::Passed,
            verified_levels: vec!["SLSA_BUILD_LEVEL_3".to_owned()],
            verifier: Verifier {
                id: "https://supervisor.example".to_owned(),
            },
        };
        Statement::new(self.artifact_subject(), summary)
    }

    fn release(&self) -> Statement {
        let release = Release {
            audience: vec![center_log()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            product: "truename".to_owned(),
            version: self.facts.version.clone(),
            channel: "stable".to_owned(),
            platform: "linux-x86_64".to_owned(),
            seq: self.facts.seq,
            predecessor: self.facts.predecessor,
            kind: Kind::Software,
            file: "truename".to_owned(),
            artifact: self.artifact(),
            artifact_bytes: self.bytes(),
            build: self.digest(Step::Source),
            approval: self.digest(Step::Approval),
            signed: None,
        };
        Statement::new(self.artifact_subject(), release)
    }

    fn publication(&self) -> Statement {
        let metadata = FileDigest::of(self.metadata);
        let publication = Publication {
            audience: vec![center_log()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            role: "software".to_owned(),
            version: self.facts.publication,
            metadata,
        };
        Statement::new(vec![Subject::new("software.json", metadata)], publication)
    }
}
