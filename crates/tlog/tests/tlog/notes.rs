use ed25519_dalek::Signer as _;
use proptest::prelude::*;
use signed_note::{Note as OracleNote, StandardVerifier, VerifierList};
use tlog::{KeyName, KeyType, Note, NoteError, NoteKeyId, NoteSigner, ParseError, SignatureLine};
use tlog::{VerifierKey, open_checkpoint, sign_checkpoint};

use crate::keys::{ORIGIN, TestSigner, World, checkpoint};

const SPEC_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SPEC_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

#[test]
fn the_vkey_of_the_specification_is_read_and_printed() {
    let key: VerifierKey = SPEC_VKEY.parse().unwrap();
    assert_eq!(key.name().as_str(), "example.com/foo");
    assert_eq!(key.id(), NoteKeyId::from_u32(0x530d_903a));
    assert_eq!(key.key_type(), KeyType::Ed25519);
    assert_eq!(key.to_string(), SPEC_VKEY);
    let rebuilt = VerifierKey::new(key.name().clone(), key.key_type(), key.public_key()).unwrap();
    assert_eq!(rebuilt, key);
}

#[test]
fn the_note_of_the_specification_is_read_printed_and_its_signature_is_valid() {
    let key: VerifierKey = SPEC_VKEY.parse().unwrap();
    let note = Note::parse(SPEC_NOTE.as_bytes()).unwrap();
    assert_eq!(note.to_string(), SPEC_NOTE);
    let line = note.line_by(&key).unwrap().unwrap();
    let public = ed25519_dalek::VerifyingKey::from_bytes(key.public_key().try_into().unwrap());
    let signature = ed25519_dalek::Signature::from_slice(line.signature()).unwrap();
    public
        .unwrap()
        .verify_strict(note.text().as_bytes(), &signature)
        .unwrap();
    // It is no checkpoint, so it opens as none.
    let refused = open_checkpoint(SPEC_NOTE.as_bytes(), &[key]);
    assert!(matches!(refused, Err(NoteError::Parse(_))));
}

#[test]
fn a_vkey_whose_id_does_not_follow_from_its_key_is_refused() {
    let changed = SPEC_VKEY.replace("530d903a", "530d903b");
    assert!(matches!(
        changed.parse::<VerifierKey>(),
        Err(ParseError::KeyIdMismatch { .. })
    ));
    let renamed = SPEC_VKEY.replace("foo", "fob");
    assert!(matches!(
        renamed.parse::<VerifierKey>(),
        Err(ParseError::KeyIdMismatch { .. })
    ));
}

#[test]
fn vkeys_have_one_spelling() {
    for bad in [
        SPEC_VKEY.replace("530d903a", "530D903A"),
        SPEC_VKEY.replace("530d903a", "530d903"),
        SPEC_VKEY.replace("530d903a", "+30d903a"),
        SPEC_VKEY.trim_end_matches("U2k").to_owned(),
        format!("{SPEC_VKEY}="),
        format!("{SPEC_VKEY}\n"),
        format!(" {SPEC_VKEY}"),
        "example.com/foo+530d903a".to_owned(),
        "example.com/foo+530d903a+".to_owned(),
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
        String::new(),
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
    }
}

#[test]
fn an_ed25519_key_of_small_order_is_refused() {
    let name: KeyName = "weak.example".parse().unwrap();
    // The identity and the point of order two.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut order_two = [0xff; 32];
    order_two[0] = 0xec;
    order_two[31] = 0x7f;
    for weak in [identity, order_two, [0; 32]] {
        let refused = VerifierKey::new(name.clone(), KeyType::Ed25519, &weak);
        assert!(matches!(refused, Err(ParseError::PublicKey { .. })));
    }
    let short = VerifierKey::new(name, KeyType::CosignatureMlDsa44, &[0; 1311]);
    assert!(matches!(short, Err(ParseError::PublicKey { .. })));
}

/// Field elements p..2^255 are second spellings of 0..19; some of them are points of full order.
#[test]
fn an_ed25519_key_in_a_second_spelling_is_refused() {
    let name: KeyName = "twice.example".parse().unwrap();
    let mut points = 0;
    for small in 0..19u8 {
        for sign in [0x00, 0x80] {
            let mut second = [0xff; 32];
            second[0] = 0xed + small;
            second[31] = 0x7f | sign;
            let point = ed25519_dalek::VerifyingKey::from_bytes(&second);
            points += usize::from(point.is_ok_and(|point| !point.is_weak()));
            let refused = VerifierKey::new(name.clone(), KeyType::Ed25519, &second);
            assert!(
                matches!(refused, Err(ParseError::PublicKey { .. })),
                "{small} {sign}"
            );
        }
    }
    assert!(
        points > 0,
        "the test must try points that only their spelling rules out"
    );
}

#[test]
fn a_signature_with_a_scalar_above_the_group_order_is_refused() {
    let world = World::get();
    let cp = checkpoint(1, tlog::leaf_hash(b"x"));
    let line = sign_checkpoint(&cp.to_string(), &world.log).unwrap();
    // S + L verifies under a lax equation: the same signature in a second spelling.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut signature = line.signature().to_vec();
    let mut carry = 0u16;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    let line = SignatureLine::new(line.name().clone(), line.id(), signature).unwrap();
    let note = crate::keys::note(&cp, vec![line]);
    let refused = open_checkpoint(&note, &[world.log.vkey().clone()]);
    assert!(matches!(refused, Err(NoteError::BadSignature { .. })));
}

#[test]
fn malformed_notes_are_refused() {
    let good = SPEC_NOTE;
    let sig = &good[good.find('\u{2014}').unwrap()..];
    let with_tab = good.replace("is an", "is\tan");
    for bad in [
        String::new(),
        "\n\n".to_owned(),
        "text\n\n".to_owned(),
        good.trim_end().to_owned(),
        good.replace("\n\n", "\n"),
        good.replace("\u{2014} ", "- "),
        good.replace("\u{2014} ", "\u{2014}  "),
        with_tab,
        format!("{good}\n"),
        format!("{good}x"),
        sig.to_owned(),
        good.replace("QM=", "QM"),
        good.replace("QM=", "QN="),
        good.replace("example.com/foo Uw2Q", "example.com/foo  Uw2Q"),
        good.replace("example.com/foo Uw2Q", "example.com+foo Uw2Q"),
        "text\n\n\u{2014} a.example AAAAAA==\n".to_owned(),
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(matches!(
        Note::parse(b"\xff\n\n"),
        Err(ParseError::NotUtf8 { .. })
    ));
}

#[test]
fn limits_are_wide_enough_for_the_standard_and_then_firm() {
    let name: KeyName = "big.example".parse().unwrap();
    let line =
        |bytes: usize| SignatureLine::new(name.clone(), NoteKeyId::from_u32(7), vec![1; bytes]);
    // Sixteen signatures of "nearly 5kB" must be accepted.
    let lines = vec![line(5_000).unwrap(); 16];
    let note = Note::new("text\n".to_owned(), lines).unwrap();
    assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
    assert!(matches!(line(0), Err(ParseError::Missing { .. })));
    assert!(matches!(line(8_193), Err(ParseError::TooLong { .. })));
    let many = vec![line(1).unwrap(); 129];
    assert!(matches!(
        Note::new("t\n".to_owned(), many),
        Err(ParseError::TooMany { .. })
    ));
    let long = "x".repeat(600 * 1024) + "\n";
    let refused = Note::new(long, vec![line(1).unwrap()]);
    assert!(matches!(refused, Err(ParseError::TooLong { .. })));
}

#[test]
fn a_text_that_would_parse_back_as_another_one_is_no_note() {
    let line = SignatureLine::new(
        "a.example".parse().unwrap(),
        NoteKeyId::from_u32(1),
        vec![1],
    );
    let line = line.unwrap();
    assert!(Note::new("no newline".to_owned(), vec![line.clone()]).is_err());
    assert!(Note::new("text\n".to_owned(), vec![]).is_err());
    let note = Note::new("a\n\nb\n".to_owned(), vec![line]).unwrap();
    assert_eq!(note.text(), "a\n\nb\n");
}

/// Our notes as an independent implementation sees them.
#[test]
fn the_oracle_opens_our_checkpoint_and_we_open_the_oracles() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    let ours = crate::keys::note(
        &cp,
        vec![sign_checkpoint(&cp.to_string(), &world.log).unwrap()],
    );
    let verifier = StandardVerifier::new(&world.log.vkey().to_string()).unwrap();
    let known = VerifierList::new(vec![Box::new(verifier)]);
    let parsed = OracleNote::from_bytes(&ours).unwrap();
    let (verified, _) = parsed.verify(&known).unwrap();
    assert_eq!(verified.len(), 1);
    assert_eq!(parsed.text(), cp.to_string().as_bytes());

    let key = [&[1][..], &world.log.seed].concat();
    let id = world.log.vkey().id();
    let skey = format!("PRIVATE+KEY+{ORIGIN}+{id}+{}", base64_of(&key));
    let signer = signed_note::StandardSigner::new(&skey).unwrap();
    let mut theirs = OracleNote::new(cp.to_string().as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&signer]).unwrap();
    assert_eq!(theirs.to_bytes(), ours);
    assert_eq!(
        *open_checkpoint(&theirs.to_bytes(), &[world.log.vkey().clone()]).unwrap(),
        cp
    );
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

proptest! {
    #[test]
    fn we_and_the_oracle_accept_the_same_vkeys(
        name in "[a-z+ /\u{a0}]{0,6}", seed in any::<[u8; 32]>(), flip in 0usize..60, by in 0u8..4,
    ) {
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        let key = [&[1][..], public.as_bytes()].concat();
        let id = signed_note::key_id(&name, &key);
        let mut vkey = format!("{name}+{id:08x}+{}", base64_of(&key)).into_bytes();
        if let Some(byte) = vkey.get_mut(flip) {
            *byte ^= by;
        }
        if let Ok(vkey) = String::from_utf8(vkey) {
            // Upper-case hex is the one thing the oracle is laxer about.
            let lower = vkey.split('+').nth(1).is_none_or(|id| id.to_lowercase() == id);
            let ours = vkey.parse::<VerifierKey>();
            prop_assert_eq!(ours.is_ok(), lower && StandardVerifier::new(&vkey).is_ok());
        }
    }

    #[test]
    fn we_and_the_oracle_accept_the_same_notes(
        text in "[a-z\u{2014} \n\t]{0,12}", position in any::<prop::sample::Index>(),
        replacement in prop::sample::select(vec!["", "\n", " ", "+", "=", "A", "\u{2014}", "\r"]),
    ) {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let text = format!("{text}\n");
        let signature = key.sign(text.as_bytes()).to_bytes().to_vec();
        let line = signed_note::Signature::new("a.example".to_owned(), 9, signature).unwrap();
        let line = String::from_utf8(line.to_bytes()).unwrap();
        let note = format!("{text}\n{line}{line}");
        let chars: Vec<char> = note.chars().collect();
        let at = position.index(chars.len());
        let mutated: String = chars[..at].iter().collect::<String>() + replacement
            + &chars[at + 1..].iter().collect::<String>();
        for candidate in [&note, &mutated] {
            let ours = Note::parse(candidate.as_bytes());
            let theirs = OracleNote::from_bytes(candidate.as_bytes());
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}", candidate);
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                prop_assert_eq!(ours.text().as_bytes(), theirs.text());
                prop_assert_eq!(ours.to_string(), candidate.clone());
            }
        }
    }
}

#[test]
fn a_key_signs_only_checkpoints_of_its_own_origin() {
    let world = World::get();
    let other = TestSigner::new("log.example/b", KeyType::Ed25519, "other");
    let cp = checkpoint(3, tlog::sha256(b"root")).to_string();
    assert!(matches!(
        sign_checkpoint(&cp, &other),
        Err(NoteError::OriginMismatch { .. })
    ));
    assert!(matches!(
        sign_checkpoint("hello\n", &world.log),
        Err(NoteError::Parse(_))
    ));
    assert!(matches!(
        sign_checkpoint(&cp, &world.w1),
        Err(NoteError::KeyType { .. })
    ));
}
