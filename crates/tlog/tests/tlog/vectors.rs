//! The conformance vectors of `spec/vectors/`, run by this crate and by other people's programs.
//!
//! They were written by a program that shares no code with this crate, so they judge it. Where we
//! differ on purpose the case is named here, and must really differ.

mod bodies;
mod case;
mod oracles;
mod signed;
mod trees;

use case::{File, Judge};

/// Cases that a file has and nobody runs would be promises that nobody keeps.
#[test]
fn every_operation_of_every_file_is_run() {
    let known: &[(&str, &[&str])] = &[
        ("note", &["parse", "verify", "vkey"]),
        ("checkpoint", &["body", "open"]),
        ("cosignature", &["message", "subtree_message", "verify"]),
        (
            "tiles",
            &[
                "tile_path",
                "bundle_path",
                "tiles_of",
                "tree",
                "hash_up",
                "bundle",
                "entry",
            ],
        ),
        ("proof", &["inclusion", "consistency", "parse", "verify"]),
        ("subtree", &["subtree", "consistency"]),
        ("policy", &["parse", "quorum", "verify"]),
        // Scripts are run by the witness itself, over sockets.
        ("witness", &["request", "conflict", "response", "script"]),
        (
            "mirror",
            &[
                "mirror_info",
                "sequence",
                "add_entries",
                "package",
                "script",
            ],
        ),
    ];
    let mut cases = 0;
    for (name, operations) in known {
        let file = File::read(name);
        for case in &file.cases {
            assert!(
                operations.contains(&case.op.as_str()),
                "{name}: {}",
                case.op
            );
        }
        cases += file.cases.len();
    }
    let folder = std::fs::read_dir(case::folder()).unwrap();
    let files = folder.filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        // These are about no C2SP format; the crates `seal` and `token` run them.
        let ours = path
            .file_stem()
            .is_some_and(|name| name == "sealing" || name == "admission");
        !ours && path.extension().is_some_and(|kind| kind == "json")
    });
    assert_eq!(files.count(), known.len(), "a file that nobody reads");
    assert!(cases > 1_000, "{cases} cases");
}

/// The judgement itself can fail: each wrong answer is found.
#[test]
fn a_program_that_accepts_everything_or_nothing_is_found_out() {
    let file = File::read("note");
    let all = Judge::default();
    let wrong = all.differences(&file, "parse", |_| Ok(None));
    assert!(wrong.len() >= 50, "{}", wrong.len());
    let nothing = all.differences(&file, "parse", |_| Err("no".to_owned()));
    assert!(nothing.len() >= 12, "{}", nothing.len());
    let other = all.differences(&file, "vkey", |_| Ok(Some(serde_json::json!({}))));
    assert!(
        other.iter().any(|line| line.contains("another result")),
        "{other:?}"
    );
}
