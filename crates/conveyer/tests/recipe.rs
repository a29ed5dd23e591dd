//! Recipes: what is read, and how a wrong one is refused.

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

/// A recipe that uses everything.
const WHOLE: &str = r#"product = "pair"
version = "2.1"
kind = "software"
platform = "linux-x86_64"
[environment]
name = "c"
[arguments]
tls = { values = ["on", "off"], default = "on" }
[cargo]
lock = "Cargo.lock"
[build]
env = { FLAGS = "-Dtls={{tls}}" }
[[step]]
command = ["cmake", "-B", "out", "-DTLS={{tls}}"]
[[step]]
command = ["cmake", "--build", "out", "-j{{jobs}}"]
[[test]]
name = "unit"
command = ["ctest"]
[[artifact]]
path = "out/pair"
name = "pair"
[[artifact]]
path = "out/libpair.so"
name = "libpair.so"
"#;

#[test]
fn a_recipe_with_arguments_steps_tests_and_artifacts_says_what_it_says() {
    let mut recipe = Recipe::parse(WHOLE.as_bytes()).unwrap();
    assert_eq!(recipe.steps.len(), 2);
    assert_eq!(recipe.steps[1][3], "-j{{jobs}}");
    assert_eq!(recipe.tests[0].name, "unit");
    let names: Vec<_> = recipe
        .artifacts
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["pair", "libpair.so"]);
    assert_eq!(recipe.cargo_lock.as_ref().unwrap().as_str(), "Cargo.lock");
    assert_eq!(recipe.chosen()["tls"], "on");
    let choose = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    recipe.choose(&choose("tls", "off")).unwrap();
    assert_eq!(recipe.chosen()["tls"], "off");
    for (name, value) in [("tls", "maybe"), ("ssl", "on"), ("jobs", "3")] {
        let fault = recipe.choose(&choose(name, value)).unwrap_err();
        assert_eq!((fault.name.as_str(), fault.value.as_str()), (name, value));
    }
    assert_eq!(recipe.chosen()["tls"], "off");
}

/// As [`WRONG`], for `WHOLE`.
const WHOLE_WRONG: &[(&str, &str, usize, &str, &str)] = &[
    (
        "default = \"on\"",
        "default = \"none\"",
        8,
        "arguments.tls.default",
        "\"none\"",
    ),
    (
        "\"off\"]",
        "\"on\"]",
        8,
        "arguments.tls.values",
        "[\"on\", \"on\"]",
    ),
    (
        "\"off\"]",
        "\"a b\"]",
        8,
        "arguments.tls.values",
        "[\"on\", \"a b\"]",
    ),
    ("tls = {", "jobs = {", 8, "arguments.jobs", "jobs"),
    (
        "-Dtls={{tls}}",
        "-Dtls={{ssl}}",
        12,
        "build.env.FLAGS",
        "\"-Dtls={{ssl}}\"",
    ),
    (
        "-j{{jobs}}",
        "-j{{jobs",
        16,
        "step.command",
        "[\"cmake\", \"--build\", \"out\", \"-j{{jobs\"]",
    ),
    (
        "[build]",
        "[build]\ncommand = [\"make\"]",
        12,
        "build.command",
        "[\"make\"]",
    ),
    (
        "command = [\"ctest\"]",
        "command = []",
        19,
        "test.command",
        "[]",
    ),
    (
        "name = \"unit\"",
        "name = \"Unit Test\"",
        18,
        "test.name",
        "\"Unit Test\"",
    ),
    (
        "[\"ctest\"]",
        "[\"ctest\"]\n[[test]]\nname = \"unit\"\ncommand = [\"x\"]",
        21,
        "test.name",
        "\"unit\"",
    ),
    (
        "name = \"libpair.so\"",
        "name = \"pair\"",
        25,
        "artifact.name",
        "\"pair\"",
    ),
    (
        "path = \"out/libpair.so\"",
        "path = \"/etc/passwd\"",
        24,
        "artifact.path",
        "\"/etc/passwd\"",
    ),
    (
        "lock = \"Cargo.lock\"",
        "lock = \"../Cargo.lock\"",
        10,
        "cargo.lock",
        "\"../Cargo.lock\"",
    ),
    (
        "env = { FLAGS",
        "inner_path = \"/build/vendor/x\"\nenv = { FLAGS",
        12,
        "build.inner_path",
        "\"/build/vendor/x\"",
    ),
    (
        "[[step]]\ncommand = [\"cmake\", \"-B\", \"out\", \"-DTLS={{tls}}\"]",
        "[[step]]\ncommand = \"cmake\"",
        14,
        "command",
        "\"cmake\"",
    ),
];

#[test]
fn a_wrong_part_of_a_whole_recipe_is_refused_with_line_field_and_value() {
    for &(from, to, line, field, value) in WHOLE_WRONG {
        assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
        let fault = Recipe::parse(WHOLE.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(
            (fault.line, fault.field.as_str(), fault.value.as_str()),
            (line, field, value),
            "{to}: {fault}"
        );
    }
    let steps = WHOLE.find("[[step]]").unwrap()..WHOLE.find("[[test]]").unwrap();
    let without = WHOLE.replace(&WHOLE[steps], "");
    let fault = Recipe::parse(without.as_bytes()).unwrap_err();
    assert_eq!(
        (fault.field.as_str(), fault.value.as_str()),
        ("build.command", "(absent)")
    );
    let artifacts = WHOLE.find("[[artifact]]").unwrap();
    for none in ["", "artifact = []\n"] {
        let without = format!("{none}{}", &WHOLE[..artifacts]);
        let fault = Recipe::parse(without.as_bytes()).unwrap_err();
        assert_eq!(fault.field, "artifact");
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
        let mixed = format!("{}{text}{}", &WHOLE[..at], &WHOLE[at..]);
        let _ = Recipe::parse(mixed.as_bytes());
        let mixed = format!("{}{text}{}", &FINE[..at], &FINE[at..]);
        let _ = Recipe::parse(mixed.as_bytes());
    }
}
