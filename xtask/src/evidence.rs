//! Pages of `docs/evidence/`: the last result of something too long for every commit, with all
//! that is needed to judge its age and to run it again.

use crate::cargo::{output, program};
use anyhow::{Context, Result};
use std::path::Path;

const FOLDER: &str = "docs/evidence";

/// One page. Writing it replaces the page of the same name.
pub(crate) struct Evidence {
    /// File name without `.md`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What the result shows and what it does not, in a sentence or two.
    pub(crate) meaning: &'static str,
    /// The command as typed.
    pub(crate) command: String,
    /// Markdown.
    pub(crate) result: String,
}

impl Evidence {
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        let path = root.join(FOLDER).join(format!("{}.md", self.name));
        std::fs::create_dir_all(root.join(FOLDER)).context("cannot make docs/evidence")?;
        let date = output(program(root, "date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))?;
        let page = self.page(&date, &commit(root)?, &machine(root)?);
        // Tools print the folders of this machine; the tree names none.
        let page = page.replace(&format!("{}/", root.display()), "");
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {FOLDER}/{}.md", self.name);
        Ok(())
    }

    fn page(&self, date: &str, commit: &str, machine: &str) -> String {
        format!(
            "# {}\n\n{}\n\n| | |\n|---|---|\n| date | {date} |\n| commit | {commit} |\n| command | `{}` |\n| machine | {machine} |\n\n{}\n",
            self.title,
            self.meaning,
            self.command,
            self.result.trim_end()
        )
    }
}

/// The commit, and whether the tree differs from it outside of the evidence itself.
fn commit(root: &Path) -> Result<String> {
    let commit = output(program(root, "git").args(["rev-parse", "HEAD"]))?;
    let mut status = program(root, "git");
    status.args(["status", "--porcelain", "--", ".", ":!docs/evidence"]);
    let changed = output(&mut status)?;
    Ok(match changed.lines().count() {
        0 => format!("`{commit}`"),
        count => format!("`{commit}` with {count} uncommitted changes"),
    })
}

/// `2 cores, 23 GiB memory, x86_64, rustc 1.95.0 (...)`
fn machine(root: &Path) -> Result<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let rustc = output(program(root, "rustc").arg("--version"))?;
    let architecture = std::env::consts::ARCH;
    Ok(format!(
        "{cores} cores, {} memory, {architecture}, {rustc}",
        total_memory(&memory)
    ))
}

fn total_memory(meminfo: &str) -> String {
    meminfo
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map_or("unknown".to_owned(), |kib| {
            format!("{} GiB", kib.div_ceil(1024 * 1024))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_when_where_and_how() {
        let evidence = Evidence {
            name: "a",
            title: "A",
            meaning: "It shows a.",
            command: "cargo xtask long a".to_owned(),
            result: "fine\n\n".to_owned(),
        };
        let page = evidence.page("2026-01-02 03:04 UTC", "`abc`", "1 core");
        assert!(page.starts_with("# A\n\nIt shows a.\n\n| | |\n"));
        for part in [
            "| date | 2026-01-02 03:04 UTC |",
            "| commit | `abc` |",
            "| command | `cargo xtask long a` |",
            "| machine | 1 core |",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.ends_with("\n\nfine\n"));
    }

    #[test]
    fn memory_is_rounded_up_to_gib() {
        assert_eq!(
            total_memory("MemTotal:       24117248 kB\nMemFree: 1 kB\n"),
            "23 GiB"
        );
        assert_eq!(total_memory(""), "unknown");
    }
}
