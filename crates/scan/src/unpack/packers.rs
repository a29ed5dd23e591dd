//! Programs that unpack themselves when they run, and installers of a form of their own: told by their
//! marks, so that the report says what was not looked into. UPX is read (`upx.rs`), these are not.

use crate::cursor::{Cursor, find, index_at, u16_at};
use crate::limits::SECTIONS_MAX;
use crate::obstacle::Why;
use crate::walk::Members;

/// How the name of a section begins, and who writes it.
const SECTIONS: [(&[u8], &str); 12] = [
    (b".aspack", "program packed by ASPack"),
    (b"MEW", "program packed by MEW"),
    (b".petite", "program packed by Petite"),
    (b".WWP32", "program packed by WWPack"),
    (b"yC\0", "program packed by yoda's Crypter"),
    (b"PEC2", "program packed by PECompact"),
    (b".MPRESS", "program packed by MPRESS"),
    (b".vmp0", "program packed by VMProtect"),
    (b".themida", "program packed by Themida"),
    (b".nsp0", "program packed by NsPack"),
    (b".Upack", "program packed by Upack"),
    (b"PS\xff\xd5\xab\xeb\xe7\xc3", "program packed by Upack"),
];

/// Marks of scripts and installers behind a program.
const BEHIND: [(&[u8], &str); 3] = [
    (b"AU3!EA05", "AutoIt script"),
    (b"AU3!EA06", "AutoIt script"),
    (b"ISc(", "InstallShield cabinet"),
];

/// Names what a program carries and nobody here reads; `behind` is where its sections end.
pub(super) fn name(bytes: &[u8], behind: usize, members: &mut Members<'_, '_>) -> Result<(), Why> {
    if let Some(packer) = packer(bytes) {
        members.closed(Why::Unsupported(packer))?;
    }
    let overlay = bytes.get(behind..).unwrap_or_default();
    for (mark, what) in BEHIND {
        if find(overlay, mark, 0).is_some() {
            members.closed(Why::Unsupported(what))?;
        }
    }
    Ok(())
}

fn packer(bytes: &[u8]) -> Option<&'static str> {
    let pe = index_at(bytes, 0x3c)?;
    let count = usize::from(u16_at(bytes, pe.checked_add(6)?)?).min(SECTIONS_MAX);
    let optional = usize::from(u16_at(bytes, pe.checked_add(20)?)?);
    let mut cursor = Cursor::from(bytes, pe.checked_add(24 + optional)?);
    (0..count).find_map(|_| {
        let section = cursor.take(40)?;
        let known = SECTIONS.iter().find(|(name, _)| section.starts_with(name));
        known.map(|(_, packer)| *packer)
    })
}
