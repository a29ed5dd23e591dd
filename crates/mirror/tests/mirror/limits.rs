//! What a mirror is configured with.

use keys::{Algorithm, KeyError, NoteKey, SecretKey};
use mirror::{Config, Mirror, MirrorError};
use tlog::{KeyType, NoteSigner as _};

use crate::world::{Daemon, TestLog, config, refused};

async fn open_error(config: &Config) -> MirrorError {
    match Mirror::open(config).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_log_takes_no_more_disk_than_it_may_and_others_go_on() {
    let log = TestLog::new(700, "a");
    let mut other = TestLog::named("other.example/log");
    (0..300u32).for_each(|n| other.push(n.to_be_bytes().to_vec()));
    let dir = tempfile::tempdir().unwrap();
    let mut small = config(dir.path(), &[&log, &other]);
    small.logs[0].bytes_max = 25_000;
    let mirror = Daemon::start_with(dir, small).await;
    let talk = &mirror.talk;
    talk.mirror(&log, 0, 300).await;
    talk.offer(&log, 300, 700).await;
    let answer = refused(talk.add_entries(log.upload(300, 700)).await);
    assert_eq!(answer.status, 507);
    assert_eq!(answer.problem.unwrap().code, "mirror.full");
    assert_eq!(talk.published(&log).await, 300);
    assert_eq!(talk.get(&log, "tile/0/001").await, None);
    talk.mirror(&other, 0, 300).await;
    talk.check_served(&other, 300).await;
    // What is held is served and cosigned as before.
    assert_eq!(
        talk.add_entries(log.upload(300, 300)).await.unwrap().status,
        200
    );
    talk.check_served(&log, 300).await;
}

#[tokio::test]
async fn a_key_or_name_of_a_witness_or_log_is_refused() {
    let log = TestLog::new(1, "a");
    let dir = tempfile::tempdir().unwrap();
    let good = config(dir.path(), &[&log]);
    let shared = |name: &str, path: &std::path::Path, key_type| {
        let secret = SecretKey::load(path, None).unwrap();
        let key = NoteKey::new(secret, name.parse().unwrap(), key_type).unwrap();
        key.vkey().to_string()
    };
    let ed = KeyType::CosignatureEd25519;
    for (name, path, key_type) in [
        ("w1.example", &good.ed25519_key, ed),
        ("w1.example", &good.ml_dsa_key, KeyType::CosignatureMlDsa44),
        ("log.example", &good.ed25519_key, KeyType::Ed25519),
    ] {
        let mut bad = good.clone();
        bad.witness_vkeys.push(shared(name, path, key_type));
        let error = open_error(&bad).await;
        assert!(
            matches!(&error, MirrorError::SharedIdentity { what: "key", .. }),
            "{error}"
        );
    }
    let fresh = SecretKey::generate(Algorithm::Ed25519).unwrap();
    let same_name = NoteKey::new(fresh, good.name.parse().unwrap(), ed).unwrap();
    let mut bad = good.clone();
    bad.witness_vkeys.push(same_name.vkey().to_string());
    let error = open_error(&bad).await;
    assert!(
        matches!(&error, MirrorError::SharedIdentity { what: "name", .. }),
        "{error}"
    );
    let mut bad = good.clone();
    bad.name = log.origin.clone();
    let error = open_error(&bad).await;
    assert!(
        matches!(&error, MirrorError::SharedIdentity { what: "name", .. }),
        "{error}"
    );
    Mirror::open(&good).await.unwrap();
}

#[tokio::test]
async fn a_configuration_that_cannot_be_meant_is_refused() {
    let log = TestLog::new(1, "a");
    let dir = tempfile::tempdir().unwrap();
    let good = config(dir.path(), &[&log]);
    let wrong = |change: fn(&mut Config)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    let bad = wrong(|c| c.logs.push(c.logs[0].clone()));
    assert!(matches!(
        open_error(&bad).await,
        MirrorError::LogList { .. }
    ));
    let bad = wrong(|c| c.logs[0].vkeys.clear());
    assert!(matches!(
        open_error(&bad).await,
        MirrorError::LogList { .. }
    ));
    let bad = wrong(|c| c.logs[0].origin = "other.example".to_owned());
    assert!(matches!(
        open_error(&bad).await,
        MirrorError::VkeyOrigin { .. }
    ));
    let bad = wrong(|c| c.name = "two words".to_owned());
    assert!(matches!(
        open_error(&bad).await,
        MirrorError::Config { field: "name", .. }
    ));
    let bad = wrong(|c| std::mem::swap(&mut c.ed25519_key, &mut c.ml_dsa_key));
    let error = open_error(&bad).await;
    assert!(matches!(
        error,
        MirrorError::Key(KeyError::WrongKeyType { .. })
    ));
}
