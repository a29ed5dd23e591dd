//! An independent client accepts what this crate writes, and both refuse what is wrong.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, MemoryStore, Repository, Updater};
use tuf::fixture::{Fixture, FixtureSigner, FixtureSigners};
use tuf::limits::DAY_S;
use tuf::{Files, Root, Signed, TargetPath, TargetRole, TufError, VerifiedView, verify_view};

const NOW: u64 = 1_795_000_000;
const PROGRAM: &[u8] = b"a program";
const RULES: &[u8] = b"lures-db 1 0\n";

struct Memory(BTreeMap<String, Vec<u8>>);

impl Repository for Memory {
    fn fetch_metadata<'a>(&'a self, name: &'a str, _max: u64) -> FetchFuture<'a> {
        let found = self.0.get(name).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, _max: u64) -> FetchFuture<'a> {
        let found = self.0.get(&format!("targets/{path}")).cloned();
        Box::pin(async move { Ok(found) })
    }
}

/// Everything is in memory, so every future is ready.
fn ready<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("an in-memory future must be ready"),
    }
}

fn program() -> TargetPath {
    "software/truename/stable/linux-x86_64/1/truename"
        .parse()
        .unwrap()
}

fn rules() -> TargetPath {
    "rules/lures/stable/any/1/lures.db".parse().unwrap()
}

fn repository() -> Fixture {
    let mut fixture = Fixture::new(NOW);
    fixture.add_target(&program(), PROGRAM, tlog::sha256(b"release 1"));
    fixture.add_target(&rules(), RULES, tlog::sha256(b"release 2"));
    fixture.publish();
    fixture
}

fn time(now: u64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(i64::try_from(now).unwrap()).unwrap()
}

fn client(fixture: &Fixture) -> Updater {
    Updater::new(Memory(fixture.files.clone()), &fixture.pinned_root()).unwrap()
}

fn refreshed(fixture: &Fixture, now: u64) -> Result<Updater, Error> {
    let mut client = client(fixture);
    ready(client.refresh(time(now))).map(|()| client)
}

/// Our own judgement of the same files.
fn viewed(fixture: &Fixture, role: TargetRole, now: u64) -> Result<VerifiedView, TufError> {
    let root = Signed::<Root>::parse(fixture.newest("root"))?;
    let files = Files {
        timestamp: fixture.newest("timestamp"),
        snapshot: fixture.newest("snapshot"),
        targets: fixture.newest("targets"),
        delegated: fixture.newest(role.as_str()),
    };
    verify_view(root.signed(), role, files, now)
}

#[test]
fn a_client_gets_targets_of_both_delegated_roles() {
    let fixture = repository();
    let mut client = refreshed(&fixture, NOW).unwrap();
    let program_path = program().to_string();
    assert_eq!(
        ready(client.get_target(&program_path, time(NOW))).unwrap(),
        PROGRAM
    );
    assert_eq!(
        ready(client.get_target(&rules().to_string(), time(NOW))).unwrap(),
        RULES
    );
    let info = ready(client.get_target_info(&program_path, time(NOW)))
        .unwrap()
        .unwrap();
    let custom = info.custom.unwrap();
    assert_eq!(
        custom["limpid"]["release"],
        tlog::sha256(b"release 1").to_hex()
    );
    assert_eq!(custom["limpid"]["seq"], 1);
    for role in TargetRole::ALL {
        let view = viewed(&fixture, role, NOW).unwrap();
        assert_eq!(view.delegated().targets().len(), 1);
        assert_eq!(view.signers().keys().count(), 3);
    }
}

#[test]
fn an_unlisted_target_is_not_found() {
    let mut client = refreshed(&repository(), NOW).unwrap();
    let other = "software/truename/stable/linux-x86_64/2/truename";
    let refused = ready(client.get_target(other, time(NOW))).unwrap_err();
    assert!(matches!(refused, Error::TargetNotFound(_)));
}

#[test]
fn the_client_does_not_ask_a_role_for_paths_outside_its_pattern() {
    let fixture = repository();
    let mut client = refreshed(&fixture, NOW).unwrap();
    for outside in [
        "software/truename/1/truename",
        "tools/truename/stable/x/1/truename",
    ] {
        assert!(
            ready(client.get_target_info(outside, time(NOW)))
                .unwrap()
                .is_none()
        );
    }
    assert!(client.trusted().targets_role("software").is_none());
}

#[test]
fn a_role_below_its_threshold_is_refused() {
    for (role, forge) in [
        ("software", drop_software as fn(&mut FixtureSigners)),
        ("targets", drop_targets),
        ("timestamp", stranger_timestamp),
    ] {
        let mut fixture = repository();
        // The seats stay as the old files name them; only the signatures are fewer.
        let honest = fixture.clone();
        forge(&mut fixture.signers);
        fixture.publish();
        let view = viewed(&fixture, TargetRole::Software, NOW);
        assert!(view.is_err(), "{role}");
        let refused = refreshed(&fixture, NOW).and_then(|mut client| {
            ready(client.get_target(&program().to_string(), time(NOW))).map(|_| ())
        });
        assert!(
            matches!(refused, Err(Error::ThresholdNotMet { .. })),
            "{role}: {refused:?}"
        );
        assert!(refreshed(&honest, NOW).is_ok());
    }
}

fn drop_software(signers: &mut FixtureSigners) {
    signers.software_signing = Some(signers.software[..1].to_vec());
}

fn drop_targets(signers: &mut FixtureSigners) {
    signers.targets = vec![signers.targets[0].clone(), FixtureSigner::new(99)];
}

fn stranger_timestamp(signers: &mut FixtureSigners) {
    signers.timestamp = vec![FixtureSigner::new(98)];
}

#[test]
fn an_older_repository_is_a_rollback() {
    let old = repository();
    let mut new = old.clone();
    new.publish();
    let store = Arc::new(MemoryStore::new());
    let mut first = client(&new).with_store(store.clone());
    ready(first.refresh(time(NOW))).unwrap();
    let mut second = client(&old).with_store(store.clone());
    let refused = ready(second.refresh(time(NOW))).unwrap_err();
    assert!(matches!(refused, Error::Rollback { .. }), "{refused:?}");
    let mut honest = client(&new).with_store(store);
    assert!(ready(honest.refresh(time(NOW))).is_ok());
}

#[test]
fn expired_files_are_refused_one_after_the_other() {
    let fixture = repository();
    let late = NOW + DAY_S + 1;
    assert!(matches!(
        refreshed(&fixture, late).unwrap_err(),
        Error::Expired { .. }
    ));
    for (days, role) in [(1, "timestamp"), (365, "root")] {
        let refused = viewed(&fixture, TargetRole::Rules, NOW + days * DAY_S).unwrap_err();
        assert!(
            matches!(refused, TufError::Expired { role: ref r, .. } if r == role),
            "{refused}"
        );
    }
    assert!(viewed(&fixture, TargetRole::Rules, NOW + DAY_S - 1).is_ok());
}

#[test]
fn an_altered_target_is_refused() {
    let mut fixture = repository();
    let file = program().repository_file(&tlog::sha256(PROGRAM));
    fixture.files.insert(file, b"A program".to_vec());
    let mut client = refreshed(&fixture, NOW).unwrap();
    let refused = ready(client.get_target(&program().to_string(), time(NOW))).unwrap_err();
    assert!(matches!(refused, Error::IntegrityMismatch(_)));
}

#[test]
fn a_mix_of_two_versions_is_refused() {
    let old = repository();
    let mut new = old.clone();
    new.publish();
    for role in ["snapshot", "targets"] {
        let mut mixed = new.clone();
        mixed.files.insert(
            tuf::metadata_file(role, new.version()),
            old.newest(role).to_vec(),
        );
        assert!(refreshed(&mixed, NOW).is_err(), "{role}");
        let refused = viewed(&mixed, TargetRole::Software, NOW).unwrap_err();
        assert!(matches!(refused, TufError::Pin { .. }), "{role}: {refused}");
    }
    let mut mixed = new.clone();
    mixed.files.insert(
        tuf::metadata_file("software", new.version()),
        old.newest("software").to_vec(),
    );
    let refused = viewed(&mixed, TargetRole::Software, NOW).unwrap_err();
    assert!(matches!(refused, TufError::Pin { .. }));
}

#[test]
fn a_rotated_root_is_followed_and_a_forged_one_is_not() {
    let mut fixture = repository();
    let mut signers = fixture.signers.clone();
    signers.root = vec![FixtureSigner::new(40), FixtureSigner::new(41)];
    signers.timestamp = vec![FixtureSigner::new(42)];
    fixture.rotate_root(signers);
    fixture.publish();
    let client = refreshed(&fixture, NOW).unwrap();
    assert_eq!(client.trusted().root().version, 2);
    assert!(viewed(&fixture, TargetRole::Software, NOW).is_ok());

    let mut forged = repository();
    let mut signers = forged.signers.clone();
    signers.root = vec![FixtureSigner::new(40), FixtureSigner::new(41)];
    forged.signers.root = vec![FixtureSigner::new(50), FixtureSigner::new(51)];
    forged.rotate_root(signers);
    forged.publish();
    assert!(matches!(
        refreshed(&forged, NOW).unwrap_err(),
        Error::ThresholdNotMet { .. }
    ));
}

#[test]
fn signing_bytes_are_the_ones_the_client_verifies() {
    let fixture = repository();
    let ours = Signed::<Root>::parse(fixture.newest("root")).unwrap();
    let ours = tuf::signing_bytes(ours.signed()).unwrap();
    let theirs = sigstore_tuf::Metadata::<sigstore_tuf::Root>::from_slice(fixture.newest("root"));
    let theirs = theirs.unwrap();
    assert_eq!(ours, theirs.signed_canonical());
    for (id, key) in &theirs.signed().keys {
        assert_eq!(*id, key.key_id().unwrap());
    }
}
