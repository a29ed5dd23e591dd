//! Samples, made from nothing: containers, databases, the EICAR text.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use scan::{Database, FIRST_SCORING};
use tlog::sha256;

/// A database without rules that knows these files as bad.
pub(crate) fn knows(bad: &[&[u8]]) -> Database {
    with_rules("", bad)
}

pub(crate) fn with_rules(rules: &str, bad: &[&[u8]]) -> Database {
    let mut digests: Vec<String> = bad.iter().map(|file| sha256(file).to_hex()).collect();
    digests.sort();
    let lines: String = digests
        .iter()
        .map(|digest| format!("{digest} known\n"))
        .collect();
    let list = format!("limpid-digests v1\n{lines}");
    Database::load(&[("test.yar", rules)], &list, FIRST_SCORING).unwrap()
}

/// The EICAR test text, put together here: the file itself stands nowhere in this project.
pub(crate) fn eicar() -> Vec<u8> {
    let parts = [
        "X5O!P%@AP[4",
        "\\PZX54(P^)7C",
        "C)7}$EICAR-STAND",
        "ARD-ANTIVIRUS-TE",
        "ST-FILE!$H+H*",
    ];
    parts.concat().into_bytes()
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One member of a zip as its headers describe it; every field may lie.
#[derive(Clone)]
pub(crate) struct ZipMember {
    pub(crate) name: String,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) content: Vec<u8>,
    pub(crate) whole: u32,
}

impl ZipMember {
    pub(crate) fn stored(bytes: &[u8]) -> Self {
        Self {
            name: "a".to_owned(),
            flags: 0,
            method: 0,
            content: bytes.to_vec(),
            whole: bytes.len() as u32,
        }
    }

    pub(crate) fn deflated(bytes: &[u8]) -> Self {
        Self {
            method: 8,
            content: deflate(bytes),
            ..Self::stored(bytes)
        }
    }
}

pub(crate) fn zip(members: &[ZipMember]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let at = bytes.len() as u32;
        let mut fields = Vec::new();
        for value in [20, member.flags, member.method, 0, 0] {
            fields.extend_from_slice(&value.to_le_bytes());
        }
        for value in [0, member.content.len() as u32, member.whole] {
            fields.extend_from_slice(&value.to_le_bytes());
        }
        for value in [member.name.len() as u16, 0] {
            fields.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&fields);
        bytes.extend_from_slice(member.name.as_bytes());
        bytes.extend_from_slice(&member.content);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&fields);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&at.to_le_bytes());
        directory.extend_from_slice(member.name.as_bytes());
    }
    let at = bytes.len() as u32;
    let count = (members.len() as u16).to_le_bytes();
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&at.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// A compound file of one stream, in sectors of 512 bytes; its size must not be a multiple of that.
pub(crate) fn compound(name: &str, content: &[u8]) -> Vec<u8> {
    let sectors = content.len().div_ceil(512);
    assert!(sectors < 120);
    let mut header = vec![0u8; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    put(24, &[0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    put(44, &1u32.to_le_bytes());
    put(48, &1u32.to_le_bytes());
    // No stream is small, so that none stands in the small sectors.
    put(56, &0u32.to_le_bytes());
    put(60, &0xffff_fffeu32.to_le_bytes());
    put(68, &0xffff_fffeu32.to_le_bytes());
    put(76, &[0xff; 436]);
    put(76, &0u32.to_le_bytes());
    let mut table = vec![0xffff_fffdu32, 0xffff_fffe];
    table.extend((1..sectors).map(|sector| sector as u32 + 2));
    table.push(0xffff_fffe);
    table.resize(128, u32::MAX);
    let mut bytes = header;
    bytes.extend(table.iter().flat_map(|word| word.to_le_bytes()));
    let entry = |name: &str, kind: u8, first: u32, size: usize| {
        let mut entry = vec![0u8; 128];
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry[..units.len()].copy_from_slice(&units);
        entry[64] = units.len() as u8 + 2;
        entry[66] = kind;
        entry[116..120].copy_from_slice(&first.to_le_bytes());
        entry[120..124].copy_from_slice(&(size as u32).to_le_bytes());
        entry
    };
    bytes.extend(entry("Root Entry", 5, 0xffff_fffe, 0));
    bytes.extend(entry(name, 2, 2, content.len()));
    bytes.resize(1536, 0);
    bytes.extend_from_slice(content);
    bytes.resize(1536 + sectors * 512, 0);
    bytes
}

/// Source of a macro as a project holds it: one chunk of literals (MS-OVBA 2.4.1).
pub(crate) fn macro_stream(source: &str) -> Vec<u8> {
    let mut chunk = Vec::new();
    for eight in source.as_bytes().chunks(8) {
        chunk.push(0);
        chunk.extend_from_slice(eight);
    }
    let mut stream = b"what the compiler made of it".to_vec();
    stream.push(1);
    let header = 0xb000 | (chunk.len() - 1) as u16;
    stream.extend_from_slice(&header.to_le_bytes());
    stream.extend_from_slice(&chunk);
    stream
}
