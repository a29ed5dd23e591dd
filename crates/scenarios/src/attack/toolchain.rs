//! An attack by whoever hands out the tools that everybody builds with.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use conveyer::{
    Center, EnvironmentStore, Lock, Sources, SupplyError, WishList, fetch, lock_wishes,
};

use super::{Caught, Outcome, flood::Flood, stage::Stage};

/// The archive's path below its origin.
const PLACE: &str = "dist/compiler-1.0.tar.gz";
/// Name that everybody has for the public origin of the compiler.
const ORIGIN: &str = "upstream";

/// The center locks a compiler that is not the public one of that version, and keeps it ready in its own store.
/// A rebuilder fetches what the lock names from the public origin itself.
pub(super) async fn trojaned_toolchain(stage: &Stage) -> Result<Outcome> {
    let dir = stage.world.dir.join("toolchain");
    let [public, trojaned] = [
        ("public", "#!/bin/sh\nexec compile \"$@\"\n"),
        ("trojaned", "#!/bin/sh\nexec compile --and-a-door \"$@\"\n"),
    ]
    .map(|(name, compiler)| pack(&dir.join(name), compiler).map(|sha256| (dir.join(name), sha256)));
    let ((public, true_digest), (trojaned, false_digest)) = (public?, trojaned?);
    let origin = Flood::start(&public, "nothing/")?;
    let of_center = Flood::start(&trojaned, "nothing/")?;

    let honest = lock(&dir.join("honest-center"), &origin.url(), true_digest).await?;
    let lab = Fetching {
        store: dir.join("lab"),
        center: dir.join("honest-center"),
        origin: origin.url(),
    };
    if let Some(caught) = lab.of(honest).await? {
        bail!(
            "the honest twin was refused: {} {}",
            caught.code,
            caught.detail
        );
    }
    let lock = lock(&dir.join("center"), &of_center.url(), false_digest).await?;
    let lab = Fetching {
        store: dir.join("lab-again"),
        center: dir.join("center"),
        origin: origin.url(),
    };
    Ok(Outcome {
        honest: "a lock of the public compiler was fetched and agreed with".to_owned(),
        caught: lab.of(lock).await?,
    })
}

/// Makes an archive as compilers are handed out; its digest and size.
fn pack(root: &Path, compiler: &str) -> Result<(tlog::Hash, u64)> {
    let files = root.join("compiler-1.0/compiler/bin");
    fs::create_dir_all(&files).context("cannot make the compiler")?;
    fs::write(files.join("compiler"), compiler).context("cannot make the compiler")?;
    fs::create_dir_all(root.join("dist")).context("cannot make the compiler")?;
    let packed = Command::new("/bin/busybox")
        .current_dir(root)
        .args(["tar", "-czf", PLACE, "compiler-1.0"])
        .status()
        .context("cannot pack the compiler")?;
    if !packed.success() {
        bail!("packing the compiler ended with {packed}");
    }
    let bytes = fs::read(root.join(PLACE)).context("cannot read the packed compiler")?;
    Ok((tlog::sha256(&bytes), bytes.len() as u64))
}

/// The center's lock of the compiler that this address gives out.
async fn lock(store: &Path, origin: &str, (sha256, bytes): (tlog::Hash, u64)) -> Result<Lock> {
    let text = format!(
        "name = \"tools\"\n[[archive]]\nname = \"compiler\"\nversion = \"1.0\"\norigin = \"{ORIGIN}\"\n\
         place = \"{PLACE}\"\nformat = \"rust-tar-gz\"\nsha256 = \"{}\"\nbytes = {bytes}\n",
        sha256.to_hex()
    );
    let sources = sources(origin, None);
    let store = store.to_owned();
    let locking = tokio::task::spawn_blocking(move || -> Result<Lock> {
        let wishes = WishList::parse(&text, Path::new("."))?;
        let store = EnvironmentStore::open(&store)?;
        Ok(lock_wishes(&wishes, &sources, &store, &|_| ())?)
    });
    locking.await?
}

fn sources(origin: &str, center: Option<PathBuf>) -> Sources {
    Sources {
        origins: BTreeMap::from([(ORIGIN.to_owned(), origin.to_owned())]),
        folders: Vec::new(),
        center: center.map(Center::Folder),
    }
}

/// A rebuilder that gets its inputs by itself, and may ask the center for what nobody else has.
struct Fetching {
    store: PathBuf,
    center: PathBuf,
    origin: String,
}

impl Fetching {
    async fn of(self, lock: Lock) -> Result<Option<Caught>> {
        let sources = sources(&self.origin, Some(self.center));
        let fetching = tokio::task::spawn_blocking(move || -> Result<Option<Caught>> {
            let store = EnvironmentStore::open(&self.store)?;
            match fetch(&lock, &sources, &store, &|_| ()) {
                Ok(_) => Ok(None),
                Err(error @ SupplyError::OriginDiffers { .. }) => Ok(Some(Caught {
                    code: "environment.origin_differs".to_owned(),
                    detail: error.to_string(),
                })),
                Err(error) => Err(error.into()),
            }
        });
        fetching.await?
    }
}
