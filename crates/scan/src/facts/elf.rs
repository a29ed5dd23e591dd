//! ELF: segments, entry point, what stands behind everything the headers name. Own code over
//! [`Cursor`], since torn headers have to be read as far as they go.

use crate::cursor::Cursor;
use crate::reason::Reason;
use crate::report::Facts;

const LOAD: u32 = 1;
const EXECUTE: u32 = 1;
const WRITE: u32 = 2;
/// A program, or a shared object that may be one.
const RUNNABLE: [u64; 2] = [2, 3];

/// Reads numbers in the class and byte order of the file.
struct Fields<'a> {
    cursor: Cursor<'a>,
    wide: bool,
    big: bool,
}

impl Fields<'_> {
    fn number(&mut self, size: usize) -> Option<u64> {
        let bytes = self.cursor.take(size)?;
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if self.big {
            bytes.iter().fold(0, join)
        } else {
            bytes.iter().rev().fold(0, join)
        })
    }

    /// An address or offset.
    fn word(&mut self) -> Option<u64> {
        self.number(if self.wide { 8 } else { 4 })
    }
}

struct Segment {
    flags: u32,
    at: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
    kind: u32,
}

pub(super) fn note(bytes: &[u8], facts: &mut Facts) {
    let _ = read(bytes, facts);
}

fn fields(bytes: &[u8], at: u64) -> Option<Fields<'_>> {
    Some(Fields {
        cursor: Cursor::from(bytes, usize::try_from(at).ok()?),
        wide: *bytes.get(4)? == 2,
        big: *bytes.get(5)? == 2,
    })
}

fn read(bytes: &[u8], facts: &mut Facts) -> Option<()> {
    let mut header = fields(bytes, 16)?;
    let kind = header.number(2)?;
    header.number(2 + 4)?;
    let (entry, segments_at, sections_at) = (header.word()?, header.word()?, header.word()?);
    header.number(4 + 2)?;
    let (segment_size, segments) = (header.number(2)?, header.number(2)?);
    let (section_size, sections) = (header.number(2)?, header.number(2)?);
    if !RUNNABLE.contains(&kind) {
        return None;
    }
    if sections_at == 0 || sections == 0 {
        facts.add(Reason::ElfNoSections, "");
    }
    let mut end = sections_at.saturating_add(section_size * sections);
    end = end.max(segments_at.saturating_add(segment_size * segments));
    for index in 0..segments {
        let segment = segment(bytes, segments_at.checked_add(index * segment_size)?)?;
        end = end.max(segment.at.saturating_add(segment.file_size));
        if segment.kind != LOAD {
            continue;
        }
        let both = segment.flags & WRITE != 0 && segment.flags & EXECUTE != 0;
        if both {
            facts.add(Reason::ElfWritableExecutable, format!("segment {index}"));
        }
        let reach = segment.address..segment.address.saturating_add(segment.memory_size);
        if segment.flags & WRITE != 0 && entry != 0 && reach.contains(&entry) {
            facts.add(Reason::ElfEntryWritable, format!("segment {index}"));
        }
    }
    let behind = (bytes.len() as u64).saturating_sub(end);
    if behind > 16 {
        facts.add(Reason::ElfOverlay, format!("{behind} bytes"));
    }
    Some(())
}

fn segment(bytes: &[u8], at: u64) -> Option<Segment> {
    let mut fields = fields(bytes, at)?;
    let kind = fields.number(4)? as u32;
    let mut flags = if fields.wide {
        fields.number(4)? as u32
    } else {
        0
    };
    let (at, address, _) = (fields.word()?, fields.word()?, fields.word()?);
    let (file_size, memory_size) = (fields.word()?, fields.word()?);
    if !fields.wide {
        flags = fields.number(4)? as u32;
    }
    Some(Segment {
        flags,
        at,
        address,
        file_size,
        memory_size,
        kind,
    })
}
