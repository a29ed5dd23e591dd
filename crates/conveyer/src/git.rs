//! Reads a commit with the `git` program: `ls-tree` and `cat-file`, so that no filter, hook or checkout runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::archive::{Entry, EntryKind, check_amount};
use crate::error::ConveyerError;
use crate::limits::{ENTRIES_MAX, SOURCE_FILE_BYTES_MAX};
use crate::path::{LinkTarget, TreePath};
use crate::source::{Member, nothing};

/// First line of the stand-in that git LFS leaves for a file.
const LFS_MARK: &[u8] = b"version https://git-lfs.github.com/spec/v1";

/// A commit of a repository, with one `git cat-file --batch` that gives its objects.
#[derive(Debug)]
pub(crate) struct Commit {
    repository: PathBuf,
    id: String,
    batch: Batch,
}

impl Commit {
    /// Resolves a name to a commit.
    pub(crate) fn find(repository: &Path, name: &str) -> Result<Self, ConveyerError> {
        let wanted = format!("{name}^{{commit}}");
        let said = output(
            repository,
            &["rev-parse", "--verify", "--end-of-options", &wanted],
        )?;
        let id = String::from_utf8_lossy(&said).trim().to_owned();
        let batch = Batch::start(repository)?;
        Ok(Self {
            repository: repository.to_owned(),
            id,
            batch,
        })
    }

    /// The full commit id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Every file and link of the commit, or of one folder of it.
    pub(crate) fn list(
        &mut self,
        folder: Option<&TreePath>,
    ) -> Result<Vec<Member<String>>, ConveyerError> {
        let tree = match folder {
            Some(folder) => format!("{}:{folder}", self.id),
            None => self.id.clone(),
        };
        let listing = output(
            &self.repository,
            &["ls-tree", "-r", "-z", "-l", "--full-tree", &tree],
        )?;
        let mut members = Vec::new();
        for line in listing
            .split(|byte| *byte == 0)
            .filter(|line| !line.is_empty())
        {
            members.push(self.member(line)?);
            check_amount(
                "entries of the source",
                members.len() as u64,
                ENTRIES_MAX as u64,
            )?;
        }
        Ok(members)
    }

    /// The bytes of one member.
    pub(crate) fn open(&mut self, member: &Member<String>) -> Result<Box<dyn Read>, ConveyerError> {
        if matches!(member.entry.kind, EntryKind::Symlink { .. }) {
            return Ok(nothing());
        }
        let bytes = self.batch.object(&self.repository, &member.place)?;
        if bytes.starts_with(LFS_MARK) {
            return Err(ConveyerError::SourceRefused {
                path: member.entry.path.to_string(),
                why: "it is a git LFS pointer, not the file; commit the file itself or import from a directory",
            });
        }
        Ok(Box::new(std::io::Cursor::new(bytes)))
    }

    /// One line of `ls-tree -l`: `<mode> <type> <object> <size>\t<path>`.
    fn member(&mut self, line: &[u8]) -> Result<Member<String>, ConveyerError> {
        let text = String::from_utf8_lossy(line).into_owned();
        let odd = |why| ConveyerError::SourceRefused {
            path: text.clone(),
            why,
        };
        if std::str::from_utf8(line).is_err() {
            return Err(odd("its name is not UTF-8; rename it"));
        }
        let (about, path) = text
            .split_once('\t')
            .ok_or_else(|| odd("git printed an unknown form"))?;
        let fields: Vec<&str> = about.split_whitespace().collect();
        let [mode, _, object, size] = fields[..] else {
            return Err(odd("git printed an unknown form"));
        };
        let path: TreePath = path.parse()?;
        let kind = match mode {
            "100644" | "100755" | "100664" => {
                let bytes = size
                    .parse()
                    .map_err(|_| odd("git printed an unknown size"))?;
                check_amount("bytes of a file", bytes, SOURCE_FILE_BYTES_MAX)?;
                EntryKind::File {
                    executable: mode == "100755",
                    bytes,
                }
            }
            "120000" => {
                let target = self.batch.object(&self.repository, object)?;
                let target =
                    String::from_utf8(target).map_err(|_| odd("its link target is not UTF-8"))?;
                EntryKind::Symlink {
                    target: LinkTarget::parse(&path, &target)?,
                }
            }
            "160000" => {
                return Err(odd(
                    "it is a submodule, whose content the commit does not hold; vendor it",
                ));
            }
            _ => return Err(odd("it is neither file nor link")),
        };
        Ok(Member {
            entry: Entry { path, kind },
            place: object.to_owned(),
        })
    }
}

/// A running `git cat-file --batch`.
#[derive(Debug)]
struct Batch {
    child: Child,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
}

impl Batch {
    fn start(repository: &Path) -> Result<Self, ConveyerError> {
        let mut command = git(repository, &["cat-file", "--batch"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(ConveyerError::io("start", "git"))?;
        let ask = child.stdin.take();
        let answer = BufReader::new(child.stdout.take().expect("piped above"));
        Ok(Self { child, ask, answer })
    }

    /// `<object> <type> <size>\n<bytes>\n`
    fn object(&mut self, repository: &Path, id: &str) -> Result<Vec<u8>, ConveyerError> {
        let broken = || ConveyerError::io("read a git object from", repository);
        let ask = self.ask.as_mut().expect("closed only when dropped");
        ask.write_all(format!("{id}\n").as_bytes())
            .map_err(broken())?;
        let mut header = String::new();
        self.answer.read_line(&mut header).map_err(broken())?;
        let size = match header.split_whitespace().collect::<Vec<_>>()[..] {
            [found, "blob", size] if found == id => size.parse::<u64>().ok(),
            _ => None,
        };
        let size = size
            .filter(|size| *size <= SOURCE_FILE_BYTES_MAX)
            .ok_or_else(|| ConveyerError::HostProgram {
                program: "git cat-file".to_owned(),
                said: header.trim().to_owned(),
                remedy: format!("check the repository: git -C {} fsck", repository.display()),
            })?;
        let mut bytes = vec![0; usize::try_from(size).expect("at most SOURCE_FILE_BYTES_MAX")];
        self.answer.read_exact(&mut bytes).map_err(broken())?;
        self.answer.read_exact(&mut [0]).map_err(broken())?;
        Ok(bytes)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.ask = None;
        // With its input closed it ends by itself; a failure here changes nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// git without this user's or machine's configuration, replacements, or fetching of missing objects.
fn git(repository: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    command.env_clear().env("PATH", path).env("LC_ALL", "C");
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    command.arg("-C").arg(repository).args([
        "-c",
        "protocol.allow=never",
        "-c",
        "core.fsmonitor=false",
    ]);
    command.args(arguments);
    command
}

fn output(repository: &Path, arguments: &[&str]) -> Result<Vec<u8>, ConveyerError> {
    let done = git(repository, arguments).stdin(Stdio::null()).output();
    let done = done.map_err(|error| ConveyerError::HostLacks {
        what: format!("git ({error})"),
        remedy: "run: apt-get install git".to_owned(),
    })?;
    if done.status.success() {
        return Ok(done.stdout);
    }
    Err(ConveyerError::HostProgram {
        program: format!("git {}", arguments[0]),
        said: String::from_utf8_lossy(&done.stderr)
            .trim()
            .chars()
            .take(400)
            .collect(),
        remedy: format!(
            "check the commit and that this user owns {}",
            repository.display()
        ),
    })
}
