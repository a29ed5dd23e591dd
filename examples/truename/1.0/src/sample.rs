//! The few bytes of a file that decide what it is.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Enough to reach the volume descriptor of an ISO image (byte 32,769).
pub const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// Enough for the directory at the end of most ZIP files.
pub const TAIL_BYTES_MAX: u64 = 64 * 1024;

/// The beginning and the end of a file. For a short file the two are the same bytes.
#[derive(Debug, Default)]
pub struct Sample {
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
}

impl Sample {
    /// A sample of a file whose whole content is at hand.
    #[cfg(test)]
    pub fn of(bytes: &[u8]) -> Self {
        let head = bytes.len().min(HEAD_BYTES_MAX as usize);
        let tail = bytes.len().saturating_sub(TAIL_BYTES_MAX as usize);
        Sample {
            head: bytes[..head].to_vec(),
            tail: bytes[tail..].to_vec(),
        }
    }

    /// True when `magic` stands at `offset` from the beginning.
    pub fn has(&self, offset: usize, magic: &[u8]) -> bool {
        self.head
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(magic))
    }
}

/// Reads the sample. A pipe or device is refused: reading it could block or change it.
pub fn read(path: &Path) -> io::Result<Sample> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "is not a regular file",
        ));
    }
    let mut file = File::open(path)?;
    let mut sample = Sample::default();
    let size = file.metadata()?.len();
    file.by_ref()
        .take(HEAD_BYTES_MAX)
        .read_to_end(&mut sample.head)?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES_MAX)))?;
    file.take(TAIL_BYTES_MAX).read_to_end(&mut sample.tail)?;
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_is_its_own_head_and_tail() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
        let sample = read(&path).unwrap();
        assert_eq!(sample.head, sample.tail);
        assert!(sample.has(0, b"# This file"));
    }

    #[test]
    fn a_magic_past_the_end_is_not_there() {
        assert!(!Sample::of(b"abc").has(2, b"cd"));
        assert!(!Sample::of(b"abc").has(9, b""));
    }

    #[test]
    fn a_device_is_refused() {
        assert!(read(Path::new("/dev/null")).is_err());
    }
}
