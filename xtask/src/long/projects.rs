//! Builds every example project twice, from where its authors or Debian publish it, and compares.

use crate::cargo::{cargo, output, program, succeeds};
use crate::evidence::Evidence;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the recipes are.
const PROJECTS: &str = "examples/projects";
/// Works on a scratch folder that is removed first.
const SCRATCH: &str = "target/long/projects";

const MEANING: &str = "Each recipe of `examples/projects/` is built twice on one machine by `limpid conveyer try`, in an \
environment of Debian packages from their public origin, without network, the second time with everything around the \
build changed (outer path, user, host name, clock, locale, time zone, umask, order of files, processors). `identical` \
is said of all artifacts together. It shows that the recipe gives the same bytes here; that others get them too is what \
rebuilds in a log show.";

/// One project: its folder, its environment, and where its source comes from.
struct Project {
    name: &'static str,
    environment: &'static str,
    from: From,
}

enum From {
    /// The `orig` archive of this Debian source package.
    Debian(&'static str),
    /// The `.crate` file of this crate and version.
    Crate(&'static str, &'static str),
}

const ALL: [Project; 4] = [
    Project {
        name: "zlib",
        environment: "c-debian",
        from: From::Debian("zlib"),
    },
    Project {
        name: "cjson",
        environment: "cmake-debian",
        from: From::Debian("cjson"),
    },
    Project {
        name: "b3sum",
        environment: "rust-debian",
        from: From::Crate("b3sum", "1.8.7"),
    },
    Project {
        name: "ripgrep",
        environment: "rust-debian",
        from: From::Crate("ripgrep", "15.2.0"),
    },
];

pub(super) fn run(root: &Path) -> Result<bool> {
    anyhow::ensure!(
        succeeds(cargo(root).args(["build", "--locked", "--package", "limpid"]))?,
        "the binary does not build"
    );
    let scratch = root.join(SCRATCH);
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch).context("cannot empty the scratch folder")?;
    }
    std::fs::create_dir_all(scratch.join("sources")).context("cannot make the scratch folder")?;
    let mut kept = true;
    let mut result =
        "| project | verdict | tests | crates | builds, s | artifact | bytes | SHA-256 |\n|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for project in &ALL {
        lock(root, &scratch, project.environment)?;
        let source = source(root, &scratch, &project.from)?;
        let tried = tried(root, &scratch, project, &source)?;
        kept &= tried["verdict"] == "identical" && failed_tests(&tried) == 0;
        result.push_str(&rows(project.name, &tried)?);
    }
    Evidence {
        name: "real-projects",
        title: "Real projects",
        meaning: MEANING,
        command: "cargo xtask long projects".to_owned(),
        result,
    }
    .write(root)?;
    Ok(kept)
}

fn failed_tests(tried: &Value) -> usize {
    let tests = tried["tests"].as_array().map_or(&[][..], Vec::as_slice);
    tests.iter().filter(|test| test["passed"] != true).count()
}

/// One row an artifact, and what differs below.
fn rows(name: &str, tried: &Value) -> Result<String> {
    let verdict = tried["verdict"].as_str().context("there is no verdict")?;
    let tests = tried["tests"].as_array().map_or(0, Vec::len);
    let passed = tests - failed_tests(tried);
    let seconds = |key: &str| tried[key].as_u64().unwrap_or_default() / 1000;
    let (first, second) = (seconds("first_wall_ms"), seconds("second_wall_ms"));
    let artifacts = tried["artifacts"]
        .as_array()
        .context("there is no artifact")?;
    let mut rows = String::new();
    for artifact in artifacts {
        let text = |key: &str| artifact[key].as_str().unwrap_or_default();
        let digests = if text("first") == text("second") {
            format!("`{}`", text("first"))
        } else {
            format!("`{}` and `{}`", text("first"), text("second"))
        };
        let verdict = if verdict == "identical" {
            verdict.to_owned()
        } else {
            format!("**{verdict}**")
        };
        writeln!(
            rows,
            "| {name} | {verdict} | {passed} of {tests} | {} | {first} and {second} | {} | {} | {digests} |",
            tried["crates"],
            text("name"),
            artifact["bytes"]
        )?;
    }
    Ok(rows)
}

/// Locks an environment, once for all projects; its inputs are in the store afterwards.
fn lock(root: &Path, scratch: &Path, environment: &str) -> Result<()> {
    let lock = scratch.join(format!("{environment}.lock"));
    if lock.exists() {
        return Ok(());
    }
    let wishes = format!("examples/environments/{environment}.toml");
    let mut command = limpid(root);
    command.args(["environment", "lock", "--packages", &wishes, "--out"]);
    command.arg(&lock).arg("--store").arg(scratch.join("store"));
    output(&mut command).map(drop)
}

fn limpid(root: &Path) -> std::process::Command {
    let binary = root.join("target/debug/limpid");
    let mut command = program(root, &binary.to_string_lossy());
    command.args(["--json", "conveyer"]);
    command
}

/// What `try` says; that it found a difference is a result too.
fn tried(root: &Path, scratch: &Path, project: &Project, source: &Path) -> Result<Value> {
    let name = project.name;
    let lock = scratch.join(format!("{}.lock", project.environment));
    let mut command = limpid(root);
    command.arg("try").arg(source);
    command.args(["--recipe", &format!("{PROJECTS}/{name}/recipe.toml")]);
    command.arg("--environment").arg(lock);
    command.arg("--store").arg(scratch.join("store"));
    if matches!(project.from, From::Crate(..)) {
        command.arg("--crates").arg(cargo_cache()?);
    }
    let done = command.output().context("limpid cannot be run")?;
    let said = String::from_utf8_lossy(&done.stdout);
    let tried: Value =
        serde_json::from_str(&said).with_context(|| format!("this is no result: {said}"))?;
    anyhow::ensure!(tried["verdict"].is_string(), "{name} was not built: {said}");
    Ok(tried)
}

fn cargo_cache() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    Ok(home
        .context("there is no home of cargo")?
        .join("registry/cache"))
}

/// The unpacked source.
fn source(root: &Path, scratch: &Path, from: &From) -> Result<PathBuf> {
    let sources = scratch.join("sources");
    let (name, archive) = match from {
        From::Debian(name) => ((*name).to_owned(), debian_source(scratch, name)?),
        From::Crate(name, version) => {
            let name = format!("{name}-{version}");
            (name.clone(), crate_file(root, scratch, &name)?)
        }
    };
    let folder = sources.join(&name);
    std::fs::create_dir_all(&folder)?;
    let mut unpack = program(root, "tar");
    unpack.arg("xf").arg(&archive).arg("-C").arg(&folder);
    output(unpack.arg("--strip-components=1"))?;
    if matches!(from, From::Crate(..)) {
        // Its own Cargo.lock, outside of this workspace.
        output(program(&folder, "cargo").args(["fetch", "--locked"]))?;
    }
    Ok(folder)
}

/// Downloads with apt, from the same origins as this machine's packages, and leaves the machine's own lists alone.
fn debian_source(scratch: &Path, name: &str) -> Result<PathBuf> {
    let lists = scratch.join("lists");
    let origins = scratch.join("source.sources");
    if !lists.exists() {
        std::fs::create_dir_all(lists.join("partial"))?;
        let mut text = String::new();
        for entry in std::fs::read_dir("/etc/apt/sources.list.d")?.flatten() {
            if entry.path().extension().is_some_and(|end| end == "sources") {
                text += &std::fs::read_to_string(entry.path())?
                    .replace("Types: deb\n", "Types: deb-src\n");
                text.push('\n');
            }
        }
        std::fs::write(&origins, text)?;
        output(apt(scratch, &lists, &origins).arg("update"))?;
    }
    output(apt(scratch, &lists, &origins).args(["source", "--download-only", name]))?;
    let mut files = std::fs::read_dir(scratch)?.flatten();
    let is_orig = |file: &str| file.starts_with(&format!("{name}_")) && file.contains(".orig.tar.");
    let found = files.find(|entry| entry.file_name().to_str().is_some_and(is_orig));
    Ok(found.context("apt gave no orig archive")?.path())
}

fn apt(scratch: &Path, lists: &Path, origins: &Path) -> std::process::Command {
    let mut command = program(scratch, "apt-get");
    command
        .arg("-o")
        .arg(format!("Dir::State::lists={}", lists.display()));
    command
        .arg("-o")
        .arg(format!("Dir::Etc::sourcelist={}", origins.display()));
    command.args(["-o", "Dir::Etc::sourceparts=/dev/null"]);
    command
}

/// Lets ordinary cargo download a crate into its cache, through a project that names it.
fn crate_file(root: &Path, scratch: &Path, name: &str) -> Result<PathBuf> {
    let asking = scratch.join(format!("asks-for-{name}"));
    std::fs::create_dir_all(asking.join("src"))?;
    std::fs::write(asking.join("src/lib.rs"), "")?;
    let (crate_name, version) = name.rsplit_once('-').context("NAME-VERSION")?;
    let manifest = format!(
        "[package]\nname = \"asks\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{crate_name} = \"={version}\"\n"
    );
    std::fs::write(asking.join("Cargo.toml"), manifest)?;
    output(program(&asking, "cargo").arg("fetch"))?;
    let mut find = program(root, "find");
    find.arg(cargo_cache()?)
        .args(["-name", &format!("{name}.crate")]);
    let found = output(&mut find)?;
    let first = found.lines().next().context("cargo kept no .crate file")?;
    Ok(first.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_every_artifact_and_shouts_what_is_not_identical() {
        let mut tried = serde_json::json!({
            "verdict": "identical", "crates": 3, "first_wall_ms": 5_400, "second_wall_ms": 6_100,
            "tests": [{"name": "a", "passed": true}, {"name": "b", "passed": false}],
            "artifacts": [{"name": "one", "bytes": 7, "first": "aa", "second": "aa"}],
        });
        let row = rows("x", &tried).expect("it is whole");
        assert_eq!(
            row,
            "| x | identical | 1 of 2 | 3 | 5 and 6 | one | 7 | `aa` |\n"
        );
        tried["verdict"] = "unexplained".into();
        tried["artifacts"][0]["second"] = "bb".into();
        let row = rows("x", &tried).expect("it is whole");
        assert!(
            row.contains("**unexplained**") && row.contains("`aa` and `bb`"),
            "{row}"
        );
    }
}
