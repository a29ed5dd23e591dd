//! PDF (ISO 32000-1): every stream, through its filters. Objects are found where they stand, not by
//! the table of references, which hostile files bend. Actions are facts, also inside object streams.

use super::{inflate, stream, text};
use crate::budget::Output;
use crate::cursor::find;
use crate::facts::pdf_actions;
use crate::obstacle::Why;
use crate::walk::Members;

const DICTIONARY_BYTES_MAX: usize = 16 << 10;
const FILTERS_MAX: usize = 4;

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    // Said and gone on: a word in a comment must not keep anybody from looking.
    if find(bytes, b"/Encrypt", 0).is_some() {
        members.unread(Why::Encrypted);
    }
    let mut from = 0;
    while let Some(at) = find(bytes, b"stream", from) {
        from = at + 6;
        if at >= 3 && &bytes[at - 3..at] == b"end" {
            continue;
        }
        let Some(dictionary) = dictionary(bytes, at) else {
            continue;
        };
        let begin = match bytes.get(from..) {
            Some([b'\r', b'\n', ..]) => from + 2,
            Some([b'\r' | b'\n', ..]) => from + 1,
            _ => from,
        };
        let end = end(bytes, begin, dictionary);
        from = end;
        given(&bytes[begin..end], dictionary, members)?;
    }
    Ok(())
}

/// The `<< ... >>` in front of `stream`.
fn dictionary(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let before = bytes[..at].trim_ascii_end();
    if !before.ends_with(b">>") {
        return None;
    }
    let head = &before[before.len().saturating_sub(DICTIONARY_BYTES_MAX)..];
    let begin = head
        .windows(4)
        .rposition(|word| word == b" obj" || word == b"\nobj")
        .unwrap_or(0);
    Some(&head[begin..])
}

/// By the declared length if `endstream` follows, else by the next `endstream`.
fn end(bytes: &[u8], begin: usize, dictionary: &[u8]) -> usize {
    let declared = find(dictionary, b"/Length", 0).and_then(|at| {
        let rest = dictionary[at + 7..].trim_ascii_start();
        let size = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value: usize = std::str::from_utf8(&rest[..size]).ok()?.parse().ok()?;
        let end = begin.checked_add(value)?;
        let after = bytes.get(end..)?;
        after
            .trim_ascii_start()
            .starts_with(b"endstream")
            .then_some(end)
    });
    declared
        .or_else(|| find(bytes, b"endstream", begin))
        .unwrap_or(bytes.len())
}

/// The filters of a stream, in the order in which they are undone.
fn filters(dictionary: &[u8]) -> Vec<&[u8]> {
    let Some(at) = find(dictionary, b"/Filter", 0) else {
        return Vec::new();
    };
    let rest = dictionary[at + 7..].trim_ascii_start();
    let list = match rest.strip_prefix(b"[") {
        Some(list) => {
            &list[..list
                .iter()
                .position(|byte| *byte == b']')
                .unwrap_or(list.len())]
        }
        None => {
            let size = rest
                .iter()
                .skip(1)
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
            &rest[..(size + 1).min(rest.len())]
        }
    };
    list.split(|byte| matches!(byte, b'/' | b' ' | b'\r' | b'\n' | b'\t'))
        .filter(|name| !name.is_empty())
        .collect()
}

fn given(content: &[u8], dictionary: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let filters = filters(dictionary);
    if filters.len() > FILTERS_MAX {
        return members.closed(Why::Unsupported("pdf: many filters"));
    }
    let is_objects = find(dictionary, b"/ObjStm", 0).is_some();
    // All but the last filter are undone aside; the last makes the member.
    let Some((last, first)) = filters.split_last() else {
        return members.stored(content);
    };
    let mut current: Option<Vec<u8>> = None;
    for filter in first {
        let (next, result) =
            members.aside(|out| undo(filter, current.as_deref().unwrap_or(content), out));
        if let Some(old) = current.replace(next) {
            members.give_back(old);
        }
        if let Err(why) = result {
            members.unread(why);
        }
    }
    let input = current.as_deref().unwrap_or(content);
    let mut found = Vec::new();
    let result = members.decoded(|out| {
        let result = undo(last, input, out);
        if is_objects {
            found = pdf_actions(out.bytes());
        }
        result
    });
    for (reason, name) in found {
        members.fact(reason, name);
    }
    if let Some(current) = current {
        members.give_back(current);
    }
    result
}

fn undo(filter: &[u8], content: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    match filter {
        b"FlateDecode" | b"Fl" => flate(content, out),
        b"ASCIIHexDecode" | b"AHx" => {
            let end = content
                .iter()
                .position(|byte| *byte == b'>')
                .unwrap_or(content.len());
            text::hex(&content[..end], out)
        }
        b"ASCII85Decode" | b"A85" => ascii85(content, out),
        b"RunLengthDecode" | b"RL" => run_lengths(content, out),
        b"LZWDecode" | b"LZW" => Err(Why::Unsupported("pdf: lzw")),
        // Pictures: their own format stands there.
        b"DCTDecode" | b"JPXDecode" | b"CCITTFaxDecode" | b"JBIG2Decode" | b"DCT" | b"CCF" => {
            out.push(content)
        }
        b"Crypt" => Err(Why::Encrypted),
        _ => Err(Why::Unsupported("pdf: unknown filter")),
    }
}

/// Writers and attackers leave the checksum out; what was decoded before an error stays.
fn flate(content: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    match stream::unzlib(content, out) {
        Err(Why::Damaged(_)) if out.size() == 0 && content.len() > 2 => {
            inflate::inflate(&content[2..], inflate::Deflate::Plain, out)
        }
        other => other,
    }
}

fn ascii85(content: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let body = content.trim_ascii_start();
    let body = body.strip_prefix(b"<~").unwrap_or(body);
    let (mut group, mut count) = (0u32, 0);
    for byte in body {
        match byte {
            b'z' if count == 0 => out.push(&[0; 4])?,
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    out.push(&group.to_be_bytes())?;
                    (group, count) = (0, 0);
                }
            }
            b'~' => break,
            _ => {}
        }
    }
    if count > 1 {
        for _ in count..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        out.push(&group.to_be_bytes()[..count - 1])?;
    }
    Ok(())
}

fn run_lengths(content: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    let mut rest = content;
    while let Some((size, after)) = rest.split_first() {
        match size {
            128 => break,
            0..=127 => {
                let size = usize::from(*size) + 1;
                let Some(bytes) = after.get(..size) else {
                    return Err(Why::Damaged("pdf run length"));
                };
                out.push(bytes)?;
                rest = &after[size..];
            }
            _ => {
                let Some((byte, after)) = after.split_first() else {
                    return Err(Why::Damaged("pdf run length"));
                };
                out.repeat(*byte, 257 - usize::from(*size))?;
                rest = after;
            }
        }
    }
    Ok(())
}
