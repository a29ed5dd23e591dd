//! Nothing unfinished and nothing of one developer's machine is in the tree.

use super::Found;
use crate::house::{House, Source};
use crate::problem::Problem;
use crate::tokens::{closing, tokens};

/// Macros that stand for work not done.
const UNFINISHED_MACROS: [&str; 2] = ["todo", "unimplemented"];

/// Written in two halves, so that this file passes.
const UNFINISHED_MARK: &str = concat!("FIX", "ME");

/// Folders that exist only on somebody's machine; `true` means that a name follows.
const MACHINE_FOLDERS: [(&str, bool); 3] = [
    (concat!("/wo", "rk/"), false),
    (concat!("/ho", "me/"), true),
    (concat!("/Us", "ers/"), true),
];

pub(super) fn run(house: &House) -> Found {
    let mut found: Vec<Problem> = house.sources.iter().flat_map(judge_source).collect();
    for path in &house.files {
        let bytes = std::fs::read(house.root.join(path))?;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            found.extend(judge_text(path, text));
        }
    }
    Ok(found)
}

fn judge_source(source: &Source) -> Vec<Problem> {
    let tokens = tokens(&source.blanked.code);
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let line = pair[0].line;
        if pair[1].text == "!" && UNFINISHED_MACROS.contains(&pair[0].text) {
            let what = format!("`{}!`", pair[0].text);
            found.push(Problem::at(
                &source.path,
                line,
                what,
                "finish it, or leave it out",
            ));
        }
        if pair[0].text == "#" && pair[1].text == "[" {
            let inside = &tokens[at + 2..closing(&tokens, at + 1)];
            let ignores = match inside.first().map(|first| first.text) {
                Some("ignore") => true,
                Some("cfg_attr") => inside.iter().any(|token| token.text == "ignore"),
                _ => false,
            };
            if ignores {
                let remedy = "run it always; what takes long goes to `cargo xtask long`";
                found.push(Problem::at(&source.path, line, "a test is ignored", remedy));
            }
        }
    }
    found
}

fn judge_text(path: &str, text: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.contains(UNFINISHED_MARK) {
            let remedy = "do it now, or admit it in words";
            found.push(Problem::at(
                path,
                index + 1,
                format!("`{UNFINISHED_MARK}`"),
                remedy,
            ));
        }
        for (folder, named) in MACHINE_FOLDERS {
            if names_folder(line, folder, named) {
                let what = format!("a path below `{folder}`");
                found.push(Problem::at(
                    path,
                    index + 1,
                    what,
                    "name no folder of one machine",
                ));
            }
        }
    }
    found
}

/// Whether an absolute path in `line` begins with `folder`.
fn names_folder(line: &str, folder: &str, named: bool) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let inside_a_longer_path = line[..at].ends_with(|before: char| {
            before.is_ascii_alphanumeric() || "._-}$>*)~/".contains(before)
        });
        let name_follows =
            line[at + folder.len()..].starts_with(|next: char| next.is_ascii_alphanumeric());
        !inside_a_longer_path && (name_follows || !named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::fixture;
    use crate::modules::Reach;

    fn lines(text: &str) -> Vec<usize> {
        judge_source(&fixture("a.rs", text, Reach::Product))
            .into_iter()
            .filter_map(|problem| problem.line)
            .collect()
    }

    /// The words this check looks for, spelled here only, so that it does not find its own tests.
    fn spelled(text: &str) -> String {
        text.replace("MARK", "todo").replace("SKIP", "ignore")
    }

    #[test]
    fn unfinished_macros_and_ignored_tests_are_found() {
        let text = "fn a() { MARK!() }\nfn b() { unimplemented! {} }\n#[test]\n#[SKIP = \"slow\"]\nfn c() {}\n\
                    #[cfg_attr(miri, SKIP)]\nfn d() {}\n";
        assert_eq!(lines(&spelled(text)), [1, 2, 4, 6]);
    }

    #[test]
    fn the_same_words_in_prose_or_as_names_pass() {
        let text = "// MARK!() #[SKIP]\nlet MARK = \"MARK!()\"; let SKIP = 1;";
        assert!(lines(&spelled(text)).is_empty());
    }

    #[test]
    fn the_mark_of_unfinished_work_is_found_in_any_text() {
        assert_eq!(
            judge_text("a.md", &format!("a\nb {UNFINISHED_MARK} c\n")).len(),
            1
        );
    }

    #[test]
    fn paths_of_one_machine_are_found_and_parts_of_other_paths_are_not() {
        let below = |at: usize, rest: &str| format!("see `{}{rest}`", MACHINE_FOLDERS[at].0);
        assert_eq!(judge_text("a.md", &below(0, "main")).len(), 1);
        assert_eq!(judge_text("a.md", &below(1, "eve/x")).len(), 1);
        assert_eq!(judge_text("a.md", &below(2, "eve/x")).len(), 1);
        assert!(judge_text("a.md", &below(1, "<name>/x")).is_empty());
        assert!(judge_text("a.md", &format!("target{}x", MACHINE_FOLDERS[0].0)).is_empty());
        assert!(judge_text("a.md", &format!("/build{}x", MACHINE_FOLDERS[1].0)).is_empty());
    }
}
