//! The archive's reader takes nothing but the one form that the writer makes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::parties::{bytes, ground, import, plant};
use conveyer::{ArchiveFault, ArchiveReader, ArchiveWriter, ConveyerError, EntryKind, Source};
use store::Blobs;

/// Reads an archive to its end.
fn read_all(archive: &[u8]) -> Result<usize, ArchiveFault> {
    let mut reader = ArchiveReader::new(archive);
    let mut count = 0;
    while reader.next_entry()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn the_example_of_the_specification_is_true() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("a");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("build.sh"), "echo hello\n").unwrap();
    fs::set_permissions(root.join("build.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("build.sh", root.join("link")).unwrap();
    fs::write(root.join("naïve.txt"), "").unwrap();
    let source = import(&root, &blobs).unwrap();
    let spec = include_str!("../../../spec/source-archive.md");
    assert!(spec.contains(&format!("archive bytes   {}\n", source.archive_bytes())));
    assert!(spec.contains(&format!("archive SHA-256 {}\n", source.archive().to_hex())));
    assert!(spec.contains(&format!("tree digest     {}\n", source.tree().to_hex())));
}

/// Reads an archive and writes what was understood.
fn read_and_write(archive: &[u8]) -> Result<Vec<u8>, ArchiveFault> {
    let mut reader = ArchiveReader::new(archive);
    let mut writer = ArchiveWriter::new(Vec::new());
    while let Some(entry) = reader.next_entry()? {
        let mut body = Vec::new();
        reader.body(&mut body)?;
        writer.append(&entry, &mut &body[..])?;
    }
    writer.finish()
}

#[test]
fn a_flipped_bit_is_refused_or_is_content_in_its_one_form() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("a");
    plant(&root, false, 0o777, 1);
    let archive = bytes(&import(&root, &blobs).unwrap(), &blobs);
    assert_eq!(read_all(&archive).unwrap(), 7);
    let mut free = 0;
    for at in 0..archive.len() {
        let block = &archive[at / 512 * 512..][..512];
        // Only the bytes of a file, and of a long name in its pax record, can be other bytes.
        let is_content =
            block.starts_with(b"content\n") || block[..16].windows(6).any(|text| text == b" path=");
        for bit in 0..8 {
            let mut flipped = archive.clone();
            flipped[at] ^= 1 << bit;
            match read_and_write(&flipped) {
                Err(_) => {}
                Ok(written) => {
                    assert!(is_content, "byte {at} bit {bit}");
                    assert_eq!(written, flipped);
                    free += 1;
                }
            }
        }
    }
    assert!(free > 0);
}

#[test]
fn cut_lengthened_and_doubled_archives_are_refused() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("a");
    plant(&root, false, 0o777, 1);
    let archive = bytes(&import(&root, &blobs).unwrap(), &blobs);
    for cut in (0..archive.len()).step_by(37) {
        assert!(read_all(&archive[..cut]).is_err(), "cut at {cut}");
    }
    assert!(read_all(&[&archive[..], &[0]].concat()).is_err());
    assert!(read_all(&[&archive[..], &[0; 512]].concat()).is_err());
    let entries = &archive[..archive.len() - 1024];
    assert!(matches!(
        read_all(&[entries, &archive[..]].concat()),
        Err(ArchiveFault::Order { .. })
    ));
}

/// An archive by somebody else's writer, with names that ours would refuse.
fn foreign(name: &str, kind: tar::EntryType, target: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(if kind == tar::EntryType::Symlink {
        0o777
    } else {
        0o644
    });
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, std::io::empty()).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn names_that_lead_out_hard_links_devices_and_folders_are_refused() {
    use tar::EntryType;
    for (name, kind, target) in [
        ("../x", EntryType::Regular, ""),
        ("/x", EntryType::Regular, ""),
        ("a/../../x", EntryType::Regular, ""),
        ("./x", EntryType::Regular, ""),
        ("x", EntryType::Link, "y"),
        ("x", EntryType::Char, ""),
        ("x", EntryType::Block, ""),
        ("x", EntryType::Fifo, ""),
        ("x", EntryType::Directory, ""),
        ("x", EntryType::Continuous, ""),
        ("x", EntryType::Symlink, "/etc/passwd"),
        ("x", EntryType::Symlink, "../x"),
        ("a/x", EntryType::Symlink, "y/../../../z"),
    ] {
        let refused = read_all(&foreign(name, kind, target));
        assert!(refused.is_err(), "{name} {kind:?} {target}");
    }
}

#[test]
fn nothing_lies_behind_a_link() {
    let mut archive = Vec::new();
    let mut writer = ArchiveWriter::new(&mut archive);
    let link = "a".parse().unwrap();
    let target = conveyer::LinkTarget::parse(&link, "b").unwrap();
    writer
        .append(
            &conveyer::Entry {
                path: link,
                kind: EntryKind::Symlink { target },
            },
            &mut std::io::empty(),
        )
        .unwrap();
    let file = EntryKind::File {
        executable: false,
        bytes: 1,
    };
    writer
        .append(
            &conveyer::Entry {
                path: "a/x".parse().unwrap(),
                kind: file,
            },
            &mut &b"x"[..],
        )
        .unwrap();
    writer.finish().unwrap();
    assert!(matches!(
        read_all(&archive),
        Err(ArchiveFault::Behind { .. })
    ));
}

#[test]
fn an_archive_under_a_wrong_digest_is_refused() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("a");
    plant(&root, false, 0o777, 1);
    let source = import(&root, &blobs).unwrap();
    let path = blobs.path(source.archive());
    let mut archive = fs::read(&path).unwrap();
    let at = archive
        .windows(8)
        .position(|window| window == b"content\n")
        .unwrap();
    archive[at] = b'C';
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, archive).unwrap();
    assert!(matches!(
        Source::open(&blobs, source.archive()),
        Err(ConveyerError::Store(_))
    ));
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use conveyer::Entry;

    fn entries() -> impl Strategy<Value = Vec<(String, bool, Vec<u8>)>> {
        let path = "[a-zé]{1,60}(/[a-c]{1,60}){0,3}";
        proptest::collection::vec(
            (
                path,
                any::<bool>(),
                proptest::collection::vec(any::<u8>(), 0..1200),
            ),
            0..8,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read_and_written_again_the_same(mut files in entries()) {
            files.sort();
            files.dedup_by(|a, b| a.0 == b.0);
            let leaves: Vec<String> = files.iter().map(|file| file.0.clone()).collect();
            files.retain(|file| !leaves.iter().any(|leaf| file.0.starts_with(&format!("{leaf}/"))));
            let write = |files: &[(Entry, Vec<u8>)]| {
                let mut writer = ArchiveWriter::new(Vec::new());
                for (entry, body) in files {
                    writer.append(entry, &mut &body[..]).unwrap();
                }
                writer.finish().unwrap()
            };
            let given: Vec<(Entry, Vec<u8>)> = files
                .into_iter()
                .map(|(path, executable, body)| {
                    let kind = EntryKind::File { executable, bytes: body.len() as u64 };
                    (Entry { path: path.parse().unwrap(), kind }, body)
                })
                .collect();
            let archive = write(&given);
            let mut reader = ArchiveReader::new(&archive[..]);
            let mut found = Vec::new();
            while let Some(entry) = reader.next_entry().unwrap() {
                let mut body = Vec::new();
                reader.body(&mut body).unwrap();
                found.push((entry, body));
            }
            prop_assert_eq!(&found, &given);
            prop_assert_eq!(write(&found), archive);
        }

        #[test]
        fn random_bytes_never_panic(noise in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let _ = read_all(&noise);
        }

        #[test]
        fn an_archive_that_is_read_is_the_one_form_of_what_it_says(at in 0_usize..2048, value in any::<u8>()) {
            let mut writer = ArchiveWriter::new(Vec::new());
            let long = "x".repeat(120);
            let kind = EntryKind::File { executable: true, bytes: 0 };
            writer.append(&Entry { path: long.parse().unwrap(), kind }, &mut std::io::empty()).unwrap();
            let archive = writer.finish().unwrap();
            let mut damaged = archive.clone();
            let at = at % archive.len();
            damaged[at] = value;
            if let Ok(written) = read_and_write(&damaged) {
                prop_assert_eq!(written, damaged);
            }
        }
    }
}
