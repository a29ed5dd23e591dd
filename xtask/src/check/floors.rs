//! Edges between crates point down.
//!
//! The table below is the only place that says on which floor a crate lives. Rooms never depend
//! on rooms: they meet through signed bytes. Dev-dependencies are free, since a test may start a
//! whole street of daemons.

use super::Found;
use crate::house::House;
use crate::problem::Problem;
use cargo_metadata::DependencyKind;
use std::fmt;

/// Where a crate lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Floor {
    /// Pure; no I/O, clock, randomness, async or environment.
    Words,
    /// One kind of effect each.
    Hands,
    /// Daemons and tools of one party.
    Rooms,
    /// Puts rooms side by side.
    Scenarios,
    /// The one binary.
    Limpid,
}

impl fmt::Display for Floor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Words => "0",
            Self::Hands => "1",
            Self::Rooms => "2",
            Self::Scenarios | Self::Limpid => "top",
        })
    }
}

const FLOORS: [(Floor, &[&str]); 5] = [
    (
        Floor::Words,
        &[
            "tlog",
            "statement",
            "law",
            "tuf",
            "seal",
            "residency",
            "token",
        ],
    ),
    (
        Floor::Hands,
        &[
            "keys",
            "store",
            "sandbox",
            "scan",
            "scanner",
            "serve",
            "logclient",
            "binary",
        ],
    ),
    (
        Floor::Rooms,
        &[
            "log",
            "witness",
            "mirror",
            "conveyer",
            "rules",
            "release",
            "endpoint",
            "center",
            "opener",
            "supervisor",
            "audit",
            "portal",
        ],
    ),
    (Floor::Scenarios, &["scenarios", "powercut", "sim"]),
    (Floor::Limpid, &["limpid"]),
];

/// Edges that stay on one floor and are wanted all the same.
const SIDEWAYS: [(&str, &str); 15] = [
    ("statement", "tlog"),
    ("law", "tlog"),
    ("law", "statement"),
    ("law", "tuf"),
    ("tuf", "tlog"),
    ("seal", "tlog"),
    ("seal", "statement"),
    ("residency", "tlog"),
    ("residency", "statement"),
    ("token", "tlog"),
    ("token", "statement"),
    ("logclient", "serve"),
    ("logclient", "store"),
    ("scanner", "sandbox"),
    ("scanner", "scan"),
];

/// Edges that point down and are unwanted all the same.
const BARRED: [(&str, &str, &str); 2] = [
    (
        "audit",
        "law",
        "the audit judges by rules of its own, so that one mistake is not made twice",
    ),
    ("portal", "keys", "the portal holds no key"),
];

/// The commands of the project stand beside the house.
const BESIDE: &str = "xtask";

/// A workspace member and what it needs outside of tests, by package name.
struct Member {
    name: String,
    manifest: String,
    needs: Vec<String>,
}

/// `limpid-tlog` is called `tlog` inside the house.
pub(crate) fn short(package: &str) -> &str {
    package.strip_prefix("limpid-").unwrap_or(package)
}

/// The floor of a crate by its short name.
pub(crate) fn floor_of(short_name: &str) -> Option<Floor> {
    FLOORS
        .iter()
        .find(|(_, names)| names.contains(&short_name))
        .map(|(floor, _)| *floor)
}

pub(super) fn run(house: &House) -> Found {
    let members: Vec<Member> = house
        .members()
        .into_iter()
        .map(|package| Member {
            name: package.name.to_string(),
            manifest: house.relative(&package.manifest_path),
            needs: package
                .dependencies
                .iter()
                .filter(|needed| {
                    needed.path.is_some() && needed.kind != DependencyKind::Development
                })
                .map(|needed| needed.name.clone())
                .collect(),
        })
        .collect();
    Ok(members.iter().flat_map(judge).collect())
}

fn judge(member: &Member) -> Vec<Problem> {
    let problem = |what: String, remedy: &str| Problem::new(&member.manifest, what, remedy);
    let from = short(&member.name);
    if from == BESIDE {
        return member
            .needs
            .iter()
            .map(|to| {
                problem(
                    format!("{BESIDE} depends on `{to}`"),
                    "it stands beside the house: judge from outside",
                )
            })
            .collect();
    }
    let Some(from_floor) = floor_of(from) else {
        let remedy = "add it to FLOORS in xtask/src/check/floors.rs, with the lead's consent";
        return vec![problem(format!("crate `{from}` is on no floor"), remedy)];
    };
    let mut found = Vec::new();
    for to in member.needs.iter().map(|needed| short(needed)) {
        if let Some((_, _, reason)) = BARRED.iter().find(|(a, b, _)| (*a, *b) == (from, to)) {
            found.push(problem(format!("`{from}` depends on `{to}`"), reason));
            continue;
        }
        let Some(to_floor) = floor_of(to) else {
            found.push(problem(
                format!("`{from}` depends on `{to}`, which is on no floor"),
                "remove the edge",
            ));
            continue;
        };
        if to_floor >= from_floor && !SIDEWAYS.contains(&(from, to)) {
            found.push(problem(
                format!("`{from}` (floor {from_floor}) depends on `{to}` (floor {to_floor})"),
                "move the shared noun down a floor, or meet through signed bytes",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, needs: &[&str]) -> Vec<String> {
        let member = Member {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        };
        judge(&member)
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn edges_down_and_listed_edges_sideways_pass() {
        assert!(found("limpid-log", &["limpid-tlog", "limpid-serve"]).is_empty());
        assert!(found("limpid-law", &["limpid-tlog", "limpid-statement"]).is_empty());
        assert!(found("limpid-logclient", &["limpid-serve", "limpid-store"]).is_empty());
        assert!(found("limpid", &["limpid-scenarios", "limpid-log"]).is_empty());
        assert!(found("xtask", &[]).is_empty());
    }

    #[test]
    fn a_room_may_not_need_a_room() {
        assert_eq!(
            found("limpid-log", &["limpid-witness"]),
            ["`log` (floor 2) depends on `witness` (floor 2)"]
        );
    }

    #[test]
    fn an_edge_up_is_refused() {
        assert_eq!(found("limpid-tlog", &["limpid-statement"]).len(), 1);
        assert_eq!(found("limpid-statement", &["limpid-store"]).len(), 1);
        assert_eq!(found("limpid-keys", &["limpid-store"]).len(), 1);
        assert_eq!(found("limpid-scenarios", &["limpid"]).len(), 1);
    }

    #[test]
    fn an_unknown_crate_is_refused() {
        assert_eq!(
            found("limpid-helpers", &[]),
            ["crate `helpers` is on no floor"]
        );
        assert_eq!(found("limpid-log", &["limpid-helpers"]).len(), 1);
    }

    #[test]
    fn barred_edges_and_xtask_edges_are_refused() {
        assert_eq!(found("limpid-audit", &["limpid-law"]).len(), 1);
        assert_eq!(found("limpid-portal", &["limpid-keys"]).len(), 1);
        assert_eq!(found("xtask", &["limpid-tlog"]).len(), 1);
    }
}
