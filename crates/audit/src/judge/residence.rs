//! Where files go, judged a second time: policies and declarations by version, and keys to seal to.
//!
//! All signatures under one payload are one list in log order. A version is complete at the first index at which those that
//! count, above the version before, are of enough legal owners by the roster of that very index.

use std::collections::BTreeSet;

use statement::{CountryCode, EpochPurpose, Predicate, Role, StatementDigest};

use super::{
    Judge,
    asof::AsOf,
    codes,
    facts::{Fact, Said},
    findings::about,
    homes::Contents,
    types::{Finding, Refused, Severity},
};

/// Which of the two kinds that come in versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Governed {
    Policy,
    Declaration,
}

/// What one of them says, as far as a rule asks.
#[derive(Debug, Clone)]
pub(super) struct Version {
    kind: Governed,
    /// Its number, and the digest of the one before.
    place: (u64, Option<StatementDigest>),
    /// What a policy speaks of.
    declaration: Option<StatementDigest>,
}

/// A key that was announced.
#[derive(Debug, Clone)]
pub(super) struct Announced {
    purpose: EpochPurpose,
    home: CountryCode,
    valid: (u64, u64),
}

/// The tables of this file.
#[derive(Debug, Default)]
pub(super) struct Residence {
    pub(super) contents: Contents,
    versions: Vec<Fact<Version>>,
    epochs: Vec<Fact<Announced>>,
}

/// A version with its quorum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Complete {
    pub(super) digest: StatementDigest,
    /// The entry that completed it.
    pub(super) at: u64,
}

impl Residence {
    pub(super) fn add(&mut self, said: Said<'_>) {
        let version = |kind, place, declaration| Version {
            kind,
            place,
            declaration,
        };
        match &said.statement.predicate {
            Predicate::Policy(policy) => {
                let contents = &mut self.contents.policies;
                contents
                    .entry(said.digest)
                    .or_insert_with(|| policy.clone());
                let place = (policy.version, policy.previous);
                let said_of = Some(policy.declaration);
                let fact = said.fact(version(Governed::Policy, place, said_of));
                self.versions.push(fact);
            }
            Predicate::Declaration(declared) => {
                let contents = &mut self.contents.declarations;
                contents
                    .entry(said.digest)
                    .or_insert_with(|| declared.clone());
                let place = (declared.version, declared.previous);
                let fact = said.fact(version(Governed::Declaration, place, None));
                self.versions.push(fact);
            }
            Predicate::Epoch(epoch) => self.epochs.push(said.fact(Announced {
                purpose: epoch.purpose,
                home: epoch.home.clone(),
                valid: (epoch.valid_from, epoch.valid_until),
            })),
            _ => {}
        }
    }
}

impl Governed {
    /// Codes: missing, version, quorum, fork.
    const fn codes(self) -> [&'static str; 4] {
        match self {
            Self::Policy => [
                codes::POLICY_MISSING,
                codes::POLICY_VERSION,
                codes::POLICY_QUORUM,
                codes::POLICY_FORK,
            ],
            Self::Declaration => [
                codes::DECLARATION_MISSING,
                codes::DECLARATION_VERSION,
                codes::DECLARATION_QUORUM,
                codes::DECLARATION_FORK,
            ],
        }
    }
}

impl<'a> AsOf<'a> {
    fn versions(self, kind: Governed) -> impl Iterator<Item = &'a Fact<Version>> {
        let facts = self.judge.facts.residence.versions.iter();
        facts.filter(move |fact| fact.said.kind == kind && fact.at < self.end)
    }

    /// Payloads of a place, each once, by the entry that brought them.
    fn at_place(
        self,
        kind: Governed,
        place: (u64, Option<StatementDigest>),
    ) -> Vec<StatementDigest> {
        let mut digests = Vec::new();
        for fact in self.versions(kind).filter(|fact| fact.said.place == place) {
            if !digests.contains(&fact.digest) {
                digests.push(fact.digest);
            }
        }
        digests
    }

    /// Where a payload has its quorum, of entries above the version before.
    fn complete(
        self,
        kind: Governed,
        digest: StatementDigest,
        above: Option<u64>,
    ) -> Result<Complete, Refused> {
        let [_, version, quorum, _] = kind.codes();
        let said = self.versions(kind).filter(|fact| fact.digest == digest);
        let (in_time, late): (Vec<_>, Vec<_>) = said.partition(|fact| self.counts(*fact));
        if in_time.is_empty()
            && let Some(code) = late.iter().rev().find_map(|fact| self.late(*fact))
        {
            return Err(Refused::new(code, format!("payload {digest}")));
        }
        let mut why = quorum;
        let mut signed = BTreeSet::new();
        for fact in in_time {
            if above.is_some_and(|above| fact.at <= above) {
                why = version;
                continue;
            }
            why = quorum;
            signed.extend(self.signer(fact).map(|seat| seat.party.id.clone()));
            let Some(roster) = self.judge.chain.at(fact.at) else {
                continue;
            };
            let vendors = roster.vendor_owners();
            let signers = roster.constitution.parties.iter();
            let owners: BTreeSet<&str> = signers
                .filter(|party| signed.contains(&party.id))
                .map(|party| party.legal_owner.as_str())
                .map(|owner| if vendors.contains(owner) { "" } else { owner })
                .collect();
            if owners.len() as u64 >= roster.constitution.floors.governance_min {
                let at = fact.at;
                return Ok(Complete { digest, at });
            }
        }
        Err(Refused::new(why, format!("payload {digest}")))
    }

    /// Every version that is in force or was, oldest first.
    fn chain_of(self, kind: Governed) -> Result<Vec<Complete>, Refused> {
        let [missing, version, _, fork] = kind.codes();
        let mut chain: Vec<Complete> = Vec::new();
        let mut why = None;
        loop {
            let number = chain.len() as u64 + 1;
            let last = chain.last().copied();
            let place = (number, last.map(|last| last.digest));
            let mut complete = Vec::new();
            for digest in self.at_place(kind, place) {
                match self.complete(kind, digest, last.map(|last| last.at)) {
                    Ok(found) => complete.push(found),
                    Err(refused) => why = Some(refused),
                }
            }
            if complete.len() > 1 {
                complete.retain(|rival| {
                    let after = (number + 1, Some(rival.digest));
                    let next = self.at_place(kind, after);
                    let above = Some(rival.at);
                    next.iter()
                        .any(|next| self.complete(kind, *next, above).is_ok())
                });
                if complete.len() != 1 {
                    return Err(Refused::new(fork, format!("version {number}")));
                }
            }
            match complete.pop() {
                Some(found) => chain.push(found),
                None => break,
            }
        }
        if !chain.is_empty() {
            return Ok(chain);
        }
        let other = self.versions(kind).next();
        Err(why.unwrap_or_else(|| match other {
            Some(other) => Refused::new(version, format!("{} and no version 1", other.digest)),
            None => Refused::new(missing, "nothing stands"),
        }))
    }

    /// A policy is in force and speaks of a declaration that was.
    pub(super) fn gate_residence(self) -> Result<StatementDigest, Refused> {
        let policies = self.chain_of(Governed::Policy)?;
        let declarations = self.chain_of(Governed::Declaration)?;
        let Some(policy) = policies.last() else {
            return Err(Refused::new(codes::POLICY_MISSING, "nothing stands"));
        };
        let mut said = self.versions(Governed::Policy);
        let said = said.find(|fact| fact.digest == policy.digest);
        let named = said.and_then(|fact| fact.said.declaration);
        let mut below = declarations.iter().filter(|found| found.at < policy.at);
        if below.any(|found| Some(found.digest) == named) {
            return Ok(policy.digest);
        }
        let detail = format!("policy {}", policy.digest);
        Err(Refused::new(codes::POLICY_DECLARATION, detail))
    }

    /// Three keys of a home may be sealed to at `now`.
    pub(super) fn gate_epochs(self, home: &CountryCode, now: u64) -> Result<(), Refused> {
        let analysis = self.announcer(EpochPurpose::Analysis, home, now)?;
        let center = self.announcer(EpochPurpose::Center, home, now)?;
        let (supervisor, vendor) = self.announcer(EpochPurpose::Supervisor, home, now)?;
        if vendor || analysis.0 == supervisor || center.0 == supervisor {
            let detail = format!("home {home}: {supervisor}");
            return Err(Refused::new(codes::EPOCH_ONE_PARTY, detail));
        }
        Ok(())
    }

    /// Legal owner behind the key to take for a purpose, and whether that is the vendor.
    fn announcer(
        self,
        purpose: EpochPurpose,
        home: &CountryCode,
        now: u64,
    ) -> Result<(&'a str, bool), Refused> {
        let role = match purpose {
            EpochPurpose::Supervisor => Role::Supervisor,
            EpochPurpose::Analysis | EpochPurpose::Center => Role::Center,
        };
        let epochs = self.judge.facts.residence.epochs.iter();
        let here = epochs.filter(|fact| fact.at < self.end);
        let of_home = here.filter(|fact| fact.said.purpose == purpose && fact.said.home == *home);
        let (mut best, mut code) = (None, codes::EPOCH_MISSING);
        for fact in of_home {
            let Some(seat) = self.signer(fact) else {
                continue;
            };
            if let Some(late) = self.late(fact) {
                code = late;
            } else if seat.role != role {
                code = codes::EPOCH_SIGNER;
            } else if now < fact.said.valid.0 || now > fact.said.valid.1 {
                code = codes::EPOCH_TIME;
            } else {
                let rank = (fact.said.valid.0, fact.at);
                if best.is_none_or(|(before, _)| before < rank) {
                    best = Some((rank, seat));
                }
            }
        }
        let detail = format!("home {home}, purpose {purpose}");
        let (_, seat) = best.ok_or_else(|| Refused::new(code, detail))?;
        Ok((seat.party.legal_owner.as_str(), self.is_vendor(seat)))
    }
}

impl Judge {
    /// Every policy that is in force or was, oldest first; none if two contend.
    pub(super) fn policy_chain(&self) -> Vec<Complete> {
        let view = self.as_of(self.next_index());
        view.chain_of(Governed::Policy).unwrap_or_default()
    }

    /// The same of declarations.
    pub(super) fn declaration_chain(&self) -> Vec<Complete> {
        let view = self.as_of(self.next_index());
        view.chain_of(Governed::Declaration).unwrap_or_default()
    }

    /// What stands about where files go, and should not.
    pub(super) fn residence_findings(&self) -> Vec<Finding> {
        let view = self.as_of(self.next_index());
        let mut found = Vec::new();
        for kind in [Governed::Policy, Governed::Declaration] {
            let newest = view.versions(kind).last();
            let (Some(newest), Err(refused)) = (newest, view.chain_of(kind)) else {
                continue;
            };
            let forked = refused.code == kind.codes()[3];
            let severity = if forked {
                Severity::Red
            } else {
                Severity::Amber
            };
            found.push(about(newest.at, newest.digest, refused.code, severity).says(
                refused.detail,
                "nothing is sealed by it; ask the parties of the governance which one they mean",
            ));
        }
        for fact in &self.facts.residence.epochs {
            let supervisors = fact.said.purpose == EpochPurpose::Supervisor;
            let seat = view.signer(fact);
            if seat.is_some_and(|seat| (seat.role == Role::Supervisor) != supervisors) {
                let what = format!("a key for {} by the other side", fact.said.purpose);
                let finding = about(fact.at, fact.digest, codes::EPOCH_SIGNER, Severity::Amber);
                found.push(finding.says(what, "no endpoint seals to it; ask who signed it"));
            }
        }
        found
    }
}
