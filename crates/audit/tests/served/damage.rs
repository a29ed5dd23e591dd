//! Damaged copies of a log: each damage is found, and the entry is named that proves it.

use audit::Outcome;
use statement::FileDigest;
use tlog::{BundleId, TileId, leaf_hash};

use crate::place::{BLOB, Served, codes, served};

fn bundle_path(served: &Served) -> (String, Vec<Vec<u8>>) {
    let size: u64 = String::from_utf8(served.read("checkpoint"))
        .unwrap()
        .lines()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let id = BundleId::new(0, u16::try_from(size).unwrap()).unwrap();
    let bytes = served.read(&id.path());
    let entries = tlog::bundle::parse(&bytes, id.width()).unwrap();
    (id.path(), entries.into_iter().map(<[u8]>::to_vec).collect())
}

/// Serves other entries, with tiles that fit them.
fn serve_entries(served: &Served, path: &str, entries: &[Vec<u8>]) {
    served.write(path, &tlog::bundle::encode(entries).unwrap());
    let leaves: Vec<u8> = entries
        .iter()
        .flat_map(|entry| *leaf_hash(entry).as_bytes())
        .collect();
    let id = TileId::new(0, 0, u16::try_from(entries.len()).unwrap()).unwrap();
    served.write(&id.path(), &leaves);
}

async fn must_find(served: &Served, code: &'static str, entry: Option<u64>) {
    let report = served.audit().await;
    assert_eq!(report.outcome, Outcome::Broken, "{}", report.to_text());
    let codes = codes(&report);
    assert!(codes.contains(&(code, entry)), "{codes:?}");
}

#[tokio::test]
async fn a_flipped_byte_in_an_entry_is_found_by_its_tile_and_by_the_root() {
    let served = served(4).await;
    let (path, mut entries) = bundle_path(&served);
    let middle = entries[6].len() / 2;
    entries[6][middle] ^= 1;
    served.write(&path, &tlog::bundle::encode(&entries).unwrap());
    must_find(&served, "log.tile", Some(6)).await;
    must_find(&served, "checkpoint.root", Some(8)).await;
}

#[tokio::test]
async fn an_entry_that_is_replaced_tiles_and_all_is_found_by_the_root() {
    let served = served(4).await;
    let (path, mut entries) = bundle_path(&served);
    entries[7] = entries[6].clone();
    serve_entries(&served, &path, &entries);
    must_find(&served, "checkpoint.root", Some(8)).await;
}

#[tokio::test]
async fn a_dropped_entry_is_found() {
    let served = served(4).await;
    let (path, mut entries) = bundle_path(&served);
    entries.remove(6);
    served.write(&path, &tlog::bundle::encode(&entries).unwrap());
    must_find(&served, "log.entries_malformed", Some(0)).await;
    // With something put in its place, so that the number is right.
    entries.push(b"nothing".to_vec());
    serve_entries(&served, &path, &entries);
    must_find(&served, "checkpoint.root", Some(8)).await;
}

#[tokio::test]
async fn entries_that_are_not_served_are_found() {
    let served = served(300).await;
    std::fs::remove_file(served.public().join("tile/entries/000")).unwrap();
    must_find(&served, "log.entries_missing", Some(0)).await;
}

#[tokio::test]
async fn a_tile_above_the_leaves_that_differs_is_found() {
    let served = served(300).await;
    let path = "tile/1/000.p/1";
    let mut tile = served.read(path);
    tile[0] ^= 1;
    served.write(path, &tile);
    must_find(&served, "log.tile", Some(0)).await;
}

#[tokio::test]
async fn a_missing_blob_is_found_with_the_entry_that_names_it() {
    let served = served(1).await;
    let name = FileDigest::of(BLOB).to_string();
    let path = served.dir.join("blobs").join(&name[..2]).join(&name[2..4]);
    std::fs::remove_file(path.join(&name)).unwrap();
    must_find(&served, "blob.missing", Some(served.blob_entry)).await;
    for other in [&b"other"[..], b"bulk evidence and more"] {
        drop(std::fs::remove_file(path.join(&name)));
        std::fs::write(path.join(&name), other).unwrap();
        must_find(&served, "blob.digest", Some(served.blob_entry)).await;
    }
}

#[tokio::test]
async fn an_older_checkpoint_shown_as_the_newest_is_found() {
    let served = served(2).await;
    let older = served.read("archive/5");
    served.write("checkpoint", &older);
    must_find(&served, "log.went_back", Some(5)).await;
}

#[tokio::test]
async fn a_checkpoint_without_its_witnesses_is_found() {
    let served = served(2).await;
    let note = String::from_utf8(served.read("checkpoint")).unwrap();
    let unwitnessed: String = note
        .split_inclusive('\n')
        .filter(|line| !line.contains("w1.example"))
        .collect();
    served.write("checkpoint", unwitnessed.as_bytes());
    must_find(&served, "checkpoint.unwitnessed", Some(6)).await;
    served.write("checkpoint", b"nonsense");
    must_find(&served, "log.checkpoint_malformed", None).await;
}

#[tokio::test]
async fn an_archive_that_shows_another_tree_is_found() {
    let served = served(2).await;
    let other = served.read("archive/5");
    served.write("archive/6", &other);
    served.write("archive/index", b"4\n5\n6\n7\n");
    must_find(&served, "view.incomplete", Some(5)).await;
    std::fs::remove_file(served.public().join("archive/6")).unwrap();
    let report = served.audit().await;
    assert_eq!(report.outcome, Outcome::Doubtful, "{}", report.to_text());
    assert_eq!(codes(&report), [("archive.missing", None)]);
    served.write("archive/index", b"4\n05\n");
    must_find(&served, "archive.index", None).await;
}
