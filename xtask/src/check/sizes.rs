//! Files and functions fit one view.

use super::Found;
use crate::house::{House, Source};
use crate::problem::Problem;
use crate::tokens::{functions, tokens};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn run(house: &House) -> Found {
    Ok(house.sources.iter().flat_map(judge).collect())
}

fn judge(source: &Source) -> Vec<Problem> {
    let mut found = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, at most {FILE_LINES_MAX}");
        found.push(Problem::at(&source.path, 1, what, "split the file by noun"));
    }
    for function in functions(&tokens(&source.blanked.code)) {
        if function.lines > FUNCTION_LINES_MAX {
            let (name, lines) = (function.name, function.lines);
            let what = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
            found.push(Problem::at(
                &source.path,
                function.line,
                what,
                "give its steps names",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::fixture;
    use crate::modules::Reach;

    fn of_lines(inside: usize) -> Vec<Problem> {
        let text = format!("//! a\nfn long() {{\n{}}}\n", "x();\n".repeat(inside));
        judge(&fixture("a.rs", &text, Reach::Product))
    }

    #[test]
    fn a_function_of_70_lines_fits_and_one_of_71_does_not() {
        assert!(of_lines(68).is_empty());
        assert_eq!(
            of_lines(69)[0].to_string(),
            "a.rs:2: `long` has 71 lines, at most 70; give its steps names"
        );
    }

    #[test]
    fn a_file_of_500_lines_fits_and_one_of_501_does_not() {
        let judged = |lines: usize| judge(&fixture("a.rs", &"a;\n".repeat(lines), Reach::Product));
        assert!(judged(500).is_empty());
        assert_eq!(judged(501).len(), 1);
    }
}
