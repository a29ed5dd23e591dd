use std::collections::BTreeSet;

use proptest::prelude::*;
use tlog::{ArchiveId, BundleId, Hash, ParseError, TileId, bundle, full_tile_root, tiles_between};
use tlog_tiles::Tile;

#[test]
fn paths_are_those_of_the_specification() {
    let tile = |level, index, width| TileId::new(level, index, width).unwrap().path();
    assert_eq!(tile(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(tile(1, 0, 17), "tile/1/000.p/17");
    assert_eq!(tile(0, 273, 112), "tile/0/273.p/112");
    assert_eq!(tile(63, 1_000, 1), "tile/63/x001/000.p/1");
    let bundle = |index, width| BundleId::new(index, width).unwrap().path();
    assert_eq!(bundle(1_067, 3), "tile/entries/x001/067.p/3");
    assert_eq!(bundle(0, 256), "tile/entries/000");
}

#[test]
fn paths_have_one_spelling() {
    for bad in [
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/067",
        "tile/0/x001",
        "tile/0/x001/x067",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p",
        "tile/0/001.p/3/",
        "tile/0/001/",
        "/tile/0/001",
        "tile/0/../001",
        "tile/0/x072/x057/x594/x037/x927/x936",
        "tile/entries/000",
        "tile/0/00\u{661}",
        "",
    ] {
        assert!(TileId::parse(bad).is_err(), "{bad}");
    }
    for bad in [
        "tile/entries/0",
        "tile/0/000",
        "tile/data/000",
        "tile/entries/000.p/256",
    ] {
        assert!(BundleId::parse(bad).is_err(), "{bad}");
    }
    assert!(TileId::new(0, 1 << 56, 256).is_err());
    assert!(TileId::new(64, 0, 256).is_err());
    assert!(TileId::new(0, 0, 0).is_err());
    assert!(TileId::new(0, 0, 257).is_err());
}

#[test]
fn a_tree_of_70000_has_the_tiles_the_specification_counts() {
    let ids: Vec<TileId> = tiles_between(0, 70_000).collect();
    let level = |level| {
        ids.iter()
            .filter(|id| id.level() == level)
            .collect::<Vec<_>>()
    };
    assert_eq!(level(0).len(), 274);
    assert_eq!(level(0).iter().filter(|id| id.is_full()).count(), 273);
    assert_eq!(level(0)[273].path(), "tile/0/273.p/112");
    assert_eq!(level(1)[0].path(), "tile/1/000");
    assert_eq!(level(1)[1].path(), "tile/1/001.p/17");
    assert_eq!(level(2)[0].path(), "tile/2/000.p/1");
    assert_eq!(ids.len(), 274 + 2 + 1);
    assert_eq!(BundleId::covering(70_000).count(), 274);
    assert_eq!(BundleId::covering(70_000).last().unwrap().width(), 112);
}

#[test]
fn an_entry_of_65535_bytes_fits_a_bundle_and_one_byte_more_does_not() {
    let largest = vec![7u8; tlog::ENTRY_BYTES_MAX];
    let bytes = bundle::encode(&[largest.clone(), vec![]]).unwrap();
    assert_eq!(bytes.len(), 65_535 + 4);
    assert_eq!(bundle::parse(&bytes, 2).unwrap(), [&largest[..], &[]]);
    let refused = bundle::encode(&[vec![7u8; tlog::ENTRY_BYTES_MAX + 1]]);
    assert!(matches!(
        refused,
        Err(ParseError::TooLong { found: 65_536, .. })
    ));
    assert!(bundle::encode(&[b"x"; 257]).is_err());
    assert!(bundle::encode(&[] as &[&[u8]]).is_err());
}

#[test]
fn a_bundle_of_unknown_width_is_read_as_what_it_is() {
    for count in [1, 2, 255, 256] {
        let entries: Vec<Vec<u8>> = (0..count).map(|n| vec![7; n]).collect();
        let bytes = bundle::encode(&entries).unwrap();
        assert_eq!(bundle::parse_all(&bytes).unwrap(), entries);
        assert!(bundle::parse_all(&bytes[..bytes.len() - 1]).is_err());
        assert!(bundle::parse_all(&[&bytes[..], &[0]].concat()).is_err());
    }
    assert!(bundle::parse_all(b"").is_err());
    assert!(bundle::parse_all(&[0; 2 * 257]).is_err());
    assert!(bundle::parse_all(&[0; 1 << 20]).is_err());
}

#[test]
fn a_bundle_has_exactly_its_width() {
    let bytes = bundle::encode(&["a", "bc"]).unwrap();
    assert_eq!(bytes, b"\x00\x01a\x00\x02bc");
    for width in [0, 1, 3, 257] {
        assert!(bundle::parse(&bytes, width).is_err(), "{width}");
    }
    for cut in 0..bytes.len() {
        assert!(bundle::parse(&bytes[..cut], 2).is_err(), "{cut}");
    }
}

#[test]
fn only_full_tiles_are_hashed_upward() {
    let tile = [[7u8; 32]; 256].concat();
    let hash = Tile::subtree_hash(&tile);
    assert_eq!(full_tile_root(&tile).unwrap(), Hash::from_bytes(hash.0));
    for bytes in [0, 32, 8_191, 8_193, 255 * 32] {
        assert!(full_tile_root(&vec![7; bytes]).is_err());
    }
}

#[test]
fn archived_checkpoints_have_one_path_per_size() {
    for size in [0, 1, 20_852_163, i64::MAX as u64] {
        let id = ArchiveId::new(size).unwrap();
        assert_eq!(id.path(), format!("archive/{size}"));
        assert_eq!(ArchiveId::parse(&id.path()).unwrap(), id);
        assert_eq!(id.size(), size);
    }
    assert!(ArchiveId::new(1 << 63).is_err());
    for bad in [
        "archive/",
        "archive/01",
        "archive/+1",
        "archive/1/",
        "/archive/1",
        "archive/x",
        "1",
    ] {
        assert!(ArchiveId::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn tiles_to_write_are_those_of_the_oracle(old in 0u64..200_000, more in 0u64..70_000) {
        let ours: BTreeSet<(u8, u64, u32)> = tiles_between(old, old + more)
            .map(|id| (id.level(), id.index(), id.width().into()))
            .collect();
        let theirs: BTreeSet<_> = Tile::new_tiles(8, old, old + more)
            .iter()
            .map(|tile| (tile.level(), tile.level_index(), tile.width()))
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn huge_trees_have_valid_tile_names(size in any::<u64>(), more in 0u64..300) {
        let new = size.saturating_add(more);
        for id in tiles_between(size, new) {
            prop_assert_eq!(TileId::parse(&id.path()).unwrap(), id);
        }
        for id in BundleId::between(size, new) {
            prop_assert_eq!(BundleId::parse(&id.path()).unwrap(), id);
        }
    }

    #[test]
    fn tile_paths_are_those_of_the_oracle(level in 0u8..=63, index in 0u64..1 << 40, w in 1u16..=256) {
        let id = TileId::new(level, index, w).unwrap();
        let theirs = Tile::new(8, level, index, w.into(), false).path();
        prop_assert_eq!(theirs.replacen("tile/8/", "tile/", 1), id.path());
        prop_assert_eq!(TileId::parse(&id.path()).unwrap(), id);
    }
}

#[test]
fn a_bundle_says_its_place_and_whether_it_will_ever_change() {
    let partial = BundleId::new(67, 3).unwrap();
    assert_eq!(
        (partial.index(), partial.width(), partial.is_full()),
        (67, 3, false)
    );
    assert_eq!(partial.to_string(), "tile/entries/067.p/3");
    let full = partial.to_full();
    assert_eq!(
        (full.index(), full.width(), full.is_full()),
        (67, 256, true)
    );
    assert_eq!(full, BundleId::new(67, 256).unwrap());
}

#[test]
fn a_level_of_a_tree_is_covered_by_full_tiles_and_one_partial() {
    let covering = |level, size| -> Vec<String> {
        TileId::covering(level, size)
            .map(|id| id.to_string())
            .collect()
    };
    assert_eq!(
        covering(0, 513),
        ["tile/0/000", "tile/0/001", "tile/0/002.p/1"]
    );
    assert_eq!(covering(1, 513), ["tile/1/000.p/2"]);
    assert!(covering(2, 513).is_empty());
}
