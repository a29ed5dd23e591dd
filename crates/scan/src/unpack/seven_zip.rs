//! 7z (`7zFormat.txt`): the headers. A folder of files is unpacked at once and held while its files
//! are given out of it; `seven_zip/coders.rs` does the decoding.

mod coders;

use crate::cursor::Cursor;
use crate::limits::HEADER_COUNT_MAX;
use crate::obstacle::{OrDamaged as _, Why};
use crate::walk::Members;
use coders::Coder;

const DAMAGED: &str = "7z header";
const END: u8 = 0;
const HEADER: u8 = 1;
const ARCHIVE_PROPERTIES: u8 = 2;
const ADDITIONAL_STREAMS: u8 = 3;
const MAIN_STREAMS: u8 = 4;
const FILES: u8 = 5;
const PACK_INFO: u8 = 6;
const UNPACK_INFO: u8 = 7;
const SUBSTREAMS: u8 = 8;
const SIZE: u8 = 9;
const CRC: u8 = 10;
const FOLDER: u8 = 11;
const UNPACK_SIZES: u8 = 12;
const STREAM_COUNTS: u8 = 13;
const ENCODED_HEADER: u8 = 23;
/// Where packed streams begin.
const PACKED_AT: usize = 32;

/// Coders of one folder; the output of the last that nobody takes is its content.
struct Folder {
    coders: Vec<Coder>,
    /// (input, output): the input of one coder is the output of another.
    binds: Vec<(u64, u64)>,
    packed: Vec<u64>,
    sizes: Vec<u64>,
    files: Vec<u64>,
}

#[derive(Default)]
struct Streams {
    packed_at: u64,
    packed_sizes: Vec<u64>,
    folders: Vec<Folder>,
}

pub(super) fn unpack(bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut start = Cursor::from(bytes, 12);
    let offset = start.u64().or_damaged(DAMAGED)?;
    let size = start.u64().or_damaged(DAMAGED)?;
    if size == 0 {
        return Ok(());
    }
    let at = usize::try_from(offset)
        .ok()
        .and_then(|offset| offset.checked_add(PACKED_AT));
    let header = at
        .and_then(|at| bytes.get(at..)?.get(..usize::try_from(size).ok()?))
        .or_damaged("7z is cut off")?;
    match header.first() {
        Some(&HEADER) => files(bytes, header, members),
        Some(&ENCODED_HEADER) => encoded(bytes, header, members),
        _ => Err(Why::Damaged(DAMAGED)),
    }
}

/// The header itself is a folder of one file.
fn encoded(bytes: &[u8], header: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let mut cursor = Cursor::from(header, 1);
    let streams = streams(&mut cursor).or_damaged(DAMAGED)?;
    let folder = streams.folders.first().or_damaged(DAMAGED)?;
    let inputs = inputs(bytes, &streams, 0).or_damaged("7z is cut off")?;
    let (header, result) = members.aside(|out| folder.decode(&inputs, out));
    let given = match (result, header.first()) {
        (Err(why), _) => Err(why),
        (Ok(()), Some(&HEADER)) => files(bytes, &header, members),
        _ => Err(Why::Damaged(DAMAGED)),
    };
    members.give_back(header);
    given
}

fn files(bytes: &[u8], header: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    let streams = main_streams(header).or_damaged(DAMAGED)?;
    for (index, folder) in streams.folders.iter().enumerate() {
        let Some(inputs) = inputs(bytes, &streams, index) else {
            members.closed(Why::Damaged("7z is cut off"))?;
            continue;
        };
        let (content, result) = members.aside(|out| folder.decode(&inputs, out));
        let mut rest = content.as_slice();
        let given = folder.files.iter().try_for_each(|size| {
            let size = usize::try_from(*size).unwrap_or(usize::MAX);
            match (rest.get(..size), result) {
                (Some(file), _) => {
                    rest = &rest[size..];
                    members.stored(file)
                }
                (None, Err(why)) => members.closed(why),
                (None, Ok(())) => members.closed(Why::Damaged("7z file size")),
            }
        });
        members.give_back(content);
        given?;
    }
    Ok(())
}

/// The packed streams of one folder.
fn inputs<'a>(bytes: &'a [u8], streams: &Streams, index: usize) -> Option<Vec<&'a [u8]>> {
    let before: usize = streams.folders[..index]
        .iter()
        .map(|folder| folder.packed.len())
        .sum();
    let count = streams.folders.get(index)?.packed.len();
    let skipped = streams
        .packed_sizes
        .get(..before)?
        .iter()
        .try_fold(streams.packed_at, |sum, size| sum.checked_add(*size))?;
    let mut at = usize::try_from(skipped).ok()?.checked_add(PACKED_AT)?;
    let sizes = streams.packed_sizes.get(before..)?.get(..count)?;
    sizes
        .iter()
        .map(|size| {
            let size = usize::try_from(*size).ok()?;
            let input = bytes.get(at..)?.get(..size)?;
            at += size;
            Some(input)
        })
        .collect()
}

fn main_streams(header: &[u8]) -> Option<Streams> {
    let mut cursor = Cursor::from(header, 1);
    loop {
        match cursor.u8()? {
            ARCHIVE_PROPERTIES => skip_properties(&mut cursor)?,
            ADDITIONAL_STREAMS => drop(streams(&mut cursor)?),
            MAIN_STREAMS => return streams(&mut cursor),
            // Only folders and empty files.
            FILES | END => return Some(Streams::default()),
            _ => return None,
        }
    }
}

fn skip_properties(cursor: &mut Cursor<'_>) -> Option<()> {
    while cursor.u8()? != END {
        let size = count(cursor)?;
        cursor.skip(size)?;
    }
    Some(())
}

fn streams(cursor: &mut Cursor<'_>) -> Option<Streams> {
    let mut streams = Streams::default();
    loop {
        match cursor.u8()? {
            END => break,
            PACK_INFO => pack_info(cursor, &mut streams)?,
            UNPACK_INFO => streams.folders = unpack_info(cursor)?,
            SUBSTREAMS => {
                substreams(cursor, &mut streams.folders)?;
                break;
            }
            _ => return None,
        }
    }
    for folder in &mut streams.folders {
        if folder.files.is_empty() && folder.sizes.len() == folder.coders.len() {
            folder.files = folder.whole().into_iter().collect();
        }
    }
    Some(streams)
}

fn pack_info(cursor: &mut Cursor<'_>, streams: &mut Streams) -> Option<()> {
    streams.packed_at = number(cursor)?;
    let count = count(cursor)?;
    loop {
        match cursor.u8()? {
            END => return Some(()),
            SIZE => {
                streams.packed_sizes = (0..count).map(|_| number(cursor)).collect::<Option<_>>()?;
            }
            CRC => checksums(cursor, count).map(drop)?,
            _ => return None,
        }
    }
}

fn unpack_info(cursor: &mut Cursor<'_>) -> Option<Vec<Folder>> {
    if cursor.u8()? != FOLDER {
        return None;
    }
    let count = count(cursor)?;
    if cursor.u8()? != 0 {
        return None; // folders described in another stream: nobody writes that
    }
    let mut folders = (0..count)
        .map(|_| folder(cursor))
        .collect::<Option<Vec<_>>>()?;
    loop {
        match cursor.u8()? {
            END => return Some(folders),
            UNPACK_SIZES => {
                for folder in &mut folders {
                    folder.sizes = folder
                        .coders
                        .iter()
                        .map(|_| number(cursor))
                        .collect::<Option<_>>()?;
                }
            }
            CRC => checksums(cursor, count).map(drop)?,
            _ => return None,
        }
    }
}

fn folder(cursor: &mut Cursor<'_>) -> Option<Folder> {
    let coders = count(cursor).filter(|count| (1..=32).contains(count))?;
    let coders = (0..coders)
        .map(|_| Coder::parse(cursor))
        .collect::<Option<Vec<_>>>()?;
    let inputs: u64 = coders.iter().map(|coder| coder.inputs).sum();
    let binds = (1..coders.len())
        .map(|_| Some((number(cursor)?, number(cursor)?)))
        .collect::<Option<Vec<_>>>()?;
    let packed = inputs
        .checked_sub(binds.len() as u64)
        .filter(|packed| *packed > 0)?;
    let packed = if packed == 1 {
        let free = (0..inputs).find(|input| binds.iter().all(|(bound, _)| bound != input))?;
        vec![free]
    } else {
        (0..packed).map(|_| number(cursor)).collect::<Option<_>>()?
    };
    Some(Folder {
        coders,
        binds,
        packed,
        sizes: Vec::new(),
        files: Vec::new(),
    })
}

fn substreams(cursor: &mut Cursor<'_>, folders: &mut [Folder]) -> Option<()> {
    let mut id = cursor.u8()?;
    let mut counts = vec![1; folders.len()];
    if id == STREAM_COUNTS {
        for value in &mut counts {
            *value = count(cursor)?;
        }
        id = cursor.u8()?;
    }
    for (folder, count) in folders.iter_mut().zip(&counts) {
        let whole = folder.whole()?;
        let mut left = whole;
        folder.files.clear();
        for _ in 1..*count {
            let size = if id == SIZE { number(cursor)? } else { 0 };
            left = left.checked_sub(size)?;
            folder.files.push(size);
        }
        if *count > 0 {
            folder.files.push(left);
        }
    }
    // What follows are checksums, whose number depends on those of the folders. Sizes are all that is
    // needed, and nothing that is needed stands behind them.
    let _ = cursor.take(cursor.rest().len());
    Some(())
}

/// Passes a list of digests: all of them, or those that a bit field names.
fn checksums(cursor: &mut Cursor<'_>, count: usize) -> Option<usize> {
    let defined = if cursor.u8()? == 0 {
        let field = cursor.take(count.div_ceil(8))?;
        field.iter().map(|byte| byte.count_ones() as usize).sum()
    } else {
        count
    };
    cursor.skip(defined.checked_mul(4)?)?;
    Some(defined)
}

/// The leading ones of the first byte say how many bytes follow.
fn number(cursor: &mut Cursor<'_>) -> Option<u64> {
    let first = cursor.u8()?;
    let more = first.leading_ones();
    let mut value = 0u64;
    for place in 0..more {
        value |= u64::from(cursor.u8()?) << (8 * place);
    }
    if more < 7 {
        let high = u64::from(first) & ((1 << (7 - more)) - 1);
        value |= high << (8 * more);
    }
    Some(value)
}

fn count(cursor: &mut Cursor<'_>) -> Option<usize> {
    let value = number(cursor)?;
    (value <= HEADER_COUNT_MAX).then(|| usize::try_from(value).ok())?
}
