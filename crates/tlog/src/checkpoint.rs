//! Checkpoints: what a log commits to (tlog-checkpoint).
//!
//! ```text
//! example.com/behind-the-sofa
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```
//!
//! Extension lines are neither written nor read: the ML-DSA-44 cosignature does not sign them and
//! nobody audits them, so a checkpoint that has some is refused.

use std::fmt;
use std::str::FromStr;

use crate::ascii;
use crate::errors::ParseError;
use crate::hash::Hash;
use crate::key::{KeyName, check_name};
use crate::limits::TREE_SIZE_MAX;

/// The identity of a log: 1 to 255 bytes under the rules of key names.
///
/// Stricter than tlog-checkpoint, which allows any non-empty line: our origins are key names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a key of this name speaks for this log.
    pub fn is_named(&self, name: &KeyName) -> bool {
        self.0 == name.as_str()
    }
}

impl FromStr for Origin {
    type Err = ParseError;

    fn from_str(value: &str) -> Result<Self, ParseError> {
        check_name("origin", value)?;
        Ok(Self(value.to_owned()))
    }
}

impl From<&KeyName> for Origin {
    /// Same rules, so every key name can be an origin.
    fn from(name: &KeyName) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Origin, size and root of a log's tree. `Display` is the exact text that is signed.
///
/// A value of this type was not verified; see [`crate::Verified`] and [`crate::Witnessed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: Origin,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// Puts a checkpoint together.
    ///
    /// # Errors
    /// [`ParseError::Range`] if the size is above [`TREE_SIZE_MAX`].
    pub fn new(origin: Origin, size: u64, root: Hash) -> Result<Self, ParseError> {
        if size > TREE_SIZE_MAX {
            return Err(ParseError::Range {
                what: "size",
                found: size,
                min: 0,
                max: TREE_SIZE_MAX,
            });
        }
        Ok(Self { origin, size, root })
    }

    /// Reads the three lines, each with its newline.
    ///
    /// # Errors
    /// [`ParseError`]; extension lines are [`ParseError::Trailing`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let what = "checkpoint";
        let (origin, rest) = ascii::take_line(what, text)?;
        let (size, rest) = ascii::take_line(what, rest)?;
        let (root, rest) = ascii::take_line(what, rest)?;
        if !rest.is_empty() {
            return Err(ParseError::Trailing {
                what,
                value: ascii::excerpt(rest),
            });
        }
        Self::new(
            origin.parse()?,
            ascii::parse_decimal("size", size)?,
            Hash::from_base64(root)?,
        )
    }

    /// The log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree (RFC 6962, SHA-256).
    pub fn root(&self) -> &Hash {
        &self.root
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}
