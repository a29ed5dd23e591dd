//! Form and lints, by cargo's own tools.

use super::Found;
use crate::cargo::{cargo, shown, succeeds};
use crate::house::House;
use crate::problem::Problem;

pub(super) fn fmt(house: &House) -> Found {
    through(house, &["fmt", "--all", "--check"], "run `cargo fmt --all`")
}

pub(super) fn clippy(house: &House) -> Found {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    through(house, &arguments, "see its report above")
}

fn through(house: &House, arguments: &[&str], remedy: &str) -> Found {
    let mut command = cargo(&house.root);
    command.args(arguments);
    let what = format!("`{}` found something", shown(&command));
    let clean = succeeds(&mut command)?;
    Ok(if clean {
        Vec::new()
    } else {
        vec![Problem::new("workspace", what, remedy)]
    })
}
