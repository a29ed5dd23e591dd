//! Every limit of this crate, in one place.

/// Bytes of a modulus of 2048 bits, and of everything that is one number below it.
pub const MODULUS_BYTES: usize = 256;
/// Bytes of a `TokenRequest`.
pub const REQUEST_BYTES: usize = 3 + MODULUS_BYTES;
/// Bytes of a `Token`.
pub const TOKEN_BYTES: usize = 98 + MODULUS_BYTES;
/// Bytes of a licence.
pub const LICENCE_BYTES: usize = 32 + 8 + 64;
/// Longest header with a token, in bytes: the token in base64, and room for words around it.
pub const HEADER_BYTES_MAX: usize = 1024;
/// Longest private key of an issuer in its file, in bytes.
pub const SECRET_BYTES_MAX: usize = 4096;
