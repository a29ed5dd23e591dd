//! cpio: the old binary form in both byte orders, the octal form of POSIX, and the two "new" ones.

use crate::cursor::{Cursor, find};
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const LAST: &[u8] = b"TRAILER!!!";
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

struct Header {
    mode: u32,
    name: usize,
    size: usize,
    /// Headers, names and contents fill up to a multiple of this.
    align: usize,
}

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut cursor = Cursor::new(bytes);
    while !cursor.rest().iter().take(512).all(|byte| *byte == 0) {
        let header = header(&mut cursor).or_damaged("cpio header")?;
        let name = cursor.take(header.name).or_damaged("cpio name")?;
        skip_to(&mut cursor, header.align);
        if find(name, LAST, 0) == Some(0) {
            return Ok(());
        }
        let rest = cursor.rest();
        let content = &rest[..header.size.min(rest.len())];
        if header.mode & FILE_TYPE == REGULAR && header.size > 0 {
            members.stored(content)?;
        }
        cursor.skip(header.size).or_damaged("cpio is cut off")?;
        skip_to(&mut cursor, header.align);
    }
    Ok(())
}

fn skip_to(cursor: &mut Cursor<'_>, align: usize) {
    let odd = cursor.position() % align;
    if odd != 0 {
        let size = (align - odd).min(cursor.rest().len());
        let _ = cursor.skip(size);
    }
}

fn header(cursor: &mut Cursor<'_>) -> Option<Header> {
    let rest = cursor.rest();
    match rest.get(..6)? {
        b"070701" | b"070702" => {
            let fields = cursor.take(110)?;
            let field = |place: usize| digits(&fields[6 + place * 8..14 + place * 8], 16);
            Some(Header {
                mode: field(1)?,
                size: usize::try_from(field(6)?).ok()?,
                name: usize::try_from(field(11)?).ok()?,
                align: 4,
            })
        }
        b"070707" => {
            let fields = cursor.take(76)?;
            Some(Header {
                mode: digits(&fields[18..24], 8)?,
                name: usize::try_from(digits(&fields[59..65], 8)?).ok()?,
                size: usize::try_from(wide_digits(&fields[65..76], 8)?).ok()?,
                align: 1,
            })
        }
        _ => binary(cursor.take(26)?),
    }
}

/// Sixteen-bit words in the order of the machine; 32-bit values have the high word first.
fn binary(fields: &[u8]) -> Option<Header> {
    let little = match fields.get(..2)? {
        [0xc7, 0x71] => true,
        [0x71, 0xc7] => false,
        _ => return None,
    };
    let word = |place: usize| {
        let pair = [fields[place * 2], fields[place * 2 + 1]];
        u32::from(if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        })
    };
    Some(Header {
        mode: word(3),
        name: usize::try_from(word(10)).ok()?,
        size: usize::try_from(word(11) << 16 | word(12)).ok()?,
        align: 2,
    })
}

fn digits(field: &[u8], radix: u32) -> Option<u32> {
    u32::try_from(wide_digits(field, radix)?).ok()
}

fn wide_digits(field: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(field).ok()?, radix).ok()
}
