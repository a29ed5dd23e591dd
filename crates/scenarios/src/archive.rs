//! Archives of the examples: files as somebody sends them, one beside the other.

const BLOCK_BYTES: usize = 512;

/// A tar archive (POSIX.1-2017, ustar) of a few small files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in files {
        archive.extend(header(name, bytes.len()));
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK_BYTES), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
    archive
}

fn header(name: &str, bytes: usize) -> [u8; BLOCK_BYTES] {
    let mut header = [0; BLOCK_BYTES];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{bytes:011o}"));
    put(136, "00000000000");
    // The sum counts its own place as blanks.
    put(148, "        0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_an_archive_is_found_in_it_again() {
        let archive = tar(&[("a/letter.txt", b"Dear Ms Berger"), ("b", &[7; 513])]);
        let database = scan::Database::load(&[], "limpid-digests v1\n", scan::FIRST_SCORING);
        let report = scan::scan(&archive, &database.unwrap(), &scan::Limits::default());
        let found = report
            .members
            .iter()
            .map(|member| (member.kind, member.bytes));
        let expected = [("tar", archive.len() as u64), ("text", 14), ("data", 513)];
        assert!(found.eq(expected), "{:?}", report.members);
        assert_eq!(report.members[0].unread, []);
    }
}
