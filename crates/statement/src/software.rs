//! Predicates of the software stream that are our own. One page each under `spec/`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tlog::Origin;

use crate::{
    ids::{FileDigest, KeyId, StatementDigest},
    statement::{audience, predicate},
};

/// Bulk evidence that a statement names; the log stores public ones before it takes the entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// SHA-256 of the bytes.
    pub sha256: FileDigest,
    /// How many bytes.
    pub bytes: u64,
    /// Whether anybody may fetch it from the log.
    pub public: bool,
}

/// What a product is, for the gates that differ between code and rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A program; its TUF role is `software`.
    Software,
    /// A detection rule database; its TUF role is `rules`.
    Rules,
}

impl Kind {
    /// The delegated TUF role that lists targets of this kind.
    pub const fn tuf_role(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Rules => "rules",
        }
    }
}

/// Where a source archive was imported from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SourceOrigin {
    /// A directory on the importing machine.
    Directory,
    /// A git commit.
    Git {
        /// Author as the commit names it: a claim.
        author: String,
        /// Its full object id.
        commit: String,
        /// The signature that the commit carries, if any; nobody verified it.
        signature: Option<CommitSignature>,
        /// Repositories inside, at their paths.
        submodules: Vec<Submodule>,
    },
}

/// A signature found in a git commit: a claim of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitSignature {
    /// Whose key it says it was made with: `SHA256:...` of an SSH key; nothing where the form does not say.
    pub by: Option<String>,
    /// `openpgp`, `ssh` or `x509`.
    pub format: String,
}

/// A git repository inside another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submodule {
    /// Full id of the commit that the outer tree names.
    pub commit: String,
    /// Where, below the root of the outer tree.
    pub path: String,
}

predicate! {
    /// `source`: this tree is open to audit and is what gets built. Its digest is the build's id.
    pub struct Source {
        /// Product built from it.
        product: String,
        /// Version of the product, as the recipe says.
        version: String,
        /// Program or rules.
        kind: Kind,
        /// Platform the recipe builds for.
        platform: String,
        /// The deterministic archive (see `spec/source-archive.md`).
        archive: FileDigest,
        /// Digest of the sorted list of paths, modes and file digests.
        tree: FileDigest,
        /// The recipe inside the archive.
        recipe: FileDigest,
        /// Value of each argument of the recipe.
        arguments: BTreeMap<String, String>,
        /// Who wrote it, as they are named.
        authors: Vec<String>,
        /// Jurisdiction of authoring (ISO 3166-1 alpha-2).
        authored_in: String,
        /// How it came into the conveyer.
        imported_from: SourceOrigin,
    }
}

/// One input of a build environment and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentInput {
    /// Name, for example `gcc-12`.
    pub name: String,
    /// Version, for example `12.2.0-14+deb12u1`.
    pub version: String,
    /// Where it came from; `host` means: as installed on the importing machine.
    pub origin: String,
    /// Digest of the list of its files.
    pub sha256: FileDigest,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

predicate! {
    /// `environment`: every input of a build environment, with digest and origin.
    pub struct Environment {
        /// Name that recipes use.
        name: String,
        /// Digest of the whole lock.
        lock: FileDigest,
        /// What it consists of.
        inputs: Vec<EnvironmentInput>,
    }
}

predicate! {
    /// `commitment`: I have a result for this build, and fix it before anybody shows theirs.
    pub struct Commitment {
        /// The build: digest of its `source` statement.
        build: StatementDigest,
        /// [`commitment_digest`] of the artifacts.
        commitment: FileDigest,
    }
}

/// One file that came out of a build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// File name under which it is released.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: FileDigest,
}

impl Artifact {
    /// A file by name and digest.
    pub fn new(name: impl Into<String>, sha256: FileDigest) -> Self {
        Self {
            name: name.into(),
            sha256,
        }
    }
}

/// How a rebuild compares with the conveyer's artifacts, all together. Kinds are never merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The same bytes.
    Identical,
    /// Different bytes, each difference by a closed rule. Never counts.
    Explained,
    /// Different bytes.
    Unexplained,
    /// The build did not finish here.
    Failed,
}

predicate! {
    /// `rebuild`: what came out when I built it myself.
    pub struct Rebuild {
        /// The build: digest of its `source` statement.
        build: StatementDigest,
        /// The provenance it was compared with.
        provenance: StatementDigest,
        /// How it compares; of several artifacts the worst.
        verdict: Verdict,
        /// What this party built, in the recipe's order; empty if it failed.
        artifacts: Vec<Artifact>,
        /// Opens the commitment: 32 bytes in lower-case hex.
        salt: Option<FileDigest>,
        /// Digest of the environment lock it was built in.
        environment: Option<FileDigest>,
        /// Inputs that could only be had from the center.
        taken_from_center: Vec<String>,
        /// Where the bytes differ, or why it failed; for people, at most a few.
        differences: Vec<String>,
        /// The whole comparison, a blob; nothing when identical.
        report: Option<FileDigest>,
    }
}

predicate! {
    /// `finding`: something is wrong with this source, build or release. Blocks until closed.
    pub struct Finding {
        /// The statement it is about: source, provenance or release.
        about: StatementDigest,
        /// One sentence.
        title: String,
        /// The rest.
        detail: String,
    }
}

predicate! {
    /// `release`: endpoints of this channel and platform may install this artifact.
    pub struct Release {
        /// Product.
        product: String,
        /// Version for people; order is by `seq`.
        version: String,
        /// Channel, for example `stable`.
        channel: String,
        /// Platform, for example `linux-x86_64`.
        platform: String,
        /// Consecutive per product, channel and platform, from 1.
        seq: u64,
        /// The release before it.
        predecessor: Option<StatementDigest>,
        /// Program or rules.
        kind: Kind,
        /// Name of the file.
        file: String,
        /// Digest of the artifact as it was built and rebuilt.
        artifact: FileDigest,
        /// Bytes of the artifact.
        artifact_bytes: u64,
        /// The build it came from: digest of the `source` statement.
        build: StatementDigest,
        /// The supervisor's approval of that build.
        approval: StatementDigest,
        /// What is shipped instead, if a platform signs it. Left out when the artifact itself is shipped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<PlatformSigned>,
    }
}

/// A file that was made of an artifact and a platform's detached signature by a pure last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformSigned {
    /// SHA-256 of the detached signature, one of the release's public blobs.
    pub signature: FileDigest,
    /// SHA-256 of the file with the signature attached. Of a form that lies beside the program: the artifact.
    pub shipped: FileDigest,
    /// Bytes of that file.
    pub shipped_bytes: u64,
}

impl Release {
    /// Digest and bytes of the file that endpoints receive.
    pub fn shipped(&self) -> (FileDigest, u64) {
        let signed = self
            .signed
            .map(|signed| (signed.shipped, signed.shipped_bytes));
        signed.unwrap_or((self.artifact, self.artifact_bytes))
    }
}

predicate! {
    /// `publication`: this is version `version` of a TUF role's metadata, for everybody.
    pub struct Publication {
        /// TUF role, for example `software`.
        role: String,
        /// Version of the metadata.
        version: u64,
        /// SHA-256 of the metadata file as served.
        metadata: FileDigest,
    }
}

predicate! {
    /// `withdrawal`: do not install this release from now on.
    pub struct Withdrawal {
        /// The release.
        release: StatementDigest,
        /// Why.
        reason: String,
    }
}

/// The one digest of all artifacts of a build: SHA-256 over a domain line and, for each in the recipe's order, the line
/// digest in lower-case hex, bytes of the name in decimal, name. The length leaves a name no room to look like a line.
pub fn artifacts_digest<'a>(
    artifacts: impl IntoIterator<Item = (&'a str, FileDigest)>,
) -> FileDigest {
    let mut text = "limpid artifacts v1\n".to_owned();
    for (name, sha256) in artifacts {
        text.push_str(&format!("{sha256} {} {name}\n", name.len()));
    }
    FileDigest::of(text.as_bytes())
}

/// What a [`Commitment`] fixes: SHA-256 over a domain line and the four lines
/// key id, build, [`artifacts_digest`] and salt, each in lower-case hex and ended by a newline.
///
/// The key id is inside, so nobody can copy another party's commitment and open it as his own.
pub fn commitment_digest(
    key: KeyId,
    build: StatementDigest,
    artifacts: FileDigest,
    salt: FileDigest,
) -> FileDigest {
    FileDigest::of(
        format!("limpid commitment v1\n{key}\n{build}\n{artifacts}\n{salt}\n").as_bytes(),
    )
}
