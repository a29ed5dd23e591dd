//! TUF metadata: the signer's diff, made anew over the bare JSON of both files
//! (`spec/tuf-repository.md`, `spec/publication.md`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use statement::{FileDigest, KeyId, Kind, Release, Role, StatementDigest};
use tuf::{Signed, TargetFile, TargetPath, TargetRole, Targets};

use super::{
    asof::AsOf,
    codes,
    facts::{Fact, Published, line_of},
    types::Refused,
};

const DAY: u64 = 86_400;

/// Longest lives by role.
const LIVES: [(&str, u64); 3] = [("targets", 365), ("software", 90), ("rules", 14)];

/// When a file may have been signed, POSIX seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signing {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// A targets file, read twice: by type and as bare JSON.
pub(super) struct File {
    typed: Signed<Targets>,
    signed: Map<String, Value>,
}

fn malformed(detail: impl std::fmt::Display) -> Refused {
    Refused::new(codes::METADATA_MALFORMED, detail.to_string())
}

impl File {
    /// Reads a file of a role.
    pub(super) fn parse(role: &str, bytes: &[u8]) -> Result<Self, Refused> {
        let typed = Signed::<Targets>::parse(bytes).map_err(malformed)?;
        let judged = match role.parse::<TargetRole>() {
            Ok(role) => typed.signed().check_delegated(role),
            Err(_) => typed.signed().check_top_level(),
        };
        judged.map_err(malformed)?;
        let bare: Value = serde_json::from_slice(bytes).map_err(malformed)?;
        let signed = bare.get("signed").and_then(Value::as_object).cloned();
        let signed = signed.ok_or_else(|| malformed("no `signed`"))?;
        Ok(Self { typed, signed })
    }

    fn version(&self) -> u64 {
        self.typed.signed().version()
    }

    fn targets(&self) -> BTreeMap<&str, &Value> {
        let targets = self.signed.get("targets").and_then(Value::as_object);
        let targets = targets.into_iter().flatten();
        targets.map(|(path, file)| (path.as_str(), file)).collect()
    }

    /// Everything that no version has to change.
    fn rest(&self) -> BTreeMap<&str, &Value> {
        let due = ["version", "expires", "targets"];
        let all = self
            .signed
            .iter()
            .map(|(name, value)| (name.as_str(), value));
        all.filter(|(name, _)| !due.contains(name)).collect()
    }
}

impl<'a> AsOf<'a> {
    /// The newest publication of a role.
    pub(super) fn newest_publication(
        self,
        role: &str,
    ) -> Result<Option<&'a Fact<Published>>, Refused> {
        let standing: Vec<_> = self.all(self.judge.facts.publications.get(role)).collect();
        let newest = standing.iter().map(|fact| fact.said.version).max();
        let mut newest = standing.iter().filter(|f| Some(f.said.version) == newest);
        let first = newest.next();
        if let Some(second) = newest.find(|f| first.is_some_and(|g| g.digest != f.digest)) {
            let detail = format!(
                "{role} {} once more at entry {}",
                second.said.version, second.at
            );
            return Err(Refused::new(codes::PUBLICATION_FORK, detail));
        }
        Ok(first.copied())
    }

    /// A TUF key may sign `next`.
    pub(super) fn gate_metadata(
        self,
        role: &str,
        previous: Option<&[u8]>,
        next: &[u8],
        signing: Signing,
    ) -> Result<(), Refused> {
        let no = |code, detail: String| Err(Refused::new(code, detail));
        self.roster()?;
        let Some((_, days)) = LIVES.iter().find(|(name, _)| *name == role) else {
            let detail = format!("`{role}` has no longest life");
            return no(codes::METADATA_EXPIRY, detail);
        };
        let next = File::parse(role, next)?;
        let newest = self.newest_publication(role)?;
        let named = newest.map(|fact| fact.said.metadata);
        if named != previous.map(FileDigest::of) {
            let detail = format!("the newest publication of {role} names another file");
            return no(codes::METADATA_NOT_NEWEST, detail);
        }
        let before = newest.map_or(0, |fact| fact.said.version);
        if Some(next.version()) != before.checked_add(1) {
            let detail = format!("version {} after {before}", next.version());
            return no(codes::METADATA_VERSION, detail);
        }
        let expires = next.typed.signed().expires().posix();
        if expires <= signing.from || expires > signing.to.saturating_add(days * DAY) {
            let detail = format!("it ends at {expires}, signed by {}", signing.to);
            return no(codes::METADATA_EXPIRY, detail);
        }
        let previous = previous.map(|bytes| File::parse(role, bytes)).transpose()?;
        check_rest(previous.as_ref(), &next)?;
        self.check_targets(previous.as_ref(), &next)
    }

    fn check_targets(self, previous: Option<&File>, next: &File) -> Result<(), Refused> {
        let old = previous.map(File::targets).unwrap_or_default();
        let new = next.targets();
        for (path, file) in &new {
            let changed = old.get(path).is_some_and(|before| before != file);
            if changed {
                let detail = format!("target {path} says something else");
                return Err(Refused::new(codes::METADATA_OTHER, detail));
            }
        }
        for (path, file) in next.typed.signed().targets() {
            if !self.is_effect(path, file) {
                let detail = format!("target {path}");
                return Err(Refused::new(codes::METADATA_TARGET, detail));
            }
        }
        let gone = previous.map(|file| file.typed.signed().targets());
        for (path, file) in gone.into_iter().flatten() {
            let release = StatementDigest::new(file.release().release);
            let line = super::types::Line {
                product: path.product().to_owned(),
                channel: path.channel().to_owned(),
                platform: path.platform().to_owned(),
            };
            let kept = next.typed.signed().targets().contains_key(path);
            if !kept && !self.is_withdrawn(release) && !self.is_superseded(&line, path.seq()) {
                let detail = format!("target {path}");
                return Err(Refused::new(codes::METADATA_REMOVED, detail));
            }
        }
        Ok(())
    }

    /// A target is the effect of a release with its quorum, and says exactly what it says.
    fn is_effect(self, path: &TargetPath, file: &TargetFile) -> bool {
        let release = StatementDigest::new(file.release().release);
        let facts = self.judge.facts.releases.get(&release);
        let Some(fact) = self.all(facts).next() else {
            return false;
        };
        self.complete_at(release).is_ok()
            && !self.is_withdrawn(release)
            && target_of(&fact.said.release, release).is_some_and(|(p, f)| p == *path && f == *file)
    }

    /// The file is the newest published one, signed by both sides.
    pub(super) fn gate_published(self, role: &str, file: &[u8]) -> Result<File, Refused> {
        let parsed = File::parse(role, file)?;
        let newest = self.newest_publication(role)?;
        let digest = FileDigest::of(file);
        let Some(fact) = newest.filter(|fact| fact.said.metadata == digest) else {
            let table = self.judge.facts.publications.get(role);
            let detail = format!("{role} {} with digest {digest}", parsed.version());
            let missing = Refused::new(codes::PUBLICATION_MISSING, detail.clone());
            return Err(match newest {
                Some(_) => missing,
                None => self.missing(table, codes::PUBLICATION_MISSING, detail),
            });
        };
        if fact.said.version != parsed.version() {
            let detail = format!("the publication says version {}", fact.said.version);
            return Err(Refused::new(codes::PUBLICATION_MISSING, detail));
        }
        self.check_signers(fact, &parsed)?;
        Ok(parsed)
    }

    /// A center and a supervisor of distinct legal owners signed, with TUF keys that were alive.
    pub(super) fn check_signers(self, fact: &Fact<Published>, file: &File) -> Result<(), Refused> {
        let message = tuf::signing_bytes(file.typed.signed()).map_err(malformed)?;
        let by = self.judge.clock.by(fact.at).unwrap_or(u64::MAX);
        let mut centers = BTreeSet::new();
        let mut supervisors = BTreeSet::new();
        let Some(roster) = self.judge.chain.at(fact.at) else {
            return Err(Refused::new(codes::NO_CONSTITUTION, "none is in force"));
        };
        for (party, key) in roster.constitution.keys() {
            let raw = key
                .raw()
                .ok()
                .and_then(|raw| <[u8; 32]>::try_from(raw).ok());
            let tuf = raw.and_then(|raw| tuf::Key::from_raw(raw).ok());
            let (Role::Tuf, Some(tuf)) = (key.role, tuf) else {
                continue;
            };
            let (id, mut lines) = (tuf.id(), file.typed.signatures().iter());
            let signed =
                lines.any(|line| *line.key_id() == id && tuf.verifies(&message, line.bytes()));
            let revoked = self.is_revoked(KeyId::of(tuf.raw()), fact.at);
            if !signed || revoked || by > key.not_after {
                continue;
            }
            let holds = |role| party.keys.iter().any(|held| held.role == role);
            let seat = super::roll::Seat {
                party,
                role: key.role,
                not_after: key.not_after,
            };
            if holds(Role::Center) {
                centers.insert(party.legal_owner.as_str());
            }
            if holds(Role::Supervisor) && !self.is_vendor(seat) {
                supervisors.insert(party.legal_owner.as_str());
            }
        }
        let mut pairs = centers
            .iter()
            .flat_map(|c| supervisors.iter().map(move |s| c != s));
        if pairs.any(|distinct| distinct) {
            return Ok(());
        }
        let detail = format!(
            "{} centers, {} supervisors",
            centers.len(),
            supervisors.len()
        );
        Err(Refused::new(codes::METADATA_QUORUM, detail))
    }

    /// Whether a party took its key back below `index`.
    pub(super) fn is_revoked(self, key: KeyId, index: u64) -> bool {
        let revocations = self.judge.facts.revocations.get(&key).into_iter().flatten();
        revocations
            .into_iter()
            .any(|fact| fact.said.is_own && fact.at < index)
    }
}

/// The target that a release brings.
pub(super) fn target_of(
    release: &Release,
    digest: StatementDigest,
) -> Option<(TargetPath, TargetFile)> {
    let role = match release.kind {
        Kind::Software => TargetRole::Software,
        Kind::Rules => TargetRole::Rules,
    };
    let line = [&*release.product, &*release.channel, &*release.platform];
    let path = TargetPath::new(role, line, release.seq, &release.file).ok()?;
    let (bytes, sha256) = (release.artifact_bytes, *release.artifact.hash());
    let file = TargetFile::new(&path, bytes, sha256, *digest.hash());
    Some((path, file))
}

impl File {
    /// Whether this very target is listed.
    pub(super) fn lists(&self, path: &TargetPath, file: &TargetFile) -> bool {
        self.typed.signed().targets().get(path) == Some(file)
    }
}

/// Besides version, expiry and targets nothing differs; a first file has nothing besides its form.
fn check_rest(previous: Option<&File>, next: &File) -> Result<(), Refused> {
    let new = next.rest();
    let same = match previous {
        Some(previous) => previous.rest() == new,
        None => {
            let known = ["_type", "spec_version", "delegations"];
            new.keys().all(|name| known.contains(name))
        }
    };
    if same {
        return Ok(());
    }
    let names: Vec<_> = new.keys().copied().collect();
    let detail = format!("one of {}", names.join(", "));
    Err(Refused::new(codes::METADATA_OTHER, detail))
}

/// The line of a release, for reports.
pub(super) fn shown_line(release: &Release) -> String {
    let line = line_of(release);
    format!("{}/{}/{}", line.product, line.channel, line.platform)
}
