//! Uploads to a mirror, whole and in pieces, and the body of its 202 and 409.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{AddEntries, AddEntriesReader, EntryPackage, MirrorInfo};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(info) = MirrorInfo::parse(bytes) {
        assert_eq!(info.to_bytes(), bytes);
    }
    if let Ok(Some((head, used))) = AddEntries::parse_prefix(bytes) {
        assert_eq!(head.to_bytes().ok().as_deref(), Some(&bytes[..used]));
    }
    for entries in [0, 1, 3, 256, 257] {
        if let Ok(Some((package, used))) = EntryPackage::parse_prefix(bytes, entries) {
            assert_eq!(package.to_bytes().ok().as_deref(), Some(&bytes[..used]));
        }
    }
    assert_eq!(read(bytes, bytes.len().max(1)), read(bytes, 7));
});

/// What is read of a body that arrives in pieces of this size; how a malformed one ends is left
/// out, because it may end earlier in small pieces.
fn read(bytes: &[u8], piece: usize) -> Option<Vec<Vec<u8>>> {
    let (mut reader, mut found) = (AddEntriesReader::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        if let Some(head) = reader.head().ok()? {
            found.push(head.to_bytes().ok()?);
        }
        while let Some((_, package)) = reader.package().ok()? {
            found.push(package.to_bytes().ok()?);
        }
    }
    Some(found)
}
