//! The HTTP client: bounded in time and in bytes, no redirects, no proxies, no retries.
//!
//! Whoever calls knows what a repeated request would mean; this file does not, so it never
//! repeats one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::carry::Carrier;
use crate::limits::IDLE_TIMEOUT;

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

    pub(crate) fn sort(url: &str, source: reqwest::Error) -> Self {
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
        let call = Call::new(
            Method::POST,
            url,
            vec![("content-type", content_type.to_owned())],
            body,
            timeout,
        );
        self.send(call, bytes_max).await
    }

    /// Posts `body` with further headers (names in lower case), otherwise as [`Client::post`].
    ///
    /// # Errors
    /// Any status but 2xx is [`ClientError::Refused`], with its body.
    pub async fn post_with(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: impl Into<Bytes>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let call = Call::new(Method::POST, url, headers, body, timeout);
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
        let call = Call::new(
            Method::POST,
            url,
            vec![
                ("content-type", content_type.to_owned()),
                ("content-encoding", "gzip".to_owned()),
            ],
            body,
            timeout,
        );
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
        let call = Call::new(
            Method::PUT,
            url,
            vec![("content-type", content_type.to_owned())],
            body,
            timeout,
        );
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
        let call = Call::new(
            Method::PUT,
            url,
            vec![
                ("content-type", content_type.to_owned()),
                ("authorization", authorization.to_owned()),
            ],
            body,
            timeout,
        );
        self.send(call, bytes_max).await
    }

    /// Patches with `body` and further headers (names in lower case), otherwise as [`Client::post`].
    ///
    /// # Errors
    /// Any status but 2xx is [`ClientError::Refused`], with its body.
    pub async fn patch(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: impl Into<Bytes>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let call = Call {
            method: Method::PATCH,
            url,
            headers,
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
