//! Logs that other people's code has written: hashes, tiles and notes by crates that share nothing with ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logclient::{LogFiles, Trust};
use signed_note::{Note, StandardSigner};
use tlog_tiles::{Error, Hash, HashReader, Tile, stored_hash_index, stored_hashes, tree_hash};

use crate::world::{Checked, World, check};

struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indices: &[u64]) -> Result<Vec<Hash>, Error> {
        let hashes = indices.iter().map(|i| self.0[usize::try_from(*i).unwrap()]);
        Ok(hashes.collect())
    }
}

/// A key in the forms of that crate: secret and public.
fn key(name: &str) -> (String, String) {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let public = [&[1][..], secret.verifying_key().as_bytes()].concat();
    let id = signed_note::key_id(name, &public);
    let skey = STANDARD.encode([&[1][..], &secret.to_bytes()].concat());
    let vkey = STANDARD.encode(public);
    (
        format!("PRIVATE+KEY+{name}+{id:08x}+{skey}"),
        format!("{name}+{id:08x}+{vkey}"),
    )
}

/// A log of random-looking bytes that are no statements; returns its directory and vkey.
pub fn foreign_log(size: u64) -> (World, String) {
    let world = World::new();
    let mut stored = Stored(Vec::new());
    let mut bundle = Vec::new();
    for index in 0..size {
        let entry: Vec<u8> = (0..index % 97).map(|at| (index * 31 + at) as u8).collect();
        let hashes = stored_hashes(index, &entry, &stored).unwrap();
        assert_eq!(stored.0.len() as u64, stored_hash_index(0, index));
        stored.0.extend(hashes);
        bundle.extend(u16::try_from(entry.len()).unwrap().to_be_bytes());
        bundle.extend(entry);
        let width = index % 256 + 1;
        if width == 256 || index + 1 == size {
            let part = if width == 256 {
                String::new()
            } else {
                format!(".p/{width}")
            };
            world.write(&format!("tile/entries/{:03}{part}", index / 256), &bundle);
            bundle.clear();
        }
    }
    for tile in Tile::new_tiles(8, 0, size) {
        // Its paths begin with the height, ours have one height only.
        let path = tile.path().replacen("tile/8/", "tile/", 1);
        world.write(&path, &tile.read_data(&stored).unwrap());
    }
    let root = tree_hash(size, &stored).unwrap();
    let (skey, vkey) = key("foreign.example/log");
    let text = format!("foreign.example/log\n{size}\n{root}\n");
    let mut note = Note::new(text.as_bytes(), &[]).unwrap();
    note.add_sigs(&[&StandardSigner::new(&skey).unwrap()])
        .unwrap();
    world.write("checkpoint", &note.to_bytes());
    (world, vkey)
}

fn check_foreign(world: &World, vkey: &str) -> Checked {
    let trust = Trust::Log(vec![vkey.parse().unwrap()]);
    check(&LogFiles::directory(world.path()), &trust)
}

#[test]
fn a_log_by_other_peoples_code_is_whole_and_its_damage_is_named() {
    for size in [1, 255, 256, 700, 70_000] {
        let (world, vkey) = foreign_log(size);
        let checked = check_foreign(&world, &vkey);
        assert_eq!(checked.bad, [""; 0], "{size}");
        assert!(checked.report.is_whole());
        assert_eq!(checked.report.entries, size);
    }
    let (world, vkey) = foreign_log(700);
    world.flip("tile/entries/001", 5000);
    let bad = check_foreign(&world, &vkey).bad;
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(bad[0].starts_with("tile/entries/001: "));
}
