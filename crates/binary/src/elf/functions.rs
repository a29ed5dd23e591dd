//! The functions of a program, and which of them differ between two builds.
//!
//! Functions are what the symbol table says; in a stripped program, what `.eh_frame` says (it must
//! be there for unwinding). They are paired in order and by content, so that shifted addresses and
//! renumbered clones do not look like changes.

use std::collections::HashMap;

use gimli::{BaseAddresses, CieOrFde, EhFrame, LittleEndian, UnwindSection as _};

use super::{
    Image, Images,
    align::{Step, align},
    code::{Reach, Shape},
    relocations::Relocations,
};
use crate::{
    Change, Pair, Program, Side, Span, What,
    findings::Findings,
    limits::FUNCTIONS_MAX,
    names::{demangled, normalised},
};

/// A function and its instructions with addresses masked.
#[derive(Debug)]
pub(crate) struct Function {
    name: Option<String>,
    span: Span,
    shape: Shape,
}

/// Where functions begin and how long they are: section, address, size, name.
type Extent = (usize, u64, u64, Option<String>);

pub(super) fn compare(findings: &mut Findings<'_>, place: &str, images: &Images<'_>) {
    let by_symbol = [&images.ours, &images.theirs]
        .iter()
        .all(|image| !image.symbols.is_empty());
    let (ours, theirs) = (
        functions(&images.ours, by_symbol),
        functions(&images.theirs, by_symbol),
    );
    let steps = align(
        &ours,
        &theirs,
        |function| &function.shape.masked,
        |function| function.name.as_deref().map(normalised),
    );
    let partners: HashMap<usize, usize> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Both(a, b) => Some((*a, *b)),
            _ => None,
        })
        .collect();
    let reader = Reaching {
        images,
        ours: &ours,
        theirs: &theirs,
        partners: &partners,
    };
    let mut told = Told {
        findings,
        place,
        program: None,
        opened: false,
    };
    for step in &steps {
        match *step {
            Step::Both(a, b) if ours[a].shape.masked != theirs[b].shape.masked => {
                told.tell(
                    images,
                    Change::Instructions,
                    Some(&ours[a]),
                    Some(&theirs[b]),
                );
            }
            Step::Both(a, b) => {
                if !reader.alike(&ours[a], &theirs[b]) {
                    told.tell(images, Change::Reaches, Some(&ours[a]), Some(&theirs[b]));
                }
            }
            Step::Ours(a) => told.tell(images, Change::Only(Side::Ours), Some(&ours[a]), None),
            Step::Theirs(b) => {
                told.tell(images, Change::Only(Side::Theirs), None, Some(&theirs[b]))
            }
        }
    }
}

/// Writes down functions that differ; opens debug information only if there is one.
struct Told<'t, 'f, 'r, 'a> {
    findings: &'f mut Findings<'r>,
    place: &'t str,
    program: Option<Program<'a>>,
    opened: bool,
}

impl<'a> Told<'_, '_, '_, 'a> {
    fn tell(
        &mut self,
        images: &Images<'a>,
        change: Change,
        ours: Option<&Function>,
        theirs: Option<&Function>,
    ) {
        if !self.opened {
            self.opened = true;
            let bytes = images.ours.bytes();
            self.program = Program::open(bytes).ok();
        }
        let address = ours.map(|function| function.span.address);
        let source = address.and_then(|address| {
            let places = self.program.as_ref()?.place_of(address).ok()?;
            let place = places.last()?;
            Some(format!("{}:{}", place.file.as_ref()?, place.line?))
        });
        let named = ours
            .or(theirs)
            .and_then(|function| function.name.as_deref());
        let what = What::Function {
            name: named.map(demangled),
            change,
            spans: Pair::new(ours.map(|f| f.span), theirs.map(|f| f.span)),
            source,
        };
        let because = match change {
            Change::Instructions => "its instructions differ, addresses left aside",
            Change::Reaches => "the same instructions, but they call or read something else",
            Change::Only(_) => "a function without a counterpart",
        };
        self.findings.unexplained(self.place, what, because);
    }
}

/// Whether equal instructions reach the same things.
struct Reaching<'r, 'a> {
    images: &'r Images<'a>,
    ours: &'r [Function],
    theirs: &'r [Function],
    partners: &'r HashMap<usize, usize>,
}

impl Reaching<'_, '_> {
    fn alike(&self, ours: &Function, theirs: &Function) -> bool {
        // Addresses of an object file are not final; its relocations are part of the shape.
        self.images.ours.relocatable
            || ours
                .shape
                .reaches
                .iter()
                .zip(&theirs.shape.reaches)
                .all(|(a, b)| self.same(*a, *b))
    }

    fn same(&self, Reach(a): Reach, Reach(b): Reach) -> bool {
        match (function_at(self.ours, a), function_at(self.theirs, b)) {
            (Some((i, from_start)), Some((j, other_start))) => {
                let changed = self.ours[i].shape.masked != self.theirs[j].shape.masked;
                let same_place =
                    from_start == other_start || changed && from_start * other_start > 0;
                same_place && self.partners.get(&i) == Some(&j)
            }
            (None, None) => self.same_data(a, b),
            _ => false,
        }
    }

    /// In sections that lie alike, the same address; elsewhere, the same section.
    fn same_data(&self, a: u64, b: u64) -> bool {
        match (
            self.images.ours.section_at(a),
            self.images.theirs.section_at(b),
        ) {
            (Some(ours), Some(theirs)) => {
                let alike = (ours.address, ours.size) == (theirs.address, theirs.size);
                ours.name == theirs.name && (!alike || a == b)
            }
            (None, None) => true,
            _ => false,
        }
    }
}

/// The function around an address, and how far inside it.
fn function_at(functions: &[Function], address: u64) -> Option<(usize, u64)> {
    let next = functions.partition_point(|function| function.span.address <= address);
    let index = next.checked_sub(1)?;
    let inside = address - functions[index].span.address;
    (inside < functions[index].span.bytes).then_some((index, inside))
}

/// All functions in order of their addresses.
fn functions(image: &Image<'_>, by_symbol: bool) -> Vec<Function> {
    let relocations = Relocations::read(image);
    let extents = if by_symbol {
        by_symbols(image)
    } else {
        by_frames(image)
    };
    extents
        .into_iter()
        .filter_map(|(section, address, bytes, name)| {
            let of = image.numbered(section)?;
            let base = if image.relocatable { 0 } else { of.address };
            let start = usize::try_from(address.checked_sub(base)?).ok()?;
            let end = start.checked_add(usize::try_from(bytes).ok()?)?;
            let mut shape = Shape::of(of.data.get(start..end)?, address, image.x86_bits);
            relocations.append(section, address, bytes, &mut shape.masked);
            Some(Function {
                name,
                span: Span { address, bytes },
                shape,
            })
        })
        .collect()
}

fn by_symbols(image: &Image<'_>) -> Vec<Extent> {
    let mut extents: Vec<Extent> = image
        .symbols
        .iter()
        .map(|symbol| {
            (
                symbol.section,
                symbol.address,
                symbol.size,
                Some(symbol.name.clone()),
            )
        })
        .collect();
    if !image.relocatable {
        // Code without a symbol (of assembler, of a linker) may still have a frame.
        let end = |extent: &Extent| extent.1.saturating_add(extent.2);
        let mut by_address: Vec<(u64, u64)> = extents.iter().map(|e| (e.1, end(e))).collect();
        by_address.sort_unstable();
        extents.extend(by_frames(image).into_iter().filter(|(_, address, ..)| {
            let next = by_address.partition_point(|(start, _)| start <= address);
            next == 0 || by_address[next - 1].1 <= *address
        }));
        extents.sort_by_key(|extent| extent.1);
    }
    extents
}

/// Frame description entries. A damaged table ends where it is damaged.
fn by_frames(image: &Image<'_>) -> Vec<Extent> {
    let Some(section) = image
        .section(".eh_frame")
        .filter(|_| image.little_endian && !image.relocatable)
    else {
        return Vec::new();
    };
    let mut frames = EhFrame::new(section.data, LittleEndian);
    frames.set_address_size(if image.class_64 { 8 } else { 4 });
    let text = image.section(".text").map_or(0, |text| text.address);
    let bases = BaseAddresses::default()
        .set_eh_frame(section.address)
        .set_text(text);
    let mut extents = Vec::new();
    let mut entries = frames.entries(&bases);
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let Ok(fde) = partial.parse(EhFrame::cie_from_offset) else {
            continue;
        };
        let (address, bytes) = (fde.initial_address(), fde.len());
        if let Some(section) = image
            .section_at(address)
            .filter(|section| section.executable())
        {
            extents.push((section.index, address, bytes, None));
        }
        if extents.len() >= FUNCTIONS_MAX {
            break;
        }
    }
    extents.sort_by_key(|extent| (extent.1, extent.2));
    extents.dedup_by_key(|extent| extent.1);
    extents
}
