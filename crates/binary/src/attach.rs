//! The last step of a build that a platform signs: pure, so that everybody can do it again.
//!
//! PE, "The Attribute Certificate Table": the file is padded with zeros to a multiple of eight, then
//!
//! ```text
//! 50 02 00 00  00 02  02 00  30 82 ...          dwLength, wRevision 2.0, PKCS#7, the DER signature
//! ```
//!
//! the directory entry names offset and size, and `CheckSum` is computed again. A checksum of zero
//! (none) stays zero. An ELF program is not changed: its signature is a file beside it.

use crate::{
    BinaryError,
    container::Kind,
    error::begins,
    limits::{FILE_BYTES_MAX, SIGNATURE_BYTES_MAX},
    pe::Layout,
};

const HEADER_BYTES: usize = 8;
const REVISION_AND_TYPE: [u8; 4] = [0, 2, 2, 0];
const ALIGNMENT: usize = 8;

/// A signed program, as it is shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The program; of ELF, unchanged.
    pub program: Vec<u8>,
    /// The file to ship beside it, if the signature is not inside.
    pub beside: Option<Vec<u8>>,
}

/// A program and the signature that was inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detached {
    /// The program without signature. Zeros that [`attach`] added to a multiple of eight stay.
    pub program: Vec<u8>,
    /// The signature, if there was one inside.
    pub signature: Option<Vec<u8>>,
}

/// Attaches a signature to an unsigned program.
///
/// # Errors
/// What is neither ELF nor PE, is damaged or signed already; a PE checksum that is neither right
/// nor zero; a signature that is empty, too large, or for PE not one DER sequence.
pub fn attach(unsigned: &[u8], signature: &[u8]) -> Result<Signed, BinaryError> {
    bounded(unsigned)?;
    let refuse = |why| BinaryError::Signature {
        bytes: signature.len(),
        why,
    };
    if signature.is_empty() {
        return Err(refuse("it is empty"));
    }
    if signature.len() > SIGNATURE_BYTES_MAX {
        return Err(refuse("it is larger than 1 MiB"));
    }
    match Kind::of(unsigned) {
        Some(Kind::Elf) => Ok(Signed {
            program: unsigned.to_vec(),
            beside: Some(signature.to_vec()),
        }),
        Some(Kind::Pe) => {
            if der_size(signature) != Some(signature.len()) {
                return Err(refuse(
                    "Authenticode is one DER sequence and nothing behind it",
                ));
            }
            attach_pe(unsigned, signature)
        }
        _ => Err(BinaryError::NotSignable {
            begins: begins(unsigned),
        }),
    }
}

fn attach_pe(unsigned: &[u8], signature: &[u8]) -> Result<Signed, BinaryError> {
    let layout = Layout::parse(unsigned)?;
    let (_, bytes) = layout.certificates(unsigned)?;
    if layout.certificates(unsigned)? != (0, 0) {
        return Err(BinaryError::AlreadySigned { bytes });
    }
    let summed = has_checksum(&layout, unsigned)?;
    let mut program = unsigned.to_vec();
    program.resize(unsigned.len().next_multiple_of(ALIGNMENT), 0);
    let offset = program.len();
    let size = (HEADER_BYTES + signature.len()).next_multiple_of(ALIGNMENT);
    let [offset_field, size_field] = [offset, size].map(|value| {
        u32::try_from(value)
            .expect("bounded by FILE_BYTES_MAX and SIGNATURE_BYTES_MAX")
            .to_le_bytes()
    });
    program.extend(size_field);
    program.extend(REVISION_AND_TYPE);
    program.extend_from_slice(signature);
    program.resize(offset + size, 0);
    program[layout.directory.clone()].copy_from_slice(&[offset_field, size_field].concat());
    if summed {
        set_checksum(&layout, &mut program);
    }
    Ok(Signed {
        program,
        beside: None,
    })
}

/// Takes a signature off again.
///
/// # Errors
/// What is neither ELF nor PE, or is damaged; a certificate table that is not at the end, holds more
/// than one signature, or is padded with something else than zeros; a wrong checksum.
pub fn detach(program: &[u8]) -> Result<Detached, BinaryError> {
    bounded(program)?;
    match Kind::of(program) {
        Some(Kind::Elf) => Ok(Detached {
            program: program.to_vec(),
            signature: None,
        }),
        Some(Kind::Pe) => detach_pe(program),
        _ => Err(BinaryError::NotSignable {
            begins: begins(program),
        }),
    }
}

/// An artifact, and the signature that was attached to it.
pub type Separated = (Vec<u8>, Vec<u8>);

/// Takes a shipped program apart into the artifact of `artifact_bytes` bytes and the signature inside it: the
/// two that [`attach`] makes these very bytes of. `None` if there is no signature inside.
///
/// # Errors
/// As [`detach`], or when no artifact of that size and signature make these bytes.
pub fn separate(shipped: &[u8], artifact_bytes: u64) -> Result<Option<Separated>, BinaryError> {
    let Detached { program, signature } = detach(shipped)?;
    let Some(signature) = signature else {
        return Ok(None);
    };
    let wrong = BinaryError::Pe {
        field: "size without signature",
        value: artifact_bytes,
    };
    let size = usize::try_from(artifact_bytes).unwrap_or(usize::MAX);
    if size.checked_next_multiple_of(ALIGNMENT) != Some(program.len()) {
        return Err(wrong);
    }
    let mut artifact = program;
    artifact.truncate(size);
    let layout = Layout::parse(&artifact)?;
    if layout.checksum_of(&artifact)? != 0 {
        set_checksum(&layout, &mut artifact);
    }
    if attach(&artifact, &signature)?.program != shipped {
        return Err(wrong);
    }
    Ok(Some((artifact, signature)))
}

fn detach_pe(signed: &[u8]) -> Result<Detached, BinaryError> {
    let layout = Layout::parse(signed)?;
    let summed = has_checksum(&layout, signed)?;
    let (offset, size) = layout.certificates(signed)?;
    if (offset, size) == (0, 0) {
        return Ok(Detached {
            program: signed.to_vec(),
            signature: None,
        });
    }
    let wrong = BinaryError::Pe {
        field: "certificate table",
        value: offset,
    };
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if start % ALIGNMENT != 0 || offset.checked_add(size) != Some(signed.len() as u64) {
        return Err(wrong);
    }
    let Some(table) = signed.get(start..) else {
        return Err(wrong);
    };
    let head = [
        u32::try_from(size).unwrap_or(0).to_le_bytes(),
        REVISION_AND_TYPE,
    ]
    .concat();
    let Some(padded) = table.strip_prefix(head.as_slice()) else {
        return Err(wrong);
    };
    let Some(signature) = der_size(padded).and_then(|size| padded.get(..size)) else {
        return Err(wrong);
    };
    let padding = &padded[signature.len()..];
    if padding.len() >= ALIGNMENT
        || padding.iter().any(|byte| *byte != 0)
        || table.len() % ALIGNMENT != 0
    {
        return Err(wrong);
    }
    let mut program = signed[..start].to_vec();
    program[layout.directory.clone()].fill(0);
    // A section may not reach into the table.
    Layout::parse(&program)?;
    if summed {
        set_checksum(&layout, &mut program);
    }
    Ok(Detached {
        program,
        signature: Some(signature.to_vec()),
    })
}

fn bounded(bytes: &[u8]) -> Result<(), BinaryError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(BinaryError::TooLarge {
            bytes: bytes.len() as u64,
            bytes_max: FILE_BYTES_MAX as u64,
        });
    }
    Ok(())
}

/// Whether there is a checksum; a wrong one is an error, since it could not be put back.
fn has_checksum(layout: &Layout, bytes: &[u8]) -> Result<bool, BinaryError> {
    let checksum = layout.checksum_of(bytes)?;
    if checksum != 0 && checksum != layout.right_checksum(bytes) {
        return Err(BinaryError::Pe {
            field: "CheckSum",
            value: checksum,
        });
    }
    Ok(checksum != 0)
}

fn set_checksum(layout: &Layout, bytes: &mut [u8]) {
    let checksum = u32::try_from(layout.right_checksum(bytes)).unwrap_or(0);
    bytes[layout.checksum.clone()].copy_from_slice(&checksum.to_le_bytes());
}

/// The size of a DER sequence with its header, in the shortest form.
fn der_size(bytes: &[u8]) -> Option<usize> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *tag != 0x30 {
        return None;
    }
    let count = match first {
        0..=0x7f => return Some(2 + usize::from(*first)),
        0x81..=0x84 => usize::from(first - 0x80),
        _ => return None,
    };
    let size = rest
        .get(..count)?
        .iter()
        .fold(0, |size, byte| size << 8 | usize::from(*byte));
    let shortest = rest[0] != 0 && size >= 0x80;
    shortest.then_some(2 + count + size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_sequence_has_one_form() {
        assert_eq!(der_size(&[0x30, 3, 1, 2, 3]), Some(5));
        assert_eq!(der_size(&[0x30, 0x82, 1, 0]), Some(260));
        assert_eq!(der_size(&[0x30, 0x81, 3, 1, 2, 3]), None);
        assert_eq!(der_size(&[0x30, 0x82, 0, 0x90]), None);
        assert_eq!(der_size(&[0x31, 0]), None);
        assert_eq!(der_size(&[0x30]), None);
    }
}
