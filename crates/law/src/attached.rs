//! What a platform signs: the shipped file is the artifact with the signature attached, and nothing else.
//!
//! ```text
//! shipped = attach(artifact, signature)      artifact: rebuilt by k parties; signature: a public blob
//! ```
//!
//! Attaching is a pure function of bytes, so whoever has both does it again and compares digests. Where
//! a signature lies beside the program (ELF), the shipped file is the artifact itself.

use statement::{FileDigest, PlatformSigned, Release};

use crate::refusal::{Code, Refusal};

/// A signature that was attached to an artifact again, by whoever holds this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    artifact: (FileDigest, u64),
    signature: (FileDigest, u64),
    shipped: (FileDigest, u64),
}

impl Attached {
    /// Attaches `signature` to `artifact` with the platform's own pure function (`binary::attach`).
    ///
    /// # Errors
    /// Why the function refuses them.
    pub fn recompute<E>(
        artifact: &[u8],
        signature: &[u8],
        attach: impl FnOnce(&[u8], &[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let shipped = attach(artifact, signature)?;
        let digest = |bytes: &[u8]| (FileDigest::of(bytes), bytes.len() as u64);
        Ok(Self {
            artifact: digest(artifact),
            signature: digest(signature),
            shipped: digest(&shipped),
        })
    }

    /// What a release says of it.
    pub const fn signed(&self) -> PlatformSigned {
        PlatformSigned {
            signature: self.signature.0,
            shipped: self.shipped.0,
            shipped_bytes: self.shipped.1,
        }
    }

    /// Digest and size of the signature.
    pub const fn signature(&self) -> (FileDigest, u64) {
        self.signature
    }
}

/// A release with a platform's signature names it as a public blob, so that everybody can do it again.
pub(crate) fn check_named(release: &Release) -> Result<(), Refusal> {
    let Some(signed) = release.signed else {
        return Ok(());
    };
    let mut blobs = release.blobs.iter();
    if blobs.any(|blob| blob.sha256 == signed.signature && blob.public) {
        return Ok(());
    }
    let detail = format!(
        "signature {} is not among its public blobs",
        signed.signature
    );
    Err(Refusal::new(Code::ReleaseAttached, detail))
}

/// For a signer, who has fetched artifact and signature.
pub(crate) fn check_recomputed(
    release: &Release,
    attached: Option<&Attached>,
) -> Result<(), Refusal> {
    let Some(signed) = release.signed else {
        return Ok(());
    };
    let no = |detail: String| Err(Refusal::new(Code::ReleaseAttached, detail));
    let Some(attached) = attached else {
        return no("the signature was not attached here again".to_owned());
    };
    if attached.artifact != (release.artifact, release.artifact_bytes) {
        return no(format!(
            "the signature was attached to {}, the build made {}",
            attached.artifact.0, release.artifact
        ));
    }
    if attached.signature.0 != signed.signature {
        return no(format!(
            "signature {} was attached, the release names {}",
            attached.signature.0, signed.signature
        ));
    }
    if attached.shipped != release.shipped() {
        return no(format!(
            "artifact and signature make {} ({} bytes), the release ships {} ({} bytes)",
            attached.shipped.0, attached.shipped.1, signed.shipped, signed.shipped_bytes
        ));
    }
    Ok(())
}

/// For whoever received the shipped file. The artifact itself needs no signature to be what was rebuilt.
pub(crate) fn check_received(
    release: &Release,
    attached: Option<&Attached>,
) -> Result<(), Refusal> {
    if release.shipped() == (release.artifact, release.artifact_bytes) {
        return Ok(());
    }
    check_recomputed(release, attached)
}
