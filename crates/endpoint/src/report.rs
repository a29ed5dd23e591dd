//! What was verified about one file, who vouches for which part, and what that does not prove.
//!
//! Kinds of evidence are kept apart and never added up to one mark.

use law::{Included, OpenBundle, ReleasedFile, Settled, Standing};
use serde::Serialize;
use statement::{FileDigest, Kind, SourceOrigin, StatementDigest, Verdict};

use crate::limits::{AMBER_SECONDS_MAX, FRESH_SECONDS_MAX};

/// Somebody who signed, as the constitution names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// Id of the party.
    pub party: String,
    /// Who owns it.
    pub legal_owner: String,
    /// Where it is (ISO 3166-1 alpha-2); none when it left the roster since.
    pub jurisdiction: Option<String>,
    /// Position of its entry in the log.
    pub entry: u64,
}

/// The file that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Name as given; proves nothing.
    pub name: String,
    /// SHA-256.
    pub sha256: FileDigest,
    /// Length.
    pub bytes: u64,
    /// What the file was made of, if a platform signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedReport>,
}

/// A platform's signature, attached to the artifact again. Whether the platform takes it is its own question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedReport {
    /// SHA-256 of the artifact as it was built and rebuilt.
    pub artifact: FileDigest,
    /// SHA-256 of the signature.
    pub signature: FileDigest,
}

/// The release that names the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseReport {
    /// Digest of the statement.
    pub digest: StatementDigest,
    /// Product.
    pub product: String,
    /// Version for people.
    pub version: String,
    /// Channel.
    pub channel: String,
    /// Platform.
    pub platform: String,
    /// Number in its series.
    pub seq: u64,
    /// Program or rules.
    pub kind: Kind,
    /// The center's signature.
    pub center: Signer,
    /// The supervisor's signature over the same payload.
    pub supervisor: Signer,
}

/// The source it was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// The build: digest of the source statement.
    pub build: StatementDigest,
    /// Digest of the source archive.
    pub archive: FileDigest,
    /// Who wrote it, as the author key says.
    pub authors: Vec<String>,
    /// Where, as the author key says.
    pub authored_in: String,
    /// Git commit, if it came from one.
    pub commit: Option<String>,
    /// Whose author key signed.
    pub signed: Signer,
}

/// The first build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvenanceReport {
    /// Digest of the statement.
    pub digest: StatementDigest,
    /// URI of the builder.
    pub builder: String,
    /// Who built.
    pub signed: Signer,
}

/// One rebuild that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuildReport {
    /// Who rebuilt.
    pub signed: Signer,
    /// How it compares; only `identical` counts.
    pub verdict: Verdict,
    /// Inputs that this party could only get from the center.
    pub taken_from_center: Vec<String>,
}

/// One witness of the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WitnessReport {
    /// Name of its key.
    pub name: String,
    /// When it saw the log, by its clock, in POSIX seconds.
    pub time: u64,
}

/// The log and the checkpoint that everything is included in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogReport {
    /// Origin.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Median of the witnesses' times in POSIX seconds.
    pub checkpoint_time: u64,
    /// The witnesses through which the quorum was met.
    pub witnesses: Vec<WitnessReport>,
}

/// The constitution it was judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConstitutionReport {
    /// Version.
    pub version: u64,
    /// The anchor it was reached from.
    pub anchor: StatementDigest,
    /// The newest known at this time (POSIX seconds); a bundle cannot show that none came later.
    pub newest_known_at: u64,
}

/// What is known about withdrawals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "given", rename_all = "lowercase")]
pub enum WithdrawalsReport {
    /// Nobody gave any.
    None,
    /// Some were given; none withdraws this release.
    Some {
        /// How many.
        count: usize,
        /// Newest witnessed time among them in POSIX seconds; none when the list is empty.
        known_to: Option<u64>,
    },
}

/// Evidence turns amber and red by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// At most a day.
    Fresh,
    /// At most 14 days.
    Amber,
    /// Older.
    Red,
}

impl Freshness {
    /// The freshness of evidence of this age in seconds.
    pub const fn of(age_seconds: u64) -> Self {
        match age_seconds {
            0..=FRESH_SECONDS_MAX => Self::Fresh,
            age if age <= AMBER_SECONDS_MAX => Self::Amber,
            _ => Self::Red,
        }
    }
}

/// How old the newest evidence is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgeReport {
    /// Seconds since witnesses saw it.
    pub age_seconds: u64,
    /// What that means.
    pub freshness: Freshness,
}

/// The same evidence by kind. A weaker kind is never shown as a stronger one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindsReport {
    /// Computed by independent parties with the same bytes as result.
    pub identical: Vec<String>,
    /// Signed by somebody who says they checked.
    pub attested: Vec<String>,
    /// Said by somebody; checked by nobody.
    pub promised: Vec<String>,
}

/// Everything that was verified about one file. `Display` is for people, within 80 columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file.
    pub file: FileReport,
    /// The release that names it.
    pub release: ReleaseReport,
    /// Its source.
    pub source: SourceReport,
    /// Its first build.
    pub provenance: ProvenanceReport,
    /// Its rebuilds, one per legal owner.
    pub rebuilds: Vec<RebuildReport>,
    /// The supervisor's approval.
    pub approval: Signer,
    /// The log.
    pub log: LogReport,
    /// The constitution.
    pub constitution: ConstitutionReport,
    /// Withdrawals.
    pub withdrawals: WithdrawalsReport,
    /// Age of the evidence.
    pub evidence: AgeReport,
    /// The evidence by kind.
    pub kinds: KindsReport,
    /// What none of this proves.
    pub does_not_prove: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        name: &str,
        anchor: StatementDigest,
        bundle: &OpenBundle,
        file: &ReleasedFile,
        withdrawals: Option<&[OpenBundle]>,
        now: u64,
    ) -> Self {
        let view = bundle.view();
        let evidence = file.evidence();
        let released = file.quorum().release();
        let rebuilds = evidence.rebuilds().iter().map(|rebuild| RebuildReport {
            signed: signer(view, rebuild.standing()),
            verdict: rebuild.verdict,
            taken_from_center: rebuild.taken_from_center.clone(),
        });
        let witnessed = bundle.checkpoint().median_time();
        let known_to = newest(withdrawals.unwrap_or_default());
        let newest_known_at = witnessed.max(known_to.unwrap_or_default());
        let age_seconds = now.saturating_sub(newest_known_at);
        let mut report = Self {
            file: FileReport {
                name: name.to_owned(),
                sha256: released.shipped().0,
                bytes: released.shipped().1,
                signed: released.signed.map(|signed| SignedReport {
                    artifact: released.artifact,
                    signature: signed.signature,
                }),
            },
            release: release(view, file),
            source: source(view, file),
            provenance: ProvenanceReport {
                digest: evidence.provenance().digest(),
                builder: evidence.provenance().run_details.builder.id.clone(),
                signed: signer(view, evidence.provenance().standing()),
            },
            rebuilds: rebuilds.collect(),
            approval: signer(view, file.approval().standing()),
            log: log(bundle),
            constitution: ConstitutionReport {
                version: view.constitution().map_or(0, |found| found.version),
                anchor,
                newest_known_at,
            },
            withdrawals: withdrawals.map_or(WithdrawalsReport::None, |given| {
                WithdrawalsReport::Some {
                    count: given.len(),
                    known_to,
                }
            }),
            evidence: AgeReport {
                age_seconds,
                freshness: Freshness::of(age_seconds),
            },
            kinds: KindsReport {
                identical: Vec::new(),
                attested: Vec::new(),
                promised: Vec::new(),
            },
            does_not_prove: Vec::new(),
        };
        report.kinds = report.sort_kinds();
        report.does_not_prove = report.list_limits();
        report
    }
}

fn newest(bundles: &[OpenBundle]) -> Option<u64> {
    let times = bundles
        .iter()
        .map(|bundle| bundle.checkpoint().median_time());
    times.max()
}

fn signer(view: Settled<'_>, standing: &Standing) -> Signer {
    Signer {
        party: standing.party().to_string(),
        legal_owner: standing.legal_owner().to_owned(),
        jurisdiction: view
            .party(standing.party())
            .map(|party| party.jurisdiction.clone()),
        entry: standing.index(),
    }
}

fn release(view: Settled<'_>, file: &ReleasedFile) -> ReleaseReport {
    let found: &Included<statement::Release> = file.quorum().release();
    ReleaseReport {
        digest: found.digest(),
        product: found.product.clone(),
        version: found.version.clone(),
        channel: found.channel.clone(),
        platform: found.platform.clone(),
        seq: found.seq,
        kind: found.kind,
        center: signer(view, file.quorum().center()),
        supervisor: signer(view, file.quorum().supervisor()),
    }
}

fn source(view: Settled<'_>, file: &ReleasedFile) -> SourceReport {
    let found = file.evidence().source();
    SourceReport {
        build: found.digest(),
        archive: found.archive,
        authors: found.authors.clone(),
        authored_in: found.authored_in.clone(),
        commit: match &found.imported_from {
            SourceOrigin::Git { commit, .. } => Some(commit.clone()),
            SourceOrigin::Directory => None,
        },
        signed: signer(view, found.standing()),
    }
}

fn log(bundle: &OpenBundle) -> LogReport {
    let checkpoint = bundle.checkpoint();
    let witnesses = checkpoint
        .cosigners()
        .iter()
        .map(|(name, time)| WitnessReport {
            name: name.to_string(),
            time: *time,
        });
    LogReport {
        origin: checkpoint.origin().to_string(),
        size: checkpoint.size(),
        checkpoint_time: checkpoint.median_time(),
        witnesses: witnesses.collect(),
    }
}
