//! A PE program that is small enough to read, and its platform signature, by the words of Microsoft's
//! specification and nothing of the product.
//!
//! ```text
//! 0x000 MZ   0x03c e_lfanew 0x40   0x040 PE\0\0, no sections, 240 bytes of optional header
//! 0x0e8 directory entry 4: offset and size of the signature   0x148 what the program says
//! ```

use statement::{Blob, FileDigest, PlatformSigned, Predicate, Statement, Subject};

const PE: usize = 0x40;
const OPTIONAL: usize = PE + 24;
const DIRECTORY: usize = OPTIONAL + 112 + 4 * 8;

/// The program of this version, unsigned.
pub fn program(version: &str) -> Vec<u8> {
    let mut file = vec![0; OPTIONAL + 240];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &[PE as u8]);
    put(PE, b"PE\0\0");
    put(PE + 4, &0x8664_u16.to_le_bytes());
    put(PE + 20, &240_u16.to_le_bytes());
    put(OPTIONAL, &0x20b_u16.to_le_bytes());
    put(OPTIONAL + 108, &16_u32.to_le_bytes());
    file.extend(format!("truename {version}").bytes());
    file
}

/// One DER sequence, as a platform's authority would send it.
pub fn signature() -> Vec<u8> {
    b"\x30\x09signature".to_vec()
}

/// The program with the signature behind it.
pub fn attach(program: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut signed = program.to_vec();
    signed.resize(program.len().next_multiple_of(8), 0);
    let start = signed.len() as u32;
    let size = (8 + signature.len()).next_multiple_of(8) as u32;
    signed[DIRECTORY..DIRECTORY + 4].copy_from_slice(&start.to_le_bytes());
    signed[DIRECTORY + 4..DIRECTORY + 8].copy_from_slice(&size.to_le_bytes());
    signed.extend(size.to_le_bytes());
    signed.extend([0, 2, 2, 0]);
    signed.extend(signature);
    signed.resize((start + size) as usize, 0);
    signed
}

/// The release in `statement` ships these bytes and says that they carry this signature.
pub fn ship(statement: &mut Statement, shipped: &[u8], signature: &[u8]) {
    let Predicate::Release(release) = &mut statement.predicate else {
        panic!("not a release");
    };
    let (sha256, bytes) = (FileDigest::of(signature), signature.len() as u64);
    release.blobs = vec![Blob {
        sha256,
        bytes,
        public: true,
    }];
    release.signed = Some(PlatformSigned {
        signature: sha256,
        shipped: FileDigest::of(shipped),
        shipped_bytes: shipped.len() as u64,
    });
    statement.subject = vec![Subject::new("truename", FileDigest::of(shipped))];
}
