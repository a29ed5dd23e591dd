//! What the log as it stands calls for. Pure: decided here, done in `room`.

use std::collections::BTreeSet;

use law::{Approvable, Refusal, Releasable, Settled, Unopposed};
use statement::{KeyId, Predicate, Role, Statement, StatementDigest, VerificationResult};

use crate::{refused::Refused, signed::AttachedAgain};

/// What there is to do, and what is refused.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    /// Builds with enough evidence and without an approval of ours.
    pub(crate) approve: Vec<Unopposed<Approvable>>,
    /// Releases the center signed and we did not.
    pub(crate) release: Vec<Unopposed<Releasable>>,
    /// Everything else that waits for us.
    pub(crate) refused: Vec<Refused>,
    /// Subjects that need nothing more.
    pub(crate) settled: BTreeSet<StatementDigest>,
}

/// Judges every build and every open release of the center's log. `others` are the other logs of the
/// constitution, `own` is our statement key, `ring_seconds` how long a release stays in a ring before a
/// wider one gets it, `attached` what this process made of platforms' signatures.
pub(crate) fn plan_duties(
    view: Settled<'_>,
    others: &[Settled<'_>],
    own: KeyId,
    ring_seconds: u64,
    attached: &AttachedAgain,
) -> Duties {
    let mut duties = Duties::default();
    let size = view.state().settled_size();
    for build in view.builds() {
        if is_approved(view, build, own) {
            duties.settled.insert(build);
            continue;
        }
        let approvable = Approvable::check(view, build);
        match approvable.and_then(|approvable| approvable.unopposed(view, others)) {
            Ok(approvable) => duties.approve.push(approvable),
            Err(refusal) => duties.refused.push(Refused::new(build, &refusal, size)),
        }
    }
    // The newest first: when we were away, one release comes of many builds.
    duties.approve.reverse();
    for open in view.open_releases() {
        let digest = open.digest();
        let planned =
            plan_release(view, others, digest, own, attached).and_then(|planned| match planned {
                Some(releasable) => {
                    law::check_ring(view, releasable.release(), ring_seconds)?;
                    Ok(Some(releasable))
                }
                None => Ok(None),
            });
        match planned {
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
    others: &[Settled<'_>],
    digest: StatementDigest,
    own: KeyId,
    attached: &AttachedAgain,
) -> Result<Option<Unopposed<Releasable>>, Refusal> {
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
    Releasable::check_signed(view, &payload, attached.get(digest))?
        .unopposed(view, others)
        .map(Some)
}

fn payload_of(statement: &Statement) -> Result<Vec<u8>, Refusal> {
    statement
        .to_payload()
        .map_err(|error| Refusal::new(law::Code::EntryMalformed, error.to_string()))
}
