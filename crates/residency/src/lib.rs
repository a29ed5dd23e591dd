//! Where a country's files go, by a policy in Cedar that anybody can replay.
//!
//! Specifications: [Cedar] policies, schema and entities; `spec/policy.md` and `spec/declaration.md` (ours); ISO 3166-1.
//! A policy has one rule for each way that a file can go:
//!
//! ```text
//! @id("zurich")
//! permit (
//!     principal in Region::"europe",
//!     action == Action::"keep",
//!     resource == Home::"CH"
//! );
//! ```
//!
//! The question is always the same: may a file of this country be kept in this home? It is asked for every assigned country
//! and every home when a policy is opened. A policy is refused by name unless each country has exactly one home, by exactly one
//! rule. So there is no country for which nobody noticed that two homes are permitted, or none.
//!
//! In scope: from text, schema, entities and a declaration to a [`Decision`] that says country, region, home and rule; what
//! differs between two policies.
//!
//! Out of scope: whether policy and declaration are in force (`law`), where the documents come from (`endpoint`), who may
//! look at files (later issues; their rules may stand in the same text, for other actions than `keep`).
//!
//! [Cedar]: https://docs.cedarpolicy.com/

mod decision;
mod entities;
mod error;
pub mod limits;
mod rules;

pub use decision::{Asked, Decision, Moved, Residency};
pub use entities::entities;
pub use error::ResidencyError;
pub use rules::{Documents, Terms};

/// The evaluator that decides here, as a `policy` statement names it. Decisions are replayed by the evaluator they were made with.
pub const LANGUAGE: &str = "cedar 4.14.1";

/// The region of every country that the declaration puts into none.
pub const REST: &str = "rest";
