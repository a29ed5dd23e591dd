//! Judging one build: source, provenance, and rebuilds that nobody could copy.

use std::collections::BTreeMap;

use statement::{
    FileDigest, Predicate, Provenance, Rebuild, Source, StatementDigest, Verdict, commitment_digest,
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
    artifact: FileDigest,
    artifact_bytes: u64,
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
    /// What came out.
    pub const fn artifact(&self) -> FileDigest {
        self.artifact
    }
    /// Its size.
    pub const fn artifact_bytes(&self) -> u64 {
        self.artifact_bytes
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
        let (provenance, artifact, artifact_bytes) =
            find_provenance(view, &source, &entries, late.as_ref())?;
        let first_reveal = first_reveal(&entries, artifact);
        check_conveyer_commitment(&provenance, artifact, &entries, first_reveal)?;
        let count = Counting {
            view,
            build,
            artifact,
            provenance: &provenance,
            entries: &entries,
            first_reveal,
        };
        let rebuilds = count.rebuilds(rebuilds_min, late)?;
        Ok(Self {
            source,
            provenance,
            rebuilds,
            artifact,
            artifact_bytes,
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
/// A rebuild that names another artifact shows nothing that could be copied; if it counted, one
/// rebuilder could make every commitment late with invented bytes.
fn first_reveal(entries: &[&Standing], artifact: FileDigest) -> u64 {
    entries
        .iter()
        .filter(|entry| match entry.predicate() {
            Predicate::Provenance(_) => true,
            Predicate::Rebuild(rebuild) => rebuild.artifact == Some(artifact),
            _ => false,
        })
        .map(|entry| entry.index)
        .min()
        .unwrap_or(u64::MAX)
}

fn find_provenance(
    view: Settled<'_>,
    source: &Included<Source>,
    entries: &[&Standing],
    late: Option<&Refusal>,
) -> Result<(Included<Provenance>, FileDigest, u64), Refusal> {
    let build = source.digest();
    let mut found: Option<(Included<Provenance>, FileDigest, u64)> = None;
    let mut wrong = None;
    for entry in entries {
        let Predicate::Provenance(provenance) = entry.predicate() else {
            continue;
        };
        match check_provenance(source, provenance, entry) {
            Ok((artifact, bytes)) => match &found {
                Some((_, other, _)) if *other != artifact => {
                    let detail = format!("build {build}: {other} and {artifact}");
                    return Err(Refusal::new(Code::ProvenanceConflict, detail));
                }
                Some(_) => {}
                None => {
                    found = Some((
                        Included::new(provenance.clone(), (*entry).clone()),
                        artifact,
                        bytes,
                    ))
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

fn check_provenance(
    source: &Included<Source>,
    provenance: &Provenance,
    entry: &Standing,
) -> Result<(FileDigest, u64), Refusal> {
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
    let [subject] = entry.statement.subject.as_slice() else {
        return Err(no(format!(
            "{} subjects; one artifact is expected",
            entry.statement.subject.len()
        )));
    };
    let artifact = subject.digest.sha256;
    let blob = entry
        .predicate()
        .blobs()
        .iter()
        .find(|blob| blob.sha256 == artifact);
    let bytes = blob
        .ok_or_else(|| no("the artifact is not among its blobs".to_owned()))?
        .bytes;
    Ok((artifact, bytes))
}

fn check_conveyer_commitment(
    provenance: &Included<Provenance>,
    artifact: FileDigest,
    entries: &[&Standing],
    first_reveal: u64,
) -> Result<(), Refusal> {
    let salt = provenance.build_definition.internal_parameters.salt;
    let key = provenance.standing().key();
    let opened = commitment_digest(key, provenance.build(), artifact, salt);
    if commitments(entries, key, opened).any(|index| index < first_reveal) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::ProvenanceUncommitted,
        format!("first reveal at entry {first_reveal}"),
    ))
}

/// Indexes of the commitments by `key` that `opened` opens.
fn commitments<'a>(
    entries: &'a [&Standing],
    key: statement::KeyId,
    opened: FileDigest,
) -> impl Iterator<Item = u64> + 'a {
    entries
        .iter()
        .filter(move |entry| {
            entry.key == key
                && matches!(entry.predicate(), Predicate::Commitment(c) if c.commitment == opened)
        })
        .map(|entry| entry.index)
}

struct Counting<'a> {
    view: Settled<'a>,
    build: StatementDigest,
    artifact: FileDigest,
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
        let (Some(artifact), Some(salt)) = (rebuild.artifact, rebuild.salt) else {
            return Err(Refusal::new(
                Code::RebuildNotIdentical,
                format!("{who}: {:?}", rebuild.verdict),
            ));
        };
        let same = artifact == self.artifact && rebuild.provenance == self.provenance.digest();
        if rebuild.verdict != Verdict::Identical || !same {
            return Err(Refusal::new(
                Code::RebuildNotIdentical,
                format!("{who}: {:?}", rebuild.verdict),
            ));
        }
        let opened = commitment_digest(entry.key, self.build, artifact, salt);
        let mut committed = commitments(self.entries, entry.key, opened).peekable();
        if committed.peek().is_none() {
            return Err(Refusal::new(Code::RebuildUncommitted, who));
        }
        if committed.any(|index| index < self.first_reveal) {
            return Ok(());
        }
        let detail = format!("{who}: first reveal at entry {}", self.first_reveal);
        Err(Refusal::new(Code::RebuildCommittedLate, detail))
    }
}
