//! The shell over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]

mod conditions;
mod limits;
mod published;
mod site;
mod stop;
