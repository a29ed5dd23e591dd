//! Asking all places at once, and keeping what counts of what they answer.

use std::time::Instant;

use law::{BUNDLE_BYTES_MAX, Bundle};
use serve::Client;
use tlog::{Checkpoint, Origin, Verified, limits::NOTE_BYTES_MAX};
use tokio::{task::JoinSet, time};

use super::{Answer, Given, Place, PlaceKind};
use crate::{
    config::Config,
    timeline::{Shown, ShownPublication, Timeline, claimed_origin},
};

/// What one place said about one log.
#[derive(Debug)]
pub(super) enum Heard {
    /// Signed by the log.
    Checkpoint(Box<Verified<Checkpoint>>),
    /// Nothing that counts.
    Failed {
        origin: Option<Origin>,
        answer: Answer,
    },
}

impl Heard {
    pub(super) fn checkpoint(&self) -> Option<&Verified<Checkpoint>> {
        match self {
            Self::Checkpoint(checkpoint) => Some(checkpoint),
            Self::Failed { .. } => None,
        }
    }

    pub(super) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Checkpoint(checkpoint) => Some(checkpoint.origin()),
            Self::Failed { origin, .. } => origin.as_ref(),
        }
    }

    /// Why it said nothing that counts.
    pub(super) fn failure(&self) -> Answer {
        match self {
            Self::Checkpoint(_) => Answer::Nothing,
            Self::Failed { answer, .. } => answer.clone(),
        }
    }
}

/// Everything that one place said.
#[derive(Debug)]
pub(super) struct Hearing {
    pub(super) name: String,
    place: Option<Place>,
    pub(super) answers: Vec<Heard>,
    /// What its bundle shows, if it has one.
    pub(super) shown: Option<Shown>,
    pub(super) publication: Option<ShownPublication>,
}

impl Hearing {
    pub(super) fn checkpoints(&self) -> impl Iterator<Item = &Verified<Checkpoint>> {
        self.answers.iter().filter_map(Heard::checkpoint)
    }

    /// Where its tiles of a log are, if it has any.
    pub(super) fn tiles_url(&self, origin: &Origin) -> Option<String> {
        let place = self.place.as_ref().filter(|place| place.has_tiles())?;
        Some(place.prefix(origin))
    }
}

/// Bytes as one place gave them.
type Reply = (Option<Origin>, Result<Option<Vec<u8>>, String>);

/// Asks all places at once. Who has not answered at the deadline is silent.
pub(super) async fn hear(
    config: &Config,
    http: &Client,
    timeline: &Timeline,
    given: &[Given],
    deadline: Instant,
) -> Vec<Hearing> {
    let origins: Vec<Origin> = timeline.origins().cloned().collect();
    let mut asked = JoinSet::new();
    for (at, place) in config.gossip.iter().cloned().enumerate() {
        let (http, origins) = (http.clone(), origins.clone());
        asked.spawn(async move { (at, ask(&http, &place, &origins, deadline).await) });
    }
    let mut replies: Vec<Vec<Reply>> = config.gossip.iter().map(|_| Vec::new()).collect();
    while let Some(joined) = asked.join_next().await {
        if let Ok((at, reply)) = joined {
            replies[at] = reply;
        }
    }
    let mut hearings = Vec::new();
    for (place, replies) in config.gossip.iter().zip(replies) {
        hearings.push(match place.kind {
            PlaceKind::Bundle => hear_bundle(config, place, replies),
            _ => hear_checkpoints(timeline, place, replies),
        });
    }
    hearings.extend(
        given
            .iter()
            .map(|given| open_bundle(config, &given.name, &given.bytes)),
    );
    hearings
}

async fn ask(http: &Client, place: &Place, origins: &[Origin], deadline: Instant) -> Vec<Reply> {
    let mut replies = Vec::new();
    match place.kind {
        PlaceKind::Log => {
            let url = format!("{}/checkpoint", place.url.trim_end_matches('/'));
            replies.push((None, get(http, &url, NOTE_BYTES_MAX, deadline).await));
        }
        PlaceKind::Witness | PlaceKind::Mirror => {
            for origin in origins {
                let url = format!("{}/checkpoint", place.prefix(origin));
                let reply = get(http, &url, NOTE_BYTES_MAX, deadline).await;
                replies.push((Some(origin.clone()), reply));
            }
        }
        PlaceKind::Bundle => {
            let reply = get(http, &place.url, BUNDLE_BYTES_MAX, deadline).await;
            replies.push((None, reply));
        }
    }
    replies
}

/// At most `bytes_max` bytes, or `None` when nothing is there (404).
///
/// # Errors
/// Why there is no answer, for people.
pub(super) async fn get(
    http: &Client,
    url: &str,
    bytes_max: usize,
    deadline: Instant,
) -> Result<Option<Vec<u8>>, String> {
    let asked = http.get_optional(url, bytes_max);
    match time::timeout_at(deadline.into(), asked).await {
        Ok(Ok(found)) => Ok(found.map(Into::into)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it did not answer in time".to_owned()),
    }
}

fn hear_checkpoints(timeline: &Timeline, place: &Place, replies: Vec<Reply>) -> Hearing {
    let answers = replies.into_iter().map(|(origin, reply)| match reply {
        Ok(Some(note)) => open(timeline, origin, &note),
        Ok(None) => failed(origin, Answer::Nothing),
        Err(why) => failed(origin, Answer::Silent { why }),
    });
    Hearing {
        name: place.to_string(),
        place: Some(place.clone()),
        answers: answers.collect(),
        shown: None,
        publication: None,
    }
}

fn open(timeline: &Timeline, asked: Option<Origin>, note: &[u8]) -> Heard {
    let claimed = claimed_origin(note);
    let wanted = asked.is_none() || claimed == asked;
    match timeline.open(note).filter(|_| wanted) {
        Some(checkpoint) => Heard::Checkpoint(Box::new(checkpoint)),
        None => {
            let why = "no key of the log signed what it shows".to_owned();
            failed(asked.or(claimed), Answer::Useless { why })
        }
    }
}

const fn failed(origin: Option<Origin>, answer: Answer) -> Heard {
    Heard::Failed { origin, answer }
}

fn hear_bundle(config: &Config, place: &Place, replies: Vec<Reply>) -> Hearing {
    let (_, reply) = replies.into_iter().next().unwrap_or((None, Ok(None)));
    let mut hearing = match reply {
        Ok(Some(bytes)) => open_bundle(config, "", &bytes),
        Ok(None) => nothing(failed(None, Answer::Nothing)),
        Err(why) => nothing(failed(None, Answer::Silent { why })),
    };
    hearing.name = place.to_string();
    hearing
}

fn nothing(heard: Heard) -> Hearing {
    Hearing {
        name: String::new(),
        place: None,
        answers: vec![heard],
        shown: None,
        publication: None,
    }
}

/// A bundle is judged under the anchor, like those of the repository.
fn open_bundle(config: &Config, name: &str, bytes: &[u8]) -> Hearing {
    let opened = Bundle::parse(bytes)
        .map_err(|error| error.to_string())
        .and_then(|bundle| match bundle.open(config.anchor) {
            Ok(open) => Ok((Shown::of(&bundle, &open), open)),
            Err(refusal) => Err(refusal.to_string()),
        });
    let mut hearing = match opened {
        Ok((Some(shown), open)) => Hearing {
            answers: vec![Heard::Checkpoint(Box::new(shown.checkpoint.clone()))],
            publication: ShownPublication::of(bytes, &open, config.role().as_str()),
            shown: Some(shown),
            ..nothing(failed(None, Answer::Nothing))
        },
        Ok((None, _)) => nothing(failed(None, Answer::Nothing)),
        Err(why) => nothing(failed(None, Answer::Useless { why })),
    };
    name.clone_into(&mut hearing.name);
    hearing
}
