//! A platform's signature in a received file: taken off, and attached again.

use law::{Attached, Code, Refusal, Settled};
use statement::StatementDigest;

/// Whether the released file carries a platform's signature inside.
pub(crate) fn is_signed_inside(view: Settled<'_>, release: StatementDigest) -> bool {
    let entries = view.releases(release).unwrap_or_default();
    let shipped = entries.first().map(|release| release.shipped().0);
    shipped.is_some_and(|shipped| shipped != entries[0].artifact)
}

/// What the platform's signature in `file` was attached to, if the release says that there is one inside.
///
/// # Errors
/// [`Code::ReleaseAttached`] when the file does not come apart into an artifact of the stated size and a signature.
pub(crate) fn attach_again(
    view: Settled<'_>,
    release: StatementDigest,
    file: &[u8],
) -> Result<Option<Attached>, Refusal> {
    if !is_signed_inside(view, release) {
        return Ok(None);
    }
    let entries = view.releases(release)?;
    let no = |detail: String| Refusal::new(Code::ReleaseAttached, detail);
    let parts = binary::separate(file, entries[0].artifact_bytes);
    let parts = parts.map_err(|error| no(error.to_string()))?;
    let (artifact, signature) = parts.ok_or_else(|| no("no signature is inside".to_owned()))?;
    let attach = |artifact: &[u8], signature: &[u8]| {
        binary::attach(artifact, signature).map(|signed| signed.program)
    };
    let attached = Attached::recompute(&artifact, &signature, attach);
    attached.map(Some).map_err(|error| no(error.to_string()))
}
