//! Signatures of PE programs: put on, taken off, and judged by another program.

use std::process::Command;

use binary::{BinaryError, Explanations, Rule, Verdict, attach, compare, detach, separate};
use proptest::prelude::*;

use crate::compiled::Bench;

const CHECKSUM: usize = 0x80 + 24 + 64;
const TEXT: usize = 0x200;

/// The smallest program that Windows would load: one section of code, one of constants.
fn pe(code: &[u8], constants: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 0x200];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x80_u32.to_le_bytes());
    put(0x80, b"PE\0\0");
    put(0x84, &0x8664_u16.to_le_bytes());
    put(0x86, &2_u16.to_le_bytes());
    put(0x94, &240_u16.to_le_bytes());
    put(0x96, &0x22_u16.to_le_bytes());
    let optional = 0x98;
    for (at, value) in [
        (0, 0x20b_u32),
        (16, 0x1000),
        (32, 0x1000),
        (36, 0x200),
        (48, 6),
        (56, 0x3000),
        (60, 0x200),
        (68, 3),
        (108, 16),
    ] {
        put(optional + at, &value.to_le_bytes());
    }
    put(optional + 24, &0x1_4000_0000_u64.to_le_bytes());
    for (index, (name, flags)) in [(b".text\0", 0x6000_0020_u32), (b".rdata", 0x4000_0040)]
        .into_iter()
        .enumerate()
    {
        let header = optional + 240 + 40 * index;
        let place = u32::try_from(index + 1).unwrap();
        put(header, name);
        put(header + 8, &0x200_u32.to_le_bytes());
        put(header + 12, &(place * 0x1000).to_le_bytes());
        put(header + 16, &0x200_u32.to_le_bytes());
        put(header + 20, &(place * 0x200).to_le_bytes());
        put(header + 36, &flags.to_le_bytes());
    }
    for content in [code, constants] {
        let end = file.len() + 0x200;
        file.extend_from_slice(content);
        file.resize(end, 0);
    }
    file
}

fn der(content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match (high, low) {
        (0, 0..=127) => vec![0x30, low],
        (0, _) => vec![0x30, 0x81, low],
        _ => vec![0x30, 0x82, high, low],
    };
    [&head, content].concat()
}

#[test]
fn a_signature_of_another_program_is_put_on_as_that_program_does_and_verifies() {
    let bench = Bench::new();
    bench.write("plain.exe", pe(&[0xc3], b"constant"));
    let key = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
    ];
    let subject = [
        "-subj",
        "/CN=limpid test",
        "-addext",
        "extendedKeyUsage=codeSigning",
    ];
    bench.run("openssl", &[&key[..], &subject].concat());
    let sign = [
        "sign",
        "-certs",
        "cert.pem",
        "-key",
        "key.pem",
        "-in",
        "plain.exe",
        "-out",
        "signed.exe",
    ];
    bench.run("osslsigncode", &sign);
    let signed = bench.read("signed.exe");
    let detached = detach(&signed).unwrap();
    let again = attach(&detached.program, detached.signature.as_ref().unwrap()).unwrap();
    assert_eq!(again.program, signed);
    assert_eq!(again.beside, None);

    // The program as it was, with the signature put on by us, passes there.
    let mut unsigned = pe(&[0xc3], b"constant");
    unsigned[CHECKSUM..CHECKSUM + 4].copy_from_slice(&detached.program[CHECKSUM..CHECKSUM + 4]);
    assert_eq!(unsigned, detached.program);
    bench.write("ours.exe", &again.program);
    let verified = |name: &str| {
        Command::new("osslsigncode")
            .args(["verify", "-CAfile", "cert.pem", "-in", name])
            .current_dir(bench.path())
            .output()
            .unwrap()
    };
    let output = verified("ours.exe");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    // And it is the judge we think it is.
    let mut other = again.program;
    other[TEXT] ^= 1;
    bench.write("other.exe", other);
    assert!(!verified("other.exe").status.success());
}

#[test]
fn a_signature_is_the_only_difference_and_is_explained() {
    let unsigned = pe(&[0xc3], b"constant");
    let one = attach(&unsigned, &der(b"one")).unwrap().program;
    let two = attach(&unsigned, &der(b"another")).unwrap().program;
    for (ours, theirs) in [(&one, &two), (&unsigned, &two)] {
        let comparison = compare(ours, theirs, &Explanations::all());
        assert_eq!(comparison.verdict, Verdict::Explained, "{comparison}");
        let off = Explanations::all().without(Rule::Signature);
        assert_eq!(compare(ours, theirs, &off).verdict, Verdict::Unexplained);
    }
    let patched = attach(&pe(&[0xcc], b"constant"), &der(b"one"))
        .unwrap()
        .program;
    assert_eq!(
        compare(&one, &patched, &Explanations::all()).verdict,
        Verdict::Unexplained
    );
    let dated = |time: &[u8]| pe(&[0xc3], time);
    let comparison = compare(
        &dated(b"03:18:29"),
        &dated(b"03:18:30"),
        &Explanations::all(),
    );
    assert_eq!(comparison.verdict, Verdict::Explained, "{comparison}");
}

/// A program with a checksum, which counts the bytes that attaching adds.
#[test]
fn what_is_shipped_comes_apart_into_the_very_artifact_also_with_a_checksum() {
    for behind in 0..9 {
        let mut plain = pe(&[0xc3], b"constant");
        plain.extend(vec![7; behind]);
        let words = |bytes: &[u8]| {
            let pairs = bytes.chunks(2);
            let sum = pairs.fold(0_u32, |sum, pair| {
                let high = pair.get(1).copied().unwrap_or(0);
                let sum = sum + u32::from(u16::from_le_bytes([pair[0], high]));
                (sum & 0xffff) + (sum >> 16)
            });
            sum + u32::try_from(bytes.len()).unwrap()
        };
        let checksum = words(&plain);
        plain[CHECKSUM..CHECKSUM + 4].copy_from_slice(&checksum.to_le_bytes());
        let signature = der(b"one");
        let shipped = attach(&plain, &signature).unwrap().program;
        let size = plain.len() as u64;
        assert_eq!(
            separate(&shipped, size).unwrap(),
            Some((plain.clone(), signature))
        );
        assert_eq!(separate(&plain, size).unwrap(), None);
    }
}

#[test]
fn a_signature_of_an_elf_program_lies_beside_it() {
    let program = Bench::new().program("", "", &[]);
    let signed = attach(&program, b"any form").unwrap();
    assert_eq!(signed.program, program);
    assert_eq!(signed.beside.as_deref(), Some(&b"any form"[..]));
    assert_eq!(detach(&program).unwrap().signature, None);
}

#[test]
fn what_cannot_be_signed_is_refused_by_name() {
    let unsigned = pe(&[0xc3], b"");
    let signed = attach(&unsigned, &der(b"x")).unwrap().program;
    assert!(matches!(
        attach(&signed, &der(b"y")),
        Err(BinaryError::AlreadySigned { .. })
    ));
    assert!(matches!(
        attach(&unsigned, b""),
        Err(BinaryError::Signature { .. })
    ));
    assert!(matches!(
        attach(&unsigned, b"no DER"),
        Err(BinaryError::Signature { .. })
    ));
    assert!(matches!(
        attach(b"text", b"x"),
        Err(BinaryError::NotSignable { .. })
    ));
    assert!(matches!(
        attach(&unsigned[..0x90], &der(b"x")),
        Err(BinaryError::Pe { .. })
    ));
    let mut wrong = unsigned;
    wrong[CHECKSUM] = 1;
    assert!(matches!(
        attach(&wrong, &der(b"x")),
        Err(BinaryError::Pe {
            field: "CheckSum",
            ..
        })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_put_on_comes_off(
        code in proptest::collection::vec(any::<u8>(), 0..64),
        signature in proptest::collection::vec(any::<u8>(), 0..700),
        behind in 0..20_usize,
    ) {
        let mut unsigned = pe(&code, b"");
        unsigned.extend(vec![7; behind]);
        let signature = der(&signature);
        let signed = attach(&unsigned, &signature).unwrap().program;
        let parts = separate(&signed, unsigned.len() as u64).unwrap();
        prop_assert_eq!(parts, Some((unsigned.clone(), signature.clone())));
        for other in [unsigned.len() - 8, unsigned.len() + 8] {
            prop_assert!(separate(&signed, other as u64).is_err());
        }
        let detached = detach(&signed).unwrap();
        unsigned.resize(unsigned.len().next_multiple_of(8), 0);
        prop_assert_eq!(&detached.program, &unsigned);
        prop_assert_eq!(detached.signature.as_deref(), Some(signature.as_slice()));
    }

    #[test]
    fn a_flipped_byte_of_the_table_is_refused_or_is_another_signature(
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let unsigned = pe(&[0xc3], b"");
        let signature = der(&[5; 200]);
        let mut signed = attach(&unsigned, &signature).unwrap().program;
        let table = unsigned.len()..signed.len();
        signed[table.start + at.index(table.len())] ^= flip;
        if let Ok(detached) = detach(&signed) {
            let again = attach(&detached.program, &detached.signature.unwrap()).unwrap();
            prop_assert_eq!(again.program, signed);
        }
    }
}
