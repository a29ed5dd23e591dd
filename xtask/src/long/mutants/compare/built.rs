//! A copy of the tree with all mutants in it, built until everything compiles.
//!
//! What the compiler complains of is taken out and the copy is built again. Nothing is ever changed in the tree itself.

use super::listed::Mutant;
use super::schema::{Blame, Schema};
use crate::cargo::{cargo, output, program};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

const ROUNDS_MAX: usize = 40;

/// The program is built once and run a hundred thousand times. A sum that overflows is still noticed.
const FASTER: [&str; 5] = ["audit", "keys", "law", "statement", "tlog"];

/// What each crate of the copy asks. A thread's name says who is awake, which needs no word between test and crate.
const SWITCH: &str = r#"
mod switch {
    use std::cell::RefCell;
    use std::io::Write;

    /// `mutant 7`, or `reach` and whatever is to be said with each mutant that is reached.
    struct Thread {
        awake: Option<usize>,
        notes: Option<(String, std::fs::File, Vec<bool>)>,
    }

    thread_local! {
        static THREAD: RefCell<Thread> = RefCell::new(begin());
    }

    fn begin() -> Thread {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        let awake = name.strip_prefix("mutant ").and_then(|number| number.parse().ok());
        let notes = name.starts_with("reach ").then(|| {
            let path = std::env::var_os("LIMPID_MUTANTS_REACHED").expect("a place for notes");
            let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
            (name.to_owned(), file.expect("a file for notes"), vec![false; COUNT])
        });
        Thread { awake, notes }
    }

    pub(crate) fn mutant(number: usize) -> bool {
        THREAD.with_borrow_mut(|thread| {
            if let Some((name, file, seen)) = &mut thread.notes {
                if !std::mem::replace(&mut seen[number], true) {
                    let line = format!("{name}\t{number}\n");
                    file.write_all(line.as_bytes()).expect("it is written");
                }
            }
            thread.awake == Some(number)
        })
    }
}
use switch::mutant;
"#;

/// The program, and which mutants it does not hold.
#[derive(Default)]
pub(super) struct Built {
    pub(super) program: PathBuf,
    pub(super) uncompiled: BTreeSet<usize>,
    /// They cannot be written beside the others.
    pub(super) unwritable: BTreeSet<usize>,
}

/// Builds the histories in a copy of the tree below `folder`, with these mutants of these parts.
pub(super) fn build(
    root: &Path,
    folder: &Path,
    parts: &[&str],
    mutants: &[Mutant],
) -> Result<Built> {
    let tree = folder.join("tree");
    let libs: Vec<_> = parts
        .iter()
        .map(|part| format!("crates/{part}/src/lib.rs"))
        .collect();
    let files = mutants.iter().map(|mutant| mutant.file.as_str());
    let ours: BTreeSet<&str> = files.chain(libs.iter().map(String::as_str)).collect();
    copy(root, &tree, &ours)?;
    let count = mutants.last().map_or(1, |last| last.number + 1);
    for lib in &libs {
        let text = read(&root.join(lib))? + &SWITCH.replace("COUNT", &count.to_string());
        write(&tree.join(lib), &text)?;
    }
    let kept = folder.join(format!(
        "out-{:016x}.json",
        fingerprint(root, &ours, mutants)?
    ));
    let mut built = Built::kept(&kept).unwrap_or_default();
    for round in 1..=ROUNDS_MAX {
        let schemata = built.write_all(root, &tree, mutants)?;
        let compiled = compile(root, &tree)?;
        if let Some(program) = compiled.program {
            let out = (&built.uncompiled, &built.unwritable);
            write(&kept, &serde_json::to_string(&out)?)?;
            built.program = program;
            return Ok(built);
        }
        let out = built.take_out(&schemata, &compiled.complaints)?;
        println!("round {round}: {out} mutants do not compile and are taken out");
    }
    anyhow::bail!("the copy in {} still does not compile", tree.display())
}

/// What the last build took out stays out as long as these texts are the same.
fn fingerprint(root: &Path, files: &BTreeSet<&str>, mutants: &[Mutant]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        read(&root.join(file))?.hash(&mut hasher);
    }
    for mutant in mutants {
        (mutant.number, &mutant.name).hash(&mut hasher);
    }
    Ok(hasher.finish())
}

impl Built {
    fn kept(path: &Path) -> Option<Self> {
        let (uncompiled, unwritable) = serde_json::from_str(&read(path).ok()?).ok()?;
        Some(Self {
            program: PathBuf::new(),
            uncompiled,
            unwritable,
        })
    }

    fn write_all(
        &mut self,
        root: &Path,
        tree: &Path,
        mutants: &[Mutant],
    ) -> Result<BTreeMap<String, Schema>> {
        let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            let held = by_file.entry(&mutant.file).or_default();
            if !self.uncompiled.contains(&mutant.number)
                && !self.unwritable.contains(&mutant.number)
            {
                held.push(mutant);
            }
        }
        let mut schemata = BTreeMap::new();
        for (file, mutants) in by_file {
            let schema = Schema::new(&read(&root.join(file))?, &mutants)
                .with_context(|| format!("in {file}"))?;
            self.unwritable.extend(&schema.unwritable);
            let path = tree.join(file);
            write(&path, &schema.text)?;
            schemata.insert(file.to_owned(), schema);
        }
        Ok(schemata)
    }

    /// How many mutants the complaints are about; an error if one is about something else.
    fn take_out(
        &mut self,
        schemata: &BTreeMap<String, Schema>,
        complaints: &[Complaint],
    ) -> Result<usize> {
        let before = self.uncompiled.len() + self.unwritable.len();
        for complaint in complaints {
            for (file, bytes) in &complaint.places {
                match schemata.get(file).map(|schema| schema.blame(bytes)) {
                    Some(Blame::Mutant(number)) => drop(self.uncompiled.insert(number)),
                    Some(Blame::Form(numbers)) => self.unwritable.extend(numbers),
                    Some(Blame::Nothing) | None => {}
                }
            }
        }
        let out = self.uncompiled.len() + self.unwritable.len() - before;
        let said: Vec<_> = complaints.iter().map(|said| said.text.as_str()).collect();
        anyhow::ensure!(
            out > 0,
            "the copy does not compile, and by no mutant:\n{}",
            said.join("\n")
        );
        Ok(out)
    }
}

/// An error of the compiler: what it says, and the bytes of which files it is about.
struct Complaint {
    text: String,
    places: Vec<(String, Range<usize>)>,
}

struct Compiled {
    program: Option<PathBuf>,
    complaints: Vec<Complaint>,
}

fn compile(root: &Path, tree: &Path) -> Result<Compiled> {
    let mut command = cargo(tree);
    command.args(["test", "--locked", "--no-run", "--message-format=json"]);
    command.args(["--package=limpid-audit", "--test=histories"]);
    for part in FASTER {
        for setting in [
            "opt-level=3",
            "debug-assertions=false",
            "overflow-checks=true",
        ] {
            let setting = format!("profile.dev.package.limpid-{part}.{setting}");
            command.args(["--config", &setting]);
        }
    }
    // What others wrote is the same here and there and is built once.
    command.env("CARGO_TARGET_DIR", root.join("target"));
    let output = command.output().context("cannot start cargo")?;
    let mut compiled = Compiled {
        program: None,
        complaints: Vec::new(),
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if let Some(program) = message["executable"].as_str() {
            compiled.program = Some(PathBuf::from(program));
        }
        if message["message"]["level"] == "error" {
            compiled.complaints.push(complaint(&message["message"]));
        }
    }
    if !output.status.success() {
        compiled.program = None;
        anyhow::ensure!(
            !compiled.complaints.is_empty(),
            "the copy cannot be built:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(compiled)
}

fn complaint(message: &Value) -> Complaint {
    let spans = message["spans"].as_array().map_or(&[][..], Vec::as_slice);
    let places = spans.iter().filter_map(|span| {
        let [begin, end] = ["byte_start", "byte_end"].map(|key| span[key].as_u64());
        let bytes = usize::try_from(begin?).ok()?..usize::try_from(end?).ok()?;
        let is_primary = span["is_primary"].as_bool()?;
        is_primary.then(|| {
            (
                span["file_name"].as_str().unwrap_or_default().to_owned(),
                bytes,
            )
        })
    });
    Complaint {
        places: places.collect(),
        text: message["rendered"].as_str().unwrap_or_default().to_owned(),
    }
}

/// The tree as it is, with what is not committed yet, without what is ignored and the files that are written anew.
fn copy(root: &Path, tree: &Path, but: &BTreeSet<&str>) -> Result<()> {
    let mut git = program(root, "git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    for file in output(&mut git)?.lines().filter(|file| !but.contains(file)) {
        let (from, to) = (root.join(file), tree.join(file));
        let Ok(bytes) = std::fs::read(&from) else {
            continue; // It is removed, but not from the index.
        };
        if std::fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).context("cannot make the copy")?;
        }
        std::fs::write(&to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// An unchanged file is not compiled again.
fn write(path: &Path, text: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).context("cannot make the copy")?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
