//! The lock: every file of an environment, its digest, and which input it came from. The form is
//! `spec/environment.md`; one content has exactly one text.

use std::collections::HashSet;
use std::fmt::Write;

use tlog::Hash;

use crate::limits::LOCK_BYTES_MAX;
use crate::path::TreePath;

const FIRST_LINE: &str = "limpid-environment 1";
const PLATFORM: &str = "linux-x86_64";

/// Why a lock is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {value:?}: {want}")]
pub struct LockFault {
    /// Line, from 1.
    pub line: usize,
    /// The line, at most 200 characters.
    pub value: String,
    /// What is wanted.
    pub want: &'static str,
}

/// One input: a package, a toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Short name, without spaces.
    pub name: String,
    /// Where its bytes were taken from. `host`: as installed on the importer's machine; no signature was checked.
    /// `limpid`: made by this program (links only).
    pub origin: String,
    /// What it is, for people, with its version.
    pub about: String,
}

/// One file or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedFile {
    /// Where, below the root.
    pub path: TreePath,
    /// Name of the input it came from.
    pub input: String,
    /// What it is.
    pub kind: LockedKind,
}

/// What a locked path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockedKind {
    /// A file: mode 0555 or 0444.
    File {
        /// Whether it may be run.
        executable: bool,
        /// SHA-256 of its bytes.
        sha256: Hash,
        /// Its size.
        bytes: u64,
    },
    /// A symbolic link; resolved inside the sandbox only.
    Link {
        /// Where it points; absolute means from the sandbox's root.
        target: String,
    },
}

/// The list of everything an environment is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    name: String,
    inputs: Vec<Input>,
    files: Vec<LockedFile>,
}

impl Lock {
    /// Puts a lock together; sorts, and checks what [`Lock::parse`] checks.
    ///
    /// # Errors
    /// [`LockFault`] with the line that would be wrong.
    pub fn new(
        name: &str,
        mut inputs: Vec<Input>,
        mut files: Vec<LockedFile>,
    ) -> Result<Self, LockFault> {
        inputs.sort_by(|a, b| a.name.cmp(&b.name));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let lock = Self {
            name: name.to_owned(),
            inputs,
            files,
        };
        let text = lock.to_text();
        if Self::parse(&text)? == lock {
            return Ok(lock);
        }
        Err(fault(1, &text, "text that says what was meant"))
    }

    /// Reads a lock, strictly: the text must be the one form of what it says.
    ///
    /// # Errors
    /// [`LockFault`] naming the line.
    pub fn parse(text: &str) -> Result<Self, LockFault> {
        if text.len() > LOCK_BYTES_MAX || !text.ends_with('\n') {
            return Err(fault(1, text, "at most 16 MiB that end with a newline"));
        }
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .peekable();
        let mut head = |start: &str, want| match lines.next() {
            Some((_, line)) if line.starts_with(start) => Ok(line[start.len()..].to_owned()),
            Some((number, line)) => Err(fault(number, line, want)),
            None => Err(fault(1, "", want)),
        };
        let rest = head(FIRST_LINE, "`limpid-environment 1`")?;
        let name = head("name ", "`name NAME`")?;
        let platform = head("platform ", "`platform linux-x86_64`")?;
        if !rest.is_empty() || platform != PLATFORM || !is_token(&name) {
            return Err(fault(1, text, "the three head lines"));
        }
        let mut lock = Self {
            name,
            inputs: Vec::new(),
            files: Vec::new(),
        };
        while let Some((number, line)) = lines.next_if(|(_, line)| line.starts_with("input ")) {
            lock.inputs.push(
                parse_input(line)
                    .ok_or_else(|| fault(number, line, "`input NAME ORIGIN ABOUT`"))?,
            );
        }
        for (number, line) in lines {
            let file = parse_file(line).ok_or_else(|| {
                fault(
                    number,
                    line,
                    "`file MODE SHA256 BYTES INPUT PATH` or `link INPUT PATH TARGET`",
                )
            })?;
            lock.check_file(&file)
                .map_err(|want| fault(number, line, want))?;
            lock.files.push(file);
        }
        lock.check_whole()
            .map_err(|want| fault(1, &lock.name, want))?;
        if lock.to_text() != text {
            return Err(fault(1, text, "the one form of a lock"));
        }
        Ok(lock)
    }

    /// The text; its SHA-256 is [`Lock::digest`].
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\nname {}\nplatform {PLATFORM}\n", self.name);
        for input in &self.inputs {
            writeln!(
                text,
                "input {} {} {}",
                input.name, input.origin, input.about
            )
            .expect("a String takes all");
        }
        for file in &self.files {
            let from = Some(file.input.as_str());
            writeln!(text, "{}", line_of(file, from)).expect("a String takes all");
        }
        text
    }

    /// SHA-256 of the text: names files, and where they came from.
    #[must_use]
    pub fn digest(&self) -> Hash {
        tlog::sha256(self.to_text().as_bytes())
    }

    /// Names only what a build can see, so that parties with other origins of the same bytes can compare.
    #[must_use]
    pub fn tree_digest(&self) -> Hash {
        let mut text = "limpid-environment-tree 1\n".to_owned();
        for file in &self.files {
            writeln!(text, "{}", line_of(file, None)).expect("a String takes all");
        }
        tlog::sha256(text.as_bytes())
    }

    /// The environment's name, as recipes say it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every input, by name.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Every file and link, by path.
    #[must_use]
    pub fn files(&self) -> &[LockedFile] {
        &self.files
    }

    fn check_file(&self, file: &LockedFile) -> Result<(), &'static str> {
        if self.files.last().is_some_and(|last| last.path >= file.path) {
            return Err("a path after the one before it");
        }
        if !self.inputs.iter().any(|input| input.name == file.input) {
            return Err("an input that the head names");
        }
        Ok(())
    }

    fn check_whole(&self) -> Result<(), &'static str> {
        let inputs: Vec<&str> = self
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        if !inputs.is_sorted_by(|a, b| a < b) {
            return Err("inputs in ascending order, each once");
        }
        let leaves: HashSet<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        if self
            .files
            .iter()
            .any(|file| file.path.folders().any(|folder| leaves.contains(folder)))
        {
            return Err("nothing behind a file or link");
        }
        Ok(())
    }
}

fn line_of(file: &LockedFile, input: Option<&str>) -> String {
    let input = input.map(|name| format!("{name} ")).unwrap_or_default();
    match &file.kind {
        LockedKind::File {
            executable,
            sha256,
            bytes,
        } => {
            let mode = if *executable { "555" } else { "444" };
            format!(
                "file {mode} {} {bytes} {input}{}",
                sha256.to_hex(),
                file.path
            )
        }
        LockedKind::Link { target } => format!("link {input}{} {target}", file.path),
    }
}

fn parse_input(line: &str) -> Option<Input> {
    let mut fields = line.strip_prefix("input ")?.splitn(3, ' ');
    let (name, origin, about) = (fields.next()?, fields.next()?, fields.next()?);
    let is_fine = is_token(name)
        && is_token(origin)
        && !about.is_empty()
        && !about.chars().any(char::is_control);
    is_fine.then(|| Input {
        name: name.to_owned(),
        origin: origin.to_owned(),
        about: about.to_owned(),
    })
}

fn parse_file(line: &str) -> Option<LockedFile> {
    let fields: Vec<&str> = line.split(' ').collect();
    if !fields.iter().all(|field| is_token(field)) {
        return None;
    }
    let (input, path, kind) = match fields[..] {
        ["file", mode @ ("444" | "555"), sha256, bytes, input, path] => {
            let sha256 = Hash::from_hex(sha256).ok()?;
            (
                input,
                path,
                LockedKind::File {
                    executable: mode == "555",
                    sha256,
                    bytes: bytes.parse().ok()?,
                },
            )
        }
        ["link", input, path, target] => (
            input,
            path,
            LockedKind::Link {
                target: target.to_owned(),
            },
        ),
        _ => return None,
    };
    Some(LockedFile {
        path: path.parse().ok()?,
        input: input.to_owned(),
        kind,
    })
}

/// A word without spaces, control characters, or other surprises: printable ASCII.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn fault(line: usize, value: &str, want: &'static str) -> LockFault {
    LockFault {
        line,
        value: value
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect(),
        want,
    }
}
