//! Reading the files, and comparing a program's answers with them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};
use tlog::{Hash, VerifierKey};

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors")
}

#[derive(Deserialize)]
pub struct File {
    #[serde(default)]
    keys: BTreeMap<String, Key>,
    pub cases: Vec<Case>,
}

/// A signer whose private key is public.
#[derive(Deserialize, Clone)]
pub struct Key {
    pub name: String,
    #[serde(rename = "type")]
    pub key_type: u8,
    pub seed: String,
    pub vkey: String,
}

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub op: String,
    pub expect: Expect,
    #[serde(default)]
    pub result: Value,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    Ok,
    Error,
    /// The specification leaves it open.
    Either,
}

impl File {
    pub fn read(name: &str) -> Self {
        let path = folder().join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn key(&self, label: &str) -> &Key {
        &self.keys[label]
    }

    /// The keys that a case says are known.
    pub fn known(&self, case: &Case) -> Vec<VerifierKey> {
        case.texts("known")
            .iter()
            .map(|label| self.key(label).vkey.parse().unwrap())
            .collect()
    }
}

/// Text stands for its bytes; what is no text is `{"base64": ...}`.
pub fn bytes_of(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => STANDARD.decode(other["base64"].as_str().unwrap()).unwrap(),
    }
}

impl Case {
    pub fn value(&self, field: &str) -> &Value {
        let found = self.fields.get(field);
        found.unwrap_or_else(|| panic!("{} has no `{field}`", self.name))
    }

    pub fn bytes(&self, field: &str) -> Vec<u8> {
        bytes_of(self.value(field))
    }

    pub fn text(&self, field: &str) -> &str {
        self.value(field).as_str().unwrap()
    }

    /// The same where not every case has the field.
    pub fn text_or_empty(&self, field: &str) -> &str {
        let found = self.fields.get(field).and_then(Value::as_str);
        found.unwrap_or_default()
    }

    pub fn number(&self, field: &str) -> u64 {
        self.value(field).as_u64().unwrap()
    }

    pub fn is_set(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| value == true)
    }

    pub fn texts(&self, field: &str) -> Vec<String> {
        let list = self.value(field).as_array().unwrap();
        list.iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    }

    pub fn hash(&self, field: &str) -> Hash {
        Hash::from_base64(self.text(field)).unwrap()
    }

    pub fn hashes(&self, field: &str) -> Vec<Hash> {
        let texts = self.texts(field);
        texts
            .iter()
            .map(|text| Hash::from_base64(text).unwrap())
            .collect()
    }
}

/// What a program says to a case: what it read, if the case tells what that should be; or why not.
pub type Answer = Result<Option<Value>, String>;

/// Where a program is known to differ. An entry that does not differ any more is a difference.
#[derive(Default)]
pub struct Judge<'a> {
    /// Valid cases that it refuses.
    pub refuses: &'a [&'a str],
    /// Invalid cases that it accepts.
    pub accepts: &'a [&'a str],
    /// What it makes of the open cases, all of them; `None` if that is nobody's business.
    pub open: Option<&'a [(&'a str, Expect)]>,
}

impl Judge<'_> {
    /// Runs all cases of an operation; every difference is a failure.
    pub fn run(&self, file: &File, op: &str, answer: impl Fn(&Case) -> Answer) {
        let wrong = self.differences(file, op, answer);
        assert!(wrong.is_empty(), "{op}:\n{}", wrong.join("\n"));
    }

    pub fn differences(
        &self,
        file: &File,
        op: &str,
        answer: impl Fn(&Case) -> Answer,
    ) -> Vec<String> {
        let cases: Vec<&Case> = file.cases.iter().filter(|case| case.op == op).collect();
        assert!(!cases.is_empty(), "no case of `{op}`");
        let named = self.refuses.iter().chain(self.accepts);
        let opened = self.open.iter().flat_map(|list| list.iter());
        let mut wrong: Vec<String> = named
            .chain(opened.map(|(name, _)| name))
            .filter(|name| !cases.iter().any(|case| case.name == **name))
            .map(|name| format!("`{name}` is no case of `{op}`"))
            .collect();
        wrong.extend(cases.iter().filter_map(|case| {
            let found = self.difference(case, answer(case))?;
            Some(format!("{}: {found}", case.name))
        }));
        wrong
    }

    fn difference(&self, case: &Case, answer: Answer) -> Option<String> {
        let listed = |list: &[&str]| list.contains(&case.name.as_str());
        let expected = match case.expect {
            Expect::Ok if listed(self.refuses) => Expect::Error,
            Expect::Error if listed(self.accepts) => Expect::Ok,
            Expect::Either => match self.open {
                None => return None,
                Some(list) => match list.iter().find(|(name, _)| *name == case.name) {
                    None => {
                        return Some("is open, and what happens is not written down".to_owned());
                    }
                    Some((_, expect)) => *expect,
                },
            },
            expect => expect,
        };
        match (expected, answer) {
            (Expect::Error, Err(_)) => None,
            (Expect::Error, Ok(_)) => Some("is accepted".to_owned()),
            (_, Err(why)) => Some(format!("is refused: {why}")),
            (_, Ok(Some(found))) if case.expect == Expect::Ok && found != case.result => {
                Some(format!("another result:\n  {found}\n  {}", case.result))
            }
            (_, Ok(_)) => None,
        }
    }
}

/// An error with its causes.
pub fn why(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

pub const OK: Expect = Expect::Ok;
pub const ERROR: Expect = Expect::Error;
