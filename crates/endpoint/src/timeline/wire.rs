//! `timeline.json`.
//!
//! ```text
//! {"constitution":1,
//!  "policies":["log center.example/log+...\n..."],
//!  "logs":{"center.example/log":{"seen":[{"note":"center.example/log\n7\n...","at":1800000060,"place":null,
//!                                         "within":9}, ...],"agreed":null}},
//!  "faults":[]}
//! ```
//!
//! Notes are opened again with the log's keys when the file is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tlog::{Origin, Policy};

use super::{
    Timeline,
    fault::Fault,
    history::{Agreed, History, Seen},
    keys::LogKeys,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSeen {
    note: String,
    at: u64,
    place: Option<String>,
    within: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireHistory {
    seen: Vec<WireSeen>,
    agreed: Option<Agreed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTimeline {
    constitution: u64,
    policies: Vec<String>,
    logs: BTreeMap<String, WireHistory>,
    faults: Vec<Fault>,
}

/// Reads the file; the error says what is wrong in it.
pub(super) fn parse(bytes: &[u8]) -> Result<Timeline, String> {
    let wire: WireTimeline = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let policies = wire.policies.iter().map(|text| Policy::parse(text));
    let policies = policies
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("policies: {error}"))?;
    let mut histories = BTreeMap::new();
    for (name, wire) in wire.logs {
        let origin: Origin = name.parse().map_err(|error| format!("logs: {error}"))?;
        let history = history(&origin, wire, &LogKeys::of(policies.iter(), &origin))?;
        histories.insert(origin, history);
    }
    Ok(Timeline {
        constitution: wire.constitution,
        policies,
        histories,
        faults: wire.faults,
    })
}

fn history(origin: &Origin, wire: WireHistory, keys: &LogKeys) -> Result<History, String> {
    let mut history = History::new(wire.agreed);
    for seen in wire.seen {
        let checkpoint = keys.open(seen.note.as_bytes());
        let checkpoint = checkpoint.filter(|checkpoint| checkpoint.origin() == origin);
        let checkpoint = checkpoint.ok_or_else(|| format!("a checkpoint of {origin}"))?;
        let inserted = history.insert(Seen {
            checkpoint,
            at: seen.at,
            place: seen.place,
            within: seen.within,
        });
        inserted.map_err(|_| format!("two checkpoints of {origin} of one size"))?;
    }
    Ok(history)
}

/// Writes the file.
pub(super) fn print(timeline: &Timeline) -> Result<Vec<u8>, serde_json::Error> {
    let logs = timeline.histories.iter().map(|(origin, history)| {
        let seen = history.seen().iter().map(|seen| WireSeen {
            note: String::from_utf8_lossy(seen.checkpoint.note()).into_owned(),
            at: seen.at,
            place: seen.place.clone(),
            within: seen.within,
        });
        let wire = WireHistory {
            seen: seen.collect(),
            agreed: history.agreed.clone(),
        };
        (origin.to_string(), wire)
    });
    serde_json::to_vec(&WireTimeline {
        constitution: timeline.constitution,
        policies: timeline.policies.iter().map(ToString::to_string).collect(),
        logs: logs.collect(),
        faults: timeline.faults.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_timeline_has_one_form() {
        let printed = print(&Timeline::default()).ok();
        let text = b"{\"constitution\":0,\"policies\":[],\"logs\":{},\"faults\":[]}";
        assert_eq!(printed.as_deref(), Some(&text[..]));
        assert_eq!(parse(text), Ok(Timeline::default()));
        assert!(parse(b"{}").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
