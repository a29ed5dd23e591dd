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
