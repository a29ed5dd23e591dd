//! One build: a source, a provenance that names it, and rebuilds that nobody could copy
//! (`spec/provenance.md`, `spec/rebuild.md`, `spec/commitment.md`).

use std::collections::BTreeSet;

use statement::{StatementDigest, Verdict, commitment_digest};

use super::{
    asof::AsOf,
    codes,
    facts::{Conveyed, Fact, Made, Rebuilt, Sourced, digest_of},
    types::Refused,
};

/// A build that enough independent parties repeated bit for bit.
pub(super) struct Evidence<'a> {
    pub(super) build: StatementDigest,
    pub(super) source: &'a Fact<Sourced>,
    /// The first that fits the source; later ones name the same artifacts and change nothing.
    pub(super) provenance: &'a Fact<Conveyed>,
    pub(super) artifacts: &'a [Made],
    /// One per legal owner.
    pub(super) rebuilds: Vec<&'a Fact<Rebuilt>>,
}

impl<'a> AsOf<'a> {
    /// Judges what stands about a build.
    pub(super) fn evidence(
        self,
        build: StatementDigest,
        rebuilds_min: u64,
    ) -> Result<Evidence<'a>, Refused> {
        let facts = &self.judge.facts;
        let sources = facts.sources.get(&build);
        let source = self.all(sources).next();
        let source = source.ok_or_else(|| {
            let detail = format!("build {build}");
            self.missing(sources, codes::SOURCE_MISSING, detail)
        })?;
        let (provenance, artifacts) = self.provenance(build, source)?;
        let reveal = self.first_reveal(build, artifacts);
        if self.committed(build, provenance, provenance.said.salt, artifacts) >= reveal {
            let detail = format!("build {build}: the first result was shown at entry {reveal}");
            return Err(Refused::new(codes::PROVENANCE_UNCOMMITTED, detail));
        }
        let mut evidence = Evidence {
            build,
            source,
            provenance,
            artifacts,
            rebuilds: Vec::new(),
        };
        self.count_rebuilds(&mut evidence, rebuilds_min, reveal)?;
        Ok(evidence)
    }

    /// The first provenance that names this source and its recipe, arguments and an environment, and
    /// the artifacts, which no other that does so may contradict.
    fn provenance(
        self,
        build: StatementDigest,
        source: &Fact<Sourced>,
    ) -> Result<(&'a Fact<Conveyed>, &'a [Made]), Refused> {
        let table = self.judge.facts.provenances.get(&build);
        let standing: Vec<_> = self.all(table).collect();
        if standing.is_empty() {
            let detail = format!("build {build}");
            return Err(self.missing(table, codes::PROVENANCE_MISSING, detail));
        }
        let fits = |said: &Conveyed| {
            said.is_our_build
                && said.source == Some(source.said.archive)
                && said.recipe == Some(source.said.recipe)
                && said.environment.is_some()
                && said.arguments == source.said.arguments
                && said.artifacts.is_some()
        };
        let fitting: Vec<_> = standing.into_iter().filter(|f| fits(&f.said)).collect();
        let first = fitting.first().ok_or_else(|| {
            let detail = format!("build {build}: source, recipe, arguments or artifacts");
            Refused::new(codes::PROVENANCE_SOURCE, detail)
        })?;
        Ok((*first, one_result(build, &fitting)?))
    }

    /// The lowest entry that is a provenance of the build, or a rebuild that names its artifacts.
    fn first_reveal(self, build: StatementDigest, artifacts: &[Made]) -> u64 {
        let facts = &self.judge.facts;
        let provenances = self.shown(facts.provenances.get(&build)).map(|f| f.at);
        let names_all = |rebuilt: &Rebuilt| {
            artifacts.iter().all(|made| {
                let mut shown = rebuilt.artifacts.iter();
                shown.any(|(_, sha256)| *sha256 == made.sha256)
            })
        };
        let rebuilds = self.shown(facts.rebuilds.get(&build));
        let rebuilds = rebuilds.filter(|f| names_all(&f.said)).map(|f| f.at);
        provenances.chain(rebuilds).min().unwrap_or(self.end)
    }

    /// The first commitment of a fact's key that its salt opens; the end of the log if there is none.
    fn committed<T>(
        self,
        build: StatementDigest,
        fact: &Fact<T>,
        salt: statement::FileDigest,
        artifacts: &[Made],
    ) -> u64 {
        let opened = commitment_digest(fact.key, build, digest_of(artifacts), salt);
        let commitments = self.all(self.judge.facts.commitments.get(&build));
        let own = commitments.filter(|c| c.key == fact.key && c.said == opened);
        own.map(|c| c.at).min().unwrap_or(u64::MAX)
    }

    fn count_rebuilds(
        self,
        evidence: &mut Evidence<'a>,
        needed: u64,
        reveal: u64,
    ) -> Result<(), Refused> {
        let table = self.judge.facts.rebuilds.get(&evidence.build);
        let mut taken = BTreeSet::new();
        let mut reason = None;
        for rebuild in self.all(table) {
            match self.why_not(evidence, rebuild, &taken, reveal) {
                Some(code) => {
                    let detail = format!("rebuild at entry {}", rebuild.at);
                    reason.get_or_insert(Refused::new(code, detail));
                }
                None => {
                    let seat = self.signer(rebuild);
                    taken.extend(seat.map(|seat| seat.party.legal_owner.as_str()));
                    evidence.rebuilds.push(rebuild);
                }
            }
        }
        let counted = evidence.rebuilds.len() as u64;
        if counted >= needed {
            return Ok(());
        }
        let detail = format!("{counted} of {needed} for build {}", evidence.build);
        Err(reason.unwrap_or_else(|| self.missing(table, codes::REBUILD_TOO_FEW, detail)))
    }

    /// Why a rebuild does not count towards k.
    fn why_not(
        self,
        evidence: &Evidence<'a>,
        rebuild: &Fact<Rebuilt>,
        taken: &BTreeSet<&str>,
        reveal: u64,
    ) -> Option<&'static str> {
        let said = &rebuild.said;
        let seat = self.signer(rebuild)?;
        let owner = seat.party.legal_owner.as_str();
        let builder = self.signer(evidence.provenance);
        if self.is_vendor(seat) {
            return Some(codes::REBUILD_VENDOR);
        }
        if builder.is_some_and(|builder| builder.party.legal_owner == owner) {
            return Some(codes::REBUILD_SAME_OWNER);
        }
        let same = said.artifacts.len() == evidence.artifacts.len()
            && said
                .artifacts
                .iter()
                .zip(evidence.artifacts)
                .all(|((name, sha256), made)| *name == made.name && *sha256 == made.sha256);
        let compared = evidence.provenance.digest == said.provenance;
        let salt = said.salt.filter(|_| same && compared);
        let Some(salt) = salt.filter(|_| said.verdict == Verdict::Identical) else {
            return Some(codes::REBUILD_NOT_IDENTICAL);
        };
        match self.committed(evidence.build, rebuild, salt, evidence.artifacts) {
            u64::MAX => Some(codes::REBUILD_UNCOMMITTED),
            at if at >= reveal => Some(codes::REBUILD_LATE),
            _ => taken.contains(owner).then_some(codes::REBUILD_SAME_OWNER),
        }
    }
}

/// No two provenances of a build may name different artifacts.
fn one_result<'a>(
    build: StatementDigest,
    provenances: &[&'a Fact<Conveyed>],
) -> Result<&'a [Made], Refused> {
    let mut results = provenances
        .iter()
        .filter_map(|f| f.said.artifacts.as_deref());
    let first = results.next().unwrap_or(&[]);
    if results.all(|other| other == first) {
        return Ok(first);
    }
    let detail = format!("build {build}");
    Err(Refused::new(codes::PROVENANCE_CONFLICT, detail))
}
