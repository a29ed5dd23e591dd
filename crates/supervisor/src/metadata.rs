//! Judging a candidate metadata file: the signer's diff, and who signed it before us.

use std::collections::BTreeSet;

use law::{Code, Refusal, Settled, SignableMetadata};
use statement::{Constitution, KeyId, Party, PartyKey, Role};
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
        let roster = Roster {
            constitution: view.constitution()?,
            view,
            now,
        };
        check_center_signed(roster, &file, signable.signing_bytes(), own)?;
        if role == "targets" {
            check_delegations(roster, file.signed())?;
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

/// The TUF keys in force now. They sign no entries, so nothing else asks whether they ended.
#[derive(Clone, Copy)]
struct Roster<'a> {
    constitution: &'a Constitution,
    view: Settled<'a>,
    now: u64,
}

impl<'a> Roster<'a> {
    /// Every TUF key that was neither revoked nor outlived, with its party.
    fn keys(self) -> impl Iterator<Item = (&'a Party, tuf::Key)> {
        let in_force = move |key: &PartyKey| {
            let id = key.raw().map(|raw| KeyId::of(&raw));
            key.role == Role::Tuf
                && key.not_after >= self.now
                && id.is_ok_and(|id| !self.view.state().is_revoked(id))
        };
        self.constitution
            .keys()
            .filter(move |(_, key)| in_force(key))
            .filter_map(|(party, key)| {
                let raw = key.raw().ok()?.try_into().ok()?;
                Some((party, tuf::Key::from_raw(raw).ok()?))
            })
    }

    /// The party of a TUF key.
    fn owner(self, key: &tuf::Key) -> Option<&'a Party> {
        self.keys()
            .find(|(_, held)| held.raw() == key.raw())
            .map(|(party, _)| party)
    }
}

fn has_role(party: &Party, role: Role) -> bool {
    party.keys.iter().any(|key| key.role == role)
}

/// A center of another legal owner signed, and nobody unknown did. The supervisor signs last, so that
/// its signature never lies around alone.
fn check_center_signed(
    roster: Roster<'_>,
    file: &Signed<Targets>,
    bytes: &[u8],
    own: &tuf::Key,
) -> Result<(), Refusal> {
    let no = |detail: String| Refusal::new(Code::MetadataQuorum, detail);
    let us = roster
        .owner(own)
        .filter(|party| has_role(party, Role::Supervisor));
    let us = us.ok_or_else(|| {
        no(format!(
            "our key {} is no TUF key of a supervisor on the roster",
            own.id()
        ))
    })?;
    let mut signers = Vec::new();
    for signature in file.signatures() {
        let id = signature.key_id();
        let signer = roster.keys().find(|(_, key)| key.id() == *id);
        let (party, key) = signer.ok_or_else(|| no(format!("key {id} is not on the roster")))?;
        if !key.verifies(bytes, signature.bytes()) {
            return Err(no(format!("the signature by key {id} does not verify")));
        }
        signers.push(party);
    }
    let is_center =
        |party: &&Party| has_role(party, Role::Center) && party.legal_owner != us.legal_owner;
    if signers.iter().any(is_center) {
        return Ok(());
    }
    Err(no("no center signed the candidate".to_owned()))
}

/// Both roles are delegated, only to rostered TUF keys, to center and supervisor alike, and no role to
/// a threshold that one key meets.
fn check_delegations(roster: Roster<'_>, top: &Targets) -> Result<(), Refusal> {
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
            let party = roster.owner(key).ok_or_else(|| {
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
