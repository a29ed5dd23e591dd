//! Source line to bytes and back, and the bytes that no source accounts for.
//!
//! Debug information is the builder's word: it says what the compiler says it did. That it belongs
//! to these bytes is shown by rebuilding, not here.

mod coverage;
mod lines;
mod sections;

use std::sync::Arc;

use gimli::{EndianArcSlice, RunTimeEndian};
use serde::Serialize;

pub use coverage::{SourceCoverage, UncoveredRange};
use lines::Lines;

use crate::{
    BinaryError,
    elf::Image,
    limits::{ANSWERS_MAX, FILE_BYTES_MAX, FRAMES_MAX},
    names,
};

type Reader = EndianArcSlice<RunTimeEndian>;

/// A linked ELF program with whatever debug information it has.
pub struct Program<'a> {
    image: Image<'a>,
    frames: addr2line::Context<Reader>,
    lines: Lines,
}

impl std::fmt::Debug for Program<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Path of the file as the compiler saw it, if there is debug information.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Name of the function, demangled.
    pub function: Option<String>,
    /// Whether this function was inlined into that of the next place.
    pub inlined: bool,
}

/// Bytes of the program that come from one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressRange {
    /// First address.
    pub start: u64,
    /// Address behind the last byte.
    pub end: u64,
    /// Path of the file as the compiler saw it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

/// A function of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Function {
    /// Its name, demangled.
    pub name: String,
    /// Where it begins.
    pub address: u64,
    /// Its size.
    pub bytes: u64,
    /// Where it begins in the source, if there is debug information.
    pub place: Option<Place>,
}

impl<'a> Program<'a> {
    /// Opens a linked ELF program.
    ///
    /// # Errors
    /// Not ELF, an object file, damaged, or larger than what is read.
    pub fn open(bytes: &'a [u8]) -> Result<Self, BinaryError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(BinaryError::TooLarge {
                bytes: bytes.len() as u64,
                bytes_max: FILE_BYTES_MAX as u64,
            });
        }
        let image = Image::parse(bytes)?;
        if image.relocatable {
            return Err(BinaryError::NotLinked);
        }
        let dwarf = Arc::new(sections::load(&image)?);
        let lines = Lines::read(&dwarf, &image)?;
        let frames =
            addr2line::Context::from_arc_dwarf(dwarf).map_err(|source| BinaryError::Dwarf {
                section: ".debug_info",
                source,
            })?;
        Ok(Self {
            image,
            frames,
            lines,
        })
    }

    /// Where a byte comes from: the innermost inlined function first, the function itself last.
    /// Nothing if neither debug information nor a symbol covers the address.
    ///
    /// # Errors
    /// Debug information that contradicts itself.
    pub fn place_of(&self, address: u64) -> Result<Vec<Place>, BinaryError> {
        let damaged = |source| BinaryError::Dwarf {
            section: ".debug_info",
            source,
        };
        let mut frames = self
            .frames
            .find_frames(address)
            .skip_all_loads()
            .map_err(damaged)?;
        let mut places: Vec<Place> = Vec::new();
        while let Some(frame) = frames.next().map_err(damaged)? {
            if places.len() >= FRAMES_MAX {
                break;
            }
            if let Some(inner) = places.last_mut() {
                inner.inlined = true;
            }
            let name = frame
                .function
                .as_ref()
                .and_then(|name| name.raw_name().ok());
            let location = frame.location.as_ref();
            places.push(Place {
                file: location.and_then(|at| at.file).map(str::to_owned),
                line: location.and_then(|at| at.line).filter(|line| *line > 0),
                function: name.map(|name| names::demangled(&name)),
                inlined: false,
            });
        }
        let symbol = || {
            self.symbol_at(address)
                .map(|symbol| names::demangled(&symbol.name))
        };
        match places.last_mut() {
            Some(last) if last.function.is_none() => last.function = symbol(),
            Some(_) => {}
            None => places.extend(symbol().map(|function| Place {
                file: None,
                line: None,
                function: Some(function),
                inlined: false,
            })),
        }
        Ok(places)
    }

    /// The bytes that come from one line. `file` is a path or its last parts; at most 10,000 ranges.
    #[must_use]
    pub fn addresses_of(&self, file: &str, line: u32) -> Vec<AddressRange> {
        self.lines.of(file, line).take(ANSWERS_MAX).collect()
    }

    /// Functions by name: as the linker or the source has it, or its last parts (`verify` means
    /// `check::verify`). A function that was inlined everywhere is not here.
    ///
    /// # Errors
    /// Debug information that contradicts itself.
    pub fn functions(&self, name: &str) -> Result<Vec<Function>, BinaryError> {
        self.image
            .symbols
            .iter()
            .filter(|symbol| names::means(name, &symbol.name))
            .take(ANSWERS_MAX)
            .map(|symbol| {
                Ok(Function {
                    name: names::demangled(&symbol.name),
                    address: symbol.address,
                    bytes: symbol.size,
                    place: self.place_of(symbol.address)?.pop(),
                })
            })
            .collect()
    }

    /// Whether there are line tables at all.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        !self.lines.ranges.is_empty()
    }

    /// Executable bytes that no line table and no symbol covers, and how many each covers.
    #[must_use]
    pub fn without_source(&self) -> SourceCoverage {
        coverage::measure(&self.image, &self.lines)
    }

    fn symbol_at(&self, address: u64) -> Option<&crate::elf::Symbol> {
        let section = self.image.section_at(address)?.index;
        let symbols = &self.image.symbols;
        let next = symbols
            .partition_point(|symbol| (symbol.section, symbol.address) <= (section, address));
        let symbol = &symbols[next.checked_sub(1)?];
        (symbol.section == section && address - symbol.address < symbol.size).then_some(symbol)
    }
}
