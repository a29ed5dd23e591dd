//! The documentation builds, and a warning (a broken link, a missing page) is an error.
//!
//! `--no-deps` needs the dependencies only as metadata, which clippy has left in `target/`.

use super::Found;
use crate::cargo::{cargo, succeeds};
use crate::house::House;
use crate::problem::Problem;

pub(super) fn run(house: &House) -> Found {
    let mut command = cargo(&house.root);
    command
        .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings");
    if succeeds(&mut command)? {
        return Ok(Vec::new());
    }
    let what = "`cargo doc` found something";
    Ok(vec![Problem::new(
        "workspace",
        what,
        "see its report above",
    )])
}
