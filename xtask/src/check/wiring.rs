//! Each source file of the workspace is compiled by some target: a test that no `mod` names would
//! be a test that never runs.

use super::Found;
use crate::house::{House, Source};
use crate::problem::Problem;

/// Where the members live; `examples/` and `fuzz/` are workspaces of their own.
const MEMBERS: [&str; 3] = ["crates/", "sim/", "xtask/"];

pub(super) fn run(house: &House) -> Found {
    Ok(house.sources.iter().filter_map(judge).collect())
}

fn judge(source: &Source) -> Option<Problem> {
    let ours = MEMBERS.iter().any(|folder| source.path.starts_with(folder));
    (ours && source.reach.is_none()).then(|| {
        Problem::new(
            &source.path,
            "no target compiles it",
            "name it with `mod`, or remove it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::fixture;
    use crate::modules::Reach;

    #[test]
    fn a_file_that_nothing_names_is_found() {
        let mut source = fixture("crates/a/tests/deep/b.rs", "", Reach::TestOnly);
        assert!(judge(&source).is_none());
        source.reach = None;
        assert!(judge(&source).is_some());
        source.path = "examples/truename/1.0/src/main.rs".to_owned();
        assert!(judge(&source).is_none());
    }
}
