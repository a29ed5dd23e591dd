//! Following a log entry by entry, across restarts, damage and forks.

use std::fs;

use logclient::{LogFiles, Patience, Stream, StreamEntry, StreamError, Trust};
use tlog::leaf_hash;

use crate::foreign::foreign_log;
use crate::server::{Manner, Server};
use crate::world::{ORIGIN, World, note, over_http, trust};

fn read(stream: &mut Stream, files: &LogFiles) -> Result<Vec<StreamEntry>, StreamError> {
    let mut given = Vec::new();
    stream.advance(files, &mut |entry| {
        given.push(entry.clone());
        Ok(())
    })?;
    Ok(given)
}

fn all(world: &World) -> Result<Vec<StreamEntry>, StreamError> {
    let files = LogFiles::directory(world.path());
    read(&mut Stream::open(trust(), 0, None).unwrap(), &files)
}

fn indices(entries: &[StreamEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.index).collect()
}

#[test]
fn every_entry_is_given_once_in_order_and_as_logged() {
    for size in [1, 255, 256, 257, 700] {
        let world = World::with(&[size]);
        let given = all(&world).unwrap();
        assert_eq!(given.len() as u64, size);
        for (index, entry) in (0..).zip(&given) {
            assert_eq!((entry.index, &entry.bytes), (index, &World::entry(index)));
            assert_eq!(entry.leaf, leaf_hash(&entry.bytes));
        }
    }
    let (world, vkey) = foreign_log(70_000);
    let trust = Trust::Log(vec![vkey.parse().unwrap()]);
    let mut stream = Stream::open(trust, 65_000, None).unwrap();
    let given = read(&mut stream, &LogFiles::directory(world.path())).unwrap();
    assert_eq!(indices(&given), (65_000..70_000).collect::<Vec<_>>());
}

#[test]
fn only_what_is_new_is_given_when_the_log_grows_and_after_a_restart() {
    let mut world = World::with(&[300]);
    let files = LogFiles::directory(world.path());
    let memory = tempfile::tempdir().unwrap();
    let memory = memory.path().join("state");
    let open = || Stream::open(trust(), 298, Some(&memory)).unwrap();
    let mut stream = open();
    assert_eq!(indices(&read(&mut stream, &files).unwrap()), [298, 299]);
    assert!(read(&mut stream, &files).unwrap().is_empty());
    for (size, new) in [(301, 300..301), (520, 301..520), (521, 520..521)] {
        world.grow(size);
        world.publish(&[]);
        // With and without a restart in between.
        if size == 520 {
            stream = open();
        }
        let given = read(&mut stream, &files).unwrap();
        assert_eq!(indices(&given), new.collect::<Vec<_>>());
    }
    assert!(read(&mut open(), &files).unwrap().is_empty());
}

#[test]
fn after_a_taker_that_failed_the_entry_comes_again() {
    let world = World::with(&[5]);
    let files = LogFiles::directory(world.path());
    let memory = tempfile::tempdir().unwrap();
    let memory = memory.path().join("state");
    let mut stream = Stream::open(trust(), 0, Some(&memory)).unwrap();
    let failed = stream.advance(&files, &mut |entry| match entry.index {
        3 => Err(std::io::Error::other("full")),
        _ => Ok(()),
    });
    assert!(matches!(failed, Err(StreamError::Taker { index: 3, .. })));
    assert_eq!(indices(&read(&mut stream, &files).unwrap()), [3, 4]);
}

#[test]
fn an_entry_that_the_log_did_not_sign_is_never_given() {
    for (path, at) in [
        ("tile/entries/001", 700),
        ("tile/entries/002.p/188", 700),
        ("tile/1/000.p/2", 40),
        ("tile/0/002.p/188", 40),
    ] {
        let world = World::with(&[700]);
        let bytes = world.read(path);
        // Within an entry, so that the bundle can still be parsed.
        let at = bytes[at..]
            .iter()
            .position(|b| *b == b'y')
            .map_or(at, |more| at + more);
        world.flip(path, at);
        let files = LogFiles::directory(world.path());
        let mut stream = Stream::open(trust(), 0, None).unwrap();
        let mut given = 0;
        let stopped = stream.advance(&files, &mut |entry| {
            assert_eq!(entry.bytes, World::entry(entry.index), "{path}");
            given += 1;
            Ok(())
        });
        let Err(StreamError::Entry { index, .. }) = stopped else {
            panic!("{path}: {stopped:?}");
        };
        assert_eq!(index, given, "{path}");
    }
}

#[test]
fn a_log_that_goes_back_or_signs_another_history_is_found_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for restart in [false, true] {
        let memory = dir.path().join(format!("state {restart}"));
        let mut world = World::with(&[300]);
        world.grow(400);
        world.publish(&[]);
        let files = LogFiles::directory(world.path());
        let mut stream = Stream::open(trust(), 0, Some(&memory)).unwrap();
        read(&mut stream, &files).unwrap();
        let before = fs::read(&memory).unwrap();
        let reopen = |stream: Stream| match restart {
            true => Stream::open(trust(), 0, Some(&memory)).unwrap(),
            false => stream,
        };

        let back = World::with(&[300]);
        let files = LogFiles::directory(back.path());
        let mut stream = reopen(stream);
        let stopped = read(&mut stream, &files);
        assert!(
            matches!(
                stopped,
                Err(StreamError::WentBack {
                    before: 400,
                    now: 300
                })
            ),
            "{stopped:?}"
        );

        for size in [400, 600] {
            let other = forked(size);
            let files = LogFiles::directory(other.path());
            stream = reopen(stream);
            match read(&mut stream, &files) {
                Err(StreamError::Forked(fork)) => {
                    assert_eq!((fork.smaller().size(), fork.larger().size()), (400, size));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(
            fs::read(&memory).unwrap(),
            before,
            "what was seen stays remembered"
        );
    }
}

/// Another history: entry 7 is another one.
pub fn forked(size: u64) -> World {
    let mut world = World::new();
    let mut entries: Vec<Vec<u8>> = (0..size).map(World::entry).collect();
    entries[7] = b"another entry 7".to_vec();
    world.append(entries);
    world.publish(&[]);
    world
}

#[test]
fn a_memory_that_was_changed_is_refused_and_not_overwritten() {
    let world = World::with(&[300]);
    let files = LogFiles::directory(world.path());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let mut stream = Stream::open(trust(), 0, Some(&path)).unwrap();
    read(&mut stream, &files).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    assert!(good.starts_with("limpid/log-stream@v1\nnext 300\n\nlog.example/a\n300\n"));
    for bad in [
        good.replace("next 300", "next 301"),
        good.replace("\n300\n", "\n299\n"),
        good.replace("@v1", "@v9"),
        String::new(),
    ] {
        fs::write(&path, &bad).unwrap();
        assert!(matches!(
            Stream::open(trust(), 0, Some(&path)),
            Err(StreamError::Memory(_))
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), bad);
    }
}

#[test]
fn while_nothing_is_new_one_request_is_made_and_partial_files_only_when_needed() {
    let mut world = World::with(&[300]);
    let server = Server::over(world.path());
    let quick = Patience::default();
    let url = server.url.clone();
    over_http(&url, quick, move |files| {
        let mut stream = Stream::open(trust(), 0, None).unwrap();
        read(&mut stream, files).unwrap();
        server.asked();
        read(&mut stream, files).unwrap();
        let asked = server.asked();
        assert_eq!(asked, ["checkpoint"]);
        world.grow(512);
        world.publish(&[]);
        let given = read(&mut stream, files).unwrap();
        assert_eq!(given.len(), 212);
        // Nothing partial but the one tile that the size needs.
        let partial: Vec<String> = server
            .asked()
            .into_iter()
            .filter(|path| path.contains(".p/"))
            .collect();
        assert_eq!(partial, ["tile/1/000.p/2"]);
    });
}

#[test]
fn a_server_that_fails_is_a_passing_trouble_and_a_refused_signature_is_not() {
    let world = World::with(&[5]);
    let server = Server::over(world.path());
    let patience = Patience {
        timeout: std::time::Duration::from_millis(200),
        tries: 1,
    };
    server.misbehave("tile/entries/000.p/5", Manner::Silence);
    let stopped = over_http(&server.url, patience, |files| {
        read(&mut Stream::open(trust(), 0, None).unwrap(), files).unwrap_err()
    });
    assert!(stopped.is_transient(), "{stopped:?}");
    server.behave();
    world.write("checkpoint", &note(5, tlog::Hash::EMPTY_ROOT, &[]));
    let stopped = all(&world).unwrap_err();
    assert!(!stopped.is_transient(), "{stopped:?}");
    world.flip("checkpoint", ORIGIN.len() + 1);
    let stopped = all(&world).unwrap_err();
    assert!(matches!(stopped, StreamError::Checkpoint(_)), "{stopped:?}");
}
