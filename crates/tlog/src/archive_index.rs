//! Which checkpoints a log archived, in files of bounded size: our extension to tlog-tiles (`spec/archive.md`).
//!
//! ```text
//! archive/index        pages 2          how many full pages there are; left out if there are none
//!                      20851904         the sizes after them, at most 1023
//!                      20852163
//! archive/sizes/1      20690433         a full page: 1024 sizes, made once
//!                      ...
//! ```

use crate::ascii;
use crate::errors::ParseError;
use crate::limits::{ARCHIVE_PAGE_SIZES, ARCHIVE_PAGES_MAX, TREE_SIZE_MAX};

const WHAT: &str = "archive index";

/// The list of archived sizes behind its full pages, as `archive/index` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveIndex {
    pages: u64,
    open: Vec<u64>,
}

/// A full page, to be made once: its path, and its bytes.
pub type ArchivePage = (String, Vec<u8>);

impl ArchiveIndex {
    /// Where it lies below the log's prefix.
    pub const PATH: &str = "archive/index";

    /// Where full page `number`, from 0, lies below the log's prefix.
    pub fn page_path(number: u64) -> String {
        format!("archive/sizes/{number}")
    }

    /// The number in a path that [`ArchiveIndex::page_path`] would write.
    pub fn parse_page_path(path: &str) -> Option<u64> {
        let number = path.strip_prefix("archive/sizes/")?;
        ascii::parse_decimal("archive page", number).ok()
    }

    /// Number of full pages before it.
    pub const fn pages(&self) -> u64 {
        self.pages
    }

    /// The sizes that are in no full page, ascending. One written before there were pages may have any number.
    pub fn open(&self) -> &[u64] {
        &self.open
    }

    /// Adds a size that is larger than all before; a page that becomes full by it is returned.
    pub fn push(&mut self, size: u64) -> Option<ArchivePage> {
        debug_assert!(
            self.open.last().is_none_or(|last| *last < size),
            "sizes ascend"
        );
        self.open.push(size);
        if self.open.len() < ARCHIVE_PAGE_SIZES {
            return None;
        }
        let page = (Self::page_path(self.pages), print(&self.open).into_bytes());
        self.open.clear();
        self.pages += 1;
        Some(page)
    }

    /// The exact file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = match self.pages {
            0 => String::new(),
            pages => format!("pages {pages}\n"),
        };
        text += &print(&self.open);
        text.into_bytes()
    }

    /// Reads `archive/index`.
    ///
    /// # Errors
    /// [`ParseError`] naming the line: sizes must ascend, each in its one spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let text = ascii::text_of(WHAT, bytes, bytes.len())?;
        let Some(rest) = text.strip_prefix("pages ") else {
            let open = parse_sizes(text)?;
            return Ok(Self { pages: 0, open });
        };
        let (number, rest) = ascii::take_line(WHAT, rest)?;
        let pages = ascii::parse_decimal("archive pages", number)?;
        if !(1..=ARCHIVE_PAGES_MAX).contains(&pages) {
            let (found, max) = (pages, ARCHIVE_PAGES_MAX);
            return Err(ParseError::Range {
                what: "archive pages",
                found,
                min: 1,
                max,
            });
        }
        let open = parse_sizes(rest)?;
        if open.len() >= ARCHIVE_PAGE_SIZES {
            let (found, max) = (open.len(), ARCHIVE_PAGE_SIZES - 1);
            return Err(ParseError::TooLong {
                what: WHAT,
                found,
                max,
            });
        }
        Ok(Self { pages, open })
    }

    /// Reads a full page.
    ///
    /// # Errors
    /// [`ParseError`] naming the line, or if it is not full.
    pub fn parse_page(bytes: &[u8]) -> Result<Vec<u64>, ParseError> {
        let sizes = parse_sizes(ascii::text_of("archive page", bytes, bytes.len())?)?;
        match sizes.len() == ARCHIVE_PAGE_SIZES {
            true => Ok(sizes),
            false => Err(ParseError::Range {
                what: "sizes of an archive page",
                found: sizes.len() as u64,
                min: ARCHIVE_PAGE_SIZES as u64,
                max: ARCHIVE_PAGE_SIZES as u64,
            }),
        }
    }
}

fn print(sizes: &[u64]) -> String {
    sizes.iter().map(|size| format!("{size}\n")).collect()
}

fn parse_sizes(text: &str) -> Result<Vec<u64>, ParseError> {
    let mut sizes: Vec<u64> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, next) = ascii::take_line(WHAT, rest)?;
        let size = ascii::parse_decimal("archived size", line)?;
        if size > TREE_SIZE_MAX || sizes.last().is_some_and(|before| *before >= size) {
            return Err(ParseError::Malformed {
                what: WHAT,
                value: ascii::excerpt(line),
                expected: "a size above the one before",
            });
        }
        sizes.push(size);
        rest = next;
    }
    Ok(sizes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_ascending_numbers_in_their_one_spelling_are_an_index() {
        assert_eq!(ArchiveIndex::parse(b"").unwrap(), ArchiveIndex::default());
        let old = ArchiveIndex::parse(b"0\n4\n9223372036854775807\n").unwrap();
        assert_eq!((old.pages(), old.open().len()), (0, 3));
        for wrong in [
            "4",
            "\n",
            "04\n",
            "+4\n",
            "-4\n",
            " 4\n",
            "4 \n",
            "4\r\n",
            "4\n\n",
            "4\n4\n",
            "5\n4\n",
            "x\n",
            "9223372036854775808\n",
            "pages 0\n",
            "pages 01\n",
            "pages 1",
            "pages\n",
            "4\npages 1\n",
            "pages 1\npages 1\n",
            "pages 99999999\n",
            "\u{e9}\n",
        ] {
            assert!(ArchiveIndex::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_list_stays_short_and_nothing_of_it_is_lost() {
        let mut index = ArchiveIndex::default();
        let mut pages = Vec::new();
        let longest = 21 * ARCHIVE_PAGE_SIZES;
        for size in 0..5_000u64 {
            pages.extend(index.push(size * 7));
            let bytes = index.to_bytes();
            assert!(bytes.len() < longest);
            assert_eq!(ArchiveIndex::parse(&bytes).unwrap(), index);
        }
        assert_eq!(index.pages(), pages.len() as u64);
        let mut all = Vec::new();
        for (number, (path, bytes)) in (0..).zip(&pages) {
            assert_eq!(ArchiveIndex::parse_page_path(path), Some(number));
            all.extend(ArchiveIndex::parse_page(bytes).unwrap());
        }
        all.extend(index.open());
        assert_eq!(all, Vec::from_iter((0..5_000).map(|size| size * 7)));
    }

    #[test]
    fn a_page_has_all_its_lines_or_is_none() {
        let sizes = |count: usize| (0..count).map(|n| format!("{n}\n")).collect::<String>();
        let full = ARCHIVE_PAGE_SIZES;
        assert!(ArchiveIndex::parse_page(sizes(full).as_bytes()).is_ok());
        for count in [0, full - 1, full + 1] {
            assert!(ArchiveIndex::parse_page(sizes(count).as_bytes()).is_err());
        }
        let open = |count| format!("pages 1\n{}", sizes(count));
        assert!(ArchiveIndex::parse(open(full - 1).as_bytes()).is_ok());
        let (what, found, max) = (WHAT, full, full - 1);
        let too_long = ParseError::TooLong { what, found, max };
        assert_eq!(ArchiveIndex::parse(open(full).as_bytes()), Err(too_long));
        let last = format!("pages {ARCHIVE_PAGES_MAX}\n");
        let last = ArchiveIndex::parse(last.as_bytes()).unwrap();
        assert_eq!((last.pages(), last.open()), (ARCHIVE_PAGES_MAX, &[][..]));
        for path in [
            "archive/sizes/01",
            "archive/sizes/",
            "archive/sizes/+1",
            "archive/1",
            "sizes/1",
        ] {
            assert_eq!(ArchiveIndex::parse_page_path(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(sizes in proptest::collection::btree_set(0..=TREE_SIZE_MAX, 0..2_500)) {
            let mut index = ArchiveIndex::default();
            let pages: Vec<ArchivePage> = sizes.iter().filter_map(|size| index.push(*size)).collect();
            let mut read = Vec::new();
            for (_, bytes) in &pages {
                read.extend(ArchiveIndex::parse_page(bytes).unwrap());
            }
            let found = ArchiveIndex::parse(&index.to_bytes()).unwrap();
            read.extend(found.open());
            prop_assert_eq!(found.pages(), pages.len() as u64);
            prop_assert_eq!(read, Vec::from_iter(sizes));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(ArchiveIndex::parse(&bytes));
            drop(ArchiveIndex::parse_page(&bytes));
            let _ = ArchiveIndex::parse_page_path(&String::from_utf8_lossy(&bytes));
        }
    }
}
