//! `ar(5)`: object libraries and Debian packages.

use crate::cursor::Cursor;
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    if bytes.starts_with(b"!<thin>") {
        return Err(Why::Unsupported("ar: thin, its members stand elsewhere"));
    }
    let mut cursor = Cursor::from(bytes, 8);
    while cursor.rest().len() > 1 {
        let header = cursor.take(60).or_damaged("ar header")?;
        if &header[58..] != b"`\n" {
            return Err(Why::Damaged("ar header"));
        }
        let size = std::str::from_utf8(&header[48..58])
            .ok()
            .and_then(|digits| digits.trim_end().parse::<usize>().ok())
            .or_damaged("ar size")?;
        let rest = cursor.rest();
        let content = &rest[..size.min(rest.len())];
        // Symbol tables and long names are no files.
        let is_file = !matches!(header[0], b'/') || header[1].is_ascii_digit();
        if is_file && size > 0 {
            members.stored(content)?;
        }
        cursor.skip(size).or_damaged("ar is cut off")?;
        if size % 2 == 1 {
            let _ = cursor.skip(1);
        }
    }
    Ok(())
}
