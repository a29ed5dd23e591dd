//! Judging a candidate metadata file: the signer's diff, and who signed it before us.

use std::collections::BTreeSet;

use law::{Code, Refusal, Settled, SignableMetadata};
use statement::{Constitution, Party, Role};
use tuf::{Signed, TargetRole, Targets};

/// Metadata that the supervisor may sign. Made only by [`Cosignable::check`].
#[derive(Debug)]
pub(crate) struct Cosignable {
    signable: SignableMetadata,
    file: Signed<Targets>,
}

impl Cosignable {
    /// Judges a candidate against the file that was published before it.
    ///
    /// `own` is the key that would sign; `now` the supervisor's clock.
    pub(crate) fn check(
        view: Settled<'_>,
        role: &str,
        (previous, candidate): (Option<&[u8]>, &[u8]),
        own: &tuf::Key,
        now: u64,
    ) -> Result<Self, Refusal> {
        let signable = SignableMetadata::check(view, role, previous, candidate, now)?;
        let file: Signed<Targets> = Signed::parse(candidate)
            .map_err(|error| Refusal::new(Code::MetadataMalformed, error.to_string()))?;
        let constitution = view.constitution()?;
        check_center_signed(constitution, &file, signable.signing_bytes(), own)?;
        if role == "targets" {
            check_delegations(constitution, file.signed())?;
        }
        Ok(Self { signable, file })
    }

    /// What the law minted.
    pub(crate) const fn signable(&self) -> &SignableMetadata {
        &self.signable
    }

    /// The candidate.
    pub(crate) const fn file(&self) -> &Signed<Targets> {
        &self.file
    }
}

/// The party of a TUF key on the roster.
fn owner<'a>(constitution: &'a Constitution, key: &tuf::Key) -> Option<&'a Party> {
    constitution
        .keys()
        .find(|(_, held)| held.role == Role::Tuf && held.raw().is_ok_and(|raw| raw == key.raw()))
        .map(|(party, _)| party)
}

fn has_role(party: &Party, role: Role) -> bool {
    party.keys.iter().any(|key| key.role == role)
}

/// A center of another legal owner signed, and nobody unknown did. The supervisor signs last, so that
/// its signature never lies around alone.
fn check_center_signed(
    constitution: &Constitution,
    file: &Signed<Targets>,
    bytes: &[u8],
    own: &tuf::Key,
) -> Result<(), Refusal> {
    let no = |detail: String| Refusal::new(Code::MetadataQuorum, detail);
    let us = owner(constitution, own).filter(|party| has_role(party, Role::Supervisor));
    let us = us.ok_or_else(|| {
        no(format!(
            "our key {} is no TUF key of a supervisor on the roster",
            own.id()
        ))
    })?;
    let mut centers = 0;
    for signature in file.signatures() {
        let id = signature.key_id();
        let signer = rostered(constitution).find(|(_, key)| key.id() == *id);
        let (party, key) = signer.ok_or_else(|| no(format!("key {id} is not on the roster")))?;
        if !key.verifies(bytes, signature.bytes()) {
            return Err(no(format!("the signature by key {id} does not verify")));
        }
        if has_role(party, Role::Center) && party.legal_owner != us.legal_owner {
            centers += 1;
        }
    }
    if centers == 0 {
        return Err(no("no center signed the candidate".to_owned()));
    }
    Ok(())
}

/// Every TUF key on the roster with its party.
fn rostered(constitution: &Constitution) -> impl Iterator<Item = (&Party, tuf::Key)> {
    constitution
        .keys()
        .filter(|(_, key)| key.role == Role::Tuf)
        .filter_map(|(party, key)| {
            let raw = key.raw().ok()?.try_into().ok()?;
            Some((party, tuf::Key::from_raw(raw).ok()?))
        })
}

/// Both roles are delegated, only to rostered TUF keys, to center and supervisor alike, and no role to
/// a threshold that one key meets.
fn check_delegations(constitution: &Constitution, top: &Targets) -> Result<(), Refusal> {
    let no = |role: TargetRole, detail: &str| {
        Refusal::new(
            Code::MetadataQuorum,
            format!("delegation of `{role}`: {detail}"),
        )
    };
    for role in TargetRole::ALL {
        let authority = top
            .delegations()
            .and_then(|delegations| delegations.authority(role.as_str()).ok())
            .ok_or_else(|| no(role, "is missing"))?;
        let mut owners: [BTreeSet<&str>; 2] = Default::default();
        for key in authority.keys() {
            let party = owner(constitution, key).ok_or_else(|| {
                no(
                    role,
                    &format!("key {} is no TUF key on the roster", key.id()),
                )
            })?;
            for (owners, kind) in owners.iter_mut().zip([Role::Center, Role::Supervisor]) {
                if has_role(party, kind) {
                    owners.insert(&party.legal_owner);
                }
            }
        }
        let [centers, supervisors] = &owners;
        let distinct = centers
            .iter()
            .any(|center| supervisors.iter().any(|supervisor| supervisor != center));
        if !distinct {
            return Err(no(role, "it needs keys of a center and of a supervisor"));
        }
        if authority.threshold() < 2 {
            return Err(no(role, "one signature would be enough"));
        }
    }
    Ok(())
}
