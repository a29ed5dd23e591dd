//! Signatures of Windows programs, made by a program that is not ours.

use std::path::Path;
use std::process::Command;

use scan::{Limits, Report, scan};

use crate::make::knows;
use crate::structure::pe;

const CODE: u32 = 0x6000_0020;

fn run(dir: &Path, program: &str, arguments: &str) {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .current_dir(dir)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments}: {text}");
}

/// A program with a signature by this hash.
fn signed(hash: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("plain.exe"), pe(CODE, 0x1000)).unwrap();
    let key = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=test -addext extendedKeyUsage=codeSigning";
    run(dir, "openssl", key);
    let sign = format!("sign -h {hash} -certs cert.pem -key key.pem -in plain.exe -out signed.exe");
    run(dir, "osslsigncode", &sign);
    std::fs::read(dir.join("signed.exe")).unwrap()
}

fn report(sample: &[u8]) -> Report {
    scan(sample, &knows(&[]), &Limits::default())
}

/// What is said of signatures.
fn said(sample: &[u8]) -> Vec<(&'static str, String)> {
    let reasons = report(sample).reasons.into_iter();
    let about = reasons.filter(|named| named.reason.starts_with("pe.sign"));
    about.map(|named| (named.reason, named.detail)).collect()
}

#[test]
fn a_signature_over_the_file_is_named_and_weighs_nothing() {
    assert_eq!(said(&pe(CODE, 0x1000)), []);
    for (hash, oid) in [
        ("sha1", "1.3.14.3.2.26"),
        ("sha256", "2.16.840.1.101.3.4.2.1"),
        ("sha384", "2.16.840.1.101.3.4.2.2"),
        ("sha512", "2.16.840.1.101.3.4.2.3"),
    ] {
        let signed = signed(hash);
        assert_eq!(said(&signed), [("pe.signed", oid.to_owned())], "{hash}");
        assert_eq!(report(&signed).score, 0, "{hash}");
    }
}

#[test]
fn a_program_that_was_changed_after_it_was_signed_is_suspicious() {
    let mut changed = signed("sha256");
    // In the code. What the signature leaves out may be anything: the checksum.
    changed[0x210] ^= 1;
    assert_eq!(
        said(&changed),
        [("pe.signature-broken", "digest".to_owned())]
    );
    assert_eq!(report(&changed).outcome, scan::Outcome::Suspicious);
    changed[0x210] ^= 1;
    changed[0x58 + 64] ^= 1;
    assert_eq!(said(&changed)[0].0, "pe.signed");
}

#[test]
fn the_signature_of_another_program_is_none_of_this_one() {
    let signed = signed("sha256");
    let table = 0x58 + 96 + 8 * 4;
    let at = u32::from_le_bytes(signed[table..table + 4].try_into().unwrap()) as usize;
    let mut other = pe(CODE, 0x1004);
    other[table..table + 8].copy_from_slice(&signed[table..table + 8]);
    other.resize(at, 0);
    other.extend_from_slice(&signed[at..]);
    assert_eq!(said(&other), [("pe.signature-broken", "digest".to_owned())]);
}

#[test]
fn what_is_no_signature_is_odd_and_nothing_panics() {
    let signed = signed("sha256");
    let table = 0x58 + 96 + 8 * 4;
    let at = u32::from_le_bytes(signed[table..table + 4].try_into().unwrap()) as usize;
    let mut torn = signed.clone();
    torn[at + 8] ^= 0xff;
    assert_eq!(said(&torn), [("pe.signature-odd", "form".to_owned())]);
    for value in [1_u32, 0x10, 0x7fff_ffff, u32::MAX] {
        for place in [table, table + 4, at] {
            let mut torn = signed.clone();
            torn[place..place + 4].copy_from_slice(&value.to_le_bytes());
            let said = said(&torn);
            assert!(
                said.iter().all(|(name, _)| *name != "pe.signed"),
                "{said:?}"
            );
        }
    }
    // Every byte of the signature once.
    for place in (at..signed.len()).step_by(7) {
        let mut torn = signed.clone();
        torn[place] ^= 0x80;
        drop(report(&torn));
    }
}
