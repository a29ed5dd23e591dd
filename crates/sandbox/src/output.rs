//! Captures the two output pipes in bounded memory.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Bytes that both pipes together delivered so far.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    seen: Arc<AtomicU64>,
    bytes_max: u64,
}

impl Meter {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            seen: Arc::new(AtomicU64::new(0)),
            bytes_max,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.seen.load(Ordering::SeqCst) > self.bytes_max
    }

    /// Counts `bytes` and says how many of them fit.
    fn admit(&self, bytes: usize) -> usize {
        let bytes = bytes as u64;
        let before = self.seen.fetch_add(bytes, Ordering::SeqCst);
        let fitting = self.bytes_max.saturating_sub(before).min(bytes);
        usize::try_from(fitting).expect("not more than the chunk, which is a usize")
    }
}

/// Reads `pipe` to its end on a thread. What does not fit is read and dropped, so that nobody blocks on a full
/// pipe while the kill is under way.
pub(crate) fn capture(mut pipe: impl Read + Send + 'static, meter: Meter) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut chunk = vec![0_u8; 64 * 1024];
        loop {
            match pipe.read(&mut chunk) {
                Ok(0) => return kept,
                Ok(count) => kept.extend_from_slice(&chunk[..meter.admit(count)]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return kept,
            }
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fits_is_kept() {
        let meter = Meter::new(10);
        let kept = capture(&b"0123456789abcdef"[..], meter.clone())
            .join()
            .unwrap();
        assert_eq!(kept, b"0123456789");
        assert!(meter.is_over());
    }

    #[test]
    fn exactly_the_limit_is_not_over() {
        let meter = Meter::new(4);
        assert_eq!(
            capture(&b"1234"[..], meter.clone()).join().unwrap(),
            b"1234"
        );
        assert!(!meter.is_over());
    }
}
