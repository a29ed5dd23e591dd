//! Bad input at the edge: what happened, where, and the exit status that scripts rely on.

use crate::{place::Place, program::limpid};

/// Verbs that read a configuration, with what else they need to get that far.
const WITH_CONFIG: [&[&str]; 14] = [
    &["log", "serve"],
    &["witness", "serve"],
    &["supervisor", "serve"],
    &["supervisor", "withdraw", DIGEST, "--reason", "r"],
    &["release", "serve"],
    &["release", "propose", DIGEST],
    &["release", "publish"],
    &["release", "renew"],
    &["release", "withdraw", DIGEST, "--reason", "r"],
    &["conveyer", "rebuild"],
    &["endpoint", "update"],
    &["endpoint", "status"],
    &["endpoint", "gossip"],
    &["endpoint", "timeline"],
];
const DIGEST: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

#[test]
fn an_unknown_key_of_a_configuration_is_named_with_file_and_line() {
    let place = Place::new();
    let file = place.write(
        "room.toml",
        "# a comment\ndir = \"/nowhere\"\nanchr = \"\"\n",
    );
    for verb in WITH_CONFIG {
        let arguments = [verb, &["--config", &file]].concat();
        let place = format!("{file}:3: unknown field `anchr`");
        limpid(&arguments).refused(2, &[&place, "expected one of"]);
        let said = limpid(&[&["--json"], arguments.as_slice()].concat()).json(2);
        assert!(
            said["error"].as_str().unwrap().contains("`anchr`"),
            "{said}"
        );
        assert!(said["code"].is_null(), "no check refused: {said}");
    }
}

#[test]
fn a_missing_key_and_a_value_of_the_wrong_kind_are_named() {
    let place = Place::new();
    let file = place.write("room.toml", "dir = \"/nowhere\"\n");
    limpid(&["log", "serve", "--config", &file]).refused(2, &["missing field `origin`"]);
    let file = place.write("room.toml", "dir = \"/nowhere\"\norigin = 7\n");
    limpid(&["log", "serve", "--config", &file]).refused(2, &["room.toml:2: ", "integer `7`"]);
    let file = place.write("room.toml", "dir = \"/nowhere\n");
    limpid(&["log", "serve", "--config", &file]).refused(2, &["room.toml:1: "]);
}

#[test]
fn a_missing_file_is_named_for_every_verb_that_reads_one() {
    let place = Place::new();
    let none = place.path().join("none").display().to_string();
    for verb in WITH_CONFIG {
        let ran = limpid(&[verb, &["--config", &none]].concat());
        ran.refused(2, &["cannot read the configuration", &none, "No such file"]);
    }
    let others: [&[&str]; 5] = [
        &[
            "endpoint", "verify", &none, "--bundle", &none, "--anchor", DIGEST,
        ],
        &["keys", "show", &none],
        &["statement", "show", &none],
        &["statement", "sign", &none, "--key", &none, "--out", &none],
        &[
            "log",
            "submit",
            &none,
            "--url",
            "http://127.0.0.1:1",
            "--origin",
            "a.example/log",
        ],
    ];
    for arguments in others {
        limpid(arguments).refused(2, &[&none, "because: No such file"]);
        let said = limpid(&[&["--json"], arguments].concat()).json(2);
        assert!(said["error"].as_str().unwrap().contains(&none), "{said}");
        assert!(said["causes"][0].is_string(), "{said}");
    }
}

#[test]
fn arguments_that_cannot_be_meant_are_refused_before_anything_happens() {
    let cases: [(&[&str], &str); 6] = [
        (
            &["endpoint", "status", "--config"],
            "a value is required for '--config",
        ),
        (&["no-such-room"], "unrecognized subcommand 'no-such-room'"),
        (
            &["--log-level", "loud", "demo", "--list"],
            "invalid value 'loud'",
        ),
        (
            &[
                "endpoint",
                "verify",
                "f",
                "--bundle",
                "b",
                "--anchor",
                "sha256:00",
            ],
            "`sha256:00` is not 64 lower-case hexadecimal digits",
        ),
        (
            &[
                "log", "replay", "--url", "http://h", "--origin", "a log", "--anchor", DIGEST,
            ],
            "invalid value 'a log' for '--origin",
        ),
        (
            &["demo", "--list", "--attack", "all"],
            "cannot be used with",
        ),
    ];
    for (arguments, part) in cases {
        limpid(arguments).refused(2, &[part, "--help"]);
        // Nothing was asked in a way that has a result, so there is none on standard output.
        limpid(&[&["--json"], arguments].concat()).refused(2, &[part]);
    }
}

#[test]
fn a_key_is_never_overwritten_and_never_shown() {
    let place = Place::new();
    let file = place.path().join("a.pem").display().to_string();
    let made = limpid(&["--json", "keys", "generate", &file]).json(0);
    let pem = std::fs::read_to_string(&file).unwrap();
    assert_eq!(limpid(&["--json", "keys", "show", &file]).json(0), made);
    limpid(&["keys", "generate", &file]).refused(2, &[&file, "never overwritten"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), pem);
    let secret = pem.lines().nth(1).unwrap();
    assert!(!made.to_string().contains(secret));
    let cut = place.write("cut.pem", &pem[..pem.len() / 2]);
    let ran = limpid(&["keys", "show", &cut]);
    ran.refused(2, &[&cut]);
    assert!(!ran.stderr.contains(&secret[..secret.len() / 2]));
}

#[test]
fn a_log_that_does_not_answer_is_named() {
    let at = [
        "--url",
        "http://127.0.0.1:1",
        "--origin",
        "a.example/log",
        "--anchor",
        DIGEST,
    ];
    let ran = limpid(&[&["log", "replay"], at.as_slice()].concat());
    ran.refused(2, &["http://127.0.0.1:1", "is the daemon running?"]);
}

#[test]
fn a_directory_that_is_no_demonstration_is_never_emptied() {
    let place = Place::new();
    let dir = place.path().join("mine");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("thesis.txt"), "years of work").unwrap();
    let name = dir.display().to_string();
    limpid(&["demo", "--dir", &name]).refused(2, &[&name, "--dir"]);
    assert_eq!(
        std::fs::read(dir.join("thesis.txt")).unwrap(),
        b"years of work"
    );
}
