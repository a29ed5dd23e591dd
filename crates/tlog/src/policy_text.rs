//! Reading the text form of a [`Policy`] line by line.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::ascii;
use crate::errors::{ParseError, PolicyError};
use crate::key::{KeyType, VerifierKey};
use crate::limits::{POLICY_BYTES_MAX, POLICY_GROUPS_MAX, POLICY_LOGS_MAX, POLICY_WITNESSES_MAX};
use crate::policy::{Policy, PolicyGroup, PolicyLog, PolicyName, PolicyWitness, Threshold};

/// Predefined: no witness needed. It can neither be defined nor be a member.
const NONE: &str = "none";

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] with the number of the line, counted from 1.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        ascii::text_of("policy", text.as_bytes(), POLICY_BYTES_MAX).map_err(PolicyError::Text)?;
        let control = |b: &u8| (*b < b' ' && !matches!(b, b'\n' | b'\t')) || *b == 0x7f;
        if let Some(byte) = text.bytes().find(control) {
            return Err(PolicyError::Text(ParseError::ControlCharacter {
                what: "policy",
                byte,
            }));
        }
        let Some(lines) = text.strip_suffix('\n') else {
            let missing = "its final newline";
            return Err(PolicyError::Text(ParseError::Missing {
                what: "policy",
                missing,
            }));
        };
        let mut reader = Reader::default();
        for (number, line) in (1..).zip(lines.split('\n')) {
            reader.line = number;
            reader.read(line)?;
        }
        reader.finish()
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::parse(text)
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    line: usize,
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<PolicyGroup>,
    quorum: Option<Option<PolicyName>>,
    defined: BTreeSet<PolicyName>,
    members: BTreeSet<PolicyName>,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), PolicyError> {
        let fields: Vec<&str> = line
            .split([' ', '\t'])
            .filter(|field| !field.is_empty())
            .collect();
        match fields.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", vkey] => self.log(vkey, None),
            ["log", vkey, url] => self.log(vkey, Some(url)),
            ["witness", name, vkey] => self.witness(name, vkey, None),
            ["witness", name, vkey, url] => self.witness(name, vkey, Some(url)),
            ["group", name, threshold, members @ ..] if !members.is_empty() => {
                self.group(name, threshold, members)
            }
            ["quorum", name] => self.quorum(name),
            ["log", ..] => Err(self.malformed(line, "expected `log VKEY [URL]`")),
            ["witness", ..] => Err(self.malformed(line, "expected `witness NAME VKEY [URL]`")),
            ["group", ..] => Err(self.malformed(line, "expected `group NAME all|any|K NAME...`")),
            ["quorum", ..] => Err(self.malformed(line, "expected `quorum NAME` or `quorum none`")),
            _ => Err(self.malformed(line, "expected `log`, `witness`, `group` or `quorum`")),
        }
    }

    fn log(&mut self, vkey: &str, url: Option<&str>) -> Result<(), PolicyError> {
        let vkey = self.key(vkey)?;
        if vkey.key_type() == KeyType::CosignatureEd25519 {
            return Err(self.key_role("log", &vkey));
        }
        if self.logs.iter().any(|log| is_duplicate(&log.vkey, &vkey)) {
            return Err(PolicyError::DuplicateKey {
                line: self.line,
                name: vkey.name().clone(),
            });
        }
        self.bound("log lines", self.logs.len(), POLICY_LOGS_MAX)?;
        self.logs.push(PolicyLog {
            vkey,
            url: url.map(str::to_owned),
        });
        Ok(())
    }

    fn witness(&mut self, name: &str, vkey: &str, url: Option<&str>) -> Result<(), PolicyError> {
        let vkey = self.key(vkey)?;
        if vkey.key_type() == KeyType::Ed25519 {
            return Err(self.key_role("witness", &vkey));
        }
        if self
            .witnesses
            .iter()
            .any(|witness| is_duplicate(&witness.vkey, &vkey))
        {
            return Err(PolicyError::DuplicateKey {
                line: self.line,
                name: vkey.name().clone(),
            });
        }
        self.bound("witness lines", self.witnesses.len(), POLICY_WITNESSES_MAX)?;
        let name = self.define(name)?;
        self.witnesses.push(PolicyWitness {
            name,
            vkey,
            url: url.map(str::to_owned),
        });
        Ok(())
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), PolicyError> {
        self.bound("group lines", self.groups.len(), POLICY_GROUPS_MAX)?;
        let threshold = match threshold {
            "all" => Threshold::All,
            "any" => Threshold::Any,
            k => {
                let expected = "expected a threshold `all`, `any` or a number";
                let k = ascii::parse_decimal("threshold", k)
                    .map_err(|_| self.malformed(k, expected))?;
                match usize::try_from(k) {
                    Ok(k) if (1..=members.len()).contains(&k) => Threshold::AtLeast(k),
                    _ => {
                        let (line, members) = (self.line, members.len());
                        return Err(PolicyError::Threshold { line, k, members });
                    }
                }
            }
        };
        let mut names = Vec::with_capacity(members.len());
        for member in members {
            let member = self.defined(member)?;
            if !self.members.insert(member.clone()) {
                return Err(PolicyError::MemberTwice {
                    line: self.line,
                    name: member.0,
                });
            }
            names.push(member);
        }
        // Defined last, so that a group cannot be its own member.
        let name = self.define(name)?;
        self.groups.push(PolicyGroup {
            name,
            threshold,
            members: names,
        });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), PolicyError> {
        if self.quorum.is_some() {
            return Err(PolicyError::SecondQuorum { line: self.line });
        }
        let quorum = if name == NONE {
            None
        } else {
            Some(self.defined(name)?)
        };
        self.quorum = Some(quorum);
        Ok(())
    }

    fn finish(self) -> Result<Policy, PolicyError> {
        let quorum = self.quorum.ok_or(PolicyError::NoQuorum)?;
        for log in &self.logs {
            let has_ed25519 = self.logs.iter().any(|other| {
                other.vkey.name() == log.vkey.name() && other.vkey.key_type() == KeyType::Ed25519
            });
            if !has_ed25519 {
                return Err(PolicyError::LogWithoutEd25519 {
                    origin: log.vkey.name().to_string(),
                });
            }
        }
        Ok(Policy {
            logs: self.logs,
            witnesses: self.witnesses,
            groups: self.groups,
            quorum,
        })
    }

    fn key(&self, vkey: &str) -> Result<VerifierKey, PolicyError> {
        vkey.parse().map_err(|source| PolicyError::Key {
            line: self.line,
            source,
        })
    }

    fn define(&mut self, name: &str) -> Result<PolicyName, PolicyError> {
        let policy_name = PolicyName(name.to_owned());
        if name == NONE || !self.defined.insert(policy_name.clone()) {
            return Err(PolicyError::DuplicateName {
                line: self.line,
                name: ascii::excerpt(name),
            });
        }
        Ok(policy_name)
    }

    fn defined(&self, name: &str) -> Result<PolicyName, PolicyError> {
        self.defined
            .get(name)
            .cloned()
            .ok_or_else(|| PolicyError::UnknownName {
                line: self.line,
                name: ascii::excerpt(name),
            })
    }

    fn malformed(&self, value: &str, expected: &'static str) -> PolicyError {
        PolicyError::Line {
            line: self.line,
            value: ascii::excerpt(value),
            expected,
        }
    }

    fn key_role(&self, role: &'static str, vkey: &VerifierKey) -> PolicyError {
        PolicyError::KeyRole {
            line: self.line,
            role,
            found: vkey.key_type(),
        }
    }

    fn bound(&self, what: &'static str, found: usize, max: usize) -> Result<(), PolicyError> {
        if found < max {
            return Ok(());
        }
        Err(PolicyError::Text(ParseError::TooMany {
            what,
            found: found + 1,
            max,
        }))
    }
}

/// One raw key under two names is a duplicate (tlog-policy); so are two keys that a note could not
/// tell apart.
fn is_duplicate(a: &VerifierKey, b: &VerifierKey) -> bool {
    a.public_key() == b.public_key() || (a.name() == b.name() && a.id() == b.id())
}
