//! Bytes written as text: base64, quoted-printable, uuencode, hex. Read as mail programs read
//! them, who are lenient: what is no digit is passed over.

use crate::budget::Output;
use crate::obstacle::{OrDamaged as _, Why};

/// RFC 2045 6.8; also the URL alphabet. Ends at the first `=` behind a digit.
pub(crate) fn base64(text: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let (mut hold, mut count) = (0u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            // Padding ends a group; some writers begin another behind it.
            b'=' => {
                (hold, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        hold = hold << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.byte((hold >> count) as u8)?;
        }
    }
    Ok(())
}

/// RFC 2045 6.7.
pub(crate) fn quoted_printable(text: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'=' {
            out.byte(*byte)?;
            continue;
        }
        match rest {
            [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => rest = after,
            [high, low, after @ ..] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    out.byte(high << 4 | low)?;
                    rest = after;
                }
                _ => out.byte(b'=')?,
            },
            _ => out.byte(b'=')?,
        }
    }
    Ok(())
}

/// Two hex digits a byte; white space and anything else between them is passed over.
pub(crate) fn hex(text: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let mut high = None;
    for value in text.iter().filter_map(|byte| digit(*byte)) {
        match high.take() {
            None => high = Some(value),
            Some(high) => out.byte(high << 4 | value)?,
        }
    }
    Ok(())
}

pub(crate) fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Where the first line behind a `begin 644 name` line begins, at or after `from`.
pub(crate) fn uu_begins(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = crate::cursor::find(text, b"begin ", at)?;
        let fresh = at == 0 || text[at - 1] == b'\n';
        let line = &text[at..];
        let end = line.iter().take(512).position(|byte| *byte == b'\n');
        let mode = line.get(6..9)?;
        if let Some(end) = end
            && fresh
            && mode.iter().all(u8::is_ascii_digit)
            && line.get(9) == Some(&b' ')
        {
            return Some(at + end + 1);
        }
        at += 6;
    }
}

/// POSIX `uuencode`, from the line behind `begin`; returns at `end`, or where lines are no longer such.
pub(crate) fn uu(text: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some((count, groups)) = line.split_first() else {
            continue;
        };
        if line == b"end" {
            return Ok(());
        }
        let count = usize::from(uu_value(*count).or_damaged("uuencode")?);
        if count == 0 {
            continue;
        }
        let mut left = count;
        for group in groups.chunks(4) {
            let mut hold = 0u32;
            for place in 0..4 {
                let value = group.get(place).map_or(Some(0), |byte| uu_value(*byte));
                hold = hold << 6 | u32::from(value.or_damaged("uuencode")?);
            }
            let size = left.min(3);
            out.push(&hold.to_be_bytes()[1..=size])?;
            left -= size;
            if left == 0 {
                break;
            }
        }
        if left > 0 {
            return Err(Why::Damaged("uuencode"));
        }
    }
    Ok(())
}

fn uu_value(byte: u8) -> Option<u8> {
    (32..=96).contains(&byte).then(|| (byte - 32) & 63)
}
