//! The source archive: a tar file (POSIX.1-2001 `ustar` and `pax`) with exactly one form for one tree.
//!
//! `spec/source-archive.md` says it in prose. Files and symbolic links only, ordered by the bytes of their path;
//! owner 0, no names, time 0, mode 0644 or 0755; a path or target that is not ASCII or longer than 100 bytes has
//! a pax record; two zero blocks end it.

use std::io::{self, Read, Write};

use crate::error::ArchiveFault;
use crate::limits::{ARCHIVE_BYTES_MAX, ENTRIES_MAX, SOURCE_FILE_BYTES_MAX};
use crate::path::{LinkTarget, TreePath};

/// Bytes of a tar block.
pub(crate) const BLOCK: usize = 512;
/// Longest name that stands in the header itself.
const NAME_BYTES_MAX: usize = 100;

/// One member of a source tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: TreePath,
    /// What it is.
    pub kind: EntryKind,
}

/// What a member of a source tree is. Folders are implied by paths; empty ones do not exist, as in git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File {
        /// Whether its owner may run it: mode 0755, else 0644.
        executable: bool,
        /// Its size.
        bytes: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points, inside the tree.
        target: LinkTarget,
    },
}

impl Entry {
    /// Bytes that follow the header, without padding.
    pub(crate) fn body_bytes(&self) -> u64 {
        match self.kind {
            EntryKind::File { bytes, .. } => bytes,
            EntryKind::Symlink { .. } => 0,
        }
    }

    /// The header blocks in their one form: a pax record when needed, then the ustar header.
    pub(crate) fn header(&self) -> Vec<u8> {
        let target = match &self.kind {
            EntryKind::Symlink { target } => target.as_str(),
            EntryKind::File { .. } => "",
        };
        let mut records = Vec::new();
        for (key, value) in [("path", self.path.as_str()), ("linkpath", target)] {
            if !fits(value) {
                records.extend_from_slice(&pax_record(key, value));
            }
        }
        let mut blocks = Vec::new();
        if !records.is_empty() {
            blocks.extend_from_slice(&ustar("pax", "", b'x', 0o644, records.len() as u64));
            blocks.extend_from_slice(&records);
            blocks.resize(blocks.len() + padding(records.len() as u64), 0);
        }
        let (flag, mode) = match self.kind {
            EntryKind::File { executable, .. } => (b'0', if executable { 0o755 } else { 0o644 }),
            EntryKind::Symlink { .. } => (b'2', 0o777),
        };
        blocks.extend_from_slice(&ustar(
            self.path.as_str(),
            target,
            flag,
            mode,
            self.body_bytes(),
        ));
        blocks
    }
}

/// Writes an archive; refuses entries that come in the wrong order.
#[derive(Debug)]
pub struct ArchiveWriter<W: Write> {
    out: W,
    last: Option<TreePath>,
    entries: usize,
    bytes: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Starts an archive.
    pub fn new(out: W) -> Self {
        Self {
            out,
            last: None,
            entries: 0,
            bytes: 0,
        }
    }

    /// Writes one entry; `body` must hold exactly the bytes its kind says, and the order must be ascending.
    ///
    /// # Errors
    /// [`ArchiveFault`]; the archive is useless then.
    pub fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), ArchiveFault> {
        if self.last.as_ref().is_some_and(|last| *last >= entry.path) {
            return Err(ArchiveFault::Order {
                path: entry.path.to_string(),
            });
        }
        let bytes = entry.body_bytes();
        let header = entry.header();
        self.bytes += header.len() as u64 + bytes;
        check_amount(
            "entries of the source",
            self.entries as u64 + 1,
            ENTRIES_MAX as u64,
        )?;
        check_amount("bytes of a file", bytes, SOURCE_FILE_BYTES_MAX)?;
        check_amount("bytes of the archive", self.bytes, ARCHIVE_BYTES_MAX)?;
        self.out.write_all(&header).map_err(ArchiveFault::Stream)?;
        let copied =
            io::copy(&mut body.take(bytes), &mut self.out).map_err(ArchiveFault::Stream)?;
        if copied != bytes || body.read(&mut [0]).map_err(ArchiveFault::Stream)? != 0 {
            return Err(ArchiveFault::NotCanonical {
                index: self.entries,
                what: "the file changed while it was read",
            });
        }
        self.out
            .write_all(&[0; BLOCK][..padding(bytes)])
            .map_err(ArchiveFault::Stream)?;
        self.entries += 1;
        self.last = Some(entry.path.clone());
        Ok(())
    }

    /// Writes the end and gives the stream back.
    ///
    /// # Errors
    /// [`ArchiveFault::Stream`].
    pub fn finish(mut self) -> Result<W, ArchiveFault> {
        self.out
            .write_all(&[0; 2 * BLOCK])
            .map_err(ArchiveFault::Stream)?;
        Ok(self.out)
    }
}

/// Refuses a count above its limit.
pub(crate) fn check_amount(what: &'static str, amount: u64, max: u64) -> Result<(), ArchiveFault> {
    if amount > max {
        return Err(ArchiveFault::TooMuch { what, max });
    }
    Ok(())
}

/// Zero bytes that fill the last block.
pub(crate) fn padding(bytes: u64) -> usize {
    let over = usize::try_from(bytes % BLOCK as u64).expect("below 512");
    (BLOCK - over) % BLOCK
}

/// Whether a name stands in the header itself.
fn fits(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && name.is_ascii()
}

/// `"<length> <key>=<value>\n"`, where the length counts itself.
fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

/// One ustar header. A name that does not fit is replaced by an empty one; its pax record has it.
fn ustar(name: &str, target: &str, flag: u8, mode: u32, bytes: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, if fits(name) { name.as_bytes() } else { b"" });
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{bytes:011o}").as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[flag]);
    put(157, if fits(target) { target.as_bytes() } else { b"" });
    put(257, b"ustar\x0000");
    put(329, b"0000000");
    put(337, b"0000000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pax_record_counts_its_own_length() {
        assert_eq!(pax_record("path", "a"), b"9 path=a\n");
        assert_eq!(pax_record("path", &"x".repeat(90)).len(), 99);
        assert!(pax_record("path", &"x".repeat(91)).starts_with(b"101 path="));
    }
}
