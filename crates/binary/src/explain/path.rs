//! Paths that differ in the folder of the build only.
//!
//! `/a/proj/src/main.rs` and `/b/w/src/main.rs` are one file built in two folders. What is shown
//! to be equal is the end: the same file name at least. A path that may be opened or executed at
//! run time is not explained away: outside debug information the file must be a source file.

use crate::limits::PATH_BYTES_MAX;

/// File name endings of sources. Nobody loads or executes these at run time.
const SOURCES: [&str; 26] = [
    "c", "cc", "cpp", "cxx", "h", "hh", "hpp", "hxx", "rs", "go", "s", "S", "asm", "inc", "in",
    "y", "l", "m", "mm", "swift", "zig", "f", "f90", "pas", "ads", "adb",
];

/// Two paths that mean one file, and the folders in which they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathPair {
    /// Components that differ, ours.
    pub(crate) ours: Vec<u8>,
    /// Components that differ, theirs.
    pub(crate) theirs: Vec<u8>,
}

/// Bytes that paths are made of; what surrounds a path in text is not among them.
pub(crate) const fn is_path_byte(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~')
        && !matches!(
            byte,
            b'"' | b'\''
                | b'`'
                | b','
                | b';'
                | b':'
                | b'('
                | b')'
                | b'<'
                | b'>'
                | b'='
                | b'|'
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b'*'
                | b'?'
                | b'\\'
                | b'$'
                | b'&'
        )
}

/// The run of path bytes around `at`, from its first slash.
pub(crate) fn path_around(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    if !is_path_byte(*bytes.get(at)?) {
        return None;
    }
    let before = bytes[..at]
        .iter()
        .rev()
        .take(PATH_BYTES_MAX)
        .take_while(|byte| is_path_byte(**byte))
        .count();
    let after = bytes[at..]
        .iter()
        .take(PATH_BYTES_MAX)
        .take_while(|byte| is_path_byte(**byte))
        .count();
    let from = at - before;
    let slash = bytes[from..=at].iter().position(|byte| *byte == b'/')?;
    Some((from + slash, at + after))
}

/// Whether two absolute paths differ in their folder only.
///
/// `anywhere` is for debug information, where folders are named without a file, too. Both must
/// begin with a slash, differ in whole components, and end alike.
pub(crate) fn same_but_folder(ours: &[u8], theirs: &[u8], anywhere: bool) -> Option<PathPair> {
    if ours.first() != Some(&b'/') || theirs.first() != Some(&b'/') || ours == theirs {
        return None;
    }
    if ours.len() > PATH_BYTES_MAX || theirs.len() > PATH_BYTES_MAX {
        return None;
    }
    if !ours.iter().chain(theirs).all(|byte| is_path_byte(*byte)) {
        return None;
    }
    let a: Vec<&[u8]> = ours.split(|byte| *byte == b'/').collect();
    let b: Vec<&[u8]> = theirs.split(|byte| *byte == b'/').collect();
    if a.iter().chain(&b).any(|part| matches!(*part, b"." | b"..")) {
        return None;
    }
    let shorter = a.len().min(b.len());
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let back = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(shorter - front.min(shorter))
        .take_while(|(a, b)| a == b)
        .count();
    if !anywhere && (back == 0 || !is_source(a[a.len() - 1])) {
        return None;
    }
    let join = |parts: &[&[u8]]| parts.join(&b'/');
    Some(PathPair {
        ours: join(&a[front..a.len() - back]),
        theirs: join(&b[front..b.len() - back]),
    })
}

/// Whether a file name is that of a source. Rust's panic locations run on without an end mark, so
/// `main.rs` may have anything behind it.
fn is_source(name: &[u8]) -> bool {
    if name.windows(3).any(|part| part == b".rs") {
        return true;
    }
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else {
        return false;
    };
    dot > 0
        && SOURCES
            .iter()
            .any(|ending| ending.as_bytes() == &name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(ours: &str, theirs: &str) -> Option<(String, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        same_but_folder(ours.as_bytes(), theirs.as_bytes(), false)
            .map(|pair| (text(pair.ours), text(pair.theirs)))
    }

    #[test]
    fn two_folders_of_one_source_are_a_pair() {
        assert_eq!(
            pair("/home1/a/proj/src/main.rs", "/home1/bb/w/proj/src/main.rs"),
            Some(("a".to_owned(), "bb/w".to_owned()))
        );
        assert!(pair("/b/x.c", "/c/x.c").is_some());
    }

    #[test]
    fn another_file_a_program_or_a_library_is_none() {
        for (ours, theirs) in [
            ("/b/x.c", "/c/y.c"),
            ("/bin/sh", "/tmp/sh"),
            ("/lib/x.so", "/tmp/x.so"),
            ("/a/x.c", "/a/../b/x.c"),
            ("a/x.c", "b/x.c"),
            ("/a/x.c", "/a/x.c"),
            ("/a/.c", "/b/.c"),
        ] {
            assert_eq!(pair(ours, theirs), None, "{ours} {theirs}");
        }
        assert!(same_but_folder(b"/build/a", b"/build/bb", true).is_some());
    }

    #[test]
    fn a_path_is_found_from_its_first_slash_to_its_last_byte() {
        assert_eq!(path_around(b"at value/a/b.c:3", 11), Some((8, 14)));
        assert_eq!(path_around(b"no path", 1), None);
        assert_eq!(path_around(b"", 0), None);
    }
}
