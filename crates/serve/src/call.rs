//! One request of a client, on its way over sockets or with whoever carries it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Method, Response, header::CONTENT_TYPE};

use crate::client::{ClientError, RefusedReply, Reply};
use crate::limits::REFUSAL_BYTES_MAX;
use crate::{Carried, CarriedReply, Carrier};

/// A request before it is on its way.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    pub(crate) timeout: Duration,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        method: Method,
        url: &'a str,
        headers: Vec<(&'static str, String)>,
        body: impl Into<Bytes>,
        timeout: Duration,
    ) -> Self {
        Self {
            method,
            url,
            headers,
            body: body.into(),
            timeout,
        }
    }

    pub(crate) async fn over_sockets(
        self,
        client: &reqwest::Client,
        bytes_max: usize,
    ) -> Result<Reply, ClientError> {
        let url = self.url;
        let has_body = self.method != Method::GET;
        let mut request = client.request(self.method, url).timeout(self.timeout);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if has_body {
            request = request.body(self.body);
        }
        let sent = request.send().await;
        let response = sent.map_err(|source| ClientError::sort(url, source))?;
        let status = response.status();
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .map(str::to_owned);
        if !status.is_success() {
            // The status alone is an answer; a body that breaks off only makes it less telling.
            let (body, _) = read(response, REFUSAL_BYTES_MAX).await.unwrap_or_default();
            return Err(refusal(url, status.as_u16(), content_type, body));
        }
        match read(response, bytes_max).await {
            Ok((body, true)) => Ok(Reply {
                status: status.as_u16(),
                content_type,
                body,
            }),
            Ok((_, false)) => Err(ClientError::TooLarge {
                url: url.to_owned(),
                bytes_max,
            }),
            Err(source) => Err(ClientError::sort(url, source)),
        }
    }

    pub(crate) async fn carried(
        self,
        carrier: &dyn Carrier,
        bytes_max: usize,
    ) -> Result<Reply, ClientError> {
        let url = self.url.to_owned();
        let request = Carried {
            method: match self.method {
                Method::GET => "GET",
                Method::PUT => "PUT",
                Method::PATCH => "PATCH",
                _ => "POST",
            },
            url: url.clone(),
            headers: self.headers,
            body: self.body,
        };
        let reply = tokio::time::timeout(self.timeout, carrier.carry(request)).await;
        let Ok(Some(CarriedReply {
            status,
            content_type,
            mut body,
        })) = reply
        else {
            return Err(ClientError::Timeout { url });
        };
        if !(200..300).contains(&status) {
            body.truncate(REFUSAL_BYTES_MAX);
            return Err(refusal(&url, status, content_type, body));
        }
        if body.len() > bytes_max {
            return Err(ClientError::TooLarge { url, bytes_max });
        }
        Ok(Reply {
            status,
            content_type,
            body,
        })
    }
}

fn refusal(url: &str, status: u16, content_type: Option<String>, body: Bytes) -> ClientError {
    let problem = match content_type.as_deref() {
        Some("application/problem+json") => serde_json::from_slice(&body).ok(),
        _ => None,
    };
    ClientError::Refused(Box::new(RefusedReply {
        url: url.to_owned(),
        status,
        content_type,
        body,
        problem,
    }))
}

/// At most `bytes_max` bytes of the body, and whether that was all of it.
async fn read(mut response: Response, bytes_max: usize) -> Result<(Bytes, bool), reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await? {
        let left = bytes_max - body.len();
        if piece.len() > left {
            body.extend_from_slice(&piece[..left]);
            return Ok((body.freeze(), false));
        }
        body.extend_from_slice(&piece);
    }
    Ok((body.freeze(), true))
}
