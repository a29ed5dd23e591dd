//! What the law grants and refuses.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../honest/mod.rs"]
mod honest;

mod answers;
mod bundles;
mod conditions;
mod elsewhere;
mod orders;
mod prunable;
mod review_audit;
mod review_chain;
mod review_gates;
mod succession;
