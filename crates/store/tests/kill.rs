//! Killed at any moment: what was acknowledged is there, and nothing is there by halves.
//!
//! The test starts its own binary as a child that writes and acknowledges without end, kills it
//! with SIGKILL after a changing number of acknowledgements, and looks. This shows the order of
//! the steps, not the disk: the page cache survives a killed process. `LIMPID_KILLS` sets how
//! many children are killed.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use sqlx::Row;
use store::{Blobs, Db, DirLock, Files};
use tlog::Hash;

const DIRECTORY: &str = "LIMPID_STORE_KILL_DIRECTORY";
const CHILD: &str = "the_writer_acknowledges_only_what_is_stored";
const SCHEMA: &str = "CREATE TABLE acknowledged (id INTEGER PRIMARY KEY)";
const BLOB_BYTES: usize = 70_000;

fn content(number: u64) -> Vec<u8> {
    let seed = tlog::sha256(&number.to_be_bytes());
    seed.as_bytes()
        .iter()
        .copied()
        .cycle()
        .take(BLOB_BYTES + (number % 999) as usize)
        .collect()
}

/// `number` and its digest 200 times: a torn mixture of two versions is recognised.
fn checkpoint(number: u64) -> Vec<u8> {
    format!(
        "{number} {}\n",
        tlog::sha256(&number.to_be_bytes()).to_hex()
    )
    .repeat(200)
    .into_bytes()
}

async fn write_one(root: &Path, db: &Db, number: u64) -> Hash {
    let digest = Blobs::open(&root.join("blobs"))
        .unwrap()
        .put(&content(number))
        .unwrap();
    let files = Files::open(&root.join("public")).unwrap();
    let tile = content(number);
    let names = [
        format!("tile/0/{number}"),
        format!("tile/{}/{number}", 1 + number % 3),
    ];
    files
        .create_many(&[(&names[0], &tile), (&names[1], &tile)])
        .unwrap();
    files.replace("checkpoint", &checkpoint(number)).unwrap();
    let mut write = db.begin().await.unwrap();
    sqlx::query("INSERT INTO acknowledged (id) VALUES ($1)")
        .bind(number.cast_signed())
        .execute(&mut *write)
        .await
        .unwrap();
    db.commit(write).await.unwrap();
    digest
}

/// The child: without end when told a directory; by itself, three rounds and a look.
#[tokio::test]
async fn the_writer_acknowledges_only_what_is_stored() {
    let scratch = tempfile::tempdir().unwrap();
    let told = std::env::var_os(DIRECTORY);
    let root = told.as_deref().map_or(scratch.path(), Path::new);
    let _lock = DirLock::take(root).unwrap();
    let db = Db::open(&root.join("db"), &[SCHEMA]).await.unwrap();
    let done: i64 = sqlx::query("SELECT coalesce(max(id), 0) FROM acknowledged")
        .fetch_one(db.readers())
        .await
        .unwrap()
        .get(0);
    let mut out = std::io::stdout();
    for number in done.unsigned_abs() + 1.. {
        let digest = write_one(root, &db, number).await;
        if told.is_none() && number == 3 {
            assert_eq!(check(root, &db, &[(number, digest)]).await, 3);
            return;
        }
        writeln!(out, "acknowledged {number} {}", digest.to_hex()).unwrap();
        out.flush().unwrap();
    }
}

/// Everything acknowledged is there, everything there is whole; returns the newest checkpoint.
async fn check(root: &Path, db: &Db, acknowledged: &[(u64, Hash)]) -> u64 {
    let blobs = Blobs::open(&root.join("blobs")).unwrap();
    let files = Files::open(&root.join("public")).unwrap();
    for (number, digest) in acknowledged {
        assert_eq!(blobs.get(digest, 1 << 20).unwrap(), content(*number));
        assert_eq!(
            files.read(&format!("tile/0/{number}"), 1 << 20).unwrap(),
            content(*number)
        );
        let row =
            sqlx::query("SELECT id FROM acknowledged WHERE id = $1").bind(number.cast_signed());
        row.fetch_one(db.readers()).await.unwrap();
    }
    for shard in std::fs::read_dir(root.join("blobs"))
        .unwrap()
        .map(|e| e.unwrap().path())
    {
        if shard.ends_with(".tmp") {
            assert_eq!(
                std::fs::read_dir(shard).unwrap().count(),
                0,
                "unfinished files are swept"
            );
            continue;
        }
        for inner in std::fs::read_dir(shard).unwrap() {
            for blob in std::fs::read_dir(inner.unwrap().path()).unwrap() {
                let blob = blob.unwrap();
                let digest = Hash::from_hex(blob.file_name().to_str().unwrap()).unwrap();
                blobs.get(&digest, 1 << 20).unwrap();
            }
        }
    }
    for level in std::fs::read_dir(root.join("public/tile")).unwrap() {
        for tile in std::fs::read_dir(level.unwrap().path()).unwrap() {
            let tile = tile.unwrap();
            let number: u64 = tile.file_name().to_str().unwrap().parse().unwrap();
            assert_eq!(std::fs::read(tile.path()).unwrap(), content(number));
        }
    }
    let shown = String::from_utf8(files.read("checkpoint", 1 << 20).unwrap()).unwrap();
    let number = shown.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(shown.as_bytes(), checkpoint(number));
    number
}

#[tokio::test]
async fn a_killed_writer_loses_nothing_it_acknowledged() {
    let kills: usize = std::env::var("LIMPID_KILLS").map_or(12, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut read = |acknowledged: &mut Vec<(u64, Hash)>| {
            let line = lines.next()?.unwrap();
            let mut words = line
                .split(' ')
                .skip_while(|word| *word != "acknowledged")
                .skip(1);
            if let (Some(number), Some(digest)) = (words.next(), words.next()) {
                acknowledged.push((number.parse().unwrap(), Hash::from_hex(digest).unwrap()));
            }
            Some(())
        };
        let before = acknowledged.len();
        while acknowledged.len() < before + 1 + kill % 4 {
            read(&mut acknowledged).expect("the writer works until it is killed");
        }
        // A different place in the next round each time: spin instead of waiting for a sign.
        let spun: usize = (0..kill * 7_919).map(std::hint::black_box).sum();
        std::hint::black_box(spun);
        child.kill().unwrap();
        child.wait().unwrap();
        while read(&mut acknowledged).is_some() {}

        let _lock = DirLock::take(dir.path()).expect("the lock dies with its holder");
        let db = Db::open(&dir.path().join("db"), &[SCHEMA]).await.unwrap();
        let newest = acknowledged.last().unwrap().0;
        let shown = check(dir.path(), &db, &acknowledged).await;
        assert!(
            shown == newest || shown == newest + 1,
            "{shown} after {newest}"
        );
        db.close().await;
    }
}
