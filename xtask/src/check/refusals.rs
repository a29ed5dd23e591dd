//! Every code by which the law refuses has a test that takes away just its condition and expects
//! just this code. The list is the `refusals! { ... => "some.code" ... }` of the law; a test says
//! `refused_with!("some.code", ...)` or `expect_code("some.code", ...)`.

use super::Found;
use crate::house::{House, Source};
use crate::problem::Problem;
use std::collections::BTreeSet;

const LIST: &str = "crates/law/src/refusal.rs";
const EXPECTATIONS: [&str; 2] = ["refused_with!(", "expect_code("];

pub(super) fn run(house: &House) -> Found {
    let Some(list) = house.sources.iter().find(|source| source.path == LIST) else {
        return Ok(vec![Problem::new(
            LIST,
            "is not there",
            "list every refusal code in `refusals! { }`",
        )]);
    };
    let tested = house
        .sources
        .iter()
        .filter(|source| source.path.starts_with("crates/"))
        .flat_map(|source| expected_codes(&source.test_text()))
        .collect();
    Ok(judge(list, &tested))
}

fn judge(list: &Source, tested: &BTreeSet<String>) -> Vec<Problem> {
    let codes = listed_codes(&list.blanked.uncommented);
    if codes.is_empty() {
        return vec![Problem::new(
            &list.path,
            "lists no code",
            "write `=> \"some.code\"` behind each variant",
        )];
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (line, code) in codes {
        if !seen.insert(code.clone()) {
            let what = format!("code `{code}` is listed twice");
            found.push(Problem::at(
                &list.path,
                line,
                what,
                "give each refusal a code of its own",
            ));
        }
        if !tested.contains(&code) {
            let what = format!("no test expects `{code}`");
            let remedy = format!(
                "remove only its condition in a test and write `refused_with!(\"{code}\", ...)`"
            );
            found.push(Problem::at(&list.path, line, what, remedy));
        }
    }
    for code in tested.difference(&seen) {
        if code.contains('.')
            && code.split('.').next().is_some_and(|stem| {
                seen.iter()
                    .any(|known| known.starts_with(&format!("{stem}.")))
            })
        {
            let what = format!("a test expects `{code}`, which is not listed");
            found.push(Problem::new(&list.path, what, "correct the test"));
        }
    }
    found
}

/// Codes behind `=>` inside the invocation of `refusals!`, with their lines.
fn listed_codes(text: &str) -> Vec<(usize, String)> {
    // The definition reads `macro_rules! refusals {`, so the invocation is the only `refusals!`.
    let Some(start) = text.find("refusals! {") else {
        return Vec::new();
    };
    let first = text[..start].matches('\n').count() + 1;
    let below = &text[start..];
    let end = below.find("\n}").unwrap_or(below.len());
    below[..end]
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let (_, behind) = line.split_once("=> \"")?;
            let (code, _) = behind.split_once('"')?;
            Some((first + index, code.to_owned()))
        })
        .collect()
}

/// Codes that the tests in `text` expect; `rustfmt` may put the code on the next line.
fn expected_codes(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for expectation in EXPECTATIONS {
        for behind in text.split(expectation).skip(1) {
            if let Some(quoted) = behind.trim_start().strip_prefix('"')
                && let Some((code, _)) = quoted.split_once('"')
            {
                found.insert(code.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::fixture;
    use crate::modules::Reach;

    const TEXT: &str = "macro_rules! refusals { ($($v:ident => $c:literal),*) => {} }\n\n\
        refusals! {\n    /// Says `=> \"not.this\"`.\n    NoProof => \"release.no_proof\",\n    \
        Alone { parties: usize } => \"release.alone\",\n}\nconst X: &str = match y { _ => \"z.z\" };\n";

    fn judged(tests: &str) -> Vec<String> {
        let list = fixture(LIST, TEXT, Reach::Product);
        judge(&list, &expected_codes(tests))
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn codes_are_read_from_the_invocation_only() {
        let source = fixture(LIST, TEXT, Reach::Product);
        let codes = listed_codes(&source.blanked.uncommented);
        assert_eq!(
            codes,
            [
                (5, "release.no_proof".to_owned()),
                (6, "release.alone".to_owned())
            ]
        );
    }

    #[test]
    fn a_code_that_every_test_file_knows_passes() {
        let tests =
            "refused_with!(\"release.no_proof\", x); expect_code(\n    \"release.alone\",\n y)";
        assert!(judged(tests).is_empty());
    }

    #[test]
    fn a_code_without_a_test_is_found() {
        assert_eq!(
            judged("refused_with!(\"release.alone\", x)"),
            ["no test expects `release.no_proof`"]
        );
    }

    #[test]
    fn a_test_of_a_code_that_is_gone_is_found() {
        let tests = "refused_with!(\"release.no_proof\"); refused_with!(\"release.alone\"); expect_code(\"release.old\")";
        assert_eq!(
            judged(tests),
            ["a test expects `release.old`, which is not listed"]
        );
    }

    #[test]
    fn an_empty_list_is_refused() {
        let list = fixture(LIST, "refusals! {\n}\n", Reach::Product);
        assert_eq!(judge(&list, &BTreeSet::new()).len(), 1);
    }
}
