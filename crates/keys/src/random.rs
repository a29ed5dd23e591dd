//! Randomness from the operating system; the only source in the project.

use crate::KeyError;
use zeroize::Zeroizing;

/// `N` bytes from the operating system's generator, cleared from memory when dropped.
///
/// # Errors
/// [`KeyError::Random`] when the operating system gives none.
pub fn random_bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut bytes = Zeroizing::new([0_u8; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeyError::Random)?;
    Ok(bytes)
}
