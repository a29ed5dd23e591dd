//! RSABSSA-SHA384-PSS-Deterministic (RFC 9474 section 4) with a modulus of 2048 bits, over the integers of the crate `rsa`.
//!
//! Only the issuer's step touches a secret that somebody else could time, and `rsa` does that step: constant time for the exponent,
//! and multiplied by a random power before.

use rsa::BoxedUint;
use rsa::hazmat::{rsa_decrypt_and_check, rsa_encrypt};
use rsa::pss::{Signature, VerifyingKey};
use rsa::rand_core::CryptoRng;
use rsa::signature::Verifier as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha2::{Digest as _, Sha384};
use zeroize::Zeroizing;

use crate::limits::MODULUS_BYTES;

/// Bytes of SHA-384, and of the salt (RFC 9474 section 5).
const HASH_BYTES: usize = 48;
/// Draws of a blind before giving up: each is below the modulus with more than even odds.
const DRAWS_MAX: usize = 256;

/// A number below the modulus, as 256 bytes.
pub(crate) type Number = [u8; MODULUS_BYTES];

/// MGF1 with SHA-384 (RFC 8017 appendix B.2.1), on top of what is there.
fn mask(seed: &[u8], out: &mut [u8]) {
    for (counter, chunk) in (0_u32..).zip(out.chunks_mut(HASH_BYTES)) {
        let mut hash = Sha384::new();
        hash.update(seed);
        hash.update(counter.to_be_bytes());
        for (byte, masking) in chunk.iter_mut().zip(hash.finalize()) {
            *byte ^= masking;
        }
    }
}

/// EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) for 2047 bits.
fn encode(message: &[u8], salt: &[u8; HASH_BYTES]) -> Number {
    let mut hash = Sha384::new();
    hash.update([0; 8]);
    hash.update(Sha384::digest(message));
    hash.update(salt);
    let hash = hash.finalize();
    let mut encoded = [0; MODULUS_BYTES];
    let (block, rest) = encoded.split_at_mut(MODULUS_BYTES - HASH_BYTES - 1);
    let salt_at = block.len() - HASH_BYTES;
    block[salt_at - 1] = 1;
    block[salt_at..].copy_from_slice(salt);
    mask(&hash, block);
    block[0] &= 0x7f;
    rest[..HASH_BYTES].copy_from_slice(&hash);
    rest[HASH_BYTES] = 0xbc;
    encoded
}

fn read(key: &RsaPublicKey, bytes: &Number) -> Option<BoxedUint> {
    let number = BoxedUint::from_be_slice(bytes, key.n_bits_precision()).ok()?;
    (number < *key.n().as_ref()).then_some(number)
}

fn write(number: &BoxedUint) -> Option<Number> {
    (*number.to_be_bytes()).try_into().ok()
}

/// A blinded message, and the inverse of what it was blinded with.
pub(crate) struct Blinded {
    pub(crate) message: Number,
    pub(crate) inverse: Zeroizing<Number>,
}

/// `Blind` (section 4.2): draws the salt, then the blind. Nothing for a message or blind that shares a factor with the modulus, which
/// nobody meets who has not factored it.
pub(crate) fn blind(
    key: &RsaPublicKey,
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Option<Blinded> {
    let mut salt = [0; HASH_BYTES];
    rng.fill_bytes(&mut salt);
    let encoded = read(key, &encode(message, &salt))?;
    Option::from(encoded.invert_mod(key.n())).map(|_: BoxedUint| ())?;
    let mut drawn = Zeroizing::new([0; MODULUS_BYTES]);
    for _ in 0..DRAWS_MAX {
        rng.fill_bytes(&mut *drawn);
        let Some(blind) = read(key, &drawn) else {
            continue;
        };
        let inverse: Option<BoxedUint> = blind.invert_mod(key.n()).into();
        let Some(inverse) = inverse else { continue };
        let factor = rsa_encrypt(key, &blind).ok()?;
        return Some(Blinded {
            message: write(&encoded.mul_mod(&factor, key.n()))?,
            inverse: Zeroizing::new(write(&inverse)?),
        });
    }
    None
}

/// `BlindSign` (section 4.3). Nothing for what is no number below the modulus.
pub(crate) fn sign(
    key: &RsaPrivateKey,
    blinded: &Number,
    rng: &mut impl CryptoRng,
) -> Option<Number> {
    let number = read(key.as_public_key(), blinded)?;
    write(&rsa_decrypt_and_check(key, Some(rng), &number).ok()?)
}

/// `Finalize` (section 4.4). Nothing when what comes out does not verify.
pub(crate) fn unblind(
    key: &RsaPublicKey,
    message: &[u8],
    signed: &Number,
    inverse: &Number,
) -> Option<Number> {
    let (signed, inverse) = (read(key, signed)?, read(key, inverse)?);
    let signature = write(&signed.mul_mod(&inverse, key.n()))?;
    verify(key, message, &signature).then_some(signature)
}

/// RSASSA-PSS-VERIFY (RFC 8017 section 8.1.2).
pub(crate) fn verify(key: &RsaPublicKey, message: &[u8], signature: &Number) -> bool {
    let verifier = VerifyingKey::<Sha384>::new_with_salt_len(key.clone(), HASH_BYTES);
    Signature::try_from(signature.as_slice())
        .is_ok_and(|signature| verifier.verify(message, &signature).is_ok())
}
