//! One statement of each kind: those of the pages under `spec/`.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use statement::{
    Activation, Algorithm, Anchor, Artifact, Blob, BuildDefinition, Builder, CheckpointRef,
    Closure, Commitment, Constitution, Environment, EnvironmentInput, ExternalParameters,
    FileDigest, Finding, Floors, Halt, Heartbeat, InternalParameters, KeyId, Kind, LogEntry, Party,
    PartyKey, Predicate, Provenance, Pruning, Rebuild, ResourceDescriptor, Revocation, Role,
    RunDetails, RunMetadata, Source, SourceOrigin, Statement, StatementDigest, StatementSigner,
    Subject, SuspectFrom, TestResult, Verdict, artifacts_digest, commitment_digest,
};
use tlog::{KeyType, Origin, VerifierKey};

pub const NOT_AFTER: u64 = 1_802_592_000;
const KEY_NOT_AFTER: u64 = 1_831_536_000;

/// The secret keys of RFC 8032, section 7.1: tests 1, 2, 3, 1024 and SHA(abc).
const SEEDS: [&str; 5] = [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
];

/// A key of RFC 8032, counted from 1.
pub struct RfcKey(SigningKey);

impl RfcKey {
    pub fn number(number: usize) -> Self {
        let seed = hex::decode(SEEDS[number - 1]).unwrap();
        Self(SigningKey::from_bytes(&seed.try_into().unwrap()))
    }
    pub fn raw(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
    fn vkey(&self, name: &str, key_type: KeyType) -> VerifierKey {
        VerifierKey::new(name.parse().unwrap(), key_type, &self.raw()).unwrap()
    }
}

impl StatementSigner for RfcKey {
    fn key(&self) -> KeyId {
        KeyId::of(&self.raw())
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

pub fn origin() -> Origin {
    "center.example/log".parse().unwrap()
}

fn file(text: &str) -> FileDigest {
    FileDigest::of(text.as_bytes())
}

fn said(text: &str) -> StatementDigest {
    StatementDigest::of(text.as_bytes())
}

fn about(name: &str, digest: FileDigest, predicate: impl Into<Predicate>) -> Statement {
    Statement::new(vec![Subject::new(name, digest)], predicate)
}

/// The three fields that all predicates of ours carry.
macro_rules! ours {
    ($name:ident { $($field:ident: $value:expr),* $(,)? }) => {
        $name {
            audience: vec![origin()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            $($field: $value),*
        }
    };
}

pub fn key(number: usize, role: Role) -> PartyKey {
    PartyKey {
        role,
        algorithm: Algorithm::Ed25519,
        public: STANDARD.encode(RfcKey::number(number).raw()),
        not_after: KEY_NOT_AFTER,
    }
}

fn party(id: &str, names: [&str; 2], jurisdiction: &str, keys: Vec<PartyKey>) -> Party {
    let [name, legal_owner] = names.map(ToOwned::to_owned);
    Party {
        id: id.parse().unwrap(),
        name,
        legal_owner,
        jurisdiction: jurisdiction.to_owned(),
        vendor: id == "vendor",
        keys,
    }
}

pub fn constitution() -> Constitution {
    let log = RfcKey::number(2).vkey("center.example/log", KeyType::Ed25519);
    let witness = RfcKey::number(4).vkey("lab-a.example/witness", KeyType::CosignatureEd25519);
    ours!(Constitution {
        version: 1,
        previous: None,
        parties: vec![
            party(
                "vendor",
                ["Example Antivirus"; 2],
                "RU",
                vec![key(1, Role::Governance), key(2, Role::Log)],
            ),
            party(
                "lab-a",
                ["Lab A", "University of A"],
                "JP",
                vec![key(3, Role::Governance), key(4, Role::Witness)],
            ),
        ],
        logs: vec![LogEntry {
            origin: origin(),
            party: "vendor".parse().unwrap(),
        }],
        tlog_policy: format!("log {log}\nwitness lab-a {witness}\nquorum lab-a\n"),
        tuf_root: file("root.json"),
        floors: Floors {
            rebuilds_min: 1,
            governance_min: 2,
            change_delay_seconds: 259_200,
        },
    })
}

fn governance() -> Vec<(&'static str, Statement)> {
    let of = |size, tree| CheckpointRef {
        size,
        root: file(tree),
    };
    let activation = ours!(Activation {
        constitution: said("constitution"),
        signed_by: of(7, "tree of 7"),
        waited_until: of(9, "tree of 9"),
    });
    let closure = ours!(Closure {
        closes: said("finding"),
        reason: "The password is a test value; it is not compiled in.".to_owned(),
    });
    let halt = ours!(Halt {
        product: None,
        reason: "A key may be stolen.".to_owned(),
    });
    let stolen = RfcKey::number(5).key();
    let revocation = ours!(Revocation {
        key: stolen,
        suspect_from: vec![SuspectFrom {
            origin: origin(),
            index: 120,
        }],
        reason: "The machine was stolen.".to_owned(),
    });
    let root = *file("tree of 9").hash();
    let anchor = ours!(Anchor {
        origin: "supervisor.example/log".parse().unwrap(),
        checkpoint: of(9, "tree of 9"),
        note: format!(
            "supervisor.example/log\n9\n{root}\n\n\u{2014} supervisor.example/log AAAAAA==\n"
        ),
    });
    let pruning = ours!(Pruning {
        origin: origin(),
        checkpoint: of(9, "tree of 9"),
        elsewhere: vec!["https://mirror.example/center".to_owned()],
        reason: "The archive of the year 2026 holds them.".to_owned(),
    });
    vec![
        (
            "constitution",
            about("root.json", file("root.json"), constitution()),
        ),
        (
            "activation",
            about("constitution", file("constitution"), activation),
        ),
        ("closure", about("finding", file("finding"), closure)),
        ("halt", about("constitution", file("constitution"), halt)),
        (
            "revocation",
            about("key", FileDigest::new(*stolen.hash()), revocation),
        ),
        ("heartbeat", heartbeat()),
        ("anchor", about("checkpoint", file("tree of 9"), anchor)),
        ("pruning", about("checkpoint", file("tree of 9"), pruning)),
    ]
}

pub fn heartbeat() -> Statement {
    let heartbeat = ours!(Heartbeat {
        note: "Read up to entry 9. Nothing to report.".to_owned(),
    });
    about("checkpoint", file("tree of 9"), heartbeat)
}

pub fn source() -> Source {
    let archive = file("truename-1.0.0.tar");
    Source {
        blobs: vec![Blob {
            sha256: archive,
            bytes: 20_480,
            public: true,
        }],
        ..ours!(Source {
            product: "truename".to_owned(),
            version: "1.0.0".to_owned(),
            kind: Kind::Software,
            platform: "linux-x86_64".to_owned(),
            archive: archive,
            tree: file("tree list"),
            recipe: file("recipe.toml"),
            arguments: arguments(),
            authors: vec!["A. Author".to_owned()],
            authored_in: "RU".to_owned(),
            imported_from: SourceOrigin::Directory,
        })
    }
}

fn arguments() -> BTreeMap<String, String> {
    [("tls".to_owned(), "on".to_owned())].into()
}

fn test_result(build: StatementDigest) -> TestResult {
    let tested_with = [
        ResourceDescriptor::new("recipe", file("recipe.toml")),
        ResourceDescriptor::new("environment", file("lock")),
    ];
    let passed = vec!["unit".to_owned(), "round-trip".to_owned()];
    TestResult::of((&origin(), build), tested_with, passed, Vec::new())
}

fn provenance() -> Provenance {
    Provenance {
        build_definition: BuildDefinition {
            build_type: Provenance::BUILD_TYPE.to_owned(),
            external_parameters: ExternalParameters {
                arguments: arguments(),
                audience: vec![origin()],
                blobs: vec![Blob {
                    sha256: file("truename"),
                    bytes: 441_640,
                    public: true,
                }],
                build: said("source statement"),
                not_after: NOT_AFTER,
            },
            internal_parameters: InternalParameters {
                salt: file("a salt"),
            },
            resolved_dependencies: vec![
                ResourceDescriptor::new("source", file("truename-1.0.0.tar")),
                ResourceDescriptor::new("recipe", file("recipe.toml")),
                ResourceDescriptor::new("environment", file("lock")),
            ],
        },
        run_details: RunDetails {
            builder: Builder {
                id: "https://vendor.example/conveyer".to_owned(),
            },
            byproducts: vec![ResourceDescriptor::new("sbom", file("sbom"))],
            metadata: RunMetadata {
                finished_on: "2027-01-15T08:00:00Z".to_owned(),
                invocation_id: "1".to_owned(),
            },
        },
    }
}

fn software() -> Vec<(&'static str, Statement)> {
    let build = said("source statement");
    let artifact = file("truename");
    let key = RfcKey::number(5).key();
    let built = [("truename", artifact)];
    let committed = commitment_digest(key, build, artifacts_digest(built), file("a salt"));
    let commitment = ours!(Commitment {
        build: build,
        commitment: committed,
    });
    let rebuild = ours!(Rebuild {
        build: build,
        provenance: said("provenance statement"),
        verdict: Verdict::Identical,
        artifacts: vec![Artifact::new("truename", artifact)],
        salt: Some(file("a salt")),
        environment: Some(file("lock")),
        taken_from_center: Vec::new(),
        differences: Vec::new(),
        report: None,
    });
    let finding = ours!(Finding {
        about: build,
        title: "A password is compiled in.".to_owned(),
        detail: "src/login.c line 7.".to_owned(),
    });
    let environment = ours!(Environment {
        name: "rust-host".to_owned(),
        lock: file("lock"),
        inputs: vec![EnvironmentInput {
            name: "rust".to_owned(),
            version: "1.95.0".to_owned(),
            origin: "host".to_owned(),
            sha256: file("rust files"),
            files: 12,
            bytes: 104_857_600,
        }],
    });
    let archive = source().archive;
    vec![
        ("source", about("truename-1.0.0.tar", archive, source())),
        ("environment", about("lock", file("lock"), environment)),
        ("provenance", about("truename", artifact, provenance())),
        ("commitment", about("commitment", committed, commitment)),
        ("rebuild", about("truename", artifact, rebuild)),
        (
            "test-result",
            about("truename", artifact, test_result(build)),
        ),
        (
            "finding",
            about("source", file("source statement"), finding),
        ),
    ]
}

/// Name of the page and the statement that it shows.
pub fn all() -> Vec<(&'static str, Statement)> {
    let mut all = governance();
    all.extend(software());
    all
}
