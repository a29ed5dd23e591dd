//! One named test for each mistake that implementers of these specifications are known to make.

use tlog::{
    BundleId, Checkpoint, KeyType, Note, NoteError, NoteSigner as _, ParseError, PolicyError,
    TileId, TlogProof, VerifierKey, cosign, open_checkpoint, open_witnessed, sign_checkpoint,
    tiles_between, verify_consistency,
};

use crate::keys::{TestSigner, World, checkpoint, note};

#[test]
fn trap_a_size_that_is_a_multiple_of_256_has_no_partial_tile() {
    let paths: Vec<String> = tiles_between(0, 256).map(|id| id.path()).collect();
    assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1"]);
    let paths: Vec<String> = tiles_between(0, 65_536).map(|id| id.path()).collect();
    assert_eq!(paths.len(), 256 + 1 + 1);
    assert!(paths.contains(&"tile/1/000".to_owned()));
    assert!(paths.contains(&"tile/2/000.p/1".to_owned()));
    let bundles: Vec<String> = BundleId::covering(256).map(|id| id.path()).collect();
    assert_eq!(bundles, ["tile/entries/000"]);
    assert_eq!(
        tiles_between(0, 0).count() + BundleId::covering(0).count(),
        0
    );
    assert_eq!(tiles_between(256, 256).count(), 0);
    let grown: Vec<String> = tiles_between(255, 256).map(|id| id.path()).collect();
    assert_eq!(grown, ["tile/0/000", "tile/1/000.p/1"]);
}

#[test]
fn trap_the_last_group_of_a_path_has_no_x_and_all_others_have() {
    assert_eq!(
        TileId::new(0, 1_234_067, 256).unwrap().path(),
        "tile/0/x001/x234/067"
    );
    assert!(TileId::parse("tile/0/x001/x234/x067").is_err());
    assert!(TileId::parse("tile/0/001/234/067").is_err());
    assert!(TileId::parse("tile/0/x001/234/067").is_err());
}

#[test]
fn trap_leading_zeros_are_refused_everywhere() {
    let cp = checkpoint(5, tlog::sha256(b"root")).to_string();
    assert!(Checkpoint::parse(&cp.replace("\n5\n", "\n05\n")).is_err());
    assert!(Checkpoint::parse(&cp.replace("\n5\n", "\n00\n")).is_err());
    assert!(TileId::parse("tile/01/000").is_err());
    assert!(TileId::parse("tile/0/000.p/08").is_err());
    assert!(TileId::parse("tile/0/x000/000").is_err());
    assert!("05\n".parse::<tlog::ConflictSize>().is_err());
}

#[test]
fn trap_base64_without_padding_or_with_slack_bits_is_refused() {
    let hash = tlog::sha256(b"x").to_string();
    assert!(tlog::Hash::from_base64(&hash).is_ok());
    assert!(tlog::Hash::from_base64(hash.trim_end_matches('=')).is_err());
    // The last character before the padding carries two unused bits.
    let (body, last) = (&hash[..42], hash.as_bytes()[42]);
    let slack = char::from(if last == b'9' { b'-' } else { last + 1 });
    assert!(tlog::Hash::from_base64(&format!("{body}{slack}=")).is_err());
    assert!(tlog::Hash::from_base64(&hash.replace('=', "==")).is_err());
    assert!(tlog::Hash::from_base64(&format!("{hash}\n")).is_err());
    let url_safe = "_".repeat(43) + "=";
    assert!(tlog::Hash::from_base64(&url_safe).is_err());
}

#[test]
fn trap_a_known_key_that_signed_twice_is_refused() {
    let world = World::get();
    let cp = checkpoint(5, tlog::sha256(b"root"));
    let mut lines = world.all_lines(&cp);
    lines.push(lines[0].clone());
    let refused = open_checkpoint(&note(&cp, lines), &[world.log.vkey().clone()]);
    assert!(matches!(refused, Err(NoteError::DuplicateSignature { .. })));
    // Two times by one witness: which one would count?
    let mut lines = world.all_lines(&cp);
    lines.push(cosign(&cp, 5_000, &world.w1).unwrap());
    let refused = open_witnessed(&note(&cp, lines), &world.strict_policy());
    assert!(matches!(
        refused,
        Err(PolicyError::Note(NoteError::DuplicateSignature { .. }))
    ));
    // Of a key nobody knows, repetitions mean nothing.
    let mut lines = world.all_lines(&cp);
    lines.push(lines[2].clone());
    assert!(open_checkpoint(&note(&cp, lines), &[world.log.vkey().clone()]).is_ok());
}

#[test]
fn trap_a_note_is_split_at_its_last_empty_line() {
    let line = sign_checkpoint(
        &checkpoint(5, tlog::sha256(b"r")).to_string(),
        &World::get().log,
    );
    let text = format!("first\n\n{}\n\nlast\n", line.unwrap());
    let lines = World::get().all_lines(&checkpoint(5, tlog::sha256(b"r")));
    let whole = Note::new(text.clone(), lines.clone()).unwrap();
    let parsed = Note::parse(whole.to_string().as_bytes()).unwrap();
    assert_eq!(parsed.text(), text);
    assert_eq!(parsed.signatures(), lines);
}

#[test]
fn trap_an_ecdsa_key_is_refused_instead_of_given_the_wrong_key_id() {
    // Type 0x02: its id is a hash of the SPKI, not of name, type and key.
    let vkey = "sum.example+12345678+AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let refused = vkey.parse::<VerifierKey>();
    assert!(matches!(
        refused,
        Err(ParseError::KeyTypeUnsupported { key_type: 2, .. })
    ));
    for byte in (0..=255u8).filter(|byte| ![1, 4, 6].contains(byte)) {
        assert_eq!(KeyType::from_byte(byte), None);
    }
}

#[test]
fn trap_an_origin_that_is_no_key_name_is_refused() {
    // The Go checksum database has the origin `go.sum database tree` and the key `sum.golang.org`.
    // The standard only says SHOULD; our origins are key names and equal the key's name.
    let text = "go.sum database tree\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert!(matches!(
        Checkpoint::parse(text),
        Err(ParseError::Malformed { what: "origin", .. })
    ));
}

#[test]
fn trap_the_body_of_a_409_ends_in_one_newline() {
    assert_eq!(tlog::ConflictSize(7).to_string(), "7\n");
    assert!("7".parse::<tlog::ConflictSize>().is_err());
    assert!("7\n\n".parse::<tlog::ConflictSize>().is_err());
}

#[test]
fn trap_a_log_retries_after_a_409_with_the_returned_size_and_never_above_its_own() {
    assert_eq!(tlog::ConflictSize(7).retry_from(9), Some(7));
    assert_eq!(tlog::ConflictSize(9).retry_from(9), Some(9));
    assert_eq!(tlog::ConflictSize(10).retry_from(9), None);
}

/// A common witness reads 16 KiB at most, so it is sent the log's own signatures only.
#[test]
fn trap_a_request_with_the_logs_own_signatures_fits_16_kib_and_one_with_all_may_not() {
    let world = World::get();
    let cp = checkpoint(1 << 62, tlog::sha256(b"root"));
    let request = |lines| tlog::AddCheckpoint {
        old_size: (1 << 62) - 1,
        proof: vec![tlog::sha256(b"p"); 63],
        checkpoint: note(&cp, lines),
    };
    let own = world.all_lines(&cp)[..2].to_vec();
    assert!(request(own.clone()).to_bytes().len() <= 16 * 1024);
    let mut many = own;
    for i in 0..4 {
        let name = format!("w{i}.example");
        let witness = TestSigner::new(&name, KeyType::CosignatureMlDsa44, &name);
        many.push(cosign(&cp, 100, &witness).unwrap());
    }
    assert!(request(many).to_bytes().len() > 16 * 1024);
}

#[test]
fn trap_a_republished_checkpoint_of_the_same_size_gets_a_fresh_time() {
    let world = World::get();
    let cp = checkpoint(5, tlog::sha256(b"root"));
    verify_consistency(5, cp.root(), 5, cp.root(), &[]).unwrap();
    for signer in [&world.w1, &world.w1_pq] {
        let (first, second) = (
            cosign(&cp, 100, signer).unwrap(),
            cosign(&cp, 200, signer).unwrap(),
        );
        assert_ne!(first, second);
        assert_eq!(
            tlog::verify_cosignature(&cp, &second, signer.vkey()).unwrap(),
            200
        );
    }
}

#[test]
fn trap_a_full_tile_may_stand_in_for_a_deleted_partial_one() {
    struct OnlyFull(Vec<u8>);
    impl tlog::TileSource for OnlyFull {
        type Error = std::convert::Infallible;
        fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error> {
            assert_eq!(id.to_full().path(), "tile/0/000");
            Ok(self.0.clone())
        }
    }
    let leaves: Vec<_> = (0..=255u8).map(|i| tlog::leaf_hash(&[i])).collect();
    let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
    let mut frontier = tlog::Frontier::new();
    leaves[..100].iter().for_each(|leaf| frontier.append(*leaf));
    assert_eq!(
        tlog::root_from_tiles(&OnlyFull(bytes.clone()), 100).unwrap(),
        frontier.root()
    );
    // Any third length is an error, not a guess.
    for cut in [0, 31, 99 * 32, 101 * 32, bytes.len() - 32] {
        let refused = tlog::root_from_tiles(&OnlyFull(bytes[..cut].to_vec()), 100);
        assert!(
            matches!(refused, Err(tlog::ProveError::TileBytes { .. })),
            "{cut}"
        );
    }
}

#[test]
fn trap_a_proof_carries_the_checkpoint_verbatim() {
    let world = World::get();
    let cp = checkpoint(1, tlog::leaf_hash(b"e"));
    let checkpoint = world.full_note(&cp);
    let proof = TlogProof {
        extra: None,
        index: 0,
        path: vec![],
        checkpoint,
    };
    let parsed = TlogProof::parse(&proof.to_bytes()).unwrap();
    let (_, opened) = parsed.open(b"e", &world.strict_policy()).unwrap();
    assert_eq!(opened.note(), proof.checkpoint);
}

#[test]
fn a_key_type_is_shown_by_its_byte_and_its_name() {
    let shown = |byte| KeyType::from_byte(byte).unwrap().to_string();
    assert_eq!(shown(0x01), "0x01 Ed25519");
    assert_eq!(shown(0x04), "0x04 Ed25519 cosignature");
    assert_eq!(shown(0x06), "0x06 ML-DSA-44 cosignature");
}

#[test]
fn debug_output_of_a_key_names_it_without_its_bytes() {
    let key = TestSigner::new("example.com/log", KeyType::Ed25519, "debug");
    let text = format!("{:?}", key.vkey());
    assert!(text.starts_with("VerifierKey(example.com/log+"), "{text}");
    assert!(text.ends_with(", 0x01 Ed25519)"), "{text}");
}

/// Two keys found by trying 104,286 seeds: an id has 32 bits, so whoever wants two alike finds them.
#[test]
fn trap_two_keys_of_one_name_may_have_one_id_and_no_note_could_tell_them_apart() {
    let key = |name, label| TestSigner::new(name, KeyType::CosignatureEd25519, label);
    let (a, b) = (
        key("w.example", "collide 11934"),
        key("w.example", "collide 104285"),
    );
    assert_ne!(a.vkey().public_key(), b.vkey().public_key());
    assert_eq!(a.vkey().id(), b.vkey().id());
    let text = |other: &TestSigner| {
        format!(
            "witness a {}\nwitness b {}\nquorum none\n",
            a.vkey(),
            other.vkey()
        )
    };
    let refused = tlog::Policy::parse(&text(&b));
    assert!(
        matches!(refused, Err(PolicyError::DuplicateKey { line: 2, .. })),
        "{refused:?}"
    );
    assert!(tlog::Policy::parse(&text(&key("w.example", "w1"))).is_ok());
}
