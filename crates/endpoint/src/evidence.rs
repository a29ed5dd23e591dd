//! Bundles as they arrive: parsed, opened under the anchor, and asked about withdrawals.

use law::{Bundle, Code, OpenBundle, Refusal};
use statement::StatementDigest;

use crate::error::EndpointError;

/// Parses a bundle and verifies everything in it under the anchor; both are returned. `what` names it in
/// messages.
///
/// # Errors
/// [`EndpointError::Bundle`] when the bytes are no bundle, [`EndpointError::Law`] when the law says no.
pub(crate) fn open_bundle(
    what: &str,
    bytes: &[u8],
    anchor: StatementDigest,
) -> Result<(Bundle, OpenBundle), EndpointError> {
    let bundle = Bundle::parse(bytes).map_err(|source| EndpointError::Bundle {
        what: what.to_owned(),
        source,
    })?;
    let open = bundle.open(anchor)?;
    Ok((bundle, open))
}

/// Refuses a release that one of the bundles shows to be withdrawn.
///
/// # Errors
/// [`Code::ReleaseWithdrawn`] with the reason that was logged.
pub(crate) fn check_withdrawn<'a>(
    bundles: impl IntoIterator<Item = &'a OpenBundle>,
    release: StatementDigest,
) -> Result<(), Refusal> {
    let withdrawal = bundles
        .into_iter()
        .find_map(|bundle| bundle.view().withdrawal(release));
    withdrawal.map_or(Ok(()), |withdrawal| {
        let who = withdrawal.standing().party();
        Err(Refusal::new(
            Code::ReleaseWithdrawn,
            format!("by {who}: {}", withdrawal.reason),
        ))
    })
}
