//! Blobs, named files and the directory lock.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;
use store::{Blobs, DirLock, Files, StoreError};
use tlog::Hash;

const MAX: u64 = 1 << 20;

fn leftovers(root: &Path) -> usize {
    fs::read_dir(root.join(".tmp")).unwrap().count()
}

#[test]
fn a_blob_is_found_under_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let digest = blobs.put(b"hello").unwrap();
    let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(digest.to_hex(), hex);
    assert_eq!(blobs.path(&digest), dir.path().join("2c/f2").join(hex));
    assert_eq!(blobs.get(&digest, MAX).unwrap(), b"hello");
    assert!(blobs.contains(&digest));
    assert_eq!(blobs.put(b"hello").unwrap(), digest);
    let mode = fs::metadata(blobs.path(&digest))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o444);
    assert_eq!(leftovers(dir.path()), 0);
}

#[test]
fn an_absent_blob_is_said_to_be_absent() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let digest = tlog::sha256(b"never stored");
    assert!(!blobs.contains(&digest));
    assert!(matches!(
        blobs.get(&digest, MAX),
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        blobs.open_file(&digest),
        Err(StoreError::NotFound { .. })
    ));
}

#[test]
fn a_damaged_blob_is_refused_by_name_and_not_acknowledged_again() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let digest = blobs.put(b"important bytes").unwrap();
    let path = blobs.path(&digest);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, b"Important bytes").unwrap();
    let error = blobs.get(&digest, MAX).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }));
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    assert!(matches!(
        blobs.copy_to(&digest, &mut Vec::new()),
        Err(StoreError::Corrupt { .. })
    ));
    assert!(matches!(
        blobs.put(b"important bytes"),
        Err(StoreError::Corrupt { .. })
    ));
}

#[test]
fn a_stream_longer_than_allowed_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let bytes = vec![5; 200_000];
    let error = blobs.put_reader(&bytes[..], 199_999).unwrap_err();
    assert!(matches!(
        error,
        StoreError::TooLarge {
            bytes_max: 199_999,
            ..
        }
    ));
    let endless = blobs.put_reader(std::io::repeat(1), 100_000).unwrap_err();
    assert!(matches!(endless, StoreError::TooLarge { .. }));
    assert!(!blobs.contains(&tlog::sha256(&bytes)));
    assert_eq!(leftovers(dir.path()), 0);
    let (digest, count) = blobs.put_reader(&bytes[..], 200_000).unwrap();
    assert_eq!((digest, count), (tlog::sha256(&bytes), 200_000));
    assert!(matches!(
        blobs.get(&digest, 199_999),
        Err(StoreError::TooLarge { .. })
    ));
}

#[test]
fn a_stream_that_breaks_leaves_nothing() {
    struct Broken(bool);
    impl std::io::Read for Broken {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::other("connection lost"));
            }
            out[0] = 1;
            Ok(1)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    assert!(matches!(
        blobs.put_reader(Broken(false), MAX),
        Err(StoreError::Stream(_))
    ));
    assert!(!blobs.contains(&tlog::sha256(&[1])));
    assert_eq!(leftovers(dir.path()), 0);
}

#[test]
fn many_writers_of_one_blob_agree() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let bytes = vec![9; 10_000];
    let digests: Vec<Hash> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| blobs.put(&bytes).unwrap()))
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    assert!(digests.iter().all(|digest| *digest == tlog::sha256(&bytes)));
    assert_eq!(leftovers(dir.path()), 0);
}

#[test]
fn what_a_stopped_process_left_is_swept_and_what_a_running_one_writes_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open_cache(dir.path()).unwrap();
    fs::write(dir.path().join(".tmp/1-0"), b"half").unwrap();
    let mut running = blobs.writer(MAX).unwrap();
    running.write(b"still ").unwrap();
    let second = Blobs::open(dir.path()).unwrap();
    assert_eq!(leftovers(dir.path()), 1);
    running.write(b"here").unwrap();
    let (digest, _) = running.finish().unwrap();
    assert_eq!(second.get(&digest, MAX).unwrap(), b"still here");
}

#[test]
fn a_named_file_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).unwrap();
    files.create("tile/0/000", b"one").unwrap();
    files.create("tile/0/000", b"one").unwrap();
    for other in [&b"two"[..], b"on", b"one more", b""] {
        let error = files.create("tile/0/000", other).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }));
    }
    assert_eq!(files.read("tile/0/000", 3).unwrap(), b"one");
    assert!(matches!(
        files.read("tile/0/000", 2),
        Err(StoreError::TooLarge { .. })
    ));
    assert_eq!(leftovers(dir.path()), 0);
}

#[test]
fn a_batch_makes_every_file_and_a_repeated_batch_completes_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).unwrap();
    let batch: Vec<_> = (0..20)
        .map(|i| (format!("tile/{}/{i:03}", i % 3), vec![i; 40]))
        .collect();
    files.create_many(&batch[..7]).unwrap();
    files.create_many(&batch).unwrap();
    for (path, bytes) in &batch {
        assert_eq!(files.read(path, 100).unwrap(), *bytes);
    }
    let conflict = [("tile/new", &b"x"[..]), ("tile/0/000", b"y")];
    assert!(matches!(
        files.create_many(&conflict),
        Err(StoreError::Conflict { .. })
    ));
    assert_eq!(leftovers(dir.path()), 0);
}

#[test]
fn a_replaced_file_shows_the_newest_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::open(dir.path()).unwrap();
    assert!(!files.contains("checkpoint").unwrap());
    for content in ["first", "second"] {
        files.replace("checkpoint", content.as_bytes()).unwrap();
        assert_eq!(files.read("checkpoint", 100).unwrap(), content.as_bytes());
    }
    assert_eq!(leftovers(dir.path()), 0);
}

#[test]
fn a_path_that_leaves_the_directory_is_refused_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("public");
    let files = Files::open(&root).unwrap();
    for path in ["../x", "/tmp/x", "a/../../x", "", "a\0b", ".tmp/x"] {
        assert!(
            matches!(files.create(path, b""), Err(StoreError::Path(_))),
            "{path:?}"
        );
        assert!(
            matches!(files.replace(path, b""), Err(StoreError::Path(_))),
            "{path:?}"
        );
        assert!(
            matches!(files.read(path, 9), Err(StoreError::Path(_))),
            "{path:?}"
        );
        assert!(files.contains(path).is_err(), "{path:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_directory_has_one_holder_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let lock = DirLock::take(&dir.path().join("cell")).unwrap();
    let error = DirLock::take(&dir.path().join("cell")).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }));
    assert!(
        error
            .to_string()
            .contains(&lock.path().display().to_string()),
        "{error}"
    );
    assert!(error.to_string().contains("another process"), "{error}");
    drop(lock);
    DirLock::take(&dir.path().join("cell")).unwrap();
}

#[test]
fn a_directory_below_a_parent_that_cannot_be_read_still_opens() {
    // Permission bits bind only an unprivileged process; as root this is the plain case.
    let dir = tempfile::tempdir().unwrap();
    let cell = dir.path().join("cell");
    fs::create_dir(&cell).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o311)).unwrap();
    let opened = DirLock::take(&cell).and_then(|_lock| Blobs::open(&cell)?.put(b"x"));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    opened.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn bytes_come_back_as_they_were_stored(bytes in proptest::collection::vec(any::<u8>(), 0..200_000)) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open_cache(dir.path()).unwrap();
        let digest = blobs.put(&bytes).unwrap();
        prop_assert_eq!(digest, tlog::sha256(&bytes));
        prop_assert_eq!(&blobs.get(&digest, MAX).unwrap(), &bytes);
        let mut copied = Vec::new();
        prop_assert_eq!(blobs.copy_to(&digest, &mut copied).unwrap(), bytes.len() as u64);
        prop_assert_eq!(copied, bytes);
    }
}
