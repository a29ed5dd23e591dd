//! The DWARF sections of a program, unpacked if they are compressed.

use std::{io::Read, sync::Arc};

use gimli::{Dwarf, EndianArcSlice, RunTimeEndian, SectionId};

use super::Reader;
use crate::{
    BinaryError,
    elf::{Image, Section},
    limits::{DEBUG_BYTES_MAX, DEBUG_LINE_BYTES_MAX},
};

const SHF_COMPRESSED: u64 = 0x800;
const ZLIB: u32 = 1;
const ZSTD: u32 = 2;

/// Loads all sections that gimli asks for; what is missing is empty.
pub(super) fn load(image: &Image<'_>) -> Result<Dwarf<Reader>, BinaryError> {
    let endian = if image.little_endian {
        RunTimeEndian::Little
    } else {
        RunTimeEndian::Big
    };
    let mut left = DEBUG_BYTES_MAX;
    Dwarf::load(|id| {
        let bytes: Arc<[u8]> = match image.section(id.name()) {
            Some(section) => contents(image, section, &mut left)?,
            None => Arc::from([]),
        };
        let line = id == SectionId::DebugLine;
        if line && bytes.len() as u64 > DEBUG_LINE_BYTES_MAX {
            return Err(too_many(
                "bytes of line tables",
                bytes.len() as u64,
                DEBUG_LINE_BYTES_MAX,
            ));
        }
        Ok(EndianArcSlice::new(bytes, endian))
    })
}

const fn too_many(what: &'static str, count: u64, count_max: u64) -> BinaryError {
    BinaryError::TooMany {
        what,
        count,
        count_max,
    }
}

fn contents(
    image: &Image<'_>,
    section: &Section<'_>,
    left: &mut u64,
) -> Result<Arc<[u8]>, BinaryError> {
    let packed = section.flags & SHF_COMPRESSED != 0;
    let (kind, size, body) = if packed {
        header(image, section.data).unwrap_or((0, 0, &[]))
    } else {
        (0, section.data.len() as u64, section.data)
    };
    let taken = left.checked_sub(size);
    *left = taken.ok_or_else(|| too_many("bytes of debug information", size, DEBUG_BYTES_MAX))?;
    if !packed {
        return Ok(Arc::from(body));
    }
    let mut unpacked = Vec::new();
    let mut read = |reader: &mut dyn Read| reader.take(size + 1).read_to_end(&mut unpacked).is_ok();
    let whole = match kind {
        ZLIB => read(&mut flate2::bufread::ZlibDecoder::new(body)),
        ZSTD => {
            ruzstd::decoding::StreamingDecoder::new(body).is_ok_and(|mut reader| read(&mut reader))
        }
        _ => false,
    };
    if !whole || unpacked.len() as u64 != size {
        return Err(BinaryError::Unpacked {
            section: section.name.clone(),
            bytes: size,
        });
    }
    Ok(Arc::from(unpacked))
}

/// `Elf64_Chdr` or `Elf32_Chdr`: kind, size, what follows.
fn header<'a>(image: &Image<'_>, data: &'a [u8]) -> Option<(u32, u64, &'a [u8])> {
    let number = |at: usize, size: usize| -> Option<u64> {
        let bytes = data.get(at..at + size)?;
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if image.little_endian {
            bytes.iter().rev().fold(0, fold)
        } else {
            bytes.iter().fold(0, fold)
        })
    };
    let kind = u32::try_from(number(0, 4)?).ok()?;
    if image.class_64 {
        Some((kind, number(8, 8)?, data.get(24..)?))
    } else {
        Some((kind, number(4, 4)?, data.get(12..)?))
    }
}
