//! Erasure: demanded with the key of the sample, written down before it is sent, sent until it is answered, and proven by the log.

use std::{fmt, time::Duration};

use seal::erasure_message;
use serde::{Deserialize, Serialize};
use serve::Client;
use statement::{FileDigest, SampleId};
use store::{DirLock, Files};

use super::{
    config::Config,
    error::SharingError,
    queue::{Demand, Queue, Sample},
    upload::{answer, code_of, failed},
};
use crate::limits::ANSWER_BYTES_MAX;

/// What is to be erased now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Sealed samples that never left; they are gone.
    pub forgotten: Vec<SampleId>,
    /// Samples whose erasure is demanded; [`super::send()`] tells their centers.
    pub demanded: Vec<SampleId>,
}

impl fmt::Display for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (forgotten, demanded) = (self.forgotten.len(), self.demanded.len());
        write!(
            f,
            "{forgotten} removed from the queue, erasure demanded of {demanded}"
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    state: String,
}

/// Demands the erasure of one sample, or of all. `now` is the system's clock in POSIX seconds.
///
/// # Errors
/// [`SharingError::NoSample`], or the disk refuses.
pub fn erase(config: &Config, sample: Option<&SampleId>, now: u64) -> Result<Erased, SharingError> {
    let _lock = DirLock::take(&config.dir)?;
    let files = Files::open(&config.dir)?;
    let queue = Queue::new(&files);
    let samples = match sample {
        None => queue.samples()?,
        Some(id) => {
            let found = queue.find(id)?;
            let sample = id.clone();
            vec![found.ok_or(SharingError::NoSample { sample })?]
        }
    };
    let mut erased = Erased::default();
    for sample in samples {
        let id = sample.record.sample.clone();
        if sample.waits()? && !sample.began()? {
            sample.forget()?;
            erased.forgotten.push(id);
        } else if sample.demand()?.is_none() {
            write_demand(&sample, now)?;
            sample.remove_ciphertext()?;
            erased.demanded.push(id);
        }
    }
    Ok(erased)
}

fn signed(sample: &Sample<'_>) -> Result<(Vec<u8>, Vec<u8>), SharingError> {
    let message = erasure_message(&sample.record.sample, &sample.record.seal);
    let signature = sample.key()?.sign(&message);
    Ok((message, signature))
}

/// Notes the demand, durably: from here on it is made until it is answered.
pub(super) fn write_demand(sample: &Sample<'_>, at: u64) -> Result<(), SharingError> {
    let (message, signature) = signed(sample)?;
    let demand = Demand {
        at,
        digest: FileDigest::of(&[message, signature].concat()),
        answered: None,
    };
    sample.create("demand.json", &demand)
}

/// Tells the center, unless it has answered. Whether it did so just now.
pub(super) async fn demand_answered(
    config: &Config,
    http: &Client,
    sample: &Sample<'_>,
    now: u64,
) -> Result<bool, SharingError> {
    let Some(demand) = sample.demand()?.filter(|demand| demand.answered.is_none()) else {
        return Ok(false);
    };
    let center = config.center_of(&sample.record.home)?;
    let url = center.at(&format!("samples/{}/erase", sample.record.sample));
    let (_, signature) = signed(sample)?;
    let timeout = Duration::from_millis(config.client.total_timeout_ms);
    let kind = "application/octet-stream";
    let sent = http.post(&url, kind, signature, ANSWER_BYTES_MAX, timeout);
    match sent.await.map_err(failed("erasure")) {
        Ok(reply) => {
            let State { state } = answer("an erasure", &reply.body)?;
            if state != "erased" {
                return Err(SharingError::Answer {
                    what: "an erasure",
                    wrong: format!("its state is `{state}`"),
                });
            }
        }
        // It never had all of the sample; what it had of it, it forgets by itself within a day.
        Err(error)
            if code_of(&error) == Some("sample.unknown") && sample.completed()?.is_none() => {}
        Err(error) => return Err(error),
    }
    let answered = Demand {
        answered: Some(now),
        ..demand
    };
    sample.replace("demand.json", &answered)?;
    Ok(true)
}
