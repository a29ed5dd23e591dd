//! Relative paths that cannot leave the directory they are meant for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::limits::{PATH_BYTES_MAX, SEGMENT_BYTES_MAX};

/// A checked relative path: segments joined by `/`, none empty, none starting with a dot, no
/// control characters and no backslash. `tile/0/x001/067` is one; `../x`, `/x`, `a//b` and
/// `.tmp/x` are not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

/// Why a text is no [`RelativePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} cannot be a file name here: {why}")]
pub struct BadPath {
    /// What was given, cut to 200 characters.
    pub given: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl RelativePath {
    /// Where the path leads under `root`.
    #[must_use]
    pub fn under(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RelativePath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        let bad = |why| {
            Err(BadPath {
                given: text.chars().take(200).collect(),
                why,
            })
        };
        if text.is_empty() || text.len() > PATH_BYTES_MAX {
            return bad("it must have 1 to 1024 bytes");
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return bad("it has a control character or a backslash");
        }
        for segment in text.split('/') {
            if segment.is_empty() {
                return bad("it has an empty segment or starts or ends with a slash");
            }
            if segment.starts_with('.') {
                return bad("a segment starts with a dot");
            }
            if segment.len() > SEGMENT_BYTES_MAX {
                return bad("a segment has more than 255 bytes");
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_of_tiles_and_metadata_pass() {
        for path in ["checkpoint", "tile/0/x001/067.p/3", "1.root.json", "a b/ü"] {
            assert_eq!(path.parse::<RelativePath>().unwrap().to_string(), path);
        }
    }

    #[test]
    fn paths_that_could_escape_or_hide_are_refused() {
        let long = "a".repeat(256);
        let longer = "a/".repeat(600);
        for path in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
            ".tmp/x",
            "a/.b",
            "a\\b",
            &long,
            &longer,
        ] {
            assert!(path.parse::<RelativePath>().is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_path_stays_below_its_root(text in "[a-c./\\\\\u{0}\n]{0,12}") {
            if let Ok(path) = text.parse::<RelativePath>() {
                let joined = path.under(Path::new("/root"));
                prop_assert!(joined.starts_with("/root") && joined != Path::new("/root"));
                prop_assert!(joined.components().all(|c| !matches!(c, std::path::Component::ParentDir)));
                prop_assert_eq!(path.as_str(), &text);
            }
        }
    }
}
