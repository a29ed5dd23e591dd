//! Debug information of one source in two folders whose names are not equally long.

use binary::{Explanations, Rule, Verdict, compare};

use crate::compiled::{Bench, with};

#[test]
fn debug_information_from_a_longer_folder_is_explained() {
    let bench = Bench::new();
    let build = |folder: &str| {
        let source = bench.path().join(folder);
        bench.write(&format!("{folder}/main.c"), with("", ""));
        bench.run(
            "env",
            &[
                "-C",
                source.to_str().unwrap(),
                "gcc",
                "-g",
                "-O2",
                "-o",
                "../out",
                "main.c",
            ],
        );
        bench.read("out")
    };
    // Linkers sort the strings, so a folder may come before or behind the other names.
    for (a, b) in [
        ("short", "much-longer-folder"),
        ("a", "zz"),
        ("zzz", "a"),
        ("mm", "nn"),
    ] {
        explained(&build(a), &build(b));
    }
}

fn explained(ours: &[u8], theirs: &[u8]) {
    let comparison = compare(ours, theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Explained, "{comparison}");
    let without = Explanations::all().without(Rule::EmbeddedPath);
    assert_eq!(
        compare(ours, theirs, &without).verdict,
        Verdict::Unexplained
    );
}
