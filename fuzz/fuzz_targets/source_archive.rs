//! Source archives: what is read is what would be written, and what is written is read back.
#![no_main]

use std::collections::BTreeMap;

use conveyer::{ArchiveReader, ArchiveWriter, Entry, EntryKind, LinkTarget, TreePath};
use libfuzzer_sys::fuzz_target;

/// Kind, and text of a file or target of a link.
type MemberInput<'a> = (u8, &'a str);

/// Reads an archive to its end and writes it again; nothing if it is refused.
fn copied(archive: &[u8]) -> Option<Vec<u8>> {
    let mut reader = ArchiveReader::new(archive);
    let mut writer = ArchiveWriter::new(Vec::new());
    while let Some(entry) = reader.next_entry().ok()? {
        let mut body = Vec::new();
        reader.body(&mut body).ok()?;
        writer
            .append(&entry, &mut body.as_slice())
            .expect("what we read, we write");
    }
    Some(writer.finish().expect("a vector takes all"))
}

fn kind(path: &TreePath, (kind, text): MemberInput<'_>) -> Option<EntryKind> {
    if kind % 3 == 0 {
        let target = LinkTarget::parse(path, text).ok()?;
        return Some(EntryKind::Symlink { target });
    }
    Some(EntryKind::File {
        executable: kind % 3 == 1,
        bytes: text.len() as u64,
    })
}

fn written(members: BTreeMap<TreePath, MemberInput<'_>>) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new());
    for (path, member) in members {
        let Some(kind) = kind(&path, member) else {
            continue;
        };
        let body = match kind {
            EntryKind::File { .. } => member.1,
            EntryKind::Symlink { .. } => "",
        };
        writer
            .append(&Entry { path, kind }, &mut body.as_bytes())
            .expect("in order and small");
    }
    writer.finish().expect("a vector takes all")
}

fuzz_target!(|input: (Vec<(&str, MemberInput<'_>)>, (u32, u8), &[u8])| {
    let (members, (place, change), bytes) = input;
    if let Some(copy) = copied(bytes) {
        assert_eq!(copy, bytes);
    }
    let members: BTreeMap<TreePath, MemberInput<'_>> = members
        .into_iter()
        .filter_map(|(path, member)| Some((path.parse().ok()?, member)))
        .collect();
    // A file cannot be a folder too: the reader says so, and importers cannot meet it.
    let fits = members.keys().all(|path| {
        !path
            .folders()
            .any(|folder| members.keys().any(|other| other.as_str() == folder))
    });
    let mut archive = written(members);
    if fits {
        assert_eq!(copied(&archive).as_deref(), Some(archive.as_slice()));
    }
    // Any other byte anywhere is refused, or is another archive in its one form.
    let place = place as usize % archive.len();
    archive[place] ^= change;
    if let Some(copy) = copied(&archive) {
        assert_eq!(copy, archive);
    }
});
