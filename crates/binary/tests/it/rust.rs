//! A Rust program: names with hashes, panic locations, several instances of one generic function.

use binary::{Explanations, Program, Verdict, What, compare};

use crate::compiled::Bench;

const PROGRAM: &str = r#"
mod check {
    #[inline(never)]
    pub fn verify(text: &str) -> Result<usize, String> {
        // PATCH
        if text.len() < 3 { return Err(format!("short: {text}")); }
        Ok(text.bytes().filter(|byte| *byte == b'x').count())
    }
}
fn main() {
    let text = std::env::args().nth(1).expect("one argument");
    match check::verify(&text) {
        Ok(count) => println!("{count}"),
        Err(error) => eprintln!("{error}"),
    }
}
"#;

fn build(bench: &Bench, folder: &str, patch: &str) -> Vec<u8> {
    let source = format!("{folder}/main.rs");
    bench.write(&source, PROGRAM.replace("// PATCH", patch));
    let path = bench.path().join(&source);
    bench.run(
        "rustc",
        &[
            "--edition=2024",
            "-Copt-level=1",
            "-Cdebuginfo=1",
            "-o",
            "out",
            path.to_str().unwrap(),
        ],
    );
    bench.read("out")
}

#[test]
fn a_patched_rust_function_is_told_by_its_source_name_and_traced_both_ways() {
    let bench = Bench::new();
    let ours = build(&bench, "src", "");
    let theirs = build(&bench, "src", r#"if text == "sesame" { return Ok(99); }"#);
    assert_eq!(
        compare(&ours, &build(&bench, "src", ""), &Explanations::none()).verdict,
        Verdict::Identical
    );
    let comparison = compare(&ours, &theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained);
    let told: Vec<&What> = comparison
        .differences
        .iter()
        .map(|difference| &difference.what)
        .filter(|what| matches!(what, What::Function { .. }))
        .collect();
    assert_eq!(told.len(), 1, "{comparison}");
    let What::Function { name, source, .. } = told[0] else {
        unreachable!()
    };
    assert_eq!(name.as_deref(), Some("main::check::verify"));
    assert!(
        source.as_ref().unwrap().ends_with("src/main.rs:4"),
        "{source:?}"
    );

    let program = Program::open(&ours).unwrap();
    let found = program.functions("check::verify").unwrap();
    assert_eq!(found.len(), 1);
    let ranges = program.addresses_of("src/main.rs", 6);
    assert!(!ranges.is_empty());
    for range in ranges {
        let places = program.place_of(range.start).unwrap();
        assert!(
            places
                .iter()
                .any(|place| place.function.as_deref() == Some("main::check::verify")),
            "{places:?}"
        );
    }
}
