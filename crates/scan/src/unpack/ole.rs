//! Compound files (MS-CFB): every stream is a member; packaged objects, PowerPoint's compressed
//! objects and macros are read out of their streams as well.

use super::{ole_object, stream, vba};
use crate::budget::Output;
use crate::cursor::{Cursor, find, index_at, u16_at, u32_at};
use crate::limits::HEADER_COUNT_MAX;
use crate::obstacle::{OrDamaged as _, Why};
use crate::reason::Reason;
use crate::walk::Members;

const DAMAGED: &str = "compound file";
const FREE: u32 = 0xffff_fffb;
const NOBODY: u32 = u32::MAX;
const STREAM: u8 = 2;
const ROOT: u8 = 5;
const ENTRY_BYTES: usize = 128;

struct Entry {
    /// UTF-16 as ASCII; anything else is `?`. Only compared, never reported.
    name: String,
    kind: u8,
    first: u32,
    size: usize,
}

/// Sectors and the table of which follows which.
struct File<'a> {
    bytes: &'a [u8],
    sector: usize,
    table: Vec<u32>,
    small_table: Vec<u32>,
    small_max: usize,
    small: Vec<u8>,
}

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let (mut file, entries) = open(bytes).or_damaged(DAMAGED)?;
    let root = entries
        .iter()
        .find(|entry| entry.kind == ROOT)
        .or_damaged(DAMAGED)?;
    // The streams below 4 KB stand in one large stream; it is held until the file is done.
    let (small, result) = members.aside(|out| file.chain(root.first, root.size, out));
    file.small = small;
    if let Err(why) = result {
        members.unread(why);
    }
    let given = streams(&file, &entries, members);
    members.give_back(std::mem::take(&mut file.small));
    given
}

fn streams(file: &File<'_>, entries: &[Entry], members: &mut Members<'_, '_>) -> Result<(), Why> {
    for entry in entries
        .iter()
        .filter(|entry| entry.kind == STREAM && entry.size > 0)
    {
        if matches!(entry.name.as_str(), "EncryptedPackage" | "EncryptionInfo") {
            members.closed(Why::Encrypted)?;
            continue;
        }
        let (content, result) = members.aside(|out| file.stream(entry, out));
        let given = one(&entry.name, &content, members);
        members.give_back(content);
        given?;
        if let Err(why) = result {
            members.unread(why);
        }
    }
    Ok(())
}

fn one(name: &str, content: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    if content.is_empty() {
        return Ok(());
    }
    members.stored(content)?;
    match name {
        "\u{1}Ole10Native" => {
            members.fact(Reason::OfficeObject, "package");
            ole_object::native_stream(content, members)
        }
        "PowerPoint Document" => powerpoint(content, members),
        "dir" => Ok(()),
        _ => vba::module(content, members),
    }
}

/// Records of PowerPoint that hold a compressed object (MS-PPT 2.10.34).
fn powerpoint(content: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    const OBJECT: [u8; 2] = [0x11, 0x10];
    let mut from = 0;
    while let Some(at) = find(content, &OBJECT, from) {
        from = at + 2;
        let Some(version) = at.checked_sub(2).and_then(|at| u16_at(content, at)) else {
            continue;
        };
        let Some(record) =
            index_at(content, at + 2).and_then(|size| content.get(at + 6..)?.get(..size))
        else {
            continue;
        };
        // Four bytes of size, then zlib.
        if version == 0x10 && record.get(4).is_some_and(|byte| *byte == 0x78) {
            from = at + 6 + record.len();
            members.fact(Reason::OfficeObject, "powerpoint");
            members.decoded(|out| stream::unzlib(&record[4..], out))?;
        }
    }
    Ok(())
}

fn open(bytes: &[u8]) -> Option<(File<'_>, Vec<Entry>)> {
    let shift = u16_at(bytes, 30).filter(|shift| (7..=16).contains(shift))?;
    let small_max = index_at(bytes, 56)?;
    let mut file = File {
        bytes,
        sector: 1 << shift,
        table: Vec::new(),
        small_table: Vec::new(),
        small_max,
        small: Vec::new(),
    };
    let sectors = bytes.len() / file.sector + 1;
    for place in file.table_sectors(sectors)? {
        file.table.extend(words(file.at(place)?));
    }
    file.table.truncate(sectors);
    let first_small = u32_at(bytes, 60)?;
    for place in file.places(first_small, sectors) {
        file.small_table.extend(words(file.at(place)?));
    }
    let mut entries = Vec::new();
    for place in file.places(u32_at(bytes, 48)?, sectors) {
        let Some(sector) = file.at(place) else {
            break;
        };
        entries.extend(sector.chunks_exact(ENTRY_BYTES).filter_map(entry));
        if entries.len() as u64 > HEADER_COUNT_MAX {
            return None;
        }
    }
    Some((file, entries))
}

fn words(sector: &[u8]) -> impl Iterator<Item = u32> {
    sector
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let size = usize::from(u16_at(bytes, 64)?).clamp(2, 64) - 2;
    let name = bytes[..size]
        .chunks_exact(2)
        .map(|pair| {
            if pair[1] == 0 {
                char::from(pair[0])
            } else {
                '?'
            }
        })
        .collect();
    let mut cursor = Cursor::from(bytes, 116);
    Some(Entry {
        name,
        kind: bytes[66],
        first: cursor.u32()?,
        size: cursor.index()?,
    })
}

impl<'a> File<'a> {
    fn at(&self, place: u32) -> Option<&'a [u8]> {
        let at = usize::try_from(place)
            .ok()?
            .checked_add(1)?
            .checked_mul(self.sector)?;
        let rest = self.bytes.get(at..)?;
        // The last sector may be cut off.
        (!rest.is_empty()).then(|| &rest[..self.sector.min(rest.len())])
    }

    /// The sectors of the table itself: 109 in the header, others in sectors of their own.
    fn table_sectors(&self, sectors: usize) -> Option<Vec<u32>> {
        let mut places: Vec<u32> = words(self.bytes.get(76..512)?)
            .take_while(|place| *place < FREE)
            .collect();
        let mut next = u32_at(self.bytes, 68)?;
        let mut seen = 0;
        while next < FREE && seen < sectors {
            seen += 1;
            let Some(sector) = self.at(next) else {
                break;
            };
            let mut words: Vec<u32> = words(sector).collect();
            next = words.pop().unwrap_or(NOBODY);
            places.extend(words.into_iter().filter(|place| *place < FREE));
        }
        places.truncate(sectors);
        Some(places)
    }

    /// A chain of sectors; one that goes round ends where it has as many as the file.
    fn places(&self, first: u32, sectors: usize) -> Vec<u32> {
        std::iter::successors(Some(first), |place| {
            self.table.get(*place as usize).copied()
        })
        .take_while(|place| *place < FREE)
        .take(sectors)
        .collect()
    }

    fn chain(&self, first: u32, size: usize, out: &mut Output<'_>) -> Result<(), Why> {
        let mut left = size;
        let mut place = first;
        while left > 0 {
            let sector = self.at(place).or_damaged(DAMAGED)?;
            let part = &sector[..left.min(sector.len())];
            out.push(part)?;
            left -= part.len();
            place = self.table.get(place as usize).copied().unwrap_or(NOBODY);
        }
        Ok(())
    }

    fn stream(&self, entry: &Entry, out: &mut Output<'_>) -> Result<(), Why> {
        if entry.size >= self.small_max {
            // No stream is larger than the file: a chain that goes round would never end.
            if entry.size > self.bytes.len() {
                return Err(Why::Damaged("compound file stream size"));
            }
            return self.chain(entry.first, entry.size, out);
        }
        let mut left = entry.size;
        let mut place = entry.first;
        while left > 0 {
            let at = place as usize * 64;
            let sector = self.small.get(at..).or_damaged(DAMAGED)?;
            let part = &sector[..left.min(64).min(sector.len())];
            if part.is_empty() {
                return Err(Why::Damaged(DAMAGED));
            }
            out.push(part)?;
            left -= part.len();
            place = self
                .small_table
                .get(place as usize)
                .copied()
                .unwrap_or(NOBODY);
        }
        Ok(())
    }
}
