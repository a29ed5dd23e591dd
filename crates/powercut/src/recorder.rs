//! From system calls to what happened: changes of the disk, what was made durable, what was said
//! to whom, all in one order.
//!
//! A change counts from the moment its call began, since from then on the disk may have it. What
//! a sync keeps counts when the sync ended, and covers the changes that were done before it
//! began. Bytes on a socket count when the call that sent them began.
//!
//! A call that could change the folder in a way that is not understood here is an error, and
//! after each life of the daemon the folder is compared with what was recorded.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};

use crate::disk::{Change, Disk, Image, Loss, NodeId};
use crate::image::read_image;
use crate::recording::{Recording, Step, What, class_of, is_state, pattern};
use crate::talk::Talk;
use crate::trace::{self, Call};

#[derive(Debug, Clone)]
enum Open {
    File {
        node: NodeId,
        offset: u64,
        appends: bool,
    },
    Socket(usize),
}

/// Puts a recording together, life after life.
#[derive(Debug)]
pub(crate) struct Recorder {
    root: String,
    start: Image,
    disk: Disk,
    steps: Vec<Step>,
    lives: Vec<usize>,
    open: HashMap<i64, Open>,
    talks: Vec<Talk>,
    /// The last name of each node, for people; scratch names only if it never had another.
    names: HashMap<NodeId, String>,
    moment: usize,
}

/// A call has an effect when it begins or when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Half {
    Begins,
    Ends,
}

impl Recorder {
    /// For the daemon at work in `root`, as it lies there now.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let start = read_image(root)?;
        Ok(Self {
            root: root.to_str().context("a path that is no text")?.to_owned(),
            disk: Disk::new(&start),
            start,
            steps: Vec::new(),
            lives: Vec::new(),
            open: HashMap::new(),
            talks: Vec::new(),
            names: HashMap::new(),
            moment: 0,
        })
    }

    /// Adds one life: what `strace` wrote from the start of the process to its end.
    pub(crate) fn add_life(&mut self, text: &str) -> Result<()> {
        let calls = trace::parse(text, self.moment)?;
        self.moment += text.lines().count() + 1;
        self.lives.push(self.steps.len());
        self.open.clear();
        let mut halves: Vec<(usize, Half, &Call)> = Vec::new();
        for call in &calls {
            halves.push((call.began, Half::Begins, call));
            halves.push((call.ended, Half::Ends, call));
        }
        halves.sort_by_key(|(moment, half, _)| (*moment, *half));
        for (_, half, call) in halves {
            let done = match half {
                Half::Begins => self.begin(call),
                Half::Ends => self.end(call),
            };
            done.with_context(|| format!("{} at {}", call.name, call.began))?;
        }
        self.compare()
    }

    /// Removes what a killed daemon said about its address: the next one is waited for.
    pub(crate) fn forget_address(&mut self) -> Result<()> {
        let path = Path::new(&self.root).join("url");
        if path.exists() {
            std::fs::remove_file(path)?;
            self.unlink("url", self.moment)?;
        }
        Ok(())
    }

    /// The folder must be what the recording says that a process sees.
    fn compare(&self) -> Result<()> {
        let found = read_image(Path::new(&self.root))?;
        let recorded = self.disk.after(Loss::Nothing);
        let paths: BTreeSet<&String> = found.keys().chain(recorded.keys()).collect();
        for path in paths {
            // SQLite maps this file into memory and never relies on it after a start.
            let is_map = path.ends_with("-shm");
            let same = found.get(path) == recorded.get(path);
            let both = found.contains_key(path) && recorded.contains_key(path);
            ensure!(
                same || (is_map && both),
                "`{path}` is not as it was recorded"
            );
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Recording {
        for step in &mut self.steps {
            if let What::Synced { node, .. } = &step.what {
                let name = self.names.get(node).map_or("", String::as_str);
                step.class = class_of(name, self.disk.is_folder(*node), &step.class);
            }
        }
        Recording {
            start: self.start,
            steps: self.steps,
            lives: self.lives,
        }
    }

    /// The path below our folder, if it is one.
    fn inside(&self, path: &str) -> Option<String> {
        let below = path.strip_prefix(&self.root)?;
        if below.is_empty() {
            return Some(String::new());
        }
        Some(below.strip_prefix('/')?.trim_end_matches('/').to_owned())
    }

    /// The path in argument `at`, relative to the folder in the one before it if there is one.
    fn path(&self, call: &Call, at: usize, is_at: bool) -> Result<Option<String>> {
        let path = String::from_utf8(call.bytes(at)?)?;
        if path.starts_with('/') || !is_at {
            return Ok(self.inside(&path));
        }
        let folder = call.annotation(at - 1)?;
        Ok(self.inside(&format!("{folder}/{path}")))
    }

    fn push(&mut self, what: What) {
        let class = String::new();
        self.steps.push(Step { what, class });
    }

    fn change(&mut self, change: Change, done: usize) {
        self.disk.apply(&change, done);
        self.push(What::Changed(change, done));
    }

    fn link(&mut self, path: &str, node: NodeId, done: usize) -> Result<()> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self
            .disk
            .find(folder)
            .context("a folder that is not there")?;
        let known = self.names.contains_key(&node);
        if !known || !path.split('/').any(|name| name.starts_with('.')) {
            self.names.insert(node, path.to_owned());
        }
        let name = name.to_owned();
        self.change(Change::Link { folder, name, node }, done);
        Ok(())
    }

    fn unlink(&mut self, path: &str, done: usize) -> Result<()> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self
            .disk
            .find(folder)
            .context("a folder that is not there")?;
        let name = name.to_owned();
        self.change(Change::Unlink { folder, name }, done);
        Ok(())
    }

    fn make(&mut self, path: &str, is_folder: bool, done: usize) -> Result<()> {
        let node = self.disk.make(is_folder);
        self.push(What::Made { is_folder });
        self.link(path, node, done)
    }

    fn file(&self, call: &Call, at: usize) -> Option<&Open> {
        self.open.get(&call.number(at).ok()?)
    }

    /// What a call does from the moment it begins.
    fn begin(&mut self, call: &Call) -> Result<()> {
        let Some(returned) = call.returned.filter(|value| *value >= 0) else {
            return Ok(());
        };
        let done = call.ended;
        match call.name.as_str() {
            "openat" => self.begin_open(call, 1, done)?,
            "open" | "creat" => self.begin_open(call, 0, done)?,
            "write" | "writev" | "sendto" | "sendmsg" | "pwrite64" | "pwritev" => {
                let mut bytes = match self.file(call, 0) {
                    Some(_) => call.bytes(1)?,
                    None => return Ok(()),
                };
                bytes.truncate(usize::try_from(returned)?);
                self.write(call, bytes)?;
            }
            "ftruncate" => {
                if let Some(Open::File { node, .. }) = self.file(call, 0) {
                    let (node, bytes) = (*node, u64::try_from(call.number(1)?)?);
                    self.change(Change::Resize { node, bytes }, done);
                }
            }
            "mkdir" | "mkdirat" => {
                let is_at = call.name == "mkdirat";
                if let Some(path) = self.path(call, usize::from(is_at), is_at)? {
                    self.make(&path, true, done)?;
                }
            }
            "unlink" | "rmdir" | "unlinkat" => {
                let is_at = call.name == "unlinkat";
                if let Some(path) = self.path(call, usize::from(is_at), is_at)? {
                    self.unlink(&path, done)?;
                }
            }
            "rename" | "renameat" | "renameat2" | "link" | "linkat" => self.rename(call, done)?,
            // Another thread may be given the number before this call is seen to end.
            "close" => {
                self.open.remove(&call.number(0)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin_open(&mut self, call: &Call, at: usize, done: usize) -> Result<()> {
        let Some(path) = self.path(call, at, at > 0)? else {
            return Ok(());
        };
        let flags = call.argument(at + 1);
        let creates = call.name == "creat" || flags.contains("O_CREAT");
        match self.disk.find(&path) {
            None if creates => self.make(&path, false, done)?,
            Some(node) if flags.contains("O_TRUNC") && self.disk.bytes(node) > 0 => {
                self.change(Change::Resize { node, bytes: 0 }, done);
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, call: &Call, bytes: Vec<u8>) -> Result<()> {
        let number = call.number(0)?;
        match self.open.get_mut(&number) {
            Some(Open::File {
                node,
                offset,
                appends,
            }) => {
                let node = *node;
                let at = match call.name.as_str() {
                    "pwrite64" => u64::try_from(call.number(3)?)?,
                    "write" | "writev" => {
                        let at = if *appends {
                            self.disk.bytes(node)
                        } else {
                            *offset
                        };
                        *offset = at + bytes.len() as u64;
                        at
                    }
                    other => bail!("{other} to a file is not understood"),
                };
                let bytes = bytes.into();
                let offset = at;
                self.change(
                    Change::Write {
                        node,
                        offset,
                        bytes,
                    },
                    call.ended,
                );
            }
            Some(Open::Socket(talk)) => {
                for exchange in self.talks[*talk].send(&bytes)? {
                    self.push(What::Said(Arc::new(exchange)));
                }
            }
            None => {}
        }
        Ok(())
    }

    fn rename(&mut self, call: &Call, done: usize) -> Result<()> {
        let is_at = call.name.contains("at");
        let (from, to) = if is_at { (1, 3) } else { (0, 1) };
        match (self.path(call, from, is_at)?, self.path(call, to, is_at)?) {
            (Some(from), Some(to)) => {
                let node = self
                    .disk
                    .find(&from)
                    .context("what is renamed is not there")?;
                ensure!(
                    !call.arguments.iter().any(|a| a.contains("RENAME_EXCHANGE")),
                    "exchange"
                );
                self.link(&to, node, done)?;
                if call.name.starts_with("rename") {
                    self.unlink(&from, done)?;
                }
                Ok(())
            }
            (None, None) => Ok(()),
            _ => bail!("a name comes from outside or goes there"),
        }
    }

    /// What a call does when it has ended.
    fn end(&mut self, call: &Call) -> Result<()> {
        if call.name == "connect" {
            // It returns before the other side answered.
            self.begin_talk(call.number(0)?, false);
            return Ok(());
        }
        let Some(returned) = call.returned.filter(|value| *value >= 0) else {
            return Ok(());
        };
        match call.name.as_str() {
            "openat" => self.end_open(call, 1, returned),
            "open" | "creat" => self.end_open(call, 0, returned),
            "accept" | "accept4" => {
                self.begin_talk(returned, true);
                Ok(())
            }
            "recvfrom" => match self.file(call, 0) {
                Some(Open::Socket(talk)) => {
                    let talk = *talk;
                    self.talks[talk].receive(&call.bytes(1)?)
                }
                _ => Ok(()),
            },
            "lseek" => {
                let number = call.number(0)?;
                if let Some(Open::File { offset, .. }) = self.open.get_mut(&number) {
                    *offset = u64::try_from(returned)?;
                }
                Ok(())
            }
            "fsync" | "fdatasync" => {
                if let Some(Open::File { node, .. }) = self.file(call, 0) {
                    let (node, began) = (*node, call.began);
                    let names = self.disk.pending_names(node, began);
                    self.disk.sync(node, began);
                    self.push(What::Synced { node, began });
                    // Becomes the class when all names are known.
                    let names = names.iter().filter(|name| is_state(name));
                    let patterns: BTreeSet<&str> = names.map(|name| pattern(name)).collect();
                    if let Some(step) = self.steps.last_mut() {
                        step.class = Vec::from_iter(patterns).join(" ");
                    }
                }
                Ok(())
            }
            _ => self.check_harmless(call, returned),
        }
    }

    fn end_open(&mut self, call: &Call, at: usize, returned: i64) -> Result<()> {
        // Whatever had this number before was closed, seen here or not.
        self.open.remove(&returned);
        let Some(path) = self.path(call, at, at > 0)? else {
            return Ok(());
        };
        let node = self.disk.find(&path);
        let node = node.with_context(|| format!("`{path}` was opened and is not there"))?;
        self.names.entry(node).or_insert(path);
        let appends = call.argument(at + 1).contains("O_APPEND");
        let offset = 0;
        let file = Open::File {
            node,
            offset,
            appends,
        };
        self.open.insert(returned, file);
        Ok(())
    }

    fn begin_talk(&mut self, number: i64, is_server: bool) {
        self.talks.push(Talk::new(is_server));
        let talk = self.talks.len() - 1;
        self.open.insert(number, Open::Socket(talk));
    }

    /// The calls that are recorded only to be refused if they touch our files.
    fn check_harmless(&mut self, call: &Call, returned: i64) -> Result<()> {
        let name = call.name.as_str();
        let is_ours = |at: usize| matches!(self.file(call, at), Some(Open::File { .. }));
        let harmless = match name {
            "fcntl" => !call.argument(1).contains("F_DUPFD") || !is_ours(0),
            "mmap" => {
                let shared = call.argument(3).contains("MAP_SHARED");
                let writes = call.argument(2).contains("PROT_WRITE");
                let file = call.argument(4);
                !(shared && writes && is_ours(4))
                    || call.annotation(4)?.ends_with("-shm")
                    || file.starts_with("-1")
            }
            "dup" | "dup2" | "dup3" | "fallocate" | "sync_file_range" | "copy_file_range"
            | "splice" | "sendfile" | "pwritev2" => !is_ours(0) && !is_ours(1) && !is_ours(2),
            "truncate" | "symlink" | "symlinkat" => {
                let folder = hex::encode(&self.root);
                let paths = call.arguments.iter().map(|a| a.replace("\\x", ""));
                !paths.into_iter().any(|path| path.contains(&folder))
            }
            "recvmsg" => !matches!(self.file(call, 0), Some(Open::Socket(_))),
            "io_uring_setup" | "sync" | "syncfs" => false,
            _ => true,
        };
        ensure!(
            harmless,
            "{name} (= {returned}) on our files is not understood"
        );
        Ok(())
    }
}
