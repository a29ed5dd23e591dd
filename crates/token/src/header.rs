//! The two headers of RFC 9577: `Authorization` with a token, `WWW-Authenticate` with what a cell asks for.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};

use crate::TokenError;
use crate::challenge::Challenge;
use crate::key::TokenKey;
use crate::limits::HEADER_BYTES_MAX;
use crate::token::Token;

const SCHEME: &str = "PrivateToken";

/// A token has 354 bytes, so that padding never arises; the public key has some.
const READER: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

impl Token {
    /// The value of `Authorization` (RFC 9577 section 2.2.2).
    #[must_use]
    pub fn to_header(&self) -> String {
        let token = general_purpose::URL_SAFE.encode(self.to_bytes());
        format!("{SCHEME} token=\"{token}\"")
    }

    /// Reads a value of `Authorization`: one parameter, quoted or not.
    ///
    /// # Errors
    /// [`TokenError::Header`], or as [`Token::parse`].
    pub fn from_header(value: &str) -> Result<Self, TokenError> {
        if value.len() > HEADER_BYTES_MAX {
            return Err(TokenError::Header);
        }
        let (scheme, rest) = value.split_once(' ').ok_or(TokenError::Header)?;
        let (name, token) = rest.trim().split_once('=').ok_or(TokenError::Header)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) || !name.eq_ignore_ascii_case("token") {
            return Err(TokenError::Header);
        }
        let unquoted = token
            .strip_prefix('"')
            .map_or(Some(token), |rest| rest.strip_suffix('"'));
        let token = unquoted.ok_or(TokenError::Header)?;
        let bytes = READER.decode(token).map_err(|_| TokenError::Header)?;
        Self::parse(&bytes)
    }
}

/// The value of `WWW-Authenticate` (RFC 9577 section 2.1.1) for the keys that are taken now.
#[must_use]
pub fn challenges_header<'a>(
    keys: impl IntoIterator<Item = (&'a TokenKey, &'a Challenge)>,
) -> String {
    let all = keys.into_iter().map(|(key, challenge)| {
        let [challenge, key] =
            [challenge.as_bytes(), key.spki()].map(|bytes| general_purpose::URL_SAFE.encode(bytes));
        format!("{SCHEME} challenge=\"{challenge}\", token-key=\"{key}\"")
    });
    all.collect::<Vec<_>>().join(", ")
}
