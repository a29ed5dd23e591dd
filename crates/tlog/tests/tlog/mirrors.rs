//! The messages of the mirror protocol: one spelling each, read as they arrive.

use proptest::prelude::*;
use tlog::limits::TREE_SIZE_MAX;
use tlog::{AddEntries, AddEntriesReader, EntryPackage, Hash, MirrorInfo, PackageSpan, ParseError};

fn head(start: u64, end: u64) -> AddEntries {
    AddEntries {
        origin: "center.example/log".to_owned(),
        start,
        end,
        ticket: b"ticket".to_vec(),
    }
}

fn package_of(span: &PackageSpan) -> EntryPackage {
    EntryPackage {
        entries: (span.first()..span.end())
            .map(|n| n.to_string().into_bytes())
            .collect(),
        proof: vec![tlog::sha256(b"h"); (span.end() % 64) as usize],
    }
}

fn body_of(head: &AddEntries) -> Vec<u8> {
    let mut body = head.to_bytes().unwrap();
    for span in head.packages() {
        body.extend(package_of(&span).to_bytes().unwrap());
    }
    body
}

/// Everything that can be read now.
fn read_all(
    reader: &mut AddEntriesReader,
    found: &mut Vec<(PackageSpan, EntryPackage)>,
) -> Option<AddEntries> {
    let head = reader.head().unwrap();
    while let Some(package) = reader.package().unwrap() {
        found.push(package);
    }
    head
}

#[test]
fn the_head_has_the_layout_of_the_specification() {
    let head = AddEntries {
        origin: "log".to_owned(),
        start: 300,
        end: 700,
        ticket: vec![0xab, 0xcd],
    };
    let bytes = hex("0003 6c6f67 000000000000012c 00000000000002bc 0002 abcd");
    assert_eq!(head.to_bytes().unwrap(), bytes);
    assert_eq!(
        AddEntries::parse_prefix(&bytes).unwrap(),
        Some((head, bytes.len()))
    );
    for end in 0..bytes.len() {
        assert_eq!(AddEntries::parse_prefix(&bytes[..end]).unwrap(), None);
    }
}

#[test]
fn a_package_has_the_layout_of_the_specification() {
    let package = EntryPackage {
        entries: vec![b"ab".to_vec(), vec![], b"c".to_vec()],
        proof: vec![Hash::from_bytes([7; 32])],
    };
    let bytes = hex(&format!("0002 6162 0000 0001 63 01 {}", "07".repeat(32)));
    assert_eq!(package.to_bytes().unwrap(), bytes);
    let parsed = EntryPackage::parse_prefix(&bytes, 3).unwrap();
    assert_eq!(parsed, Some((package, bytes.len())));
    for end in 0..bytes.len() {
        assert_eq!(EntryPackage::parse_prefix(&bytes[..end], 3).unwrap(), None);
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len() / 2)
        .map(|n| u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).unwrap())
        .collect()
}

/// The table of the specification, "Request Body", with its own arithmetic.
#[test]
fn the_packages_of_an_upload_are_those_of_the_specification() {
    for (start, end) in [
        (0_u64, 0_u64),
        (0, 1),
        (0, 256),
        (0, 257),
        (300, 700),
        (255, 257),
        (256, 512),
        (511, 1100),
        (700, 700),
    ] {
        let (rounded_start, rounded_end) = (start / 256 * 256, end.div_ceil(256) * 256);
        let count = if start == end {
            0
        } else {
            (rounded_end - rounded_start) / 256
        };
        let expected: Vec<(u64, u64, u64)> = (0..count)
            .map(|i| {
                let aligned = rounded_start + i * 256;
                (start.max(aligned), end.min(aligned + 256), aligned)
            })
            .collect();
        let found: Vec<(u64, u64, u64)> = head(start, end)
            .packages()
            .map(|span| {
                assert_eq!(u64::from(span.entries()), span.end() - span.first());
                assert_eq!(span.subtree().end(), span.end());
                (span.first(), span.end(), span.subtree().start())
            })
            .collect();
        assert_eq!(found, expected, "{start}..{end}");
    }
    let far = head(TREE_SIZE_MAX - 1, TREE_SIZE_MAX).packages();
    assert_eq!(far.map(|span| span.entries()).collect::<Vec<_>>(), [1]);
    assert_eq!(head(0, u64::MAX).packages().count(), 0);
}

#[test]
fn a_range_that_runs_backwards_or_too_far_and_long_fields_are_refused() {
    let bytes = |start: u64, end: u64| {
        let mut bytes = vec![0, 1, b'x'];
        bytes.extend(start.to_be_bytes());
        bytes.extend(end.to_be_bytes());
        bytes.extend([0, 0]);
        bytes
    };
    for (start, end) in [(1, 0), (0, TREE_SIZE_MAX + 1), (u64::MAX, u64::MAX)] {
        assert!(matches!(
            AddEntries::parse_prefix(&bytes(start, end)),
            Err(ParseError::Range { .. })
        ));
        assert!(head(start, end).to_bytes().is_err());
    }
    assert!(
        AddEntries::parse_prefix(&bytes(TREE_SIZE_MAX, TREE_SIZE_MAX))
            .unwrap()
            .is_some()
    );
    let mut not_utf8 = bytes(0, 0);
    not_utf8[2] = 0xff;
    assert!(matches!(
        AddEntries::parse_prefix(&not_utf8),
        Err(ParseError::NotUtf8 { .. })
    ));
    let mut long = head(0, 0);
    long.ticket = vec![0; 65_536];
    assert!(matches!(long.to_bytes(), Err(ParseError::TooLong { .. })));
    long.ticket.pop();
    assert!(long.to_bytes().is_ok());
    long.origin = "x".repeat(65_536);
    assert!(matches!(long.to_bytes(), Err(ParseError::TooLong { .. })));
}

#[test]
fn a_package_with_too_many_hashes_or_a_wrong_number_of_entries_is_refused() {
    let mut package = package_of(&head(0, 3).packages().next().unwrap());
    package.proof = vec![Hash::EMPTY_ROOT; 63];
    let mut bytes = package.to_bytes().unwrap();
    assert!(EntryPackage::parse_prefix(&bytes, 3).unwrap().is_some());
    let at = bytes.len() - 63 * 32 - 1;
    bytes[at] = 64;
    assert!(matches!(
        EntryPackage::parse_prefix(&bytes, 3),
        Err(ParseError::TooMany { .. })
    ));
    package.proof.push(Hash::EMPTY_ROOT);
    assert!(package.to_bytes().is_err());
    package.proof.clear();
    package.entries = vec![vec![]; 257];
    assert!(package.to_bytes().is_err());
    package.entries.clear();
    assert!(package.to_bytes().is_err());
    package.entries.push(vec![0; 65_536]);
    assert!(package.to_bytes().is_err());
    assert!(EntryPackage::parse_prefix(&[0], 0).is_err());
}

#[test]
fn a_mirror_info_has_one_spelling() {
    let info = MirrorInfo {
        tree_size: 700,
        next_entry: 512,
        ticket: b"ticket".to_vec(),
    };
    assert_eq!(info.to_bytes(), b"700\n512\ndGlja2V0\n");
    assert_eq!(MirrorInfo::parse(b"700\n512\ndGlja2V0\n").unwrap(), info);
    assert!(MirrorInfo::parse(b"0\n0\n\n").unwrap().ticket.is_empty());
    for bad in [
        &b""[..],
        b"700\n512\n",
        b"700\n512\ndGlja2V0",
        b"700\n512\ndGlja2V0\n\n",
        b"700\n512\ndGlja2V\n",
        b"700\n512\ndGlja2W=\n",
        b"0700\n512\n\n",
        b"700\n+512\n\n",
        b"700\n\n\n",
        b" 700\n512\n\n",
        b"700\r\n512\r\n\r\n",
        b"18446744073709551616\n0\n\n",
        b"700\n512\n\xff\n",
    ] {
        assert!(
            MirrorInfo::parse(bad).is_err(),
            "{:?}",
            String::from_utf8_lossy(bad)
        );
    }
    let largest = MirrorInfo {
        tree_size: u64::MAX,
        next_entry: u64::MAX,
        ticket: vec![0; 65_535],
    };
    let bytes = largest.to_bytes();
    assert_eq!(bytes.len(), tlog::limits::MIRROR_INFO_BYTES_MAX);
    assert_eq!(MirrorInfo::parse(&bytes).unwrap(), largest);
    let longer = MirrorInfo {
        tree_size: 0,
        next_entry: 0,
        ticket: vec![0; 65_536],
    };
    assert!(MirrorInfo::parse(&longer.to_bytes()).is_err());
}

#[test]
fn what_follows_the_last_package_is_not_read() {
    let head = head(0, 300);
    let (mut reader, mut found) = (AddEntriesReader::new(), Vec::new());
    reader.push(&body_of(&head));
    reader.push(b"rest");
    assert_eq!(read_all(&mut reader, &mut found), Some(head.clone()));
    assert!(reader.is_complete());
    assert_eq!(found.len(), 2);
    assert_eq!(reader.head().unwrap(), None, "the head is given once");
}

proptest! {
    #[test]
    fn an_upload_is_read_the_same_however_it_arrives(
        start in 0u64..600, entries in 0u64..600, piece in 1usize..3000,
    ) {
        let head = head(start, start + entries);
        let body = body_of(&head);
        let (mut reader, mut found, mut heads) = (AddEntriesReader::new(), Vec::new(), Vec::new());
        for piece in body.chunks(piece) {
            prop_assert!(!reader.is_complete());
            reader.push(piece);
            heads.extend(read_all(&mut reader, &mut found));
        }
        prop_assert!(reader.is_complete());
        let expected: Vec<_> = head.packages().map(|span| (span, package_of(&span))).collect();
        prop_assert_eq!(heads, vec![head]);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn random_bodies_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), entries in any::<u16>()) {
        if let Ok(Some((head, used))) = AddEntries::parse_prefix(&bytes) {
            prop_assert_eq!(head.to_bytes().unwrap(), &bytes[..used]);
            prop_assert!(head.packages().take(3).count() <= 3);
        }
        if let Ok(Some((package, used))) = EntryPackage::parse_prefix(&bytes, entries) {
            prop_assert_eq!(package.to_bytes().unwrap(), &bytes[..used]);
        }
        if let Ok(info) = MirrorInfo::parse(&bytes) {
            prop_assert_eq!(info.to_bytes(), bytes.clone());
        }
        let mut reader = AddEntriesReader::new();
        reader.push(&bytes);
        while let Ok(Some(_)) = reader.head() {}
        while let Ok(Some(_)) = reader.package() {}
    }
}
