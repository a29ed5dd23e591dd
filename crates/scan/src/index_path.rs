//! Where a member stands: by number, never by the name stored in the sample.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::DEPTH_MAX;

/// Text that is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place in a file is written as 0, 0.2, 0.2.1 and so on, at most {DEPTH_MAX} deep")]
pub struct NoIndexPath;

/// The sample is `0`; its third member `0.2`; the first member of that `0.2.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IndexPath(Vec<u32>);

impl IndexPath {
    /// The sample itself.
    pub fn sample() -> Self {
        Self::default()
    }

    /// The member with this number, counted from 0.
    #[must_use]
    pub fn member(&self, index: u32) -> Self {
        let mut path = self.0.clone();
        path.push(index);
        Self(path)
    }

    /// How many containers stand around it.
    pub fn depth(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The number at each layer, the outermost first; empty for the sample itself.
    pub fn indexes(&self) -> &[u32] {
        &self.0
    }
}

impl fmt::Display for IndexPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("0")?;
        self.0.iter().try_for_each(|index| write!(out, ".{index}"))
    }
}

/// Reads what `Display` writes, and nothing else.
impl FromStr for IndexPath {
    type Err = NoIndexPath;

    fn from_str(text: &str) -> Result<Self, NoIndexPath> {
        let mut numbers = text.split('.');
        if numbers.next() != Some("0") {
            return Err(NoIndexPath);
        }
        let numbers = numbers.map(|digits| {
            let number: u32 = digits.parse().map_err(|_| NoIndexPath)?;
            (number.to_string() == digits)
                .then_some(number)
                .ok_or(NoIndexPath)
        });
        let path = Self(numbers.collect::<Result<_, _>>()?);
        match path.depth() <= DEPTH_MAX {
            true => Ok(path),
            false => Err(NoIndexPath),
        }
    }
}

impl TryFrom<String> for IndexPath {
    type Error = NoIndexPath;

    fn try_from(text: String) -> Result<Self, NoIndexPath> {
        text.parse()
    }
}

impl From<IndexPath> for String {
    fn from(path: IndexPath) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_in_its_one_spelling() {
        for text in ["0", "0.0", "0.2.1", "0.4294967295"] {
            assert_eq!(text.parse::<IndexPath>().unwrap().to_string(), text);
        }
        let deep = "0".to_owned() + &".1".repeat(16);
        assert_eq!(deep.parse::<IndexPath>().unwrap().depth(), 16);
        let too_deep = deep + ".1";
        for text in [
            "",
            "1",
            "00",
            "0.",
            ".0",
            "0..1",
            "0.01",
            "0.+1",
            "0.-1",
            "0. 1",
            "0.4294967296",
            &too_deep,
        ] {
            assert_eq!(text.parse::<IndexPath>(), Err(NoIndexPath), "{text}");
        }
    }
}
