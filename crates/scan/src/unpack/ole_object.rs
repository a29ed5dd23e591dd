//! Objects of OLE 1.0 (MS-OLEDS 2.2.5) and what the packager of Windows puts into them.

use crate::cursor::Cursor;
use crate::obstacle::Why;
use crate::walk::Members;

/// An embedded object as RTF holds it: version, format, names, native data.
pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let Some((class, native)) = parse(bytes) else {
        // Hostile objects are often torn; what is there is looked at as it is.
        return members.stored(bytes);
    };
    if class.trim_ascii_end().eq_ignore_ascii_case(b"package") {
        return package(native, members);
    }
    members.stored(native)
}

fn parse(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip(8)?;
    let mut text = || {
        let size = cursor.index()?;
        let text = cursor.take(size)?;
        Some(text.strip_suffix(b"\0").unwrap_or(text))
    };
    let class = text()?;
    text()?;
    text()?;
    let size = cursor.index()?;
    let rest = cursor.rest();
    Some((class, &rest[..size.min(rest.len())]))
}

/// The stream `\x01Ole10Native` of a compound file: a size, then as above.
pub(super) fn native_stream(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    package(bytes.get(4..).unwrap_or_default(), members)
}

fn package(native: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    match packaged(native) {
        Some(file) => members.stored(file),
        None => members.stored(native),
    }
}

/// Label and path, both without their meaning here, then the file.
fn packaged(native: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(native);
    if cursor.u16()? != 2 {
        return None;
    }
    cursor.until_zero()?;
    cursor.until_zero()?;
    cursor.skip(4)?;
    let path = cursor.index()?;
    cursor.skip(path)?;
    let size = cursor.index()?;
    let rest = cursor.rest();
    Some(&rest[..size.min(rest.len())])
}
