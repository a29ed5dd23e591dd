//! Opening envelopes and saying why not.

use statement::{Envelope, Predicate, Signed, StatementDigest};

/// The build that a statement of the software stream is about.
pub(crate) fn build_of(predicate: &Predicate) -> Option<StatementDigest> {
    match predicate {
        Predicate::Provenance(provenance) => Some(provenance.build()),
        Predicate::Commitment(commitment) => Some(commitment.build),
        Predicate::Rebuild(rebuild) => Some(rebuild.build),
        Predicate::Emergency(emergency) => Some(emergency.build),
        Predicate::Approval(approval) => {
            approval.resource_uri.rsplit_once("/build/")?.1.parse().ok()
        }
        Predicate::TestResult(tests) => tests.build(),
        _ => None,
    }
}

/// Opens an envelope with a rostered key.
pub(crate) fn open(envelope: &Envelope, key: &statement::PartyKey) -> Result<Signed, String> {
    let raw = key.raw().map_err(|error| error.to_string())?;
    let raw: [u8; 32] = raw
        .try_into()
        .map_err(|_| "the key is not Ed25519".to_owned())?;
    envelope.open(&raw).map_err(|error| chain(&error))
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
