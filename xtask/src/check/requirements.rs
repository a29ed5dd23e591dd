//! `docs/requirements.md` holds R01-R46 once each, and each names a test that exists or says that
//! it has none yet. The last cell of a row is one of
//!
//! ```text
//! not yet
//! `crates/law/tests/release.rs::a_release_without_the_supervisor_is_refused`
//! partly: `crates/...::...` `crates/...::...`
//! ```

use super::Found;
use crate::house::House;
use crate::problem::Problem;
use crate::tokens::tokens;
use std::collections::BTreeSet;

const PAGE: &str = "docs/requirements.md";
const COUNT: usize = 46;

pub(super) fn run(house: &House) -> Found {
    let page = house.read(PAGE)?;
    let has_test = |path: &str, name: &str| {
        house
            .sources
            .iter()
            .filter(|source| source.path == path)
            .any(|source| {
                tokens(&source.blanked.code)
                    .windows(2)
                    .any(|pair| pair[0].text == "fn" && pair[1].text == name)
            })
    };
    Ok(judge(&page, has_test))
}

fn judge(page: &str, has_test: impl Fn(&str, &str) -> bool) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, text) in page.lines().enumerate() {
        let cells: Vec<&str> = text
            .trim()
            .trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect();
        let id = cells[0];
        if !text.starts_with('|') || !is_id(id) {
            continue;
        }
        if !seen.insert(id.to_owned()) {
            found.push(Problem::at(
                PAGE,
                index + 1,
                format!("{id} stands twice"),
                "keep one row",
            ));
        }
        let state = cells.last().copied().unwrap_or_default();
        for (what, remedy) in judge_state(state, &has_test) {
            found.push(Problem::at(
                PAGE,
                index + 1,
                format!("{id}: {what}"),
                remedy,
            ));
        }
    }
    let wanted: BTreeSet<String> = (1..=COUNT).map(|number| format!("R{number:02}")).collect();
    for id in wanted.difference(&seen) {
        found.push(Problem::new(
            PAGE,
            format!("{id} is missing"),
            "add its row",
        ));
    }
    for id in seen.difference(&wanted) {
        found.push(Problem::new(
            PAGE,
            format!("{id} is no requirement of ours"),
            "remove its row",
        ));
    }
    found
}

fn is_id(cell: &str) -> bool {
    cell.strip_prefix('R')
        .is_some_and(|digits| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn judge_state(state: &str, has_test: &impl Fn(&str, &str) -> bool) -> Vec<(String, &'static str)> {
    if state == "not yet" {
        return Vec::new();
    }
    let named: Vec<&str> = state.split('`').skip(1).step_by(2).collect();
    if named.is_empty() {
        let what = format!("`{state}` names no test");
        return vec![(
            what,
            "write `not yet`, or a test as `path.rs::name` in backticks",
        )];
    }
    let mut found = Vec::new();
    for test in named {
        match test.split_once("::") {
            Some((path, name)) if has_test(path, name) => {}
            Some(_) => found.push((format!("no test `{test}`"), "correct the path or the name")),
            None => found.push((
                format!("`{test}` is not `path.rs::name`"),
                "name the test function",
            )),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(change: impl Fn(usize) -> Option<String>) -> String {
        let row = |number| change(number).unwrap_or(format!("| R{number:02} | a | b | not yet |"));
        (1..=COUNT).map(|number| row(number) + "\n").collect()
    }

    fn judged(page: &str) -> Vec<String> {
        judge(page, |path, name| {
            (path, name) == ("crates/a/tests/b.rs", "c")
        })
        .iter()
        .map(|problem| problem.what.clone())
        .collect()
    }

    #[test]
    fn a_full_page_with_true_names_passes() {
        assert!(judged(&page(|_| None)).is_empty());
        let with = |cell: &str| page(|n| (n == 3).then(|| format!("| R03 | a | b | {cell} |")));
        assert!(judged(&with("`crates/a/tests/b.rs::c`")).is_empty());
        assert!(judged(&with("partly: `crates/a/tests/b.rs::c`")).is_empty());
        assert_eq!(
            judged(&with("`crates/a/tests/b.rs::d`")),
            ["R03: no test `crates/a/tests/b.rs::d`"]
        );
        assert_eq!(judged(&with("soon")), ["R03: `soon` names no test"]);
        assert_eq!(judged(&with("`c`")), ["R03: `c` is not `path.rs::name`"]);
    }

    #[test]
    fn a_missing_a_double_and_a_foreign_requirement_are_found() {
        let missing = page(|n| (n == 7).then(String::new));
        assert_eq!(judged(&missing), ["R07 is missing"]);
        let double = page(|_| None) + "| R46 | a | b | not yet |\n";
        assert_eq!(judged(&double), ["R46 stands twice"]);
        let foreign = page(|_| None) + "| R47 | a | b | not yet |\n";
        assert_eq!(judged(&foreign), ["R47 is no requirement of ours"]);
    }
}
