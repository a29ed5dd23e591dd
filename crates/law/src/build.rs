//! Judging one build: source, provenance, and rebuilds that nobody could copy.

use std::collections::BTreeMap;

use statement::{
    Artifact, FileDigest, Predicate, Provenance, Rebuild, Source, StatementDigest, Verdict,
    artifacts_digest, commitment_digest,
};

use crate::{
    entry::{Included, Standing},
    refusal::{Code, Refusal},
    settled::Settled,
};

/// A build that enough independent parties repeated bit for bit.
#[derive(Debug, Clone)]
pub struct BuildEvidence {
    source: Included<Source>,
    provenance: Included<Provenance>,
    rebuilds: Vec<Included<Rebuild>>,
    artifacts: Vec<BuiltArtifact>,
}

/// One file that came out of a build, as its provenance names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltArtifact {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: FileDigest,
    /// Its size.
    pub bytes: u64,
}

impl std::fmt::Display for BuiltArtifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.sha256, self.name)
    }
}

impl BuildEvidence {
    /// The source it was built from.
    pub const fn source(&self) -> &Included<Source> {
        &self.source
    }
    /// The conveyer's provenance.
    pub const fn provenance(&self) -> &Included<Provenance> {
        &self.provenance
    }
    /// The identical rebuilds, one per legal owner.
    pub fn rebuilds(&self) -> &[Included<Rebuild>] {
        &self.rebuilds
    }
    /// What came out; at least one, all of them identical in every rebuild that counted.
    pub fn artifacts(&self) -> &[BuiltArtifact] {
        &self.artifacts
    }
    /// The one with this digest, if the build made it.
    pub fn artifact(&self, sha256: FileDigest) -> Option<&BuiltArtifact> {
        self.artifacts.iter().find(|built| built.sha256 == sha256)
    }
    /// The build's id.
    pub const fn build(&self) -> StatementDigest {
        self.source.digest()
    }

    /// Judges what stands about `build`, asking for `rebuilds_min` rebuilds.
    ///
    /// # Errors
    /// The first condition that does not hold, in the order of the codes of [`Code`].
    pub fn check(
        view: Settled<'_>,
        build: StatementDigest,
        rebuilds_min: u64,
    ) -> Result<Self, Refusal> {
        let source = find_source(view, build)?;
        let (entries, late) = view.of_build(build);
        let (provenance, artifacts) = find_provenance(view, &source, &entries, late.as_ref())?;
        let first_reveal = first_reveal(&view.shown_of_build(build), &artifacts);
        check_conveyer_commitment(&provenance, &artifacts, &entries, first_reveal)?;
        let count = Counting {
            view,
            build,
            artifacts: &artifacts,
            provenance: &provenance,
            entries: &entries,
            first_reveal,
        };
        let rebuilds = count.rebuilds(rebuilds_min, late)?;
        Ok(Self {
            source,
            provenance,
            rebuilds,
            artifacts,
        })
    }
}

fn find_source(view: Settled<'_>, build: StatementDigest) -> Result<Included<Source>, Refusal> {
    let found = view
        .entries(build)?
        .into_iter()
        .find_map(|entry| match entry.predicate() {
            Predicate::Source(source) => Some(Included::new(source.clone(), entry.clone())),
            _ => None,
        });
    found.ok_or_else(|| {
        let none = Refusal::new(Code::SourceMissing, format!("build {build}"));
        view.why_missing("source", |_, digest| digest == build, none)
    })
}

/// Index of the first entry that shows the result of this build.
///
/// A rebuild that does not name all of the artifacts shows nothing that could be copied into one that counts; if it
/// counted, one rebuilder could make every commitment late with invented bytes.
fn first_reveal(entries: &[&Standing], artifacts: &[BuiltArtifact]) -> u64 {
    entries
        .iter()
        .filter(|entry| match entry.predicate() {
            Predicate::Provenance(_) => true,
            Predicate::Rebuild(rebuild) => artifacts.iter().all(|built| {
                rebuild
                    .artifacts
                    .iter()
                    .any(|shown| shown.sha256 == built.sha256)
            }),
            _ => false,
        })
        .map(|entry| entry.index)
        .min()
        .unwrap_or(u64::MAX)
}

fn is_same(shown: &Artifact, built: &BuiltArtifact) -> bool {
    shown.sha256 == built.sha256 && shown.name == built.name
}

/// What a commitment to these artifacts fixes.
fn digest_of(artifacts: &[BuiltArtifact]) -> FileDigest {
    artifacts_digest(
        artifacts
            .iter()
            .map(|built| (built.name.as_str(), built.sha256)),
    )
}

fn find_provenance(
    view: Settled<'_>,
    source: &Included<Source>,
    entries: &[&Standing],
    late: Option<&Refusal>,
) -> Result<(Included<Provenance>, Vec<BuiltArtifact>), Refusal> {
    let build = source.digest();
    let mut found: Option<(Included<Provenance>, Vec<BuiltArtifact>)> = None;
    let mut wrong = None;
    for entry in entries {
        let Predicate::Provenance(provenance) = entry.predicate() else {
            continue;
        };
        match check_provenance(source, provenance, entry) {
            Ok(artifacts) => match &found {
                Some((_, others)) if *others != artifacts => {
                    return Err(conflict(build, others, &artifacts));
                }
                Some(_) => {}
                None => {
                    let included = Included::new(provenance.clone(), (*entry).clone());
                    found = Some((included, artifacts));
                }
            },
            Err(refusal) => wrong = Some(refusal),
        }
    }
    found.ok_or_else(|| {
        let none = Refusal::new(Code::ProvenanceMissing, format!("build {build}"));
        let none = wrong.or_else(|| late.cloned()).unwrap_or(none);
        view.why_missing("provenance", |of, _| of == Some(build), none)
    })
}

/// Two provenances of one build that do not name the same artifacts.
fn conflict(build: StatementDigest, one: &[BuiltArtifact], other: &[BuiltArtifact]) -> Refusal {
    let differing = one
        .iter()
        .filter(|built| !other.contains(built))
        .chain(other.iter().filter(|built| !one.contains(built)))
        .map(ToString::to_string);
    let differing = differing.collect::<Vec<_>>().join(" and ");
    Refusal::new(
        Code::ProvenanceConflict,
        format!("build {build}: {differing}"),
    )
}

fn check_provenance(
    source: &Included<Source>,
    provenance: &Provenance,
    entry: &Standing,
) -> Result<Vec<BuiltArtifact>, Refusal> {
    let no = |detail: String| Refusal::new(Code::ProvenanceSource, detail);
    if provenance.build_definition.build_type != Provenance::BUILD_TYPE {
        return Err(no(format!(
            "buildType `{}`",
            provenance.build_definition.build_type
        )));
    }
    if provenance.dependency("source") != Some(source.archive) {
        return Err(no(format!(
            "source archive is {}, provenance names another",
            source.archive
        )));
    }
    if provenance.dependency("recipe") != Some(source.recipe) {
        return Err(no(format!(
            "recipe is {}, provenance names another",
            source.recipe
        )));
    }
    if provenance.dependency("environment").is_none() {
        return Err(no("it names no environment, or two".to_owned()));
    }
    if provenance.build_definition.external_parameters.arguments != source.arguments {
        return Err(no("its arguments are not those of the source".to_owned()));
    }
    subjects(entry)
}

/// The artifacts: every subject once, each with its size from the blobs.
fn subjects(entry: &Standing) -> Result<Vec<BuiltArtifact>, Refusal> {
    let no = |detail: String| Refusal::new(Code::ProvenanceSource, detail);
    let mut artifacts: Vec<BuiltArtifact> = Vec::new();
    for subject in &entry.statement.subject {
        let (name, sha256) = (subject.name.clone(), subject.digest.sha256);
        if artifacts.iter().any(|known| known.name == name) {
            return Err(no(format!("two artifacts are named `{name}`")));
        }
        let blobs = entry.predicate().blobs();
        let blob = blobs.iter().find(|blob| blob.sha256 == sha256);
        let bytes = blob
            .ok_or_else(|| no(format!("artifact `{name}` is not among its blobs")))?
            .bytes;
        artifacts.push(BuiltArtifact {
            name,
            sha256,
            bytes,
        });
    }
    if artifacts.is_empty() {
        return Err(no("it names no artifact".to_owned()));
    }
    Ok(artifacts)
}

fn check_conveyer_commitment(
    provenance: &Included<Provenance>,
    artifacts: &[BuiltArtifact],
    entries: &[&Standing],
    first_reveal: u64,
) -> Result<(), Refusal> {
    let salt = provenance.build_definition.internal_parameters.salt;
    let key = provenance.standing().key();
    let opened = commitment_digest(key, provenance.build(), digest_of(artifacts), salt);
    if commitments(entries, key, opened).any(|entry| entry.is_below(first_reveal)) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::ProvenanceUncommitted,
        format!("first reveal at entry {first_reveal}"),
    ))
}

/// The commitments by `key` that `opened` opens.
fn commitments<'a>(
    entries: &'a [&'a Standing],
    key: statement::KeyId,
    opened: FileDigest,
) -> impl Iterator<Item = &'a Standing> {
    entries.iter().copied().filter(move |entry| {
        entry.key == key
            && matches!(entry.predicate(), Predicate::Commitment(c) if c.commitment == opened)
    })
}

struct Counting<'a> {
    view: Settled<'a>,
    build: StatementDigest,
    artifacts: &'a [BuiltArtifact],
    provenance: &'a Included<Provenance>,
    entries: &'a [&'a Standing],
    first_reveal: u64,
}

impl Counting<'_> {
    /// One identical rebuild per legal owner, or the reason why one did not count.
    fn rebuilds(
        &self,
        needed: u64,
        late: Option<Refusal>,
    ) -> Result<Vec<Included<Rebuild>>, Refusal> {
        let mut by_owner: BTreeMap<&str, Included<Rebuild>> = BTreeMap::new();
        let mut reason = None;
        for entry in self.entries {
            let Predicate::Rebuild(rebuild) = entry.predicate() else {
                continue;
            };
            match self.check_one(rebuild, entry) {
                Ok(()) if by_owner.contains_key(entry.legal_owner.as_str()) => {
                    let detail = format!("{} again ({})", entry.legal_owner, entry.party);
                    reason = reason.or(Some(Refusal::new(Code::RebuildSameOwner, detail)));
                }
                Ok(()) => {
                    by_owner.insert(
                        &entry.legal_owner,
                        Included::new(rebuild.clone(), (*entry).clone()),
                    );
                }
                Err(refusal) => reason = reason.or(Some(refusal)),
            }
        }
        if by_owner.len() as u64 >= needed {
            return Ok(by_owner.into_values().collect());
        }
        let few = Refusal::new(
            Code::RebuildTooFew,
            format!("{} of {needed} for build {}", by_owner.len(), self.build),
        );
        let few = reason.or(late).unwrap_or(few);
        let build = self.build;
        Err(self
            .view
            .why_missing("rebuild", |of, _| of == Some(build), few))
    }

    fn check_one(&self, rebuild: &Rebuild, entry: &Standing) -> Result<(), Refusal> {
        let who = format!("by {} at entry {}", entry.party, entry.index);
        if self.view.is_of_vendor(entry) {
            return Err(Refusal::new(Code::RebuildVendor, who));
        }
        if entry.legal_owner == self.provenance.standing().legal_owner {
            let detail = format!("{who}: its owner made the build");
            return Err(Refusal::new(Code::RebuildSameOwner, detail));
        }
        let Some(salt) = rebuild.salt else {
            return Err(Refusal::new(
                Code::RebuildNotIdentical,
                format!("{who}: {:?}", rebuild.verdict),
            ));
        };
        let shown = rebuild.artifacts.iter();
        let same = rebuild.artifacts.len() == self.artifacts.len()
            && shown
                .zip(self.artifacts)
                .all(|(shown, built)| is_same(shown, built))
            && rebuild.provenance == self.provenance.digest();
        if rebuild.verdict != Verdict::Identical || !same {
            return Err(Refusal::new(
                Code::RebuildNotIdentical,
                format!("{who}: {:?}", rebuild.verdict),
            ));
        }
        let opened = commitment_digest(entry.key, self.build, digest_of(self.artifacts), salt);
        let mut committed = commitments(self.entries, entry.key, opened).peekable();
        if committed.peek().is_none() {
            return Err(Refusal::new(Code::RebuildUncommitted, who));
        }
        if committed.any(|entry| entry.is_below(self.first_reveal)) {
            return Ok(());
        }
        let detail = format!("{who}: first reveal at entry {}", self.first_reveal);
        Err(Refusal::new(Code::RebuildCommittedLate, detail))
    }
}
