//! What an issuer refuses, with the codes that `spec/admission.md` lists.

use token::TokenError;

use crate::error::CenterError;

/// Why a request for a token was refused. Nothing was counted.
#[derive(Debug, thiserror::Error)]
pub enum IssuerRefusal {
    /// Not a request.
    #[error("the token request is refused")]
    Request(#[source] TokenError),
    /// No key of that id signs now.
    #[error("no key whose id ends in {truncated:#04x} signs today; ask the cell which one does")]
    NoKey {
        /// Named.
        truncated: u8,
    },
    /// A header that is missing.
    #[error("the header `{name}` is missing")]
    Header {
        /// The header.
        name: &'static str,
    },
    /// Not known.
    #[error("the installation is not known here")]
    Unknown(#[source] TokenError),
    /// It had as many as it gets.
    #[error(
        "this installation had all {tokens} tokens of the day; the next ones are issued in {wait_seconds} seconds"
    )]
    Quota {
        /// How many a day.
        tokens: u32,
        /// Until the day ends.
        wait_seconds: u64,
    },
    /// Not the caller's fault.
    #[error("the issuer could not do it")]
    Internal(#[source] CenterError),
}

impl<E: Into<CenterError>> From<E> for IssuerRefusal {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}
