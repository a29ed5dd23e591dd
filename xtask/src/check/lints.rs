//! Form and lints, by cargo's own tools.

use super::Found;
use crate::cargo::{cargo, shown, succeeds};
use crate::house::House;
use crate::problem::Problem;
use anyhow::Context;

pub(super) fn fmt(house: &House) -> Found {
    let mut command = cargo(&house.root);
    command.args(["fmt", "--all", "--", "--check", "--files-with-diff"]);
    let output = command.output().context("cannot start `cargo fmt`")?;
    let root = format!("{}/", house.root.display());
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(judge(&root, &listed, &errors, output.status.success()))
}

/// Files that would change, and whatever kept rustfmt from reading one at all.
fn judge(root: &str, listed: &str, errors: &str, success: bool) -> Vec<Problem> {
    let mut found: Vec<Problem> = listed
        .lines()
        .filter_map(|line| line.strip_prefix(root))
        .map(|file| Problem::new(file, "is not formatted", "run `cargo fmt --all`"))
        .collect();
    found.dedup();
    for error in errors
        .lines()
        .filter(|line| line.to_lowercase().starts_with("error"))
    {
        found.push(Problem::new(
            "cargo fmt",
            error.replace(root, ""),
            "mend it first",
        ));
    }
    if !success && found.is_empty() {
        found.push(Problem::new(
            "cargo fmt",
            "failed and named no file",
            "run it by hand",
        ));
    }
    found
}

pub(super) fn clippy(house: &House) -> Found {
    let mut command = cargo(&house.root);
    command.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
    ]);
    command.args(["--", "-D", "warnings"]);
    if succeeds(&mut command)? {
        return Ok(Vec::new());
    }
    let what = format!("`{}` found something", shown(&command));
    Ok(vec![Problem::new(
        "workspace",
        what,
        "see its report above",
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_all(listed: &str, errors: &str, success: bool) -> Vec<String> {
        judge("/r/", listed, errors, success)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn each_unformatted_file_is_named_once() {
        assert!(shown_all("", "", true).is_empty());
        assert_eq!(
            shown_all("/r/a.rs\n/r/a.rs\n/r/b.rs\n", "", false),
            [
                "a.rs: is not formatted; run `cargo fmt --all`",
                "b.rs: is not formatted; run `cargo fmt --all`"
            ]
        );
    }

    #[test]
    fn a_failure_is_never_silent() {
        let error = "Error writing files: failed to resolve mod `c`: /r/c.rs does not exist";
        assert!(shown_all("", error, false)[0].contains("`c`: c.rs does not exist"));
        assert_eq!(shown_all("", "", false).len(), 1);
    }
}
