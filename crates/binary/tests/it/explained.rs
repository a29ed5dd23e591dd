//! What the rules explain in real programs, and that each can be switched off.

use binary::{Comparison, Explanations, Judgement, Rule, Verdict, compare};

use crate::compiled::{Bench, stamp};

fn rules_used(comparison: &Comparison) -> Vec<Rule> {
    let mut rules: Vec<Rule> = comparison
        .differences
        .iter()
        .filter_map(|difference| match difference.judgement {
            Judgement::Explained(rule) => Some(rule),
            _ => None,
        })
        .collect();
    rules.sort();
    rules.dedup();
    rules
}

/// Explained by exactly these rules, and unexplained without any one of them.
#[track_caller]
fn explained_by(ours: &[u8], theirs: &[u8], rules: &[Rule]) {
    let comparison = compare(ours, theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Explained, "{comparison}");
    assert_eq!(rules_used(&comparison), rules, "{comparison}");
    for rule in rules {
        let without = compare(ours, theirs, &Explanations::all().without(*rule));
        assert_eq!(without.verdict, Verdict::Unexplained, "{without}");
    }
    let text = comparison.to_string();
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn an_embedded_time_is_explained_and_names_its_rule() {
    let bench = Bench::new();
    let flags = ["-O2", "-Wl,--build-id=sha1"];
    let (ours, theirs) = (
        bench.program("", &stamp("03:18:29"), &flags),
        bench.program("", &stamp("03:20:11"), &flags),
    );
    explained_by(&ours, &theirs, &[Rule::EmbeddedTime, Rule::BuildId]);
}

#[test]
fn date_and_time_of_the_compiler_are_explained() {
    let bench = Bench::new();
    let text = crate::compiled::with("", "puts(__DATE__ \" \" __TIME__);");
    let at = |seconds: &str| {
        bench.write("src/main.c", &text);
        bench.run(
            "env",
            &[
                &format!("SOURCE_DATE_EPOCH={seconds}"),
                "gcc",
                "-o",
                "out",
                "src/main.c",
            ],
        );
        bench.read("out")
    };
    let (ours, theirs) = (at("1700000000"), at("1763780000"));
    explained_by(&ours, &theirs, &[Rule::EmbeddedTime, Rule::BuildId]);
}

#[test]
fn a_source_file_in_another_folder_of_the_same_length_is_explained() {
    let bench = Bench::new();
    let text = crate::compiled::with("", "puts(__FILE__);");
    let (ours, theirs) = (
        bench.gcc_in("aaa/one", &text, &["-O2"]),
        bench.gcc_in("bbb/two", &text, &["-O2"]),
    );
    explained_by(&ours, &theirs, &[Rule::EmbeddedPath, Rule::BuildId]);
}

#[test]
fn a_library_in_another_folder_is_not_explained() {
    let bench = Bench::new();
    let build = |folder: &str| bench.program("", &format!("puts(\"/{folder}/x.so\");"), &["-O2"]);
    let comparison = compare(&build("lib"), &build("tmp"), &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained, "{comparison}");
}

#[test]
fn another_word_beside_the_time_is_not_explained() {
    let bench = Bench::new();
    let (ours, theirs) = (
        bench.program("", &stamp("03:18:29 good"), &["-O2"]),
        bench.program("", &stamp("03:20:11 evil"), &["-O2"]),
    );
    let comparison = compare(&ours, &theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained, "{comparison}");
}

#[test]
fn a_time_in_the_code_itself_is_not_explained() {
    let bench = Bench::new();
    let build = |time: &str| bench.program("", &format!("seen = {time};"), &["-O2"]);
    let comparison = compare(
        &build("1763780000"),
        &build("1763780001"),
        &Explanations::all(),
    );
    assert_eq!(comparison.verdict, Verdict::Unexplained, "{comparison}");
}

#[test]
fn a_section_that_lies_over_the_code_does_not_make_it_data() {
    let bench = Bench::new();
    let ours = bench.program("", "", &["-O2"]);
    let comment = section_header(&ours, ".comment");
    let text = section_header(&ours, ".text");
    let mut covered = ours.clone();
    // `.comment` now claims the bytes of `.text`: offset and size.
    covered.copy_within(text + 24..text + 40, comment + 24);
    let mut patched = covered.clone();
    let code = usize::try_from(number(&ours, text + 24)).unwrap();
    patched[code..code + 8].copy_from_slice(b"03:18:29");
    covered[code..code + 8].copy_from_slice(b"03:18:30");
    // Take the mark off `.text`; the segment still says that it is executed.
    for file in [&mut patched, &mut covered] {
        file[text + 8] &= !4;
    }
    let comparison = compare(&covered, &patched, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained, "{comparison}");
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Where the header of a section is, in a 64-bit ELF file.
fn section_header(bytes: &[u8], name: &str) -> usize {
    let table = usize::try_from(number(bytes, 40)).unwrap();
    let half = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let header = |index: usize| table + index * 64;
    let names = usize::try_from(number(bytes, header(half(62)) + 24)).unwrap();
    (0..half(60))
        .map(header)
        .find(|at| {
            let start = names + u32::from_le_bytes(bytes[*at..at + 4].try_into().unwrap()) as usize;
            bytes[start..].starts_with(&[name.as_bytes(), &[0]].concat())
        })
        .unwrap()
}
