//! Recipes: what is read, and how a wrong one is refused.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

use conveyer::{Kind, Recipe};
use proptest::prelude::*;

const FINE: &str = r#"product = "truename"
version = "1.0.0"
kind = "software"
platform = "linux-x86_64"
[environment]
name = "rust-host"
[build]
command = ["cargo", "build"]
jobs = 2
env = { RUSTFLAGS = "-Cdebuginfo=0" }
[build.limits]
wall_ms = 1000
[artifact]
path = "target/release/truename"
name = "truename"
"#;

#[test]
fn a_recipe_says_what_it_says() {
    let recipe = Recipe::parse(FINE.as_bytes()).unwrap();
    assert_eq!(
        (recipe.product.as_str(), recipe.kind),
        ("truename", Kind::Software)
    );
    assert_eq!(recipe.inner_path, "/build/src");
    assert_eq!(recipe.env["RUSTFLAGS"], "-Cdebuginfo=0");
    assert_eq!((recipe.jobs, recipe.limits.wall_ms), (2, 1000));
    assert_eq!(
        recipe.limits.processes_max,
        sandbox::Limits::default().processes_max
    );
    assert_eq!(recipe.digest, tlog::sha256(FINE.as_bytes()));
}

/// What is replaced in `FINE`, by what, and the line, field and value that the refusal must name.
const WRONG: &[(&str, &str, usize, &str, &str)] = &[
    (
        "kind = \"software\"",
        "kind = \"game\"",
        3,
        "kind",
        "\"game\"",
    ),
    (
        "product = \"truename\"",
        "product = \"True Name\"",
        1,
        "product",
        "\"True Name\"",
    ),
    (
        "version = \"1.0.0\"",
        "version = \"../1\"",
        2,
        "version",
        "\"../1\"",
    ),
    ("version = \"1.0.0\"", "version = 1", 2, "version", "1"),
    (
        "platform = \"linux-x86_64\"",
        "platform = \"linux\"",
        4,
        "platform",
        "\"linux\"",
    ),
    ("jobs = 2", "jobs = 0", 9, "build.jobs", "0"),
    ("jobs = 2", "jobs = -1", 9, "jobs", "-1"),
    ("jobs = 2", "job = 2", 9, "job", "2"),
    (
        "jobs = 2",
        "inner_path = \"/etc\"",
        9,
        "build.inner_path",
        "\"/etc\"",
    ),
    (
        "jobs = 2",
        "inner_path = \"/build/../etc\"",
        9,
        "build.inner_path",
        "\"/build/../etc\"",
    ),
    (
        "jobs = 2",
        "inner_path = \"/build/home\"",
        9,
        "build.inner_path",
        "\"/build/home\"",
    ),
    (
        "jobs = 2",
        "source_date_epoch = 999999999999999",
        9,
        "build.source_date_epoch",
        "999999999999999",
    ),
    (
        "command = [\"cargo\", \"build\"]",
        "command = []",
        8,
        "build.command",
        "[]",
    ),
    ("RUSTFLAGS", "PATH", 10, "build.env", "PATH"),
    ("RUSTFLAGS", "LD_PRELOAD", 10, "build.env", "LD_PRELOAD"),
    ("RUSTFLAGS", "LC_ALL", 10, "build.env", "LC_ALL"),
    (
        "wall_ms = 1000",
        "wall_ms = 0",
        12,
        "build.limits.wall_ms",
        "0",
    ),
    ("wall_ms = 1000", "wall = 1", 12, "wall", "1"),
    (
        "path = \"target/release/truename\"",
        "path = \"../../etc/passwd\"",
        14,
        "artifact.path",
        "\"../../etc/passwd\"",
    ),
    (
        "name = \"truename\"",
        "name = \"a/b\"",
        15,
        "artifact.name",
        "\"a/b\"",
    ),
    (
        "name = \"truename\"\n",
        "name = \"truename\"\nextra = 1\n",
        16,
        "extra",
        "1",
    ),
    ("product = \"truename\"\n", "", 1, "product", "(absent)"),
    ("[artifact]", "[[artifact]]", 13, "[[artifact]]", "(none)"),
    (
        "version = \"1.0.0\"",
        "version \"1.0.0\"",
        2,
        "version \"1.0.0\"",
        "(none)",
    ),
    (
        "version = \"1.0.0\"",
        "version = \"1.0.0\"\nversion = \"2\"",
        3,
        "version",
        "\"2\"",
    ),
];

#[test]
fn a_wrong_recipe_is_refused_with_line_field_and_value() {
    for &(from, to, line, field, value) in WRONG {
        assert!(FINE.contains(from), "{from}");
        let at = FINE.rfind(from).unwrap();
        let text = format!("{}{to}{}", &FINE[..at], &FINE[at + from.len()..]);
        let fault = Recipe::parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            (fault.line, fault.field.as_str(), fault.value.as_str()),
            (line, field, value),
            "{to}: {fault}"
        );
        assert!(!fault.want.is_empty());
    }
}

#[test]
fn the_example_of_the_specification_is_read() {
    let spec = include_str!("../../../spec/recipe.md");
    let start = spec.find("```toml\n").unwrap() + "```toml\n".len();
    let end = start + spec[start..].find("```").unwrap();
    let recipe = Recipe::parse(&spec.as_bytes()[start..end]).unwrap();
    assert_eq!(recipe.source_date_epoch, 1_700_000_000);
    assert_eq!(recipe.env["RUSTFLAGS"], "-Cstrip=symbols");
}

#[test]
fn a_recipe_that_is_too_long_or_not_text_is_refused() {
    assert!(Recipe::parse(&[0xff, 0xfe]).is_err());
    let long = format!("{FINE}# {}\n", "x".repeat(70_000));
    assert!(
        Recipe::parse(long.as_bytes())
            .unwrap_err()
            .to_string()
            .contains("65,536")
    );
}

#[test]
fn a_fault_of_a_recipe_reads_well() {
    let text = FINE.replace("\"software\"", "\"game\"");
    let fault = Recipe::parse(text.as_bytes()).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "line 3: kind = \"game\": \"software\" or \"rules\""
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", at in 0_usize..FINE.len()) {
        let _ = Recipe::parse(text.as_bytes());
        let mixed = format!("{}{text}{}", &FINE[..at], &FINE[at..]);
        let _ = Recipe::parse(mixed.as_bytes());
    }
}
