//! Every verb's help: found by walking, narrow enough, and as the snapshots show it.

use std::{collections::BTreeSet, fs};

use crate::program::{LIMPID, limpid};

const COLUMNS: usize = 80;

fn snapshots() -> String {
    format!("{}/tests/cmd/help", env!("CARGO_MANIFEST_DIR"))
}

/// Help of a command and, below it, of every command that its help names.
fn walk(path: &str, pages: &mut Vec<(String, String)>) {
    let words: Vec<&str> = path.split_whitespace().chain(["--help"]).collect();
    let ran = limpid(&words);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{path}");
    let below: Vec<String> = ran
        .stdout
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .map(|verb| format!("{path} {verb}"))
        .collect();
    pages.push((format!("limpid{path} --help"), ran.stdout));
    for path in below {
        walk(&path, pages);
    }
}

fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    walk("", &mut pages);
    pages
}

#[test]
fn help_reads_as_the_snapshots_show() {
    trycmd::TestCases::new()
        .register_bin("limpid", std::path::Path::new(LIMPID))
        .env("COLUMNS", COLUMNS.to_string())
        .case(format!("{}/*.trycmd", snapshots()))
        .run();
}

#[test]
fn every_verb_has_a_snapshot_and_every_snapshot_a_verb() {
    let reached: BTreeSet<String> = pages().into_iter().map(|(command, _)| command).collect();
    let mut shown = BTreeSet::new();
    for file in fs::read_dir(snapshots()).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        shown.extend(
            text.lines()
                .filter_map(|line| line.strip_prefix("$ "))
                .map(str::to_owned),
        );
    }
    assert!(reached.len() > 20, "{reached:?}");
    assert_eq!(reached, shown);
}

#[test]
fn no_line_of_help_is_wider_than_a_terminal() {
    for (command, help) in pages() {
        for line in help.lines() {
            let width = line.chars().count();
            assert!(width <= COLUMNS, "{command}: {width} columns: {line}");
        }
    }
}

#[test]
fn every_command_argument_and_option_says_what_it_is_for() {
    for (command, help) in pages() {
        let (first, _) = help.split_once('\n').unwrap();
        assert!(first.len() > 15, "{command} does not say what it does");
        let mut lines = help.lines().skip(1).peekable();
        while let Some(line) = lines.next() {
            let item = line.starts_with("  ") && !line.starts_with("         ");
            let name = line.trim();
            // An item whose text does not follow two spaces later has it on the next line.
            let alone = item && !name.contains("  ");
            if alone && (name.starts_with('-') || name.starts_with('<')) {
                let next = lines.peek().copied().unwrap_or_default();
                assert!(
                    next.starts_with("         "),
                    "{command}: {name} is not explained"
                );
            }
        }
    }
}

#[test]
fn the_help_names_the_exit_statuses_that_are_tested_here() {
    let help = limpid(&["--help"]).stdout;
    for part in ["Exit status: 0 done; 1 refused", "2 the command, its input"] {
        assert!(help.contains(part), "{help}");
    }
}
