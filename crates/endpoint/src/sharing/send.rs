//! Everything that has to go over the network, in an order that may be interrupted anywhere: what waits is sent, what was demanded is
//! demanded again until it is proven, what became of each sample is asked for.
//!
//! If the consent is not in force nothing is sent: the queue is emptied, and erasure is demanded of everything that left.

use std::{collections::BTreeSet, fmt};

use law::AdmissionKey;
use serde::Serialize;
use serve::Client;
use statement::{CountryCode, SampleId};
use store::{DirLock, Files};
use token::Token;

use super::{
    answers::ask,
    config::Config,
    consent::Consents,
    erase::{demand_answered, write_demand},
    error::SharingError,
    evidence::Archive,
    issuing::Counter,
    queue::{Declined, Queue, Sample},
    step::{ShareStep, WatchShare, done},
    upload::{Upload, code_of, one_in_of},
    wallet::Wallet,
};

/// The center takes a part of what comes by a draw, and not this one.
pub(super) const SAMPLED: &str = "intake.sampled";

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Samples that the center has now.
    pub sent: Vec<SampleId>,
    /// Samples that still wait, with what stopped them.
    pub waiting: Vec<(SampleId, String)>,
    /// Samples that the center refused for good: they have to be shared anew.
    pub declined: Vec<(SampleId, String)>,
    /// Samples that the center did not take because it samples, with one in how many it takes if it said so. They are not
    /// asked for again.
    pub sampled_out: Vec<(SampleId, Option<u64>)>,
    /// Sealed samples that never left and are gone, because the consent was withdrawn.
    pub emptied: Vec<SampleId>,
    /// Samples of which the center said that they are erased; the proof may come later.
    pub erased: Vec<SampleId>,
    /// Samples about which new proofs were kept.
    pub learned: Vec<SampleId>,
    /// What the center showed and this endpoint refused, by sample: it is not kept.
    pub refused: Vec<(SampleId, String)>,
    /// Admission tokens that were fetched ahead.
    pub tokens: usize,
    /// Homes whose issuer gave no token, with the reason.
    pub unissued: Vec<(CountryCode, String)>,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.sent.len(), "sent"),
            (self.waiting.len(), "waiting"),
            (self.declined.len(), "declined, share them anew"),
            (self.sampled_out.len(), "not taken"),
            (self.emptied.len(), "removed from the queue"),
            (self.erased.len(), "erased by the center"),
            (self.learned.len(), "with new proofs"),
            (self.refused.len(), "with proofs that were refused"),
            (self.tokens, "tokens fetched"),
            (self.unissued.len(), "homes without new tokens"),
        ];
        let said = counts.iter().filter(|(count, _)| *count != 0);
        let said: Vec<_> = said
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match said.is_empty() {
            true => f.write_str("nothing to do"),
            false => f.write_str(&said.join(", ")),
        }?;
        for (sample, why) in self
            .waiting
            .iter()
            .chain(&self.declined)
            .chain(&self.refused)
        {
            write!(f, "\n  {sample}: {why}")?;
        }
        for (sample, one_in) in &self.sampled_out {
            write!(f, "\n  {sample}: {}", not_taken(*one_in))?;
        }
        for (home, why) in &self.unissued {
            write!(f, "\n  tokens for {home}: {why}")?;
        }
        Ok(())
    }
}

/// What its owner is told of a sample that was not drawn.
pub(super) fn not_taken(one_in: Option<u64>) -> String {
    let share = one_in.map(|one_in| format!(" 1 in {one_in}"));
    format!("not taken: the cell samples{}", share.unwrap_or_default())
}

pub(super) fn client(config: &Config) -> Result<Client, SharingError> {
    Client::new(&config.client).map_err(|source| SharingError::Http {
        what: "client".to_owned(),
        source,
    })
}

/// Sends what waits, demands what is to be erased, and asks what became of the rest. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// The directory is damaged or in use, or the disk refuses. What a center does is in [`Sent`].
pub async fn send(config: &Config, now: u64, watch: WatchShare<'_>) -> Result<Sent, SharingError> {
    config.check()?;
    let _lock = DirLock::take(&config.dir)?;
    let files = Files::open(&config.dir)?;
    let round = Round {
        config,
        consents: &Consents::open(config)?,
        queue: Queue::new(&files),
        archive: Archive {
            config,
            files: &files,
        },
        http: &client(config)?,
        watch,
    };
    round.queue.sweep()?;
    let mut sent = Sent::default();
    let now = round.archive.now(now)?;
    round.withdraw(&mut sent, now)?;
    round.send_waiting(&mut sent, now).await?;
    // The consent may have ended meanwhile.
    round.withdraw(&mut sent, now)?;
    round.settle(&mut sent, now).await?;
    round.fetch_tokens(&mut sent, now).await?;
    Ok(sent)
}

struct Round<'a> {
    config: &'a Config,
    consents: &'a Consents,
    queue: Queue<'a>,
    archive: Archive<'a>,
    http: &'a Client,
    watch: WatchShare<'a>,
}

impl Round<'_> {
    /// Without consent: what never left is gone, and what left is to be erased.
    fn withdraw(&self, sent: &mut Sent, now: u64) -> Result<(), SharingError> {
        match self.consents.check() {
            Err(SharingError::NoConsent) => {}
            other => return other.map(drop),
        }
        for sample in self.queue.samples()? {
            let id = sample.record.sample.clone();
            if sample.waits()? && !sample.began()? {
                sample.forget()?;
                sent.emptied.push(id);
            } else if sample.demand()?.is_none() {
                write_demand(&sample, now)?;
                sample.remove_ciphertext()?;
            }
        }
        Ok(())
    }

    async fn send_waiting(&self, sent: &mut Sent, now: u64) -> Result<(), SharingError> {
        for sample in self.queue.samples()? {
            if !sample.waits()? {
                continue;
            }
            let id = sample.record.sample.clone();
            match self.send_one(&sample, now).await {
                Ok(None) => sent.sent.push(id),
                Ok(Some(Declined { code, one_in, .. })) if code == SAMPLED => {
                    sent.sampled_out.push((id, one_in));
                }
                Ok(Some(Declined { code, .. })) => sent.declined.push((id, code)),
                Err(SharingError::Withdrawn { .. } | SharingError::NoConsent) => return Ok(()),
                Err(error) if is_of_center(&error) => sent.waiting.push((id, told(&error))),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Nothing when the center has it, else why it will never take it.
    async fn send_one(
        &self,
        sample: &Sample<'_>,
        now: u64,
    ) -> Result<Option<Declined>, SharingError> {
        if now > sample.record.valid_until {
            let declined = Declined {
                at: now,
                code: "epoch.time".to_owned(),
                one_in: None,
            };
            return self.decline(sample, declined).map(Some);
        }
        let upload = Upload {
            config: self.config,
            consents: self.consents,
            http: self.http,
            center: self.config.center_of(&sample.record.home)?,
            sample,
            token: self.token_of(sample, now)?,
            watch: self.watch,
        };
        let completed = match upload.run().await {
            Ok(completed) => completed,
            Err(error) => {
                let code = code_of(&error);
                if let Some(code) = code.filter(|code| is_final(code)) {
                    let declined = Declined {
                        at: now,
                        code: code.to_owned(),
                        one_in: one_in_of(&error).filter(|_| code == SAMPLED),
                    };
                    return self.decline(sample, declined).map(Some);
                }
                if matches!(code, Some("intake.token" | "intake.token_spent")) {
                    self.wallet().discard(sample)?;
                }
                return Err(error);
            }
        };
        sample.create("completed.json", &completed)?;
        done(self.watch, ShareStep::KeptAnswer)?;
        sample.remove_ciphertext()?;
        done(self.watch, ShareStep::RemovedCiphertext)?;
        Ok(None)
    }

    const fn wallet(&self) -> Wallet<'_> {
        Wallet::new(self.archive.files)
    }

    /// The token of a sample; nothing where none is configured, or the home asks for none.
    fn token_of(&self, sample: &Sample<'_>, now: u64) -> Result<Option<Token>, SharingError> {
        let home = &sample.record.home;
        if self.config.center_of(home)?.issuer_url.is_none() {
            return Ok(None);
        }
        let Some(evidence) = self.archive.kept(home)? else {
            return Ok(None);
        };
        let keys: Vec<_> = AdmissionKey::all(evidence.open.view(), home)
            .into_iter()
            .filter(|key| now <= key.admission().valid_until)
            .collect();
        match self.wallet().bind(sample, &keys)? {
            Some(token) => Ok(Some(token)),
            None if keys.is_empty() || sample.began()? => Ok(None),
            None => Err(SharingError::NoToken { home: home.clone() }),
        }
    }

    /// The next samples' tokens, after everything else: by the time they are shown nobody can say when they were fetched.
    async fn fetch_tokens(&self, sent: &mut Sent, now: u64) -> Result<(), SharingError> {
        self.wallet().forget(now)?;
        if self.consents.check().is_err() {
            return Ok(());
        }
        let counter = Counter {
            archive: &self.archive,
            consents: self.consents,
            http: self.http,
            now,
        };
        // Of the homes that its files go to; no other one hears of this endpoint.
        let samples = self.queue.samples()?;
        let homes: BTreeSet<_> = samples.iter().map(|sample| &sample.record.home).collect();
        let centers = self.config.center.iter();
        for center in centers.filter(|center| homes.contains(&center.home)) {
            match counter.top_up(center, self.config.tokens_ahead).await {
                Ok(came) => sent.tokens += came,
                Err(SharingError::Withdrawn { .. } | SharingError::NoConsent) => return Ok(()),
                Err(error) if is_of_disk(&error) => return Err(error),
                Err(error) => sent.unissued.push((center.home.clone(), told(&error))),
            }
        }
        Ok(())
    }

    /// The plaintext is not here, so it cannot be sealed anew: its owner shares it again.
    fn decline(&self, sample: &Sample<'_>, declined: Declined) -> Result<Declined, SharingError> {
        sample.create("declined.json", &declined)?;
        sample.remove_ciphertext()?;
        Ok(declined)
    }

    /// Demands, then questions, of every sample that a center may have.
    async fn settle(&self, sent: &mut Sent, now: u64) -> Result<(), SharingError> {
        for sample in self.queue.samples()? {
            let id = sample.record.sample.clone();
            let demanded = sample.demand()?.is_some();
            if demanded {
                match demand_answered(self.config, self.http, &sample, now).await {
                    Ok(true) => sent.erased.push(id.clone()),
                    Ok(false) => {}
                    Err(error) if is_of_center(&error) => {
                        sent.waiting.push((id.clone(), told(&error)));
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            if sample.completed()?.is_none() && !demanded {
                continue;
            }
            match ask(&self.archive, self.http, &sample, now).await {
                Ok(true) => sent.learned.push(id),
                Ok(false) => {}
                Err(error) if is_of_disk(&error) => return Err(error),
                Err(error) if error.is_transient() => sent.waiting.push((id, told(&error))),
                Err(error) => sent.refused.push((id, told(&error))),
            }
        }
        Ok(())
    }
}

/// Refusals that the same bytes will always meet.
fn is_final(code: &str) -> bool {
    matches!(
        code,
        "intake.front"
            | "intake.home"
            | "intake.policy"
            | "intake.epoch"
            | "intake.signature"
            | "intake.replayed"
            | "intake.size"
            | SAMPLED
    )
}

/// Whether it is the center's doing, so that the next sample can be tried.
fn is_of_center(error: &SharingError) -> bool {
    matches!(
        error,
        SharingError::Http { .. }
            | SharingError::Answer { .. }
            | SharingError::NoToken { .. }
            | SharingError::OtherSeal { .. }
    )
}

fn is_of_disk(error: &SharingError) -> bool {
    matches!(
        error,
        SharingError::Store(_)
            | SharingError::Io { .. }
            | SharingError::Damaged { .. }
            | SharingError::Stopped { .. }
            | SharingError::Key(_)
    )
}

/// An error with its causes, and its code, on one line.
pub(super) fn told(error: &SharingError) -> String {
    let mut text = format!("{}: {error}", error.code());
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
