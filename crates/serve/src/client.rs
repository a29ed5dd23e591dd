//! The HTTP client: bounded in time and in bytes, no redirects, no proxies, no retries.
//!
//! Whoever calls knows what a repeated request would mean; this file does not, so it never
//! repeats one.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use serde::{Deserialize, Serialize};

use crate::carry::{Carried, CarriedReply, Carrier};
use crate::limits::{IDLE_TIMEOUT, REFUSAL_BYTES_MAX};

/// How patient a client is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientConfig {
    /// Longest time to connect, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Longest time from request to the last byte, in milliseconds; a call may set its own.
    pub total_timeout_ms: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            total_timeout_ms: 30_000,
        }
    }
}

/// An answer with a 2xx status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Its content type, if it said one.
    pub content_type: Option<String>,
    /// Its body.
    pub body: Bytes,
}

/// Problem details (RFC 9457) as another daemon sent them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RemoteProblem {
    /// What happened.
    #[serde(default)]
    pub title: String,
    /// What happened this time.
    #[serde(default)]
    pub detail: String,
    /// Stable name of the failed check.
    #[serde(default)]
    pub code: String,
    /// The wrong field.
    #[serde(default)]
    pub field: Option<String>,
    /// Its value.
    #[serde(default)]
    pub value: Option<String>,
}

/// An answer with any other status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedReply {
    /// The address asked.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// Its content type, if it said one.
    pub content_type: Option<String>,
    /// Its body, cut to 64 KiB.
    pub body: Bytes,
    /// The body as problem details, if it is that.
    pub problem: Option<RemoteProblem>,
}

impl RefusedReply {
    /// The most telling words of the refusal.
    fn reason(&self) -> String {
        match &self.problem {
            Some(problem) if problem.detail.is_empty() => {
                format!("{} ({})", problem.title, problem.code)
            }
            Some(problem) => format!("{}: {} ({})", problem.title, problem.detail, problem.code),
            None => String::from_utf8_lossy(&self.body)
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect(),
        }
    }
}

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be asked (not a URL, or not `http`).
    #[error("{url:?} is not an address that can be asked")]
    Url {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// No connection could be made.
    #[error("cannot connect to {url}; is the daemon running?")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// No complete answer in time. Whether a change took effect is not known.
    #[error("{url} did not answer in time")]
    Timeout {
        /// The address.
        url: String,
    },
    /// The answer broke off or was not HTTP. Whether a change took effect is not known.
    #[error("the answer of {url} broke off")]
    Broken {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is larger than the caller allows.
    #[error("the answer of {url} has more than the {bytes_max} bytes allowed")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit.
        bytes_max: usize,
    },
    /// The other side said no.
    #[error("{} answered {}: {}", .0.url, .0.status, .0.reason())]
    Refused(Box<RefusedReply>),
    /// The client could not be set up.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
}

impl ClientError {
    /// The refusal, if there was one.
    #[must_use]
    pub fn refused(&self) -> Option<&RefusedReply> {
        match self {
            Self::Refused(reply) => Some(reply),
            _ => None,
        }
    }

    /// The HTTP status of the refusal, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.refused().map(|reply| reply.status)
    }

    /// The problem's code, if the refusal carried one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        let problem = self.refused()?.problem.as_ref()?;
        Some(problem.code.as_str())
    }

    /// Whether the same request may succeed later: no connection, no answer, 408, 429 or 5xx.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Broken { .. } => true,
            Self::Refused(reply) => matches!(reply.status, 408 | 429 | 500..=599),
            Self::Url { .. } | Self::TooLarge { .. } | Self::Setup(_) => false,
        }
    }

    fn sort(url: &str, source: reqwest::Error) -> Self {
        let url = url.to_owned();
        let source = source.without_url();
        if source.is_timeout() && !source.is_connect() {
            Self::Timeout { url }
        } else if source.is_builder() {
            Self::Url { url, source }
        } else if source.is_connect() {
            Self::Unreachable { url, source }
        } else {
            Self::Broken { url, source }
        }
    }
}

/// An HTTP client; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    way: Way,
    total_timeout: Duration,
}

/// How requests get there.
#[derive(Debug, Clone)]
enum Way {
    Sockets(reqwest::Client),
    Carrier(Arc<dyn Carrier>),
}

/// A request before it is on its way.
struct Call<'a> {
    method: Method,
    url: &'a str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    timeout: Duration,
}

impl Client {
    /// A client as patient as `config` says.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let builder = reqwest::Client::builder();
        // Else it would read the system's certificates, which a confined daemon cannot and a small machine has not.
        #[cfg(feature = "tls")]
        let builder = builder.tls_certs_only([]);
        let inner = builder
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .user_agent(concat!("limpid/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::Setup)?;
        Ok(Self {
            way: Way::Sockets(inner),
            total_timeout: Duration::from_millis(config.total_timeout_ms),
        })
    }

    /// A client whose requests `carrier` carries. What does not come back in time, or never, is
    /// [`ClientError::Timeout`].
    pub fn carried_by(carrier: Arc<dyn Carrier>, config: &ClientConfig) -> Self {
        Self {
            way: Way::Carrier(carrier),
            total_timeout: Duration::from_millis(config.total_timeout_ms),
        }
    }

    /// Gets at most `bytes_max` bytes.
    ///
    /// # Errors
    /// Any status but 2xx is [`ClientError::Refused`].
    pub async fn get(&self, url: &str, bytes_max: usize) -> Result<Bytes, ClientError> {
        let call = Call {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: self.total_timeout,
        };
        Ok(self.send(call, bytes_max).await?.body)
    }

    /// Gets at most `bytes_max` bytes; `None` when there is nothing (404).
    ///
    /// # Errors
    /// Any status but 2xx and 404 is [`ClientError::Refused`].
    pub async fn get_optional(
        &self,
        url: &str,
        bytes_max: usize,
    ) -> Result<Option<Bytes>, ClientError> {
        match self.get(url, bytes_max).await {
            Err(error) if error.status() == Some(404) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Posts `body` and reads at most `bytes_max` bytes of the answer; gives up after `timeout`.
    ///
    /// # Errors
    /// Any status but 2xx is [`ClientError::Refused`], with its body.
    pub async fn post(
        &self,
        url: &str,
        content_type: &str,
        body: impl Into<Bytes>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let call = Call {
            method: Method::POST,
            url,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            timeout,
        };
        self.send(call, bytes_max).await
    }

    /// Posts `body`, which is gzip already, and says so; otherwise as [`Client::post`].
    ///
    /// # Errors
    /// Any status but 2xx is [`ClientError::Refused`], with its body.
    pub async fn post_gzip(
        &self,
        url: &str,
        content_type: &str,
        body: impl Into<Bytes>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let call = Call {
            method: Method::POST,
            url,
            headers: vec![
                ("content-type", content_type.to_owned()),
                ("content-encoding", "gzip".to_owned()),
            ],
            body: body.into(),
            timeout,
        };
        self.send(call, bytes_max).await
    }

    /// Puts `body`, otherwise as [`Client::post`].
    ///
    /// # Errors
    /// Any status but 2xx is [`ClientError::Refused`], with its body.
    pub async fn put(
        &self,
        url: &str,
        content_type: &str,
        body: impl Into<Bytes>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let call = Call {
            method: Method::PUT,
            url,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            timeout,
        };
        self.send(call, bytes_max).await
    }

    /// Puts `body` with an `Authorization` header, otherwise as [`Client::post`].
    ///
    /// # Errors
    /// Any status but 2xx is [`ClientError::Refused`], with its body.
    pub async fn put_authorized(
        &self,
        url: &str,
        content_type: &str,
        authorization: &str,
        body: impl Into<Bytes>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let call = Call {
            method: Method::PUT,
            url,
            headers: vec![
                ("content-type", content_type.to_owned()),
                ("authorization", authorization.to_owned()),
            ],
            body: body.into(),
            timeout,
        };
        self.send(call, bytes_max).await
    }

    async fn send(&self, call: Call<'_>, bytes_max: usize) -> Result<Reply, ClientError> {
        match &self.way {
            Way::Sockets(client) => call.over_sockets(client, bytes_max).await,
            Way::Carrier(carrier) => call.carried(&**carrier, bytes_max).await,
        }
    }
}

impl Call<'_> {
    async fn over_sockets(
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

    async fn carried(self, carrier: &dyn Carrier, bytes_max: usize) -> Result<Reply, ClientError> {
        let url = self.url.to_owned();
        let request = Carried {
            method: match self.method {
                Method::GET => "GET",
                Method::PUT => "PUT",
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
