//! Who the sandbox is on the host: an unprivileged uid, different for each party.

use std::path::Path;

use crate::{Refusal, SandboxError};

/// The first uid of the range used when root starts sandboxes. Debian allocates nothing there (policy 9.2.2:
/// 60000-64999 is for packages that ask; none has these).
const UID_BASE: u32 = 64_200;
/// How many parties one machine may have.
const PARTIES_MAX: u32 = 300;

/// The host uid and gid under which a sandbox runs. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    uid: u32,
    gid: u32,
    caller_is_root: bool,
}

impl Identity {
    /// The identity for party number `party` of this machine: uid 64200 + `party` when we are root, and the
    /// caller itself otherwise (then parties are apart by folder only, and reports must say so).
    ///
    /// # Errors
    /// [`Refusal::BadRequest`] for a party number of 300 or more.
    pub fn for_party(party: u32) -> Result<Self, Refusal> {
        Self::for_party_from(UID_BASE, party)
    }

    /// [`Identity::for_party`] with another first uid, for machines where 64200 and up are taken.
    ///
    /// # Errors
    /// [`Refusal::BadRequest`] for a party number of 300 or more, or a base below 1000.
    pub fn for_party_from(uid_base: u32, party: u32) -> Result<Self, Refusal> {
        if party >= PARTIES_MAX {
            return Err(Refusal::BadRequest {
                field: "party",
                value: party.to_string(),
                want: "a number from 0 to 299",
            });
        }
        if !(1000..=0x7fff_0000).contains(&uid_base) {
            return Err(Refusal::BadRequest {
                field: "uid_base",
                value: uid_base.to_string(),
                want: "a uid of 1000 or more that no account has",
            });
        }
        let caller = rustix::process::geteuid();
        if caller.is_root() {
            return Ok(Self {
                uid: uid_base + party,
                gid: uid_base + party,
                caller_is_root: true,
            });
        }
        let gid = rustix::process::getegid().as_raw();
        Ok(Self {
            uid: caller.as_raw(),
            gid,
            caller_is_root: false,
        })
    }

    /// The uid on the host.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The gid on the host.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Whether this party has a uid of its own, that is, whether root drops to it.
    #[must_use]
    pub fn is_dedicated(&self) -> bool {
        self.caller_is_root
    }

    /// Gives `path` (itself, not what it points to) to this identity. Does nothing when the caller is not root,
    /// because then everything we create is already ours.
    ///
    /// # Errors
    /// [`SandboxError::Io`].
    pub fn own(&self, path: &Path) -> Result<(), SandboxError> {
        if !self.caller_is_root {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .map_err(SandboxError::io("give away", path))
    }

    /// Refuses an identity that does not fit who we are now.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let caller = rustix::process::geteuid();
        let wrong = |remedy| Refusal::WrongIdentity {
            wanted: self.uid,
            caller: caller.as_raw(),
            remedy,
        };
        if self.uid == 0 {
            return Err(wrong(
                "a sandbox never runs as root; use an unprivileged uid",
            ));
        }
        if !caller.is_root() && caller.as_raw() != self.uid {
            return Err(wrong("make the identity in the process that uses it"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn two_parties_of_a_root_caller_have_different_uids() {
        let (a, b) = (
            Identity::for_party(0).unwrap(),
            Identity::for_party(1).unwrap(),
        );
        assert_eq!(a.is_dedicated(), a != b);
        assert_ne!(a.uid(), 0);
    }

    #[test]
    fn a_party_number_or_base_out_of_range_is_refused() {
        assert!(Identity::for_party(300).is_err());
        assert!(Identity::for_party_from(0, 0).is_err());
    }
}
