//! What a monitor notices, and what it does not accuse anybody of.

use std::fs;
use std::path::Path;

use logclient::monitor::{Level, LogLook, Monitor, MonitorConfig, MonitorError, WatchedLog};
use statement::{Envelope, KeyId, StatementSigner};
use tempfile::TempDir;
use tlog::{ForkEvidence, Hash, NoteSigner as _, sha256};

use crate::streams::forked;
use crate::world::{ORIGIN, Signer, World, note};

const NOW: u64 = 1_800_000_000;

/// A monitor of one log, with a witness and a mirror that are directories.
struct Watch {
    dir: TempDir,
    log: World,
    witness: TempDir,
    mirror: TempDir,
}

impl Watch {
    fn over(log: World) -> Self {
        let watch = Self {
            dir: tempfile::tempdir().unwrap(),
            log,
            witness: tempfile::tempdir().unwrap(),
            mirror: tempfile::tempdir().unwrap(),
        };
        let checkpoint = watch.log.read("checkpoint");
        watch.witness_shows(&checkpoint);
        watch.mirror_is(&watch.log);
        watch
    }

    fn of_origin(dir: &TempDir) -> std::path::PathBuf {
        let path = dir.path().join(sha256(ORIGIN.as_bytes()).to_hex());
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn witness_shows(&self, note: &[u8]) {
        fs::write(Self::of_origin(&self.witness).join("checkpoint"), note).unwrap();
    }

    fn mirror_is(&self, log: &World) {
        let place = Self::of_origin(&self.mirror);
        fs::remove_dir_all(&place).unwrap();
        copy(log.path(), &place);
    }

    fn config(&self) -> MonitorConfig {
        let text = |dir: &TempDir| dir.path().to_str().unwrap().to_owned();
        MonitorConfig {
            dir: self.dir.path().join("monitor"),
            interval_ms: 1000,
            timeout_ms: 500,
            logs: vec![WatchedLog {
                origin: ORIGIN.to_owned(),
                place: self.log.path().to_str().unwrap().to_owned(),
                vkeys: vec![Signer::log().vkey().to_string()],
                policy: None,
                witnesses: vec![text(&self.witness)],
                mirrors: vec![text(&self.mirror)],
                stale_s: None,
                heartbeat_s: None,
            }],
        }
    }

    /// Each look is a program of its own: everything else is remembered in files.
    fn look(&self, now: u64) -> LogLook {
        look(&self.config(), now)
    }

    fn codes(&self, now: u64) -> Vec<&'static str> {
        codes(&self.look(now))
    }
}

fn look(config: &MonitorConfig, now: u64) -> LogLook {
    let mut looks = Monitor::open(config).unwrap().look(now).unwrap();
    assert_eq!(looks.len(), 1);
    looks.remove(0)
}

fn codes(look: &LogLook) -> Vec<&'static str> {
    look.alarms.iter().map(|alarm| alarm.code).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let name = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &name);
        } else {
            fs::copy(item.path(), name).unwrap();
        }
    }
}

#[test]
fn a_sound_log_that_grows_is_nothing_to_report() {
    let mut watch = Watch::over(World::with(&[5]));
    assert_eq!(watch.codes(NOW), [""; 0]);
    for size in [6, 300, 301, 600] {
        watch.log.grow(size);
        watch.log.publish(&[]);
        // The witness and the mirror lag behind by one checkpoint, as they may.
        let look = watch.look(NOW + size);
        assert_eq!((codes(&look), look.size), (vec![], Some(size)));
        watch.witness_shows(&watch.log.read("checkpoint"));
        watch.mirror_is(&watch.log);
    }
}

#[test]
fn a_witness_that_saw_another_history_makes_evidence_of_any_sizes() {
    for (shown, seen) in [(300, 300), (300, 200), (300, 600)] {
        let watch = Watch::over(World::with(&[shown]));
        let other = forked(seen);
        watch.witness_shows(&other.read("checkpoint"));
        if seen > shown {
            // Only whoever holds the larger tree can show that it is another one.
            assert_eq!(watch.codes(NOW), ["log.unproven"]);
            watch.mirror_is(&other);
        }
        let look = watch.look(NOW);
        let alarm = &look.alarms[0];
        assert_eq!(
            (alarm.code, alarm.level),
            ("log.fork", Level::Red),
            "{look:?}"
        );
        let bytes = fs::read(alarm.evidence.as_ref().unwrap()).unwrap();
        let fork = ForkEvidence::parse(&bytes).unwrap();
        let fork = fork.open(&[Signer::log().vkey().clone()]).unwrap();
        let sizes = (fork.smaller().size(), fork.larger().size());
        assert_eq!(sizes, (shown.min(seen), shown.max(seen)));
        // It is told again as long as it lasts, in one file.
        assert_eq!(watch.look(NOW + 1).alarms[0].evidence, alarm.evidence);
    }
}

#[test]
fn a_log_that_shows_another_history_than_it_did_is_found_after_a_restart() {
    let mut watch = Watch::over(World::with(&[300]));
    assert_eq!(watch.codes(NOW), [""; 0]);
    // Everybody shows the other history now; only the memory knows better.
    watch.log = forked(600);
    watch.witness_shows(&watch.log.read("checkpoint"));
    watch.mirror_is(&watch.log);
    assert_eq!(watch.codes(NOW + 1), ["log.fork"]);
    assert_eq!(watch.codes(NOW + 2), ["log.fork"], "and is not forgotten");
}

#[test]
fn a_log_that_goes_back_is_an_alarm_and_one_that_lags_behind_others_too() {
    let mut watch = Watch::over(World::with(&[300]));
    assert_eq!(watch.codes(NOW), [""; 0]);
    watch.log = World::with(&[200]);
    assert_eq!(watch.codes(NOW + 1), ["log.rollback"]);

    let mut watch = Watch::over(World::with(&[300]));
    assert_eq!(watch.codes(NOW), [""; 0]);
    let mut ahead = World::with(&[300]);
    ahead.grow(400);
    ahead.publish(&[]);
    watch.mirror_is(&ahead);
    assert_eq!(
        watch.codes(NOW + 10),
        [""; 0],
        "for a moment that is how it works"
    );
    assert_eq!(watch.codes(NOW + 30), [""; 0]);
    assert_eq!(watch.codes(NOW + 300), ["log.behind"]);
    watch.log = ahead;
    assert_eq!(watch.codes(NOW + 310), [""; 0]);
}

#[test]
fn what_the_log_did_not_sign_accuses_only_who_shows_it() {
    let watch = Watch::over(World::with(&[300]));
    let foreign = String::from_utf8(note(300, Hash::EMPTY_ROOT, &[])).unwrap();
    let line = foreign.lines().last().unwrap();
    let name = format!("\u{2014} {ORIGIN} ");
    let broken = line.replace(&name, &format!("{name}A"));
    for bad in [foreign.replace(line, &broken), "nonsense".to_owned()] {
        watch.witness_shows(bad.as_bytes());
        let look = watch.look(NOW);
        assert_eq!(codes(&look), ["witness.refused"]);
        assert_eq!(look.alarms[0].level, Level::Amber);
    }
    fs::remove_dir_all(Watch::of_origin(&watch.witness)).unwrap();
    assert_eq!(watch.codes(NOW), ["witness.unreachable"]);
}

#[test]
fn missing_cosignatures_and_age_are_alarms_under_a_policy() {
    let world = || {
        let mut world = World::new();
        world.grow(5);
        world.publish(&[("w1.example", NOW - 10), ("w2.example", NOW - 20)]);
        world
    };
    let watch = Watch::over(world());
    let policy = watch.dir.path().join("policy");
    let key = |name: &str| Signer::witness(name).vkey().to_string();
    let text = format!(
        "log {}\nwitness w1 {}\nwitness w2 {}\ngroup one any w1 w2\nquorum one\n",
        Signer::log().vkey(),
        key("w1.example"),
        key("w2.example")
    );
    fs::write(&policy, text).unwrap();
    let mut config = watch.config();
    config.logs[0].vkeys.clear();
    config.logs[0].policy = Some(policy);
    config.logs[0].stale_s = Some(100);
    assert_eq!(codes(&look(&config, NOW)), [""; 0]);
    assert_eq!(codes(&look(&config, NOW + 200)), ["log.stale"]);
    let (size, root) = (watch.log.size(), watch.log.root());
    watch
        .log
        .write("checkpoint", &note(size, root, &[("w2.example", NOW)]));
    let seen = look(&config, NOW);
    assert_eq!(codes(&seen), ["witness.absent"]);
    assert!(seen.alarms[0].what.contains("`w1`"), "{seen:?}");
    watch.log.write("checkpoint", &note(size, root, &[]));
    let seen = look(&config, NOW);
    assert_eq!(
        codes(&seen),
        ["log.unwitnessed", "witness.absent", "witness.absent"]
    );
    assert_eq!(seen.alarms[0].level, Level::Red);
    fs::remove_file(watch.log.file("checkpoint")).unwrap();
    assert_eq!(codes(&look(&config, NOW)), ["log.unreachable"]);
}

struct Key;

impl StatementSigner for Key {
    fn key(&self) -> KeyId {
        KeyId::of(&[7; 32])
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [7; 64]
    }
}

/// The one that the page of the format shows.
fn heartbeat() -> Vec<u8> {
    let page = include_str!("../../../../spec/heartbeat.md");
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (payload, _) = rest.split_once("\n```").unwrap();
    let envelope = Envelope::sign(payload.as_bytes().to_vec(), &Key).unwrap();
    envelope.to_bytes()
}

#[test]
fn a_log_without_heartbeats_is_an_alarm_until_the_next_one() {
    let mut watch = Watch::over(World::with(&[5]));
    let mut config = watch.config();
    config.logs[0].heartbeat_s = Some(60);
    assert_eq!(codes(&look(&config, NOW)), [""; 0], "waiting begins");
    assert_eq!(codes(&look(&config, NOW + 61)), ["heartbeat.missing"]);
    watch.log.append(vec![heartbeat()]);
    watch.log.publish(&[]);
    assert_eq!(codes(&look(&config, NOW + 70)), [""; 0]);
    assert_eq!(codes(&look(&config, NOW + 130)), [""; 0]);
    assert_eq!(codes(&look(&config, NOW + 131)), ["heartbeat.missing"]);
}

#[test]
fn a_memory_of_something_else_stops_the_monitor() {
    let watch = Watch::over(World::with(&[5]));
    watch.look(NOW);
    let file = fs::read_dir(watch.config().dir)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let good = fs::read_to_string(&file).unwrap();
    for bad in ["{}".to_owned(), good.replace(ORIGIN, "log.example/b")] {
        fs::write(&file, &bad).unwrap();
        assert!(matches!(
            Monitor::open(&watch.config()),
            Err(MonitorError::Memory(_))
        ));
        assert_eq!(fs::read_to_string(&file).unwrap(), bad);
    }
}

#[test]
fn a_log_needs_one_source_of_keys_and_is_watched_once() {
    let watch = Watch::over(World::with(&[5]));
    let mut config = watch.config();
    config.logs.push(config.logs[0].clone());
    assert!(matches!(
        Monitor::open(&config),
        Err(MonitorError::Twice { .. })
    ));
    config.logs.truncate(1);
    config.logs[0].policy = Some("p".into());
    assert!(matches!(
        Monitor::open(&config),
        Err(MonitorError::KeysTwice { .. })
    ));
    config.logs[0].policy = None;
    config.logs[0].vkeys = vec![Signer::witness("w1.example").vkey().to_string()];
    assert!(matches!(
        Monitor::open(&config),
        Err(MonitorError::NoKey { .. })
    ));
}
