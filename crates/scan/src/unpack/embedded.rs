//! What stands inside a file with no container around it: programs, and archives behind a program.

use super::{installshield, nsis, packers, seven_zip, upx, zip};
use crate::cursor::{Cursor, find, index_at, u16_at};
use crate::kind::Kind;
use crate::limits::{EMBEDDED_MAX, SECTIONS_MAX};
use crate::obstacle::Why;
use crate::reason::Reason;
use crate::walk::Members;

/// Looks through a file of a kind that is no container itself.
pub(super) fn unpack(kind: Kind, bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let is_program = matches!(
        kind,
        Kind::Pe | Kind::Dos | Kind::Elf | Kind::Macho | Kind::MachoFat
    );
    programs(bytes, members)?;
    if zip::is_at_end(bytes) {
        // Bytes of no kind in front of a zip are a header (of Java modules, say), not a second face.
        if !is_program && kind != Kind::Data {
            members.fact(Reason::ContainerPolyglot, kind.as_str());
        }
        zip::unpack(bytes, members)?;
    }
    if is_program {
        archives(bytes, members)?;
        upx::unpack(bytes, members)?;
        let behind = pe_size(bytes).unwrap_or(bytes.len());
        installshield::unpack(&bytes[behind..], members)?;
        packers::name(bytes, behind, members)?;
    }
    Ok(())
}

/// PE programs at any place but the first.
fn programs(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let (mut from, mut found) = (1, 0);
    while let Some(at) = find(bytes, b"MZ", from) {
        from = at + 2;
        let Some(size) = pe_size(&bytes[at..]) else {
            continue;
        };
        found += 1;
        if found > EMBEDDED_MAX {
            return members.closed(Why::Unsupported("very many programs inside a file"));
        }
        members.fact(Reason::PeInside, "");
        members.stored(&bytes[at..at + size])?;
        from = at + size;
    }
    Ok(())
}

/// How far the headers and sections of the PE at the beginning of `bytes` reach.
pub(crate) fn pe_size(bytes: &[u8]) -> Option<usize> {
    let pe = index_at(bytes, 0x3c)?;
    if bytes.get(pe..)?.get(..4)? != b"PE\0\0" {
        return None;
    }
    let sections = usize::from(u16_at(bytes, pe + 6)?);
    let optional = usize::from(u16_at(bytes, pe + 20)?);
    let alignment = index_at(bytes, pe + 24 + 36)?;
    if sections == 0 || sections > SECTIONS_MAX {
        return None;
    }
    let table = pe + 24 + optional;
    let mut end = table + sections * 40;
    for index in 0..sections {
        let mut cursor = Cursor::from(bytes, table + index * 40 + 16);
        let (size, at) = (cursor.index()?, cursor.index()?);
        // The loader rounds the place down to 512 where the file is aligned at all.
        let at = if alignment >= 0x200 || alignment == 0 || at < 0x200 {
            at & !0x1ff
        } else {
            at
        };
        if size > 0 {
            end = end.max(at.checked_add(size)?);
        }
    }
    Some(end.min(bytes.len()))
}

/// Archives that installers and self-extracting programs carry behind themselves.
fn archives(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let behind = pe_size(bytes).unwrap_or(0).min(bytes.len());
    let overlay = &bytes[behind..];
    if let Some(at) = nsis::header_at(bytes) {
        nsis::unpack(&bytes[at..], members)?;
    }
    if let Some(at) = find(overlay, b"7z\xbc\xaf\x27\x1c", 0) {
        seven_zip::unpack(&overlay[at..], members)?;
    }
    let mut from = 0;
    for _ in 0..EMBEDDED_MAX {
        let Some(at) = find(bytes, b"MSCF\0\0\0\0", from) else {
            break;
        };
        let size = index_at(bytes, at + 8).unwrap_or(0);
        from = at + 8;
        if size >= 36 && at.checked_add(size).is_some_and(|end| end <= bytes.len()) {
            from = at + size;
            members.stored(&bytes[at..at + size])?;
        }
    }
    let mut from = 0;
    for _ in 0..EMBEDDED_MAX {
        let Some(at) = find(overlay, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", from) else {
            break;
        };
        from = at + 8;
        members.stored(&overlay[at..])?;
    }
    Ok(())
}
