//! The TUF repository against the log: what is served is what was published, every version of it by right.
//!
//! ```text
//! metadata/<n>.root.json        a chain that ends at the root that the constitution names
//! metadata/<n>.<role>.json      the file of each publication, with its signer's diff judged anew
//! metadata/timestamp.json       leads to the newest publication, and is fresh
//! targets/..., bundles/...      there, with the digests listed
//! withdrawals/index.json        hides none
//! ```

use std::collections::BTreeMap;

use serde::Serialize;
use statement::{FileDigest, StatementDigest};
use tuf::{Files, Root, Signed, Snapshot, TargetRole, Targets, Timestamp, metadata_file};

use crate::error::AuditError;
use crate::findings::{Findings, finding};
use crate::judge::{Gate, PublicationSeen, Severity};
use crate::limits::{
    FRESH_SECONDS, METADATA_BYTES_MAX, ROOT_VERSIONS_MAX, STALE_SECONDS,
    WITHDRAWALS_INDEX_BYTES_MAX,
};
use crate::opened::chain;
use crate::read::{Hashed, Place};
use crate::run_cross::hours;
use crate::run_log::LogAudit;

const KEEPER: &str = "ask the keeper of the repository; endpoints should use another mirror";

/// What was counted in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RepositoryCounts {
    /// Publications in the log.
    pub publications: u64,
    /// Of these, with their file here and the signer's diff judged anew.
    pub publications_judged: u64,
    /// Targets listed.
    pub targets: u64,
    /// Of these, there with the digest listed.
    pub targets_present: u64,
    /// Releases listed whose bundle is there. The bundle itself is not opened.
    pub bundles: u64,
    /// Withdrawals in the log.
    pub withdrawals: u64,
    /// Of these, listed beside the timestamp.
    pub withdrawals_listed: u64,
    /// POSIX seconds at which the timestamp expires.
    pub timestamp_expires: Option<u64>,
}

/// A repository under audit, beside the log in which it publishes.
pub(crate) struct RepositoryAudit<'a> {
    pub(crate) place: &'a Place,
    pub(crate) log: &'a mut LogAudit,
    pub(crate) now: u64,
    pub(crate) findings: &'a mut Findings,
}

impl RepositoryAudit<'_> {
    /// Checks everything.
    ///
    /// # Errors
    /// The place cannot be read.
    pub(crate) async fn check(mut self) -> Result<RepositoryCounts, AuditError> {
        let mut counts = RepositoryCounts::default();
        let root = self.check_root().await?;
        self.check_publications(&mut counts).await?;
        if let Some(root) = root {
            self.check_view(&root, &mut counts).await?;
        }
        self.check_withdrawals(&mut counts).await?;
        Ok(counts)
    }

    fn red(&mut self, code: &'static str, entry: Option<u64>, what: String) {
        let found = finding(code, Severity::Red, entry, None, what, KEEPER);
        let log = self.log.reader.origin.clone();
        self.findings.add(entry.map(|_| &log), found);
    }

    async fn metadata(&self, role: &str, version: u64) -> Result<Option<Vec<u8>>, AuditError> {
        let path = format!("metadata/{}", metadata_file(role, version));
        self.place.get(&path, METADATA_BYTES_MAX).await
    }

    /// Follows the roots; the last one must be the one that the constitution in force names.
    async fn check_root(&mut self) -> Result<Option<Root>, AuditError> {
        let mut trusted: Option<(Root, Vec<u8>)> = None;
        for version in 1..=ROOT_VERSIONS_MAX {
            let Some(bytes) = self.metadata("root", version).await? else {
                break;
            };
            let next = match &trusted {
                None => tuf::verify_first_root(&bytes).map(|(root, _)| root),
                Some((root, _)) => tuf::verify_next_root(root, &bytes),
            };
            match next {
                Ok(next) => trusted = Some((next.signed().clone(), bytes)),
                Err(error) => {
                    let what = format!(
                        "root {version} does not follow by its rules: {}",
                        chain(&error)
                    );
                    self.red("repository.root", None, what);
                    return Ok(None);
                }
            }
        }
        let Some((root, bytes)) = trusted else {
            self.red(
                "repository.root",
                None,
                "metadata/1.root.json is not served".to_owned(),
            );
            return Ok(None);
        };
        if let Err(refused) = self.log.gate(&Gate::TufRoot { file: &bytes }) {
            let what = format!("root {}: {}", root.version(), refused.detail);
            self.red(refused.code, None, what);
            return Ok(None);
        }
        Ok(Some(root))
    }

    /// Every publication of every role: the file, its signatures, and the signer's diff as of its entry. What
    /// the judge finds wrong is among its findings.
    async fn check_publications(
        &mut self,
        counts: &mut RepositoryCounts,
    ) -> Result<(), AuditError> {
        let mut by_role: BTreeMap<String, Vec<PublicationSeen>> = BTreeMap::new();
        for publication in self.log.judge.publications() {
            counts.publications += 1;
            // The role becomes part of a path, so it is one of three words.
            if !matches!(publication.role.as_str(), "targets" | "software" | "rules") {
                let what = format!("`{:.40}` is no role that is published", publication.role);
                self.red("publication.role", Some(publication.entry), what);
                continue;
            }
            let of_role = by_role.entry(publication.role.clone()).or_default();
            of_role.push(publication);
        }
        for publications in by_role.values_mut() {
            publications.sort_by_key(|publication| (publication.version, publication.entry));
            let mut previous: Option<Vec<u8>> = None;
            for publication in publications {
                let file = self.published_file(publication).await?;
                let comparable = previous.is_some() || publication.version == 1;
                // Without the file before it there is nothing to compare with; that is a finding already.
                if let Some(file) = file.as_ref().filter(|_| comparable) {
                    let before = previous.as_deref();
                    let judge = &mut self.log.judge;
                    let judged = judge.judge_publication(publication.entry, before, file);
                    counts.publications_judged += u64::from(judged.is_ok());
                }
                previous = file;
            }
        }
        Ok(())
    }

    async fn published_file(
        &mut self,
        publication: &PublicationSeen,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let PublicationSeen { role, version, .. } = publication;
        let file = self.metadata(role, *version).await?;
        let what = match file {
            Some(file) if FileDigest::of(&file) == publication.metadata => return Ok(Some(file)),
            Some(_) => format!("version {version} of `{role}` is not the file that was published"),
            None => format!("version {version} of `{role}` was published and is not served"),
        };
        self.red("publication.missing", Some(publication.entry), what);
        Ok(None)
    }

    /// What clients are shown now.
    async fn check_view(
        &mut self,
        root: &Root,
        counts: &mut RepositoryCounts,
    ) -> Result<(), AuditError> {
        let Some(timestamp) = self
            .place
            .get("metadata/timestamp.json", METADATA_BYTES_MAX)
            .await?
        else {
            let what = "metadata/timestamp.json is not served".to_owned();
            self.red("repository.timestamp", None, what);
            return Ok(());
        };
        let Ok(parsed) = Signed::<Timestamp>::parse(&timestamp) else {
            let what = "metadata/timestamp.json is not well formed".to_owned();
            self.red("repository.timestamp", None, what);
            return Ok(());
        };
        self.check_age(parsed.signed().expires().posix(), counts);
        let version = parsed.signed().snapshot().version();
        let Some(snapshot) = self.metadata("snapshot", version).await? else {
            let what = format!("snapshot {version}, which the timestamp names, is not served");
            self.red("repository.snapshot", None, what);
            return Ok(());
        };
        for role in TargetRole::ALL {
            self.check_role(root, role, (&timestamp, &snapshot), counts)
                .await?;
        }
        Ok(())
    }

    async fn check_role(
        &mut self,
        root: &Root,
        role: TargetRole,
        (timestamp, snapshot): (&[u8], &[u8]),
        counts: &mut RepositoryCounts,
    ) -> Result<(), AuditError> {
        let named = Signed::<Snapshot>::parse(snapshot).ok().and_then(|file| {
            let version = |role: &str| file.signed().role(role).ok().map(|meta| meta.version());
            Some((version("targets")?, version(role.as_str())?))
        });
        let Some((top, own)) = named else {
            let what = format!("the snapshot does not name `targets` and `{role}`");
            self.red("repository.snapshot", None, what);
            return Ok(());
        };
        let (targets, delegated) = (
            self.metadata("targets", top).await?,
            self.metadata(role.as_str(), own).await?,
        );
        let (Some(targets), Some(delegated)) = (targets, delegated) else {
            let what =
                format!("`targets` {top} or `{role}` {own}, named by the snapshot, is not served");
            self.red("repository.snapshot", None, what);
            return Ok(());
        };
        let files = Files {
            timestamp,
            snapshot,
            targets: &targets,
            delegated: &delegated,
        };
        // At time 0 nothing has expired: age is a finding of its own.
        let view = match tuf::verify_view(root, role, files, 0) {
            Ok(view) => view,
            Err(error) => {
                let what = format!("`{role}` as served does not verify: {}", chain(&error));
                self.red("repository.view", None, what);
                return Ok(());
            }
        };
        for (role, version, file) in [("targets", top, &targets), (role.as_str(), own, &delegated)]
        {
            self.check_newest(role, version, file);
        }
        self.check_targets(view.delegated(), counts).await
    }

    /// The version served is the newest one published.
    fn check_newest(&mut self, role: &str, version: u64, file: &[u8]) {
        let gate = Gate::Published { role, file };
        if let Err(refused) = self.log.gate(&gate) {
            let newest = self.log.judge.publications().into_iter();
            let newest = newest.filter(|p| p.role == role).map(|p| p.version).max();
            let behind = newest.is_some_and(|newest| newest > version);
            let what = format!("`{role}` {version} is served: {}", refused.detail);
            // A keeper that publishes this very moment is one version behind.
            let severity = if behind {
                Severity::Amber
            } else {
                Severity::Red
            };
            let found = finding(refused.code, severity, None, None, what, KEEPER);
            self.findings.add(None, found);
        }
    }

    async fn check_targets(
        &mut self,
        targets: &Targets,
        counts: &mut RepositoryCounts,
    ) -> Result<(), AuditError> {
        for (path, target) in targets.targets() {
            counts.targets += 1;
            let file = path.repository_file(target.sha256());
            let expected = Hashed::Whole {
                digest: FileDigest::new(*target.sha256()),
                bytes: target.length(),
            };
            match self.place.hash(&file, target.length()).await? {
                found if found == expected => counts.targets_present += 1,
                Hashed::TooLarge => {
                    let what = format!("{path} is too large to fetch; audit a directory instead");
                    let found = finding(
                        "target.unchecked",
                        Severity::Amber,
                        None,
                        None,
                        what,
                        KEEPER,
                    );
                    self.findings.add(None, found);
                }
                Hashed::Missing => {
                    self.red(
                        "target.missing",
                        None,
                        format!("{path} is listed and not served"),
                    );
                }
                Hashed::Whole { .. } | Hashed::Longer => {
                    self.red(
                        "target.digest",
                        None,
                        format!("{path} has other bytes than listed"),
                    );
                }
            }
            let release = StatementDigest::new(target.release().release);
            let bundle = format!("bundles/{release}.bundle");
            if self.place.hash(&bundle, METADATA_BYTES_MAX as u64).await? == Hashed::Missing {
                let what = format!("the bundle of release {} is not served", release.short());
                self.red("bundle.missing", None, what);
            } else {
                counts.bundles += 1;
            }
        }
        Ok(())
    }

    fn check_age(&mut self, expires: u64, counts: &mut RepositoryCounts) {
        counts.timestamp_expires = Some(expires);
        let Some(late) = self.now.checked_sub(expires).filter(|late| *late > 0) else {
            return;
        };
        // A timestamp lives a day; with the 14 that a policy may allow beyond.
        let severity = if late > STALE_SECONDS - FRESH_SECONDS {
            Severity::Red
        } else {
            Severity::Amber
        };
        let what = format!(
            "the timestamp expired {} ago: nothing newer is shown",
            hours(late)
        );
        let remedy = "updates may be withheld: compare with another mirror";
        let found = finding("freshness.timestamp", severity, None, None, what, remedy);
        self.findings.add(None, found);
    }

    async fn check_withdrawals(&mut self, counts: &mut RepositoryCounts) -> Result<(), AuditError> {
        let path = "withdrawals/index.json";
        let index = self.place.get(path, WITHDRAWALS_INDEX_BYTES_MAX).await?;
        let listed =
            index.and_then(|bytes| serde_json::from_slice::<Vec<StatementDigest>>(&bytes).ok());
        let Some(listed) = listed else {
            let what = format!("{path} is not a list of digests: withdrawals cannot be seen");
            self.red("withdrawal.hidden", None, what);
            return Ok(());
        };
        for (entry, digest) in self.log.facts.withdrawals.clone() {
            counts.withdrawals += 1;
            let bundle = format!("withdrawals/{digest}.bundle");
            let served =
                self.place.hash(&bundle, METADATA_BYTES_MAX as u64).await? != Hashed::Missing;
            if served && listed.contains(&digest) {
                counts.withdrawals_listed += 1;
            } else {
                let what = format!("withdrawal {} is not shown to endpoints", digest.short());
                self.red("withdrawal.hidden", Some(entry), what);
            }
        }
        Ok(())
    }
}
