//! What author, conveyer and labs say about a build.

use std::collections::BTreeMap;

use statement::{
    Artifact, Blob, BuildDefinition, Builder, Commitment, ExternalParameters, FileDigest,
    InternalParameters, Kind, Provenance, Rebuild, ResourceDescriptor, RunDetails, RunMetadata,
    Source, SourceOrigin, Statement, StatementDigest, StatementSigner as _, Subject, Verdict,
    artifacts_digest, commitment_digest,
};

use super::{CENTER_LOG, World};

/// A build that stands in the center's log.
#[derive(Debug, Clone)]
pub struct Built {
    pub build: StatementDigest,
    pub provenance: StatementDigest,
    pub artifact: FileDigest,
    salts: Vec<(String, FileDigest)>,
}

impl World {
    /// A build of version `version` that both labs repeated.
    pub async fn build(&self, version: &str) -> Built {
        let built = self.begin_build(version, Kind::Software).await;
        self.rebuild(&built, "lab-a").await;
        self.rebuild(&built, "lab-b").await;
        built
    }

    /// Source, commitments and provenance; no rebuild yet.
    pub async fn begin_build(&self, version: &str, kind: Kind) -> Built {
        let archive = self.put(&archive_bytes(version)).await;
        let recipe = self.put(&recipe_bytes(version)).await;
        self.begin_build_naming(version, kind, vec![archive, recipe])
            .await
    }

    /// As [`World::begin_build`], but nothing is stored and the source names these blobs.
    pub async fn begin_build_naming(&self, version: &str, kind: Kind, blobs: Vec<Blob>) -> Built {
        let author = self.statement_key("vendor", "author");
        let archive = FileDigest::of(&archive_bytes(version));
        let source = Source {
            audience: vec![CENTER_LOG.parse().unwrap()],
            not_after: self.not_after,
            blobs,
            product: "truename".to_owned(),
            version: version.to_owned(),
            kind,
            platform: "linux-x86_64".to_owned(),
            archive,
            tree: FileDigest::of(b"tree"),
            recipe: FileDigest::of(&recipe_bytes(version)),
            arguments: BTreeMap::new(),
            authors: vec!["A. Author".to_owned()],
            authored_in: "CH".to_owned(),
            imported_from: SourceOrigin::Directory,
        };
        let subject = Subject::new("source", archive);
        let build = self
            .say(&author, Statement::new(vec![subject], source.clone()))
            .await;
        let artifact = artifact_bytes(version);
        let digest = FileDigest::of(&artifact);
        let conveyer_salt = FileDigest::of(format!("conveyer {version}").as_bytes());
        self.commit(("vendor", "conveyer"), build, digest, conveyer_salt)
            .await;
        let mut salts = Vec::new();
        for lab in ["lab-a", "lab-b"] {
            let salt = FileDigest::of(format!("{lab} {version}").as_bytes());
            self.commit((lab, "rebuilder"), build, digest, salt).await;
            salts.push((lab.to_owned(), salt));
        }
        let artifact = self.put(&artifact).await;
        let provenance = self
            .prove(build, &source, artifact.clone(), conveyer_salt)
            .await;
        Built {
            build,
            provenance,
            artifact: artifact.sha256,
            salts,
        }
    }

    /// A lab opens its commitment: the same bytes.
    pub async fn rebuild(&self, built: &Built, lab: &str) -> StatementDigest {
        let salt = built.salts.iter().find(|(party, _)| party == lab);
        let rebuild = Rebuild {
            audience: vec![CENTER_LOG.parse().unwrap()],
            not_after: self.not_after,
            blobs: Vec::new(),
            build: built.build,
            provenance: built.provenance,
            verdict: Verdict::Identical,
            artifacts: vec![Artifact::new("truename", built.artifact)],
            salt: salt.map(|(_, salt)| *salt),
            environment: None,
            taken_from_center: Vec::new(),
            differences: Vec::new(),
            report: None,
        };
        let subject = Subject::new("truename", built.artifact);
        let key = self.statement_key(lab, "rebuilder");
        self.say(&key, Statement::new(vec![subject], rebuild)).await
    }

    async fn prove(
        &self,
        build: StatementDigest,
        source: &Source,
        artifact: Blob,
        salt: FileDigest,
    ) -> StatementDigest {
        let subject = Subject::new("truename", artifact.sha256);
        let provenance = Provenance {
            build_definition: BuildDefinition {
                build_type: Provenance::BUILD_TYPE.to_owned(),
                external_parameters: ExternalParameters {
                    arguments: BTreeMap::new(),
                    audience: vec![CENTER_LOG.parse().unwrap()],
                    blobs: vec![artifact],
                    build,
                    not_after: self.not_after,
                },
                internal_parameters: InternalParameters { salt },
                resolved_dependencies: vec![
                    ResourceDescriptor::new("source", source.archive),
                    ResourceDescriptor::new("recipe", source.recipe),
                    ResourceDescriptor::new("environment", FileDigest::of(b"environment")),
                ],
            },
            run_details: RunDetails {
                builder: Builder {
                    id: "https://center.example/conveyer".to_owned(),
                },
                byproducts: Vec::new(),
                metadata: RunMetadata {
                    finished_on: "2026-11-22T00:00:00Z".to_owned(),
                    invocation_id: "1".to_owned(),
                },
            },
        };
        let key = self.statement_key("vendor", "conveyer");
        self.say(&key, Statement::new(vec![subject], provenance))
            .await
    }

    async fn commit(
        &self,
        (party, file): (&str, &str),
        build: StatementDigest,
        artifact: FileDigest,
        salt: FileDigest,
    ) {
        let key = self.statement_key(party, file);
        let commitment = Commitment {
            audience: vec![CENTER_LOG.parse().unwrap()],
            not_after: self.not_after,
            blobs: Vec::new(),
            build,
            commitment: commitment_digest(
                key.key(),
                build,
                artifacts_digest([("truename", artifact)]),
                salt,
            ),
        };
        let subject = Subject::new("commitment", commitment.commitment);
        self.say(&key, Statement::new(vec![subject], commitment))
            .await;
    }

    /// Stores a public blob in the center's log.
    pub async fn put(&self, bytes: &[u8]) -> Blob {
        let key = self.statement_key("vendor", "author");
        let put = self.center.put_blob(bytes.to_vec(), &key);
        Blob {
            sha256: put.await.unwrap(),
            bytes: bytes.len() as u64,
            public: true,
        }
    }
}

/// The source archive of a version.
pub fn archive_bytes(version: &str) -> Vec<u8> {
    format!("source of {version}").into_bytes()
}

/// The recipe of a version.
pub fn recipe_bytes(version: &str) -> Vec<u8> {
    format!("recipe of {version}").into_bytes()
}

/// What the build of a version yields.
pub fn artifact_bytes(version: &str) -> Vec<u8> {
    super::program::program(version)
}
