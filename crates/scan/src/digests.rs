//! Known files by SHA-256: a sorted list, `spec/digest-list.md`.
//!
//! ```text
//! limpid-digests v1
//! 71e7b604d18aefd839e51a39c88df8383bb4c071dc31f87f00a2b5df580d4495 clamav-test-file
//! ```

use tlog::Hash;

use crate::error::ScanError;
use crate::limits::DATABASE_BYTES_MAX;

const FIRST_LINE: &str = "limpid-digests v1";
const NAME_BYTES_MAX: usize = 64;

/// A list of digests with a name each, in strictly ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digests {
    list: Vec<Hash>,
    /// Where the name of each begins in `text`; it ends where the next begins.
    names_at: Vec<u32>,
    names: String,
}

impl Digests {
    /// Reads a list.
    ///
    /// # Errors
    /// [`ScanError::Digests`] with the line that is not as it must be, [`ScanError::TooLarge`].
    pub fn parse(text: &str) -> Result<Self, ScanError> {
        if text.len() > DATABASE_BYTES_MAX {
            return Err(ScanError::TooLarge {
                what: "the digest list",
                bytes: text.len(),
                bytes_max: DATABASE_BYTES_MAX,
            });
        }
        let bad = |line, what| ScanError::Digests { line, what };
        let mut lines = (1..).zip(text.split('\n'));
        if lines.next().map(|(_, first)| first) != Some(FIRST_LINE) {
            return Err(bad(1, "is not `limpid-digests v1`"));
        }
        let mut digests = Self::default();
        let mut ended = false;
        for (line, text) in lines {
            if ended {
                return Err(bad(line - 1, "is empty"));
            }
            if text.is_empty() {
                ended = true;
                continue;
            }
            let (digest, name) = text
                .split_once(' ')
                .ok_or_else(|| bad(line, "has no name behind the digest"))?;
            let digest = Hash::from_hex(digest)
                .map_err(|_| bad(line, "does not begin with 64 lower-case hex digits"))?;
            if digests.list.last().is_some_and(|last| *last >= digest) {
                return Err(bad(line, "is not above the line before it"));
            }
            if !is_name(name) {
                return Err(bad(line, "has a name other than of a-z, 0-9, `.` and `-`"));
            }
            digests.list.push(digest);
            digests
                .names_at
                .push(u32::try_from(digests.names.len()).unwrap_or(u32::MAX));
            digests.names.push_str(name);
        }
        if !ended {
            return Err(bad(digests.list.len() + 1, "does not end with a line feed"));
        }
        Ok(digests)
    }

    /// The name of a digest, if it is in the list.
    pub fn name_of(&self, digest: &Hash) -> Option<&str> {
        let index = self.list.binary_search(digest).ok()?;
        let from = *self.names_at.get(index)? as usize;
        let to = self
            .names_at
            .get(index + 1)
            .map_or(self.names.len(), |at| *at as usize);
        self.names.get(from..to)
    }

    /// How many digests it holds.
    pub fn count(&self) -> usize {
        self.list.len()
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tlog::sha256;

    fn lines(names: &[&str]) -> String {
        let mut lines: Vec<String> = names
            .iter()
            .map(|name| format!("{} {name}\n", sha256(name.as_bytes()).to_hex()))
            .collect();
        lines.sort();
        format!("{FIRST_LINE}\n{}", lines.concat())
    }

    #[test]
    fn every_digest_of_a_list_is_found_with_its_name_and_no_other() {
        let digests = Digests::parse(&lines(&["a", "bb", "c-c", "d.d"])).unwrap();
        assert_eq!(digests.count(), 4);
        for name in ["a", "bb", "c-c", "d.d"] {
            assert_eq!(digests.name_of(&sha256(name.as_bytes())), Some(name));
        }
        assert_eq!(digests.name_of(&sha256(b"e")), None);
        assert_eq!(Digests::parse("limpid-digests v1\n").unwrap().count(), 0);
    }

    #[test]
    fn a_list_in_another_order_or_spelling_is_refused() {
        let good = lines(&["a", "b"]);
        let rows: Vec<&str> = good.lines().collect();
        for bad in [
            String::new(),
            FIRST_LINE.to_owned(),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            format!("{}\n{}\n{}\n", rows[0], rows[2], rows[1]),
            format!("{}\n{}\n{}\n", rows[0], rows[1], rows[1]),
            good.to_uppercase(),
            good.replace(" a", " A"),
            good.replace(" a", "  a"),
            good.replace(" a", " "),
            good.replace(" a", ""),
        ] {
            assert!(Digests::parse(&bad).is_err(), "{bad}");
        }
    }
}
