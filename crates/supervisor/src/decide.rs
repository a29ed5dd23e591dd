//! What the log as it stands calls for. Pure: decided here, done in `room`.

use std::collections::BTreeSet;

use law::{Approvable, Refusal, Releasable, Settled};
use statement::{KeyId, Predicate, Role, Statement, StatementDigest, VerificationResult};

use crate::refused::Refused;

/// What there is to do, and what is refused.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    /// Builds with enough evidence and without an approval of ours.
    pub(crate) approve: Vec<Approvable>,
    /// Releases the center signed and we did not.
    pub(crate) release: Vec<Releasable>,
    /// Everything else that waits for us.
    pub(crate) refused: Vec<Refused>,
    /// Subjects that need nothing more.
    pub(crate) settled: BTreeSet<StatementDigest>,
}

/// Judges every build and every open release. `own` is our statement key.
pub(crate) fn plan_duties(view: Settled<'_>, own: KeyId) -> Duties {
    let mut duties = Duties::default();
    let size = view.state().settled_size();
    for build in view.builds() {
        if is_approved(view, build, own) {
            duties.settled.insert(build);
            continue;
        }
        match Approvable::check(view, build) {
            Ok(approvable) => duties.approve.push(approvable),
            Err(refusal) => duties.refused.push(Refused::new(build, &refusal, size)),
        }
    }
    for open in view.open_releases() {
        let digest = open.digest();
        match plan_release(view, digest, own) {
            Ok(Some(releasable)) => duties.release.push(releasable),
            Ok(None) => {
                duties.settled.insert(digest);
            }
            Err(refusal) => duties.refused.push(Refused::new(digest, &refusal, size)),
        }
    }
    for quorum in view.released() {
        duties.settled.insert(quorum.release().digest());
    }
    duties
}

/// Whether an approval of ours stands.
fn is_approved(view: Settled<'_>, build: StatementDigest, own: KeyId) -> bool {
    view.entries_of_build(build).into_iter().any(|entry| {
        entry.key() == own
            && matches!(&entry.statement().predicate,
                Predicate::Approval(a) if a.verification_result == VerificationResult::Passed)
    })
}

/// The release to sign: the very payload of the center's entry. `None` when we signed it already, or
/// when the center did not sign it (we do not begin a release).
fn plan_release(
    view: Settled<'_>,
    digest: StatementDigest,
    own: KeyId,
) -> Result<Option<Releasable>, Refusal> {
    let entries = view.releases(digest)?;
    if entries.iter().any(|entry| entry.standing().key() == own) {
        return Ok(None);
    }
    let center = entries
        .iter()
        .find(|entry| entry.standing().role() == Role::Center);
    let Some(center) = center else {
        return Ok(None);
    };
    let payload = payload_of(center.standing().statement())?;
    if StatementDigest::of(&payload) != digest {
        // Cannot happen while statements have one spelling; signing another payload must not.
        let detail = format!("release {digest} has a second spelling");
        return Err(Refusal::new(law::Code::EntryMalformed, detail));
    }
    Releasable::check(view, &payload).map(Some)
}

fn payload_of(statement: &Statement) -> Result<Vec<u8>, Refusal> {
    statement
        .to_payload()
        .map_err(|error| Refusal::new(law::Code::EntryMalformed, error.to_string()))
}
