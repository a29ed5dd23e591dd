//! Second looks at a sample: each with the grant that allowed it, the sample's place among those that the grant covers, and what
//! machines made of it. Verified before it is kept, and again whenever it is shown.

use law::Included;
use serde::{Deserialize, Serialize};
use statement::{FileDigest, Reanalyses, ReanalysisGrant, ReanalysisRecord, StatementDigest};

use super::{
    error::SharingError,
    evidence::{Archive, Evidence},
    proven::{Judged, LoggedText, Stands, same, stands},
    queue::{Sample, SampleRecord},
};
use crate::limits::{AGAIN_BYTES_MAX, AGAIN_MAX};

const FILE: &str = "again.json";

/// What the center tells of one second look.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgainText {
    grant: StatementDigest,
    #[serde(rename = "state")]
    _state: String,
    granted: LoggedText,
    place: Option<Place>,
    verdict: Option<LoggedText>,
}

/// Where the sample stands in the tree of the grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    index: u64,
    path: Vec<FileDigest>,
}

/// What is kept of it, with the bundle whose constitution chain judges it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptAgain {
    chain: FileDigest,
    grant: StatementDigest,
    granted: LoggedText,
    place: Place,
    verdict: LoggedText,
    /// The releases that machines judged by, signature by signature.
    tools: Vec<LoggedText>,
}

/// What machines made of a sample, and by whose leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LookedAgain {
    /// The grant.
    pub(super) grant: StatementDigest,
    /// The party that signed it.
    pub(super) granted_by: String,
    pub(super) judged: Judged,
}

impl KeptAgain {
    /// What is there to keep: nothing while it goes on.
    pub(super) fn of(chain: &Evidence, told: AgainText, tools: &[LoggedText]) -> Option<Self> {
        Some(Self {
            chain: chain.digest,
            grant: told.grant,
            granted: told.granted,
            place: told.place?,
            verdict: told.verdict?,
            tools: tools.to_vec(),
        })
    }

    /// The whole thread: the grant and the batch stand in the log, the grant covers this sample, the record is of both.
    ///
    /// That the grant kept its bounds takes the whole log: openers and the audit have it.
    pub(super) fn check(
        &self,
        archive: &Archive<'_>,
        sample: &SampleRecord,
    ) -> Result<Stands<LookedAgain>, SharingError> {
        let chain = archive.by_digest(self.chain)?;
        let shown = [&self.granted, &self.verdict]
            .into_iter()
            .chain(&self.tools);
        let logged: Vec<_> = shown.map(LoggedText::read).collect::<Result<_, _>>()?;
        let open = chain.bundle.open_with(archive.config.anchor, &logged)?;
        let grant: Included<ReanalysisGrant> = open.view().reanalysis_grant(self.grant)?;
        same("home", &grant.home, &sample.home)?;
        let path: Vec<_> = self.place.path.iter().map(|hash| *hash.hash()).collect();
        let placed = grant.check_place(&sample.seal, self.place.index, &path);
        placed.map_err(|error| SharingError::Answer {
            what: "a second look",
            wrong: format!(
                "the grant {} does not cover the sample: {error}",
                self.grant
            ),
        })?;
        let proven = self.verdict.proven::<ReanalysisRecord>()?;
        let batch: Included<Reanalyses> = open.view().reanalyses(proven.batch())?;
        let record = proven.check(batch.digest(), &batch)?;
        same("grant", record.grant, self.grant)?;
        let verdict = &record.verdict;
        same("sample", &verdict.sample, &sample.sample)?;
        same("seal", verdict.seal, sample.seal)?;
        same("home", &verdict.home, &sample.home)?;
        for (field, used, named) in [
            ("worker", verdict.worker, grant.worker),
            ("rules", verdict.rules, grant.rules),
            ("scoring", verdict.scoring, grant.scoring),
        ] {
            same(field, used, named)?;
        }
        let said = LookedAgain {
            grant: self.grant,
            granted_by: grant.standing().party().to_string(),
            judged: Judged::by(open.view(), verdict.clone())?,
        };
        Ok(stands(open.view(), &batch, said))
    }
}

/// Those that are kept.
pub(super) fn kept(sample: &Sample<'_>) -> Result<Vec<KeptAgain>, SharingError> {
    Ok(sample.read(FILE, AGAIN_BYTES_MAX)?.unwrap_or_default())
}

/// Which of those that the center tells are new here.
pub(super) fn unknown(
    sample: &Sample<'_>,
    told: Vec<AgainText>,
) -> Result<Vec<AgainText>, SharingError> {
    let known = kept(sample)?;
    let is_new = |told: &AgainText| {
        told.verdict.is_some() && known.iter().all(|known| known.grant != told.grant)
    };
    Ok(told.into_iter().filter(is_new).collect())
}

/// Verifies and keeps one more.
pub(super) fn keep(
    archive: &Archive<'_>,
    sample: &Sample<'_>,
    again: KeptAgain,
) -> Result<(), SharingError> {
    again.check(archive, &sample.record)?;
    let mut all = kept(sample)?;
    if all.len() < AGAIN_MAX {
        all.push(again);
    }
    sample.replace(FILE, &all)
}
