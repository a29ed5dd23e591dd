//! What the code of an object file will reach once it is linked.

use std::collections::HashMap;

use super::Image;
use crate::limits::RELOCATIONS_MAX;

const SHT_RELA: u32 = 4;
const SHT_SYMTAB: u32 = 2;
const ENTRY_BYTES: usize = 24;
const SYMBOL_BYTES: usize = 24;

#[derive(Debug)]
struct Relocation {
    offset: u64,
    /// Type, then what it names.
    meaning: Vec<u8>,
}

/// Relocations of a 64-bit little-endian object file, by the section they apply to.
#[derive(Debug, Default)]
pub(super) struct Relocations(HashMap<usize, Vec<Relocation>>);

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Relocations {
    /// Reads them all; of a linked program there is nothing to read.
    pub(super) fn read(image: &Image<'_>) -> Self {
        let mut all = Self::default();
        if !(image.relocatable && image.class_64 && image.little_endian) {
            return all;
        }
        let mut left = RELOCATIONS_MAX;
        for section in image
            .sections
            .iter()
            .filter(|section| section.kind == SHT_RELA)
        {
            let of = all.0.entry(section.info as usize).or_default();
            for entry in section.data.chunks_exact(ENTRY_BYTES).take(left) {
                let (Some(offset), Some(info)) = (u64_at(entry, 0), u64_at(entry, 8)) else {
                    continue;
                };
                let mut meaning = entry[8..12].to_vec();
                meaning.extend(named(
                    image,
                    section.link as usize,
                    info >> 32,
                    &entry[16..],
                ));
                of.push(Relocation { offset, meaning });
                left -= 1;
            }
        }
        for relocations in all.0.values_mut() {
            relocations.sort_by_key(|relocation| relocation.offset);
        }
        all
    }

    /// Adds those within a function to its masked bytes.
    pub(super) fn append(&self, section: usize, start: u64, size: u64, masked: &mut Vec<u8>) {
        let Some(relocations) = self.0.get(&section) else {
            return;
        };
        let first = relocations.partition_point(|relocation| relocation.offset < start);
        for relocation in &relocations[first..] {
            let inside = relocation.offset - start;
            if inside >= size {
                break;
            }
            masked.extend(inside.to_le_bytes());
            masked.extend(&relocation.meaning);
        }
    }
}

/// A symbol's name and the distance from it; of a section only its name, since its parts may move.
fn named(image: &Image<'_>, table: usize, symbol: u64, addend: &[u8]) -> Vec<u8> {
    let find = |index: usize| image.numbered(index);
    let name = || -> Option<Vec<u8>> {
        let table = find(table).filter(|table| table.kind == SHT_SYMTAB)?;
        let at = usize::try_from(symbol).ok()?.checked_mul(SYMBOL_BYTES)?;
        let entry = table.data.get(at..at.checked_add(SYMBOL_BYTES)?)?;
        let name = usize::try_from(u32_at(entry, 0)?).ok()?;
        let section = usize::from(u16::from_le_bytes([entry[6], entry[7]]));
        let strings = find(table.link as usize)?;
        // Compilers number their local labels; what lies there is compared as a section.
        if name == 0 || strings.data.get(name..)?.starts_with(b".L") {
            return Some(find(section)?.name.clone().into_bytes());
        }
        let mut name = strings
            .data
            .get(name..)?
            .split(|byte| *byte == 0)
            .next()?
            .to_vec();
        name.extend_from_slice(addend);
        Some(name)
    };
    name().unwrap_or_default()
}
