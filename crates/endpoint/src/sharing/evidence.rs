//! The proof of where files go: a center's `where/bundle`, opened under the anchor, with the policy's documents.
//!
//! What was fetched is kept, so that a machine without network can go on sealing by it for as long as it is fresh, and so that a
//! decision can be shown later with the very proof that it was made by. What was seen is never gone behind.

use std::collections::BTreeMap;

use law::{BUNDLE_BYTES_MAX, Bundle, Code, OpenBundle, Refusal, Residence};
use residency::{Documents, Residency};
use serde::{Deserialize, Serialize};
use serve::Client;
use statement::{CountryCode, FileDigest, StatementDigest};
use store::Files;

use super::{
    config::{Center, Config},
    error::SharingError,
    files,
};
use crate::{
    limits::SEEN_BYTES_MAX,
    memory::Memory,
    timeline::{Finding, Shown, Timeline},
};

const SEEN_FILE: &str = "seen.json";

/// The newest policy that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicySeen {
    digest: StatementDigest,
    version: u64,
}

/// What is remembered beside `state.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    bundles: BTreeMap<CountryCode, FileDigest>,
    policy: Option<PolicySeen>,
}

/// A center's bundle, opened: nothing in it is believed that was not verified.
pub(super) struct Evidence {
    /// SHA-256 of its bytes, under which it is kept.
    pub(super) digest: FileDigest,
    pub(super) bundle: Bundle,
    pub(super) open: OpenBundle,
    pub(super) residence: Residence,
}

/// Everything that was fetched, on disk.
pub(super) struct Archive<'a> {
    pub(super) config: &'a Config,
    pub(super) files: &'a Files,
}

fn proof_name(digest: FileDigest) -> String {
    format!("proofs/{digest}.bundle")
}

fn document_name(digest: FileDigest) -> String {
    format!("documents/{digest}")
}

fn failed(what: impl Into<String>) -> impl FnOnce(serve::ClientError) -> SharingError {
    let what = what.into();
    move |source| SharingError::Http { what, source }
}

impl Archive<'_> {
    /// Fetches what the center shows now, compares it with what was seen, and keeps it.
    pub(super) async fn fetch(
        &self,
        http: &Client,
        center: &Center,
        now: u64,
    ) -> Result<Evidence, SharingError> {
        let url = center.at("where/bundle");
        let bytes = http.get(&url, BUNDLE_BYTES_MAX).await;
        let bytes = bytes.map_err(failed("proof of where files go"))?;
        let evidence = self.open(&bytes)?;
        self.compare(&evidence, now)?;
        let policy = evidence.residence.policy();
        for digest in [policy.text, policy.schema, policy.entities] {
            self.fetch_document(http, center, digest).await?;
        }
        self.files.create(&proof_name(evidence.digest), &bytes)?;
        self.remember(&center.home, &evidence)?;
        Ok(evidence)
    }

    async fn fetch_document(
        &self,
        http: &Client,
        center: &Center,
        digest: FileDigest,
    ) -> Result<(), SharingError> {
        let name = document_name(digest);
        if self.files.contains(&name)? {
            return Ok(());
        }
        let url = center.blob(digest);
        let bytes = http.get(&url, residency::limits::ENTITIES_BYTES_MAX);
        let bytes = bytes.await.map_err(failed("document of the policy"))?;
        if FileDigest::of(&bytes) != digest {
            return Err(SharingError::Answer {
                what: "a blob of the log",
                wrong: format!("its SHA-256 is {}, not {digest}", FileDigest::of(&bytes)),
            });
        }
        Ok(self.files.create(&name, &bytes)?)
    }

    fn open(&self, bytes: &[u8]) -> Result<Evidence, SharingError> {
        let bundle = Bundle::parse(bytes)?;
        let open = bundle.open(self.config.anchor)?;
        let residence = Residence::check(open.view())?;
        Ok(Evidence {
            digest: FileDigest::of(bytes),
            bundle,
            open,
            residence,
        })
    }

    /// The checkpoint against all that was shown here before; the constitution and the policy against the newest ones.
    fn compare(&self, evidence: &Evidence, now: u64) -> Result<(), SharingError> {
        let mut timeline = Timeline::load(self.files)?;
        timeline.check_settled(self.files.root())?;
        if let Some(shown) = Shown::of(&evidence.bundle, &evidence.open) {
            let forked = timeline.see(&shown, None, now).err();
            timeline.save(self.files)?;
            let findings = forked.map(Finding::from).into_iter().collect();
            timeline.record_all(self.files, findings, now)?;
        }
        let mut memory = Memory::load(self.files)?;
        let version = evidence.open.view().constitution()?.version;
        if version < memory.constitution {
            let detail = format!("version {version}; {} was seen", memory.constitution);
            return Err(Refusal::new(Code::ConstitutionVersion, detail).into());
        }
        memory.see(&evidence.open)?;
        memory.save(self.files)?;
        self.check_policy(evidence)
    }

    /// No older policy than one that was seen, and no other of its version.
    fn check_policy(&self, evidence: &Evidence) -> Result<(), SharingError> {
        let Some(seen) = self.seen()?.policy else {
            return Ok(());
        };
        let policy = evidence.residence.policy();
        if policy.version < seen.version {
            let detail = format!("version {}; {} was seen", policy.version, seen.version);
            return Err(Refusal::new(Code::PolicyVersion, detail).into());
        }
        if policy.version == seen.version && policy.digest() != seen.digest {
            let detail = format!(
                "version {}: {} and {}",
                seen.version,
                seen.digest,
                policy.digest()
            );
            return Err(Refusal::new(Code::PolicyFork, detail).into());
        }
        Ok(())
    }

    fn seen(&self) -> Result<Seen, SharingError> {
        let seen = files::read(self.files, SEEN_FILE, SEEN_BYTES_MAX)?;
        Ok(seen.unwrap_or_default())
    }

    fn remember(&self, home: &CountryCode, evidence: &Evidence) -> Result<(), SharingError> {
        let mut seen = self.seen()?;
        let policy = evidence.residence.policy();
        seen.bundles.insert(home.clone(), evidence.digest);
        seen.policy = Some(PolicySeen {
            digest: policy.digest(),
            version: policy.version,
        });
        files::replace(self.files, SEEN_FILE, &seen)
    }

    /// What this center showed last, judged again now.
    pub(super) fn kept(&self, home: &CountryCode) -> Result<Option<Evidence>, SharingError> {
        let Some(digest) = self.seen()?.bundles.get(home).copied() else {
            return Ok(None);
        };
        let evidence = self.by_digest(digest)?;
        self.check_policy(&evidence)?;
        Ok(Some(evidence))
    }

    /// A bundle that was kept, judged again now.
    pub(super) fn by_digest(&self, digest: FileDigest) -> Result<Evidence, SharingError> {
        let name = proof_name(digest);
        let bytes = self.files.read(&name, BUNDLE_BYTES_MAX as u64)?;
        self.check_bytes(&name, digest, &bytes)?;
        self.open(&bytes)
    }

    /// The decisions of the policy in this evidence, made again now.
    pub(super) fn residency(&self, evidence: &Evidence) -> Result<Residency, SharingError> {
        let policy = evidence.residence.policy();
        let [text, schema, entities] = [
            self.document(policy.text)?,
            self.document(policy.schema)?,
            self.document(policy.entities)?,
        ];
        let documents = Documents {
            text: &text,
            schema: &schema,
            entities: &entities,
        };
        Ok(Residency::open(
            policy,
            evidence.residence.declaration(),
            &documents,
        )?)
    }

    fn document(&self, digest: FileDigest) -> Result<String, SharingError> {
        let name = document_name(digest);
        let bytes_max = residency::limits::ENTITIES_BYTES_MAX as u64;
        let bytes = self.files.read(&name, bytes_max)?;
        self.check_bytes(&name, digest, &bytes)?;
        String::from_utf8(bytes).map_err(|_| SharingError::Answer {
            what: "a blob of the log",
            wrong: "a document of the policy is not UTF-8".to_owned(),
        })
    }

    fn check_bytes(
        &self,
        name: &str,
        digest: FileDigest,
        bytes: &[u8],
    ) -> Result<(), SharingError> {
        if FileDigest::of(bytes) == digest {
            return Ok(());
        }
        Err(SharingError::Damaged {
            path: self.files.root().join(name),
            wrong: "its bytes are not those of its name".to_owned(),
        })
    }

    /// The endpoint's clock: never behind what witnesses attested.
    pub(super) fn now(&self, system: u64) -> Result<u64, SharingError> {
        Ok(Memory::load(self.files)?.now(system))
    }
}
