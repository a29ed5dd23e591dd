//! The HTTP shell of every daemon, and the client that talks to it.
//!
//! Specifications: HTTP/1.1 (RFC 9110, RFC 9112), problem details (RFC 9457), the Prometheus
//! text format, TOML 1.0 for configuration.
//!
//! A refusal as it goes over the wire:
//!
//! ```text
//! HTTP/1.1 413 Payload Too Large
//! content-type: application/problem+json
//!
//! {"title":"the request body is too large","status":413,"detail":"...","code":"body_too_large"}
//! ```
//!
//! In scope: limits on what a stranger can make a daemon spend (body size, time, requests at
//! once, connections), one form for every refusal, `/healthz`, `/metrics`, graceful stop,
//! published directories, reading a configuration file, and a client with the same limits in
//! the other direction.
//!
//! Out of scope: what requests mean (the rooms), TLS (a reverse proxy in front, for now),
//! authentication (calls that change something carry signed statements).
//!
//! Known hole: a client that reads its response slowly keeps its connection for as long as it
//! likes; `connections_max` bounds how many can.

mod call;
mod carry;
mod client;
mod clock;
mod conditional;
mod config;
mod error;
mod limits;
mod metrics;
mod problem;
mod ready;
mod server;
mod shield;
mod static_dir;
mod trace;

pub use carry::{Carried, CarriedReply, Carrier, Carrying};
pub use client::{Client, ClientConfig, ClientError, RefusedReply, RemoteProblem, Reply};
pub use clock::Clock;
pub use config::{ConfigError, ServerConfig, load_config};
pub use error::ServeError;
pub use metrics::{Counter, Gauge, Metrics};
pub use problem::Problem;
pub use ready::{ReadyFile, read_url, wait_url};
pub use server::{bind, bound_url, run, run_with, stop_signal};
pub use static_dir::{Caching, published_caching, static_dir};
pub use trace::init_tracing;
