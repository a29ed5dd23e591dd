//! The lock: every file of an environment, its digest, and which input it came from. The form is
//! `spec/environment.md`; one content has exactly one text.

use std::collections::HashSet;
use std::fmt::Write;

use tlog::Hash;

use crate::limits::LOCK_BYTES_MAX;
use crate::path::TreePath;

mod line;

pub(crate) use line::is_token;

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

/// Origin of what was taken from the importer's machine as installed; no signature was checked.
pub(crate) const HOST: &str = "host";
/// Origin of what this program makes: links.
pub(crate) const LIMPID: &str = "limpid";

/// Origin of Debian packages, and of nothing else.
pub(crate) const DEBIAN: &str = "debian";
/// Origin of crates, and of nothing else.
pub(crate) const CRATES: &str = "crates";

/// One input: a package, a toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Short name, without spaces.
    pub name: String,
    /// Where its bytes were taken from. `host`: as installed on the importer's machine; no signature was checked.
    /// `limpid`: made by this program (links only). Any other is a public origin, from which everybody can get the
    /// input's [`Archive`]: `debian`, `crates`, or one that the wish list named.
    pub origin: String,
    /// What it is, for people, with its version.
    pub about: String,
}

/// How the bytes of an archive become files of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchiveFormat {
    /// A Debian binary package: its `data.tar`, with `bin`, `lib`, ... below `usr`.
    Deb,
    /// A Rust component archive, tar and gzip: what is below its two outer folders, at `opt/rust`.
    RustTarGz,
    /// The same, tar and xz.
    RustTarXz,
    /// A `.crate` file: as it is, at `opt/crates`.
    Crate,
}

impl ArchiveFormat {
    const ALL: [Self; 4] = [Self::Deb, Self::RustTarGz, Self::RustTarXz, Self::Crate];

    /// The word in the lock.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::RustTarGz => "rust-tar-gz",
            Self::RustTarXz => "rust-tar-xz",
            Self::Crate => "crate",
        }
    }

    /// The format of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// The file that a public origin gives out for one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Name of the input.
    pub input: String,
    /// What it is.
    pub format: ArchiveFormat,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Its size.
    pub bytes: u64,
    /// Version of the input, as its origin writes it.
    pub version: String,
    /// Where it stands at its origin. Debian: `CODENAME/COMPONENT/ARCHITECTURE` of the signed index. Others: the path
    /// below the origin.
    pub place: String,
}

impl Input {
    /// Whether everybody can get it: neither from a host nor made here.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.origin != HOST && self.origin != LIMPID
    }
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
    archives: Vec<Archive>,
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
        mut archives: Vec<Archive>,
        mut files: Vec<LockedFile>,
    ) -> Result<Self, LockFault> {
        inputs.sort_by(|a, b| a.name.cmp(&b.name));
        archives.sort_by(|a, b| a.input.cmp(&b.input));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let lock = Self {
            name: name.to_owned(),
            inputs,
            archives,
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
            archives: Vec::new(),
            files: Vec::new(),
        };
        while let Some((number, line)) = lines.next_if(|(_, line)| line.starts_with("input ")) {
            lock.inputs.push(
                line::parse_input(line)
                    .ok_or_else(|| fault(number, line, "`input NAME ORIGIN ABOUT`"))?,
            );
        }
        while let Some((number, line)) = lines.next_if(|(_, line)| line.starts_with("archive ")) {
            lock.archives.push(line::parse_archive(line).ok_or_else(|| {
                fault(
                    number,
                    line,
                    "`archive INPUT FORMAT SHA256 BYTES VERSION PLACE`",
                )
            })?);
        }
        for (number, line) in lines {
            let file = line::parse_file(line).ok_or_else(|| {
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
        for archive in &self.archives {
            writeln!(text, "{}", line::of_archive(archive)).expect("a String takes all");
        }
        for file in &self.files {
            let from = Some(file.input.as_str());
            writeln!(text, "{}", line::of_file(file, from)).expect("a String takes all");
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
            writeln!(text, "{}", line::of_file(file, None)).expect("a String takes all");
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

    /// What public origins give out, by input.
    #[must_use]
    pub fn archives(&self) -> &[Archive] {
        &self.archives
    }

    /// The archive of one input; `host` and `limpid` inputs have none.
    #[must_use]
    pub fn archive_of(&self, input: &str) -> Option<&Archive> {
        self.archives.iter().find(|archive| archive.input == input)
    }

    /// Files and links of one input, by path.
    pub fn files_of<'a>(&'a self, input: &'a str) -> impl Iterator<Item = &'a LockedFile> {
        self.files.iter().filter(move |file| file.input == input)
    }

    /// Names what the lock says of one input: SHA-256 of its `file` and `link` lines, each with its newline.
    #[must_use]
    pub fn digest_of_input(&self, input: &str) -> Hash {
        let lines = self.files_of(input).fold(String::new(), |text, file| {
            text + &line::of_file(file, Some(&file.input)) + "\n"
        });
        tlog::sha256(lines.as_bytes())
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
        let Some(input) = self.inputs.iter().find(|input| input.name == file.input) else {
            return Err("an input that the head names");
        };
        if input.origin == LIMPID && matches!(file.kind, LockedKind::File { .. }) {
            return Err("no file of the origin `limpid`, which makes links only");
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
        // Every input of a public origin has its archive, and no other input has one.
        let public = self.inputs.iter().filter(|input| input.is_public());
        let named = self.archives.iter().map(|archive| archive.input.as_str());
        if !public.map(|input| input.name.as_str()).eq(named) {
            return Err(
                "one archive for each input that is not `host` or `limpid`, in the order of the inputs",
            );
        }
        let is_rightly_labelled = |(input, archive): (&Input, &Archive)| match archive.format {
            ArchiveFormat::Deb => input.origin == DEBIAN,
            ArchiveFormat::Crate => input.origin == CRATES,
            ArchiveFormat::RustTarGz | ArchiveFormat::RustTarXz => {
                input.origin != DEBIAN && input.origin != CRATES
            }
        };
        let public = self.inputs.iter().filter(|input| input.is_public());
        if !public.zip(&self.archives).all(is_rightly_labelled) {
            return Err("the origin that belongs to the format of the archive");
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
