//! Every unpacker, by the first bytes of its format: no panic, and the limits hold.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use scan::{Database, FIRST_SCORING, Limits, scan};

static DATABASE: LazyLock<Database> = LazyLock::new(|| {
    Database::load(&[], "limpid-digests v1\n", FIRST_SCORING).expect("an empty database")
});

/// How a file of each format begins.
const BEGINNINGS: [&[u8]; 27] = [
    b"PK\x03\x04\x14\0",
    b"\x1f\x8b\x08\0",
    b"BZh91AY&SY",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0",
    b"7z\xbc\xaf\x27\x1c\0\x04",
    b"MSCF\0\0\0\0",
    b"070701",
    b"070707",
    b"\xc7\x71",
    b"!<arch>\n",
    b"\x60\xea",
    b"SZDD\x88\xf0\x27\x33A",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"ITSF\x03\0\0\0",
    b"\x78\x9f\x3e\x22",
    b"{\\rtf1{\\object\\objdata ",
    b"%PDF-1.4\n1 0 obj << /Filter /FlateDecode >> stream\n",
    b"From: a\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n",
    b"(This file must be converted with BinHex 4.0)\n:",
    b"begin 644 a\n",
    b"MZ",
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
    b"Attribute VB_Name = ",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (place, rest) = input;
    let mut sample = BEGINNINGS[usize::from(place) % BEGINNINGS.len()].to_vec();
    sample.extend_from_slice(rest);
    let limits = Limits {
        member_bytes_max: 1 << 20,
        total_bytes_max: 4 << 20,
        live_bytes_max: 4 << 20,
        depth_max: 6,
        members_max: 200,
        time_max: Duration::from_secs(3600),
        ..Limits::default()
    };
    let report = scan(&sample, &DATABASE, &limits);
    assert!(report.unpacked_bytes <= limits.total_bytes_max);
    assert!(report.members.len() <= 201);
});
