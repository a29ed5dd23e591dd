//! Setup programs of InstallShield that carry a package: entries behind the program, each hidden by a key made
//! of its own name and compressed with zlib. Seen in files, not in a published specification.

use super::stream;
use crate::cursor::{Cursor, find, index_at};
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;

const MARK: &[u8] = b"InstallShield\0";
const HEADER_BYTES: usize = 0x2e;
const NAME_BYTES: usize = 0x104;
const ENTRY_BYTES: usize = 0x138;
const ENTRIES_MAX: usize = 1024;
/// What the name is mixed with.
const SALT: [u8; 4] = [0xec, 0xca, 0x79, 0xf8];
/// After so many bytes the key begins again.
const PERIOD: usize = 1024;

/// Such entries behind a program, if there are any, are members.
pub(super) fn unpack(overlay: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let Some(at) = find(overlay, MARK, 0) else {
        return Ok(());
    };
    let count = index_at(overlay, at + MARK.len()).unwrap_or(usize::MAX);
    if count > ENTRIES_MAX {
        return Ok(());
    }
    let mut cursor = Cursor::from(overlay, at + HEADER_BYTES);
    for _ in 0..count {
        let entry = cursor.take(ENTRY_BYTES).or_damaged("installshield entry")?;
        let name = entry[..NAME_BYTES].split(|byte| *byte == 0).next();
        let name = name.filter(|name| !name.is_empty());
        let name = name.or_damaged("installshield entry")?;
        let size = index_at(entry, NAME_BYTES + 8).or_damaged("installshield entry")?;
        let Some(content) = cursor.take(size) else {
            return Err(Why::Damaged("installshield is cut off"));
        };
        let (plain, result) = members.aside(|out| out.push(&shown(content, name)));
        let given = match result {
            Ok(()) => members.decoded(|out| stream::unzlib(plain.as_slice(), out)),
            Err(why) => members.closed(why),
        };
        members.give_back(plain);
        given?;
    }
    Ok(())
}

/// Halves of each byte changed places and were mixed with the key.
fn shown(content: &[u8], name: &[u8]) -> Vec<u8> {
    let key: Vec<u8> = name
        .iter()
        .zip(SALT.iter().cycle())
        .map(|(letter, salt)| letter ^ salt)
        .collect();
    content
        .iter()
        .enumerate()
        .map(|(at, byte)| byte.rotate_left(4) ^ key[at % PERIOD % key.len()])
        .collect()
}
