//! tar (POSIX.1-2017 `pax`, ustar, GNU): the content of each regular file.

use crate::cursor::find;
use crate::obstacle::Why;
use crate::walk::Members;

const BLOCK: usize = 512;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut at = 0;
    // A pax header may give the size of the next member.
    let mut next_size = None;
    while let Some(header) = bytes.get(at..).and_then(|rest| rest.get(..BLOCK)) {
        at += BLOCK;
        if header.iter().all(|byte| *byte == 0) {
            continue;
        }
        if !is_header(header) {
            return Err(Why::Damaged("tar header"));
        }
        let size = next_size.take().or_else(|| number(&header[124..136]));
        let Some(size) = size else {
            return Err(Why::Damaged("tar size"));
        };
        let kind = header[156];
        // Links, folders and devices hold nothing, whatever they say.
        let size = if matches!(kind, b'1'..=b'6') { 0 } else { size };
        let rest = &bytes[at..];
        let content = &rest[..size.min(rest.len())];
        match kind {
            b'x' => next_size = pax_size(content),
            b'g' | b'L' | b'K' | b'1'..=b'6' => {}
            _ if size == 0 => {}
            _ => members.stored(content)?,
        }
        if size > rest.len() {
            return Err(Why::Damaged("tar is cut off"));
        }
        at = at.saturating_add(size.div_ceil(BLOCK) * BLOCK);
    }
    Ok(())
}

fn is_header(header: &[u8]) -> bool {
    let declared = number(&header[148..156]);
    let fields = header[..148].iter().chain(&header[156..]);
    let sum: usize = fields.map(|byte| usize::from(*byte)).sum::<usize>() + 8 * 32;
    declared == Some(sum)
}

/// Octal digits, or the 256-based form of GNU.
fn number(field: &[u8]) -> Option<usize> {
    if field[0] & 0x80 != 0 {
        return field[1..].iter().try_fold(0usize, |value, byte| {
            value.checked_mul(256)?.checked_add(usize::from(*byte))
        });
    }
    field
        .iter()
        .skip_while(|byte| **byte == b' ')
        .take_while(|byte| !matches!(byte, b' ' | 0))
        .try_fold(0usize, |value, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
            value.checked_mul(8)?.checked_add(usize::from(digit))
        })
}

fn pax_size(content: &[u8]) -> Option<usize> {
    let at = find(content, b" size=", 0)? + 6;
    let digits = content[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    digits.copied().try_fold(0usize, |value, digit| {
        value
            .checked_mul(10)?
            .checked_add(usize::from(digit - b'0'))
    })
}
