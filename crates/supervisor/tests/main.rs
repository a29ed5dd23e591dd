//! The supervisor says yes to what the law grants, once, and to nothing else.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod world;

mod cosigning;
mod evidence;
mod grants;
mod previous;
mod review_keys;
mod review_timing;
mod rounds;
