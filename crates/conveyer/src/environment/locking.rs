//! From a wish list to a lock: which packages, which bytes, which files, which links.

use std::collections::{BTreeMap, BTreeSet};

use super::apt::Apt;
use super::cargo::named_in;
use super::fault::SupplyError;
use super::gather::{DebianView, Gatherer, Parcel, Sources, Tell};
use super::keep::EnvironmentStore;
use super::wish::{WishList, bad};
use crate::lock::{
    Archive, ArchiveFormat, CRATES, DEBIAN, Input, LIMPID, Lock, LockedFile, LockedKind,
};
use crate::path::TreePath;

/// Links that no package holds because a script makes them: if this input is there, at this path, to this target.
/// They are lines of the lock like any other.
const SCRIPTED: [(&str, &str, &str); 5] = [
    ("gcc", "usr/bin/cc", "gcc"),
    ("g++", "usr/bin/c++", "g++"),
    ("mawk", "usr/bin/awk", "mawk"),
    ("gawk", "usr/bin/awk", "gawk"),
    ("original-awk", "usr/bin/awk", "original-awk"),
];
/// A merged root: what Debian's `usrmerge` makes.
pub(crate) const LAYOUT: [&str; 4] = ["bin", "lib", "lib64", "sbin"];
/// Name of the input of all links that this program makes.
const LAYOUT_INPUT: &str = "layout";

/// Resolves a wish list against the public origins as they are now, gets everything into the store, and locks it.
///
/// # Errors
/// [`SupplyError`]; nothing is locked then.
pub fn lock_wishes(
    wishes: &WishList,
    sources: &Sources,
    store: &EnvironmentStore,
    tell: Tell<'_>,
) -> Result<Lock, SupplyError> {
    let mut gatherer = Gatherer {
        sources,
        store,
        tell,
        debian: None,
    };
    let mut parcels = Vec::new();
    if !wishes.packages.is_empty() {
        tell("resolving Debian packages");
        let (debian, view) = debian(wishes)?;
        gatherer.debian = Some(Ok(view));
        parcels.extend(debian);
    }
    parcels.extend(others(wishes)?);
    let bytes: u64 = parcels.iter().map(|parcel| parcel.archive.bytes).sum();
    tell(&format!("{} archives, {bytes} bytes", parcels.len()));
    let gathered = gatherer.gather(&parcels)?;

    let mut tree = Tree::default();
    for (parcel, (_, unpacked)) in parcels.iter_mut().zip(gathered) {
        let input = &parcel.archive.input;
        if let (ArchiveFormat::Crate, Some(LockedKind::File { bytes, .. })) =
            (parcel.archive.format, unpacked.members.values().next())
        {
            // A Cargo.lock does not say how large a crate is.
            parcel.archive.bytes = *bytes;
        }
        let unnameable = unpacked.unnameable.into_iter();
        if let Some(name) = unnameable.into_iter().find(|name| !wishes.leaves_out(name)) {
            let input = input.clone();
            return Err(SupplyError::Unnameable { input, name });
        }
        for (path, kind) in unpacked.members {
            if !wishes.leaves_out(path.as_str()) {
                tree.add(path, input, kind)?;
            }
        }
    }
    tree.link_up(wishes)?;
    tree.check_behind()?;
    into_lock(wishes.name(), parcels, tree)
}

/// The packages of the closure, as the signed indexes have them.
fn debian(wishes: &WishList) -> Result<(Vec<Parcel>, DebianView), SupplyError> {
    let apt = Apt::open()?;
    let mut chosen = apt.closure(&wishes.packages)?;
    for name in &wishes.without {
        let before = chosen.len();
        chosen.retain(|package| package.name != *name);
        if chosen.len() == before {
            return Err(bad("without", name, "a package of the closure"));
        }
    }
    let names: BTreeSet<String> = chosen.iter().map(|one| one.name.clone()).collect();
    let view = DebianView::of(&apt, &names)?;
    let mut parcels = Vec::new();
    for package in chosen {
        let indexed = view.indexed.get(&package);
        let indexed = indexed.ok_or_else(|| SupplyError::NotDebian {
            package: package.name.clone(),
            version: package.version.clone(),
        })?;
        parcels.push(Parcel {
            origin: DEBIAN.to_owned(),
            archive: Archive {
                input: package.name.clone(),
                format: ArchiveFormat::Deb,
                sha256: indexed.sha256,
                bytes: indexed.bytes,
                version: package.version.clone(),
                place: indexed.place.clone(),
            },
        });
    }
    Ok((parcels, view))
}

/// Archives and crates.
fn others(wishes: &WishList) -> Result<Vec<Parcel>, SupplyError> {
    let mut parcels = Vec::new();
    for wish in &wishes.archives {
        parcels.push(Parcel {
            origin: wish.origin.clone(),
            archive: Archive {
                input: wish.name.clone(),
                format: wish.format()?,
                sha256: wish.sha256()?,
                bytes: wish.bytes,
                version: wish.version.clone(),
                place: wish.place.clone(),
            },
        });
    }
    let mut crates = BTreeMap::new();
    for wish in &wishes.crates {
        for one in named_in(&wish.lockfile)? {
            crates.insert(format!("{}-{}", one.name, one.version), one);
        }
    }
    for (input, one) in crates {
        parcels.push(Parcel {
            origin: CRATES.to_owned(),
            archive: Archive {
                input,
                format: ArchiveFormat::Crate,
                sha256: one.checksum,
                bytes: 0,
                version: one.version,
                place: one.name,
            },
        });
    }
    Ok(parcels)
}

/// The tree that grows out of the inputs.
#[derive(Default)]
struct Tree {
    files: BTreeMap<TreePath, (String, LockedKind)>,
}

impl Tree {
    /// Of two inputs with the same thing at one path, the first stays.
    fn add(&mut self, path: TreePath, input: &str, kind: LockedKind) -> Result<(), SupplyError> {
        match self.files.get(&path) {
            Some((_, there)) if *there == kind => Ok(()),
            Some((first, _)) => Err(conflict(&path, first, input)),
            None => {
                self.files.insert(path, (input.to_owned(), kind));
                Ok(())
            }
        }
    }

    /// Adds the links of the layout, of scripts, and of the wish list.
    fn link_up(&mut self, wishes: &WishList) -> Result<(), SupplyError> {
        let mut links: BTreeMap<String, String> = LAYOUT
            .iter()
            .map(|name| ((*name).to_owned(), format!("usr/{name}")))
            .collect();
        let inputs: BTreeSet<&str> = self.files.values().map(|(input, _)| &**input).collect();
        for (input, path, target) in SCRIPTED {
            let taken = path
                .parse()
                .is_ok_and(|path| self.files.contains_key(&path));
            if inputs.contains(input) && !taken {
                links.entry(path.to_owned()).or_insert(target.to_owned());
            }
        }
        links.extend(wishes.links.clone());
        for (path, target) in links {
            let path: TreePath = path.parse().map_err(crate::ConveyerError::from)?;
            self.add(path, LAYOUT_INPUT, LockedKind::Link { target })?;
        }
        Ok(())
    }

    fn check_behind(&self) -> Result<(), SupplyError> {
        for (path, (input, _)) in &self.files {
            for folder in path.folders() {
                let folder: TreePath = folder.parse().map_err(crate::ConveyerError::from)?;
                if let Some((first, _)) = self.files.get(&folder) {
                    return Err(conflict(&folder, first, input));
                }
            }
        }
        Ok(())
    }
}

fn conflict(path: &TreePath, first: &str, second: &str) -> SupplyError {
    SupplyError::Conflict {
        path: path.to_string(),
        first: first.to_owned(),
        second: second.to_owned(),
    }
}

/// Inputs of which nothing is in the tree are not named.
fn into_lock(name: &str, parcels: Vec<Parcel>, tree: Tree) -> Result<Lock, SupplyError> {
    let used: BTreeSet<&str> = tree.files.values().map(|(input, _)| &**input).collect();
    let mut inputs = vec![Input {
        name: LAYOUT_INPUT.to_owned(),
        origin: LIMPID.to_owned(),
        about: "links that no package holds".to_owned(),
    }];
    let mut archives = Vec::new();
    for parcel in parcels {
        let archive = parcel.archive;
        if !used.contains(&*archive.input) {
            continue;
        }
        let what = match archive.format {
            ArchiveFormat::Deb => "Debian package",
            ArchiveFormat::Crate => "crate",
            ArchiveFormat::RustTarGz | ArchiveFormat::RustTarXz => "component",
        };
        let named = if archive.format == ArchiveFormat::Crate {
            &archive.place
        } else {
            &archive.input
        };
        inputs.push(Input {
            name: archive.input.clone(),
            origin: parcel.origin,
            about: format!("{what} {named} {}", archive.version),
        });
        archives.push(archive);
    }
    let files = tree
        .files
        .into_iter()
        .map(|(path, (input, kind))| LockedFile { path, input, kind });
    Ok(Lock::new(name, inputs, archives, files.collect())?)
}
