//! Randomness passed in as 32 bytes, stretched to as much as the arithmetic asks for.

use std::convert::Infallible;

use hkdf::Hkdf;
use rsa::rand_core::{TryCryptoRng, TryRng};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HKDF-SHA256 (RFC 5869) of a seed, block after block.
pub(crate) struct Stretched {
    prk: Hkdf<Sha256>,
    block: Zeroizing<[u8; 32]>,
    used: usize,
    next: u64,
}

impl Stretched {
    pub(crate) fn from_seed(seed: &[u8; 32], purpose: &str) -> Self {
        Self {
            prk: Hkdf::new(Some(purpose.as_bytes()), seed),
            block: Zeroizing::new([0; 32]),
            used: 32,
            next: 0,
        }
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let info = self.next.to_be_bytes();
            self.prk
                .expand(&info, &mut *self.block)
                .expect("32 bytes are within what HKDF-SHA256 can give");
            self.next += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

impl TryRng for Stretched {
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
        out.fill_with(|| self.byte());
        Ok(())
    }
}

impl TryCryptoRng for Stretched {}
