//! Names of things inside a tree, checked so that they can never name anything outside it.

use std::fmt;
use std::str::FromStr;

use crate::limits::{PART_BYTES_MAX, PATH_BYTES_MAX};

/// Why a path or link target is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path {value:?} is refused: {why}")]
pub struct BadTreePath {
    /// The path.
    pub value: String,
    /// Which rule it breaks.
    pub why: &'static str,
}

/// A relative path of one or more plain parts joined by `/`: UTF-8, no control characters, no `.` or `..`, at most
/// 1,024 bytes. Ordered by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

impl TreePath {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every folder above, nearest last: `a/b/c` gives `a`, `a/b`.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }

    /// The path one part further down.
    ///
    /// # Errors
    /// [`BadTreePath`] when the result is no tree path.
    pub fn join(&self, part: &str) -> Result<Self, BadTreePath> {
        format!("{}/{part}", self.0).parse()
    }
}

impl FromStr for TreePath {
    type Err = BadTreePath;

    fn from_str(value: &str) -> Result<Self, BadTreePath> {
        check_parts(value)?;
        if value.split('/').any(|part| part == "..") {
            return Err(bad(value, "`..` leads out"));
        }
        Ok(Self(value.to_owned()))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a symbolic link of a source tree points: relative, `..` only at the front and only as often as the link
/// is deep. Since nothing in a tree lies behind a link, following it never leaves the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTarget(String);

impl LinkTarget {
    /// Checks a target for the link at `at`.
    ///
    /// # Errors
    /// [`BadTreePath`] naming the rule.
    pub fn parse(at: &TreePath, value: &str) -> Result<Self, BadTreePath> {
        check_parts(value)?;
        let ups = value.split('/').take_while(|part| *part == "..").count();
        if value.split('/').skip(ups).any(|part| part == "..") {
            return Err(bad(value, "a link target has `..` only at its front"));
        }
        if ups > at.folders().count() {
            return Err(bad(value, "the link leads out of the tree"));
        }
        Ok(Self(value.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_parts(value: &str) -> Result<(), BadTreePath> {
    if value.is_empty() || value.len() > PATH_BYTES_MAX {
        return Err(bad(value, "it is empty or longer than 1,024 bytes"));
    }
    if value.starts_with('/') {
        return Err(bad(value, "it is absolute"));
    }
    if value.chars().any(char::is_control) {
        return Err(bad(value, "it has a control character"));
    }
    for part in value.split('/') {
        if part.is_empty() || part == "." {
            return Err(bad(value, "it has an empty part or `.`"));
        }
        if part.len() > PART_BYTES_MAX {
            return Err(bad(value, "a part is longer than 255 bytes"));
        }
    }
    Ok(())
}

fn bad(value: &str, why: &'static str) -> BadTreePath {
    BadTreePath {
        value: value.chars().take(200).collect(),
        why,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_lead_out_or_look_odd_are_refused() {
        for odd in [
            "", "/a", "a/", "a//b", "./a", "a/..", "../a", "a\nb", "a\0b", "\u{7f}",
        ] {
            assert!(odd.parse::<TreePath>().is_err(), "{odd:?}");
        }
        assert!("x".repeat(256).parse::<TreePath>().is_err());
        for fine in ["a", "a/b.c", "..a/b", "ä/日本", ".git"] {
            assert_eq!(fine.parse::<TreePath>().unwrap().as_str(), fine);
        }
    }

    #[test]
    fn a_link_stays_in_its_tree() {
        let at: TreePath = "x/y/link".parse().unwrap();
        for fine in ["z", "../z", "../../z/w", ".."] {
            assert!(LinkTarget::parse(&at, fine).is_ok(), "{fine}");
        }
        for out in ["../../../z", "/z", "z/../w", "", "./z"] {
            assert!(LinkTarget::parse(&at, out).is_err(), "{out}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_path_never_leaves_its_root(text in "[a./]{0,12}") {
            if let Ok(path) = text.parse::<TreePath>() {
                let joined = std::path::Path::new("/root").join(path.as_str());
                prop_assert!(joined.starts_with("/root"));
                prop_assert!(joined.components().all(|part| part != std::path::Component::ParentDir));
            }
        }
    }
}
