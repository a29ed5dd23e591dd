//! Tiles, bundles, Merkle proofs and subtrees.

use serde_json::{Value, json};
use tlog::{
    BundleId, Subtree, TileId, bundle, full_tile_root, sha256, tiles_between, verify_consistency,
    verify_inclusion, verify_subtree_consistency,
};

use super::case::{Case, ERROR, File, Judge, bytes_of, why};
use crate::published::MemoryLog;

/// `entry 0`, `entry 1`, ...: the entries of every tree in the vectors.
pub fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

#[test]
fn paths_are_read_as_the_vectors_say() {
    let file = File::read("tiles");
    let judge = Judge {
        open: Some(&[
            ("an_index_beyond_64_bits", ERROR),
            ("an_index_whose_leaves_are_beyond_64_bits", ERROR),
        ]),
        ..Judge::default()
    };
    judge.run(&file, "tile_path", |case| {
        let id = TileId::parse(case.text("path")).map_err(why)?;
        assert_eq!(id.path(), case.text("path"));
        Ok(Some(
            json!({"level": id.level(), "index": id.index(), "width": id.width()}),
        ))
    });
    Judge::default().run(&file, "bundle_path", |case| {
        let id = BundleId::parse(case.text("path")).map_err(why)?;
        assert_eq!(id.path(), case.text("path"));
        Ok(Some(json!({"index": id.index(), "width": id.width()})))
    });
}

/// Full pieces and the width of the partial one, from their list.
fn shape(pieces: impl Iterator<Item = (u64, u16)>) -> Value {
    let (mut full, mut partial) = (0, 0);
    for (at, (index, width)) in (0..).zip(pieces) {
        assert_eq!((index, partial), (at, 0), "in order, the partial one last");
        if width == 256 {
            full += 1;
        } else {
            partial = width;
        }
    }
    json!({"full": full, "partial": partial})
}

/// Counting the tiles of the largest trees takes too long at their lower levels.
const COUNTED_MAX: u64 = 1 << 20;

fn check_shapes(case: &Case) {
    let size = case.number("size");
    for (level, expected) in (0..).zip(case.result["levels"].as_array().unwrap()) {
        let full = expected["full"].as_u64().unwrap();
        if full <= COUNTED_MAX {
            let tiles = TileId::covering(level, size).map(|id| (id.index(), id.width()));
            assert_eq!(shape(tiles), *expected, "{} level {level}", case.name);
        }
        if level == 0 && size > 0 {
            let last = tiles_between(size - 1, size).next().unwrap();
            let partial = expected["partial"].as_u64().unwrap();
            let (index, width) = if partial == 0 {
                (full - 1, 256)
            } else {
                (full, partial)
            };
            assert_eq!(
                (last.level(), last.index(), u64::from(last.width())),
                (0, index, width)
            );
        }
    }
    let expected = &case.result["bundles"];
    if expected["full"].as_u64().unwrap() <= COUNTED_MAX {
        let bundles = BundleId::covering(size).map(|id| (id.index(), id.width()));
        assert_eq!(shape(bundles), *expected, "{}", case.name);
    }
    let levels = case.result["levels"].as_array().unwrap().len();
    assert_eq!(TileId::covering(levels as u8, size).count(), 0);
}

#[test]
fn trees_have_the_tiles_of_the_vectors() {
    let file = File::read("tiles");
    Judge::default().run(&file, "tiles_of", |case| {
        check_shapes(case);
        Ok(None)
    });
    Judge::default().run(&file, "tree", |case| {
        let mut log = MemoryLog::default();
        log.publish((0..case.number("size")).map(entry).collect());
        assert_eq!(log.frontier.root().to_string(), case.result["root"]);
        for (path, digest) in case.result["sha256"].as_object().unwrap() {
            assert_eq!(sha256(&log.files[path]).to_hex(), *digest, "{path}");
        }
        Ok(None)
    });
    Judge::default().run(&file, "hash_up", |case| {
        let hash = full_tile_root(&case.bytes("tile")).map_err(why)?;
        Ok(Some(json!(hash.to_string())))
    });
}

#[test]
fn bundles_are_read_and_written_as_the_vectors_say() {
    let file = File::read("tiles");
    Judge::default().run(&file, "bundle", |case| {
        let bytes = case.bytes("bytes");
        let entries = bundle::parse(&bytes, case.number("width") as u16).map_err(why)?;
        let expected: Vec<Vec<u8>> = case
            .result
            .as_array()
            .unwrap()
            .iter()
            .map(bytes_of)
            .collect();
        assert_eq!(entries, expected, "{}", case.name);
        assert_eq!(bundle::encode(&entries).unwrap(), bytes, "{}", case.name);
        Ok(None)
    });
    Judge::default().run(&file, "entry", |case| {
        bundle::encode(&[vec![0; case.number("length") as usize]]).map_err(why)?;
        Ok(None)
    });
}

#[test]
fn merkle_proofs_are_judged_as_the_vectors_say() {
    let file = File::read("proof");
    Judge::default().run(&file, "inclusion", |case| {
        let (index, size) = (case.number("index"), case.number("size"));
        let (leaf, root) = (case.hash("leaf"), case.hash("root"));
        verify_inclusion(&leaf, index, size, &case.hashes("path"), &root).map_err(why)?;
        Ok(None)
    });
    Judge::default().run(&file, "consistency", |case| {
        let (old, size) = (case.number("old_size"), case.number("size"));
        let (old_root, root) = (case.hash("old_root"), case.hash("root"));
        verify_consistency(old, &old_root, size, &root, &case.hashes("proof")).map_err(why)?;
        Ok(None)
    });
}

#[test]
fn subtrees_are_judged_as_the_vectors_say() {
    let file = File::read("subtree");
    let judge = Judge {
        // An empty subtree says nothing; trees have at most 2^63-1 entries.
        open: Some(&[
            ("the_empty_range_at_0", ERROR),
            ("the_empty_range_at_5", ERROR),
            ("the_range_0_to_9223372036854775808", ERROR),
            ("the_range_0_to_18446744073709551615", ERROR),
        ]),
        // 2^63 is the end of a valid range, and beyond our trees.
        refuses: &["the_range_4611686018427387904_to_9223372036854775808"],
        accepts: &[],
    };
    judge.run(&file, "subtree", |case| {
        Subtree::new(case.number("start"), case.number("end")).map_err(why)?;
        Ok(None)
    });
    Judge::default().run(&file, "consistency", |case| {
        let subtree = Subtree::new(case.number("start"), case.number("end")).map_err(why)?;
        let (hash, root) = (case.hash("subtree"), case.hash("root"));
        let (size, proof) = (case.number("size"), case.hashes("proof"));
        verify_subtree_consistency(subtree, &hash, size, &root, &proof).map_err(why)?;
        Ok(None)
    });
}
