//! One thing that is wrong, where, and what to do about it.

use std::fmt;

/// Printed as `path:line: what; remedy`, so that an editor can jump to the place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Relative to the root of the tree, or words where no file is at fault.
    pub(crate) place: String,
    /// Counted from 1.
    pub(crate) line: Option<usize>,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Problem {
    /// A problem of a whole file.
    pub(crate) fn new(
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            line: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// A problem on one line.
    pub(crate) fn at(
        path: &str,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let mut problem = Self::new(path, what, remedy);
        problem.line = Some(line);
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.place)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        write!(out, ": {}; {}", self.what, self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_read_as_an_editor_wants_and_sort_by_line() {
        let mut found = [
            Problem::at("a.rs", 101, "x", "y"),
            Problem::at("a.rs", 57, "x", "y"),
            Problem::new("a.rs", "x", "y"),
        ];
        found.sort();
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a.rs: x; y", "a.rs:57: x; y", "a.rs:101: x; y"]);
    }
}
