//! Real programs, made by the host's compilers, and hostile ones, made from them.
#![allow(clippy::unwrap_used, missing_docs)]

mod archives;
mod authenticode;
mod compiled;
mod debug_folder;
mod explained;
mod functions;
mod hostile;
mod rust;
mod trace;
