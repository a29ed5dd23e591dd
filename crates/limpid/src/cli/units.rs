//! The units of `packaging/systemd` start what this program has, and every daemon has one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _, Parser as _};

use super::Limpid;

/// `conveyer rebuild` and `center issuer` are daemons too, under other verbs.
const DAEMON_VERBS: [&str; 3] = ["serve", "rebuild", "issuer"];

/// What every unit says, and what only those say that do not start bubblewrap.
const EVERY: [&str; 6] = [
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "PrivateTmp=yes",
    "CapabilityBoundingSet=",
    "UMask=0077",
    "StateDirectoryMode=0700",
];
const WITHOUT_BUBBLEWRAP: [&str; 4] = [
    "RestrictNamespaces=yes",
    "PrivateDevices=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",
];

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

/// Units by file name without `.service`.
fn units() -> BTreeMap<String, String> {
    fs::read_dir(packaging().join("systemd"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            assert_eq!(path.extension().unwrap(), "service", "{}", path.display());
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The one value of `key` in a unit.
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let found: Vec<_> = unit
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .collect();
    assert_eq!(found.len(), 1, "{key} stands once:\n{unit}");
    found[0]
}

/// What a unit starts, word by word, as this program takes it.
fn started(unit: &str) -> Vec<&str> {
    value(unit, "ExecStart").split(' ').collect()
}

/// `log serve` and its like.
fn daemons(command: &Command) -> Vec<String> {
    let rooms = command.get_subcommands();
    rooms
        .flat_map(|room| {
            let verbs = room.get_subcommands().map(Command::get_name);
            let daemons = verbs.filter(|verb| DAEMON_VERBS.contains(verb));
            daemons.map(|verb| format!("{} {verb}", room.get_name()))
        })
        .collect()
}

#[test]
fn each_daemon_has_one_unit_and_no_unit_starts_anything_else() {
    let mut expected = daemons(&Limpid::command());
    expected.sort();
    assert!(expected.len() >= 5, "{expected:?}");
    let mut found: Vec<String> = units()
        .values()
        .map(|unit| {
            let words = started(unit);
            let at = words.iter().position(|word| DAEMON_VERBS.contains(word));
            let at = at.expect("a unit starts a daemon");
            words[at - 1..=at].join(" ")
        })
        .collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_a_unit_starts_is_understood() {
    for (name, unit) in units() {
        let words = started(&unit);
        assert_eq!(words[0], "/usr/bin/limpid", "{name}");
        Limpid::try_parse_from(&words).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn each_unit_is_hardened_and_writes_only_to_its_own_directory() {
    for (name, unit) in units() {
        let lines: Vec<&str> = unit.lines().collect();
        let has_sandbox = ["conveyer rebuild", "center serve"]
            .iter()
            .any(|verb| unit.contains(verb));
        for line in EVERY {
            assert!(lines.contains(&line), "{name} lacks {line}");
        }
        for line in WITHOUT_BUBBLEWRAP {
            assert_eq!(lines.contains(&line), !has_sandbox, "{name}: {line}");
        }
        assert_eq!(value(&unit, "User"), name);
        assert_eq!(value(&unit, "StateDirectory"), name);
        assert_eq!(value(&unit, "ReadWritePaths"), format!("/var/lib/{name}"));
        assert!(value(&unit, "LimitNOFILE").parse::<u32>().unwrap() >= 1024);
        assert_eq!(value(&unit, "LimitCORE"), "0", "a core would hold keys");
    }
}

#[test]
fn each_unit_has_a_user_of_its_own() {
    let users = fs::read_to_string(packaging().join("sysusers.d/limpid.conf")).unwrap();
    let users: Vec<&str> = users
        .lines()
        .filter_map(|line| line.strip_prefix("u ")?.split(' ').next())
        .collect();
    let mut units: Vec<String> = units().into_keys().collect();
    units.sort();
    let mut sorted = users.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, units);
}
