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
    let (ours, theirs) = (build("short"), build("much-longer-folder"));
    assert_ne!(ours.len(), theirs.len());
    let comparison = compare(&ours, &theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Explained, "{comparison}");
    let without = Explanations::all().without(Rule::EmbeddedPath);
    assert_eq!(
        compare(&ours, &theirs, &without).verdict,
        Verdict::Unexplained
    );
}
