//! The table of crates in README.md is true: every member once, with its floor and its manifest's
//! description, and nothing else. A hand-kept list rots; a tested one cannot.
//!
//! A row reads: | `tlog` | 0 | C2SP words |

use super::Found;
use super::floors::{floor_of, short};
use crate::house::House;
use crate::problem::Problem;

const README: &str = "README.md";
const BEGIN: &str = "<!-- crates -->";
const END: &str = "<!-- /crates -->";

pub(super) fn run(house: &House) -> Found {
    let mut expected: Vec<String> = house
        .members()
        .into_iter()
        .map(|package| {
            row(
                short(&package.name),
                package.description.as_deref().unwrap_or(""),
            )
        })
        .collect();
    expected.sort();
    Ok(judge(&house.read(README)?, &expected))
}

fn row(name: &str, description: &str) -> String {
    let floor = floor_of(name).map_or("beside".to_owned(), |floor| floor.to_string());
    format!("| `{name}` | {floor} | {description} |")
}

fn judge(readme: &str, expected: &[String]) -> Vec<Problem> {
    let Some((line, table)) = between(readme) else {
        let what = format!("has no table between `{BEGIN}` and `{END}`");
        return vec![Problem::new(README, what, "add the table of crates")];
    };
    let rows: Vec<(usize, &str)> = table
        .lines()
        .enumerate()
        .filter(|(_, text)| text.starts_with("| `"))
        .map(|(index, text)| (line + index, text.trim_end()))
        .collect();
    let mut found = Vec::new();
    for wanted in expected {
        match rows.iter().filter(|(_, text)| text == wanted).count() {
            1 => {}
            0 => found.push(Problem::at(
                README,
                line,
                "the table of crates lacks a row",
                format!("add: {wanted}"),
            )),
            _ => found.push(Problem::at(
                README,
                line,
                format!("twice: {wanted}"),
                "keep one",
            )),
        }
    }
    for (line, text) in rows {
        if !expected.iter().any(|wanted| wanted == text) {
            found.push(Problem::at(
                README,
                line,
                format!("no crate is like this: {text}"),
                "correct or remove the row",
            ));
        }
    }
    found
}

/// The line of the opening mark and the text up to the closing one.
fn between(readme: &str) -> Option<(usize, &str)> {
    let start = readme.find(BEGIN)?;
    let end = start + readme[start..].find(END)?;
    Some((
        readme[..start].matches('\n').count() + 1,
        &readme[start..end],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(rows: &str) -> Vec<String> {
        let readme =
            format!("# A\n{BEGIN}\n| crate | floor | duty |\n|---|---|---|\n{rows}\n{END}\n");
        let expected = [row("tlog", "words"), row("log", "a log")];
        judge(&readme, &expected)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_true_table_passes() {
        assert!(judged("| `log` | 2 | a log |\n| `tlog` | 0 | words |").is_empty());
    }

    #[test]
    fn a_missing_row_is_printed_whole() {
        assert_eq!(
            judged("| `tlog` | 0 | words |"),
            ["README.md:2: the table of crates lacks a row; add: | `log` | 2 | a log |"]
        );
    }

    #[test]
    fn a_ghost_a_double_and_another_description_are_found() {
        let ghost = "| `log` | 2 | a log |\n| `tlog` | 0 | words |\n| `ghost` | 1 | boo |";
        assert_eq!(
            judged(ghost),
            [
                "README.md:7: no crate is like this: | `ghost` | 1 | boo |; correct or remove the row"
            ]
        );
        assert_eq!(
            judged("| `log` | 2 | a log |\n| `log` | 2 | a log |\n| `tlog` | 0 | words |").len(),
            1
        );
        assert_eq!(
            judged("| `log` | 2 | a log |\n| `tlog` | 0 | other |").len(),
            2
        );
    }

    #[test]
    fn a_readme_without_a_table_is_refused() {
        assert_eq!(judge("# A\n", &[]).len(), 1);
    }
}
