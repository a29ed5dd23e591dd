//! Gets archives from whoever has them, checks them, and unpacks them; several at a time.
//!
//! The order is: what this store has, a folder of this party, the public origin, the center. The center is asked only
//! for what its public origin does not have any more. An origin that has the same version with *other bytes* is no
//! reason to ask somebody else: it is the finding this whole step exists for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use store::StoreError;
use tlog::Hash;

use super::apt::{Apt, Indexed, Package, download};
use super::cargo::crate_file;
use super::fault::{Missing, PackFault, SupplyError};
use super::keep::{EnvironmentStore, Obtained, Supplier};
use super::pack::{Unpacked, unpack};
use super::wish::{is_package, is_version};
use crate::error::ConveyerError;
use crate::limits::{INPUT_BYTES_MAX, SPOILED_MAX};
use crate::lock::{Archive, ArchiveFormat};
use crate::path::TreePath;

/// Tells people what is going on.
pub type Tell<'a> = &'a (dyn Fn(&str) + Sync);

/// Where the center keeps what it gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Center {
    /// A folder: an [`EnvironmentStore`], or blobs by digest.
    Folder(PathBuf),
    /// An address that serves `blob/<sha256>` (`spec/blobs.md`).
    Url(String),
}

impl Center {
    /// An address when it looks like one, else a folder.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.starts_with("http://") || text.starts_with("https://") {
            Self::Url(text.trim_end_matches('/').to_owned())
        } else {
            Self::Folder(PathBuf::from(text))
        }
    }
}

/// Where this party gets inputs. Debian comes through apt and crates through cargo, as they are set up here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Addresses of other origins, by name.
    pub origins: BTreeMap<String, String>,
    /// Folders with files that this party got by itself, under their usual names.
    pub folders: Vec<PathBuf>,
    /// Asked for what the origins do not have any more.
    pub center: Option<Center>,
}

/// One archive to get.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) origin: String,
    pub(super) archive: Archive,
}

/// What Debian offers this party.
#[derive(Debug, Default)]
pub(super) struct DebianView {
    pub(super) indexed: BTreeMap<Package, Indexed>,
    addresses: BTreeMap<Package, String>,
}

impl DebianView {
    /// What the signed indexes have of these names.
    pub(super) fn of(apt: &Apt, names: &BTreeSet<String>) -> Result<Self, ConveyerError> {
        Ok(Self {
            indexed: apt.indexed(names)?,
            addresses: BTreeMap::new(),
        })
    }
}

/// Everything that is needed to get archives.
pub(super) struct Gatherer<'a> {
    pub(super) sources: &'a Sources,
    pub(super) store: &'a EnvironmentStore,
    pub(super) tell: Tell<'a>,
    /// Nothing: not asked yet. An error: why Debian cannot be asked.
    pub(super) debian: Option<Result<DebianView, String>>,
}

impl Gatherer<'_> {
    /// Gets and unpacks every parcel, in the order of the parcels.
    pub(super) fn gather(
        mut self,
        parcels: &[Parcel],
    ) -> Result<Vec<(Obtained, Unpacked)>, SupplyError> {
        self.ask_debian(parcels)?;
        let mut order: Vec<usize> = (0..parcels.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(parcels[*index].archive.bytes));
        let next = AtomicUsize::new(0);
        let done = Mutex::new((BTreeMap::new(), Missing::default()));
        let work = || -> Result<(), SupplyError> {
            while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                let parcel = &parcels[*index];
                let one = self.one(parcel)?;
                let mut done = done.lock().expect("no thread panics while it holds it");
                match one {
                    Ok(found) => drop(done.0.insert(*index, found)),
                    Err(why) => done.1.0.push((parcel.archive.input.clone(), why)),
                }
            }
            Ok(())
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut result = work();
            for other in others {
                result = result.and(other.join().expect("the work does not panic"));
            }
            result
        })?;
        let (found, mut missing) = done.into_inner().expect("no thread panicked");
        if missing.0.is_empty() {
            return Ok(found.into_values().collect());
        }
        missing.0.sort();
        Err(SupplyError::Unobtainable(missing))
    }

    /// Looks up all that this store lacks at once: each question costs apt seconds.
    fn ask_debian(&mut self, parcels: &[Parcel]) -> Result<(), SupplyError> {
        let mut lacking: Vec<Package> = Vec::new();
        for parcel in parcels {
            let archive = &parcel.archive;
            let is_wanted = archive.format == ArchiveFormat::Deb
                && !self.store.inputs().contains(&archive.sha256)
                && !self.ask_folder(archive)?;
            if is_wanted {
                lacking.extend(package_of(archive));
            }
        }
        if lacking.is_empty() {
            return Ok(());
        }
        let known = self.debian.take();
        let names = lacking.iter().map(|one| one.name.clone()).collect();
        let view = Apt::open().and_then(|apt| {
            let mut view = match known {
                Some(Ok(view)) => view,
                _ => DebianView::of(&apt, &names)?,
            };
            let there: Vec<Package> = lacking
                .into_iter()
                .filter(|one| view.indexed.contains_key(one))
                .collect();
            view.addresses = apt.addresses(&there)?;
            Ok(view)
        });
        self.debian = Some(view.map_err(|error| error.to_string()));
        Ok(())
    }

    /// The inner error says why it is not to be had.
    fn one(&self, parcel: &Parcel) -> Result<Result<(Obtained, Unpacked), String>, SupplyError> {
        let obtained = match self.obtain(parcel)? {
            Ok(obtained) => obtained,
            Err(why) => return Ok(Err(why)),
        };
        self.store.keep(&parcel.archive.sha256, &obtained)?;
        let unpacked = self.unpack(&parcel.archive)?;
        Ok(Ok((obtained, unpacked)))
    }

    fn obtain(&self, parcel: &Parcel) -> Result<Result<Obtained, String>, SupplyError> {
        let archive = &parcel.archive;
        let is_here = self.have(&archive.sha256)?;
        let record = self.store.record(&archive.sha256)?;
        if let (true, Some(record)) = (is_here, &record)
            && record.from != Supplier::Center
        {
            return Ok(Ok(record.clone()));
        }
        let got = |from, why| Obtained {
            input: archive.input.clone(),
            origin: parcel.origin.clone(),
            from,
            why,
        };
        if self.ask_folder(archive)? {
            self.told(archive, Supplier::Folder);
            return Ok(Ok(got(Supplier::Folder, None)));
        }
        let why = match self.ask_origin(parcel)? {
            Ok(()) => {
                self.told(archive, Supplier::Origin);
                return Ok(Ok(got(Supplier::Origin, None)));
            }
            Err(why) => why,
        };
        // What the center gave stays when its origin still does not have it.
        if is_here && record.is_some() {
            return Ok(Ok(got(Supplier::Center, Some(why))));
        }
        Ok(match self.ask_center(&archive.sha256, archive.bytes)? {
            Ok(()) => {
                self.told(archive, Supplier::Center);
                Ok(got(Supplier::Center, Some(why)))
            }
            Err(center) => Err(format!("{why}; {center}")),
        })
    }

    fn told(&self, archive: &Archive, from: Supplier) {
        let Archive {
            input,
            version,
            bytes,
            ..
        } = archive;
        (self.tell)(&format!("{input} {version} ({bytes} bytes): {from}"));
    }

    /// Whether the store has it, whole; what is spoiled is removed.
    fn have(&self, digest: &Hash) -> Result<bool, SupplyError> {
        if !self.store.inputs().contains(digest) {
            return Ok(false);
        }
        match self.store.inputs().copy_to(digest, &mut std::io::sink()) {
            Ok(_) => Ok(true),
            Err(StoreError::Corrupt { path, .. }) => remove(&path).map(|()| false),
            Err(other) => Err(other.into()),
        }
    }

    fn ask_folder(&self, archive: &Archive) -> Result<bool, SupplyError> {
        let names = match archive.format {
            ArchiveFormat::Deb => {
                let architecture = archive.place.rsplit('/').next().unwrap_or_default();
                let (name, version) = (&archive.input, &archive.version);
                let plain = version.split_once(':').map_or(&**version, |(_, rest)| rest);
                vec![
                    format!("{name}_{}_{architecture}.deb", version.replace(':', "%3a")),
                    format!("{name}_{plain}_{architecture}.deb"),
                ]
            }
            ArchiveFormat::Crate => vec![format!("{}.crate", archive.input)],
            _ => vec![
                archive
                    .place
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ],
        };
        for folder in &self.sources.folders {
            for name in names.iter().filter(|name| !name.contains('/')) {
                let path = folder.join(name);
                if path.is_file() && self.take(&path)? == archive.sha256 {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn ask_origin(&self, parcel: &Parcel) -> Result<Result<(), String>, SupplyError> {
        let archive = &parcel.archive;
        let differs = |found| SupplyError::OriginDiffers {
            input: archive.input.clone(),
            version: archive.version.clone(),
            locked: archive.sha256,
            found,
        };
        let scratch = tempfile::tempdir()
            .map_err(ConveyerError::io("make a folder in", std::env::temp_dir()))?;
        let to = scratch.path().join("file");
        let file = match (archive.format, &self.debian) {
            (ArchiveFormat::Deb, Some(Ok(view))) => {
                let package = package_of(archive);
                match package.as_ref().and_then(|one| view.indexed.get(one)) {
                    Some(indexed) if indexed.sha256 != archive.sha256 => {
                        return Err(differs(indexed.sha256));
                    }
                    Some(_) => {}
                    None => return Ok(Err("its public origin has no such version".to_owned())),
                }
                let address = package.and_then(|one| view.addresses.get(&one));
                let address = address.ok_or("apt names no address of it".to_owned());
                address.and_then(|address| download(address, &to, archive.bytes).map(|()| to))
            }
            (ArchiveFormat::Deb, Some(Err(why))) => Err(why.clone()),
            (ArchiveFormat::Deb, None) => Err("it was not looked for".to_owned()),
            (ArchiveFormat::Crate, _) => {
                crate_file(&archive.place, &archive.version, scratch.path())
            }
            _ => match self.address_of(parcel) {
                Ok(address) => download(&address, &to, archive.bytes).map(|()| to),
                Err(why) => Err(why),
            },
        };
        let file = match file {
            Ok(file) => file,
            Err(why) => return Ok(Err(why)),
        };
        match self.take(&file)? {
            found if found == archive.sha256 => Ok(Ok(())),
            found => Err(differs(found)),
        }
    }

    fn address_of(&self, parcel: &Parcel) -> Result<String, String> {
        let Parcel { origin, archive } = parcel;
        let base = self
            .sources
            .origins
            .get(origin)
            .ok_or_else(|| format!("no address of the origin {origin} was given"))?;
        let place: TreePath = archive
            .place
            .parse()
            .map_err(|_| "its place is no path".to_owned())?;
        Ok(format!("{}/{place}", base.trim_end_matches('/')))
    }

    /// Asks the center for one blob; the inner error says why it has none.
    pub(super) fn ask_center(
        &self,
        digest: &Hash,
        bytes: u64,
    ) -> Result<Result<(), String>, SupplyError> {
        let name = digest.to_hex();
        let found = match &self.sources.center {
            None => return Ok(Err("no center was named".to_owned())),
            Some(Center::Folder(folder)) => {
                let inner = format!("{}/{}/{name}", &name[..2], &name[2..4]);
                let places = [folder.join("inputs").join(&inner), folder.join(&inner)];
                match places.iter().find(|path| path.is_file()) {
                    Some(path) => self.take(path)?,
                    None => return Ok(Err("the center does not have it".to_owned())),
                }
            }
            Some(Center::Url(address)) => {
                let scratch = tempfile::tempdir()
                    .map_err(ConveyerError::io("make a folder in", std::env::temp_dir()))?;
                let to = scratch.path().join("file");
                match download(&format!("{address}/blob/{name}"), &to, bytes) {
                    Ok(()) => self.take(&to)?,
                    Err(why) => return Ok(Err(format!("the center: {why}"))),
                }
            }
        };
        Ok(if found == *digest {
            Ok(())
        } else {
            Err(format!("the center gave other bytes ({})", found.to_hex()))
        })
    }

    /// Puts a file under the digest it really has.
    fn take(&self, path: &Path) -> Result<Hash, SupplyError> {
        let open = || File::open(path).map_err(ConveyerError::io("open", path));
        match self.store.inputs().put_reader(open()?, INPUT_BYTES_MAX) {
            Err(StoreError::Corrupt { path, .. }) => {
                remove(&path)?;
                Ok(self.store.inputs().put_reader(open()?, INPUT_BYTES_MAX)?.0)
            }
            other => Ok(other?.0),
        }
    }

    fn unpack(&self, archive: &Archive) -> Result<Unpacked, SupplyError> {
        for _ in 0..SPOILED_MAX {
            let (file, _) = self.store.inputs().open_file(&archive.sha256)?;
            match unpack(archive, file, self.store.inputs()) {
                // The archive has the bytes: replace what a power cut or a hand spoiled.
                Err(PackFault::Store(StoreError::Corrupt { path, .. })) => remove(&path)?,
                other => {
                    return other.map_err(|source| SupplyError::Packed {
                        input: archive.input.clone(),
                        source,
                    });
                }
            }
        }
        Err(SupplyError::Packed {
            input: archive.input.clone(),
            source: PackFault::TooMuch {
                what: "spoiled blobs in the store",
                max: SPOILED_MAX,
            },
        })
    }
}

/// The package an archive is, if apt may be asked for such a name.
fn package_of(archive: &Archive) -> Option<Package> {
    (is_package(&archive.input) && is_version(&archive.version)).then(|| Package {
        name: archive.input.clone(),
        version: archive.version.clone(),
    })
}

fn remove(path: &Path) -> Result<(), SupplyError> {
    tracing::warn!(path = %path.display(), "removed a spoiled input");
    Ok(fs::remove_file(path).map_err(ConveyerError::io("remove", path))?)
}
