//! One wrap: 32 bytes under HPKE (RFC 9180, base mode, single shot) to an X-Wing key, with randomness passed in.

use std::{convert::Infallible, fmt};

use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _,
    aead::AesGcm256,
    kdf::HkdfSha256,
    kem::XWing,
    rand_core::{TryCryptoRng, TryRng},
    setup_receiver, setup_sender_with_rng,
};
use zeroize::Zeroizing;

use crate::limits::{WRAP_BYTES, WRAP_KEY_BYTES, WRAP_RANDOMNESS_BYTES};

/// Bytes of the encapsulated key that opens a wrap.
const ENCAPSULATED_BYTES: usize = 1120;

/// The public key of an epoch.
#[derive(Clone, PartialEq, Eq)]
pub struct WrapKey(<XWing as hpke::Kem>::PublicKey);

impl WrapKey {
    /// Reads a raw public key; nothing when it is none.
    #[must_use]
    pub fn from_raw(raw: &[u8]) -> Option<Self> {
        <XWing as hpke::Kem>::PublicKey::from_bytes(raw)
            .ok()
            .map(Self)
    }

    /// The raw key.
    #[must_use]
    pub fn raw(&self) -> [u8; WRAP_KEY_BYTES] {
        self.0.to_bytes().into()
    }

    /// Seals `secret` to this key. The same arguments give the same wrap.
    pub(crate) fn seal(
        &self,
        info: &[u8],
        secret: &[u8; 32],
        randomness: &[u8; WRAP_RANDOMNESS_BYTES],
    ) -> Wrap {
        let (encapsulated, mut context) = setup_sender_with_rng::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &self.0,
            info,
            &mut Tape(randomness),
        )
        .expect("encapsulating to an X-Wing key that was parsed cannot fail");
        let sealed = context
            .seal(secret, b"")
            .expect("the first message of a context is sealed");
        let mut bytes = Box::new([0_u8; WRAP_BYTES]);
        bytes[..ENCAPSULATED_BYTES].copy_from_slice(&encapsulated.to_bytes());
        bytes[ENCAPSULATED_BYTES..].copy_from_slice(&sealed);
        Wrap(bytes)
    }
}

impl fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrapKey({})", tlog::sha256(&self.raw()).to_hex())
    }
}

/// The private key of an epoch. No `Debug`, no `Clone`; cleared when dropped.
pub struct WrapSecret {
    secret: <XWing as hpke::Kem>::PrivateKey,
    public: WrapKey,
}

impl WrapSecret {
    /// The key that a 32-byte X-Wing seed stands for.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = <XWing as hpke::Kem>::PrivateKey::from_bytes(seed)
            .expect("every 32 bytes are an X-Wing seed");
        let public = WrapKey(XWing::sk_to_pk(&secret));
        Self { secret, public }
    }

    /// The seed, to be kept in a file.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes().into())
    }
}

/// Somebody who holds the private key of an epoch.
pub trait WrapOpener {
    /// The public key.
    fn wrap_key(&self) -> &WrapKey;
    /// What is inside; nothing when the wrap is not for this key and this info.
    fn open_wrap(&self, info: &[u8], wrap: &Wrap) -> Option<Zeroizing<[u8; 32]>>;
}

impl WrapOpener for WrapSecret {
    fn wrap_key(&self) -> &WrapKey {
        &self.public
    }

    fn open_wrap(&self, info: &[u8], wrap: &Wrap) -> Option<Zeroizing<[u8; 32]>> {
        let (encapsulated, sealed) = wrap.0.split_at(ENCAPSULATED_BYTES);
        let encapsulated = <XWing as hpke::Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let mut context = setup_receiver::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.secret,
            &encapsulated,
            info,
        )
        .ok()?;
        let opened = Zeroizing::new(context.open(sealed, b"").ok()?);
        let mut secret = Zeroizing::new([0_u8; 32]);
        secret.copy_from_slice(&opened);
        Some(secret)
    }
}

/// One wrap: the encapsulated key, then the sealed secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrap(Box<[u8; WRAP_BYTES]>);

impl Wrap {
    /// Takes the bytes of a wrap, whatever they hold.
    #[must_use]
    pub fn from_bytes(bytes: [u8; WRAP_BYTES]) -> Self {
        Self(Box::new(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; WRAP_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrap({})", tlog::sha256(self.as_bytes()).to_hex())
    }
}

/// Plays back the randomness of one encapsulation, which asks for exactly this much.
struct Tape<'a>(&'a [u8]);

impl TryRng for Tape<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let (next, rest) = self
            .0
            .split_at_checked(out.len())
            .expect("X-Wing encapsulates with 64 bytes of randomness");
        out.copy_from_slice(next);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Tape<'_> {}
