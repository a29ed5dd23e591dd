//! Trust policies: which logs, which witnesses, how many of them (tlog-policy).
//!
//! ```text
//! log logs.example/a+0a1b2c3d+AR...
//! witness w1 w1.example+4e5f6a7b+BB... https://w1.example/
//! witness w2 w2.example+8c9d0e1f+BB...
//! group both all w1 w2
//! quorum both
//! ```
//!
//! A witness with two keys has two `witness` lines and a `group all` over them. A log with two keys
//! has two `log` lines of the same name; then both must have signed. Stricter than the standard:
//! text is UTF-8, and each log needs an Ed25519 key (tlog-tiles demands its signature).

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;

use crate::checkpoint::Origin;
use crate::key::VerifierKey;

/// A name inside one policy, of a witness or a group. It has no meaning outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName(pub(crate) String);

impl PolicyName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for PolicyName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A `log` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    pub(crate) vkey: VerifierKey,
    pub(crate) url: Option<String>,
}

impl PolicyLog {
    /// The key; its name is the log's origin.
    pub fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    /// The log's origin.
    pub fn origin(&self) -> Origin {
        Origin::from(self.vkey.name())
    }

    /// Where the log is reached, if the line says so.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

/// A `witness` line: one key of a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    pub(crate) name: PolicyName,
    pub(crate) vkey: VerifierKey,
    pub(crate) url: Option<String>,
}

impl PolicyWitness {
    /// The name inside this policy.
    pub fn name(&self) -> &PolicyName {
        &self.name
    }

    /// The key.
    pub fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    /// Submission prefix of the witness, if the line says so.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

/// How many members of a group must have witnessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// Every member.
    All,
    /// At least one.
    Any,
    /// At least this many.
    AtLeast(usize),
}

impl Threshold {
    /// The number for a group of `members`.
    fn of(self, members: usize) -> usize {
        match self {
            Self::All => members,
            Self::Any => 1,
            Self::AtLeast(k) => k,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Any => f.write_str("any"),
            Self::AtLeast(k) => write!(f, "{k}"),
        }
    }
}

/// A `group` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyGroup {
    pub(crate) name: PolicyName,
    pub(crate) threshold: Threshold,
    pub(crate) members: Vec<PolicyName>,
}

impl PolicyGroup {
    /// The name inside this policy.
    pub fn name(&self) -> &PolicyName {
        &self.name
    }

    /// How many members are needed.
    pub fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Witnesses and groups defined above.
    pub fn members(&self) -> &[PolicyName] {
        &self.members
    }

    fn is_satisfied(&self, witnessed: &BTreeSet<PolicyName>) -> bool {
        let present = self
            .members
            .iter()
            .filter(|member| witnessed.contains(*member))
            .count();
        present >= self.threshold.of(self.members.len())
    }
}

/// A whole policy. `Display` writes the canonical form: logs, witnesses, groups, quorum, one space
/// between fields, no comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) logs: Vec<PolicyLog>,
    pub(crate) witnesses: Vec<PolicyWitness>,
    pub(crate) groups: Vec<PolicyGroup>,
    /// `None` is `quorum none`.
    pub(crate) quorum: Option<PolicyName>,
}

impl Policy {
    /// The `log` lines.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The `witness` lines.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The `group` lines.
    pub fn groups(&self) -> &[PolicyGroup] {
        &self.groups
    }

    /// The witness or group that must have witnessed; `None` for `quorum none`.
    pub fn quorum(&self) -> Option<&PolicyName> {
        self.quorum.as_ref()
    }

    /// The keys that must all have signed a checkpoint of this log; empty if it is unknown.
    pub fn log_keys(&self, origin: &Origin) -> Vec<&VerifierKey> {
        self.logs
            .iter()
            .map(|log| &log.vkey)
            .filter(|key| origin.is_named(key.name()))
            .collect()
    }

    /// Whether cosignatures of these `witness` lines meet the quorum. `quorum none` is always met.
    pub fn is_satisfied(&self, cosigned: &BTreeSet<PolicyName>) -> bool {
        match &self.quorum {
            None => true,
            Some(quorum) => self.satisfied(cosigned).contains(quorum),
        }
    }

    /// The witnesses through which the quorum is met: reached from it over satisfied groups only.
    /// `None` if it is not met. A witness in an unsatisfied group does not count, so half of a
    /// two-key witness has no say.
    pub(crate) fn contributors(
        &self,
        cosigned: &BTreeSet<PolicyName>,
    ) -> Option<BTreeSet<PolicyName>> {
        let satisfied = self.satisfied(cosigned);
        let quorum = self
            .quorum
            .as_ref()
            .filter(|quorum| satisfied.contains(*quorum))?;
        let mut reached = BTreeSet::from([quorum.clone()]);
        // Members are defined above their group, so one pass from the last group down is enough.
        for group in self.groups.iter().rev() {
            if reached.remove(&group.name) {
                reached.extend(
                    group
                        .members
                        .iter()
                        .filter(|m| satisfied.contains(*m))
                        .cloned(),
                );
            }
        }
        Some(reached)
    }

    /// All names, of witnesses and groups, that count as having witnessed.
    fn satisfied(&self, cosigned: &BTreeSet<PolicyName>) -> BTreeSet<PolicyName> {
        let names = self.witnesses.iter().map(|witness| &witness.name);
        let mut satisfied: BTreeSet<_> = names.filter(|n| cosigned.contains(*n)).cloned().collect();
        for group in &self.groups {
            if group.is_satisfied(&satisfied) {
                satisfied.insert(group.name.clone());
            }
        }
        satisfied
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |url: &Option<String>| url.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        for log in &self.logs {
            writeln!(f, "log {}{}", log.vkey, url(&log.url))?;
        }
        for witness in &self.witnesses {
            writeln!(
                f,
                "witness {} {}{}",
                witness.name,
                witness.vkey,
                url(&witness.url)
            )?;
        }
        for group in &self.groups {
            write!(f, "group {} {}", group.name, group.threshold)?;
            group
                .members
                .iter()
                .try_for_each(|member| write!(f, " {member}"))?;
            writeln!(f)?;
        }
        match &self.quorum {
            Some(quorum) => writeln!(f, "quorum {quorum}"),
            None => writeln!(f, "quorum none"),
        }
    }
}
