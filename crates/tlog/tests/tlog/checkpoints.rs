use proptest::prelude::*;
use tlog::{Checkpoint, Hash, NoteError, Origin, ParseError, open_checkpoint, sign_checkpoint};
use tlog_tiles::Checkpoint as OracleCheckpoint;

use crate::keys::{World, checkpoint, note};

const SPEC: &str =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[test]
fn the_checkpoint_of_the_specification_is_read_and_printed() {
    let parsed = Checkpoint::parse(SPEC).unwrap();
    assert_eq!(parsed.origin().as_str(), "example.com/behind-the-sofa");
    assert_eq!(parsed.size(), 20_852_163);
    assert_eq!(
        parsed.root().to_string(),
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    );
    assert_eq!(parsed.to_string(), SPEC);
}

#[test]
fn checkpoints_have_one_spelling() {
    for bad in [
        SPEC.trim_end().to_owned(),
        SPEC.replace("20852163", "020852163"),
        SPEC.replace("20852163", "+20852163"),
        SPEC.replace("20852163", ""),
        SPEC.replace("20852163", "18446744073709551616"),
        SPEC.replace("20852163", "9223372036854775808"),
        SPEC.replace("q2I=", "q2J="),
        SPEC.replace("q2I=", "q2I"),
        SPEC.replace("q2I=", ""),
        SPEC.replace("example.com/behind-the-sofa", ""),
        SPEC.replace("example.com/behind-the-sofa", &"o".repeat(256)),
        SPEC.replace('\n', "\r\n"),
        format!("{SPEC}\n"),
        format!("\n{SPEC}"),
        String::new(),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
    assert!(Checkpoint::parse(&SPEC.replace("20852163", "9223372036854775807")).is_ok());
    assert!(Checkpoint::parse(&SPEC.replace("20852163", "0")).is_ok());
}

#[test]
fn extension_lines_are_refused() {
    let refused = Checkpoint::parse(&format!("{SPEC}extension\n"));
    assert!(matches!(refused, Err(ParseError::Trailing { .. })));
}

#[test]
fn origins_follow_the_rules_of_key_names() {
    assert!("o".repeat(255).parse::<Origin>().is_ok());
    for bad in [
        "",
        "a b",
        "a+b",
        "a\u{a0}b",
        "a\u{2003}b",
        "a\nb",
        "a\u{1}b",
        &"o".repeat(256),
    ] {
        assert!(bad.parse::<Origin>().is_err(), "{bad:?}");
    }
}

#[test]
fn a_known_key_that_fails_refuses_the_note_and_an_unknown_one_is_ignored() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    let other = checkpoint(4, tlog::sha256(b"other"));
    let good = sign_checkpoint(&cp.to_string(), &world.log).unwrap();
    let bad = tlog::cosign(&other, 90, &world.log_pq).unwrap();
    let bytes = note(&cp, vec![good, bad]);
    let ed = world.log.vkey().clone();
    let pq = world.log_pq.vkey().clone();
    assert_eq!(
        *open_checkpoint(&bytes, std::slice::from_ref(&ed)).unwrap(),
        cp
    );
    let refused = open_checkpoint(&bytes, &[ed, pq]);
    assert!(matches!(refused, Err(NoteError::BadSignature { .. })));
}

#[test]
fn a_checkpoint_without_a_trusted_signature_is_refused() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    let bytes = note(&cp, vec![tlog::cosign(&cp, 5, &world.w1).unwrap()]);
    for keys in [vec![], vec![world.log.vkey().clone()]] {
        let refused = open_checkpoint(&bytes, &keys);
        assert!(matches!(refused, Err(NoteError::NoTrustedSignature { .. })));
    }
    // A witness key is no log key, even if it signed.
    let refused = open_checkpoint(&bytes, &[world.w1.vkey().clone()]);
    assert!(matches!(refused, Err(NoteError::KeyType { .. })));
}

#[test]
fn a_key_of_another_origin_does_not_speak_for_the_log() {
    let world = World::get();
    let foreign = Checkpoint::new("log.example/b".parse().unwrap(), 3, Hash::EMPTY_ROOT).unwrap();
    let raw = tlog::NoteSigner::sign_raw(&world.log, foreign.to_string().as_bytes());
    let key = tlog::NoteSigner::vkey(&world.log).clone();
    let line = tlog::SignatureLine::new(key.name().clone(), key.id(), raw).unwrap();
    let refused = open_checkpoint(&note(&foreign, vec![line]), &[key]);
    assert!(matches!(refused, Err(NoteError::NoTrustedSignature { .. })));
}

use tlog::NoteSigner as _;

proptest! {
    #[test]
    fn we_print_what_the_oracle_reads_and_the_other_way_round(
        origin in "[a-z./]{1,20}", size in 0..=i64::MAX as u64, root in any::<[u8; 32]>(),
    ) {
        let ours = Checkpoint::new(origin.parse().unwrap(), size, Hash::from_bytes(root)).unwrap();
        let theirs = OracleCheckpoint::from_bytes(ours.to_string().as_bytes()).unwrap();
        prop_assert_eq!(theirs.size(), size);
        prop_assert_eq!(theirs.hash().0, root);
        prop_assert_eq!(theirs.to_bytes(), ours.to_string().into_bytes());
        prop_assert_eq!(Checkpoint::parse(&ours.to_string()).unwrap(), ours);
    }
}
