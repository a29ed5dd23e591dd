//! Sharing over a real HTTP server that follows `spec/intake.md`: what is agreed to goes where the policy says, and nothing else.

mod cell;
mod consent;
mod crashes;
mod looks;
mod proofs;
mod residence;
mod street;
