//! Every file ever shared: where it is, what became of it, who touched it; each claim with its proof, judged again now.

use law::Included;
use residency::Decision;
use serde::Serialize;
use statement::{
    CountryCode, FileDigest, Outcome, RegionName, Release, SampleId, SealDigest, StatementDigest,
};
use store::Files;

use super::{
    again,
    answers::Claims,
    config::Config,
    consent::Consents,
    error::SharingError,
    evidence::Archive,
    proven::{Judged, Kept, Kind, Stands},
    queue::{Queue, Sample, SharedMember},
    send::told,
};
use crate::limits::ANSWER_BYTES_MAX;

/// Something that a center said about a sample, judged now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "proof", rename_all = "lowercase")]
pub enum Proof<T> {
    /// Nothing was shown yet.
    None,
    /// It stands in a witnessed log and is about this very sample.
    Verified {
        /// What is said.
        said: T,
        /// The log.
        log: String,
        /// The entry.
        entry: u64,
        /// By when it stood there, POSIX seconds.
        by: u64,
        /// Digest of the statement.
        statement: StatementDigest,
    },
    /// What is kept does not hold.
    Refused {
        /// Code and reason.
        why: String,
    },
}

/// When and where a sample was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptSaid {
    /// The home that has it.
    pub home: CountryCode,
    /// POSIX seconds by the clock of the intake: a claim.
    pub received: u64,
}

/// What machines made of it, by which releases and rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictSaid {
    /// The outcome.
    pub outcome: Outcome,
    /// Points.
    pub score: u64,
    /// Rules and traits that counted.
    pub reasons: Vec<String>,
    /// What is named as the worker: a release, or only a digest.
    pub worker: ToolSaid,
    /// Release of the rule database.
    pub rules: ToolSaid,
    /// Release of the scoring table.
    pub scoring: ToolSaid,
    /// POSIX seconds by the clock of the worker: a claim.
    pub finished: u64,
}

/// What machines judged with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolSaid {
    /// What the verdict names.
    pub release: StatementDigest,
    /// Product and version, as center and supervisor signed them; none of a worker that no release carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

/// Why and when it was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErasureSaid {
    /// Whose wish, or whose time.
    pub cause: statement::ErasureCause,
    /// POSIX seconds by the clock of the cell: a claim.
    pub erased_at: u64,
}

/// A try of a machine, as the center claims it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TouchSaid {
    /// Release of the worker.
    pub worker: StatementDigest,
    /// Release of the rule database.
    pub rules: StatementDigest,
    /// When it began, POSIX seconds.
    pub started: u64,
    /// How it ended; none while it goes on.
    pub end: Option<String>,
}

/// One file that was shared, or waits to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedSample {
    /// The file, as its owner named it.
    pub label: String,
    /// SHA-256 of what was shared of it.
    pub file: FileDigest,
    /// Which part of it was shared; none when it was all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<SharedMember>,
    /// The only name that others know.
    pub sample: SampleId,
    /// Name of the sealed sample.
    pub seal: SealDigest,
    /// The record of the consent it was shared under.
    pub consent: u64,
    /// POSIX seconds.
    pub shared_at: u64,
    /// Region that the sample names.
    pub region: RegionName,
    /// Where it was sealed to: the decision, made again now from what was logged.
    pub home: Proof<Decided>,
    /// `queued`, `declined`, `sent`, `received`, `analysed`, `erasing` or `erased`.
    pub state: &'static str,
    /// By which code the center declined it.
    pub declined: Option<String>,
    /// One in how many the center takes, if it samples and did not take this one.
    pub one_in: Option<u64>,
    /// Receipt.
    pub receipt: Proof<ReceiptSaid>,
    /// Verdict.
    pub verdict: Proof<VerdictSaid>,
    /// That machines could not tell, so that people may be asked for.
    pub anomaly: Proof<Vec<String>>,
    /// Erasure.
    pub erasure: Proof<ErasureSaid>,
    /// When its owner demanded the erasure, POSIX seconds.
    pub demanded_at: Option<u64>,
    /// Machines that touched it, by the center's claim.
    pub touched: Vec<TouchSaid>,
    /// What machines made of it when they looked again, each under a grant of the supervisor.
    pub again: Vec<Proof<AgainSaid>>,
}

/// A second look at a sample at rest. The first verdict stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgainSaid {
    /// The grant.
    pub grant: StatementDigest,
    /// The party that signed it.
    pub granted_by: String,
    /// What machines made of it.
    pub verdict: VerdictSaid,
}

/// The decision that a sample was sealed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// The home.
    pub home: CountryCode,
    /// The rule.
    pub rule: String,
    /// Version of the policy.
    pub version: u64,
}

/// Everything that was ever shared from here. `Display` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedReport {
    /// One for each file.
    pub samples: Vec<SharedSample>,
    /// What none of this proves.
    pub does_not_prove: Vec<&'static str>,
}

const LIMITS: [&str; 4] = [
    "that no copy was made by a process that saw a file for good reason",
    "that no other machine touched it; the log holds at most one verdict, and one under each grant",
    "that these very rules ran there; the cell cannot name any that were not released",
    "that people did not ask for it: this version shows no request of theirs",
];

/// Lists everything that was shared, with every proof judged now, without network.
///
/// # Errors
/// The directory is damaged. A proof that does not hold is in the report.
pub fn shared(config: &Config) -> Result<SharedReport, SharingError> {
    config.check()?;
    let files = Files::open(&config.dir)?;
    let archive = Archive {
        config,
        files: &files,
    };
    let samples = Queue::new(&files).samples()?;
    let listed = samples
        .iter()
        .map(|sample| listed(&archive, config, sample));
    Ok(SharedReport {
        samples: listed.collect::<Result<_, _>>()?,
        does_not_prove: LIMITS.to_vec(),
    })
}

fn listed(
    archive: &Archive<'_>,
    config: &Config,
    sample: &Sample<'_>,
) -> Result<SharedSample, SharingError> {
    let record = &sample.record;
    let demand = sample.demand()?;
    let digest = demand.as_ref().map(|demand| demand.digest);
    let receipt = proof(sample, Kind::Receipt, |kept| kept.receipt(archive, record))?;
    let verdict = proof(sample, Kind::Verdict, |kept| kept.verdict(archive, record))?;
    let anomaly = proof(sample, Kind::Anomaly, |kept| kept.anomaly(archive, record))?;
    let erasure = proof(sample, Kind::Erasure, |kept| {
        kept.erasure(archive, record, digest)
    })?;
    let claims: Option<Claims> = sample.read("claims.json", ANSWER_BYTES_MAX as u64)?;
    let declined = sample.declined()?;
    let withdrawn = !Consents::open(config)?.state()?.in_force;
    let state = match () {
        () if matches!(erasure, Proof::Verified { .. }) => "erased",
        () if demand.is_some() => "erasing",
        () if declined.is_some() => "declined",
        () if matches!(verdict, Proof::Verified { .. }) => "analysed",
        () if matches!(receipt, Proof::Verified { .. }) => "received",
        () if sample.completed()?.is_some() => "sent",
        () if withdrawn => "withdrawn",
        () => "queued",
    };
    Ok(SharedSample {
        label: record.label.clone(),
        file: record.file,
        member: record.member.clone(),
        sample: record.sample.clone(),
        seal: record.seal,
        consent: record.consent,
        shared_at: record.queued_at,
        region: record.region.clone(),
        home: decided_again(archive, config, sample),
        state,
        one_in: declined.as_ref().and_then(|declined| declined.one_in),
        declined: declined.map(|declined| declined.code),
        receipt: map(receipt, |record| ReceiptSaid {
            home: record.home,
            received: record.received,
        }),
        verdict: map(verdict, verdict_said),
        anomaly: map(anomaly, |said| {
            said.reasons.iter().map(ToString::to_string).collect()
        }),
        erasure: map(erasure, |said| ErasureSaid {
            cause: said.cause,
            erased_at: said.erased_at,
        }),
        demanded_at: demand.map(|demand| demand.at),
        touched: touches(claims),
        again: looked_again(archive, sample)?,
    })
}

fn looked_again(
    archive: &Archive<'_>,
    sample: &Sample<'_>,
) -> Result<Vec<Proof<AgainSaid>>, SharingError> {
    let kept = again::kept(sample)?;
    let judged = kept.iter().map(|kept| {
        let proof = match kept.check(archive, &sample.record) {
            Ok(stands) => verified(stands),
            Err(error) => Proof::Refused { why: told(&error) },
        };
        map(proof, |looked| AgainSaid {
            grant: looked.grant,
            granted_by: looked.granted_by,
            verdict: verdict_said(looked.judged),
        })
    });
    Ok(judged.collect())
}

fn tool_said(release: StatementDigest, shown: Option<&Included<Release>>) -> ToolSaid {
    ToolSaid {
        release,
        product: shown.map(|shown| format!("{} {}", shown.product, shown.version)),
    }
}

fn verdict_said(judged: Judged) -> VerdictSaid {
    let Judged { record, tools } = judged;
    VerdictSaid {
        outcome: record.outcome,
        score: record.score,
        reasons: record.reasons.iter().map(ToString::to_string).collect(),
        worker: tool_said(record.worker, tools.worker()),
        rules: tool_said(record.rules, Some(tools.rules())),
        scoring: tool_said(record.scoring, Some(tools.scoring())),
        finished: record.finished,
    }
}

fn touches(claims: Option<Claims>) -> Vec<TouchSaid> {
    let touched = claims.map(|claims| claims.touched).unwrap_or_default();
    let touched = touched.into_iter().map(|touched| TouchSaid {
        worker: touched.worker,
        rules: touched.rules,
        started: touched.started,
        end: touched.end,
    });
    touched.collect()
}

fn proof<T>(
    sample: &Sample<'_>,
    kind: Kind,
    check: impl FnOnce(&Kept) -> Result<Stands<T>, SharingError>,
) -> Result<Proof<T>, SharingError> {
    let kept: Option<Kept> = match sample.read(kind.file(), 2 * ANSWER_BYTES_MAX as u64) {
        Err(error @ SharingError::Damaged { .. }) => {
            return Ok(Proof::Refused { why: told(&error) });
        }
        other => other?,
    };
    let Some(kept) = kept else {
        return Ok(Proof::None);
    };
    Ok(match check(&kept) {
        Ok(stands) => verified(stands),
        Err(error) => Proof::Refused { why: told(&error) },
    })
}

fn verified<T>(stands: Stands<T>) -> Proof<T> {
    Proof::Verified {
        said: stands.said,
        log: stands.log,
        entry: stands.entry,
        by: stands.by,
        statement: stands.statement,
    }
}

fn map<T, U>(proof: Proof<T>, to: impl FnOnce(T) -> U) -> Proof<U> {
    match proof {
        Proof::None => Proof::None,
        Proof::Refused { why } => Proof::Refused { why },
        Proof::Verified {
            said,
            log,
            entry,
            by,
            statement,
        } => Proof::Verified {
            said: to(said),
            log,
            entry,
            by,
            statement,
        },
    }
}

/// The decision for every country of the sample's region, made again from what was logged: the country itself is nowhere in the record.
fn decided_again(archive: &Archive<'_>, config: &Config, sample: &Sample<'_>) -> Proof<Decided> {
    match try_again(archive, config, sample) {
        Ok(proof) => proof,
        Err(error) => Proof::Refused { why: told(&error) },
    }
}

fn try_again(
    archive: &Archive<'_>,
    config: &Config,
    sample: &Sample<'_>,
) -> Result<Proof<Decided>, SharingError> {
    let record = &sample.record;
    let evidence = archive.by_digest(record.proof)?;
    let policy = evidence.residence.policy();
    let residency = archive.residency(&evidence)?;
    let records = Consents::open(config)?.state()?.records;
    let consent = records.iter().find(|consent| consent.seq == record.consent);
    let decision: Option<&Decision> =
        consent.and_then(|consent| residency.decide(&consent.country).ok());
    let agrees = decision.is_some_and(|decision| record.agrees_with(decision));
    if !agrees || policy.digest() != record.policy {
        return Ok(Proof::Refused {
            why: format!(
                "home.other_decision: the policy {} does not send it to {}",
                policy.digest(),
                record.home
            ),
        });
    }
    let standing = policy.standing();
    Ok(Proof::Verified {
        said: Decided {
            home: record.home.clone(),
            rule: record.rule.clone(),
            version: policy.version,
        },
        log: evidence.open.checkpoint().origin().to_string(),
        entry: standing.index(),
        by: evidence.open.view().included_by(standing).unwrap_or(0),
        statement: policy.digest(),
    })
}
