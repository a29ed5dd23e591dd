//! Containers, one file for each format. Every unpacker takes the bytes of one container and hands
//! its members, in order, to [`Members`]; what it cannot read it names ([`Why`]).

mod ar;
mod arj;
mod binhex;
mod bits;
mod bzip2;
mod cab;
mod chm;
mod cpio;
pub(crate) mod embedded;
mod implode;
mod inflate;
mod installshield;
mod lzma;
mod lzx;
mod mail;
mod nsis;
mod ole;
mod ole_object;
mod packers;
mod pdf;
mod rtf;
mod seven_zip;
mod sis;
mod stream;
mod szdd;
mod tar;
pub(crate) mod text;
mod tnef;
mod upx;
mod vba;
mod zip;

use crate::kind::Kind;
use crate::obstacle::Why;
use crate::walk::Members;

/// Whether a member of this kind is looked into.
pub(crate) fn may_hold_members(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Empty
            | Kind::Text
            | Kind::JavaClass
            | Kind::Dex
            | Kind::Wasm
            | Kind::Lnk
            | Kind::Python
            | Kind::Perl
            | Kind::Php
    )
}

/// Hands everything in a container to `members`.
pub(crate) fn unpack(kind: Kind, bytes: &[u8], members: &mut Members<'_, '_>) -> Result<(), Why> {
    match kind {
        Kind::Zip | Kind::Ooxml | Kind::Jar => zip::unpack(bytes, members),
        Kind::Gzip => stream::gzip(bytes, members),
        Kind::Bzip2 => bzip2::unpack(bytes, members),
        Kind::Xz => stream::xz(bytes, members),
        Kind::Lzma => stream::lzma(bytes, members),
        Kind::Zstd => stream::zstd(bytes, members),
        Kind::Tar => tar::unpack(bytes, members),
        Kind::Cpio => cpio::unpack(bytes, members),
        Kind::Ar => ar::unpack(bytes, members),
        Kind::SevenZip => seven_zip::unpack(bytes, members),
        Kind::Cab => cab::unpack(bytes, members),
        Kind::Arj => arj::unpack(bytes, members),
        Kind::Szdd => szdd::unpack(bytes, members),
        Kind::Sis => sis::unpack(bytes, members),
        Kind::Binhex => binhex::unpack(bytes, members),
        Kind::Ole => ole::unpack(bytes, members),
        Kind::Chm => chm::unpack(bytes, members),
        Kind::Tnef => tnef::unpack(bytes, members),
        Kind::Pdf => pdf::unpack(bytes, members),
        Kind::Rtf => rtf::unpack(bytes, members),
        Kind::Mail => mail::unpack(bytes, members),
        Kind::Mbox => mail::mbox(bytes, members),
        Kind::Uuencoded => mail::uuencoded(bytes, members),
        Kind::Html | Kind::Xml | Kind::Javascript => mail::html(bytes, members),
        Kind::Rar => members.closed(Why::Unsupported("rar")),
        Kind::Lha => members.closed(Why::Unsupported("lha")),
        Kind::Rpm => members.closed(Why::Unsupported("rpm")),
        Kind::Iso => members.closed(Why::Unsupported("iso9660")),
        Kind::Compress => members.closed(Why::Unsupported("compress")),
        _ => embedded::unpack(kind, bytes, members),
    }
}
