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
    types::{Line, Refused},
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
    /// The newest publication of a role. Two for one version, whichever, stop the role.
    pub(super) fn newest_publication(
        self,
        role: &str,
    ) -> Result<Option<&'a Fact<Published>>, Refused> {
        let mut versions: BTreeMap<u64, &Fact<Published>> = BTreeMap::new();
        for fact in self.all(self.judge.facts.publications.get(role)) {
            let version = fact.said.version;
            let first = versions.entry(version).or_insert(fact);
            if first.digest != fact.digest {
                let detail = format!("{role} {version} at entries {} and {}", first.at, fact.at);
                return Err(Refused::new(codes::PUBLICATION_FORK, detail));
            }
        }
        Ok(versions.into_values().next_back())
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
        let newest = self.newest_publication(role)?;
        if newest.map(|fact| fact.said.metadata) != previous.map(FileDigest::of) {
            let detail = format!("the newest publication of {role} names another file");
            return no(codes::METADATA_NOT_NEWEST, detail);
        }
        let previous = previous.map(|bytes| File::parse(role, bytes)).transpose()?;
        let before = previous.as_ref().map_or(0, File::version);
        let published = newest.map_or(0, |fact| fact.said.version);
        if before != published {
            let detail = format!("published as {published}, the file says {before}");
            return no(codes::METADATA_VERSION, detail);
        }
        let next = File::parse(role, next)?;
        let Some((_, days)) = LIVES.iter().find(|(name, _)| *name == role) else {
            let detail = format!("`{role}` has no longest life");
            return no(codes::METADATA_EXPIRY, detail);
        };
        let expires = next.typed.signed().expires().posix();
        if expires <= signing.from || expires > signing.to.saturating_add(days * DAY) {
            let detail = format!("it ends at {expires}, signed by {}", signing.to);
            return no(codes::METADATA_EXPIRY, detail);
        }
        if Some(next.version()) != before.checked_add(1) {
            let detail = format!("version {} after {before}", next.version());
            return no(codes::METADATA_VERSION, detail);
        }
        self.check_changes(previous.as_ref(), &next)?;
        self.check_rest(role, previous.as_ref(), &next)?;
        let mut targets = next.typed.signed().targets().iter();
        match targets.find(|(path, file)| !self.is_effect(path, file)) {
            None => Ok(()),
            Some((path, _)) => no(codes::METADATA_TARGET, format!("target {path}")),
        }
    }

    /// Each target that came, went or says something else, in the order of the paths.
    fn check_changes(self, previous: Option<&File>, next: &File) -> Result<(), Refused> {
        let old = previous.map(File::targets).unwrap_or_default();
        let new = next.targets();
        let paths: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        let mut typed = BTreeMap::new();
        for file in previous.into_iter().chain([next]) {
            let targets = file.typed.signed().targets().iter();
            typed.extend(targets.map(|(path, target)| (path.to_string(), (path, target))));
        }
        let mut paths: Vec<_> = paths.iter().filter_map(|path| typed.get(*path)).collect();
        paths.sort_by_key(|(path, _)| *path);
        for (path, target) in paths {
            let name = path.to_string();
            let code = match (old.get(&*name), new.get(&*name)) {
                (None, _) if !self.is_effect(path, target) => codes::METADATA_TARGET,
                (Some(_), None) if !self.may_leave(path, target) => codes::METADATA_REMOVED,
                (Some(before), Some(now)) if before != now => codes::METADATA_OTHER,
                _ => continue,
            };
            return Err(Refused::new(code, format!("target {path}")));
        }
        Ok(())
    }

    /// A target leaves by a withdrawal of its release, or by a newer release of its line.
    fn may_leave(self, path: &TargetPath, file: &TargetFile) -> bool {
        let release = StatementDigest::new(file.release().release);
        let line = Line {
            product: path.product().to_owned(),
            channel: path.channel().to_owned(),
            platform: path.platform().to_owned(),
        };
        self.is_withdrawn(release) || self.is_superseded(&line, path.seq())
    }

    /// Besides version, expiry and targets nothing differs, but for the keys of delegated roles.
    fn check_rest(self, role: &str, previous: Option<&File>, next: &File) -> Result<(), Refused> {
        let known = ["_type", "spec_version"];
        let (old, new) = (previous.map(File::rest), next.rest());
        let names: BTreeSet<&str> = old
            .iter()
            .flatten()
            .chain(&new)
            .map(|(name, _)| *name)
            .collect();
        for name in names {
            let same = match &old {
                Some(old) => old.get(name) == new.get(name),
                None => known.contains(&name),
            };
            let due = name == "delegations" && role == "targets";
            let explained = same || due && self.is_delegated_anew(next)?;
            if !explained {
                let detail = format!("field `{name}`");
                return Err(Refused::new(codes::METADATA_OTHER, detail));
            }
        }
        Ok(())
    }

    /// Other keys for the delegated roles: the effect of a constitution that took force after the newest
    /// `targets`, and TUF keys of it all.
    fn is_delegated_anew(self, next: &File) -> Result<bool, Refused> {
        let newest = self.newest_publication("targets")?;
        let reigns = self.judge.chain.reigns.iter();
        let Some(reign) = reigns.take_while(|reign| reign.from < self.end).last() else {
            return Ok(false);
        };
        if newest.is_some_and(|fact| fact.at > reign.from) {
            return Ok(false);
        }
        let Some(delegations) = next.typed.signed().delegations() else {
            return Ok(true);
        };
        let names = delegations.roles().iter().map(|role| role.name());
        let seats = names.filter_map(|name| delegations.authority(name).ok());
        let mut raws = Vec::new();
        for seat in seats {
            raws.extend(seat.keys().map(|key| *key.raw()));
        }
        let is_ours = |raw: &[u8; 32]| {
            let seat = reign.roster.seat(KeyId::of(raw));
            seat.is_some_and(|seat| seat.role == Role::Tuf)
        };
        Ok(raws.iter().all(is_ours))
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
            let detail = format!("{role} {} with digest {digest}", parsed.version());
            return Err(Refused::new(codes::PUBLICATION_MISSING, detail));
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
            if holds(Role::Supervisor) && !self.was_vendor(seat, fact.at) {
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
    let (sha256, bytes) = super::signed::shipped(release);
    let sha256 = *sha256.hash();
    let file = TargetFile::new(&path, bytes, sha256, *digest.hash());
    Some((path, file))
}

impl File {
    /// Whether this very target is listed.
    pub(super) fn lists(&self, path: &TargetPath, file: &TargetFile) -> bool {
        self.typed.signed().targets().get(path) == Some(file)
    }
}

/// The line of a release, for reports.
pub(super) fn shown_line(release: &Release) -> String {
    let line = line_of(release);
    format!("{}/{}/{}", line.product, line.channel, line.platform)
}
