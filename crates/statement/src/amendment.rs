//! Drafting the successor of a constitution: what changes is said, the rest stays.
//!
//! Nothing here decides anything: the draft counts when the parties signed it and the law took it.
//!
//! ```text
//! constitution 1  + remove lab-b, add lab-c, TUF root 9f03...  = constitution 2, unsigned
//! ```

use std::collections::BTreeSet;

use tlog::{Origin, Policy};

use crate::{
    governance::{Constitution, LogEntry, Party, RosterError},
    ids::{FileDigest, PartyId, StatementDigest},
};

/// What a successor changes.
#[derive(Debug, Clone, Default)]
pub struct Amendment {
    /// Parties that leave, with their keys, logs and witnesses.
    pub remove: Vec<PartyId>,
    /// Parties that come, or whose entry is replaced as a whole.
    pub add: Vec<Party>,
    /// Logs that come: origin, and verifier keys of it.
    pub logs: Vec<(PartyId, Origin, Vec<String>)>,
    /// Witnesses that come: verifier keys of one party, all of which must cosign.
    pub witnesses: Vec<(PartyId, Vec<String>)>,
    /// Another witness policy as a whole, instead of the old one with these changes.
    pub tlog_policy: Option<String>,
    /// Digest of another TUF root.
    pub tuf_root: Option<FileDigest>,
    /// Another floor of rebuilds.
    pub rebuilds_min: Option<u64>,
    /// Another floor of governance signatures.
    pub governance_min: Option<u64>,
    /// Another delay.
    pub change_delay_seconds: Option<u64>,
}

/// Why there is no draft.
#[derive(Debug, thiserror::Error)]
pub enum AmendmentError {
    /// The party is not there.
    #[error("`{party}` is no party of constitution {version}; its parties are: {parties}")]
    NoSuchParty {
        /// Who was named.
        party: PartyId,
        /// The constitution in force.
        version: u64,
        /// Who is there.
        parties: String,
    },
    /// The draft contradicts itself.
    #[error("the draft is refused; change it")]
    Roster(#[from] RosterError),
    /// The old policy has no group to put a witness into.
    #[error(
        "the quorum `{quorum}` of the witness policy is no group of members; write the new policy yourself"
    )]
    Quorum {
        /// What stands as quorum.
        quorum: String,
    },
}

impl Amendment {
    /// Drafts the successor of `current`, whose payload has the digest `digest`.
    ///
    /// # Errors
    /// [`AmendmentError`] naming what does not fit.
    pub fn draft(
        &self,
        current: &Constitution,
        digest: StatementDigest,
        not_after: u64,
    ) -> Result<Constitution, AmendmentError> {
        let mut next = current.clone();
        next.version = current.version + 1;
        next.previous = Some(digest);
        next.not_after = not_after;
        for party in &self.remove {
            if current.find_party(party).is_none() {
                return Err(no_such_party(current, party));
            }
            next.parties.retain(|found| found.id != *party);
            next.logs.retain(|log| log.party != *party);
        }
        for party in &self.add {
            match next.parties.iter_mut().find(|found| found.id == party.id) {
                Some(found) => found.clone_from(party),
                None => next.parties.push(party.clone()),
            }
        }
        for (party, origin, _) in &self.logs {
            next.logs.push(LogEntry {
                origin: origin.clone(),
                party: party.clone(),
            });
        }
        // It is laid down in the logs of both.
        let origins = current.logs.iter().chain(&next.logs).map(|log| &log.origin);
        let mut seen = BTreeSet::new();
        next.audience = origins.filter(|o| seen.insert(*o)).cloned().collect();
        next.tlog_policy = match &self.tlog_policy {
            Some(policy) => policy.clone(),
            None => self.policy(current, &next)?,
        };
        next.tuf_root = self.tuf_root.unwrap_or(current.tuf_root);
        let floors = &mut next.floors;
        floors.rebuilds_min = self.rebuilds_min.unwrap_or(floors.rebuilds_min);
        floors.governance_min = self.governance_min.unwrap_or(floors.governance_min);
        let delay = self.change_delay_seconds;
        floors.change_delay_seconds = delay.unwrap_or(floors.change_delay_seconds);
        next.check_roster()?;
        Ok(next)
    }

    /// The old policy without the keys that left, and with the logs and witnesses that come.
    fn policy(
        &self,
        current: &Constitution,
        next: &Constitution,
    ) -> Result<String, AmendmentError> {
        let policy = Policy::parse(&current.tlog_policy).map_err(RosterError::Policy)?;
        let stays = |raw: &[u8]| {
            let mut keys = next.keys();
            keys.any(|(_, key)| key.raw().is_ok_and(|held| held == raw))
        };
        let gone = policy
            .witnesses()
            .iter()
            .filter(|witness| !stays(witness.vkey().public_key()));
        let mut gone: BTreeSet<String> = gone.map(|w| w.name().as_str().to_owned()).collect();
        let quorum = policy.quorum().map_or("", |name| name.as_str()).to_owned();
        let mut lines = Vec::new();
        for log in policy
            .logs()
            .iter()
            .filter(|log| stays(log.vkey().public_key()))
        {
            lines.push(with_url(format!("log {}", log.vkey()), log.url()));
        }
        for (_, _, vkeys) in &self.logs {
            lines.extend(vkeys.iter().map(|vkey| format!("log {vkey}")));
        }
        for witness in policy.witnesses() {
            if !gone.contains(witness.name().as_str()) {
                let line = format!("witness {} {}", witness.name().as_str(), witness.vkey());
                lines.push(with_url(line, witness.url()));
            }
        }
        let mut come = Vec::new();
        for (party, vkeys) in &self.witnesses {
            let names: Vec<String> = (1..=vkeys.len()).map(|n| format!("{party}-{n}")).collect();
            let keys = names.iter().zip(vkeys);
            lines.extend(keys.map(|(name, vkey)| format!("witness {name} {vkey}")));
            lines.push(format!("group {party} all {}", names.join(" ")));
            come.push(party.to_string());
        }
        let mut placed = come.is_empty();
        for group in policy.groups() {
            let mut members: Vec<&str> = group.members().iter().map(|name| name.as_str()).collect();
            members.retain(|name| !gone.contains(*name));
            if group.name().as_str() == quorum {
                members.extend(come.iter().map(String::as_str));
                placed = true;
            }
            if members.is_empty() {
                gone.insert(group.name().as_str().to_owned());
                continue;
            }
            let (name, threshold) = (group.name().as_str(), group.threshold());
            lines.push(format!("group {name} {threshold} {}", members.join(" ")));
        }
        if !placed {
            return Err(AmendmentError::Quorum { quorum });
        }
        lines.push(format!("quorum {quorum}"));
        Ok(lines.join("\n") + "\n")
    }
}

fn with_url(line: String, url: Option<&str>) -> String {
    match url {
        Some(url) => format!("{line} {url}"),
        None => line,
    }
}

fn no_such_party(current: &Constitution, party: &PartyId) -> AmendmentError {
    let parties = current.parties.iter().map(|party| party.id.to_string());
    AmendmentError::NoSuchParty {
        party: party.clone(),
        version: current.version,
        parties: parties.collect::<Vec<_>>().join(", "),
    }
}
