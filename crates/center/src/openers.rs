//! The two openers, asked over HTTP. What they answer is opened and compared here, so that a false share has a name.

use seal::{
    ANSWER_BYTES, ContentKey, Front, SealError, SealedShare, Share, ShareRequest, Side,
    content_key_of_shares, open_sealed_share,
};
use serde::Deserialize;
use serve::{Client, ClientConfig};

use crate::analysis::End;
use crate::error::{CenterError, chain};
use crate::keyring::Keyring;
use crate::limits::OPENER_PATIENCE;

/// Where the openers of this home listen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenerUrls {
    /// The center's.
    pub center: String,
    /// The supervisor's.
    pub supervisor: String,
}

/// What both answered about one sample.
pub(crate) struct Answers {
    center: SealedShare,
    supervisor: SealedShare,
}

/// Why there are no answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// One of them said no.
    Refused,
    /// One of them could not be asked; it is nobody's fault, and another time will do.
    Unreached,
}

/// Both openers.
pub(crate) struct Openers {
    client: Client,
    urls: OpenerUrls,
}

impl Openers {
    pub(crate) fn new(urls: &OpenerUrls, config: &ClientConfig) -> Result<Self, CenterError> {
        Ok(Self {
            client: Client::new(config)?,
            urls: urls.clone(),
        })
    }

    /// Asks one, then the other: what the first refuses the second is not bothered with.
    pub(crate) async fn ask(&self, request: &ShareRequest) -> Result<Answers, NoAnswer> {
        let body = request.to_bytes();
        let supervisor = self.ask_one(&self.urls.supervisor, &body).await?;
        let center = self.ask_one(&self.urls.center, &body).await?;
        Ok(Answers { center, supervisor })
    }

    async fn ask_one(&self, url: &str, body: &[u8]) -> Result<SealedShare, NoAnswer> {
        let (url, kind) = (format!("{url}/reanalyse"), "application/octet-stream");
        let body = body.to_vec();
        let asked = self
            .client
            .post(&url, kind, body, ANSWER_BYTES, OPENER_PATIENCE)
            .await;
        match asked {
            Ok(reply) => SealedShare::parse(&reply.body).ok_or(NoAnswer::Refused),
            Err(error) if error.status() == Some(403) => {
                tracing::warn!(url, cause = chain(&error), "an opener refused");
                Err(NoAnswer::Refused)
            }
            Err(error) => {
                tracing::warn!(url, cause = chain(&error), "an opener could not be asked");
                Err(NoAnswer::Unreached)
            }
        }
    }
}

/// The content key, of both answers: only here, and only for one child. Blocks.
pub(crate) fn assemble(
    keyring: &Keyring,
    front: &Front,
    request: &ShareRequest,
    answers: &Answers,
) -> Result<Result<ContentKey, End>, CenterError> {
    let header = front.header();
    let open = |side: Side, answer: &SealedShare| -> Result<Result<Share, End>, CenterError> {
        let Some(opener) = keyring.key(answer.epoch)? else {
            return Ok(Err(End::Unopened));
        };
        let share = open_sealed_share(header, side, request.grant, &answer.wrap, &*opener);
        Ok(share.map_err(|_| End::false_share(side)))
    };
    let center = match open(Side::Center, &answers.center)? {
        Ok(share) => share,
        Err(end) => return Ok(Err(end)),
    };
    let supervisor = match open(Side::Supervisor, &answers.supervisor)? {
        Ok(share) => share,
        Err(end) => return Ok(Err(end)),
    };
    let key = content_key_of_shares(header, &center, &supervisor);
    Ok(key.map_err(|error| match error {
        SealError::Share { side } => End::false_share(side),
        _ => End::Unopened,
    }))
}
