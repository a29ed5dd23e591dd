//! TNEF (MS-OXTNEF): attachments of `winmail.dat`, and objects in their properties.

use crate::cursor::Cursor;
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const ATTACH_DATA: u32 = 0x0006_800f;
const ATTACHMENT: u32 = 0x0006_9005;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut cursor = Cursor::from(bytes, 6);
    while cursor.rest().len() > 1 {
        cursor.skip(1).or_damaged("tnef attribute")?;
        let id = cursor.u32().or_damaged("tnef attribute")?;
        let size = cursor.index().or_damaged("tnef attribute")?;
        let content = cursor.take(size).or_damaged("tnef is cut off")?;
        if matches!(id, ATTACH_DATA | ATTACHMENT) && size > 0 {
            members.stored(content)?;
        }
        cursor.skip(2).or_damaged("tnef is cut off")?;
    }
    Ok(())
}
