//! Sharing over a real HTTP server that follows `spec/intake.md`: what is agreed to goes where the policy says, and nothing else.

mod cell;
mod consent;
mod crashes;
mod intake;
mod issuer;
mod looks;
#[allow(dead_code)]
#[path = "../../scan/tests/it/make.rs"]
mod make;
mod members;
mod proofs;
mod residence;
mod rules;
mod street;
mod tokens;
