//! TUF targets files that list releases.

use std::collections::BTreeMap;

use statement::{Predicate, Statement, StatementDigest};
use tuf::{Expires, Signed, TargetFile, TargetPath, TargetRole, Targets};

use super::{
    keys::Key,
    roster::{DAY, NOW},
};

/// Path and entry of the target that a release payload brings.
pub fn target(release_payload: &[u8]) -> (TargetPath, TargetFile) {
    let statement = Statement::parse(release_payload).unwrap();
    let Predicate::Release(release) = statement.predicate else {
        panic!("not a release");
    };
    let line = [&*release.product, &*release.channel, &*release.platform];
    let path = TargetPath::new(TargetRole::Software, line, release.seq, &release.file).unwrap();
    let digest = *StatementDigest::of(release_payload).hash();
    let (sha256, bytes) = release.shipped();
    let target = TargetFile::new(&path, bytes, *sha256.hash(), digest);
    (path, target)
}

/// A `software` file that lists these releases, unsigned.
pub fn unsigned(version: u64, expires: u64, releases: &[&Vec<u8>]) -> Signed<Targets> {
    let targets: BTreeMap<_, _> = releases.iter().map(|payload| target(payload)).collect();
    let expires = Expires::from_posix(expires).unwrap();
    Targets::listing(version, expires, targets).unwrap()
}

/// Signs a file with these keys.
pub fn signed(mut file: Signed<Targets>, keys: &[Key]) -> Vec<u8> {
    for key in keys {
        file.sign(key).unwrap();
    }
    file.to_bytes().unwrap()
}

/// The keys of center and supervisor.
pub fn both() -> [Key; 2] {
    [Key::of("vendor", "tuf"), Key::of("supervisor", "tuf")]
}

/// The honest `software` file.
pub fn listing(version: u64, releases: &[&Vec<u8>]) -> Vec<u8> {
    signed(unsigned(version, NOW + 60 * DAY, releases), &both())
}
