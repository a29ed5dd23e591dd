//! Files that hold files: each is taken apart so that every byte is a member's content, a named
//! field of its header, or the rest, which must be equal.

mod ar;
mod stream;
mod tar;
mod zip;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use thiserror::Error;

use crate::{
    Judgement, Pair, Rule, Side, What,
    compare::{bytes_differ, files, plain, within},
    findings::Findings,
};

/// What a file seems to be, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Elf,
    Pe,
    Ar,
    Tar,
    Zip,
    Gzip,
    Xz,
    Zstd,
}

impl Kind {
    /// The kind, or `None` for text and anything unknown.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| bytes.starts_with(magic);
        let tar = || bytes.get(257..262) == Some(b"ustar");
        Some(match () {
            () if begins(b"\x7fELF") => Self::Elf,
            () if begins(b"MZ") => Self::Pe,
            () if begins(b"!<arch>\n") => Self::Ar,
            () if begins(b"PK\x03\x04") || begins(b"PK\x05\x06") => Self::Zip,
            () if begins(b"\x1f\x8b\x08") => Self::Gzip,
            () if begins(b"\xfd7zXZ\x00") => Self::Xz,
            () if begins(b"\x28\xb5\x2f\xfd") => Self::Zstd,
            () if tar() => Self::Tar,
            () => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "ELF",
            Self::Pe => "PE",
            Self::Ar => "an ar archive",
            Self::Tar => "a tar archive",
            Self::Zip => "a zip archive",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// Why an archive is compared as plain bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unreadable {
    /// The format is not followed here.
    #[error("{field} at {offset:#x} is not as the format says")]
    Malformed { field: &'static str, offset: usize },
    /// A feature that is not read here.
    #[error("it uses {0}, which is not read here")]
    Unread(&'static str),
    /// More members than are read.
    #[error("it has too many members")]
    Members,
    /// It unpacks to more than all that may be unpacked.
    #[error("it unpacks to too much")]
    TooMuch,
}

/// A field of a member's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    /// It holds a time and nothing else.
    pub(crate) time: bool,
}

/// A file within a file.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) content: Cow<'a, [u8]>,
    /// The bytes in the archive, if they are packed.
    pub(crate) packed: Option<&'a [u8]>,
}

/// A file taken apart.
#[derive(Debug, Default)]
pub(crate) struct Unpacked<'a> {
    pub(crate) members: Vec<Member<'a>>,
    /// Every byte that is neither content, nor a field, nor a size or checksum that was checked.
    pub(crate) rest: Vec<u8>,
}

/// Takes bytes off what may still be unpacked.
pub(crate) type Budget<'b> = &'b mut u64;

/// Compares two archives of one kind, member by member.
pub(crate) fn compare(
    findings: &mut Findings<'_>,
    place: &str,
    files: Pair<&[u8]>,
    kind: Kind,
    depth: usize,
) {
    let mut budget = findings.unpackable;
    let mut open = |bytes, side: Side| {
        unpack(kind, bytes, &mut budget).map_err(|why| format!("{side} is {kind}, but {why}"))
    };
    let unpacked =
        open(files.ours, Side::Ours).and_then(|ours| Ok((ours, open(files.theirs, Side::Theirs)?)));
    findings.unpackable = budget;
    match unpacked {
        Ok((ours, theirs)) => members(findings, place, &ours, &theirs, depth),
        Err(why) => plain(findings, place, files.ours, files.theirs, &why),
    }
}

fn unpack<'a>(kind: Kind, bytes: &'a [u8], budget: Budget<'_>) -> Result<Unpacked<'a>, Unreadable> {
    match kind {
        Kind::Ar => ar::unpack(bytes),
        Kind::Tar => tar::unpack(bytes),
        Kind::Zip => zip::unpack(bytes, budget),
        Kind::Gzip => stream::unpack_gzip(bytes, budget),
        Kind::Xz => stream::unpack_xz(bytes, budget),
        Kind::Zstd => stream::unpack_zstd(bytes, budget),
        Kind::Elf | Kind::Pe => Err(Unreadable::Unread("sections")),
    }
}

fn members(
    findings: &mut Findings<'_>,
    place: &str,
    ours: &Unpacked<'_>,
    theirs: &Unpacked<'_>,
    depth: usize,
) {
    if ours.rest != theirs.rest {
        let what = bytes_differ(&ours.rest, &theirs.rest);
        findings.unexplained(place, what, "padding or bytes between the members");
    }
    let (ours, theirs) = (named(&ours.members), named(&theirs.members));
    let order = |members: &[Named<'_>], others: &[Named<'_>]| -> Vec<String> {
        let names: std::collections::BTreeSet<&str> =
            others.iter().map(|(name, _)| name.as_str()).collect();
        members
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| names.contains(name.as_str()))
            .collect()
    };
    let (a, b) = (order(&ours, &theirs), order(&theirs, &ours));
    if let Some((a, b)) = a.iter().zip(&b).find(|(a, b)| a != b) {
        findings.field(place, "order of members", a.clone(), b.clone());
    }
    let mut left: BTreeMap<&str, &Member<'_>> = theirs
        .iter()
        .map(|(name, member)| (name.as_str(), *member))
        .collect();
    for (name, member) in &ours {
        let inner = within(place, name);
        match left.remove(name.as_str()) {
            Some(other) => {
                let signature = ours.iter().any(|(signed, _)| is_signature_of(name, signed));
                pair(findings, &inner, member, other, signature, depth);
            }
            None => only(findings, &inner, Side::Ours, member),
        }
    }
    for (name, member) in left {
        only(findings, &within(place, name), Side::Theirs, member);
    }
}

type Named<'m> = (String, &'m Member<'m>);

/// Members by name; a name that comes again is numbered.
fn named<'m>(members: &'m [Member<'m>]) -> Vec<Named<'m>> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    members
        .iter()
        .map(|member| {
            let count = seen.entry(&member.name).or_default();
            *count += 1;
            let name = if *count == 1 {
                member.name.clone()
            } else {
                format!("{} ({count})", member.name)
            };
            (name, member)
        })
        .collect()
}

fn only(findings: &mut Findings<'_>, place: &str, side: Side, member: &Member<'_>) {
    let bytes = member.content.len() as u64;
    findings.unexplained(
        place,
        What::Only { side, bytes },
        "a member without a counterpart",
    );
}

/// A detached signature lies beside what it signs and is called like it.
fn is_signature_of(name: &str, signed: &str) -> bool {
    ["sig", "asc", "p7s"].iter().any(|ending| {
        name.strip_suffix(ending)
            .and_then(|name| name.strip_suffix('.'))
            == Some(signed)
    })
}

fn pair(
    findings: &mut Findings<'_>,
    place: &str,
    ours: &Member<'_>,
    theirs: &Member<'_>,
    signature: bool,
    depth: usize,
) {
    fields(findings, place, &ours.fields, &theirs.fields);
    let (a, b) = (ours.content.as_ref(), theirs.content.as_ref());
    if a == b {
        if ours.packed != theirs.packed {
            let (a, b) = (ours.packed.unwrap_or(a), theirs.packed.unwrap_or(b));
            plain(
                findings,
                place,
                a,
                b,
                "the same content, packed in another way",
            );
        }
        return;
    }
    if signature && findings.rules.allow(Rule::Signature) {
        let because = "a detached signature over the member beside it, which is compared";
        let judgement = Judgement::Explained(Rule::Signature);
        return findings.add(place, bytes_differ(a, b), judgement, because);
    }
    files(findings, place, a, b, depth + 1);
    if let (Some(a), Some(b)) = (ours.packed, theirs.packed) {
        let because = "packed bytes follow from the content, which was unpacked and checked";
        findings.add(place, bytes_differ(a, b), Judgement::Follows, because);
    }
}

fn fields(findings: &mut Findings<'_>, place: &str, ours: &[Field], theirs: &[Field]) {
    if ours
        .iter()
        .map(|field| field.name)
        .ne(theirs.iter().map(|field| field.name))
    {
        let names = |fields: &[Field]| -> String {
            fields
                .iter()
                .map(|field| field.name)
                .collect::<Vec<_>>()
                .join(" ")
        };
        return findings.field(place, "header", names(ours), names(theirs));
    }
    for (a, b) in ours.iter().zip(theirs) {
        let values = (a.value.clone(), b.value.clone());
        match a.value == b.value && a.time == b.time {
            true => {}
            false if a.time && b.time => findings.time_field(place, a.name, values.0, values.1),
            false => findings.field(place, a.name, values.0, values.1),
        }
    }
}

/// Bytes of a fixed field.
fn cut<'a>(
    bytes: &'a [u8],
    offset: usize,
    size: usize,
    field: &'static str,
) -> Result<&'a [u8], Unreadable> {
    offset
        .checked_add(size)
        .and_then(|end| bytes.get(offset..end))
        .ok_or(Unreadable::Malformed { field, offset })
}

/// A field of fixed width as text for people, without what pads it. Different bytes are different
/// text, so that nothing hides behind a spelling.
fn field_text(bytes: &[u8], padding: u8) -> String {
    let end = bytes
        .iter()
        .rposition(|byte| *byte != padding)
        .map_or(0, |at| at + 1);
    bytes[..end].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_called_like_what_it_signs() {
        assert!(is_signature_of("a.tar.sig", "a.tar"));
        assert!(is_signature_of("a.asc", "a"));
        assert!(!is_signature_of("a.sig", "b"));
        assert!(!is_signature_of("sig", ""));
        assert!(!is_signature_of("a.exe", "a"));
    }
}
