//! Reads a source archive and refuses every byte that the writer would not have written.
//!
//! The check is simple because the form is unique: what was understood from a header is written again, and must
//! give the same bytes.

use std::collections::HashSet;
use std::io::{Read, Write};

use crate::archive::{BLOCK, Entry, EntryKind, check_amount, padding};
use crate::error::ArchiveFault;
use crate::limits::{
    ARCHIVE_BYTES_MAX, CHUNK_BYTES, ENTRIES_MAX, PAX_BYTES_MAX, SOURCE_FILE_BYTES_MAX,
};
use crate::path::{LinkTarget, TreePath};

/// A strict reader over one archive. Call [`ArchiveReader::next_entry`] until it gives nothing, reading each body in
/// between with [`ArchiveReader::body`] (a body that is not asked for is skipped).
#[derive(Debug)]
pub struct ArchiveReader<R: Read> {
    input: R,
    index: usize,
    bytes: u64,
    unread: u64,
    last: Option<TreePath>,
    leaves: HashSet<String>,
}

impl<R: Read> ArchiveReader<R> {
    /// Reads from the first byte of an archive.
    pub fn new(input: R) -> Self {
        Self {
            input,
            index: 0,
            bytes: 0,
            unread: 0,
            last: None,
            leaves: HashSet::new(),
        }
    }

    /// The next entry, or nothing at a correct end with no byte behind it.
    ///
    /// # Errors
    /// [`ArchiveFault`] for anything but the one form.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ArchiveFault> {
        self.body(&mut std::io::sink())?;
        let mut raw = Vec::with_capacity(BLOCK);
        self.take_block(&mut raw)?;
        if raw.iter().all(|byte| *byte == 0) {
            self.end()?;
            return Ok(None);
        }
        let pax = if raw[156] == b'x' {
            self.pax(&mut raw)?
        } else {
            Pax::default()
        };
        let header = &raw[raw.len() - BLOCK..];
        let entry = self.entry(header, pax)?;
        if entry.header() != raw {
            return Err(self.not_canonical("header"));
        }
        self.check_place(&entry)?;
        self.unread = entry.body_bytes();
        self.index += 1;
        Ok(Some(entry))
    }

    /// Copies the body of the entry that came last to `out`. Nothing is left for a second call.
    ///
    /// # Errors
    /// [`ArchiveFault::Stream`] when either side fails, or padding that is not zero.
    pub fn body(&mut self, out: &mut dyn Write) -> Result<(), ArchiveFault> {
        let bytes = std::mem::take(&mut self.unread);
        let mut left = bytes;
        let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(bytes).unwrap_or(CHUNK_BYTES))];
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            self.input
                .read_exact(&mut chunk[..count])
                .map_err(ArchiveFault::Stream)?;
            out.write_all(&chunk[..count])
                .map_err(ArchiveFault::Stream)?;
            left -= count as u64;
        }
        let mut rest = [0; BLOCK];
        let rest = &mut rest[..padding(bytes)];
        self.input.read_exact(rest).map_err(ArchiveFault::Stream)?;
        if rest.iter().any(|byte| *byte != 0) {
            return Err(self.not_canonical("padding"));
        }
        Ok(())
    }

    /// Gives the stream back.
    pub(crate) fn into_input(self) -> R {
        self.input
    }

    fn take_block(&mut self, raw: &mut Vec<u8>) -> Result<(), ArchiveFault> {
        let mut block = [0; BLOCK];
        self.input
            .read_exact(&mut block)
            .map_err(ArchiveFault::Stream)?;
        raw.extend_from_slice(&block);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ArchiveFault> {
        let mut second = Vec::new();
        self.take_block(&mut second)?;
        let more = self.input.read(&mut [0]).map_err(ArchiveFault::Stream)?;
        if more != 0 || second.iter().any(|byte| *byte != 0) {
            return Err(self.not_canonical("end"));
        }
        Ok(())
    }

    /// Reads the records behind a pax header and the header that follows, appending both to `raw`.
    fn pax(&mut self, raw: &mut Vec<u8>) -> Result<Pax, ArchiveFault> {
        let bytes = octal(&raw[124..135]).ok_or_else(|| self.not_canonical("pax size"))?;
        check_amount("bytes of a pax record", bytes, PAX_BYTES_MAX)?;
        let start = raw.len();
        let end = start + usize::try_from(bytes).expect("at most PAX_BYTES_MAX");
        while raw.len() < end {
            self.take_block(raw)?;
        }
        let records =
            std::str::from_utf8(&raw[start..end]).map_err(|_| self.not_canonical("pax text"))?;
        let pax = Pax::parse(records).ok_or_else(|| self.not_canonical("pax record"))?;
        self.take_block(raw)?;
        Ok(pax)
    }

    fn entry(&self, header: &[u8], pax: Pax) -> Result<Entry, ArchiveFault> {
        let text = |range: std::ops::Range<usize>| {
            let field = &header[range];
            let end = field
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(field.len());
            std::str::from_utf8(&field[..end]).map_err(|_| self.not_canonical("text"))
        };
        let in_path = |source| ArchiveFault::Path {
            index: self.index,
            source,
        };
        let name = match pax.path {
            Some(name) => name,
            None => text(0..100)?.to_owned(),
        };
        let path: TreePath = name.parse().map_err(in_path)?;
        let bytes = octal(&header[124..135]).ok_or_else(|| self.not_canonical("size"))?;
        let kind = match header[156] {
            b'0' => EntryKind::File {
                executable: header[100..107] == *b"0000755",
                bytes,
            },
            b'2' => {
                let target = match pax.linkpath {
                    Some(target) => target,
                    None => text(157..257)?.to_owned(),
                };
                let target = LinkTarget::parse(&path, &target).map_err(in_path)?;
                EntryKind::Symlink { target }
            }
            _ => return Err(self.not_canonical("only files and symbolic links are allowed")),
        };
        Ok(Entry { path, kind })
    }

    fn check_place(&mut self, entry: &Entry) -> Result<(), ArchiveFault> {
        let path = entry.path.as_str();
        if self.last.as_ref().is_some_and(|last| *last >= entry.path) {
            return Err(ArchiveFault::Order {
                path: path.to_owned(),
            });
        }
        if let Some(behind) = entry
            .path
            .folders()
            .find(|folder| self.leaves.contains(*folder))
        {
            return Err(ArchiveFault::Behind {
                path: path.to_owned(),
                behind: behind.to_owned(),
            });
        }
        self.bytes += entry.body_bytes();
        check_amount("bytes of a file", entry.body_bytes(), SOURCE_FILE_BYTES_MAX)?;
        check_amount("bytes of the archive", self.bytes, ARCHIVE_BYTES_MAX)?;
        check_amount(
            "entries of the source",
            self.index as u64 + 1,
            ENTRIES_MAX as u64,
        )?;
        self.leaves.insert(path.to_owned());
        self.last = Some(entry.path.clone());
        Ok(())
    }

    fn not_canonical(&self, what: &'static str) -> ArchiveFault {
        ArchiveFault::NotCanonical {
            index: self.index,
            what,
        }
    }
}

/// The two records a source archive knows.
#[derive(Debug, Default)]
struct Pax {
    path: Option<String>,
    linkpath: Option<String>,
}

impl Pax {
    /// Lengths and order are not looked at here: writing the entry again decides about them.
    fn parse(mut records: &str) -> Option<Self> {
        let mut found = Self::default();
        while !records.is_empty() {
            let (length, _) = records.split_once(' ')?;
            let record = records.get(..length.parse().ok()?)?;
            records = &records[record.len()..];
            let (key, value) = record
                .get(length.len() + 1..)?
                .strip_suffix('\n')?
                .split_once('=')?;
            match key {
                "path" => found.path = Some(value.to_owned()),
                "linkpath" => found.linkpath = Some(value.to_owned()),
                _ => return None,
            }
        }
        Some(found)
    }
}

fn octal(digits: &[u8]) -> Option<u64> {
    let is_octal = digits.iter().all(|byte| matches!(byte, b'0'..=b'7'));
    let text = std::str::from_utf8(digits).ok().filter(|_| is_octal)?;
    u64::from_str_radix(text, 8).ok()
}
