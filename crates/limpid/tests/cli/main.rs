//! The program as people meet it: its help, its README, its refusals, its daemons when they are
//! stopped or killed. Everything here starts the built binary.
#![allow(clippy::unwrap_used, missing_docs)]

mod attacks;
mod audits;
mod bundles;
mod help;
mod interop;
mod kills;
mod logs;
mod place;
mod powercuts;
mod program;
mod readme;
mod refusals;
mod released;
mod running;
mod traces;
mod up;
