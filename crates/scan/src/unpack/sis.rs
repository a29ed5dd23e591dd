//! Symbian packages of releases 5 and 6: a table of files, each stored or zlib.

use super::stream;
use crate::cursor::{Cursor, u16_at, u32_at};
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

/// Options: files are not compressed.
const STORED: u16 = 8;
const SIMPLE_FILE: u32 = 0;
const MANY_LANGUAGES: u32 = 1;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    if u32_at(bytes, 0) == Some(0x1020_1a7a) {
        return members.closed(Why::Unsupported("sis of release 9"));
    }
    let languages = usize::from(u16_at(bytes, 18).or_damaged("sis header")?);
    let files = u16_at(bytes, 20).or_damaged("sis header")?;
    let options = u16_at(bytes, 36).or_damaged("sis header")?;
    let at = u32_at(bytes, 52).or_damaged("sis header")? as usize;
    let mut cursor = Cursor::from(bytes, at);
    for _ in 0..files {
        let kind = cursor.u32().or_damaged("sis file")?;
        let count = match kind {
            SIMPLE_FILE => 1,
            MANY_LANGUAGES => languages,
            _ => return members.closed(Why::Unsupported("sis: conditions and parts")),
        };
        cursor.skip(24).or_damaged("sis file")?;
        let record = |cursor: &mut Cursor<'_>| -> Option<Vec<usize>> {
            (0..count).map(|_| cursor.index()).collect()
        };
        let packed = record(&mut cursor).or_damaged("sis file")?;
        let places = record(&mut cursor).or_damaged("sis file")?;
        let _whole = record(&mut cursor).or_damaged("sis file")?;
        cursor.skip(8).or_damaged("sis file")?; // MIME type: size and place
        for (size, place) in packed.into_iter().zip(places) {
            let content = bytes.get(place..).and_then(|rest| rest.get(..size));
            match content {
                None => members.closed(Why::Damaged("sis file"))?,
                Some(content) if options & STORED != 0 => members.stored(content)?,
                Some(content) => members.decoded(|out| stream::unzlib(content, out))?,
            }
        }
    }
    Ok(())
}
