//! RTF: objects (`\objdata`, hex of OLE 1.0) and raw binary (`\bin`).

use super::{ole_object, text};
use crate::cursor::find;
use crate::obstacle::Why;
use crate::reason::Reason;
use crate::walk::Members;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut from = 0;
    while let Some(at) = find(bytes, b"\\objdata", from) {
        let begin = at + 8;
        let end = group_end(bytes, begin);
        from = end;
        members.fact(Reason::OfficeObject, "");
        let (object, result) = members.aside(|out| digits(&bytes[begin..end], out));
        let given = match result {
            Ok(()) => ole_object::unpack(&object, members),
            Err(why) => members.closed(why),
        };
        members.give_back(object);
        given?;
    }
    if find(bytes, b"\\objupdate", 0).is_some() || find(bytes, b"DDEAUTO", 0).is_some() {
        members.fact(Reason::OfficeExternal, "rtf");
    }
    Ok(())
}

/// Hex digits of a group, without the control words and the groups that hide between them.
fn digits(group: &[u8], out: &mut crate::budget::Output<'_>) -> Result<(), Why> {
    let mut plain = Vec::with_capacity(group.len());
    let mut rest = group;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'\\' {
            let word = after
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
                .count();
            rest = &after[word.max(1).min(after.len())..];
        } else if byte.is_ascii_hexdigit() {
            plain.push(*byte);
        }
    }
    text::hex(&plain, out)
}

/// Where the group around `from` ends.
fn group_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 1usize;
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}
