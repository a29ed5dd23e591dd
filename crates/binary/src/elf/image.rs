//! An ELF file as its parts, so that each byte of it belongs to one.

use std::ops::Range;

use object::{
    Endianness,
    elf::{FileHeader32, FileHeader64},
    read::elf::{FileHeader, ProgramHeader as _, SectionHeader as _, Sym as _},
};

use crate::{
    BinaryError,
    limits::{FUNCTIONS_MAX, SECTIONS_MAX},
};

pub(crate) const SHT_PROGBITS: u32 = 1;
pub(crate) const SHT_NOTE: u32 = 7;
const SHT_NOBITS: u32 = 8;
const SHF_ALLOC: u64 = 2;
const SHF_EXECINSTR: u64 = 4;
const PT_LOAD: u32 = 1;
const PF_X: u32 = 1;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
const ET_REL: u16 = 1;
const EM_386: u16 = 3;
const EM_X86_64: u16 = 62;

/// A section and its bytes; one without bytes in the file has none.
#[derive(Debug, Clone)]
pub(crate) struct Section<'a> {
    pub(crate) index: usize,
    pub(crate) name: String,
    /// How many sections of this name came before.
    pub(crate) repeated: usize,
    name_offset: u32,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) address: u64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) link: u32,
    pub(crate) info: u32,
    align: u64,
    entry_size: u64,
    pub(crate) data: &'a [u8],
}

impl Section<'_> {
    pub(crate) const fn allocated(&self) -> bool {
        self.flags & SHF_ALLOC != 0
    }

    pub(crate) const fn executable(&self) -> bool {
        self.flags & SHF_EXECINSTR != 0
    }

    /// All of its header but where it lies in the file and how large it is.
    pub(crate) const fn meaning(&self) -> (u32, u32, u64, u64, u32, u32, u64, u64) {
        (
            self.name_offset,
            self.kind,
            self.flags,
            self.address,
            self.link,
            self.info,
            self.align,
            self.entry_size,
        )
    }

    /// Where it lies in the file, and how large it is.
    pub(crate) const fn layout(&self) -> (u64, u64) {
        (self.offset, self.size)
    }

    /// Name, address and size, for people.
    pub(crate) fn placed(&self) -> String {
        format!("{} {:#x}+{:#x}", self.name, self.address, self.size)
    }

    /// Bytes of the file that are its.
    fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.data.len() as u64)
    }

    /// Addresses that are its, whether the file has bytes for them or not.
    pub(crate) const fn holds(&self, address: u64) -> bool {
        self.allocated() && address >= self.address && address - self.address < self.size
    }
}

#[derive(Debug, Clone)]
struct Segment {
    loaded: bool,
    executable: bool,
    range: Range<u64>,
}

/// A function's symbol.
#[derive(Debug, Clone)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    /// Index of its section.
    pub(crate) section: usize,
    pub(crate) address: u64,
    pub(crate) size: u64,
}

/// An ELF file.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    bytes: &'a [u8],
    pub(crate) relocatable: bool,
    /// 64 or 32 where code can be decoded.
    pub(crate) x86_bits: Option<u32>,
    pub(crate) little_endian: bool,
    pub(crate) class_64: bool,
    segments: Vec<Segment>,
    /// Bytes of the file that can be executed, by the flags of a section or a segment.
    code: Vec<Range<u64>>,
    /// Sections in memory by address, as places in `sections`.
    in_memory: Vec<usize>,
    pub(crate) sections: Vec<Section<'a>>,
    /// Symbols of functions, by section and address, each place once.
    pub(crate) symbols: Vec<Symbol>,
    tables: [Range<usize>; 3],
    offset_of_sections: Range<usize>,
}

fn damaged(part: &'static str) -> impl FnOnce(object::read::Error) -> BinaryError {
    move |source| BinaryError::Damaged { part, source }
}

impl<'a> Image<'a> {
    /// Reads headers, section table and symbols.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, BinaryError> {
        match bytes.get(..5) {
            Some([0x7f, b'E', b'L', b'F', 1]) => Self::read::<FileHeader32<Endianness>>(bytes),
            Some([0x7f, b'E', b'L', b'F', _]) => Self::read::<FileHeader64<Endianness>>(bytes),
            _ => Err(BinaryError::NotElf {
                begins: crate::error::begins(bytes),
            }),
        }
    }

    fn read<H: FileHeader<Endian = Endianness>>(bytes: &'a [u8]) -> Result<Self, BinaryError> {
        let header = H::parse(bytes).map_err(damaged("file header"))?;
        let endian = header.endian().map_err(damaged("file header"))?;
        let machine = header.e_machine(endian).0;
        let segments: Vec<Segment> = header
            .program_headers(endian, bytes)
            .map_err(damaged("program headers"))?
            .iter()
            .map(|segment| {
                let (offset, size) = segment.file_range(endian);
                Segment {
                    loaded: segment.p_type(endian).0 == PT_LOAD,
                    executable: segment.p_flags(endian).0 & PF_X != 0,
                    range: offset..offset.saturating_add(size),
                }
            })
            .collect();
        let class_64 = header.is_type_64();
        let place = |offset: u64, count: usize, size: u16| {
            if offset == 0 || count == 0 {
                return 0..0;
            }
            let start = usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let end = start.saturating_add(count.saturating_mul(usize::from(size)));
            start..end.min(bytes.len())
        };
        let sections = sections::<H>(header, endian, bytes)?;
        let code = code(&segments, &sections);
        let mut in_memory: Vec<usize> = (0..sections.len())
            .filter(|place| sections[*place].allocated() && sections[*place].size > 0)
            .collect();
        in_memory.sort_by_key(|place| sections[*place].address);
        let offset_at = if class_64 { 40 } else { 32 };
        let header_end = size_of::<H>().min(bytes.len());
        Ok(Self {
            bytes,
            relocatable: header.e_type(endian).0 == ET_REL,
            x86_bits: match machine {
                EM_X86_64 => Some(64),
                EM_386 => Some(32),
                _ => None,
            },
            little_endian: header.is_little_endian(),
            class_64,
            tables: [
                0..header_end,
                place(
                    header.e_phoff(endian).into(),
                    segments.len(),
                    header.e_phentsize(endian),
                ),
                place(
                    header.e_shoff(endian).into(),
                    sections.len() + 1,
                    header.e_shentsize(endian),
                ),
            ],
            segments,
            code,
            in_memory,
            symbols: symbols::<H>(header, endian, bytes)?,
            sections,
            offset_of_sections: offset_at..offset_at + if class_64 { 8 } else { 4 },
        })
    }

    /// The file header (if sections grew, without the place of the section table behind them), the
    /// program headers, and the first section header, which is none. The others are compared field
    /// by field.
    pub(crate) fn headers(&self, resized: bool) -> [(&'static str, Vec<u8>); 3] {
        let mut file = self.bytes[self.tables[0].clone()].to_vec();
        if let Some(offset) = file
            .get_mut(self.offset_of_sections.clone())
            .filter(|_| resized)
        {
            offset.fill(0);
        }
        let none = if self.class_64 { 64 } else { 40 };
        let table = &self.bytes[self.tables[2].clone()];
        [
            (
                "first section header",
                table[..none.min(table.len())].to_vec(),
            ),
            ("file header", file),
            (
                "program headers",
                self.bytes[self.tables[1].clone()].to_vec(),
            ),
        ]
    }

    /// The whole file.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether any byte of it can be executed, by its own flags or those of a segment.
    pub(crate) fn is_code(&self, section: &Section<'_>) -> bool {
        let range = section.range();
        let next = self.code.partition_point(|code| code.end <= range.start);
        section.executable() || self.code.get(next).is_some_and(|code| meets(code, &range))
    }

    /// Whether any byte of it is in memory when the program runs.
    pub(crate) fn is_loaded(&self, section: &Section<'_>) -> bool {
        let range = section.range();
        let in_segment = |segment: &Segment| segment.loaded && meets(&segment.range, &range);
        section.allocated() || self.segments.iter().any(in_segment)
    }

    /// The section in memory at an address.
    pub(crate) fn section_at(&self, address: u64) -> Option<&Section<'a>> {
        let next = self
            .in_memory
            .partition_point(|place| self.sections[*place].address <= address);
        let section = &self.sections[self.in_memory[next.checked_sub(1)?]];
        section.holds(address).then_some(section)
    }

    /// The section with this number in the section table.
    pub(crate) fn numbered(&self, index: usize) -> Option<&Section<'a>> {
        self.sections.get(index.checked_sub(1)?)
    }

    /// A section by name.
    pub(crate) fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Bytes of no header and no section, in order.
    pub(crate) fn between(&self) -> Vec<u8> {
        let mut ranges: Vec<Range<usize>> = self.tables.to_vec();
        for section in &self.sections {
            let start = usize::try_from(section.offset).unwrap_or(usize::MAX);
            ranges.push(start..start.saturating_add(section.data.len()));
        }
        ranges.sort_by_key(|range| (range.start, range.end));
        let mut rest = Vec::new();
        let mut at = 0;
        for range in ranges {
            if range.start > at {
                rest.extend_from_slice(&self.bytes[at..range.start.min(self.bytes.len())]);
            }
            at = at.max(range.end.min(self.bytes.len()));
        }
        rest.extend_from_slice(&self.bytes[at..]);
        rest
    }
}

/// What sections and loaded segments call executable, merged and in order.
fn code(segments: &[Segment], sections: &[Section<'_>]) -> Vec<Range<u64>> {
    let of_segments = segments
        .iter()
        .filter(|segment| segment.loaded && segment.executable)
        .map(|segment| segment.range.clone());
    let of_sections = sections
        .iter()
        .filter(|section| section.executable())
        .map(Section::range);
    let mut ranges: Vec<Range<u64>> = of_segments.chain(of_sections).collect();
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn meets(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}

/// All sections but the first, which is none.
fn sections<'a, H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    bytes: &'a [u8],
) -> Result<Vec<Section<'a>>, BinaryError> {
    let table = header
        .sections(endian, bytes)
        .map_err(damaged("section table"))?;
    if table.len() > SECTIONS_MAX {
        return Err(BinaryError::TooMany {
            what: "sections",
            count: table.len() as u64,
            count_max: SECTIONS_MAX as u64,
        });
    }
    let mut seen = std::collections::HashMap::<Vec<u8>, usize>::new();
    let mut sections = Vec::new();
    for (index, section) in table.iter().enumerate().skip(1) {
        let name = table
            .section_name(endian, section)
            .map_err(damaged("section names"))?;
        let kind = section.sh_type(endian).0;
        let data = if kind == SHT_NOBITS {
            &[]
        } else {
            section
                .data(endian, bytes)
                .map_err(damaged("section contents"))?
        };
        let count = seen.entry(name.to_vec()).or_default();
        sections.push(Section {
            index,
            name: name.escape_ascii().to_string(),
            repeated: *count,
            name_offset: section.sh_name(endian),
            kind,
            flags: section.sh_flags(endian).0,
            address: section.sh_addr(endian).into(),
            offset: section.sh_offset(endian).into(),
            size: section.sh_size(endian).into(),
            link: section.sh_link(endian),
            info: section.sh_info(endian),
            align: section.sh_addralign(endian).into(),
            entry_size: section.sh_entsize(endian).into(),
            data,
        });
        *count += 1;
    }
    Ok(sections)
}

fn symbols<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    bytes: &[u8],
) -> Result<Vec<Symbol>, BinaryError> {
    let table = header
        .sections(endian, bytes)
        .map_err(damaged("section table"))?;
    let symbols = table
        .symbols(endian, bytes, object::elf::SHT_SYMTAB)
        .map_err(damaged("symbol table"))?;
    let mut found = Vec::new();
    for (index, symbol) in symbols.enumerate() {
        let function = matches!(symbol.st_type().0, STT_FUNC | STT_GNU_IFUNC);
        let size: u64 = symbol.st_size(endian).into();
        if !function || size == 0 {
            continue;
        }
        let section = symbols
            .symbol_section(endian, symbol, index)
            .map_err(damaged("symbol table"))?;
        let name = symbol
            .name(endian, symbols.strings())
            .map_err(damaged("symbol names"))?;
        if let Some(section) = section {
            if found.len() >= FUNCTIONS_MAX {
                return Err(BinaryError::TooMany {
                    what: "functions",
                    count: symbols.len() as u64,
                    count_max: FUNCTIONS_MAX as u64,
                });
            }
            found.push(Symbol {
                name: String::from_utf8_lossy(name).into_owned(),
                section: section.0,
                address: symbol.st_value(endian).into(),
                size,
            });
        }
    }
    found.sort_by(|a, b| (a.section, a.address, &a.name).cmp(&(b.section, b.address, &b.name)));
    found.dedup_by_key(|symbol| (symbol.section, symbol.address));
    Ok(found)
}
