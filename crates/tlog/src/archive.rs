//! Names of archived checkpoints: our extension to tlog-tiles (`spec/archive.md`).
//!
//! ```text
//! archive/20852163
//! ```

use std::fmt;

use crate::ascii;
use crate::errors::ParseError;
use crate::limits::TREE_SIZE_MAX;

/// The archived cosigned checkpoint of one tree size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveId(u64);

impl ArchiveId {
    /// Names the archived checkpoint of this size.
    ///
    /// # Errors
    /// [`ParseError::Range`] if no tree can have that size.
    pub fn new(size: u64) -> Result<Self, ParseError> {
        if size > TREE_SIZE_MAX {
            let (found, max) = (size, TREE_SIZE_MAX);
            return Err(ParseError::Range {
                what: "archived size",
                found,
                min: 0,
                max,
            });
        }
        Ok(Self(size))
    }

    /// Number of entries of the archived tree.
    pub fn size(&self) -> u64 {
        self.0
    }

    /// Path below the log's prefix, without a leading slash.
    pub fn path(&self) -> String {
        format!("archive/{}", self.0)
    }

    /// Reads a path that [`ArchiveId::path`] would write.
    ///
    /// # Errors
    /// [`ParseError`] for any other spelling.
    pub fn parse(path: &str) -> Result<Self, ParseError> {
        let size = path
            .strip_prefix("archive/")
            .ok_or_else(|| ParseError::Malformed {
                what: "archive path",
                value: ascii::excerpt(path),
                expected: "`archive/SIZE`",
            })?;
        Self::new(ascii::parse_decimal("archived size", size)?)
    }
}

impl fmt::Display for ArchiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}
