//! An honest world in memory: four parties, their logs, one release from source to publication, and
//! hooks by which a test leaves out or changes exactly one thing. Nothing here asks the law anything
//! but to judge.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

pub mod amendment;
pub mod chain;
pub mod custody;
pub mod keys;
pub mod log;
pub mod metadata;
pub mod program;
pub mod roster;
pub mod sayings;
pub mod story;

/// The expression is refused, and with exactly this code.
#[macro_export]
macro_rules! refused_with {
    ($code:literal, $expression:expr $(,)?) => {{
        let refused: Result<_, law::Refusal> = $expression;
        match refused {
            Ok(_) => panic!("granted; expected a refusal with `{}`", $code),
            Err(refusal) => assert_eq!(refusal.code().as_str(), $code, "{refusal}"),
        }
    }};
}
