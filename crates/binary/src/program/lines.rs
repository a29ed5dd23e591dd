//! The line tables as one list of ranges, in order of addresses.

use std::collections::HashMap;

use gimli::{AttributeValue, Dwarf, LineRow, Reader as _, Unit};

use super::{AddressRange, Reader};
use crate::{BinaryError, elf::Image, limits::PATH_BYTES_MAX};

/// Bytes that come from one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) end: u64,
    file: u32,
    line: u32,
}

/// All line tables. Rows without a line (compiler's own code) are left out.
#[derive(Debug, Default)]
pub(super) struct Lines {
    files: Vec<String>,
    pub(super) ranges: Vec<Range>,
}

impl Lines {
    pub(super) fn read(dwarf: &Dwarf<Reader>, image: &Image<'_>) -> Result<Self, BinaryError> {
        let mut lines = Self::default();
        let mut names = HashMap::new();
        let in_info = |source| BinaryError::Dwarf {
            section: ".debug_info",
            source,
        };
        let in_line = |source| BinaryError::Dwarf {
            section: ".debug_line",
            source,
        };
        let mut units = dwarf.units();
        while let Some(header) = units.next().map_err(in_info)? {
            let unit = dwarf.unit(header).map_err(in_info)?;
            lines
                .unit(dwarf, &unit, image, &mut names)
                .map_err(in_line)?;
        }
        lines.ranges.sort_by_key(|range| (range.start, range.end));
        Ok(lines)
    }

    fn unit(
        &mut self,
        dwarf: &Dwarf<Reader>,
        unit: &Unit<Reader>,
        image: &Image<'_>,
        names: &mut HashMap<String, u32>,
    ) -> gimli::Result<()> {
        let Some(program) = unit.line_program.clone() else {
            return Ok(());
        };
        let mut files: HashMap<u64, u32> = HashMap::new();
        let mut rows = program.rows();
        let mut open: Option<Range> = None;
        while let Some((header, row)) = rows.next_row()? {
            if let Some(range) = open.take() {
                self.close(
                    Range {
                        end: row.address(),
                        ..range
                    },
                    image,
                );
            }
            if row.end_sequence() {
                continue;
            }
            let Some(line) = row.line().and_then(|line| u32::try_from(line.get()).ok()) else {
                continue;
            };
            let file = match files.get(&row.file_index()) {
                Some(file) => *file,
                None => {
                    let name = path(dwarf, unit, header, row)?;
                    let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
                    let file = *names.entry(name.clone()).or_insert(next);
                    if file == next {
                        self.files.push(name);
                    }
                    files.insert(row.file_index(), file);
                    file
                }
            };
            open = Some(Range {
                start: row.address(),
                end: 0,
                file,
                line,
            });
        }
        Ok(())
    }

    /// Keeps a range of bytes that are code; the sequences of functions that a linker dropped are not.
    fn close(&mut self, range: Range, image: &Image<'_>) {
        if range.start >= range.end
            || !image
                .section_at(range.start)
                .is_some_and(|s| s.executable())
        {
            return;
        }
        match self.ranges.last_mut() {
            Some(last)
                if last.end == range.start
                    && (last.file, last.line) == (range.file, range.line) =>
            {
                last.end = range.end;
            }
            _ => self.ranges.push(range),
        }
    }

    /// The ranges of a line in every file whose path ends with `file`.
    pub(super) fn of<'l>(
        &'l self,
        file: &'l str,
        line: u32,
    ) -> impl Iterator<Item = AddressRange> + 'l {
        self.ranges
            .iter()
            .filter(move |range| range.line == line)
            .map(|range| (range, &self.files[range.file as usize]))
            .filter(move |(_, path)| ends_with(path, file))
            .map(|(range, path)| AddressRange {
                start: range.start,
                end: range.end,
                file: path.clone(),
                line: range.line,
            })
    }
}

/// Whether a path ends with these whole components.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with('/') || end.starts_with('/'))
}

/// Folder of the compiler, folder of the file, name: as far as each is relative.
fn path(
    dwarf: &Dwarf<Reader>,
    unit: &Unit<Reader>,
    header: &gimli::LineProgramHeader<Reader>,
    row: &LineRow,
) -> gimli::Result<String> {
    let text = |value: AttributeValue<Reader>| -> gimli::Result<String> {
        let bytes = dwarf.attr_string(unit, value)?;
        let cut = bytes.len().min(PATH_BYTES_MAX);
        let mut bytes = bytes;
        bytes.truncate(cut)?;
        Ok(bytes.to_string_lossy()?.into_owned())
    };
    let Some(file) = row.file(header) else {
        return Ok(String::new());
    };
    let folder = match file.directory(header) {
        Some(folder) => text(folder)?,
        None => String::new(),
    };
    let compiler = match &unit.comp_dir {
        Some(folder) => text(AttributeValue::String(folder.clone()))?,
        None => String::new(),
    };
    let name = text(file.path_name())?;
    Ok(join(&join(&compiler, &folder), &name))
}

fn join(folder: &str, name: &str) -> String {
    if name.starts_with('/') || folder.is_empty() {
        name.to_owned()
    } else if name.is_empty() || name == "." {
        folder.to_owned()
    } else {
        format!("{}/{name}", folder.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_meant_by_whole_last_components() {
        assert!(ends_with("/b/src/main.c", "main.c"));
        assert!(ends_with("/b/src/main.c", "src/main.c"));
        assert!(ends_with("/b/src/main.c", "/b/src/main.c"));
        assert!(!ends_with("/b/src/main.c", "ain.c"));
    }

    #[test]
    fn a_relative_name_is_below_its_folder() {
        assert_eq!(join("/b", "src"), "/b/src");
        assert_eq!(join("/b", "/c/x.c"), "/c/x.c");
        assert_eq!(join("", "x.c"), "x.c");
    }
}
