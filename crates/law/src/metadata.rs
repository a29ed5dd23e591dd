//! The signer's diff: TUF metadata is signed only when every change is the effect of a logged release.

use std::collections::BTreeMap;

use statement::{FileDigest, KeyId, PartyKey, Release, Role, StatementDigest};
use tuf::{Change, Delegations, Signed, TargetFile, TargetPath, Targets};

use crate::{
    entry::Included,
    line::Line,
    opening::chain,
    quorum::{ReleaseQuorum, is_vendor},
    refusal::{Code, Refusal},
    releasable::newest_released,
    settled::Settled,
};

/// How long metadata of a role may live, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleExpiry {
    /// Longest life from now.
    pub max_seconds: u64,
}

impl RoleExpiry {
    /// The longest life of a delegated role: `rules` 14 days, `software` 90, top-level `targets` 365.
    pub fn of(role: &str) -> Option<Self> {
        let days = match role {
            "rules" => 14,
            "software" => 90,
            "targets" => 365,
            _ => return None,
        };
        Some(Self {
            max_seconds: days * 86_400,
        })
    }
}

/// One explained change of a role's targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataChange {
    /// A target that a release brings.
    Added {
        /// Its path.
        target: String,
        /// The release.
        release: StatementDigest,
    },
    /// Other keys for the delegated roles, which a new constitution brings.
    Delegated {
        /// That constitution.
        constitution: StatementDigest,
    },
    /// A target that a withdrawal or a newer release takes away.
    Removed {
        /// Its path.
        target: String,
    },
}

/// Metadata that may be signed, with every change explained.
#[derive(Debug, Clone)]
pub struct SignableMetadata {
    role: String,
    version: u64,
    signed: Vec<u8>,
    changes: Vec<MetadataChange>,
}

impl SignableMetadata {
    /// Compares the next metadata of a role with the newest that was published.
    ///
    /// `previous` is the file as published (none for version 1), `next` the candidate file;
    /// `now` is the signer's clock in POSIX seconds.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn check(
        view: Settled<'_>,
        role: &str,
        previous: Option<&[u8]>,
        next: &[u8],
        now: u64,
    ) -> Result<Self, Refusal> {
        view.check_whole()?;
        check_newest(view, role, previous)?;
        let old = previous.map(parse).transpose()?;
        check_named(view, role, old.as_ref())?;
        let new = parse(next)?;
        let malformed = |error: tuf::TufError| Refusal::new(Code::MetadataMalformed, chain(&error));
        check_shape(role, new.signed()).map_err(malformed)?;
        check_expiry(role, new.signed().expires().posix(), now)?;
        let mut changes = Vec::new();
        for change in tuf::diff(old.as_ref().map(Signed::signed), new.signed()) {
            changes.extend(explain(view, role, &change)?);
        }
        // What is unchanged is signed once more: it may have been withdrawn since, or stand in a version
        // that the center published alone.
        for (path, target) in new.signed().targets() {
            check_target(view, path, target)?;
        }
        let signed = tuf::signing_bytes(new.signed()).map_err(malformed)?;
        Ok(Self {
            role: role.to_owned(),
            version: new.signed().version(),
            signed,
            changes,
        })
    }

    /// The canonical bytes to sign.
    pub fn signing_bytes(&self) -> &[u8] {
        &self.signed
    }
    /// Role of the metadata.
    pub fn role(&self) -> &str {
        &self.role
    }
    /// Its version.
    pub const fn version(&self) -> u64 {
        self.version
    }
    /// What changes, each explained.
    pub fn changes(&self) -> &[MetadataChange] {
        &self.changes
    }
}

fn parse(file: &[u8]) -> Result<Signed<Targets>, Refusal> {
    Signed::parse(file).map_err(|error| Refusal::new(Code::MetadataMalformed, chain(&error)))
}

/// The top-level file only delegates; a delegated file lists only its own paths.
fn check_shape(role: &str, targets: &Targets) -> Result<(), tuf::TufError> {
    match role.parse() {
        Ok(delegated) => targets.check_delegated(delegated),
        Err(_) => targets.check_top_level(),
    }
}

fn check_newest(view: Settled<'_>, role: &str, previous: Option<&[u8]>) -> Result<(), Refusal> {
    let newest = view.newest_publication(role)?;
    let no = |detail: String| Refusal::new(Code::MetadataNotNewest, detail);
    match (newest, previous.map(FileDigest::of)) {
        (None, None) => Ok(()),
        (Some(published), Some(digest)) if published.metadata == digest => Ok(()),
        (Some(published), _) => Err(no(format!(
            "version {} ({}) of `{role}` is published",
            published.version,
            published.metadata.short()
        ))),
        (None, Some(digest)) => Err(no(format!(
            "{} of `{role}` was never published",
            digest.short()
        ))),
    }
}

/// A publication that calls its file by another version stops the role: the next version would be published twice.
fn check_named(
    view: Settled<'_>,
    role: &str,
    old: Option<&Signed<Targets>>,
) -> Result<(), Refusal> {
    let named = view.newest_publication(role)?.map(|found| found.version);
    let is = old.map(|file| file.signed().version());
    if named == is {
        return Ok(());
    }
    let detail = format!("published as {named:?}, the file says {is:?}");
    Err(Refusal::new(Code::MetadataVersion, detail))
}

fn check_expiry(role: &str, expires: u64, now: u64) -> Result<(), Refusal> {
    let no = |detail: String| Refusal::new(Code::MetadataExpiry, detail);
    let expiry = RoleExpiry::of(role)
        .ok_or_else(|| no(format!("role `{role}` is not one that is published")))?;
    let latest = now.saturating_add(expiry.max_seconds);
    if expires > now && expires <= latest {
        return Ok(());
    }
    Err(no(format!(
        "expires {expires}; from {now} to {latest} is allowed"
    )))
}

/// What a change is the effect of; `None` for changes that are due with every version.
fn explain(
    view: Settled<'_>,
    role: &str,
    change: &Change,
) -> Result<Option<MetadataChange>, Refusal> {
    match change {
        Change::VersionAdvanced { .. } | Change::ExpiryMoved { .. } => Ok(None),
        Change::VersionNotConsecutive { .. } => {
            Err(Refusal::new(Code::MetadataVersion, change.to_string()))
        }
        Change::ExpiryOutOfPolicy { .. } => {
            Err(Refusal::new(Code::MetadataExpiry, change.to_string()))
        }
        Change::Added { path, target } => {
            let release = check_target(view, path, target)?;
            Ok(Some(MetadataChange::Added {
                target: path.to_string(),
                release,
            }))
        }
        Change::Removed { path, target } => {
            check_removed(view, path, target)?;
            Ok(Some(MetadataChange::Removed {
                target: path.to_string(),
            }))
        }
        Change::DelegationsChanged { new, .. } if role == "targets" => {
            let constitution = check_delegated(view, new.as_deref())?;
            Ok(Some(MetadataChange::Delegated { constitution }))
        }
        Change::Replaced { .. }
        | Change::DelegationsChanged { .. }
        | Change::FieldChanged { .. } => Err(Refusal::new(Code::MetadataOther, change.to_string())),
    }
}

/// Delegations change only as the effect of a constitution that took force after the newest `targets`,
/// and only to keys that it lists, as the first ones do.
fn check_delegated(
    view: Settled<'_>,
    delegations: Option<&Delegations>,
) -> Result<StatementDigest, Refusal> {
    let no = |detail: String| Refusal::new(Code::MetadataOther, format!("delegations: {detail}"));
    let enacted = view.state().succession.current();
    let enacted = enacted.ok_or_else(|| no("no constitution is in force".to_owned()))?;
    let published = view.newest_publication("targets")?;
    if published.is_some_and(|published| !published.standing().is_below(enacted.at)) {
        return Err(no(format!(
            "no constitution after version {} took force since the newest `targets`",
            enacted.constitution.version
        )));
    }
    let rostered: Vec<Vec<u8>> = enacted
        .constitution
        .keys()
        .filter(|(_, key)| key.role == Role::Tuf)
        .filter_map(|(_, key)| key.raw().ok())
        .collect();
    for role in delegations
        .iter()
        .flat_map(|delegations| delegations.roles())
    {
        let authority = delegations.map(|all| all.authority(role.name()));
        let keys = authority.into_iter().flatten();
        for key in keys.flat_map(|authority| authority.keys().cloned().collect::<Vec<_>>()) {
            if !rostered.iter().any(|raw| raw.as_slice() == key.raw()) {
                return Err(no(format!(
                    "key {} of `{}` is no TUF key of constitution {}",
                    key.id(),
                    role.name(),
                    enacted.constitution.version
                )));
            }
        }
    }
    Ok(enacted.digest)
}

/// Path of a release's target: `<role>/<product>/<channel>/<platform>/<seq>/<file>`.
pub(crate) fn target_path(release: &Release) -> String {
    let Release {
        product,
        channel,
        platform,
        seq,
        file,
        ..
    } = release;
    format!(
        "{}/{product}/{channel}/{platform}/{seq}/{file}",
        release.kind.tuf_role()
    )
}

/// What a release's target says; equality covers every field, known to us or not.
fn target_of(path: &TargetPath, release: &Release, digest: StatementDigest) -> TargetFile {
    let (shipped, bytes) = release.shipped();
    TargetFile::new(path, bytes, *shipped.hash(), *digest.hash())
}

fn check_target(
    view: Settled<'_>,
    path: &TargetPath,
    target: &TargetFile,
) -> Result<StatementDigest, Refusal> {
    let no =
        |detail: String| Refusal::new(Code::MetadataTarget, format!("target `{path}`: {detail}"));
    let digest = StatementDigest::new(target.release().release);
    let entries = view
        .releases(digest)
        .map_err(|refusal| no(refusal.to_string()))?;
    let quorum = ReleaseQuorum::check(&entries).map_err(|refusal| no(refusal.to_string()))?;
    if let Some(withdrawal) = view.withdrawal(digest) {
        return Err(no(format!(
            "the release was withdrawn: {}",
            withdrawal.reason
        )));
    }
    let release: &Included<Release> = quorum.release();
    if path.to_string() == target_path(release) && *target == target_of(path, release, digest) {
        return Ok(digest);
    }
    Err(no(format!(
        "path, bytes or custom differ from release {}",
        digest.short()
    )))
}

fn check_removed(view: Settled<'_>, path: &TargetPath, target: &TargetFile) -> Result<(), Refusal> {
    let no =
        |detail: &str| Refusal::new(Code::MetadataRemoved, format!("target `{path}`: {detail}"));
    let digest = StatementDigest::new(target.release().release);
    if view.withdrawal(digest).is_some() {
        return Ok(());
    }
    let entries = view
        .releases(digest)
        .map_err(|_| no("its release is unknown"))?;
    let newer = newest_released(view, &Line::of(&entries[0]), |_| true)
        .is_some_and(|newest| newest.release().seq > entries[0].seq);
    if newer {
        Ok(())
    } else {
        Err(no("no withdrawal and no newer release stands"))
    }
}

/// The metadata's signatures must come from a center and a supervisor of distinct legal owners.
///
/// TUF counts key ids, so two keys of one party meet its threshold; this counts owners.
///
/// A key counts at its publication, entry `index` included by `by` (POSIX seconds), as it would for a
/// statement: not revoked below, and not after its last day.
fn check_signers(
    view: Settled<'_>,
    file: &Signed<Targets>,
    (index, by): (u64, u64),
) -> Result<(), Refusal> {
    let constitution = view.constitution_at(index)?;
    let ended = |key: &PartyKey| {
        let id = key.raw().map(|raw| KeyId::of(&raw)).ok();
        let revoked = id.and_then(|id| view.state().revoked.get(&id));
        key.not_after < by || revoked.is_some_and(|at| *at < index)
    };
    let malformed = |error: tuf::TufError| Refusal::new(Code::MetadataMalformed, chain(&error));
    let bytes = tuf::signing_bytes(file.signed()).map_err(malformed)?;
    let mut owners: [Vec<&str>; 2] = [Vec::new(), Vec::new()];
    let keys = constitution
        .keys()
        .filter(|(_, key)| key.role == Role::Tuf && !ended(key));
    for (party, key) in keys {
        let Some(key) = key
            .raw()
            .ok()
            .and_then(|raw| tuf::Key::from_raw(raw.try_into().ok()?).ok())
        else {
            continue;
        };
        let signed = file.signatures().iter().any(|signature| {
            *signature.key_id() == key.id() && key.verifies(&bytes, signature.bytes())
        });
        if !signed {
            continue;
        }
        for (owners, role) in owners.iter_mut().zip([Role::Center, Role::Supervisor]) {
            let entitled = role != Role::Supervisor || !is_vendor(constitution, party);
            if entitled && party.keys.iter().any(|key| key.role == role) {
                owners.push(&party.legal_owner);
            }
        }
    }
    let [centers, supervisors] = &owners;
    if centers
        .iter()
        .any(|center| supervisors.iter().any(|supervisor| supervisor != center))
    {
        return Ok(());
    }
    let detail = format!("center keys of {centers:?}, supervisor keys of {supervisors:?}");
    Err(Refusal::new(Code::MetadataQuorum, detail))
}

/// Metadata as served, with the proof that it was published.
#[derive(Debug, Clone)]
pub struct PublishedMetadata {
    role: String,
    version: u64,
    listed: BTreeMap<TargetPath, TargetFile>,
}

impl PublishedMetadata {
    /// Checks that `file` is what the log says was published.
    ///
    /// # Errors
    /// [`Code::PublicationMissing`], [`Code::MetadataQuorum`] or [`Code::MetadataMalformed`].
    pub fn check(view: Settled<'_>, role: &str, file: &[u8]) -> Result<Self, Refusal> {
        let parsed = parse(file)?;
        let malformed = |error: tuf::TufError| Refusal::new(Code::MetadataMalformed, chain(&error));
        check_shape(role, parsed.signed()).map_err(malformed)?;
        let version = parsed.signed().version();
        let digest = FileDigest::of(file);
        let newest = view.newest_publication(role)?;
        match newest {
            Some(published) if published.version == version && published.metadata == digest => {
                let index = published.standing().index();
                let by = view.state().included_by(index).unwrap_or(u64::MAX);
                check_signers(view, &parsed, (index, by))?;
                Ok(Self {
                    role: role.to_owned(),
                    version,
                    listed: parsed.signed().targets().clone(),
                })
            }
            _ => {
                let detail = format!("`{role}` version {version}, digest {}", digest.short());
                Err(view.why_missing(
                    "publication",
                    |_, _| true,
                    Refusal::new(Code::PublicationMissing, detail),
                ))
            }
        }
    }

    /// Role.
    pub fn role(&self) -> &str {
        &self.role
    }
    /// Version.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The release must be listed here, under its own path and with all that it says.
    pub(crate) fn check_lists(&self, release: &Included<Release>) -> Result<(), Refusal> {
        let path = target_path(release);
        let listed = self.listed.iter().any(|(at, target)| {
            at.to_string() == path && *target == target_of(at, release, release.digest())
        });
        if listed && self.role == release.kind.tuf_role() {
            return Ok(());
        }
        Err(Refusal::new(
            Code::InstallTarget,
            format!("`{path}` in `{}` version {}", self.role, self.version),
        ))
    }
}

/// A TUF root that the constitution in force names. A TUF client sees no other.
#[derive(Debug, Clone)]
pub struct TrustedRoot {
    file: Vec<u8>,
}

impl TrustedRoot {
    /// Checks a root file against the constitution in force.
    ///
    /// # Errors
    /// [`Code::TufRoot`] when the constitution names another digest.
    pub fn check(view: Settled<'_>, file: &[u8]) -> Result<Self, Refusal> {
        let constitution = view.constitution()?;
        let digest = FileDigest::of(file);
        if constitution.tuf_root == digest {
            return Ok(Self {
                file: file.to_vec(),
            });
        }
        let detail = format!(
            "root {}; constitution {} names {}",
            digest.short(),
            constitution.version,
            constitution.tuf_root.short()
        );
        Err(Refusal::new(Code::TufRoot, detail))
    }

    /// The file.
    pub fn file(&self) -> &[u8] {
        &self.file
    }
}
