//! Where a member stands: by number, never by the name stored in the sample.

use std::fmt;

/// The sample is `0`; its third member `0.2`; the first member of that `0.2.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
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
