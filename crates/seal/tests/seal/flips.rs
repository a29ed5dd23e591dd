//! Every byte counts: changed, cut off, moved or added, it is refused, and the error says where.

use seal::{
    ContentOpener, EpochKeys, Front, Header, Missealed, Opened, SealError, Side, WrapSecret,
    limits::*,
};
use statement::EpochPurpose;

use crate::cast::{keys, sealed, secret};

/// How a changed front is refused.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Form,
    Analysis,
    Rest(Side),
}

fn judge(front: &[u8]) -> Option<Refused> {
    judge_with(&keys(), &secret(EpochPurpose::Analysis), front)
}

fn judge_with(keys: &EpochKeys, opener: &WrapSecret, front: &[u8]) -> Option<Refused> {
    let front = match Front::parse(front) {
        Ok(front) => front,
        Err(SealError::Header(_) | SealError::FrontLength { .. } | SealError::Size { .. }) => {
            return Some(Refused::Form);
        }
        Err(other) => panic!("{other}"),
    };
    match Opened::with_analysis_key(&front, keys, opener) {
        Ok(opened) => match opened.check_rest_wraps() {
            Ok(_) => None,
            Err(Missealed::Wrap { side }) => Some(Refused::Rest(side)),
            Err(other) => panic!("{other}"),
        },
        Err(SealError::Wrap { purpose }) => {
            assert_eq!(purpose, EpochPurpose::Analysis);
            Some(Refused::Analysis)
        }
        Err(SealError::OtherEpoch { .. } | SealError::EpochHome { .. }) => Some(Refused::Form),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_flipped_byte_of_a_front_is_refused_where_it_stands() {
    let (sealed, _) = sealed("flips", b"file");
    let front = sealed.front.to_bytes();
    let (keys, opener) = (keys(), secret(EpochPurpose::Analysis));
    assert_eq!(judge_with(&keys, &opener, &front), None);
    let wraps = front.len() - 3 * WRAP_BYTES;
    for at in 0..front.len() {
        let mut changed = front.clone();
        // Odd, so that hex digits, capitals and digits of numbers often stay what they are.
        changed[at] ^= 1;
        let refused = judge_with(&keys, &opener, &changed).unwrap();
        let expected = match at.checked_sub(wraps).map(|at| at / WRAP_BYTES) {
            None => [Refused::Form, Refused::Analysis].contains(&refused),
            Some(0) => refused == Refused::Analysis,
            Some(1) => refused == Refused::Rest(Side::Center),
            Some(_) => refused == Refused::Rest(Side::Supervisor),
        };
        assert!(expected, "byte {at}: {refused:?}");
    }
}

#[test]
fn the_unused_bit_of_the_x25519_part_counts_too() {
    let (sealed, _) = sealed("bit", b"file");
    let front = sealed.front.to_bytes();
    for wrap in 0..3 {
        // X25519 ignores the top bit of the last byte of a point; X-Wing hashes it.
        let at = front.len() - (3 - wrap) * WRAP_BYTES + 1119;
        let mut changed = front.clone();
        changed[at] ^= 0x80;
        assert!(judge(&changed).is_some());
    }
}

#[test]
fn a_front_that_is_cut_short_or_goes_on_is_refused() {
    let (sealed, _) = sealed("length", b"file");
    let front = sealed.front.to_bytes();
    for bytes in 0..front.len() {
        assert_eq!(judge(&front[..bytes]), Some(Refused::Form));
    }
    let long = [front.as_slice(), b"\n"].concat();
    assert_eq!(judge(&long), Some(Refused::Form));
    let huge = Front::bytes_in_all([0xff, 0xff]);
    assert!(matches!(huge, Err(SealError::FrontLength { .. })));
    let first = [front[0], front[1]];
    assert_eq!(Front::bytes_in_all(first), Ok(front.len()));
}

/// The content key and the parts of a sample of four chunks, the last one short.
fn four_chunks() -> (seal::Sealed, Vec<u8>, seal::ContentKey) {
    let file = vec![3; 3 * CHUNK_BYTES + 50];
    let (sealed, ciphertext) = sealed("chunks", &file);
    let (keys, opener) = (keys(), secret(EpochPurpose::Analysis));
    let key = Opened::with_analysis_key(&sealed.front, &keys, &opener)
        .unwrap()
        .check_rest_wraps()
        .unwrap();
    (sealed, ciphertext, key)
}

const SEALED_CHUNK: usize = CHUNK_BYTES + TAG_BYTES;

#[test]
fn a_flipped_byte_of_the_ciphertext_is_refused_in_its_chunk() {
    let (sealed, ciphertext, key) = four_chunks();
    let last = ciphertext.len() - 1;
    for at in (0..ciphertext.len()).step_by(997).chain([last]) {
        let mut changed = ciphertext.clone();
        changed[at] ^= 0x40;
        let opener = ContentOpener::new(sealed.front.header(), &key);
        let index = (at / SEALED_CHUNK) as u64;
        let refused = Err(SealError::Chunk { index });
        assert_eq!(opener.open_all(&changed, &sealed.seal).map(drop), refused);
    }
}

#[test]
fn truncated_reordered_repeated_and_extended_ciphertext_is_refused() {
    let (sealed, ciphertext, key) = four_chunks();
    let open = |bytes: &[u8]| {
        let opener = ContentOpener::new(sealed.front.header(), &key);
        opener.open_all(bytes, &sealed.seal).map(drop)
    };
    assert_eq!(open(&ciphertext), Ok(()));
    let chunk = |index: usize| &ciphertext[index * SEALED_CHUNK..][..SEALED_CHUNK];
    let end = &ciphertext[3 * SEALED_CHUNK..];

    let short = open(&ciphertext[..ciphertext.len() - 1]);
    assert!(matches!(
        short,
        Err(SealError::ChunkLength { index: 3, .. })
    ));
    // Cut between two chunks, which the cipher alone could not see.
    let missing = Err(SealError::Unfinished { missing: 50 });
    assert_eq!(open(&ciphertext[..3 * SEALED_CHUNK]), missing);
    let missing = 3 * CHUNK_BYTES as u64 + 50;
    assert_eq!(open(b""), Err(SealError::Unfinished { missing }));
    let longer = [ciphertext.as_slice(), &[0; TAG_BYTES]].concat();
    assert!(matches!(
        open(&longer),
        Err(SealError::ChunkLength {
            index: 4,
            expected: 0,
            ..
        })
    ));
    let swapped = [chunk(1), chunk(0), chunk(2), end].concat();
    assert_eq!(open(&swapped), Err(SealError::Chunk { index: 0 }));
    let repeated = [chunk(0), chunk(0), chunk(2), end].concat();
    assert_eq!(open(&repeated), Err(SealError::Chunk { index: 1 }));
    let ended_early = [chunk(0), end, chunk(1), chunk(2)].concat();
    assert_eq!(open(&ended_early), Err(SealError::Chunk { index: 1 }));
}

#[test]
fn a_refused_chunk_changes_nothing_and_the_right_one_still_opens() {
    let (sealed, ciphertext, key) = four_chunks();
    let mut opener = ContentOpener::new(sealed.front.header(), &key);
    for bytes in ciphertext.chunks(SEALED_CHUNK) {
        assert_eq!(opener.next_bytes(), bytes.len());
        let mut wrong = bytes.to_vec();
        wrong[0] ^= 1;
        let came = wrong.clone();
        assert!(opener.open_chunk(&mut wrong).is_err());
        assert_eq!(wrong, came);
        opener.open_chunk(&mut bytes.to_vec()).unwrap();
    }
    assert_eq!(opener.next_bytes(), 0);
    assert_eq!(opener.finish(&sealed.seal), Ok(()));
}

#[test]
fn content_does_not_open_under_another_header_or_name() {
    let (sealed, ciphertext, key) = four_chunks();
    let text = String::from_utf8(sealed.front.header().as_bytes().to_vec()).unwrap();
    let moved = text.replace("region europe\n", "region asia\n");
    let moved = Header::parse(moved.as_bytes()).unwrap();
    let refused = Err(SealError::Chunk { index: 0 });
    let opened = ContentOpener::new(&moved, &key).open_all(&ciphertext, &sealed.seal);
    assert_eq!(opened.map(drop), refused);
    let (other, _) = crate::cast::sealed("other name", b"file");
    let opener = ContentOpener::new(sealed.front.header(), &key);
    let opened = opener.open_all(&ciphertext, &other.seal).map(drop);
    let (found, expected) = (sealed.seal, other.seal);
    assert_eq!(opened, Err(SealError::OtherSeal { found, expected }));
}
