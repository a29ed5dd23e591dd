//! Releases: what each side needs before it signs, and what both signatures together are worth
//! (`spec/release.md`, `spec/approval.md`, `spec/withdrawal.md`).

use std::collections::BTreeSet;

use statement::{
    FileDigest, Predicate, Release, Role, Statement, StatementDigest, Subject,
    approval_resource_uri,
};

use super::{
    adverse::Concern,
    asof::AsOf,
    codes,
    evidence::Evidence,
    facts::{Released, line_of},
    signed::{self, Held},
    types::{Line, Parts, Refused},
};

impl<'a> AsOf<'a> {
    /// The supervisor may approve this build, as far as this log tells; what to look for in others.
    pub(super) fn gate_approval(self, build: StatementDigest) -> Result<Concern, Refused> {
        let floors = self.floors()?;
        let evidence = self.evidence(build, floors.rebuilds_min)?;
        let concern = Concern {
            build,
            product: evidence.source.said.product.clone(),
            subjects: self.subjects(&evidence),
            kin: self.kin_builds(build),
        };
        self.check_unopposed(&concern)?;
        Ok(concern)
    }

    /// Everything a finding may be about that is of this very build.
    fn subjects(self, evidence: &Evidence<'_>) -> BTreeSet<StatementDigest> {
        BTreeSet::from([evidence.build, evidence.provenance.digest])
    }

    /// A side may sign this payload, as far as this log tells; what to look for in others.
    pub(super) fn gate_release(
        self,
        payload: &[u8],
        parts: Option<Parts<'_>>,
    ) -> Result<Concern, Refused> {
        let malformed = |detail: String| Refused::new(codes::MALFORMED, detail);
        let statement = Statement::parse(payload).map_err(|error| malformed(error.to_string()))?;
        let Predicate::Release(release) = statement.predicate else {
            return Err(malformed("it is no release".to_owned()));
        };
        let said = Released {
            release,
            subjects: statement.subject,
        };
        self.judge_release(&said, StatementDigest::of(payload), Held::Now(parts))
    }

    /// The same, of a release that was taken apart.
    pub(super) fn judge_release(
        self,
        Released { release, subjects }: &Released,
        digest: StatementDigest,
        held: Held<'_>,
    ) -> Result<Concern, Refused> {
        if !release.audience.contains(&self.judge.origin) {
            let detail = format!("it is not meant for {}", self.judge.origin);
            return Err(Refused::new(codes::AUDIENCE, detail));
        }
        let floor = self.floors()?.rebuilds_min;
        let evidence = self.evidence(release.build, floor)?;
        self.check_approval(release.approval, &evidence, floor)?;
        check_fields(release, subjects, &evidence)?;
        held.check(release)?;
        self.check_place(release, digest)?;
        self.check_withdrawn(release, digest)?;
        let mut concern = Concern {
            build: release.build,
            product: release.product.clone(),
            subjects: self.subjects(&evidence),
            kin: self.kin_builds(release.build),
        };
        concern.subjects.extend([release.approval, digest]);
        concern.kin.extend(self.kin_releases(release.artifact));
        self.check_unopposed(&concern)?;
        Ok(concern)
    }

    /// Judges the approval that a release names; its index.
    fn check_approval(
        self,
        approval: StatementDigest,
        evidence: &Evidence<'a>,
        rebuilds_min: u64,
    ) -> Result<u64, Refused> {
        let no = |code, detail: &str| Err(Refused::new(code, detail));
        let table = self.judge.facts.approvals.get(&approval);
        let fact = self.all(table).find(|fact| {
            let seat = self.signer(fact);
            seat.is_some_and(|seat| !self.is_vendor(seat))
        });
        let Some(fact) = fact else {
            let detail = format!("approval {approval}");
            return Err(self.missing(table, codes::APPROVAL_MISSING, detail));
        };
        let said = &fact.said;
        if !said.passed {
            return no(codes::APPROVAL_FAILED, "it says FAILED");
        }
        if said.resource != approval_resource_uri(&self.judge.origin, evidence.build) {
            return no(codes::APPROVAL_RESOURCE, &said.resource);
        }
        let mut rosters = self.judge.chain.below(self.end);
        if !rosters.any(|roster| roster.digest.hash() == said.policy.hash()) {
            return no(codes::APPROVAL_POLICY, "no constitution that was in force");
        }
        let artifacts = evidence.artifacts.iter().map(|made| made.sha256);
        if !artifacts.eq(said.subjects.iter().copied()) {
            return no(codes::APPROVAL_SUBJECT, "it is of other artifacts");
        }
        let rests_on = |digest: StatementDigest, at: u64| {
            at < fact.at && said.inputs.contains(&FileDigest::new(*digest.hash()))
        };
        if !rests_on(evidence.provenance.digest, evidence.provenance.at) {
            return no(
                codes::APPROVAL_INPUTS,
                "its provenance does not stand below it",
            );
        }
        let rebuilds = evidence.rebuilds.iter();
        let rebuilds = rebuilds.filter(|found| rests_on(found.digest, found.at));
        if (rebuilds.count() as u64) < rebuilds_min {
            return no(codes::APPROVAL_INPUTS, "too few rebuilds stand below it");
        }
        Ok(fact.at)
    }

    /// What was withdrawn does not come back, under any number.
    fn check_withdrawn(self, release: &Release, digest: StatementDigest) -> Result<(), Refused> {
        let mut kin = self.kin_releases(release.artifact);
        kin.retain(|other| self.complete_at(*other).is_ok());
        kin.insert(digest);
        match kin.into_iter().find(|digest| self.is_withdrawn(*digest)) {
            None => Ok(()),
            Some(gone) => {
                let detail = format!("release {gone} of this artifact was withdrawn");
                Err(Refused::new(codes::RELEASE_WITHDRAWN, detail))
            }
        }
    }

    /// The release takes the next place of its line, and nobody else claims it.
    fn check_place(self, release: &Release, digest: StatementDigest) -> Result<(), Refused> {
        let line = line_of(release);
        let fork = |twin: StatementDigest| {
            let detail = format!("release {twin} has the same predecessor");
            Err(Refused::new(codes::RELEASE_FORK, detail))
        };
        let twins = self.twins(&line, release, digest);
        if let Some((twin, _)) = twins.iter().find(|(_, seq)| *seq == release.seq) {
            return fork(*twin);
        }
        let before = self.newest_released(&line, Some(digest));
        let (seq, predecessor) = match before {
            None => (1, None),
            Some((digest, newest)) => (newest.seq.saturating_add(1), Some(digest)),
        };
        if release.seq != seq {
            let detail = format!("number {} where {seq} is next", release.seq);
            return Err(Refused::new(codes::RELEASE_SEQ, detail));
        }
        if release.predecessor != predecessor {
            let detail = "it names another release before it";
            return Err(Refused::new(codes::RELEASE_PREDECESSOR, detail));
        }
        match twins.first() {
            Some((twin, _)) => fork(*twin),
            None => Ok(()),
        }
    }

    /// Other releases of the line that name the same predecessor and were not withdrawn, with their numbers.
    pub(super) fn twins(
        self,
        line: &Line,
        release: &Release,
        digest: StatementDigest,
    ) -> Vec<(StatementDigest, u64)> {
        let facts = &self.judge.facts;
        let others = facts.lines.get(line).into_iter().flatten().copied();
        let others = others.filter(|other| *other != digest && !self.is_withdrawn(*other));
        let standing = others.filter_map(|other| {
            let fact = self.all(facts.releases.get(&other)).next()?;
            let same = fact.said.release.predecessor == release.predecessor;
            same.then_some((other, fact.said.release.seq))
        });
        standing.collect()
    }

    /// The release with the highest number in a line, among those with a quorum and other than `but`.
    fn newest_released(
        self,
        line: &Line,
        but: Option<StatementDigest>,
    ) -> Option<(StatementDigest, &'a Release)> {
        let facts = &self.judge.facts;
        let all = facts.lines.get(line).into_iter().flatten().copied();
        let released = all.filter(|digest| Some(*digest) != but);
        let released = released.filter(|digest| self.complete_at(*digest).is_ok());
        let release = |digest: StatementDigest| {
            let first = facts.releases.get(&digest)?.first()?;
            Some((digest, &first.said.release))
        };
        released
            .filter_map(release)
            .max_by_key(|(_, release)| release.seq)
    }

    /// Whether a release with a quorum has a higher number in the line.
    pub(super) fn is_superseded(self, line: &Line, seq: u64) -> bool {
        let newest = self.newest_released(line, None);
        newest.is_some_and(|(_, newest)| newest.seq > seq)
    }

    /// Center and supervisor of distinct legal owners signed this payload, the supervisor not the
    /// vendor. The index at which that was so.
    pub(super) fn complete_at(self, release: StatementDigest) -> Result<u64, Refused> {
        let table = self.judge.facts.releases.get(&release);
        let centers = self.owners(table, Role::Center);
        let supervisors = self.owners(table, Role::Supervisor);
        let able = supervisors.iter().filter(|(_, is_vendor, _)| !is_vendor);
        let pairs = able.flat_map(|(owner, _, at)| {
            let others = centers.iter().filter(move |(other, _, _)| other != owner);
            others.map(move |(_, _, other)| *at.max(other))
        });
        if let Some(at) = pairs.min() {
            return Ok(at);
        }
        let all: Vec<_> = centers.iter().chain(&supervisors).collect();
        let owners: BTreeSet<_> = all.iter().map(|(owner, _, _)| owner).collect();
        let detail = format!("release {release}: {} signatures", all.len());
        let code = match (all.len(), owners.len()) {
            (0, _) => return Err(self.missing(table, codes::RELEASE_MISSING, detail)),
            (2.., 1) => codes::QUORUM_ONE_PARTY,
            _ if centers.is_empty() => codes::QUORUM_CENTER,
            _ => codes::QUORUM_SUPERVISOR,
        };
        Err(Refused::new(code, detail))
    }

    /// The release stands, signed by both, with everything it rests on below them; `file` is digest and size
    /// of what was received.
    pub(super) fn gate_released(
        self,
        digest: StatementDigest,
        file: Option<(FileDigest, u64)>,
        held: Held<'_>,
        rebuilds_min: u64,
    ) -> Result<&'a Release, Refused> {
        self.complete_at(digest)?;
        let table = self.judge.facts.releases.get(&digest);
        let first = self.all(table).next().ok_or_else(|| {
            let detail = format!("release {digest}");
            Refused::new(codes::RELEASE_MISSING, detail)
        })?;
        let Released { release, subjects } = &first.said;
        let ships = signed::shipped(release);
        if file.is_some_and(|file| file != ships) {
            let detail = format!("the release is of {}", ships.0);
            return Err(Refused::new(codes::INSTALL_ARTIFACT, detail));
        }
        if ships != (release.artifact, release.artifact_bytes) {
            held.check(release)?;
        }
        let floor = self.floors()?.rebuilds_min.max(rebuilds_min);
        let evidence = self.evidence(release.build, floor)?;
        let approved = self.check_approval(release.approval, &evidence, floor)?;
        check_fields(release, subjects, &evidence)?;
        if approved >= first.at {
            let detail = format!("the approval stands above entry {}", first.at);
            return Err(Refused::new(codes::APPROVAL_MISSING, detail));
        }
        Ok(release)
    }
}

/// The release repeats what source and provenance say, about one file.
fn check_fields(
    release: &Release,
    subjects: &[Subject],
    evidence: &Evidence<'_>,
) -> Result<(), Refused> {
    let source = &evidence.source.said;
    let mut made = evidence.artifacts.iter();
    let made = made.find(|made| made.sha256 == release.artifact);
    let subject = Subject::new(release.file.as_str(), signed::shipped(release).0);
    let wrong = [
        ("artifact", made.is_none()),
        ("subject", subjects != [subject]),
        (
            "artifact_bytes",
            made.is_some_and(|made| made.bytes != release.artifact_bytes),
        ),
        ("product", source.product != release.product),
        ("version", source.version != release.version),
        ("platform", source.platform != release.platform),
        ("kind", source.kind != release.kind),
    ];
    match wrong.iter().find(|(_, is_wrong)| *is_wrong) {
        None => signed::check_blob(release),
        Some((field, _)) => {
            let detail = format!("field `{field}` is not what the build says");
            Err(Refused::new(codes::RELEASE_FIELDS, detail))
        }
    }
}
