//! What a file is, by its content. Names never count.

mod text;

use serde::{Deserialize, Serialize};

use crate::cursor::{find, u16_at, u32_at};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// What the bytes of a member are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Kind {
            /// The name in reports.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The kind of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Nothing at all.
    Empty = "empty",
    /// Windows program or library.
    Pe = "pe",
    /// DOS program.
    Dos = "dos",
    /// Linux and others.
    Elf = "elf",
    /// Apple, one architecture.
    Macho = "macho",
    /// Apple, several architectures.
    MachoFat = "macho-fat",
    /// Java class.
    JavaClass = "java-class",
    /// Android bytecode.
    Dex = "dex",
    /// WebAssembly.
    Wasm = "wasm",
    /// Begins with `#!`.
    ShellScript = "script-shell",
    /// Python source.
    Python = "script-python",
    /// Perl source.
    Perl = "script-perl",
    /// PHP source.
    Php = "script-php",
    /// PowerShell.
    Powershell = "script-powershell",
    /// Visual Basic script, or the source of a macro.
    Vbscript = "script-vb",
    /// JavaScript.
    Javascript = "script-javascript",
    /// DOS batch file.
    Batch = "script-batch",
    /// Another program named behind `#!`.
    OtherScript = "script-other",
    /// PKWARE.
    Zip = "zip",
    /// Office Open XML: a zip with `[Content_Types].xml`.
    Ooxml = "ooxml",
    /// Java archive or Android package.
    Jar = "jar",
    /// 7-Zip.
    SevenZip = "7z",
    /// Microsoft cabinet.
    Cab = "cab",
    /// Any of the four forms of cpio.
    Cpio = "cpio",
    /// Unix archive, also of Debian.
    Ar = "ar",
    /// POSIX or GNU tar.
    Tar = "tar",
    /// ARJ.
    Arj = "arj",
    /// RAR; not read.
    Rar = "rar",
    /// LHA; not read.
    Lha = "lha",
    /// RPM package.
    Rpm = "rpm",
    /// ISO 9660 image; not read.
    Iso = "iso9660",
    /// Symbian package.
    Sis = "sis",
    /// RFC 1952.
    Gzip = "gzip",
    /// bzip2.
    Bzip2 = "bzip2",
    /// `.xz`.
    Xz = "xz",
    /// `.lzma`.
    Lzma = "lzma",
    /// RFC 8878.
    Zstd = "zstd",
    /// Unix `compress`; not read.
    Compress = "compress",
    /// `COMPRESS.EXE`.
    Szdd = "szdd",
    /// BinHex 4.0.
    Binhex = "binhex",
    /// Compound File Binary: old Office, MSI, Outlook.
    Ole = "ole",
    /// Compiled HTML Help.
    Chm = "chm",
    /// Transport Neutral Encapsulation Format (`winmail.dat`).
    Tnef = "tnef",
    /// PDF.
    Pdf = "pdf",
    /// Rich Text Format.
    Rtf = "rtf",
    /// One mail (RFC 5322).
    Mail = "mail",
    /// Many mails (RFC 4155).
    Mbox = "mbox",
    /// Text that holds a uuencoded file.
    Uuencoded = "uuencoded",
    /// Windows shortcut.
    Lnk = "lnk",
    /// HTML.
    Html = "html",
    /// XML.
    Xml = "xml",
    /// A picture, sound or film.
    Media = "media",
    /// Text of no special kind.
    Text = "text",
    /// Anything else.
    Data = "data",
}

impl From<Kind> for String {
    fn from(named: Kind) -> Self {
        named.as_str().to_owned()
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::named(&name).ok_or_else(|| format!("no kind is called `{name}`"))
    }
}

impl Kind {
    /// Whether nearly random bytes are what one expects of it.
    pub(crate) const fn is_compressed(self) -> bool {
        matches!(
            self,
            Self::Zip
                | Self::Ooxml
                | Self::Jar
                | Self::SevenZip
                | Self::Cab
                | Self::Arj
                | Self::Rar
                | Self::Lha
                | Self::Rpm
                | Self::Gzip
                | Self::Bzip2
                | Self::Xz
                | Self::Lzma
                | Self::Zstd
                | Self::Compress
                | Self::Media
                | Self::Pdf
                | Self::Chm
                | Self::Iso
        )
    }

    /// Whether it is source of some script.
    pub const fn is_script(self) -> bool {
        matches!(
            self,
            Self::ShellScript
                | Self::Python
                | Self::Perl
                | Self::Php
                | Self::Powershell
                | Self::Vbscript
                | Self::Javascript
                | Self::Batch
                | Self::OtherScript
                | Self::Html
        )
    }

    /// What these bytes are.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        by_magic(bytes)
            .or_else(|| by_place(bytes))
            .or_else(|| text::kind_of(bytes))
            .unwrap_or(Self::Data)
    }
}

/// Formats that begin with a magic number, the longest first where one is the beginning of another.
const MAGIC: &[(&[u8], Kind)] = &[
    (b"\x7fELF", Kind::Elf),
    (b"\xfe\xed\xfa\xce", Kind::Macho),
    (b"\xfe\xed\xfa\xcf", Kind::Macho),
    (b"\xce\xfa\xed\xfe", Kind::Macho),
    (b"\xcf\xfa\xed\xfe", Kind::Macho),
    (b"dex\n0", Kind::Dex),
    (b"\0asm\x01\0\0\0", Kind::Wasm),
    (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    (b"MSCF\0\0\0\0", Kind::Cab),
    (b"070701", Kind::Cpio),
    (b"070702", Kind::Cpio),
    (b"070707", Kind::Cpio),
    (b"\xc7\x71", Kind::Cpio),
    (b"\x71\xc7", Kind::Cpio),
    (b"!<arch>\n", Kind::Ar),
    (b"!<thin>\n", Kind::Ar),
    (b"\x60\xea", Kind::Arj),
    (b"Rar!\x1a\x07", Kind::Rar),
    (b"\xed\xab\xee\xdb", Kind::Rpm),
    (b"\x1f\x8b\x08", Kind::Gzip),
    (b"BZh", Kind::Bzip2),
    (b"\xfd7zXZ\0", Kind::Xz),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (b"\x1f\x9d", Kind::Compress),
    (b"SZDD\x88\xf0\x27\x33", Kind::Szdd),
    (b"SZ \x88\xf0\x27\x33\xd1", Kind::Szdd),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole),
    (b"ITSF", Kind::Chm),
    (b"\x78\x9f\x3e\x22", Kind::Tnef),
    (b"{\\rt", Kind::Rtf),
    (
        b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
        Kind::Lnk,
    ),
    (b"\x89PNG\r\n\x1a\n", Kind::Media),
    (b"GIF87a", Kind::Media),
    (b"GIF89a", Kind::Media),
    (b"\xff\xd8\xff", Kind::Media),
    (b"OggS", Kind::Media),
    (b"fLaC", Kind::Media),
    (b"ID3", Kind::Media),
    (b"\x1a\x45\xdf\xa3", Kind::Media),
    (b"RIFF", Kind::Media),
    (b"wOF2", Kind::Media),
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (b"PK\x07\x08PK\x03\x04", Kind::Zip),
];

fn by_magic(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(b"MZ") || bytes.starts_with(b"ZM") {
        let header = u32_at(bytes, 0x3c).and_then(|at| usize::try_from(at).ok());
        let is_pe =
            header.is_some_and(|at| bytes.get(at..).is_some_and(|b| b.starts_with(b"PE\0\0")));
        return Some(if is_pe { Kind::Pe } else { Kind::Dos });
    }
    if bytes.starts_with(b"\xca\xfe\xba\xbe") || bytes.starts_with(b"\xca\xfe\xba\xbf") {
        // Java says its version here, 45 or more; Apple the number of architectures.
        let count = bytes
            .get(4..8)
            .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))?;
        return Some(if count < 45 {
            Kind::MachoFat
        } else {
            Kind::JavaClass
        });
    }
    let (_, kind) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic))?;
    match kind {
        Kind::Zip => Some(zip_kind(bytes)),
        Kind::Cpio if bytes.len() < 26 => None,
        Kind::Bzip2
            if !bytes
                .get(3)
                .is_some_and(|level| (b'1'..=b'9').contains(level)) =>
        {
            None
        }
        Kind::Arj if !u16_at(bytes, 2).is_some_and(|size| (30..=2600).contains(&size)) => None,
        _ => Some(*kind),
    }
}

/// Two names are looked at, since what they say is which program opens the file.
fn zip_kind(bytes: &[u8]) -> Kind {
    let head = &bytes[..bytes.len().min(4096)];
    if find(head, b"[Content_Types].xml", 0).is_some() {
        return Kind::Ooxml;
    }
    if find(head, b"META-INF/", 0).is_some() || find(head, b"AndroidManifest.xml", 0).is_some() {
        return Kind::Jar;
    }
    Kind::Zip
}

/// Formats that are known by something that is not at the beginning.
fn by_place(bytes: &[u8]) -> Option<Kind> {
    if is_tar(bytes) {
        return Some(Kind::Tar);
    }
    if bytes.get(0x8001..0x8006) == Some(b"CD001") {
        return Some(Kind::Iso);
    }
    if bytes.get(2..5) == Some(b"-lh") && bytes.get(6) == Some(&b'-') {
        return Some(Kind::Lha);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(Kind::Media);
    }
    if is_sis(bytes) {
        return Some(Kind::Sis);
    }
    if find(&bytes[..bytes.len().min(1024)], b"%PDF-", 0).is_some() {
        return Some(Kind::Pdf);
    }
    if is_lzma(bytes) {
        return Some(Kind::Lzma);
    }
    None
}

fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..512) else {
        return false;
    };
    let field = &header[148..156];
    let digits = field.iter().skip_while(|byte| **byte == b' ');
    let declared = digits
        .take_while(|byte| (b'0'..=b'7').contains(*byte))
        .fold(0u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = sum - field.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    declared != 0 && declared == sum
}

/// UID 3 of Symbian releases 5 and 6, and of release 9.
fn is_sis(bytes: &[u8]) -> bool {
    u32_at(bytes, 8) == Some(0x1000_0419) || u32_at(bytes, 0) == Some(0x1020_1a7a)
}

/// The `.lzma` form has no magic: usual properties, a usual dictionary, a believable size.
fn is_lzma(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..14) else {
        return false;
    };
    let dictionary = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    let size = &header[5..13];
    let unknown = size.iter().all(|byte| *byte == 0xff);
    let small = size[5..].iter().all(|byte| *byte == 0);
    header[0] == 0x5d
        && dictionary >= 4096
        && dictionary.is_power_of_two()
        && (unknown || small)
        && header[13] == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_by_content_alone() {
        for (bytes, kind) in [
            (&b""[..], Kind::Empty),
            (b"MZ", Kind::Dos),
            (b"\x7fELF\x02\x01", Kind::Elf),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", Kind::MachoFat),
            (b"\xca\xfe\xba\xbe\0\0\0\x34", Kind::JavaClass),
            (b"PK\x03\x04", Kind::Zip),
            (b"PK\x03\x04....[Content_Types].xml", Kind::Ooxml),
            (b"\n\n%PDF-1.4", Kind::Pdf),
            (b"BZh9", Kind::Bzip2),
            (b"BZhx", Kind::Text),
            (b"#!/usr/bin/env python3\n", Kind::Python),
            (b"#!/bin/sh\n", Kind::ShellScript),
            (b"<?xml version='1.0'?>", Kind::Xml),
            (b"  <HTML>", Kind::Html),
            (b"From: a\nTo: b\n\nhello", Kind::Mail),
            (b"From a\nFrom: a\nTo: b\n\nhello", Kind::Mbox),
            (b"begin 644 a\n#86)C\n`\nend\n", Kind::Uuencoded),
            (b"@echo off\ngoto end\n", Kind::Batch),
            (b"hello", Kind::Text),
            (b"\0\x01\x02\x03", Kind::Data),
        ] {
            assert_eq!(Kind::of(bytes), kind, "{bytes:?}");
        }
    }
}
