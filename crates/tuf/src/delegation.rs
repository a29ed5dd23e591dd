//! What the top-level `targets` hands on: keys, thresholds and path patterns of other roles
//! (spec section 4.5, delegations).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::TufError;
use crate::key::{Key, KeyId, check_keys};
use crate::limits::{DELEGATED_ROLES_MAX, PATTERNS_MAX};
use crate::path::{TargetRole, is_part};
use crate::role::Authority;
use crate::root::{Seats, TopRole};

/// The delegations of one targets file, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegations {
    keys: BTreeMap<KeyId, Key>,
    roles: Vec<DelegatedRole>,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

/// One delegated role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegatedRole {
    name: String,
    keyids: Vec<KeyId>,
    threshold: u32,
    terminating: bool,
    paths: Vec<PathPattern>,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

/// A pattern whose parts are literal or a lone `*`, which stands for exactly one part.
/// The other forms of TUF patterns are not used and refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern(String);

impl PathPattern {
    /// True when the pattern covers the path.
    pub fn covers(&self, path: &str) -> bool {
        let (mut pattern, mut path) = (self.0.split('/'), path.split('/'));
        loop {
            match (pattern.next(), path.next()) {
                (None, None) => return true,
                (Some("*"), Some(part)) if !part.is_empty() => {}
                (Some(literal), Some(part)) if literal == part => {}
                _ => return false,
            }
        }
    }
}

impl TryFrom<String> for PathPattern {
    type Error = TufError;

    fn try_from(text: String) -> Result<Self, TufError> {
        if text.split('/').all(|part| part == "*" || is_part(part)) {
            return Ok(PathPattern(text));
        }
        Err(TufError::Field {
            field: "paths",
            value: text.chars().take(120).collect(),
            reason: "each part must be literal or a lone *",
        })
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> String {
        pattern.0
    }
}

impl DelegatedRole {
    /// The role's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True when the role covers the paths of `role`, no others, and ends a client's search.
    pub(crate) fn is_exactly(&self, role: TargetRole) -> bool {
        self.terminating && self.paths.len() == 1 && self.paths[0].0 == role.pattern()
    }
}

impl Delegations {
    /// One terminating delegation per role and its seats, each for the role's own paths.
    pub(crate) fn build(roles: &[(TargetRole, Seats)]) -> Result<Self, TufError> {
        let mut keys = BTreeMap::new();
        let mut delegated = Vec::new();
        for (role, seats) in roles {
            keys.extend(seats.keys.iter().map(|key| (key.id(), key.clone())));
            delegated.push(DelegatedRole {
                name: role.to_string(),
                keyids: seats.keys.iter().map(Key::id).collect(),
                threshold: seats.threshold,
                terminating: true,
                paths: vec![PathPattern::try_from(role.pattern())?],
                extra: BTreeMap::new(),
            });
        }
        Ok(Delegations {
            keys,
            roles: delegated,
            extra: BTreeMap::new(),
        })
    }

    /// The delegated roles, in the order in which a client asks them.
    pub fn roles(&self) -> &[DelegatedRole] {
        &self.roles
    }

    /// Who may sign a delegated role.
    pub fn authority(&self, name: &str) -> Result<Authority, TufError> {
        let role = self.roles.iter().find(|role| role.name == name);
        let role = role.ok_or_else(|| TufError::NotDelegated {
            role: name.to_owned(),
        })?;
        Authority::new(&role.name, &role.keyids, role.threshold, &self.keys)
    }

    pub(crate) fn check(&self) -> Result<(), TufError> {
        let count = self.roles.len();
        if count > DELEGATED_ROLES_MAX {
            return Err(TufError::TooMany {
                field: "roles",
                count,
                max: DELEGATED_ROLES_MAX,
            });
        }
        check_keys(&self.keys)?;
        for (at, role) in self.roles.iter().enumerate() {
            check_role(role, &self.roles[..at])?;
            self.authority(&role.name)?;
        }
        Ok(())
    }
}

fn check_role(role: &DelegatedRole, earlier: &[DelegatedRole]) -> Result<(), TufError> {
    let refused = |field, value: &str, reason| {
        Err(TufError::Field {
            field,
            value: value.chars().take(120).collect(),
            reason,
        })
    };
    if !is_part(&role.name) || TopRole::is_name(&role.name) {
        return refused("name", &role.name, "is not a name for a delegated role");
    }
    if earlier.iter().any(|other| other.name == role.name) {
        return refused("name", &role.name, "is delegated twice");
    }
    if role.extra.contains_key("path_hash_prefixes") {
        return refused("path_hash_prefixes", &role.name, "is not used; name paths");
    }
    if role.paths.len() > PATTERNS_MAX {
        return Err(TufError::TooMany {
            field: "paths",
            count: role.paths.len(),
            max: PATTERNS_MAX,
        });
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_star_does_not_cross_a_slash() {
        let pattern = PathPattern::try_from(TargetRole::Software.pattern()).unwrap();
        assert!(pattern.covers("software/truename/stable/linux/2/truename"));
        assert!(!pattern.covers("software/truename/stable/linux/2"));
        assert!(!pattern.covers("software/truename/stable/linux/2/a/b"));
        assert!(!pattern.covers("software/truename/stable/linux//a"));
        assert!(!pattern.covers("rules/truename/stable/linux/2/truename"));
    }

    #[test]
    fn other_patterns_are_refused() {
        for bad in ["", "a*/b", "**", "a/?", "a/[bc]", "a//b", "../a", "a/{b,c}"] {
            assert!(PathPattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
