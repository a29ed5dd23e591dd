//! Mail (RFC 5322) and its MIME parts (RFC 2045, 2046), mailboxes (RFC 4155), uuencoded text,
//! `data:` addresses of HTML (RFC 2397).
//!
//! The parts of one mail are its members; a part that is a mail or a multipart itself is unpacked
//! when its turn comes, since by content it is a mail again.

use super::text;
use crate::budget::Output;
use crate::cursor::{find, find_any_case};
use crate::limits::PARTS_MAX;
use crate::obstacle::Why;
use crate::walk::Members;

/// Header fields before the first empty line, and the body behind it.
fn split(mail: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.trim_ascii().is_empty() {
            return (&mail[..at - line.len()], &mail[at..]);
        }
    }
    (mail, &[])
}

/// The value of a header field, with its folded lines.
fn field<'m>(header: &'m [u8], name: &[u8]) -> Option<&'m [u8]> {
    let mut at = 0;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let begin = at;
        at += line.len();
        let named = line
            .get(..name.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(name));
        if named && line.get(name.len()) == Some(&b':') {
            let folded = header[at..]
                .split_inclusive(|byte| *byte == b'\n')
                .take_while(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
                .map(<[u8]>::len)
                .sum::<usize>();
            return Some(header[begin + name.len() + 1..at + folded].trim_ascii());
        }
    }
    None
}

/// A parameter of a header field: `boundary="x"` or `boundary=x`.
fn parameter<'v>(value: &'v [u8], name: &[u8]) -> Option<&'v [u8]> {
    let mut from = 0;
    loop {
        let at = find_any_case(value, name, from)? + name.len();
        let Some(rest) = value[at..].trim_ascii_start().strip_prefix(b"=") else {
            from = at;
            continue;
        };
        let rest = rest.trim_ascii_start();
        return match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted.split(|byte| *byte == b'"').next(),
            None => rest
                .split(|byte| matches!(byte, b';' | b' ' | b'\t' | b'\r' | b'\n'))
                .next(),
        };
    }
}

pub(super) fn unpack(mail: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let (header, body) = split(mail.trim_ascii_start());
    let boundary = field(header, b"content-type").and_then(|value| parameter(value, b"boundary"));
    match boundary.filter(|boundary| !boundary.is_empty()) {
        Some(boundary) => multipart(body, boundary, members),
        None => single(header, body, members),
    }
}

fn multipart(body: &[u8], boundary: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut mark = b"--".to_vec();
    mark.extend_from_slice(boundary);
    let mut begin = None;
    let mut from = 0;
    let mut parts = 0;
    while let Some(at) = find(body, &mark, from) {
        from = at + mark.len();
        if at > 0 && body[at - 1] != b'\n' {
            continue;
        }
        if let Some(begin) = begin {
            part(&body[begin..at], members)?;
            parts += 1;
            if parts >= PARTS_MAX {
                return members.closed(Why::Unsupported("mail of very many parts"));
            }
        }
        let line = &body[from..];
        begin = Some(
            from + line
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(line.len(), |at| at + 1),
        );
    }
    match begin {
        None => Err(Why::Damaged("mail without its parts")),
        // Cut off before the last mark: what is there is read.
        Some(begin)
            if !body[begin.min(body.len())..].trim_ascii().is_empty() && !ended(body, &mark) =>
        {
            members.unread(Why::Damaged("mail is cut off"));
            part(&body[begin..], members)
        }
        Some(_) => Ok(()),
    }
}

/// Whether the closing mark `--boundary--` is there.
fn ended(body: &[u8], mark: &[u8]) -> bool {
    let mut closing = mark.to_vec();
    closing.extend_from_slice(b"--");
    find(body, &closing, 0).is_some()
}

fn part(part: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let (header, body) = if part.starts_with(b"\n") || part.starts_with(b"\r\n") {
        (&part[..0], part)
    } else {
        split(part)
    };
    let kind = field(header, b"content-type").unwrap_or_default();
    if kind
        .get(..10)
        .is_some_and(|kind| kind.eq_ignore_ascii_case(b"multipart/"))
        && let Some(boundary) = parameter(kind, b"boundary")
        && !boundary.is_empty()
    {
        // As a mail of its own, so that depth counts.
        let mut inner = b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"".to_vec();
        inner.extend_from_slice(boundary);
        inner.extend_from_slice(b"\"\n\n");
        return members.decoded(|out| {
            out.push(&inner)?;
            out.push(body)
        });
    }
    single(header, body, members)
}

fn single(header: &[u8], body: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let encoding = field(header, b"content-transfer-encoding").unwrap_or_default();
    let is = |name: &[u8]| encoding.eq_ignore_ascii_case(name);
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    if is(b"base64") {
        return members.decoded(|out| text::base64(body, out));
    }
    if is(b"quoted-printable") {
        return members.decoded(|out| text::quoted_printable(body, out));
    }
    if encoding
        .to_ascii_lowercase()
        .windows(2)
        .any(|pair| pair == b"uu")
    {
        return uuencoded(body, members);
    }
    // The last line end belongs to the mark behind it.
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    members.stored(body.strip_suffix(b"\r").unwrap_or(body))
}

/// Every `begin ... end` of a text.
pub(super) fn uuencoded(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut from = 0;
    while let Some(at) = text::uu_begins(bytes, from) {
        from = find(bytes, b"\nend", at).map_or(bytes.len(), |end| end + 4);
        let body = &bytes[at..from];
        members.decoded(|out| text::uu(body, out))?;
    }
    Ok(())
}

/// Mails one behind the other, each behind a line `From `.
pub(super) fn mbox(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut begin = None;
    let mut at = 0;
    let mut after_empty = true;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if after_empty && line.starts_with(b"From ") {
            if let Some(begin) = begin {
                members.stored(&bytes[begin..at])?;
            }
            begin = Some(at + line.len());
        }
        after_empty = line.trim_ascii().is_empty();
        at += line.len();
    }
    match begin {
        Some(begin) => members.stored(&bytes[begin..]),
        None => Ok(()),
    }
}

/// Files carried inside the address of a link.
pub(super) fn html(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut from = 0;
    while let Some(at) = find_any_case(bytes, b"data:", from) {
        from = at + 5;
        let head = &bytes[from..bytes.len().min(from + 256)];
        let Some(comma) = head.iter().position(|byte| *byte == b',') else {
            continue;
        };
        if !head[..comma].to_ascii_lowercase().ends_with(b";base64") {
            continue;
        }
        let content = &bytes[from + comma + 1..];
        let size = content
            .iter()
            .take_while(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'%')
            })
            .count();
        from += comma + 1 + size;
        let content = &content[..size];
        members.decoded(|out| unescaped_base64(content, out))?;
    }
    Ok(())
}

fn unescaped_base64(content: &[u8], out: &mut Output<'_>) -> Result<(), Why> {
    if !content.contains(&b'%') {
        return text::base64(content, out);
    }
    let mut plain = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if *byte == b'%' => text::digit(*high).zip(text::digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                plain.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    text::base64(&plain, out)
}
