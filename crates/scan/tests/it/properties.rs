//! Random and damaged bytes: a scan always ends with a report, and the limits hold.

use std::time::Duration;

use proptest::prelude::*;

use crate::make::{ZipMember, gzip, knows, zip};
use scan::{IndexPath, Kind, Limits, Report, member, scan};

fn small() -> Limits {
    Limits {
        member_bytes_max: 1 << 20,
        total_bytes_max: 2 << 20,
        live_bytes_max: 2 << 20,
        ratio_max: 50,
        ratio_free_bytes: 256 << 10,
        depth_max: 5,
        members_max: 100,
        time_max: Duration::from_secs(60),
    }
}

fn holds(sample: &[u8]) {
    let limits = small();
    let report = scan(sample, &knows(&[]), &limits);
    assert!(!report.members.is_empty());
    assert!(report.unpacked_bytes <= limits.total_bytes_max);
    assert!(report.members.len() <= 101);
    for member in &report.members {
        assert!(member.bytes <= limits.member_bytes_max);
        assert!(member.path.matches('.').count() <= 5);
    }
    let again = scan(sample, &knows(&[]), &limits);
    assert_eq!(report, again);
    found_again(sample, &report, &limits);
}

/// Each member that a report names is given out by its number, and nothing else is.
pub(crate) fn found_again(sample: &[u8], report: &Report, limits: &Limits) {
    for named in &report.members {
        let path: IndexPath = named.path.parse().unwrap();
        let bytes = member(sample, &path, limits).unwrap();
        assert_eq!(tlog::sha256(&bytes).to_hex(), named.sha256, "{path}");
        let next = path.member(u32::MAX);
        assert_eq!(member(sample, &next, limits), None, "{next}");
    }
}

/// How each format begins, so that random bytes reach its unpacker.
const BEGINNINGS: [(&[u8], Kind); 22] = [
    (b"PK\x03\x04\x14\0\0\0\x08\0", Kind::Zip),
    (b"\x1f\x8b\x08\0\0\0\0\0\0\0", Kind::Gzip),
    (b"BZh91AY&SY", Kind::Bzip2),
    (b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\x02\0\x21\x01", Kind::Xz),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (
        b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0",
        Kind::Lzma,
    ),
    (
        b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\x01\x04\x06",
        Kind::SevenZip,
    ),
    (
        b"MSCF\0\0\0\0\0\x01\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\x03\x01\x01\0\x01\0\0\0",
        Kind::Cab,
    ),
    (b"070701", Kind::Cpio),
    (b"\xc7\x71", Kind::Cpio),
    (b"!<arch>\n", Kind::Ar),
    (b"\x60\xea\x1e\0\x1e\x0b\x01\x02\x10\0\x02", Kind::Arj),
    (b"SZDD\x88\xf0\x27\x33A\0", Kind::Szdd),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole),
    (b"ITSF\x03\0\0\0", Kind::Chm),
    (b"\x78\x9f\x3e\x22\0\0", Kind::Tnef),
    (b"{\\rtf1 {\\object\\objdata 0105000002000000", Kind::Rtf),
    (
        b"%PDF-1.4\n1 0 obj << /Length 9 /Filter /FlateDecode >> stream\n",
        Kind::Pdf,
    ),
    (
        b"From: a\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n",
        Kind::Mail,
    ),
    (
        b"(This file must be converted with BinHex 4.0)\n:",
        Kind::Binhex,
    ),
    (b"begin 644 a\n", Kind::Uuencoded),
    (b"\x7fELF\x02\x01\x01", Kind::Elf),
];

#[test]
fn the_beginnings_are_what_they_say() {
    for (beginning, kind) in BEGINNINGS {
        let mut bytes = beginning.to_vec();
        bytes.extend_from_slice(&[b'.'; 64]);
        assert_eq!(Kind::of(&bytes), kind);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_bytes_end_in_a_report(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        holds(&bytes);
    }

    #[test]
    fn random_bytes_behind_the_beginning_of_any_format_end_in_a_report(
        place in 0..BEGINNINGS.len(),
        bytes in proptest::collection::vec(any::<u8>(), 0..1024),
    ) {
        let mut sample = BEGINNINGS[place].0.to_vec();
        sample.extend_from_slice(&bytes);
        holds(&sample);
    }

    #[test]
    fn a_damaged_archive_ends_in_a_report(
        text in proptest::collection::vec(any::<u8>(), 0..512),
        changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..16),
    ) {
        let mut sample = zip(&[ZipMember::deflated(&text), ZipMember::stored(&gzip(&text))]);
        for (place, change) in changes {
            let place = usize::from(place) % sample.len();
            sample[place] ^= change;
        }
        holds(&sample);
    }

    #[test]
    fn what_is_zipped_is_found_again(
        files in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..256), 1..8),
        layers in 0u32..4,
    ) {
        let mut sample = zip(&files.iter().map(|file| ZipMember::deflated(file)).collect::<Vec<_>>());
        for _ in 0..layers {
            sample = gzip(&sample);
        }
        let report = scan(&sample, &knows(&[]), &small());
        found_again(&sample, &report, &small());
        for file in &files {
            let digest = tlog::sha256(file).to_hex();
            prop_assert!(report.members_with(&digest).next().is_some());
        }
    }
}
