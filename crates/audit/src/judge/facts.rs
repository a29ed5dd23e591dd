//! What counted entries say, in tables by what they are about. Only what a rule asks for is kept: an entry
//! from which nothing follows (a heartbeat, an environment) leaves a count behind and no fact.

use std::collections::{BTreeMap, BTreeSet};

use statement::{
    FileDigest, KeyId, Kind, PartyId, Predicate, Provenance, Rebuild, Release, Source, Statement,
    StatementDigest, Subject, TestOutcome, Verdict, VerificationResult, VerificationSummary,
    artifacts_digest,
};
use tlog::{Hash, Origin};

use super::{admission::Keyed, again::Again, custody::Custody, residence::Residence, types::Line};

/// One counted entry, as far as a rule asks for it.
#[derive(Debug, Clone)]
pub(super) struct Fact<T> {
    pub(super) at: u64,
    pub(super) key: KeyId,
    pub(super) digest: StatementDigest,
    /// Bounds the time of inclusion.
    pub(super) not_after: u64,
    pub(super) said: T,
}

/// Facts by what they are about, each list in log order.
pub(super) type Table<K, T> = BTreeMap<K, Vec<Fact<T>>>;

/// What a source says about what it becomes.
#[derive(Debug, Clone)]
pub(super) struct Sourced {
    pub(super) product: String,
    pub(super) version: String,
    pub(super) platform: String,
    pub(super) kind: Kind,
    pub(super) archive: FileDigest,
    pub(super) recipe: FileDigest,
    pub(super) arguments: BTreeMap<String, String>,
}

/// One file that a provenance names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) name: String,
    pub(super) sha256: FileDigest,
    pub(super) bytes: u64,
}

/// A provenance.
#[derive(Debug, Clone)]
pub(super) struct Conveyed {
    pub(super) is_our_build: bool,
    pub(super) source: Option<FileDigest>,
    pub(super) recipe: Option<FileDigest>,
    pub(super) environment: Option<FileDigest>,
    pub(super) arguments: BTreeMap<String, String>,
    /// None when a name stands twice, or a size nowhere, or nothing was made.
    pub(super) artifacts: Option<Vec<Made>>,
    pub(super) salt: FileDigest,
}

/// A rebuild.
#[derive(Debug, Clone)]
pub(super) struct Rebuilt {
    pub(super) provenance: StatementDigest,
    pub(super) verdict: Verdict,
    pub(super) artifacts: Vec<(String, FileDigest)>,
    pub(super) salt: Option<FileDigest>,
}

/// An approval.
#[derive(Debug, Clone)]
pub(super) struct Approved {
    pub(super) passed: bool,
    pub(super) resource: String,
    pub(super) policy: FileDigest,
    pub(super) subjects: Vec<FileDigest>,
    pub(super) inputs: BTreeSet<FileDigest>,
}

/// A release, and what it is about.
#[derive(Debug, Clone)]
pub(super) struct Released {
    pub(super) release: Release,
    pub(super) subjects: Vec<Subject>,
}

/// A publication.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) version: u64,
    pub(super) metadata: FileDigest,
}

/// A revocation.
#[derive(Debug, Clone)]
pub(super) struct Revoked {
    /// The key is one of the signer's own.
    pub(super) is_own: bool,
    /// First entry of this log that may be the thief's.
    pub(super) suspect_from: Option<u64>,
}

/// A checkpoint of another log, kept in this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// The entry.
    pub entry: u64,
    /// The other log.
    pub origin: Origin,
    /// Size of its tree.
    pub size: u64,
    /// Root of its tree.
    pub root: Hash,
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) sources: Table<StatementDigest, Sourced>,
    pub(super) provenances: Table<StatementDigest, Conveyed>,
    pub(super) commitments: Table<StatementDigest, FileDigest>,
    pub(super) rebuilds: Table<StatementDigest, Rebuilt>,
    pub(super) failed_tests: Table<StatementDigest, ()>,
    pub(super) approvals: Table<StatementDigest, Approved>,
    pub(super) failed_approvals: Table<StatementDigest, ()>,
    pub(super) findings: Table<StatementDigest, ()>,
    pub(super) halts: Vec<Fact<Option<String>>>,
    pub(super) closures: Table<StatementDigest, ()>,
    pub(super) withdrawals: Table<StatementDigest, ()>,
    pub(super) emergencies: Table<StatementDigest, ()>,
    pub(super) releases: Table<StatementDigest, Released>,
    pub(super) publications: Table<String, Published>,
    pub(super) revocations: Table<KeyId, Revoked>,
    /// Releases of a line, in the order in which they entered the log.
    pub(super) lines: BTreeMap<Line, Vec<StatementDigest>>,
    /// Builds of one source archive.
    pub(super) by_archive: BTreeMap<FileDigest, BTreeSet<StatementDigest>>,
    /// Releases of one artifact.
    pub(super) by_artifact: BTreeMap<FileDigest, BTreeSet<StatementDigest>>,
    /// Newest heartbeat by party.
    pub(super) heartbeats: BTreeMap<PartyId, u64>,
    pub(super) anchors: Vec<Anchored>,
    pub(super) admissions: Vec<Fact<Keyed>>,
    pub(super) residence: Residence,
    pub(super) custody: Custody,
    pub(super) again: Again,
    pub(super) blobs: BTreeMap<(FileDigest, u64, bool), u64>,
}

/// Who said it, where, and in which words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) at: u64,
    pub(super) key: KeyId,
    pub(super) digest: StatementDigest,
    pub(super) party: &'a PartyId,
    pub(super) statement: &'a Statement,
}

impl Said<'_> {
    pub(super) fn fact<T>(&self, said: T) -> Fact<T> {
        Fact {
            at: self.at,
            key: self.key,
            digest: self.digest,
            not_after: self.statement.predicate.not_after(),
            said,
        }
    }
}

fn add<K: Ord, T>(table: &mut Table<K, T>, about: K, fact: Fact<T>) {
    table.entry(about).or_default().push(fact);
}

impl Facts {
    /// Takes up a counted entry. `is_own` tells whether a revocation is of a key of its signer.
    pub(super) fn add(&mut self, said: Said<'_>, origin: &Origin, is_own: bool) {
        for blob in said.statement.predicate.blobs() {
            let named = (blob.sha256, blob.bytes, blob.public);
            self.blobs.entry(named).or_insert(said.at);
        }
        match &said.statement.predicate {
            Predicate::Source(source) => self.add_source(said, source),
            Predicate::Provenance(provenance) => {
                let conveyed = conveyed(provenance, said.statement);
                add(
                    &mut self.provenances,
                    provenance.build(),
                    said.fact(conveyed),
                );
            }
            Predicate::Commitment(commitment) => add(
                &mut self.commitments,
                commitment.build,
                said.fact(commitment.commitment),
            ),
            Predicate::Rebuild(rebuild) => {
                add(
                    &mut self.rebuilds,
                    rebuild.build,
                    said.fact(rebuilt(rebuild)),
                );
            }
            Predicate::TestResult(tests) if tests.result == TestOutcome::Failed => {
                if let Some(build) = tests.build() {
                    add(&mut self.failed_tests, build, said.fact(()));
                }
            }
            Predicate::Approval(summary) => self.add_approval(said, summary, origin),
            Predicate::Release(release) => self.add_release(said, release),
            Predicate::Publication(publication) => {
                let published = Published {
                    version: publication.version,
                    metadata: publication.metadata,
                };
                let role = publication.role.clone();
                add(&mut self.publications, role, said.fact(published));
            }
            other => self.add_governance(said, other, origin, is_own),
        }
    }

    fn add_governance(
        &mut self,
        said: Said<'_>,
        predicate: &Predicate,
        origin: &Origin,
        is_own: bool,
    ) {
        match predicate {
            Predicate::Finding(finding) => add(&mut self.findings, finding.about, said.fact(())),
            Predicate::Halt(halt) => self.halts.push(said.fact(halt.product.clone())),
            Predicate::Closure(closure) => add(&mut self.closures, closure.closes, said.fact(())),
            Predicate::Withdrawal(gone) => add(&mut self.withdrawals, gone.release, said.fact(())),
            Predicate::Emergency(emergency) => {
                add(&mut self.emergencies, emergency.build, said.fact(()));
            }
            Predicate::Revocation(revocation) => {
                let here = revocation
                    .suspect_from
                    .iter()
                    .filter(|s| s.origin == *origin);
                let revoked = Revoked {
                    is_own,
                    suspect_from: here.map(|suspect| suspect.index).min(),
                };
                add(&mut self.revocations, revocation.key, said.fact(revoked));
            }
            Predicate::Heartbeat(_) => {
                self.heartbeats.insert(said.party.clone(), said.at);
            }
            Predicate::Anchor(anchor) => self.anchors.push(Anchored {
                entry: said.at,
                origin: anchor.origin.clone(),
                size: anchor.checkpoint.size,
                root: *anchor.checkpoint.root.hash(),
            }),
            Predicate::Policy(_) | Predicate::Declaration(_) | Predicate::Epoch(_) => {
                self.residence.add(said);
            }
            Predicate::Admission(admission) => {
                let keyed = Keyed::of(admission);
                self.admissions.push(said.fact(keyed));
            }
            Predicate::Receipts(_) | Predicate::Reanalyses(_) => {
                self.custody.add(said);
                self.again.add(said);
            }
            Predicate::Verdicts(_) | Predicate::Census(_) => self.custody.add(said),
            Predicate::Erasure(_) | Predicate::ReanalysisGrant(_) => self.again.add(said),
            _ => {}
        }
    }

    fn add_source(&mut self, said: Said<'_>, source: &Source) {
        let sourced = Sourced {
            product: source.product.clone(),
            version: source.version.clone(),
            platform: source.platform.clone(),
            kind: source.kind,
            archive: source.archive,
            recipe: source.recipe,
            arguments: source.arguments.clone(),
        };
        let kin = self.by_archive.entry(source.archive).or_default();
        kin.insert(said.digest);
        add(&mut self.sources, said.digest, said.fact(sourced));
    }

    fn add_approval(&mut self, said: Said<'_>, summary: &VerificationSummary, origin: &Origin) {
        let passed = summary.verification_result == VerificationResult::Passed;
        let subjects = said.statement.subject.iter();
        let inputs = summary.input_attestations.iter();
        let approved = Approved {
            passed,
            resource: summary.resource_uri.clone(),
            policy: summary.policy.digest.sha256,
            subjects: subjects.map(|subject| subject.digest.sha256).collect(),
            inputs: inputs.map(|input| input.digest.sha256).collect(),
        };
        if let Some(build) = build_of(&summary.resource_uri, origin).filter(|_| !passed) {
            add(&mut self.failed_approvals, build, said.fact(()));
        }
        add(&mut self.approvals, said.digest, said.fact(approved));
    }

    fn add_release(&mut self, said: Said<'_>, release: &Release) {
        let line = self.lines.entry(line_of(release)).or_default();
        if !line.contains(&said.digest) {
            line.push(said.digest);
        }
        let kin = self.by_artifact.entry(release.artifact).or_default();
        kin.insert(said.digest);
        let released = Released {
            release: release.clone(),
            subjects: said.statement.subject.clone(),
        };
        add(&mut self.releases, said.digest, said.fact(released));
    }
}

/// A fact without what it says.
fn bare<T>(fact: &Fact<T>) -> Fact<()> {
    Fact {
        at: fact.at,
        key: fact.key,
        digest: fact.digest,
        not_after: fact.not_after,
        said: (),
    }
}

impl Facts {
    /// Every fact, by kind.
    pub(super) fn marks(&self) -> Vec<(&'static str, Fact<()>)> {
        fn of<K, T>(
            kind: &'static str,
            table: &Table<K, T>,
        ) -> impl Iterator<Item = (&'static str, Fact<()>)> {
            let facts = table.values().flatten();
            facts.map(move |fact| (kind, bare(fact)))
        }
        let halts = self.halts.iter().map(|fact| ("halt", bare(fact)));
        of("source", &self.sources)
            .chain(of("provenance", &self.provenances))
            .chain(of("commitment", &self.commitments))
            .chain(of("rebuild", &self.rebuilds))
            .chain(of("test result", &self.failed_tests))
            .chain(of("approval", &self.approvals))
            .chain(of("finding", &self.findings))
            .chain(of("closure", &self.closures))
            .chain(of("withdrawal", &self.withdrawals))
            .chain(of("emergency", &self.emergencies))
            .chain(of("release", &self.releases))
            .chain(of("publication", &self.publications))
            .chain(halts)
            .collect()
    }
}

/// The line of a release.
pub(super) fn line_of(release: &Release) -> Line {
    Line {
        product: release.product.clone(),
        channel: release.channel.clone(),
        platform: release.platform.clone(),
    }
}

/// What follows the beginning that each resource of this log has.
pub(super) fn in_log<'a>(resource: &'a str, origin: &Origin) -> Option<&'a str> {
    let rest = resource.strip_prefix(origin.as_str())?;
    rest.strip_prefix("/build/")
}

/// The build that a resource of this log names.
pub(super) fn build_of(resource: &str, origin: &Origin) -> Option<StatementDigest> {
    in_log(resource, origin)?.parse().ok()
}

fn conveyed(provenance: &Provenance, statement: &Statement) -> Conveyed {
    let definition = &provenance.build_definition;
    Conveyed {
        is_our_build: definition.build_type == Provenance::BUILD_TYPE,
        source: provenance.dependency("source"),
        recipe: provenance.dependency("recipe"),
        environment: provenance.dependency("environment"),
        arguments: definition.external_parameters.arguments.clone(),
        artifacts: made(provenance, statement),
        salt: definition.internal_parameters.salt,
    }
}

fn made(provenance: &Provenance, statement: &Statement) -> Option<Vec<Made>> {
    let blobs = &provenance.build_definition.external_parameters.blobs;
    let mut names = BTreeSet::new();
    let mut artifacts = Vec::new();
    for subject in &statement.subject {
        let sha256 = subject.digest.sha256;
        let blob = blobs.iter().find(|blob| blob.sha256 == sha256)?;
        if !names.insert(&subject.name) {
            return None;
        }
        artifacts.push(Made {
            name: subject.name.clone(),
            sha256,
            bytes: blob.bytes,
        });
    }
    (!artifacts.is_empty()).then_some(artifacts)
}

/// What a commitment to these artifacts is over.
pub(super) fn digest_of(artifacts: &[Made]) -> FileDigest {
    artifacts_digest(
        artifacts
            .iter()
            .map(|made| (made.name.as_str(), made.sha256)),
    )
}

fn rebuilt(rebuild: &Rebuild) -> Rebuilt {
    let artifacts = rebuild.artifacts.iter();
    Rebuilt {
        provenance: rebuild.provenance,
        verdict: rebuild.verdict,
        artifacts: artifacts
            .map(|artifact| (artifact.name.clone(), artifact.sha256))
            .collect(),
        salt: rebuild.salt,
    }
}
