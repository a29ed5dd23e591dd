//! Takes an environment from the host as it is installed, into the party's digest-addressed store.
//!
//! Origin `host` means what it says: these are this machine's bytes, and nobody's signature was checked. Another
//! party imports from its own machine; that both locks agree is the only evidence.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use store::{Blobs, StoreError};
use tlog::Hash;

use crate::error::ConveyerError;
use crate::limits::INPUT_BYTES_MAX;
use crate::lock::{Input, Lock, LockedFile, LockedKind};
use crate::path::TreePath;
use crate::{debian, rust_toolchain};

/// The environments that can be taken from a Debian host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostKind {
    /// `rust-host`: cargo, rustc, the standard library for this platform, and what linking needs of gcc and libc.
    Rust,
    /// `busybox`: Debian's static busybox under all its names.
    Busybox,
}

impl HostKind {
    /// The name recipes use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust-host",
            Self::Busybox => "busybox",
        }
    }

    /// The environment of this name, if it is one of these.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Rust, Self::Busybox]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Something found on the host, on its way into a lock.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) input: String,
    pub(crate) path: TreePath,
    pub(crate) what: FoundKind,
}

#[derive(Debug)]
pub(crate) enum FoundKind {
    File {
        host: PathBuf,
        executable: bool,
        bytes: u64,
    },
    Link {
        target: String,
    },
}

/// Inputs and files of one environment, before hashing.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    pub(crate) inputs: Vec<Input>,
    pub(crate) found: Vec<Found>,
}

impl Finding {
    pub(crate) fn input(&mut self, name: &str, origin: &str, about: String) {
        self.inputs.push(Input {
            name: name.to_owned(),
            origin: origin.to_owned(),
            about,
        });
    }

    pub(crate) fn link(
        &mut self,
        input: &str,
        path: &str,
        target: &str,
    ) -> Result<(), ConveyerError> {
        let what = FoundKind::Link {
            target: target.to_owned(),
        };
        self.found.push(Found {
            input: input.to_owned(),
            path: path.parse()?,
            what,
        });
        Ok(())
    }

    /// Adds a file, or a link as a link. Anything else is no part of an environment.
    pub(crate) fn take(
        &mut self,
        input: &str,
        host: &Path,
        inner: &str,
    ) -> Result<(), ConveyerError> {
        use std::os::unix::fs::MetadataExt;
        let about = fs::symlink_metadata(host).map_err(ConveyerError::io("look at", host))?;
        if about.is_symlink() {
            let target = fs::read_link(host).map_err(ConveyerError::io("read the link", host))?;
            return self.link(input, inner, &target.to_string_lossy());
        }
        if about.is_file() {
            let what = FoundKind::File {
                host: host.to_owned(),
                executable: about.mode() & 0o100 != 0,
                bytes: about.len(),
            };
            self.found.push(Found {
                input: input.to_owned(),
                path: inner.parse()?,
                what,
            });
        }
        Ok(())
    }
}

impl Lock {
    /// Imports an environment from the host into `inputs` and locks it. Hashes while it copies, on two threads.
    /// `inputs` may be a store without fsync ([`Blobs::open_cache`]): everything in it can be imported again, and
    /// a blob that a power cut spoiled is found by its digest and replaced.
    ///
    /// # Errors
    /// [`ConveyerError::HostLacks`] with the command that installs what is missing.
    pub fn import_host(kind: HostKind, inputs: &Blobs) -> Result<Self, ConveyerError> {
        let mut finding = Finding::default();
        layout(&mut finding)?;
        match kind {
            HostKind::Rust => {
                rust_toolchain::find(&mut finding)?;
                debian::find_linking(&mut finding)?;
            }
            HostKind::Busybox => debian::find_busybox(&mut finding)?,
        }
        // Of two packages with one path, or one path twice in a package, the first stays.
        finding.found.sort_by(|a, b| a.path.cmp(&b.path));
        finding
            .found
            .dedup_by(|later, first| later.path == first.path);
        let files = store_all(finding.found, inputs)?;
        Ok(Self::new(kind.name(), finding.inputs, Vec::new(), files)?)
    }
}

/// The links of a Debian root, whether or not the host has them.
fn layout(finding: &mut Finding) -> Result<(), ConveyerError> {
    finding.input(
        "layout",
        "limpid",
        "the links of a Debian root tree".to_owned(),
    );
    for name in ["bin", "lib", "lib64", "sbin"] {
        finding.link("layout", name, &format!("usr/{name}"))?;
    }
    Ok(())
}

/// Where a path of a Debian package is in the tree: below usr, as in a merged root.
pub(crate) fn merged(path: &str) -> String {
    let path = path.trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if ["bin", "sbin", "lib", "lib64"].contains(&first) {
        format!("usr/{path}")
    } else {
        path.to_owned()
    }
}

/// Big files first, so that no thread is left with one at the end.
fn store_all(found: Vec<Found>, inputs: &Blobs) -> Result<Vec<LockedFile>, ConveyerError> {
    let size = |one: &Found| match one.what {
        FoundKind::File { bytes, .. } => bytes,
        FoundKind::Link { .. } => 0,
    };
    let mut found = found;
    found.sort_by_key(|one| std::cmp::Reverse(size(one)));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(found.len()));
    let work = || -> Result<(), ConveyerError> {
        while let Some(one) = found.get(next.fetch_add(1, Ordering::Relaxed)) {
            let kind = match &one.what {
                FoundKind::Link { target } => LockedKind::Link {
                    target: target.clone(),
                },
                FoundKind::File {
                    host, executable, ..
                } => {
                    let (sha256, bytes) = store_one(host, inputs)?;
                    LockedKind::File {
                        executable: *executable,
                        sha256,
                        bytes,
                    }
                }
            };
            let locked = LockedFile {
                path: one.path.clone(),
                input: one.input.clone(),
                kind,
            };
            done.lock()
                .expect("no thread panics while it holds the list")
                .push(locked);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let second = scope.spawn(work);
        let first = work();
        first.and(second.join().expect("the work does not panic"))
    })?;
    Ok(done
        .into_inner()
        .expect("no thread panics while it holds the list"))
}

fn store_one(host: &Path, inputs: &Blobs) -> Result<(Hash, u64), ConveyerError> {
    let open = || File::open(host).map_err(ConveyerError::io("open", host));
    match inputs.put_reader(open()?, INPUT_BYTES_MAX) {
        Err(StoreError::Corrupt { path, .. }) => {
            // The store is a cache and the host has the bytes: replace what a power cut or a hand spoiled.
            tracing::warn!(path = %path.display(), "replaced a spoiled input");
            fs::remove_file(&path).map_err(ConveyerError::io("remove", &path))?;
            Ok(inputs.put_reader(open()?, INPUT_BYTES_MAX)?)
        }
        other => Ok(other?),
    }
}

/// Runs a program of the host and gives its output, or an error with `remedy`.
pub(crate) fn ask(
    program: &str,
    arguments: &[&str],
    remedy: &str,
) -> Result<String, ConveyerError> {
    let done = std::process::Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .output();
    let done = done.map_err(|error| ConveyerError::HostLacks {
        what: format!("{program} ({error})"),
        remedy: remedy.to_owned(),
    })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned());
    }
    Err(ConveyerError::HostProgram {
        program: format!("{program} {}", arguments.join(" ")),
        said: String::from_utf8_lossy(&done.stderr)
            .trim()
            .chars()
            .take(400)
            .collect(),
        remedy: remedy.to_owned(),
    })
}
