//! The example product, built with the host's Rust by two parties.

use std::path::Path;

use crate::parties::{Party, ground, verdict};
use binary::Verdict;
use conveyer::{Assurance, HostKind, Variation};

#[test]
fn truename_is_identical_in_the_hands_of_two_parties() {
    let ground = ground();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/truename/1.0");
    let time = std::time::Instant::now();
    let conveyer = Party::with(ground.path(), 150, HostKind::Rust);
    eprintln!("import and assembly: {} ms", time.elapsed().as_millis());
    let rebuilder = Party::with(ground.path(), 151, HostKind::Rust);
    let original = conveyer.build(&source, &Variation::conveyer()).unwrap();
    let rebuilt = rebuilder.build(&source, &Variation::rebuilder(1)).unwrap();
    eprintln!(
        "build: {} ms, {} MB; rebuild: {} ms",
        original.wall_ms,
        original.peak_memory_bytes >> 20,
        rebuilt.wall_ms
    );
    assert_eq!(
        verdict((&conveyer, &original), (&rebuilder, &rebuilt)),
        Verdict::Identical
    );
    let time = std::time::Instant::now();
    rebuilder.environment.check(Assurance::Listing).unwrap();
    eprintln!("check of the listing: {} ms", time.elapsed().as_millis());
    let time = std::time::Instant::now();
    rebuilder.environment.check(Assurance::Digests).unwrap();
    eprintln!("check of every digest: {} ms", time.elapsed().as_millis());
    assert_eq!(
        conveyer.environment.digest(),
        rebuilder.environment.digest()
    );
}
