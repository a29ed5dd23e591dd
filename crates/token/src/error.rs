//! Why a token, or what leads to one, is refused.

/// See the module. None of them names a number that was blinded or is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Another number of bytes than the format has.
    #[error("{what}: {found} bytes; it has {expected}")]
    Length {
        /// Of what.
        what: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes it has.
        expected: usize,
    },
    /// Another type than Blind RSA with 2048 bits.
    #[error("{what} is of type {found:#06x}; only 0x0002 is spoken here")]
    Type {
        /// What.
        what: &'static str,
        /// Type found.
        found: u16,
    },
    /// Not a public key as RFC 9578 section 8.2.2 writes it.
    #[error(
        "the issuer key is not a 2048 bit RSASSA-PSS key with SHA-384 in the one spelling of RFC 9578"
    )]
    PublicKey,
    /// Not a private key for such tokens.
    #[error("the private key is not a 2048 bit RSA key in PKCS#8")]
    SecretKey,
    /// A request that names another key.
    #[error(
        "the request names the issuer key whose id ends in {found:#04x}; this one ends in {here:#04x}"
    )]
    OtherKey {
        /// Named.
        found: u8,
        /// Held.
        here: u8,
    },
    /// A number that is not below the modulus, or nothing can be done with.
    #[error("the blinded message is no number below the modulus of the key")]
    Number,
    /// What the issuer answered is no signature by the key that it was asked for.
    #[error("the issuer did not sign with the key that it was asked for; take no token of it")]
    NotSigned,
    /// Not a token of this key for this challenge.
    #[error("the token is not one of this issuer key for this home and day")]
    NotAdmitted,
    /// A header that carries no token.
    #[error("the header `authorization` carries no `PrivateToken token=\"...\"` in base64url")]
    Header,
    /// A text that is no base64url of the right length.
    #[error("{what} is not base64url")]
    Base64 {
        /// What.
        what: &'static str,
    },
    /// Not signed by a licence key that is known.
    #[error("the licence is not signed by a licence key of this issuer; ask the vendor for one")]
    Licence,
    /// Its time is over.
    #[error("the licence ended at {ended} (POSIX seconds); ask the vendor for a new one")]
    LicenceEnded {
        /// When.
        ended: u64,
    },
    /// Not signed by the installation that the licence names.
    #[error("the request is not signed by the installation that its licence names")]
    Installation,
}
