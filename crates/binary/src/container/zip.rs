//! PKWARE APPNOTE 6.3: stored and deflated members, one disk, no ZIP64, no encryption.

use std::borrow::Cow;

use super::{Budget, Field, Member, Unpacked, Unreadable, cut, stream::read_within};
use crate::limits::MEMBERS_MAX;

const END_BYTES: usize = 22;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
/// General purpose flag bit 3: sizes and checksum stand behind the content.
const DESCRIPTOR: u16 = 8;
const ENCRYPTED: u16 = 1;
/// Extra field "UT": times of the member in seconds.
const EXTENDED_TIMESTAMP: u16 = 0x5455;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

pub(super) fn unpack<'a>(bytes: &'a [u8], budget: Budget<'_>) -> Result<Unpacked<'a>, Unreadable> {
    let end_at = end_of_central(bytes)?;
    let end = &bytes[end_at..];
    let count = usize::from(u16_at(end, 10));
    if u16_at(end, 4) != 0 || u16_at(end, 6) != 0 || u16_at(end, 8) != u16_at(end, 10) {
        return Err(Unreadable::Unread("several disks"));
    }
    if count > MEMBERS_MAX || count == usize::from(u16::MAX) {
        return Err(Unreadable::Members);
    }
    let central_at = u32_at(end, 16);
    let mut unpacked = Unpacked::default();
    // What was accounted for ends here: members must follow each other without holes.
    let (mut local_at, mut at) = (0, central_at);
    for _ in 0..count {
        let entry = Entry::parse(bytes, at)?;
        if entry.local_at != local_at {
            return Err(Unreadable::Unread("members in another order or with holes"));
        }
        let (member, end) = entry.unpack(bytes, budget)?;
        unpacked.members.push(member);
        local_at = end;
        at = entry.end;
    }
    if local_at != central_at || at != end_at || at - central_at != u32_at(end, 12) {
        return Err(Unreadable::Unread("bytes between the members"));
    }
    unpacked.rest.extend_from_slice(&end[20..]);
    Ok(unpacked)
}

/// The last record, whose comment must reach to the end of the file.
fn end_of_central(bytes: &[u8]) -> Result<usize, Unreadable> {
    let last = bytes.len().checked_sub(END_BYTES);
    last.and_then(|last| {
        (last.saturating_sub(usize::from(u16::MAX))..=last)
            .rev()
            .find(|at| {
                bytes[*at..].starts_with(b"PK\x05\x06")
                    && at + END_BYTES + usize::from(u16_at(bytes, at + 20)) == bytes.len()
            })
    })
    .ok_or(Unreadable::Malformed {
        field: "end of central directory",
        offset: bytes.len(),
    })
}

/// One entry of the central directory.
struct Entry<'a> {
    header: &'a [u8],
    name: &'a [u8],
    extra: &'a [u8],
    comment: &'a [u8],
    local_at: usize,
    end: usize,
}

impl<'a> Entry<'a> {
    fn parse(bytes: &'a [u8], at: usize) -> Result<Self, Unreadable> {
        let header = cut(bytes, at, CENTRAL_BYTES, "central header")?;
        if !header.starts_with(b"PK\x01\x02") {
            return Err(Unreadable::Malformed {
                field: "central header",
                offset: at,
            });
        }
        let size = |field| usize::from(u16_at(header, field));
        let name = cut(bytes, at + CENTRAL_BYTES, size(28), "name")?;
        let extra = cut(
            bytes,
            at + CENTRAL_BYTES + name.len(),
            size(30),
            "extra field",
        )?;
        let comment_at = at + CENTRAL_BYTES + name.len() + extra.len();
        let comment = cut(bytes, comment_at, size(32), "comment")?;
        Ok(Self {
            header,
            name,
            extra,
            comment,
            local_at: u32_at(header, 42),
            end: comment_at + comment.len(),
        })
    }

    /// The member, and where its bytes end.
    fn unpack(
        &self,
        bytes: &'a [u8],
        budget: Budget<'_>,
    ) -> Result<(Member<'a>, usize), Unreadable> {
        let at = self.local_at;
        let local = cut(bytes, at, LOCAL_BYTES, "local header")?;
        let flags = u16_at(self.header, 8);
        if flags & ENCRYPTED != 0 {
            return Err(Unreadable::Unread("encryption"));
        }
        // Version, flags, method, time and date are written twice, alike.
        if !local.starts_with(b"PK\x03\x04") || local[4..14] != self.header[6..16] {
            return Err(Unreadable::Malformed {
                field: "local header",
                offset: at,
            });
        }
        let name = cut(
            bytes,
            at + LOCAL_BYTES,
            usize::from(u16_at(local, 26)),
            "local name",
        )?;
        if name != self.name {
            return Err(Unreadable::Malformed {
                field: "local name",
                offset: at,
            });
        }
        let extra_at = at + LOCAL_BYTES + name.len();
        let extra = cut(
            bytes,
            extra_at,
            usize::from(u16_at(local, 28)),
            "local extra field",
        )?;
        let packed = cut(
            bytes,
            extra_at + extra.len(),
            u32_at(self.header, 20),
            "content",
        )?;
        let content = self.content(packed, budget)?;
        let packed_end = extra_at + extra.len() + packed.len();
        let end = self.after(bytes, local, packed_end, flags)?;
        let mut fields = self.fields(extra)?;
        fields.push(Field {
            name: "bytes behind the content",
            value: (end - packed_end).to_string(),
            time: false,
        });
        let member = Member {
            name: name.escape_ascii().to_string(),
            fields,
            packed: matches!(content, Cow::Owned(_)).then_some(packed),
            content,
        };
        Ok((member, end))
    }

    fn content(&self, packed: &'a [u8], budget: Budget<'_>) -> Result<Cow<'a, [u8]>, Unreadable> {
        let malformed = |field| Unreadable::Malformed {
            field,
            offset: self.local_at,
        };
        let content = match u16_at(self.header, 10) {
            0 => Cow::Borrowed(packed),
            8 => {
                let mut inflate = flate2::bufread::DeflateDecoder::new(packed);
                let content = read_within(&mut inflate, budget, "deflate stream")?;
                if !inflate.into_inner().is_empty() {
                    return Err(malformed("deflate stream"));
                }
                Cow::Owned(content)
            }
            _ => {
                return Err(Unreadable::Unread(
                    "another method than stored and deflated",
                ));
            }
        };
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        if crc.sum() as usize != u32_at(self.header, 16) || content.len() != u32_at(self.header, 24)
        {
            return Err(malformed("CRC-32 or size"));
        }
        Ok(content)
    }

    /// Checksum and sizes stand in the local header, or behind the content; alike in both cases.
    fn after(
        &self,
        bytes: &[u8],
        local: &[u8],
        end: usize,
        flags: u16,
    ) -> Result<usize, Unreadable> {
        let sums = &self.header[16..28];
        let malformed = Unreadable::Malformed {
            field: "CRC-32 and sizes",
            offset: end,
        };
        if flags & DESCRIPTOR == 0 {
            return if local[14..26] == *sums {
                Ok(end)
            } else {
                Err(malformed)
            };
        }
        if local[14..26].iter().any(|byte| *byte != 0) {
            return Err(malformed);
        }
        let rest = &bytes[end..];
        let mark = if rest.starts_with(b"PK\x07\x08") {
            4
        } else {
            0
        };
        if rest.get(mark..mark + 12) != Some(sums) {
            return Err(malformed);
        }
        Ok(end + mark + 12)
    }

    fn fields(&self, local_extra: &[u8]) -> Result<Vec<Field>, Unreadable> {
        let hex = |name, bytes: &[u8]| Field {
            name,
            value: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            time: false,
        };
        let header = self.header;
        let mut fields = vec![
            hex("versions, flags and method", &[&header[4..12]].concat()),
            Field {
                name: "last modified",
                value: dos_time(u16_at(header, 14), u16_at(header, 12)),
                time: true,
            },
            hex("attributes", &header[34..42]),
            hex("comment", self.comment),
        ];
        for (name, extra) in [
            ("extra field", self.extra),
            ("local extra field", local_extra),
        ] {
            let mut at = 0;
            while at < extra.len() {
                let head = cut(extra, at, 4, "extra field")?;
                let body = cut(extra, at + 4, usize::from(u16_at(head, 2)), "extra field")?;
                // Its first byte says which times there are.
                let time = u16_at(head, 0) == EXTENDED_TIMESTAMP
                    && body.first().is_some_and(|which| *which < 8)
                    && body.len() % 4 == 1;
                let mut field = hex(name, &extra[at..at + 4 + body.len()]);
                if time {
                    fields.push(hex("times present", &[head, &body[..1]].concat()));
                    field = Field {
                        name: "extended timestamp",
                        time,
                        ..hex("", &body[1..])
                    };
                }
                fields.push(field);
                at += 4 + body.len();
            }
        }
        Ok(fields)
    }
}

fn dos_time(date: u16, time: u16) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        1980 + (date >> 9),
        date >> 5 & 15,
        date & 31,
        time >> 11,
        time >> 5 & 63,
        (time & 31) * 2
    )
}
