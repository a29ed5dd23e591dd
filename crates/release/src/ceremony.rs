//! The first publication: a root that center and supervisor sign, delegations, two empty roles.
//!
//! The root comes first of all, before there is a constitution, since the constitution names its digest:
//! [`begin_root`], then [`sign_root`] by each holder of a root key on a machine of its own, then
//! [`complete_root`]. The rest needs the log: [`Room::init_repository`].

use law::{Code, Refusal};
use statement::FileDigest;
use tuf::{Authority, Root, RootPlan, Seats, Signed, TargetRole, TopRole, TufSigner};

use crate::{
    error::ReleaseError,
    log_access::CenterLog,
    metadata_role::MetadataRole,
    publish::{Content, Published},
    room::Room,
    root_change::check_next,
};

/// Who signs the delegated roles.
#[derive(Debug, Clone)]
pub struct RoleSeats {
    /// Keys and threshold of `software`.
    pub software: Seats,
    /// Keys and threshold of `rules`.
    pub rules: Seats,
}

impl RoleSeats {
    pub(crate) fn roles(&self) -> [(TargetRole, Seats); 2] {
        [
            (TargetRole::Software, self.software.clone()),
            (TargetRole::Rules, self.rules.clone()),
        ]
    }
}

/// The seats of a role, as a root has them: to begin the next one from.
///
/// # Errors
/// The file is no root.
pub fn seats_of(root: &[u8], role: TopRole) -> Result<Seats, ReleaseError> {
    let root = Signed::<Root>::parse(root)?;
    let authority = root.signed().authority(role)?;
    Ok(Seats {
        keys: authority.keys().cloned().collect(),
        threshold: authority.threshold(),
    })
}

/// A root without signatures, to be carried to those who sign.
///
/// # Errors
/// The plan contradicts itself.
pub fn begin_root(plan: &RootPlan) -> Result<Vec<u8>, ReleaseError> {
    Ok(Root::build(plan)?.to_bytes()?)
}

/// The same root with one more signature.
///
/// # Errors
/// The file is no root, or the key signed already with other bytes.
pub fn sign_root(file: &[u8], signer: &dyn TufSigner) -> Result<Vec<u8>, ReleaseError> {
    let mut root = Signed::<Root>::parse(file)?;
    root.sign(signer)?;
    Ok(root.to_bytes()?)
}

/// Puts the signatures of several copies of one root together; enough of its keys must have signed.
///
/// `before` is the root it follows: signatures of that one's keys are kept too.
///
/// # Errors
/// The copies differ, a signature is wrong, or the root's own threshold is not met.
pub fn complete_root(copies: &[&[u8]], before: Option<&[u8]>) -> Result<Vec<u8>, ReleaseError> {
    let mut authorities = Vec::new();
    if let Some(before) = before {
        let before = Signed::<Root>::parse(before)?;
        authorities.push(before.signed().authority(TopRole::Root)?);
    }
    let mut whole: Option<Signed<Root>> = None;
    for copy in copies {
        let copy = Signed::<Root>::parse(copy)?;
        let Some(whole) = &mut whole else {
            authorities.push(copy.signed().authority(TopRole::Root)?);
            whole = Some(copy);
            continue;
        };
        for signature in copy.signatures() {
            let mut keys = authorities.iter().flat_map(Authority::keys);
            let key = keys.find(|key| key.id() == *signature.key_id());
            let key = key.ok_or_else(|| ReleaseError::RootSigner {
                keyid: signature.key_id().to_string(),
            })?;
            // Over another root the signature does not verify, so copies that differ are refused.
            whole.add_signature(key, signature.bytes())?;
        }
    }
    let whole = whole.ok_or(ReleaseError::NotInitialised { missing: "root" })?;
    let bytes = whole.to_bytes()?;
    match before {
        None => drop(tuf::verify_first_root(&bytes)?),
        Some(before) => {
            let before = Signed::<Root>::parse(before)?;
            drop(check_next(before.signed(), &bytes)?);
        }
    }
    Ok(bytes)
}

impl<L: CenterLog> Room<'_, L> {
    /// Publishes version 1 of everything: the root that the constitution names, `targets` with its
    /// delegations, `software` and `rules` without targets. Again after a crash, it finishes.
    ///
    /// # Errors
    /// [`Code::TufRoot`] when the constitution names another root; else as for [`Room::publish`].
    pub async fn init_repository(
        &mut self,
        root: &[u8],
        seats: &RoleSeats,
    ) -> Result<Published, ReleaseError> {
        tuf::verify_first_root(root)?;
        self.log.sync().await?;
        let named = self.log.view()?.constitution()?.tuf_root;
        let digest = FileDigest::of(root);
        if named != digest {
            let detail = format!("{digest}; the constitution names {named}");
            return Err(Refusal::new(Code::TufRoot, detail).into());
        }
        self.repository.create("metadata/1.root.json", root)?;
        self.finish(MetadataRole::Targets).await?;
        // Later versions follow the constitution: `redelegate`.
        if self.log.view()?.newest_publication("targets")?.is_none() {
            self.revise(MetadataRole::Targets, &Content::Delegating(seats))
                .await?;
        }
        self.publish().await
    }
}
