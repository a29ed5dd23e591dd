//! Unpacks the archive of an input into the store. Nothing is ever written under a name of the archive: files become
//! blobs, and paths become lines for a lock, after they were judged. No script of a package is run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use store::Blobs;
use tar::{EntryType, PaxExtensions};

use super::archive_file::tar_stream;
use super::fault::PackFault;
use crate::host::merged;
use crate::limits::{INPUT_BYTES_MAX, MEMBERS_MAX, PATH_BYTES_MAX, PAX_BYTES_MAX};
use crate::lock::{Archive, ArchiveFormat, LockedKind, is_token};
use crate::path::TreePath;

/// What no build reads.
const LEFT_OUT: [&str; 9] = [
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/lintian/",
    "usr/share/bug/",
    "usr/share/doc-base/",
    "usr/share/menu/",
    "opt/rust/share/",
];
/// Where Rust component archives and crates go.
const RUST_AT: &str = "opt/rust";
const CRATES_AT: &str = "opt/crates";

/// What an archive holds, as lines for a lock.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    pub(super) members: BTreeMap<TreePath, LockedKind>,
    /// Names that a lock has no words for: other than printable ASCII without spaces.
    pub(super) unnameable: Vec<String>,
}

/// Unpacks `file`, whose digest was checked, into `inputs`.
pub(super) fn unpack(
    archive: &Archive,
    mut file: impl Read,
    inputs: &Blobs,
) -> Result<Unpacked, PackFault> {
    let mut unpacked = Unpacked::default();
    if archive.format == ArchiveFormat::Crate {
        let path = format!("{CRATES_AT}/{}.crate", archive.input);
        let kind = LockedKind::File {
            executable: false,
            sha256: archive.sha256,
            bytes: std::io::copy(&mut file, &mut std::io::sink()).map_err(PackFault::Stream)?,
        };
        unpacked.members.insert(tree_path(&path)?, kind);
        return Ok(unpacked);
    }
    let mut tar = tar::Archive::new(tar_stream(archive.format, file)?);
    let mut pending = Pending::default();
    let entries = tar.entries().map_err(PackFault::Stream)?.raw(true);
    for (count, entry) in entries.enumerate() {
        if count as u64 >= MEMBERS_MAX {
            let what = "members of an archive";
            return Err(PackFault::TooMuch {
                what,
                max: MEMBERS_MAX,
            });
        }
        let mut entry = entry.map_err(PackFault::Stream)?;
        if pending.take(&mut entry)? {
            continue;
        }
        let named = std::mem::take(&mut pending);
        if let Some(path) = unpacked.place(archive.format, &named, &entry)? {
            unpacked.add(path, &named, entry, archive.format, inputs)?;
        }
    }
    unpacked.check_behind()?;
    Ok(unpacked)
}

/// Names too long for a header, which come in members of their own before it.
#[derive(Default)]
struct Pending {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Pending {
    /// Whether the entry only said something about the next one.
    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<bool, PackFault> {
        match entry.header().entry_type() {
            EntryType::GNULongName => self.path = Some(long_name(entry)?),
            EntryType::GNULongLink => self.target = Some(long_name(entry)?),
            EntryType::XHeader => self.read_pax(&whole(entry, PAX_BYTES_MAX * 16)?)?,
            // What holds for all members is of no concern here, unless it would change how they are read.
            EntryType::XGlobalHeader => {
                let mut global = Self::default();
                global.read_pax(&whole(entry, PAX_BYTES_MAX * 16)?)?;
                if global.path.is_some() || global.target.is_some() {
                    return Err(PackFault::Form("one name for all members"));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_pax(&mut self, records: &[u8]) -> Result<(), PackFault> {
        for record in PaxExtensions::new(records) {
            let record = record.map_err(PackFault::Stream)?;
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_owned()),
                b"linkpath" => self.target = Some(record.value_bytes().to_owned()),
                b"size" => return Err(PackFault::Form("a pax record changes a size")),
                key if key.starts_with(b"GNU.sparse") => {
                    return Err(PackFault::Form("it has a sparse file"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn path<'a, R: Read>(&'a self, entry: &'a tar::Entry<'_, R>) -> Cow<'a, [u8]> {
        match &self.path {
            Some(path) => Cow::Borrowed(path),
            None => entry.header().path_bytes(),
        }
    }

    fn target<'a, R: Read>(&'a self, entry: &'a tar::Entry<'_, R>) -> Cow<'a, [u8]> {
        match &self.target {
            Some(target) => Cow::Borrowed(target),
            None => entry.header().link_name_bytes().unwrap_or_default(),
        }
    }
}

impl Unpacked {
    /// Where the entry belongs; nothing for folders and what is left out.
    fn place<R: Read>(
        &mut self,
        format: ArchiveFormat,
        named: &Pending,
        entry: &tar::Entry<'_, R>,
    ) -> Result<Option<TreePath>, PackFault> {
        let raw = named.path(entry);
        let Some(name) = name_of(&raw, format)? else {
            return Ok(None);
        };
        if entry.header().entry_type().is_dir() || LEFT_OUT.iter().any(|out| name.starts_with(out))
        {
            return Ok(None);
        }
        if !is_token(name.as_str()) {
            self.unnameable.push(name);
            return Ok(None);
        }
        Ok(Some(tree_path(&name)?))
    }

    fn add<R: Read>(
        &mut self,
        path: TreePath,
        named: &Pending,
        entry: tar::Entry<'_, R>,
        format: ArchiveFormat,
        inputs: &Blobs,
    ) -> Result<(), PackFault> {
        let target = named.target(&entry).into_owned();
        let kind = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => stored(entry, inputs)?,
            EntryType::Symlink => {
                let target = String::from_utf8_lossy(&target).into_owned();
                if !stays_inside(&path, &target) {
                    let path = path.to_string();
                    return Err(PackFault::LinkOut { path, target });
                }
                LockedKind::Link { target }
            }
            EntryType::Link => self.earlier(&path, &target, format)?,
            other => {
                return Err(PackFault::Kind {
                    path: path.to_string(),
                    kind: format!("{other:?}"),
                });
            }
        };
        if self.members.contains_key(&path) {
            let path = path.to_string();
            return Err(PackFault::Twice { path });
        }
        self.members.insert(path, kind);
        Ok(())
    }

    /// What a hard link names.
    fn earlier(
        &self,
        path: &TreePath,
        target: &[u8],
        format: ArchiveFormat,
    ) -> Result<LockedKind, PackFault> {
        let known = name_of(target, format)?
            .and_then(|name| name.parse::<TreePath>().ok())
            .and_then(|name| self.members.get(&name));
        match known {
            Some(file @ LockedKind::File { .. }) => Ok(file.clone()),
            _ => Err(PackFault::HardLink {
                path: path.to_string(),
                target: String::from_utf8_lossy(target).into_owned(),
            }),
        }
    }

    fn check_behind(&self) -> Result<(), PackFault> {
        for path in self.members.keys() {
            let behind = path.folders().find(|folder| {
                let folder = folder.parse::<TreePath>();
                folder.is_ok_and(|folder| self.members.contains_key(&folder))
            });
            if let Some(behind) = behind {
                return Err(PackFault::Behind {
                    path: path.to_string(),
                    behind: behind.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// The path in the tree for a name in an archive; nothing for what stands above the tree.
fn name_of(raw: &[u8], format: ArchiveFormat) -> Result<Option<String>, PackFault> {
    let name = std::str::from_utf8(raw).map_err(|_| PackFault::Name {
        name: String::from_utf8_lossy(raw).chars().take(200).collect(),
        why: "it is not UTF-8",
    })?;
    let plain = name.strip_prefix("./").unwrap_or(name);
    let plain = plain.strip_suffix('/').unwrap_or(plain);
    if plain.is_empty() || plain == "." {
        return Ok(None);
    }
    let path = tree_path(plain)?;
    if format == ArchiveFormat::Deb {
        return Ok(Some(merged(path.as_str())));
    }
    // NAME-VERSION-TRIPLE/COMPONENT/bin/rustc; beside the folders of components are the installer's own files.
    let mut parts = path.as_str().splitn(3, '/');
    Ok(match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(_), Some(inner)) if inner != "manifest.in" => {
            Some(format!("{RUST_AT}/{inner}"))
        }
        _ => None,
    })
}

fn tree_path(name: &str) -> Result<TreePath, PackFault> {
    name.parse::<TreePath>().map_err(|bad| PackFault::Name {
        name: bad.value,
        why: bad.why,
    })
}

/// Stores a file. Set-user-id bits and owners are not kept: of the mode only whether its owner may run it.
fn stored<R: Read>(entry: tar::Entry<'_, R>, inputs: &Blobs) -> Result<LockedKind, PackFault> {
    let mode = entry.header().mode().map_err(PackFault::Stream)?;
    let size = entry.header().entry_size().map_err(PackFault::Stream)?;
    if size > INPUT_BYTES_MAX {
        return Err(PackFault::TooMuch {
            what: "bytes of a file",
            max: INPUT_BYTES_MAX,
        });
    }
    let (sha256, bytes) = inputs.put_reader(entry, INPUT_BYTES_MAX)?;
    if bytes != size {
        return Err(PackFault::Form("it breaks off"));
    }
    Ok(LockedKind::File {
        executable: mode & 0o100 != 0,
        sha256,
        bytes,
    })
}

/// Whether following `target` from `path` never climbs above the tree's root. An absolute target begins there.
fn stays_inside(path: &TreePath, target: &str) -> bool {
    if !is_token(target) || target.len() > PATH_BYTES_MAX {
        return false;
    }
    let mut depth = if target.starts_with('/') {
        0
    } else {
        path.folders().count()
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

/// The path or target that a GNU member holds; a NUL ends it.
fn long_name<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, PackFault> {
    let mut name = whole(entry, PATH_BYTES_MAX as u64 + 1)?;
    if name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

fn whole<R: Read>(entry: &mut tar::Entry<'_, R>, max: u64) -> Result<Vec<u8>, PackFault> {
    let mut bytes = Vec::new();
    entry
        .take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(PackFault::Stream)?;
    if bytes.len() as u64 > max {
        let what = "bytes of a long name";
        return Err(PackFault::TooMuch { what, max });
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_paths_below_usr_and_below_opt() {
        let deb = |name: &str| name_of(name.as_bytes(), ArchiveFormat::Deb).unwrap();
        assert_eq!(deb("./"), None);
        assert_eq!(
            deb("./lib/x86/libc.so").as_deref(),
            Some("usr/lib/x86/libc.so")
        );
        assert_eq!(deb("./usr/bin/").as_deref(), Some("usr/bin"));
        assert_eq!(deb("./etc/x").as_deref(), Some("etc/x"));
        let rust = |name: &str| name_of(name.as_bytes(), ArchiveFormat::RustTarXz).unwrap();
        assert_eq!(
            rust("rustc-1.95.0-x/rustc/bin/rustc").as_deref(),
            Some("opt/rust/bin/rustc")
        );
        assert_eq!(rust("rustc-1.95.0-x/install.sh"), None);
        assert_eq!(rust("rustc-1.95.0-x/rustc/manifest.in"), None);
    }

    fn unpack_bytes(format: ArchiveFormat, bytes: &[u8]) -> Result<Unpacked, PackFault> {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive {
            input: "tool".to_owned(),
            format,
            sha256: tlog::sha256(bytes),
            bytes: bytes.len() as u64,
            version: "1.0".to_owned(),
            place: "tool".to_owned(),
        };
        unpack(&archive, bytes, &Blobs::open_cache(folder.path()).unwrap())
    }

    proptest! {
        #[test]
        fn no_bytes_make_unpacking_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            start in prop::sample::select(vec![
                &b""[..],
                b"!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n",
                b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F",
                b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
            ]),
        ) {
            let bytes = [start, &bytes].concat();
            for format in [ArchiveFormat::Deb, ArchiveFormat::RustTarGz, ArchiveFormat::RustTarXz] {
                // Zeros alone are an empty archive.
                let found = unpack_bytes(format, &bytes);
                prop_assert!(found.is_err() || found.is_ok_and(|found| found.members.is_empty()));
            }
        }

        #[test]
        fn no_change_of_a_header_makes_a_member_leave_the_tree(at in 0_usize..512, with in any::<u8>()) {
            let mut header = tar::Header::new_gnu();
            header.set_path("usr/bin/tool").unwrap();
            header.set_mode(0o755);
            header.set_size(0);
            let mut bytes = header.as_bytes().to_vec();
            bytes[at] = with;
            let sum: u32 = bytes.iter().enumerate().map(|(index, byte)| match index {
                148..156 => 32,
                _ => u32::from(*byte),
            }).sum();
            bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            bytes.resize(512 * 3, 0);
            let mut deb = b"!<arch>\n".to_vec();
            for (name, body) in [("debian-binary", &b"2.0\n"[..]), ("control.tar", b""), ("data.tar", &bytes)] {
                deb.extend(format!("{name:<16}{:<32}{:<10}`\n", "0", body.len()).bytes());
                deb.extend_from_slice(body);
            }
            if let Ok(found) = unpack_bytes(ArchiveFormat::Deb, &deb) {
                let leaves = |path: &TreePath| {
                    path.as_str().starts_with('/') || path.as_str().split('/').any(|part| part == "..")
                };
                let leaving: Vec<_> = found.members.keys().filter(|path| leaves(path)).collect();
                prop_assert!(leaving.is_empty(), "{:?}", leaving);
            }
        }
    }

    #[test]
    fn a_link_may_go_up_as_far_as_the_root_and_no_further() {
        let at: TreePath = "usr/lib/x".parse().unwrap();
        for fine in [
            "../bin/y",
            "../../etc",
            "/etc/alternatives/x",
            "y",
            "a/../../z",
        ] {
            assert!(stays_inside(&at, fine), "{fine}");
        }
        for out in ["../../../etc/passwd", "/../etc", "a b", ""] {
            assert!(!stays_inside(&at, out), "{out}");
        }
    }
}
