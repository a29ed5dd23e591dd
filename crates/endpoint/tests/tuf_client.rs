//! The TUF client against a real HTTP server, honest and not.

mod roots;

use std::path::Path;

use endpoint::tuf_client::{Cause, Naming, TufClient, TufClientError};
use tempfile::TempDir;
use tuf::fixture::Fixture;
use tuf::limits::DAY_S;
use tuf::{TargetPath, TargetRole};

use crate::repository::serve_directory;

const NOW: u64 = 1_795_000_000;
const PROGRAM: &[u8] = b"a program";

/// A repository, its server, and one endpoint.
struct World {
    fixture: Fixture,
    served: TempDir,
    state: TempDir,
    url: String,
}

fn path() -> TargetPath {
    "software/truename/stable/linux-x86_64/1/truename"
        .parse()
        .unwrap()
}

impl World {
    async fn new() -> Self {
        let mut fixture = Fixture::new(NOW);
        fixture.add_target(&path(), PROGRAM, tlog::sha256(b"release 1"));
        fixture.publish();
        let served = TempDir::new().unwrap();
        let url = serve_directory(served.path()).await;
        let world = World {
            fixture,
            served,
            state: TempDir::new().unwrap(),
            url,
        };
        world.publish();
        world
    }

    /// Serves exactly the files of the fixture.
    fn publish(&self) {
        clear(self.served.path());
        for (name, bytes) in &self.fixture.files {
            let folder = if name.starts_with("targets/") {
                ""
            } else {
                "metadata"
            };
            let file = self.served.path().join(folder).join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
    }

    fn client(&self) -> TufClient {
        let http = serve::Client::new(&serve::ClientConfig::default()).unwrap();
        TufClient::open(
            http,
            &self.url,
            self.fixture.pinned_root(),
            self.state.path(),
        )
        .unwrap()
    }

    /// One update at `now` by a client that starts anew, all roots allowed.
    async fn refresh_at(&self, now: u64) -> Result<u64, TufClientError> {
        let trusted = self
            .client()
            .refresh(TargetRole::Software, &allow, now)
            .await?;
        Ok(trusted.view().delegated().version())
    }

    async fn refresh(&self) -> Result<u64, TufClientError> {
        self.refresh_at(NOW).await
    }

    fn memory(&self) -> std::path::PathBuf {
        self.state.path().join("trusted-metadata.json")
    }
}

fn clear(directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        }
        .unwrap();
    }
}

fn allow(_root: &[u8]) -> Result<Naming, Cause> {
    Ok(Naming::Earlier)
}

#[tokio::test]
async fn an_honest_repository_gives_metadata_and_target() {
    let world = World::new().await;
    let client = world.client();
    let trusted = client
        .refresh(TargetRole::Software, &allow, NOW)
        .await
        .unwrap();
    assert_eq!(trusted.metadata_bytes(), world.fixture.newest("software"));
    assert_eq!(
        trusted.metadata_digest(),
        tlog::sha256(world.fixture.newest("software"))
    );
    assert_eq!(trusted.root_bytes(), world.fixture.pinned_root());
    assert_eq!(trusted.view().signers().keys().count(), 3);
    let target = &trusted.targets()[&path()];
    assert_eq!(target.release().release, tlog::sha256(b"release 1"));
    assert_eq!(client.fetch(&trusted, &path(), 100).await.unwrap(), PROGRAM);
    let rules = client
        .refresh(TargetRole::Rules, &allow, NOW)
        .await
        .unwrap();
    assert!(rules.targets().is_empty());
}

#[tokio::test]
async fn a_target_is_bounded_listed_and_unaltered() {
    let world = World::new().await;
    let client = world.client();
    let trusted = client
        .refresh(TargetRole::Software, &allow, NOW)
        .await
        .unwrap();
    let size = PROGRAM.len() as u64;
    assert!(client.fetch(&trusted, &path(), size).await.is_ok());
    let refused = client.fetch(&trusted, &path(), size - 1).await.unwrap_err();
    assert!(
        matches!(refused, TufClientError::TargetTooLarge { .. }),
        "{refused}"
    );
    let other = "software/truename/stable/linux-x86_64/2/truename"
        .parse()
        .unwrap();
    let refused = client.fetch(&trusted, &other, size).await.unwrap_err();
    assert!(matches!(refused, TufClientError::NotFound { .. }));

    let file = world
        .served
        .path()
        .join(path().repository_file(&tlog::sha256(PROGRAM)));
    for altered in [&b"A program"[..], b"a progra"] {
        std::fs::write(&file, altered).unwrap();
        let refused = client.fetch(&trusted, &path(), size).await.unwrap_err();
        assert!(
            matches!(refused, TufClientError::Integrity { .. }),
            "{refused}"
        );
    }
    std::fs::write(&file, b"a program and endless data").unwrap();
    let refused = client.fetch(&trusted, &path(), size).await.unwrap_err();
    assert!(matches!(refused, TufClientError::Fetch { .. }), "{refused}");
    std::fs::remove_file(&file).unwrap();
    let refused = client.fetch(&trusted, &path(), size).await.unwrap_err();
    assert!(matches!(refused, TufClientError::NotFound { .. }));
}

#[tokio::test]
async fn going_back_is_refused_across_restarts() {
    let mut world = World::new().await;
    let old = world.fixture.clone();
    world.fixture.publish();
    world.publish();
    assert_eq!(world.refresh().await.unwrap(), 3);
    let newest = std::mem::replace(&mut world.fixture, old);
    world.publish();
    let refused = world.refresh().await.unwrap_err();
    assert!(
        matches!(
            refused,
            TufClientError::Rollback {
                trusted: 3,
                offered: 2,
                ..
            }
        ),
        "{refused}"
    );
    world.fixture = newest;
    world.publish();
    assert_eq!(world.refresh().await.unwrap(), 3);
}

#[tokio::test]
async fn versions_cannot_be_used_up_by_one_file() {
    let mut site = World::new().await;
    let honest = site.fixture.clone();
    // The last version that one publication a second since 2020 could have reached, and the next.
    let latest = NOW - 1_577_836_800;
    for (version, refused) in [
        (u64::from(u32::MAX), true),
        (latest + 1, true),
        (latest, false),
    ] {
        let snapshot = site.fixture.newest("snapshot").to_vec();
        let expires = tuf::Expires::from_posix(NOW + 3600).unwrap();
        let timestamp =
            tuf::Timestamp::build(version, expires, site.fixture.version(), &snapshot).unwrap();
        let bytes = tuf::fixture::signed_by(&site.fixture.signers.timestamp, timestamp);
        let name = tuf::TIMESTAMP_FILE.to_owned();
        site.fixture.files.insert(name, bytes);
        site.publish();
        match site.refresh().await {
            Err(TufClientError::FastForward { .. }) if refused => {
                // Nothing of it was remembered.
                site.fixture = honest.clone();
                site.publish();
                assert_eq!(site.refresh().await.unwrap(), honest.version());
            }
            Ok(_) if !refused => {}
            other => panic!("version {version}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_frozen_repository_is_refused_when_its_timestamp_expires() {
    let world = World::new().await;
    assert!(world.refresh_at(NOW + DAY_S - 1).await.is_ok());
    for late in [DAY_S, 400 * DAY_S] {
        let refused = world.refresh_at(NOW + late).await.unwrap_err();
        assert!(
            matches!(refused, TufClientError::Expired { .. }),
            "{refused}"
        );
    }
    let refused = world.refresh_at(u64::MAX).await.unwrap_err();
    assert!(matches!(refused, TufClientError::Clock { now: u64::MAX }));
}

#[tokio::test]
async fn a_role_below_its_threshold_is_refused() {
    let mut world = World::new().await;
    let one = world.fixture.signers.software[..1].to_vec();
    world.fixture.signers.software_signing = Some(one);
    world.fixture.publish();
    world.publish();
    let refused = world.refresh().await.unwrap_err();
    assert!(matches!(refused, TufClientError::Threshold { ref role, .. } if role == "software"));
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let mut world = World::new().await;
    for name in [
        "timestamp.json",
        "2.snapshot.json",
        "2.targets.json",
        "2.software.json",
    ] {
        let bytes = world.fixture.files.remove(name).unwrap();
        world.publish();
        let refused = world.refresh().await.unwrap_err();
        assert!(
            matches!(refused, TufClientError::NotFound { name: ref n } if *n == format!("metadata/{name}"))
        );
        world.fixture.files.insert(name.to_owned(), bytes);
    }
    world.publish();
    assert!(world.refresh().await.is_ok());
}

#[tokio::test]
async fn a_swapped_file_is_refused() {
    let mut world = World::new().await;
    let older = world.fixture.files["1.software.json"].clone();
    world
        .fixture
        .files
        .insert("2.software.json".to_owned(), older);
    world.publish();
    let refused = world.refresh().await.unwrap_err();
    assert!(
        matches!(refused, TufClientError::Integrity { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_damaged_memory_is_an_error_and_not_a_fresh_start() {
    let world = World::new().await;
    assert!(world.refresh().await.is_ok());
    let good = std::fs::read_to_string(world.memory()).unwrap();
    let flipped = good.replacen("\\\"version\\\":2", "\\\"version\\\":1", 1);
    assert_ne!(good, flipped);
    for bad in [&good[..good.len() / 2], "", &flipped] {
        std::fs::write(world.memory(), bad).unwrap();
        let refused = world.refresh().await.unwrap_err();
        assert!(
            matches!(refused, TufClientError::MemoryDamaged { .. }),
            "{refused}"
        );
    }
    std::fs::write(world.memory(), good).unwrap();
    assert!(world.refresh().await.is_ok());
}

#[tokio::test]
async fn an_update_that_cannot_be_remembered_fails() {
    let world = World::new().await;
    let client = world.client();
    // A directory in the place of the file: it can be neither read as a file nor replaced.
    std::fs::create_dir(world.memory()).unwrap();
    let refused = client
        .refresh(TargetRole::Software, &allow, NOW)
        .await
        .unwrap_err();
    assert!(matches!(refused, TufClientError::Memory(_)), "{refused}");
}

#[tokio::test]
async fn an_unreachable_repository_is_said_to_be_so() {
    let world = World::new().await;
    let http = serve::Client::new(&serve::ClientConfig::default()).unwrap();
    let pinned = world.fixture.pinned_root();
    let nowhere = "http://127.0.0.1:1";
    let client = TufClient::open(http, nowhere, pinned, world.state.path()).unwrap();
    let refused = client
        .refresh(TargetRole::Software, &allow, NOW)
        .await
        .unwrap_err();
    assert!(matches!(refused, TufClientError::Fetch { .. }), "{refused}");
}
