//! Paths of tiles, entry bundles and archived checkpoints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{ArchiveId, BundleId, TileId};

fuzz_target!(|path: &str| {
    if let Ok(id) = TileId::parse(path) {
        assert_eq!(id.path(), path);
    }
    if let Ok(id) = BundleId::parse(path) {
        assert_eq!(id.path(), path);
    }
    if let Ok(id) = ArchiveId::parse(path) {
        assert_eq!(id.path(), path);
    }
});
