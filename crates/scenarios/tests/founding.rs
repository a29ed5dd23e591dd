//! The founding of a world.
#![allow(clippy::unwrap_used)]

use law::{Fed, InForce};
use scenarios::{cast::Cast, ceremony};

#[test]
fn a_founding_is_in_force_once_every_party_has_signed() {
    let world = tempfile::tempdir().unwrap();
    let founded = ceremony::found(world.path(), &Cast::smallest(), 1_790_000_000).unwrap();
    let mut state = InForce::replay(ceremony::CENTER_LOG.parse().unwrap(), founded.anchor);
    for (index, envelope) in founded.envelopes.iter().enumerate() {
        assert!(state.constitution().is_none());
        let fed = state.feed(index as u64, &envelope.to_bytes()).unwrap();
        assert_eq!(fed, Fed::Counts(founded.anchor));
    }
    assert_eq!(state.constitution_digest(), Some(founded.anchor));
    assert!(founded.envelopes[0].to_bytes().len() < 60_000);
}

#[test]
fn a_founding_reads_back_from_its_files() {
    let world = tempfile::tempdir().unwrap();
    let cast = Cast::with_a_second_lab_of_one_owner();
    let founded = ceremony::found(world.path(), &cast, 1_790_000_000).unwrap();
    let loaded = ceremony::Founded::load(world.path(), &cast).unwrap();
    assert_eq!(loaded.anchor, founded.anchor);
    assert_eq!(loaded.envelopes, founded.envelopes);
}
