//! A patched function is the one that is told, with symbols and without.

use binary::{Change, Comparison, Explanations, Span, Verdict, What, compare};

use crate::compiled::{BACKDOOR, Bench};

struct Told {
    name: Option<String>,
    change: Change,
    sizes: (Option<u64>, Option<u64>),
    source: Option<String>,
}

fn told(comparison: &Comparison) -> Vec<Told> {
    let size = |span: &Option<Span>| span.map(|span| span.bytes);
    comparison
        .differences
        .iter()
        .filter_map(|difference| match &difference.what {
            What::Function {
                name,
                change,
                spans,
                source,
            } => Some(Told {
                name: name.clone(),
                change: *change,
                sizes: (size(&spans.ours), size(&spans.theirs)),
                source: source.clone(),
            }),
            _ => None,
        })
        .collect()
}

#[test]
fn an_honest_pair_is_identical() {
    let bench = Bench::new();
    let (ours, theirs) = (
        bench.program("", "", &["-O2"]),
        bench.program("", "", &["-O2"]),
    );
    let comparison = compare(&ours, &theirs, &Explanations::none());
    assert_eq!(comparison.verdict, Verdict::Identical);
    assert!(comparison.differences.is_empty());
}

#[test]
fn a_patched_function_is_the_only_one_told_with_its_name_sizes_and_line() {
    let bench = Bench::new();
    let flags = ["-O2", "-g"];
    let (ours, theirs) = (
        bench.program("", "", &flags),
        bench.program(BACKDOOR, "", &flags),
    );
    let comparison = compare(&ours, &theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained);
    let told = told(&comparison);
    assert_eq!(told.len(), 1, "{comparison}");
    assert_eq!(told[0].name.as_deref(), Some("verify"));
    assert_eq!(told[0].change, Change::Instructions);
    assert!(told[0].sizes.0 < told[0].sizes.1, "{comparison}");
    let source = told[0].source.clone().unwrap();
    assert!(source.ends_with("src/main.c:12"), "{source}");
    assert!(matches!(
        comparison.differences[0].what,
        What::Function { .. }
    ));
}

#[test]
fn a_patched_function_is_the_only_one_told_in_a_stripped_program() {
    let bench = Bench::new();
    let (ours, theirs) = (
        bench.stripped("", &["-O2"]),
        bench.stripped(BACKDOOR, &["-O2"]),
    );
    let comparison = compare(&ours, &theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained);
    let told = told(&comparison);
    assert_eq!(told.len(), 1, "{comparison}");
    assert_eq!((&told[0].name, &told[0].source), (&None, &None));
    assert!(told[0].sizes.0 < told[0].sizes.1, "{comparison}");
}

#[test]
fn a_call_that_goes_to_another_function_is_told() {
    let bench = Bench::new();
    for stripped in [false, true] {
        let build = |patch: &str| {
            if stripped {
                bench.stripped(patch, &["-O2"])
            } else {
                bench.program(patch, "", &["-O2"])
            }
        };
        // The same instructions, but the answer comes from elsewhere.
        let (ours, theirs) = (
            build("if (seen == 99) deny(5);"),
            build("if (seen == 99) allow(5);"),
        );
        let comparison = compare(&ours, &theirs, &Explanations::all());
        assert_eq!(comparison.verdict, Verdict::Unexplained);
        let told = told(&comparison);
        assert_eq!(told.len(), 1, "{comparison}");
        assert_eq!(told[0].sizes.0, told[0].sizes.1);
    }
}

#[test]
fn a_function_that_one_side_lacks_is_told_as_such() {
    let bench = Bench::new();
    let extra = "int extra(int x) { return seen * x + 5; }\nint main(int argc";
    let text = crate::compiled::with("", "");
    let ours = bench.gcc(&text, &["-O1"]);
    let theirs = bench.gcc(&text.replace("int main(int argc", extra), &["-O1"]);
    let comparison = compare(&ours, &theirs, &Explanations::all());
    let told = told(&comparison);
    assert_eq!(told.len(), 1, "{comparison}");
    assert_eq!(told[0].name.as_deref(), Some("extra"));
    assert_eq!(told[0].change, Change::Only(binary::Side::Theirs));
}

#[test]
fn a_changed_constant_in_code_is_told_and_never_explained() {
    let bench = Bench::new();
    let text = crate::compiled::with("", "");
    let ours = bench.gcc(&text, &["-O2"]);
    let theirs = bench.gcc(&text.replace("deny(7)", "deny(9)"), &["-O2"]);
    assert_eq!(ours.len(), theirs.len());
    let comparison = compare(&ours, &theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained);
    assert_eq!(told(&comparison)[0].name.as_deref(), Some("verify"));
}
