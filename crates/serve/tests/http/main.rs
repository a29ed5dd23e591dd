//! The shell over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]

mod limits;
mod published;
mod site;
mod stop;
