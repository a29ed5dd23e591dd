//! What `fsck` finds: each bad file by its name, and nothing else.

use std::time::{Duration, Instant};

use logclient::fsck::FsckStop;
use logclient::{LogFiles, Patience, Signed, Trust};
use tlog::Hash;

use crate::server::{Manner, Server};
use crate::world::{World, check, note, over_http, trust};

const SIZES: [u64; 5] = [1, 5, 256, 300, 700];

fn quick() -> Patience {
    Patience {
        timeout: Duration::from_millis(300),
        tries: 2,
    }
}

#[test]
fn a_whole_log_is_whole_whatever_its_size() {
    for sizes in [
        vec![0],
        vec![0, 1],
        vec![255, 256, 257],
        vec![256],
        vec![512],
        SIZES.to_vec(),
    ] {
        let world = World::with(&sizes);
        let checked = world.check();
        assert_eq!(checked.bad, [""; 0], "{sizes:?}");
        assert!(checked.report.is_whole(), "{sizes:?}");
        assert_eq!(checked.report.entries, world.size());
        assert_eq!(checked.report.archived, sizes.len() as u64);
        assert_eq!(checked.report.signed, Signed::ByLog);
        let seen = checked.report.checkpoint;
        assert_eq!((seen.size(), *seen.root()), (world.size(), world.root()));
    }
}

#[test]
fn every_file_of_a_log_is_missed_shortened_lengthened_and_changed_by_name() {
    let world = World::with(&SIZES);
    // Only these may be gone: partial forms of what is full by now.
    let needless = |path: &str| {
        let full = [
            "tile/0/000.p",
            "tile/entries/000.p",
            "tile/0/001.p/44",
            "tile/entries/001.p/44",
        ];
        full.iter().any(|start| path.starts_with(start))
    };
    let mut files = Vec::new();
    list(&world, "tile", &mut files);
    assert!(files.len() >= 14, "{files:?}");
    for path in files {
        let whole = world.read(&path);
        world.remove(&path);
        let gone = if needless(&path) {
            vec![]
        } else {
            vec![format!("{path}: missing")]
        };
        assert_eq!(world.check().bad, gone, "without {path}");
        let is_tile = !path.contains("entries");
        for at in [0, whole.len() / 2, whole.len() - 1] {
            world.write(&path, &whole);
            world.flip(&path, at);
            let bad = world.check().bad;
            assert_eq!(bad.len(), 1, "{path} at {at}: {bad:?}");
            assert!(bad[0].starts_with(&format!("{path}: ")), "{bad:?}");
            assert!(!is_tile || bad[0].ends_with("other_bytes"), "{bad:?}");
        }
        world.write(&path, &whole[..whole.len() - 1]);
        let short = if is_tile { ["short"] } else { ["malformed"] };
        let bad = world.check().bad;
        assert!(
            bad == [format!("{path}: {}", short[0])] || bad == [format!("{path}: short")],
            "{bad:?}"
        );
        world.write(&path, &[&whole[..], b"x"].concat());
        let bad = world.check().bad;
        assert!(
            bad == [format!("{path}: long")] || bad == [format!("{path}: malformed")],
            "{bad:?}"
        );
        world.write(&path, &whole);
    }
    assert!(world.check().report.is_whole());
}

fn list(world: &World, below: &str, files: &mut Vec<String>) {
    for item in std::fs::read_dir(world.file(below)).unwrap() {
        let item = item.unwrap();
        let name = format!("{below}/{}", item.file_name().to_str().unwrap());
        if item.file_type().unwrap().is_dir() {
            list(world, &name, files);
        } else {
            files.push(name);
        }
    }
}

#[test]
fn many_bad_files_are_all_named_and_good_neighbours_are_not_blamed() {
    let world = World::with(&[65_537 + 300]);
    world.flip("tile/entries/007", 1000);
    world.remove("tile/0/008");
    world.flip("tile/0/009", 64);
    // Above them, too: what it must hold comes from the tiles below, three of which are bad.
    world.flip("tile/1/000", 3 * 32);
    world.remove("tile/entries/255");
    world.write("tile/entries/256", b"\x00");
    let checked = world.check();
    assert_eq!(
        checked.bad,
        [
            "tile/0/008: missing",
            "tile/0/009: other_bytes",
            "tile/1/000: other_bytes",
            "tile/entries/007: other_entry",
            "tile/entries/255: missing",
            "tile/entries/256: malformed",
        ]
    );
    assert!(checked.report.proven);
}

#[test]
fn a_log_of_65537_entries_is_whole_and_its_upper_tiles_are_missed() {
    let world = World::with(&[65_537]);
    let checked = world.check();
    assert_eq!(checked.bad, [""; 0]);
    // 256 full ones and the partial one of level 0, the full one of level 1, a partial one of level 2.
    assert_eq!((checked.report.bundles, checked.report.tiles), (257, 259));
    for path in ["tile/1/000", "tile/2/000.p/1", "tile/0/256.p/1"] {
        let whole = world.read(path);
        world.remove(path);
        let checked = world.check();
        assert_eq!(checked.bad, [format!("{path}: missing")]);
        assert!(checked.report.proven);
        world.write(path, &whole);
    }
}

#[test]
fn a_bundle_and_its_tile_changed_alike_are_both_named() {
    let world = World::with(&[600]);
    // Somebody rewrote an entry and the tile of its hash, but not what is above.
    let mut other = World::new();
    let mut entries: Vec<Vec<u8>> = (0..600).map(World::entry).collect();
    entries[260] = b"entry 269".to_vec();
    other.append(entries);
    for path in ["tile/entries/001", "tile/0/001"] {
        world.write(path, &other.read(path));
    }
    assert_eq!(
        world.check().bad,
        ["tile/0/001: other_bytes", "tile/entries/001: other_entry"]
    );
    // And what is above, but the checkpoint is signed.
    world.write("tile/1/000.p/2", &other.read("tile/1/000.p/2"));
    let checked = world.check();
    assert!(!checked.report.proven);
    assert_eq!(checked.bad[0], "archive/600: other_root");
    assert!(
        checked.bad.contains(&"checkpoint: root".to_owned()),
        "{:?}",
        checked.bad
    );
}

#[test]
fn archived_checkpoints_are_held_against_the_entries() {
    let world = World::with(&SIZES);
    let whole = world.read("archive/300");
    world.write("archive/300", &note(300, Hash::EMPTY_ROOT, &[]));
    assert_eq!(world.check().bad, ["archive/300: other_root"]);
    world.write("archive/300", &world.read("archive/256"));
    assert_eq!(world.check().bad, ["archive/300: other_size"]);
    world.write("archive/300", &whole[..whole.len() - 1]);
    assert_eq!(world.check().bad, ["archive/300: refused"]);
    world.remove("archive/300");
    assert_eq!(world.check().bad, ["archive/300: missing"]);
    world.write("archive/300", &whole);
    let index = world.read("archive/index");
    world.write("archive/index", b"1\n05\n");
    assert_eq!(world.check().bad, ["archive/index: index"]);
    world.write("archive/index", &index);
    assert!(world.check().report.is_whole());
}

#[test]
fn files_that_no_log_has_are_named_and_files_ahead_of_the_checkpoint_are_counted() {
    let mut world = World::with(&SIZES);
    for stray in [
        "tile/0/000.bak",
        "tile/0/0000",
        "tile/entries/000.p/256",
        "tile/x",
        "archive/5.tmp",
    ] {
        world.write(stray, b"?");
    }
    assert_eq!(
        world.check().bad,
        [
            "archive/5.tmp: stray",
            "tile/0/000.bak: stray",
            "tile/0/0000: stray",
            "tile/entries/000.p/256: stray",
            "tile/x: stray",
        ]
    );
    for stray in [
        "tile/0/000.bak",
        "tile/0/0000",
        "tile/entries/000.p/256",
        "tile/x",
        "archive/5.tmp",
    ] {
        world.remove(stray);
    }
    // Integrated, and not published yet.
    world.grow(800);
    world.write("index.html", b"for people");
    let checked = world.check();
    assert_eq!(checked.bad, [""; 0]);
    assert!(checked.report.is_whole());
    assert_eq!(checked.report.ahead, 5, "three tiles, two bundles");
}

#[test]
fn partial_files_may_go_when_the_full_one_is_there() {
    let world = World::with(&SIZES);
    std::fs::remove_dir_all(world.file("tile/0/000.p")).unwrap();
    std::fs::remove_dir_all(world.file("tile/entries/000.p")).unwrap();
    assert!(world.check().report.is_whole());
    // The log went on since: the checkpoint that is read still names the partial ones.
    let mut world = World::with(&[300]);
    let note = world.read("checkpoint");
    world.grow(600);
    world.write("checkpoint", &note);
    std::fs::remove_dir_all(world.file("tile/0/001.p")).unwrap();
    std::fs::remove_dir_all(world.file("tile/entries/001.p")).unwrap();
    let checked = world.check();
    assert_eq!(checked.bad, [""; 0]);
}

#[test]
fn a_checkpoint_that_nobody_trusted_signed_checks_nothing() {
    let world = World::with(&[5]);
    let files = LogFiles::directory(world.path());
    let text = String::from_utf8(world.read("checkpoint")).unwrap();
    let other = text.replace(&world.root().to_string(), &Hash::EMPTY_ROOT.to_string());
    world.write("checkpoint", other.as_bytes());
    let silent = NoProgress;
    let stopped = logclient::fsck::fsck(&files, &trust(), 1, &silent);
    assert!(
        matches!(stopped, Err(FsckStop::Checkpoint { .. })),
        "{stopped:?}"
    );
    // Whoever asks for no signature is still told that the root is not that of the entries.
    let checked = check(&files, &Trust::Nobody);
    assert!(!checked.report.proven);
    assert!(checked.bad.contains(&"checkpoint: root".to_owned()));
    world.remove("checkpoint");
    let stopped = logclient::fsck::fsck(&files, &trust(), 1, &silent);
    assert!(matches!(stopped, Err(FsckStop::NoCheckpoint { .. })));
}

struct NoProgress;
impl logclient::fsck::Progress for NoProgress {
    fn bad(&self, file: &logclient::fsck::BadFile) {
        panic!("{file:?}");
    }
}

#[test]
fn a_checkpoint_of_an_absurd_size_ends_soon() {
    let world = World::with(&[300]);
    for size in [1 << 40, (1 << 62) + 12_345, i64::MAX as u64] {
        world.write("checkpoint", &note(size, world.root(), &[]));
        let started = Instant::now();
        let checked = world.check();
        assert!(!checked.report.is_whole());
        assert!(checked.bad.contains(&"checkpoint: root".to_owned()));
        assert!(checked.bad.contains(&"tile/entries: nothing".to_owned()));
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn a_log_over_http_is_checked_like_a_directory() {
    let world = World::with(&SIZES);
    let server = Server::over(world.path());
    let checked = over_http(&server.url, quick(), |files| check(files, &trust()));
    assert_eq!(checked.bad, [""; 0]);
    assert!(checked.report.is_whole());
    world.flip("tile/entries/001", 1);
    world.remove("tile/1/000.p/2");
    let checked = over_http(&server.url, quick(), |files| check(files, &trust()));
    assert_eq!(
        checked.bad,
        ["tile/1/000.p/2: missing", "tile/entries/001: malformed"]
    );
}

#[test]
fn a_server_that_stalls_is_waited_for_so_long_and_the_rest_is_checked() {
    let world = World::with(&SIZES);
    let server = Server::over(world.path());
    server.misbehave("tile/0/000", Manner::Silence);
    server.misbehave("tile/entries/001", Manner::Stall);
    server.misbehave("tile/entries/002.p/188", Manner::Busy(1));
    server.misbehave("tile/1/000.p/2", Manner::Endless);
    let started = Instant::now();
    let checked = over_http(&server.url, quick(), |files| check(files, &trust()));
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(
        checked.bad,
        [
            "tile/0/000: not_fetched",
            "tile/1/000.p/2: long",
            "tile/entries/001: not_fetched",
        ]
    );
    assert_eq!((checked.report.bad, checked.report.unread), (1, 2));
}

#[test]
fn a_server_that_answers_nothing_is_not_asked_for_every_file() {
    let world = World::with(&[20_000]);
    let server = Server::over(world.path());
    for index in 0..79 {
        server.misbehave(&format!("tile/entries/{index:03}"), Manner::Silence);
        server.misbehave(&format!("tile/0/{index:03}"), Manner::Silence);
    }
    let started = Instant::now();
    let checked = over_http(&server.url, quick(), |files| check(files, &trust()));
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(checked.report.bad, 0);
    assert!(checked.report.unread >= 150, "{}", checked.report.unread);
    assert!(!checked.report.is_whole());
}
