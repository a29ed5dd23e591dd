//! Mach-O: segments and entry point, in one architecture or several.

use crate::cursor::Cursor;
use crate::reason::Reason;
use crate::report::Facts;

const SEGMENT_32: u32 = 1;
const SEGMENT_64: u32 = 0x19;
const MAIN: u32 = 0x8000_0028;
const WRITE: u32 = 2;
const EXECUTE: u32 = 4;
const COMMANDS_MAX: u32 = 4096;
const ARCHITECTURES_MAX: u32 = 44;

pub(super) fn note(bytes: &[u8], facts: &mut Facts) {
    if bytes.starts_with(b"\xca\xfe\xba\xbe") {
        let _ = fat(bytes, facts);
    } else {
        let _ = thin(bytes, facts);
    }
}

fn fat(bytes: &[u8], facts: &mut Facts) -> Option<()> {
    let mut cursor = Cursor::from(bytes, 4);
    let count = cursor.u32_be()?.min(ARCHITECTURES_MAX);
    for _ in 0..count {
        cursor.skip(8)?;
        let (at, size) = (cursor.u32_be()? as usize, cursor.u32_be()? as usize);
        cursor.skip(4)?;
        if let Some(slice) = bytes.get(at..).and_then(|rest| rest.get(..size)) {
            let _ = thin(slice, facts);
        }
    }
    Some(())
}

/// Only the byte order of today's machines; the others say nothing here.
fn thin(bytes: &[u8], facts: &mut Facts) -> Option<()> {
    let wide = bytes.starts_with(b"\xcf\xfa\xed\xfe");
    if !wide && !bytes.starts_with(b"\xce\xfa\xed\xfe") {
        return None;
    }
    let mut header = Cursor::from(bytes, 16);
    let count = header.u32()?.min(COMMANDS_MAX);
    let mut at = if wide { 32 } else { 28 };
    let (mut entry, mut covered) = (None, Vec::new());
    for index in 0..count {
        let mut command = Cursor::from(bytes, at);
        let (kind, size) = (command.u32()?, command.index()?);
        match kind {
            SEGMENT_32 | SEGMENT_64 => {
                command.skip(16)?;
                let word = |cursor: &mut Cursor<'_>| {
                    if kind == SEGMENT_64 {
                        cursor.u64()
                    } else {
                        cursor.u32().map(u64::from)
                    }
                };
                let (_address, _memory) = (word(&mut command)?, word(&mut command)?);
                let (from, file_size) = (word(&mut command)?, word(&mut command)?);
                command.skip(4)?;
                let protection = command.u32()?;
                if protection & WRITE != 0 && protection & EXECUTE != 0 {
                    facts.add(Reason::MachoWritableExecutable, format!("command {index}"));
                }
                if protection & EXECUTE != 0 {
                    covered.push(from..from.saturating_add(file_size));
                }
            }
            MAIN => entry = command.u64(),
            _ => {}
        }
        at = at.checked_add(size.max(8))?;
    }
    if let Some(entry) = entry
        && !covered.iter().any(|range| range.contains(&entry))
    {
        facts.add(Reason::MachoEntryOutside, "");
    }
    Some(())
}
