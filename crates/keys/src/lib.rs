//! Keys in files: those that sign, and those that open sealed samples.
//!
//! Specifications: PKCS#8 ([RFC 5958]) in PEM ([RFC 7468]); Ed25519 keys as in [RFC 8410] and
//! [RFC 8032]; ML-DSA-44 keys in seed form as in [RFC 9881] and FIPS 204; X-Wing keys as in
//! draft-connolly-cfrg-xwing-kem; RSA keys of issuers of tokens as in RFC 8017;
//! passphrases by PBES2 with scrypt and AES-256-CBC ([RFC 8018], [RFC 7914]).
//!
//! An Ed25519 key file without passphrase, whole:
//!
//! ```text
//! -----BEGIN PRIVATE KEY-----
//! MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
//! -----END PRIVATE KEY-----
//! ```
//!
//! In scope: making a key, keeping it in a file that only its owner can read, reading it back,
//! signing or opening with it. Randomness enters the project here and nowhere else.
//!
//! Out of scope: what a signature means (`tlog` and `statement` lay out the bytes to be signed),
//! what a wrap holds (`seal`), who may sign or open (`law`).
//!
//! A secret has no `Debug`, no `Display` and no accessor for its bytes. Its memory is cleared
//! when it is dropped.
//!
//! [RFC 5958]: https://www.rfc-editor.org/rfc/rfc5958
//! [RFC 7468]: https://www.rfc-editor.org/rfc/rfc7468
//! [RFC 8410]: https://www.rfc-editor.org/rfc/rfc8410
//! [RFC 8032]: https://www.rfc-editor.org/rfc/rfc8032
//! [RFC 9881]: https://www.rfc-editor.org/rfc/rfc9881
//! [RFC 8018]: https://www.rfc-editor.org/rfc/rfc8018
//! [RFC 7914]: https://www.rfc-editor.org/rfc/rfc7914

mod error;
mod file;
mod issuer_key;
mod limits;
mod note_key;
mod opening_key;
mod passphrase;
mod pem;
mod random;
mod secret;
mod signers;

pub use error::{FileStep, KeyError};
pub use issuer_key::IssuerKey;
pub use note_key::NoteKey;
pub use opening_key::OpeningKey;
pub use passphrase::Passphrase;
pub use random::random_bytes;
pub use secret::{Algorithm, SecretKey};
pub use signers::{StatementKey, TufKey};
