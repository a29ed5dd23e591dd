//! Floor 0 touches no world: what it computes depends on its arguments alone.
//!
//! Judged twice: by the paths its product code names, and by what its manifests ask for.
//! A hole we know of: a macro of a dependency could reach the world out of sight of this scan.

use super::Found;
use super::floors::{Floor, floor_of, short};
use crate::house::{House, Source};
use crate::paths::{NamedPath, named_paths};
use crate::problem::Problem;
use crate::tokens::tokens;
use cargo_metadata::DependencyKind;

/// Consecutive segments that no path of floor 0 contains.
const BARRED_PATHS: [(&[&str], &str); 14] = [
    (&["std", "fs"], "files"),
    (&["std", "net"], "the network"),
    (&["std", "env"], "the environment"),
    (&["std", "process"], "processes"),
    (&["std", "thread"], "threads"),
    (&["std", "os"], "the operating system"),
    (&["std", "*"], "everything in std"),
    (&["time", "SystemTime"], "the clock"),
    (&["time", "Instant"], "the clock"),
    (&["time", "*"], "the clock"),
    (&["io", "stdin"], "standard input"),
    (&["io", "stdout"], "standard output"),
    (&["io", "stderr"], "standard error"),
    (&["io", "*"], "standard streams"),
];

/// Crates that are about the world; barred as first segment of a path and as dependency.
const BARRED_CRATES: [&str; 26] = [
    "async_trait",
    "axum",
    "chrono",
    "fs_err",
    "futures",
    "futures_util",
    "getrandom",
    "hyper",
    "jiff",
    "landlock",
    "libc",
    "mio",
    "nix",
    "rand",
    "rand_core",
    "rayon",
    "reqwest",
    "rustix",
    "sigstore_tuf",
    "sqlx",
    "tempfile",
    "time",
    "tokio",
    "tower_http",
    "tracing_subscriber",
    "walkdir",
];

const REMEDY: &str = "pass the value in, or move the effect to floor 1";

pub(super) fn run(house: &House) -> Found {
    let mut found = Vec::new();
    for package in house.members() {
        if floor_of(short(&package.name)) != Some(Floor::Words) {
            continue;
        }
        let manifest = house.relative(&package.manifest_path);
        let folder = manifest.trim_end_matches("Cargo.toml").to_owned() + "src/";
        for source in house
            .sources
            .iter()
            .filter(|source| source.path.starts_with(&folder))
        {
            found.extend(judge_source(source));
        }
        let needs = package
            .dependencies
            .iter()
            .filter(|needed| needed.kind != DependencyKind::Development)
            .map(|needed| needed.name.as_str());
        found.extend(judge_needs(&manifest, needs));
    }
    Ok(found)
}

fn judge_needs<'a>(manifest: &str, needs: impl Iterator<Item = &'a str>) -> Vec<Problem> {
    needs
        .filter(|name| BARRED_CRATES.contains(&name.replace('-', "_").as_str()))
        .map(|name| Problem::new(manifest, format!("floor 0 depends on `{name}`"), REMEDY))
        .collect()
}

fn judge_source(source: &Source) -> Vec<Problem> {
    let code = source.product_code();
    let tokens = tokens(&code);
    let mut found: Vec<Problem> = tokens
        .iter()
        .filter(|token| matches!(token.text, "async" | "await"))
        .map(|token| {
            Problem::at(
                &source.path,
                token.line,
                format!("floor 0 says `{}`", token.text),
                REMEDY,
            )
        })
        .collect();
    for path in named_paths(&tokens) {
        if let Some(world) = world_of(&path) {
            let what = format!("floor 0 names `{}` ({world})", path.segments.join("::"));
            found.push(Problem::at(&source.path, path.line, what, REMEDY));
        }
    }
    found
}

fn world_of(path: &NamedPath<'_>) -> Option<&'static str> {
    let first = path.segments.first()?;
    if BARRED_CRATES.contains(first) {
        // A module of our own called `time` is `crate::time` or `self::time` in a path.
        return Some("a crate about the world");
    }
    BARRED_PATHS
        .iter()
        .find(|(barred, _)| {
            path.segments
                .windows(barred.len())
                .any(|window| window == *barred)
        })
        .map(|(_, world)| *world)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::fixture;
    use crate::modules::Reach;

    fn lines(text: &str) -> Vec<String> {
        judge_source(&fixture("a.rs", text, Reach::Product))
            .into_iter()
            .map(|problem| format!("a.rs:{}", problem.line.unwrap_or(0)))
            .collect()
    }

    #[test]
    fn words_may_use_what_is_pure() {
        let pure = "use std::{collections::BTreeMap, fmt, io::Read, time::Duration};\n\
                    // std::fs::read\nconst A: &str = \"std::env::var\";\n";
        assert!(lines(pure).is_empty());
    }

    #[test]
    fn each_way_to_the_world_is_found_at_its_line() {
        let text = "use std::{fmt, fs};\nuse std::time::{Duration, Instant as Now};\n\
                    fn a() { std::env::var(x); }\nuse tokio::spawn;\nasync fn b() {}\n\
                    use std::thread::{self};\nfn c() { time::SystemTime::now(); }\n";
        let expected: Vec<_> = (1..=7).map(|line| format!("a.rs:{line}")).collect();
        let mut found = lines(text);
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn tests_of_floor_0_may_read_files() {
        assert!(lines("#[cfg(test)]\nmod tests { use std::fs; }").is_empty());
        let file = fixture("a.rs", "use std::fs;", Reach::TestOnly);
        assert!(judge_source(&file).is_empty());
    }

    #[test]
    fn a_worldly_dependency_is_refused() {
        let names = ["sha2", "tokio", "tower-http"];
        assert_eq!(judge_needs("Cargo.toml", names.into_iter()).len(), 2);
    }
}
