//! Reading the scripts of `spec/vectors/`: conversations with a witness or a mirror.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub struct File {
    pub keys: BTreeMap<String, Key>,
    /// The labels of each log's keys, by origin.
    pub logs: BTreeMap<String, Vec<String>>,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
pub struct Key {
    pub vkey: String,
}

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub op: String,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub state: BTreeMap<String, Option<State>>,
    /// A call that not everybody has.
    pub optional: Option<String>,
}

#[derive(Deserialize)]
pub struct State {
    pub size: u64,
    pub root: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(default)]
    pub restart: bool,
    pub request: Option<Request>,
    #[serde(default)]
    pub status: Vec<u16>,
    /// What older tags say; we are of the newest.
    #[serde(default, rename = "status_at")]
    _status_at: BTreeMap<String, Vec<u16>>,
    pub content_type: Option<String>,
    pub body: Option<String>,
    /// `true` from a witness, the size from a mirror.
    pub cosigned: Option<Value>,
    pub subtree: Option<SubtreeShown>,
    pub shows: Option<Shown>,
    pub mirror_info: Option<InfoShown>,
    pub sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub path: String,
    #[serde(rename = "type")]
    pub content_type: Option<String>,
    pub encoding: Option<String>,
    pub body: Value,
}

#[derive(Deserialize)]
pub struct SubtreeShown {
    pub start: u64,
    pub end: u64,
    pub hash: String,
}

#[derive(Deserialize)]
pub struct Shown {
    pub origin: String,
    pub size: u64,
}

#[derive(Deserialize)]
pub struct InfoShown {
    pub tree_size: u64,
    pub next_entry: u64,
}

impl File {
    /// A file of `spec/vectors/`.
    pub fn read(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors");
        let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub fn scripts(&self) -> Vec<&Case> {
        let cases = self.cases.iter();
        cases.filter(|case| case.op == "script").collect()
    }

    /// Origin and vkeys of each log that is followed.
    pub fn followed(&self) -> Vec<(String, Vec<String>)> {
        let vkey = |label: &String| self.keys[label].vkey.clone();
        let logs = self.logs.iter();
        logs.map(|(origin, labels)| (origin.clone(), labels.iter().map(vkey).collect()))
            .collect()
    }
}

/// Text, `{"base64": ...}`, or `{"parts": [...]}` of text and of what `past(step, what)` gives.
pub fn body_of(value: &Value, past: impl Fn(usize, &str) -> Vec<u8>) -> Vec<u8> {
    let text = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec());
    if let Some(bytes) = text(value) {
        return bytes;
    }
    if let Some(base64) = value["base64"].as_str() {
        return STANDARD.decode(base64).unwrap();
    }
    let parts = value["parts"].as_array().unwrap();
    let part = |part: &Value| {
        text(part).unwrap_or_else(|| {
            let step = part["step"].as_u64().unwrap() as usize;
            past(step, part["what"].as_str().unwrap())
        })
    };
    parts.iter().flat_map(part).collect()
}

/// The text of the checkpoint in a body: from the first empty line to the last.
pub fn checkpoint_of(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let note = body.split_once("\n\n").map_or("", |(_, note)| note);
    let text = note.rsplit_once("\n\n").map_or("", |(text, _)| text);
    format!("{text}\n")
}
