//! One line of a lock, read and written.

use tlog::Hash;

use super::{Archive, ArchiveFormat, Input, LockedFile, LockedKind};

/// The line of a file or link; without `input` as the tree digest wants it.
pub(super) fn of_file(file: &LockedFile, input: Option<&str>) -> String {
    let input = input.map(|name| format!("{name} ")).unwrap_or_default();
    match &file.kind {
        LockedKind::File {
            executable,
            sha256,
            bytes,
        } => {
            let mode = if *executable { "555" } else { "444" };
            format!(
                "file {mode} {} {bytes} {input}{}",
                sha256.to_hex(),
                file.path
            )
        }
        LockedKind::Link { target } => format!("link {input}{} {target}", file.path),
    }
}

/// The line of an archive.
pub(super) fn of_archive(archive: &Archive) -> String {
    format!(
        "archive {} {} {} {} {} {}",
        archive.input,
        archive.format.as_str(),
        archive.sha256.to_hex(),
        archive.bytes,
        archive.version,
        archive.place
    )
}

pub(super) fn parse_input(line: &str) -> Option<Input> {
    let mut fields = line.strip_prefix("input ")?.splitn(3, ' ');
    let (name, origin, about) = (fields.next()?, fields.next()?, fields.next()?);
    let is_fine = is_token(name)
        && is_token(origin)
        && !about.is_empty()
        && !about.chars().any(char::is_control);
    is_fine.then(|| Input {
        name: name.to_owned(),
        origin: origin.to_owned(),
        about: about.to_owned(),
    })
}

pub(super) fn parse_archive(line: &str) -> Option<Archive> {
    let fields: Vec<&str> = line.split(' ').collect();
    let ["archive", input, format, sha256, bytes, version, place] = fields[..] else {
        return None;
    };
    let is_fine = [input, version, place].into_iter().all(is_token);
    is_fine.then_some(())?;
    Some(Archive {
        input: input.to_owned(),
        format: ArchiveFormat::from_name(format)?,
        sha256: Hash::from_hex(sha256).ok()?,
        bytes: bytes.parse().ok()?,
        version: version.to_owned(),
        place: place.to_owned(),
    })
}

pub(super) fn parse_file(line: &str) -> Option<LockedFile> {
    let fields: Vec<&str> = line.split(' ').collect();
    if !fields.iter().all(|field| is_token(field)) {
        return None;
    }
    let (input, path, kind) = match fields[..] {
        ["file", mode @ ("444" | "555"), sha256, bytes, input, path] => {
            let sha256 = Hash::from_hex(sha256).ok()?;
            (
                input,
                path,
                LockedKind::File {
                    executable: mode == "555",
                    sha256,
                    bytes: bytes.parse().ok()?,
                },
            )
        }
        ["link", input, path, target] => (
            input,
            path,
            LockedKind::Link {
                target: target.to_owned(),
            },
        ),
        _ => return None,
    };
    Some(LockedFile {
        path: path.parse().ok()?,
        input: input.to_owned(),
        kind,
    })
}

/// A word without spaces, control characters, or other surprises: printable ASCII.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && text.bytes().all(|byte| byte.is_ascii_graphic())
}
