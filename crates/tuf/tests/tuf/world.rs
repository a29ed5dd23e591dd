//! A small repository, and ways to change what it published.

use std::sync::LazyLock;

use serde_json::Value;
use tuf::fixture::Fixture;
use tuf::{Expires, TargetPath};

/// POSIX seconds.
pub const NOW: u64 = 1_795_000_000;

/// Built once: signing all of it for every case would take most of the test's time.
static REPOSITORY: LazyLock<Fixture> = LazyLock::new(build_repository);

pub fn repository() -> Fixture {
    REPOSITORY.clone()
}

fn build_repository() -> Fixture {
    let mut fixture = Fixture::new(NOW);
    let path = path();
    fixture.add_target(&path, b"a program", tlog::sha256(b"release"));
    fixture.publish();
    fixture
}

pub fn path() -> TargetPath {
    "software/truename/stable/linux-x86_64/1/truename"
        .parse()
        .unwrap()
}

/// The file with `signed` changed, canonical again; signatures are kept and so no longer fit.
pub fn edited(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    edit(&mut value);
    // What serde_json keeps of the order depends on who else is built: the canonical form does not.
    serde_json_canonicalizer::to_vec(&value).unwrap()
}

/// So many days after [`NOW`].
pub fn at(days: u64) -> Expires {
    Expires::from_posix(NOW + days * 86_400).unwrap()
}
