//! Numbers about bytes: how evenly they are spread, and what they resemble.

/// Shannon entropy in thousandths of a bit per byte: 0 (one value) to 8000 (all equally often).
///
/// Computed in floating point from integer counts and rounded once, so equal bytes give equal numbers.
pub(crate) fn entropy_millibits(bytes: &[u8]) -> u32 {
    let mut counts = [0u64; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let size = bytes.len() as f64;
    let bits: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = *count as f64 / size;
            -share * share.log2()
        })
        .sum();
    (bits * 1000.0).round() as u32
}

/// TLSH (Oliver, Cheng, Chen 2013; version 4, 128 buckets, one byte of checksum) as `T1` and 70 hex digits.
pub(crate) fn tlsh(bytes: &[u8]) -> Option<String> {
    let digest = tlsh2::TlshDefaultBuilder::build_from(bytes)?;
    String::from_utf8(digest.hash().to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_goes_from_nothing_to_eight_bits() {
        assert_eq!(entropy_millibits(b""), 0);
        assert_eq!(entropy_millibits(b"aaaa"), 0);
        assert_eq!(entropy_millibits(b"abab"), 1000);
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(entropy_millibits(&all), 8000);
    }

    #[test]
    fn short_or_plain_bytes_have_no_tlsh() {
        assert_eq!(tlsh(b"short"), None);
        assert_eq!(tlsh(&[7; 4096]), None);
        let text: Vec<u8> = (0..2000u32).map(|n| (n * n % 251) as u8).collect();
        let digest = tlsh(&text).unwrap_or_default();
        assert!(digest.starts_with("T1") && digest.len() == 72, "{digest}");
    }
}
