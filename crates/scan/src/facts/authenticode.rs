//! Authenticode ("Windows Authenticode Portable Executable Signature Format" 1.0): whether a signature in a PE file is one over
//! this very file.
//!
//! Whose key made it, and whether anybody should trust that key, takes roots, revocations and a clock, which nothing here has. So a signature that
//! holds says nothing good of a file; one that does not hold says that somebody changed a signed file, or took a signature from another one.

use std::ops::Range;

use authenticode::{
    AttributeCertificateAuthenticodeError as CertificateError, AttributeCertificateIterator,
    AuthenticodeSignature, PeOffsetError, PeOffsets, PeTrait, authenticode_digest,
};
use object::LittleEndian as LE;
use object::pe::IMAGE_DIRECTORY_ENTRY_SECURITY;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::limits::SIGNATURES_MAX;
use crate::reason::Reason;
use crate::report::Facts;

/// Bytes of the optional header before its checksum, in both widths.
const BEFORE_CHECKSUM: usize = 64;
/// Bytes of one data directory.
const DIRECTORY_BYTES: usize = 8;

pub(super) fn note<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>, bytes: &[u8], facts: &mut Facts) {
    let Some(layout) = Layout::of(file, bytes) else {
        return;
    };
    let Ok(Some(certificates)) = AttributeCertificateIterator::new(&layout) else {
        facts.add(Reason::PeSignatureOdd, "no certificate table");
        return;
    };
    for certificate in certificates.take(SIGNATURES_MAX) {
        let Ok(certificate) = certificate else {
            facts.add(Reason::PeSignatureOdd, "certificate table");
            return;
        };
        match certificate.get_authenticode_signature() {
            Ok(signature) => judge(&layout, &signature, facts),
            // A certificate of another kind, which Windows does not look at.
            Err(CertificateError::InvalidCertificateType(_)) => {}
            Err(_) => facts.add(Reason::PeSignatureOdd, "form"),
        }
    }
}

fn judge(layout: &Layout<'_>, signature: &AuthenticodeSignature, facts: &mut Facts) {
    let algorithm = signature.digest_algorithm().oid.to_string();
    let digest = match algorithm.as_str() {
        "1.3.14.3.2.26" => layout.digest::<Sha1>(),
        "2.16.840.1.101.3.4.2.1" => layout.digest::<Sha256>(),
        "2.16.840.1.101.3.4.2.2" => layout.digest::<Sha384>(),
        "2.16.840.1.101.3.4.2.3" => layout.digest::<Sha512>(),
        _ => return facts.add(Reason::PeSignatureOdd, "digest algorithm"),
    };
    match digest {
        None => facts.add(Reason::PeSignatureOdd, "layout"),
        Some(digest) if digest == signature.digest() => facts.add(Reason::PeSigned, algorithm),
        Some(_) => facts.add(Reason::PeSignatureBroken, "digest"),
    }
}

/// Where the parts are that the digest covers, and those that it leaves out.
struct Layout<'a> {
    bytes: &'a [u8],
    sections: Vec<Range<usize>>,
    offsets: PeOffsets,
    table: Range<usize>,
}

impl<'a> Layout<'a> {
    /// Nothing when the file claims no signature.
    fn of<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>, bytes: &'a [u8]) -> Option<Self> {
        let directory = file
            .data_directories()
            .get(IMAGE_DIRECTORY_ENTRY_SECURITY)?;
        let (at, size) = (
            directory.virtual_address.get(LE) as usize,
            directory.size.get(LE) as usize,
        );
        if at == 0 || size == 0 {
            return None;
        }
        let header = file.nt_headers().optional_header();
        let optional = (std::ptr::from_ref(header) as usize).checked_sub(bytes.as_ptr() as usize)?;
        let check_sum = optional.checked_add(BEFORE_CHECKSUM)?;
        let security = optional
            .checked_add(size_of_val(header))?
            .checked_add(DIRECTORY_BYTES * IMAGE_DIRECTORY_ENTRY_SECURITY)?;
        let sections = file.section_table().iter().map(|section| {
            let at = section.pointer_to_raw_data.get(LE) as usize;
            Some(at..at.checked_add(section.size_of_raw_data.get(LE) as usize)?)
        });
        Some(Self {
            bytes,
            sections: sections.collect::<Option<_>>()?,
            offsets: PeOffsets {
                check_sum,
                after_check_sum: check_sum.checked_add(4)?,
                security_data_dir: security,
                after_security_data_dir: security.checked_add(DIRECTORY_BYTES)?,
                after_header: header.size_of_headers() as usize,
            },
            table: at..at.checked_add(size)?,
        })
    }

    fn digest<D: Digest>(&self) -> Option<Vec<u8>> {
        let mut hashing = Hashing(D::new());
        authenticode_digest(self, &mut hashing).ok()?;
        Some(hashing.0.finalize().to_vec())
    }
}

impl PeTrait for Layout<'_> {
    fn data(&self) -> &[u8] {
        self.bytes
    }

    fn num_sections(&self) -> usize {
        self.sections.len()
    }

    fn section_data_range(&self, index: usize) -> Result<Range<usize>, PeOffsetError> {
        let range = index.checked_sub(1).and_then(|at| self.sections.get(at));
        range.cloned().ok_or(PeOffsetError)
    }

    fn certificate_table_range(&self) -> Result<Option<Range<usize>>, PeOffsetError> {
        Ok(Some(self.table.clone()))
    }

    fn offsets(&self) -> Result<PeOffsets, PeOffsetError> {
        Ok(self.offsets.clone())
    }
}

/// The traits of `digest` that `authenticode` knows are those of an older version than ours.
struct Hashing<D>(D);

impl<D: Digest> digest_010::Update for Hashing<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}
