//! Requests that go another way than over a socket: to rooms in the same process, through a network
//! that loses, delays and repeats them.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;

/// A request as it is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// The whole address.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty if there is none.
    pub body: Bytes,
}

/// An answer as it is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedReply {
    /// HTTP status.
    pub status: u16,
    /// Its content type, if it said one.
    pub content_type: Option<String>,
    /// Its body.
    pub body: Bytes,
}

/// What a carrier promises: the answer, or `None` when none will come.
pub type Carrying<'a> = Pin<Box<dyn Future<Output = Option<CarriedReply>> + Send + 'a>>;

/// What carries the requests of a [`crate::Client`] in place of sockets.
pub trait Carrier: fmt::Debug + Send + Sync {
    /// Carries a request and its answer. The client gives up by itself when its time is over.
    fn carry(&self, request: Carried) -> Carrying<'_>;
}
