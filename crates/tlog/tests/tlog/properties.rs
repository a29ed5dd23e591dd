//! Parsers over random and damaged bytes: they never panic, and what they accept they print back.

use proptest::prelude::*;
use tlog::{
    AddCheckpoint, BundleId, Checkpoint, ConflictSize, Hash, Note, NoteSigner as _, Policy,
    SignatureLine, TileId, TlogProof, VerifierKey, bundle, parse_cosignatures,
};

use crate::keys::{World, checkpoint};

/// Every parser of the crate over the same bytes.
fn parse_all(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_bytes(), bytes);
    }
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert_eq!(proof.to_bytes(), bytes);
    }
    if let Ok(lines) = parse_cosignatures(bytes) {
        assert_eq!(tlog::cosignatures_to_bytes(&lines), bytes);
    }
    for width in [0, 1, 2, 3, 256, 300] {
        if let Ok(entries) = bundle::parse(bytes, width) {
            assert_eq!(bundle::encode(&entries).unwrap(), bytes);
        }
    }
    let _ = tlog::open_checkpoint(bytes, &[World::get().log.vkey().clone()]);
    if let Ok(text) = std::str::from_utf8(bytes) {
        parse_text(text);
    }
}

fn parse_text(text: &str) {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(policy) = Policy::parse(text) {
        assert_eq!(Policy::parse(&policy.to_string()).unwrap(), policy);
    }
    if let Ok(line) = text.parse::<SignatureLine>() {
        assert_eq!(line.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(id) = TileId::parse(text) {
        assert_eq!(id.path(), text);
    }
    if let Ok(id) = BundleId::parse(text) {
        assert_eq!(id.path(), text);
    }
    if let Ok(size) = text.parse::<ConflictSize>() {
        assert_eq!(size.to_string(), text);
    }
    if let Ok(hash) = Hash::from_base64(text) {
        assert_eq!(hash.to_string(), text);
    }
    if let Ok(hash) = Hash::from_hex(text) {
        assert_eq!(hash.to_hex(), text);
    }
}

/// Valid inputs of every kind, to be damaged.
fn samples() -> Vec<Vec<u8>> {
    let world = World::get();
    let cp = checkpoint(9, tlog::sha256(b"root"));
    let path = vec![tlog::sha256(b"p"); 4];
    let checkpoint = world.ed_note(&cp);
    let request = AddCheckpoint {
        old_size: 5,
        proof: path.clone(),
        checkpoint: checkpoint.clone(),
    };
    let proof = TlogProof {
        extra: Some(vec![1, 2]),
        index: 4,
        path,
        checkpoint: checkpoint.clone(),
    };
    vec![
        cp.to_string().into_bytes(),
        request.to_bytes(),
        proof.to_bytes(),
        world.ed_policy().to_string().into_bytes(),
        world.log.vkey().to_string().into_bytes(),
        b"tile/0/x001/x234/067.p/8".to_vec(),
        b"tile/entries/x001/067.p/8".to_vec(),
        b"20852014\n".to_vec(),
        bundle::encode(&["one", "two"]).unwrap(),
        checkpoint,
    ]
}

#[test]
fn valid_samples_pass_through_every_parser() {
    samples().iter().for_each(|sample| parse_all(sample));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_all(&bytes);
    }

    #[test]
    fn random_text_never_panics(text in "[a-z0-9 \n=+/\u{2014}]{0,120}") {
        parse_all(text.as_bytes());
    }

    #[test]
    fn damaged_samples_never_panic_and_what_is_accepted_is_printed_back(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        remove in 0usize..4, insert in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let samples = samples();
        let mut bytes = samples[which.index(samples.len())].clone();
        let start = at.index(bytes.len());
        let end = (start + remove).min(bytes.len());
        bytes.splice(start..end, insert);
        parse_all(&bytes);
    }

    #[test]
    fn bundles_are_read_back(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=256)) {
        let bytes = bundle::encode(&entries).unwrap();
        prop_assert_eq!(bundle::parse(&bytes, entries.len() as u16).unwrap(), entries);
    }

    #[test]
    fn tile_paths_are_read_back(level in 0u8..=63, index in 0u64..1 << 56, width in 1u16..=256) {
        let tile = TileId::new(level, index, width).unwrap();
        prop_assert_eq!(TileId::parse(&tile.path()).unwrap(), tile);
        let bundle = BundleId::new(index, width).unwrap();
        prop_assert_eq!(BundleId::parse(&bundle.path()).unwrap(), bundle);
    }
}
