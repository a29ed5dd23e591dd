//! What is done with one leased sample: the parent opens the wrap and checks the wraps at rest, a child looks at the
//! content, the parent reads its report and trusts nothing in it.

use std::sync::Arc;

use law::ReleasedTools;
use scan::Reason as Known;
use seal::{ContentKey, EpochKey, EpochKeys, Front, Opened, SealError, Side};
use serde::Deserialize;
use statement::{EpochPurpose, Outcome, Reason, Record, VerdictRecord, limits::REASONS_MAX};

use crate::cell::Cell;
use crate::ciphertexts::blocking;
use crate::error::{CenterError, chain};
use crate::ground::Ground;
use crate::jobs::{Ended, Leased, Trier, draw_salt};
use crate::limits::{IDLE, LEASE_SLACK_SECONDS};
use crate::turns::Terms;
use crate::workshop::Workshop;

/// How a try ended. The words are those of `touched` in `spec/intake.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a report.
    Reported,
    /// The wraps at rest are not those that the seed gives.
    Missealed,
    /// The child died.
    Died,
    /// The child's time was over.
    Time,
    /// The child's memory was over.
    Memory,
    /// What the child wrote is no report.
    Garbled,
    /// Wrap or content do not open.
    Unopened,
    /// The cell was stopped meanwhile.
    Lost,
    /// An opener refused.
    Refused,
    /// The share that the center's opener gave is not the one of the header.
    FalseCenter,
    /// The share that the supervisor's opener gave is not the one of the header.
    FalseSupervisor,
}

impl End {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Missealed => "missealed",
            Self::Died => "died",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Garbled => "garbled",
            Self::Unopened => "unopened",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::FalseCenter => "false-share-center",
            Self::FalseSupervisor => "false-share-supervisor",
        }
    }

    /// A share that is not the one of the header, by its side.
    pub(crate) const fn false_share(side: Side) -> Self {
        match side {
            Side::Center => Self::FalseCenter,
            Side::Supervisor => Self::FalseSupervisor,
        }
    }

    /// Whether there is a verdict.
    pub(crate) const fn is_verdict(self) -> bool {
        matches!(self, Self::Reported | Self::Missealed)
    }
}

/// What a try found. Outcome, score and reasons mean nothing unless there is a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) end: End,
    pub(crate) outcome: Outcome,
    pub(crate) score: u64,
    pub(crate) reasons: Vec<Reason>,
}

impl Found {
    pub(crate) fn nothing(end: End) -> Self {
        Self {
            end,
            outcome: Outcome::Missealed,
            score: 0,
            reasons: Vec::new(),
        }
    }
}

/// What is read of a report; the rest stays with the child.
#[derive(Deserialize)]
struct Reported {
    outcome: Outcome,
    score: u32,
    reasons: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    reason: String,
    #[serde(default)]
    detail: String,
}

/// Reads a report. A child that a sample took over can write anything, so only names that the scanner knows count, and
/// details only as far as a record has room for them.
fn read_report(bytes: &[u8]) -> Option<Found> {
    let reported: Reported = serde_json::from_slice(bytes).ok()?;
    if reported.outcome == Outcome::Missealed {
        return None;
    }
    let mut reasons = std::collections::BTreeSet::new();
    for Named { reason, detail } in &reported.reasons {
        let known = Known::named(reason)?;
        reasons.insert((known.as_str(), detail.as_str()));
    }
    let reasons = reasons
        .into_iter()
        .take(REASONS_MAX)
        .map(|(name, detail)| printed(name, detail))
        .collect::<Option<Vec<Reason>>>()?;
    Some(Found {
        end: End::Reported,
        outcome: reported.outcome,
        score: u64::from(reported.score),
        reasons,
    })
}

/// Name and detail in the form of a record: `rule.malicious:eicar.yar:Eicar`.
fn printed(name: &str, detail: &str) -> Option<Reason> {
    let mut text = name.to_owned();
    if !detail.is_empty() {
        let graphic = |char: char| if char.is_ascii_graphic() { char } else { '_' };
        text.push(':');
        text.extend(detail.chars().map(graphic));
    }
    text.truncate(128);
    text.parse().ok()
}

/// The name of a reason without its detail: all that may stand in public.
pub(crate) fn public_name(reason: &str) -> Option<Reason> {
    let name = reason.split(':').next()?;
    Known::named(name)?.as_str().parse().ok()
}

/// The keys of the three epochs that a header names, if all of them stand in the log.
fn epoch_keys(ground: &Ground, front: &Front) -> Result<EpochKeys, SealError> {
    let key = |purpose| {
        let epoch = front.header().epoch(purpose);
        let found = ground.epochs.get(&epoch);
        let found = found.ok_or(SealError::EpochKey { epoch })?;
        EpochKey::read(epoch, &found.said).map(|key| (key, purpose))
    };
    let (analysis, _) = key(EpochPurpose::Analysis)?;
    let (center, _) = key(EpochPurpose::Center)?;
    let (supervisor, _) = key(EpochPurpose::Supervisor)?;
    EpochKeys::new(analysis, center, supervisor)
}

impl Cell {
    pub(crate) const fn trier(&self, process: i64) -> Trier {
        Trier {
            tools: self.tool_names(),
            process,
        }
    }

    /// Works on one sample; `false` when none waits, or nothing that is released is here to judge with.
    pub(crate) async fn analyse_next(
        self: &Arc<Self>,
        workshop: &Arc<Workshop>,
    ) -> Result<bool, CenterError> {
        let (Some(ground), Some(process)) = (self.ground(), self.lead.process()) else {
            return Ok(false);
        };
        let Some(tools) = ground.tools_in_force().cloned() else {
            return Ok(false);
        };
        let (now, config) = (self.now(), &self.config);
        let seconds = config.worker_wall_ms.div_ceil(1000) + LEASE_SLACK_SECONDS;
        let terms = Terms {
            now,
            until: now.saturating_add(seconds),
            ending_by: now.saturating_add(config.ending_seconds),
            crowded_from: config.sampling.begins_at(),
        };
        let Some(leased) = self.jobs.lease(self.trier(process), terms).await? else {
            return Ok(false);
        };
        let (cell, workshop) = (Arc::clone(self), Arc::clone(workshop));
        // The kernel ties the child's life to the thread that waits for it.
        let (leased, found) = blocking(move || {
            let found = cell.look_at(&leased, &ground, &workshop)?;
            Ok((leased, found))
        })
        .await?;
        let finished = self.now();
        let record = found
            .end
            .is_verdict()
            .then(|| self.record(&tools, &leased, &found, finished));
        let record = record.transpose()?.map(|record| record.to_text());
        let ended = self.jobs.end(&leased, &found, record, finished).await?;
        if ended == Ended::TooLate {
            tracing::warn!(sample = %leased.sample, "a try came back too late; its word does not count");
        }
        Ok(true)
    }

    fn look_at(
        &self,
        leased: &Leased,
        ground: &Ground,
        workshop: &Workshop,
    ) -> Result<Found, CenterError> {
        let key = match self.content_key(leased, ground)? {
            Ok(key) => key,
            Err(end) => return Ok(Found::nothing(end)),
        };
        self.run_child(leased, &key, workshop)
    }

    /// Has one child look at the content.
    pub(crate) fn run_child(
        &self,
        leased: &Leased,
        key: &ContentKey,
        workshop: &Workshop,
    ) -> Result<Found, CenterError> {
        let ciphertext = self.ciphertexts.read(&leased.sample);
        // Erased a moment ago: the fence will say so.
        let Ok(ciphertext) = ciphertext else {
            return Ok(Found::nothing(End::Lost));
        };
        let header = leased.front.header();
        let report = workshop.run(header, &leased.seal, key, &ciphertext)?;
        Ok(match report {
            Ok(bytes) => read_report(&bytes).unwrap_or_else(|| Found::nothing(End::Garbled)),
            Err(end) => Found::nothing(end),
        })
    }

    /// Opens the analysis wrap and makes the wraps at rest again. What comes out opens this sample alone; the
    /// seed is gone when this returns.
    fn content_key(
        &self,
        leased: &Leased,
        ground: &Ground,
    ) -> Result<Result<ContentKey, End>, CenterError> {
        let epoch = leased.front.header().epoch(EpochPurpose::Analysis);
        let (Some(opener), Ok(keys)) =
            (self.keyring.key(epoch)?, epoch_keys(ground, &leased.front))
        else {
            return Ok(Err(End::Unopened));
        };
        let opened = match Opened::with_analysis_key(&leased.front, &keys, &*opener) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(sample = %leased.sample, cause = chain(&error), "the wrap does not open");
                return Ok(Err(End::Unopened));
            }
        };
        Ok(opened.check_rest_wraps().map_err(|_| End::Missealed))
    }

    /// A verdict names what center and supervisor released, and nothing else.
    pub(crate) fn record(
        &self,
        tools: &ReleasedTools,
        leased: &Leased,
        found: &Found,
        finished: u64,
    ) -> Result<VerdictRecord, CenterError> {
        let names = tools.names();
        Ok(VerdictRecord {
            sample: leased.sample.clone(),
            seal: leased.seal,
            home: self.home().clone(),
            outcome: found.outcome,
            score: found.score,
            worker: names.worker,
            rules: names.rules,
            scoring: names.scoring,
            finished,
            reasons: found.reasons.clone(),
            salt: draw_salt()?,
        })
    }

    /// Works for as long as the cell runs. A defect of this machine is no fault of a sample: its lease runs out.
    pub(crate) async fn work(self: Arc<Self>, workshop: Arc<Workshop>) {
        loop {
            let worked = match self.analyse_next(&workshop).await {
                // What came first goes first.
                Ok(false) => self.reanalyse_next(&workshop).await,
                worked => worked,
            };
            match worked {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(cause = chain(&error), "a sample was not analysed"),
            }
            tokio::select! {
                () = self.arrived.notified() => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    }

    /// Makes, and destroys, analysis epochs.
    pub(crate) async fn keep_epochs(&self) -> Result<(), CenterError> {
        let now = self.now();
        for epoch in self.keyring.due(now).await? {
            self.keyring.destroy(epoch, now).await?;
            let lost = self.jobs.give_up(epoch, self.trier(0), now).await?;
            if lost > 0 {
                tracing::error!(%epoch, lost, "samples waited until the key was gone; nobody can analyse them");
            }
            self.forget_uploads_of(epoch).await?;
        }
        let newest = self.keyring.newest_end().await?;
        if let Some([valid_from, valid_until, destroy_by]) = self.config.epochs.next(newest, now) {
            let plan = crate::keyring::EpochPlan {
                purpose: EpochPurpose::Analysis,
                home: self.home().clone(),
                audience: self.audience(),
                not_after: self.not_after(),
                valid_from,
                valid_until,
                destroy_by,
            };
            self.keyring
                .make(plan, |draft| self.sign(draft), now)
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_only_what_the_scanner_knows() {
        let found = read_report(
            br#"{"outcome":"malicious","score":110,"members":[{"anything":1}],"reasons":[
            {"member":"0","reason":"digest.known-bad","detail":"some file","weight":"100"},
            {"member":"0.1","reason":"digest.known-bad","detail":"some file","weight":"100"}]}"#,
        );
        let found = found.unwrap();
        assert_eq!((found.outcome, found.score), (Outcome::Malicious, 110));
        let texts: Vec<_> = found.reasons.iter().map(Reason::as_str).collect();
        assert_eq!(texts, ["digest.known-bad:some_file"]);
        assert_eq!(public_name(texts[0]).unwrap().as_str(), "digest.known-bad");
        for other in [
            &br#"{"outcome":"malicious","score":1,"reasons":[{"reason":"secret text"}]}"#[..],
            br#"{"outcome":"missealed","score":0,"reasons":[]}"#,
            br#"{"outcome":"clean","score":-1,"reasons":[]}"#,
            b"",
        ] {
            assert!(read_report(other).is_none());
        }
    }
}
