//! `limpid compare` and `limpid trace` on a small program, and what their exit status says.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::program::limpid;

const SOURCE: &str = "#include <stdio.h>
__attribute__((noinline)) int check(int x) {
    return x > LIMIT;
}
int main(int argc, char **argv) {
    puts(\"built TIME\");
    return check(argc);
}
";

/// A folder with the program `name`, compiled from `main.c` in it.
fn compile(folder: &Path, name: &str, limit: &str, time: &str) -> String {
    let source = SOURCE.replace("LIMIT", limit).replace("TIME", time);
    fs::write(folder.join("main.c"), source).unwrap();
    let status = Command::new("gcc")
        .args(["-g", "-O1", "-o", name, "main.c"])
        .current_dir(folder)
        .status()
        .unwrap();
    assert!(status.success());
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn the_exit_status_of_a_comparison_is_its_verdict() {
    let folder = TempDir::new().unwrap();
    let ours = compile(folder.path(), "ours", "3", "03:18:29");
    let same = compile(folder.path(), "same", "3", "03:18:29");
    let later = compile(folder.path(), "later", "3", "03:19:02");
    let other = compile(folder.path(), "other", "4", "03:18:29");

    assert_eq!(limpid(&["compare", &ours, &same]).status, 0);
    let explained = limpid(&["--json", "compare", &ours, &later]).json(3);
    assert_eq!(explained["verdict"], "explained");
    let judged: Vec<&str> = explained["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|difference| difference["judgement"].as_str().unwrap())
        .collect();
    assert_eq!(judged, ["build-id", "embedded-time"]);
    let off = ["compare", &ours, &later, "--no-explain", "embedded-time"];
    assert_eq!(limpid(&off).status, 4);

    let patched = limpid(&["compare", &ours, &other]);
    assert_eq!((patched.status, patched.stderr.as_str()), (4, ""));
    assert!(patched.stdout.contains("check: ours"), "{patched:?}");
    limpid(&["compare", &ours, &other, "--no-explain", "luck"]).refused(2, &["luck", "build-id"]);
}

#[test]
fn a_function_a_line_and_an_address_are_traced_into_the_source_tree() {
    let folder = TempDir::new().unwrap();
    let program = compile(folder.path(), "program", "3", "now");
    let tree = folder.path().to_str().unwrap();
    let trace = |what: &str| {
        let source = ["--source", tree, "--built-at", tree];
        limpid(&[&["--json", "trace", &program, what][..], &source].concat()).json(0)
    };
    let function = trace("check");
    assert_eq!(function[0]["function"]["place"]["line"], 3);
    let line = trace("main.c:3");
    assert_eq!(
        line[0]["tree"]["text"].as_str().unwrap().trim(),
        "return x > 3;"
    );
    let start = line[0]["ranges"][0]["start"].as_u64().unwrap();
    let address = trace(&format!("{start:#x}"));
    let place = &address[0]["places"][0];
    assert_eq!(
        (&place["function"], &place["line"]),
        (&"check".into(), &3.into())
    );

    let elsewhere = limpid(&["trace", &program, "check", "--source", tree]);
    assert!(
        elsewhere.stdout.contains("not in the source tree"),
        "{elsewhere:?}"
    );
    limpid(&["trace", &program, "nothing"]).refused(2, &["no function is called", "nothing"]);
    limpid(&["trace", tree, "check"]).refused(2, &["cannot read"]);
}

#[test]
fn the_bytes_without_source_are_counted() {
    let folder = TempDir::new().unwrap();
    let program = compile(folder.path(), "program", "3", "now");
    let text = limpid(&["trace", &program, "--without-source"]);
    assert_eq!(text.status, 0, "{text:?}");
    assert!(text.stdout.contains("in .plt"), "{text:?}");
    let all = limpid(&["--json", "trace", &program, "--without-source"]).json(0);
    let count = |name: &str| all[name].as_u64().unwrap();
    let parts = [
        "line_bytes",
        "symbol_bytes",
        "padding_bytes",
        "without_bytes",
    ];
    assert_eq!(
        parts.into_iter().map(count).sum::<u64>(),
        count("executable_bytes")
    );
}
