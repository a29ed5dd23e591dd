//! The one form in which a secret key is written and read: PKCS#8 version 1 in PEM.
//!
//! `privateKey` holds, by algorithm:
//! - Ed25519 (RFC 8410 section 7): `04 20 <32 bytes>`, an OCTET STRING inside the octet string;
//! - ML-DSA-44 (RFC 9881 section 6, choice `seed`): `80 20 <32 bytes>`;
//! - X-Wing (draft-connolly-cfrg-xwing-kem section 5.8): `<32 bytes>`, nothing around them.
//!
//! What is read must be what we would write for the same seed, byte for byte (before
//! encryption), so attributes, the version 2 public key and slack encodings are refused.

use std::path::Path;

use pkcs8::der::Decode;
use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef};
use pkcs8::der::pem::PemLabel;
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Salt, ScryptParams};
use pkcs8::spki::AlgorithmIdentifier;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use crate::limits::{
    SCRYPT_BLOCK, SCRYPT_COST, SCRYPT_MEMORY_BYTES_MAX, SCRYPT_PARALLELIZATION,
    SCRYPT_PARALLELIZATION_MAX,
};
use crate::{Algorithm, KeyError, Passphrase, random_bytes};

const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ML_DSA_44_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");

const X_WING_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.62253.25722");

/// What a key file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A key that signs.
    Signing(Algorithm),
    /// A key that opens wraps.
    XWing,
}

impl Form {
    const ALL: [Self; 3] = [
        Self::Signing(Algorithm::Ed25519),
        Self::Signing(Algorithm::MlDsa44),
        Self::XWing,
    ];

    /// Tag and length in front of the seed.
    const fn seed_prefix(self) -> &'static [u8] {
        match self {
            Self::Signing(Algorithm::Ed25519) => &[0x04, 32],
            Self::Signing(Algorithm::MlDsa44) => &[0x80, 32],
            Self::XWing => &[],
        }
    }

    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Signing(Algorithm::Ed25519) => ED25519_OID,
            Self::Signing(Algorithm::MlDsa44) => ML_DSA_44_OID,
            Self::XWing => X_WING_OID,
        }
    }
}

/// The PKCS#8 bytes of `seed`, without encryption.
fn encode_der(form: Form, seed: &[u8; 32]) -> Result<SecretDocument, pkcs8::Error> {
    let prefix = form.seed_prefix();
    let mut wrapped = Zeroizing::new([0_u8; 34]);
    let wrapped = &mut wrapped[..prefix.len() + 32];
    wrapped[..prefix.len()].copy_from_slice(prefix);
    wrapped[prefix.len()..].copy_from_slice(seed);
    let info = PrivateKeyInfoRef::new(
        AlgorithmIdentifier {
            oid: form.oid(),
            parameters: None,
        },
        OctetStringRef::new(wrapped)?,
    );
    Ok(SecretDocument::encode_msg(&info)?)
}

/// The PEM text of `seed`.
pub(crate) fn encode(
    form: Form,
    seed: &[u8; 32],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<String>, KeyError> {
    let der = encode_der(form, seed).map_err(KeyError::Encode)?;
    let (label, der) = match passphrase {
        None => (PrivateKeyInfoRef::PEM_LABEL, der),
        Some(passphrase) => (
            EncryptedPrivateKeyInfoRef::PEM_LABEL,
            encrypt(&der, passphrase)?,
        ),
    };
    der.to_pem(label, LineEnding::LF)
        .map_err(|source| KeyError::Encode(source.into()))
}

fn encrypt(der: &SecretDocument, passphrase: &Passphrase) -> Result<SecretDocument, KeyError> {
    let salt = random_bytes::<16>()?;
    let parameters = Parameters {
        kdf: Kdf::Scrypt(ScryptParams {
            salt: Salt::new(salt.as_slice()).map_err(|source| KeyError::Encode(source.into()))?,
            cost_parameter: SCRYPT_COST,
            block_size: SCRYPT_BLOCK,
            parallelization: SCRYPT_PARALLELIZATION,
            key_length: None,
        }),
        encryption: EncryptionScheme::Aes256Cbc {
            iv: *random_bytes::<16>()?,
        },
    };
    let info: PrivateKeyInfoRef<'_> = der
        .decode_msg()
        .map_err(|source: pkcs8::der::Error| KeyError::Encode(source.into()))?;
    info.encrypt_with_params(parameters, passphrase.as_bytes())
        .map_err(KeyError::Encode)
}

/// Form and seed from the bytes of a key file; `path` is for messages.
pub(crate) fn decode(
    path: &Path,
    bytes: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<(Form, Zeroizing<[u8; 32]>), KeyError> {
    let not_pem = |source| KeyError::NotPem {
        path: path.to_owned(),
        source,
    };
    let text = std::str::from_utf8(bytes).map_err(|source| not_pem(source.into()))?;
    let (label, document) = SecretDocument::from_pem(text).map_err(not_pem)?;
    if label == PrivateKeyInfoRef::PEM_LABEL {
        if passphrase.is_some() {
            return Err(KeyError::PassphraseNotNeeded {
                path: path.to_owned(),
            });
        }
        return decode_der(path, document.as_bytes());
    }
    if label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
        return Err(KeyError::WrongLabel {
            path: path.to_owned(),
            label: label.chars().take(40).collect(),
        });
    }
    let Some(passphrase) = passphrase else {
        return Err(KeyError::PassphraseNeeded {
            path: path.to_owned(),
        });
    };
    let plain = decrypt(path, document.as_bytes(), passphrase)?;
    // A wrong passphrase passes the padding check of CBC about once in 256 tries and gives
    // noise, so noise is also reported as a wrong passphrase.
    decode_der(path, plain.as_bytes()).map_err(|error| match error {
        KeyError::Malformed { path, .. } => KeyError::PassphraseWrong { path },
        other => other,
    })
}

fn decrypt(path: &Path, der: &[u8], passphrase: &Passphrase) -> Result<SecretDocument, KeyError> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|source| KeyError::Malformed {
        path: path.to_owned(),
        source: source.into(),
    })?;
    let refused = |what| KeyError::UnknownEncryption {
        path: path.to_owned(),
        what,
    };
    let Some(parameters) = info.encryption_algorithm.pbes2() else {
        return Err(refused("PBES1, which is too weak"));
    };
    let Some(scrypt) = parameters.kdf.scrypt() else {
        return Err(refused("PBKDF2, which is not memory-hard"));
    };
    // A file must not decide how much memory and time a daemon spends before it starts.
    let memory = scrypt
        .cost_parameter
        .saturating_mul(128)
        .saturating_mul(u64::from(scrypt.block_size));
    if scrypt.cost_parameter < 2 || !scrypt.cost_parameter.is_power_of_two() {
        return Err(refused("scrypt with a cost that is no power of two"));
    }
    if memory > SCRYPT_MEMORY_BYTES_MAX || scrypt.parallelization > SCRYPT_PARALLELIZATION_MAX {
        return Err(refused("scrypt with a cost above our limit"));
    }
    info.decrypt(passphrase.as_bytes())
        .map_err(|_| KeyError::PassphraseWrong {
            path: path.to_owned(),
        })
}

fn decode_der(path: &Path, der: &[u8]) -> Result<(Form, Zeroizing<[u8; 32]>), KeyError> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|source| KeyError::Malformed {
        path: path.to_owned(),
        source: source.into(),
    })?;
    let oid = info.algorithm.oid;
    let Some(form) = Form::ALL.into_iter().find(|form| form.oid() == oid) else {
        return Err(KeyError::UnknownAlgorithm {
            path: path.to_owned(),
            oid: oid.to_string(),
        });
    };
    let not_canonical = |what| KeyError::NotCanonical {
        path: path.to_owned(),
        what,
    };
    let held = info.private_key.as_bytes();
    let Some(rest) = held
        .strip_prefix(form.seed_prefix())
        .filter(|rest| rest.len() == 32)
    else {
        return Err(not_canonical("its privateKey is not a 32-byte seed"));
    };
    let mut seed = Zeroizing::new([0_u8; 32]);
    seed.copy_from_slice(rest);
    let again = encode_der(form, &seed).map_err(KeyError::Encode)?;
    if again.as_bytes() != der {
        return Err(not_canonical(
            "carries attributes, parameters or a public key (expected version 1 with the seed alone)",
        ));
    }
    Ok((form, seed))
}
