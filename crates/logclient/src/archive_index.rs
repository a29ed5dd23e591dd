//! `archive/index`: the sizes of the archived checkpoints (`spec/archive.md`).
//!
//! ```text
//! 4
//! 5
//! 261
//! ```

use crate::error::LogClientError;

/// Reads ascending sizes, one per line; an empty index has no lines.
pub(crate) fn parse_archive_index(bytes: &[u8]) -> Result<Vec<u64>, LogClientError> {
    let wrong = |value: &str| LogClientError::ArchiveIndex {
        value: value.chars().take(80).collect(),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("bytes that are not UTF-8"))?;
    let mut sizes: Vec<u64> = Vec::new();
    for line in text.split_inclusive('\n') {
        let number = line.strip_suffix('\n').ok_or_else(|| wrong(line))?;
        let size: u64 = number.parse().map_err(|_| wrong(number))?;
        // `parse` takes a sign and leading zeros, the format does not.
        let exact = size.to_string() == number;
        if !exact || sizes.last().is_some_and(|before| *before >= size) {
            return Err(wrong(number));
        }
        sizes.push(size);
    }
    Ok(sizes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_ascending_numbers_in_their_one_spelling_are_an_index() {
        assert_eq!(parse_archive_index(b"").unwrap(), [0u64; 0]);
        assert_eq!(
            parse_archive_index(b"0\n4\n18446744073709551615\n")
                .unwrap()
                .len(),
            3
        );
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
            "18446744073709551616\n",
            "x\n",
        ] {
            assert!(parse_archive_index(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(sizes in proptest::collection::btree_set(any::<u64>(), 0..40)) {
            let text: String = sizes.iter().map(|size| format!("{size}\n")).collect();
            let read: BTreeSet<u64> = parse_archive_index(text.as_bytes()).unwrap().into_iter().collect();
            prop_assert_eq!(read, sizes);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(parse_archive_index(&bytes));
        }
    }
}
