//! The folders of one party. What a party keeps, no other party's sandbox can enter.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sandbox::{Identity, Ready, SandboxError, preflight};
use store::Blobs;

use crate::environment::{EnvironmentStore, UNFINISHED};
use crate::error::ConveyerError;
use crate::{scratch, stage};

/// One party's folders, each made when opened:
///
/// ```text
/// ROOT/           0700, the party's sandbox uid
/// ROOT/blobs/     0700, durable: archives, artifacts, locks
/// ROOT/inputs/    toolchain blobs, without fsync: each can be imported again
/// ROOT/obtained/  who gave inputs that were fetched (`EnvironmentStore`)
/// ROOT/trees/     assembled environments, made of links into inputs
/// ROOT/stages/    0700, private copies of sources while they are built
/// ```
#[derive(Debug)]
pub struct PartyDirs {
    root: PathBuf,
    identity: Identity,
    ready: Ready,
    blobs: Blobs,
    inputs: Blobs,
}

impl PartyDirs {
    /// Opens or makes the folders of the party that builds as `identity`, and checks that this machine can isolate
    /// its builds. Removes what builds of this party left that were killed.
    ///
    /// # Errors
    /// [`ConveyerError::Sandbox`] with the remedy when it cannot, or when the identity could not enter the folders;
    /// I/O.
    pub fn open(root: &Path, identity: Identity) -> Result<Self, ConveyerError> {
        let ready = preflight().map_err(SandboxError::from)?;
        fs::create_dir_all(root).map_err(ConveyerError::io("make", root))?;
        let root = root
            .canonicalize()
            .map_err(ConveyerError::io("find", root))?;
        private(&root)?;
        identity.own(&root)?;
        sandbox::check_reachable(&root, &identity)?;
        let blobs = Blobs::open(&root.join("blobs"))?;
        private(&root.join("blobs"))?;
        let inputs = Blobs::open_cache(&root.join("inputs"))?;
        for name in ["trees", "stages"] {
            let folder = root.join(name);
            fs::create_dir_all(&folder).map_err(ConveyerError::io("make", &folder))?;
        }
        private(&root.join("stages"))?;
        identity.own(&root.join("stages"))?;
        scratch::sweep(&root.join("trees"), UNFINISHED)?;
        stage::sweep(&root.join("stages"), &identity)?;
        Ok(Self {
            root,
            identity,
            ready,
            blobs,
            inputs,
        })
    }

    /// The uid and gid this party's builds have.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Archives, artifacts and locks, by digest; durable.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Files of environments, by digest; not synced to disk.
    #[must_use]
    pub fn inputs(&self) -> &Blobs {
        &self.inputs
    }

    /// The same inputs, with the records of who gave them.
    ///
    /// # Errors
    /// I/O.
    pub fn environment_store(&self) -> Result<EnvironmentStore, ConveyerError> {
        EnvironmentStore::open(&self.root)
    }

    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }

    pub(crate) fn trees(&self) -> PathBuf {
        self.root.join("trees")
    }

    pub(crate) fn stages(&self) -> PathBuf {
        self.root.join("stages")
    }
}

/// Closes a folder to everybody but its owner.
pub(crate) fn private(path: &Path) -> Result<(), ConveyerError> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .map_err(ConveyerError::io("close", path))
}
