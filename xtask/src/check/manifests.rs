//! Each dependency is named once, in the root manifest, with its version and the reason it is
//! here; members inherit. Read line by line, since the comments are half of what is judged.

use super::Found;
use crate::house::House;
use crate::problem::Problem;

const DEPENDENCY_TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

pub(super) fn run(house: &House) -> Found {
    let mut found = judge_root("Cargo.toml", &house.read("Cargo.toml")?);
    for package in house.members() {
        let path = house.relative(&package.manifest_path);
        found.extend(judge_member(&path, &house.read(&path)?));
    }
    Ok(found)
}

/// Number, table and `key = value` of each entry; comments and continued lines are not entries.
fn entries(text: &str) -> impl Iterator<Item = (usize, &str, &str, &str)> {
    let mut table = "";
    text.lines().enumerate().filter_map(move |(index, line)| {
        if let Some(header) = line.strip_prefix('[') {
            table = header.split(']').next().unwrap_or_default();
            return None;
        }
        let is_entry =
            line.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '"');
        let (key, value) = line.split_once('=').filter(|_| is_entry)?;
        Some((index + 1, table, key.trim(), value.trim()))
    })
}

/// The comment behind a value; a `#` inside a string is none.
fn comment(value: &str) -> Option<&str> {
    let mut quoted = false;
    for (at, char) in value.char_indices() {
        match char {
            '"' => quoted = !quoted,
            '#' if !quoted => return Some(value[at + 1..].trim()),
            _ => {}
        }
    }
    None
}

fn judge_root(path: &str, text: &str) -> Vec<Problem> {
    entries(text)
        .filter(|(_, table, _, value)| {
            *table == "workspace.dependencies" && !value.contains("path =")
        })
        .filter(|(_, _, _, value)| comment(value).is_none_or(str::is_empty))
        .map(|(line, _, key, _)| {
            let what = format!("dependency `{key}` has no reason");
            Problem::at(
                path,
                line,
                what,
                "say behind it, after `#`, what we need it for",
            )
        })
        .collect()
}

fn judge_member(path: &str, text: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    let inherits = |table: &str, key: &str| {
        entries(text).any(|(_, at, found, value)| {
            let dotted = found == format!("{key}.workspace");
            at == table
                && (dotted && value.starts_with("true") || found == key && is_inherited(value))
        })
    };
    for key in INHERITED {
        if !inherits("package", key) {
            let what = format!("`{key}` is not inherited");
            found.push(Problem::new(
                path,
                what,
                format!("write `{key}.workspace = true`"),
            ));
        }
    }
    let lints = entries(text)
        .any(|(_, table, key, value)| (table, key, value) == ("lints", "workspace", "true"));
    if !lints {
        found.push(Problem::new(
            path,
            "lints are not inherited",
            "add `[lints]` with `workspace = true`",
        ));
    }
    for (line, table, key, value) in entries(text) {
        let table = table.rsplit('.').next().unwrap_or(table);
        let dotted = key.ends_with(".workspace") && value.starts_with("true");
        if DEPENDENCY_TABLES.contains(&table) && !dotted && !is_inherited(value) {
            let what = format!("dependency `{key}` is not inherited");
            let remedy =
                "name it in the root manifest with a reason, and write `{ workspace = true }` here";
            found.push(Problem::at(path, line, what, remedy));
        }
    }
    found
}

fn is_inherited(value: &str) -> bool {
    value.replace(' ', "").contains("workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: &str = "[package]\nname = \"a\"\nversion.workspace = true\n\
        edition = { workspace = true }\nrust-version.workspace = true\nlicense.workspace = true\n\
        [lints]\nworkspace = true\n[dependencies]\nhex = { workspace = true }\n\
        serde.workspace = true\n";

    fn whats(problems: Vec<Problem>) -> Vec<String> {
        problems.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let root = "[workspace.dependencies]\n# --- hands\nhex = \"0.4\" # digests\n\
                    tar = { version = \"1\", features = [\"#\"] }\n\
                    tlog = { path = \"crates/tlog\" }\nserde = \"1\" #\n[profile.dev]\ndebug = 1\n";
        assert_eq!(
            whats(judge_root("Cargo.toml", root)),
            [
                "dependency `tar` has no reason",
                "dependency `serde` has no reason"
            ]
        );
    }

    #[test]
    fn a_member_that_inherits_everything_passes() {
        assert!(judge_member("Cargo.toml", MEMBER).is_empty());
    }

    #[test]
    fn a_member_with_a_version_of_its_own_is_found() {
        let text = MEMBER.to_owned() + "[dev-dependencies]\ntempfile = \"3\"\n";
        assert_eq!(
            whats(judge_member("a", &text)),
            ["dependency `tempfile` is not inherited"]
        );
        let text = MEMBER.replace("rust-version.workspace = true", "rust-version = \"1.95\"");
        assert_eq!(
            whats(judge_member("a", &text)),
            ["`rust-version` is not inherited"]
        );
        let text = MEMBER.replace("[lints]\nworkspace = true\n", "");
        assert_eq!(whats(judge_member("a", &text)), ["lints are not inherited"]);
    }

    #[test]
    fn tables_of_one_platform_are_judged_too() {
        let text = MEMBER.to_owned() + "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n";
        assert_eq!(judge_member("a", &text).len(), 1);
    }
}
