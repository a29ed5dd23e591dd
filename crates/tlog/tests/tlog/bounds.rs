//! Every bound is met exactly: the largest thing allowed is read, one more is refused and the error
//! says both numbers.

use tlog::{
    AddCheckpoint, ArchiveId, BundleId, ConflictSize, Frontier, Hash, KeyName, KeyType, Note,
    NoteError, NoteSigner as _, OpenError, ParseError, Policy, PolicyError, ProofError,
    SignatureLine, TileId, TlogProof, cosign, parse_cosignatures, sha256, verify_cosignature,
};

use crate::keys::{TestSigner, World, checkpoint};

/// `TREE_SIZE_MAX`: no tree index of the specifications is larger.
const SIZE_MAX: u64 = 9_223_372_036_854_775_807;

fn too_long(error: &ParseError) -> (usize, usize) {
    match error {
        ParseError::TooLong { found, max, .. } | ParseError::TooMany { found, max, .. } => {
            (*found, *max)
        }
        other => panic!("{other}"),
    }
}

/// A line with a signature of this many bytes.
fn line(bytes: usize) -> Result<SignatureLine, ParseError> {
    let id = World::get().log.vkey().id();
    SignatureLine::new("a".parse().unwrap(), id, vec![7; bytes])
}

/// A note of exactly this many bytes: one signature line below a text that fills the rest.
fn note_of(bytes: usize) -> Vec<u8> {
    let signature = format!("\n{}\n", line(64).unwrap());
    let mut text = "x".repeat(bytes - signature.len() - 1);
    text.push('\n');
    let note = format!("{text}{signature}").into_bytes();
    assert_eq!(note.len(), bytes);
    note
}

#[test]
fn a_note_has_at_most_512_kib() {
    let max = 524_288;
    assert!(Note::parse(&note_of(max)).is_ok());
    let refused = Note::parse(&note_of(max + 1)).unwrap_err();
    assert_eq!(too_long(&refused), (max + 1, max));
}

#[test]
fn a_signature_has_1_to_8192_bytes() {
    assert!(matches!(line(0), Err(ParseError::Missing { .. })));
    let largest = line(8_192).unwrap();
    assert_eq!(largest.to_string().parse::<SignatureLine>(), Ok(largest));
    assert_eq!(too_long(&line(8_193).unwrap_err()), (8_193, 8_192));
    // Refused by its base64, before it is decoded.
    let refused = format!("\u{2014} a {}", "A".repeat(10_932)).parse::<SignatureLine>();
    assert_eq!(too_long(&refused.unwrap_err()), (10_932, 10_928));
    // An id and nothing else.
    assert!("\u{2014} a AAAAAA==".parse::<SignatureLine>().is_err());
}

#[test]
fn a_note_has_at_most_128_signatures() {
    let lines = |count: usize| format!("{}\n", line(64).unwrap()).repeat(count);
    assert_eq!(
        parse_cosignatures(lines(128).as_bytes()).unwrap().len(),
        128
    );
    let refused = parse_cosignatures(lines(129).as_bytes()).unwrap_err();
    assert_eq!(too_long(&refused), (129, 128));
}

#[test]
fn a_key_name_has_at_most_255_bytes() {
    assert!("a".repeat(255).parse::<KeyName>().is_ok());
    let refused = "a".repeat(256).parse::<KeyName>().unwrap_err();
    assert_eq!(too_long(&refused), (256, 255));
}

fn proof(extra: usize, hashes: usize, note: usize) -> TlogProof {
    TlogProof {
        extra: Some(vec![1; extra]),
        index: 5,
        path: vec![sha256(b"h"); hashes],
        checkpoint: vec![b'n'; note],
    }
}

#[test]
fn a_proof_with_everything_at_its_largest_is_read() {
    let largest = proof(65_536, 63, 524_288);
    assert_eq!(TlogProof::parse(&largest.to_bytes()), Ok(largest));
    for (extra, hashes, note, numbers) in [
        (65_537, 0, 9, (65_537, 65_536)),
        (1, 64, 9, (64, 63)),
        (1, 0, 524_289, (524_289, 524_288)),
    ] {
        let refused = TlogProof::parse(&proof(extra, hashes, note).to_bytes()).unwrap_err();
        assert_eq!(too_long(&refused), numbers);
    }
    let refused = TlogProof::parse(&vec![b'x'; 700_000]).unwrap_err();
    assert_eq!(too_long(&refused), (700_000, 619_861));
}

#[test]
fn the_index_of_a_proof_is_below_the_largest_tree() {
    let at = |index| {
        TlogProof::parse(
            &TlogProof {
                index,
                ..proof(1, 0, 9)
            }
            .to_bytes(),
        )
    };
    assert!(at(SIZE_MAX - 1).is_ok());
    let ParseError::Range { found, max, .. } = at(SIZE_MAX).unwrap_err() else {
        panic!("the index is out of range")
    };
    assert_eq!((found, max), (SIZE_MAX, SIZE_MAX - 1));
}

#[test]
fn an_entry_of_more_than_65535_bytes_is_refused_before_its_proof_is_judged() {
    let policy: Policy = "quorum none\n".parse().unwrap();
    let open = |bytes: usize| proof(1, 0, 9).open(&vec![0; bytes], &policy);
    assert!(matches!(open(65_535), Err(OpenError::Policy(_))));
    assert!(matches!(
        open(65_536),
        Err(OpenError::EntryTooLong { found: 65_536 })
    ));
}

#[test]
fn a_checkpoint_is_added_with_at_most_63_hashes_and_520_kib() {
    let body = |hashes| AddCheckpoint {
        old_size: 1,
        proof: vec![sha256(b"h"); hashes],
        checkpoint: vec![b'n'; 524_288],
    };
    assert_eq!(AddCheckpoint::parse(&body(63).to_bytes()), Ok(body(63)));
    let refused = AddCheckpoint::parse(&body(64).to_bytes()).unwrap_err();
    assert_eq!(too_long(&refused), (64, 63));
    let refused = AddCheckpoint::parse(&vec![b'x'; 532_481]).unwrap_err();
    assert_eq!(too_long(&refused), (532_481, 532_480));
}

#[test]
fn a_log_tries_again_only_from_a_size_it_has() {
    assert_eq!(ConflictSize(7).retry_from(8), Some(7));
    assert_eq!(ConflictSize(7).retry_from(7), Some(7));
    assert_eq!(ConflictSize(7).retry_from(6), None);
}

#[test]
fn a_policy_has_at_most_1_mib_and_no_control_characters() {
    let padded = |bytes: usize| {
        let quorum = "\nquorum none\n";
        format!("#{}{quorum}", "x".repeat(bytes - quorum.len() - 1))
    };
    assert!(padded(1_048_576).parse::<Policy>().is_ok());
    let Err(PolicyError::Text(refused)) = padded(1_048_577).parse::<Policy>() else {
        panic!("a policy of more than 1 MiB is refused")
    };
    assert_eq!(too_long(&refused), (1_048_577, 1_048_576));
    assert!("quorum\tnone\n".parse::<Policy>().is_ok());
    assert!("# ~\nquorum none\n".parse::<Policy>().is_ok());
    for control in ['\u{1f}', '\u{0}', '\u{b}', '\u{d}', '\u{7f}'] {
        let text = format!("# {control}\nquorum none\n");
        let refused = text.parse::<Policy>();
        assert!(
            matches!(
                refused,
                Err(PolicyError::Text(ParseError::ControlCharacter { .. }))
            ),
            "{control:?}"
        );
    }
}

#[test]
fn a_policy_has_at_most_128_groups() {
    let witness = format!("witness w {}\n", World::get().w1.vkey());
    let groups = |count: usize| {
        let mut text = witness.clone();
        let mut member = "w".to_owned();
        for number in 0..count {
            let name = format!("g{number}");
            text.push_str(&format!("group {name} any {member}\n"));
            member = name;
        }
        format!("{text}quorum {member}\n").parse::<Policy>()
    };
    assert_eq!(groups(128).unwrap().groups().len(), 128);
    let Err(PolicyError::Text(refused)) = groups(129) else {
        panic!("129 groups are refused")
    };
    assert_eq!(too_long(&refused), (129, 128));
}

#[test]
fn tiles_bundles_and_archived_sizes_end_where_64_bits_do() {
    let index_max = 72_057_594_037_927_935;
    for index in [0, index_max] {
        assert!(TileId::new(63, index, 256).is_ok());
        assert!(BundleId::new(index, 1).is_ok());
    }
    assert!(TileId::new(64, 0, 256).is_err());
    assert!(TileId::new(0, index_max + 1, 256).is_err());
    assert!(BundleId::new(index_max + 1, 1).is_err());
    for width in [1, 256] {
        assert!(TileId::new(0, 0, width).is_ok());
    }
    for width in [0, 257] {
        assert!(TileId::new(0, 0, width).is_err());
        assert!(BundleId::new(0, width).is_err());
    }
    let path = format!("archive/{SIZE_MAX}");
    assert_eq!(ArchiveId::parse(&path).unwrap().to_string(), path);
    assert!(ArchiveId::new(SIZE_MAX + 1).is_err());
}

#[test]
fn a_stored_frontier_has_a_part_for_each_bit_of_its_size() {
    let parts = |count| vec![sha256(b"h"); count];
    assert!(Frontier::from_parts(SIZE_MAX, parts(63)).is_ok());
    for (size, count) in [(SIZE_MAX + 1, 1), (SIZE_MAX, 62), (0, 1), (5, 1), (5, 3)] {
        assert!(
            matches!(
                Frontier::from_parts(size, parts(count)),
                Err(ProofError::FrontierShape { .. })
            ),
            "{size}"
        );
    }
}

#[test]
fn a_refused_value_is_repeated_up_to_80_characters_and_escaped() {
    let excerpt = |value: &str| match Hash::from_hex(value) {
        Err(ParseError::Malformed { value, .. }) => value,
        other => panic!("{other:?}"),
    };
    assert_eq!(excerpt("a\u{1b}[2J"), "a\\u{1b}[2J");
    assert_eq!(excerpt(&"y".repeat(80)), "y".repeat(80));
    assert_eq!(excerpt(&"y".repeat(81)), format!("{}...", "y".repeat(80)));
}

#[test]
fn a_cosignature_of_another_time_is_not_the_one_that_was_signed() {
    let world = World::get();
    let checkpoint = checkpoint(5, sha256(b"root"));
    let line = cosign(&checkpoint, 7, &world.w1).unwrap();
    assert_eq!(
        verify_cosignature(&checkpoint, &line, world.w1.vkey()),
        Ok(7)
    );
    let mut moved = line.signature().to_vec();
    moved[7] = 8;
    let moved = SignatureLine::new(line.name().clone(), line.id(), moved).unwrap();
    let refused = verify_cosignature(&checkpoint, &moved, world.w1.vkey());
    assert!(matches!(refused, Err(NoteError::BadSignature { .. })));
}

#[test]
fn digests_show_themselves_in_hex_and_streams_show_nothing() {
    let digest = sha256(b"x");
    assert_eq!(format!("{digest:?}"), digest.to_hex());
    assert_eq!(Hash::from_hex(&digest.to_hex()), Ok(digest));
    assert!(Hash::from_hex(&digest.to_hex().to_uppercase()).is_err());
    assert_eq!(format!("{:?}", tlog::Sha256Stream::new()), "Sha256Stream");
}

#[test]
fn a_policy_line_with_missing_or_superfluous_words_is_told_how_it_should_look() {
    let cases = [
        ("log", "`log VKEY [URL]`"),
        ("witness w", "`witness NAME VKEY [URL]`"),
        ("group g all", "`group NAME all|any|K NAME...`"),
        ("quorum g h", "`quorum NAME` or `quorum none`"),
        ("mirror m", "`log`, `witness`, `group` or `quorum`"),
    ];
    for (line, expected) in cases {
        let refused = Policy::parse(&format!("{line}\n")).unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains(expected), "{line}: {refused}");
    }
}

#[test]
fn a_group_shows_its_members_in_the_order_of_the_text() {
    let witness = |name: &str| TestSigner::new(name, KeyType::CosignatureEd25519, name);
    let (a, b) = (witness("a.example"), witness("b.example"));
    let text = format!(
        "witness b {}\nwitness a {}\ngroup g 1 b a\nquorum g\n",
        b.vkey(),
        a.vkey()
    );
    let policy = Policy::parse(&text).unwrap();
    let members = policy.groups()[0].members().iter();
    assert_eq!(
        members.map(ToString::to_string).collect::<Vec<_>>(),
        ["b", "a"]
    );
}

#[test]
fn limits_of_whole_files_hold_the_largest_that_their_parts_allow() {
    use tlog::limits::{
        EVIDENCE_BYTES_MAX, FORK_HASHES_MAX, NOTE_BYTES_MAX, PACKAGE_BYTES_MAX, PROOF_HASHES_MAX,
    };
    // A consistency proof and the node it begins at; then two notes, and a line for each hash.
    assert_eq!((PROOF_HASHES_MAX, FORK_HASHES_MAX), (63, 64));
    let heading = "limpid/fork-evidence@v1\n\n\n".len();
    assert!(EVIDENCE_BYTES_MAX > 2 * NOTE_BYTES_MAX + heading + 64 * 45);
    assert_eq!(EVIDENCE_BYTES_MAX, 1_056_768);
    // 256 entries, each behind its length; the number of hashes; the hashes.
    assert_eq!(PACKAGE_BYTES_MAX, 256 * 65_537 + 1 + 63 * 32);
}
