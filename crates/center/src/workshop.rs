//! Where children work: a sandbox that holds one program, its libraries and the rule database, and nothing else. No
//! network, no file of the cell, no file of the host.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sandbox::{Exit, Identity, LimitKind, Limits, Ready, Sandbox, preflight};
use seal::{ContentKey, Header};
use statement::SealDigest;
use zeroize::Zeroizing;

use crate::analysis::End;
use crate::child::UNOPENED;
use crate::config::Config;
use crate::error::CenterError;
use crate::limits::{CHILD_MEMORY_BYTES_MAX, CHILD_PROCESSES_MAX, REPORT_BYTES_MAX};

/// Where the parts of a child stand inside the sandbox.
const PROGRAM: &str = "/child";
const DATABASE: &str = "/database";
const LIBRARIES: &str = "/lib";

/// A sandbox that is ready for children.
#[derive(Debug)]
pub(crate) struct Workshop {
    sandbox: Sandbox,
    ready: Ready,
}

impl Workshop {
    /// Prepares the root tree that children see.
    pub(crate) fn open(config: &Config) -> Result<Self, CenterError> {
        let ready = preflight()?;
        let program = match &config.worker_program {
            Some(path) => absolute(path)?,
            None => std::env::current_exe().map_err(refused("find", Path::new("this program")))?,
        };
        let libraries = Libraries::of_this_process()?;
        let root = config.dir.join("worker");
        make_tree(&root, &libraries)?;
        // The sandbox is entered from elsewhere.
        let root = absolute(&root)?;
        let identity = Identity::for_party(config.sandbox_party)?;
        let mut argv: Vec<String> = Vec::new();
        if libraries.loader.is_some() {
            // Named, because the path that the program itself names does not exist in there.
            let loader = [format!("{LIBRARIES}/loader"), "--library-path".to_owned()];
            argv.extend(loader);
            argv.push(LIBRARIES.to_owned());
        }
        argv.push(PROGRAM.to_owned());
        argv.extend(config.worker_arguments.iter().cloned());
        if config.database.is_some() {
            argv.extend(["--database".to_owned(), DATABASE.to_owned()]);
        }
        let mut sandbox = Sandbox::new(identity, &root, argv)
            .read_only(&program, PROGRAM)
            .tmp_bytes(1 << 20)
            .limits(Limits {
                wall_ms: config.worker_wall_ms,
                output_bytes_max: REPORT_BYTES_MAX,
                file_bytes_max: 1 << 20,
                disk_bytes_max: 1 << 20,
                memory_bytes_max: CHILD_MEMORY_BYTES_MAX,
                processes_max: CHILD_PROCESSES_MAX,
            });
        for (path, name) in libraries.named() {
            sandbox = sandbox.read_only(path, &format!("{LIBRARIES}/{name}"));
        }
        if let Some(database) = &config.database {
            sandbox = sandbox.read_only(&absolute(database)?, DATABASE);
        }
        Ok(Self { sandbox, ready })
    }

    /// Runs one child on one sample; its report, or how it ended. Blocks.
    pub(crate) fn run(
        &self,
        header: &Header,
        seal: &SealDigest,
        key: &ContentKey,
        ciphertext: impl Read + Send,
    ) -> Result<Result<Vec<u8>, End>, CenterError> {
        let text = header.as_bytes();
        let mut order = Zeroizing::new(Vec::with_capacity(2 + text.len() + 64));
        let length = u16::try_from(text.len()).map_err(|_| CenterError::Ended)?;
        order.extend_from_slice(&length.to_be_bytes());
        order.extend_from_slice(text);
        order.extend_from_slice(seal.hash().as_bytes());
        order.extend_from_slice(key.expose());
        let input = order.as_slice().chain(ciphertext);
        let done = self.sandbox.run_fed(&self.ready, input)?;
        Ok(match done.exit {
            Exit::Code(0) => Ok(done.stdout),
            Exit::Code(code) if code == i32::from(UNOPENED) => Err(End::Unopened),
            Exit::LimitExceeded(LimitKind::Wall) => Err(End::Time),
            Exit::LimitExceeded(LimitKind::Memory) => Err(End::Memory),
            _ => {
                // What a child says on standard error may come from a sample, so it is not repeated.
                tracing::warn!(exit = %done.exit, "a child ended without a report");
                Err(End::Died)
            }
        })
    }
}

/// What a program needs that is not in its file.
struct Libraries {
    loader: Option<PathBuf>,
    shared: BTreeSet<PathBuf>,
}

impl Libraries {
    /// Those of this process. A child runs this very program, or one that was linked like it.
    fn of_this_process() -> Result<Self, CenterError> {
        let maps = Path::new("/proc/self/maps");
        let text = fs::read_to_string(maps).map_err(refused("read", maps))?;
        let paths = text
            .lines()
            .filter_map(|line| line.find('/').map(|at| &line[at..]));
        let shared: BTreeSet<PathBuf> = paths
            .filter(|path| path.ends_with(".so") || path.contains(".so."))
            .map(PathBuf::from)
            .collect();
        let is_loader = |path: &&PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("ld-"))
        };
        let loader = shared.iter().find(is_loader).cloned();
        Ok(Self { loader, shared })
    }

    /// Each with its name inside.
    fn named(&self) -> impl Iterator<Item = (&Path, String)> {
        let loader = self
            .loader
            .iter()
            .map(|path| (path.as_path(), "loader".to_owned()));
        let shared = self.shared.iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some((path.as_path(), name))
        });
        loader.chain(shared)
    }
}

/// Mount points and nothing else, for everybody to enter.
fn make_tree(root: &Path, libraries: &Libraries) -> Result<(), CenterError> {
    for inner in ["", "proc", "dev", "tmp", "lib", "database"] {
        let path = root.join(inner);
        fs::create_dir_all(&path).map_err(refused("make", &path))?;
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, open).map_err(refused("open", &path))?;
    }
    let files = libraries.named().map(|(_, name)| format!("lib/{name}"));
    for inner in files.chain(["child".to_owned()]) {
        let path = root.join(inner);
        fs::write(&path, b"").map_err(refused("make", &path))?;
    }
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf, CenterError> {
    fs::canonicalize(path).map_err(refused("find", path))
}

fn refused(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> CenterError + use<> {
    let path = path.to_owned();
    move |source| CenterError::File {
        action,
        path,
        source,
    }
}
