//! Archives written on the spot, and a depot of them that stands for a public origin.
#![allow(dead_code)] // Not every test file that shares this module needs all of it.

use std::fs;
use std::path::PathBuf;

use conveyer::{EnvironmentStore, Lock, Sources};
use tar::{EntryType, Header};
use tlog::Hash;

/// One member: type, name as raw bytes, link target, body.
pub struct Member(
    pub EntryType,
    pub &'static str,
    pub &'static str,
    pub &'static [u8],
);

pub fn file(name: &'static str, body: &'static [u8]) -> Member {
    Member(EntryType::Regular, name, "", body)
}

/// A tar archive exactly as told, also where `tar` itself would refuse to write it.
pub fn tar_of(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Member(kind, name, target, body) in members {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o4755);
        header.set_size(body.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(body);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A Debian package around a tar archive, without compression.
pub fn deb_of(data: &[u8]) -> Vec<u8> {
    deb_with("data.tar", data)
}

/// A Debian package with this data member.
pub fn deb_with(name: &str, data: &[u8]) -> Vec<u8> {
    let data_name = name;
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, body) in [
        ("debian-binary", b"2.0\n".as_slice()),
        ("control.tar", b"odd"),
        (data_name, data),
    ] {
        bytes.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                0,
                100644,
                body.len()
            )
            .bytes(),
        );
        bytes.extend_from_slice(body);
        if body.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// A Rust component archive of one program.
pub fn component_of(body: &'static [u8]) -> Vec<u8> {
    use std::io::Write;
    let tar = tar_of(&[
        file("tool-1.0-x/install.sh", b"no"),
        Member(EntryType::Directory, "tool-1.0-x/tool/", "", b""),
        file("tool-1.0-x/tool/manifest.in", b"no"),
        file("tool-1.0-x/tool/bin/tool", body),
        Member(EntryType::Symlink, "tool-1.0-x/tool/bin/alias", "tool", b""),
        file("tool-1.0-x/tool/share/doc/x", b"no"),
    ]);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&tar).unwrap();
    packer.finish().unwrap()
}

/// A folder with everything one test needs.
pub struct Depot {
    folder: tempfile::TempDir,
}

impl Depot {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["files", "origin", "store", "center"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn store(&self) -> EnvironmentStore {
        EnvironmentStore::open(&self.path("store")).unwrap()
    }

    /// Puts bytes where a party keeps files it got by itself, or where an origin gives them out.
    pub fn put(&self, place: &str, name: &str, bytes: &[u8]) {
        fs::write(self.path(place).join(name), bytes).unwrap();
    }

    pub fn files_only(&self) -> Sources {
        Sources {
            folders: vec![self.path("files")],
            ..Sources::default()
        }
    }

    /// An origin called `forge`, reached the way others are reached over the network.
    pub fn with_origin(&self) -> Sources {
        let address = format!("copy://{}", self.path("origin").display());
        Sources {
            origins: [("forge".to_owned(), address)].into(),
            ..Sources::default()
        }
    }
}

/// A lock of one archive and these further lines.
pub fn lock_of(origin: &str, format: &str, archive: &[u8], place: &str, lines: &str) -> Lock {
    let digest = tlog::sha256(archive).to_hex();
    let text = format!(
        "limpid-environment 1\nname test\nplatform linux-x86_64\ninput tool {origin} component tool 1.0\n\
         archive tool {format} {digest} {} 1.0 {place}\n{lines}",
        archive.len()
    );
    Lock::parse(&text).unwrap()
}

/// The `file` line of a program.
pub fn line(mode: &str, body: &[u8], path: &str) -> String {
    let digest: Hash = tlog::sha256(body);
    format!(
        "file {mode} {} {} tool {path}\n",
        digest.to_hex(),
        body.len()
    )
}
