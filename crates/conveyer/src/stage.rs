//! The private copy of a source in which one build happens, and which nobody else ever sees.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::archive::{Entry, EntryKind};
use crate::error::ConveyerError;
use crate::party::{PartyDirs, private};
use crate::recipe::Recipe;
use crate::scratch::{self, Scratch};
use crate::source::{Source, read_archive};
use crate::variation::{FileOrder, Variation};
use sandbox::Identity;

/// Memory file systems that every Debian machine has.
const IN_MEMORY: [&str; 1] = ["/dev/shm"];
/// What `statfs(2)` calls a memory file system.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// A staged source. Removed with everything the build wrote when dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
    order_shows: bool,
    scratch: Scratch,
}

impl Stage {
    /// Unpacks the source at the recipe's inner path, in the order the variation wants.
    pub(crate) fn prepare(
        source: &Source,
        recipe: &Recipe,
        variation: &Variation,
        party: &PartyDirs,
    ) -> Result<Self, ConveyerError> {
        let work = party.stages();
        let place = match variation.file_order {
            FileOrder::Archive => None,
            FileOrder::Shuffled(_) => place_that_shows_order(&work, recipe.limits.disk_bytes_max),
        };
        let base = place.as_deref().unwrap_or(&work);
        let identity = party.identity();
        let scratch = Scratch::make(base, &prefix_of(&identity))?;
        let folder = scratch.path().join(&variation.outer_name);
        let stage = Self {
            folder,
            order_shows: place.is_some(),
            scratch,
        };
        private(stage.scratch.path())?;
        identity.own(stage.scratch.path())?;
        make_folder(&stage.folder, &identity)?;
        let build = stage.build();
        make_folder(&build, &identity)?;
        make_folder(&build.join("home"), &identity)?;
        let mut inner = build;
        for part in stage.below_build(&recipe.inner_path).split('/') {
            inner = inner.join(part);
            make_folder(&inner, &identity)?;
        }
        stage.unpack(
            source,
            &inner,
            recipe.source_date_epoch,
            variation.file_order,
            party,
        )?;
        Ok(stage)
    }

    /// The folder that is `/build` inside.
    pub(crate) fn build(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// Whether programs inside can see the order in which the files were made.
    pub(crate) fn order_shows(&self) -> bool {
        self.order_shows
    }

    /// An inner path without `/build/`, which recipes are checked to begin with.
    pub(crate) fn below_build<'a>(&self, inner: &'a str) -> &'a str {
        inner.trim_start_matches("/build/")
    }

    /// First every file under a number, then each to its name in the wanted order: a folder's order is that in
    /// which names appeared in it.
    fn unpack(
        &self,
        source: &Source,
        inner: &Path,
        epoch: u64,
        order: FileOrder,
        party: &PartyDirs,
    ) -> Result<(), ConveyerError> {
        let identity = party.identity();
        let incoming = self.folder.join("incoming");
        fs::create_dir(&incoming).map_err(ConveyerError::io("make", &incoming))?;
        let mut entries: Vec<(usize, Entry)> = Vec::new();
        read_archive(party.blobs(), source.archive(), |entry, reader| {
            let path = incoming.join(entries.len().to_string());
            match &entry.kind {
                EntryKind::Symlink { target } => {
                    symlink(target.as_str(), &path).map_err(ConveyerError::io("link", &path))?
                }
                EntryKind::File { executable, .. } => {
                    let mut file =
                        File::create_new(&path).map_err(ConveyerError::io("make", &path))?;
                    reader.body(&mut file)?;
                    finish_file(&file, *executable, epoch)
                        .map_err(ConveyerError::io("finish", &path))?;
                }
            }
            identity.own(&path)?;
            entries.push((entries.len(), entry));
            Ok(())
        })?;
        if let FileOrder::Shuffled(seed) = order {
            shuffle(&mut entries, seed);
        }
        let mut made = BTreeSet::new();
        for (number, entry) in &entries {
            for folder in entry.path.folders() {
                if made.insert(folder.to_owned()) {
                    make_folder(&inner.join(folder), &identity)?;
                }
            }
            let path = inner.join(entry.path.as_str());
            fs::rename(incoming.join(number.to_string()), &path)
                .map_err(ConveyerError::io("place", &path))?;
        }
        fs::remove_dir(&incoming).map_err(ConveyerError::io("remove", &incoming))
    }
}

/// How the names of this party's stages begin. Without uids of their own parties share them, which the locks on the
/// folders make harmless.
fn prefix_of(identity: &Identity) -> String {
    format!("limpid-{}-", identity.uid())
}

/// Removes stages of this party whose builds were killed.
pub(crate) fn sweep(work: &Path, identity: &Identity) -> Result<(), ConveyerError> {
    let places = std::iter::once(work).chain(IN_MEMORY.iter().map(Path::new));
    for place in places.filter(|place| place.is_dir()) {
        scratch::sweep(place, &prefix_of(identity))?;
    }
    Ok(())
}

fn finish_file(file: &File, executable: bool, epoch: u64) -> std::io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(if executable {
        0o755
    } else {
        0o644
    }))?;
    file.set_modified(UNIX_EPOCH + Duration::from_secs(epoch))
}

fn make_folder(path: &Path, identity: &Identity) -> Result<(), ConveyerError> {
    fs::create_dir(path).map_err(ConveyerError::io("make", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(ConveyerError::io("open", path))?;
    Ok(identity.own(path)?)
}

/// A memory file system that can hold all the build may write, and from which programs can be run.
fn place_that_shows_order(work: &Path, needed_bytes: u64) -> Option<PathBuf> {
    let candidates = std::iter::once(work).chain(IN_MEMORY.iter().map(Path::new));
    candidates
        .filter(|path| shows_order(path, needed_bytes).unwrap_or(false))
        .map(Path::to_owned)
        .next()
}

fn shows_order(path: &Path, needed_bytes: u64) -> rustix::io::Result<bool> {
    let kind = u64::try_from(rustix::fs::statfs(path)?.f_type).unwrap_or(0);
    let about = rustix::fs::statvfs(path)?;
    let runs_programs = !about.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC);
    let free_bytes = about.f_bavail.saturating_mul(about.f_frsize);
    Ok(kind == TMPFS_MAGIC && runs_programs && free_bytes >= needed_bytes)
}

/// Fisher and Yates, with SplitMix64 for the numbers: an order to be had again from its seed, not a secret.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        let other =
            usize::try_from(word % (last as u64 + 1)).expect("not above last, which is a usize");
        items.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_everything_and_follows_its_seed() {
        let order = |seed| {
            let mut items: Vec<u32> = (0..50).collect();
            shuffle(&mut items, seed);
            items
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut sorted = order(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<u32>>());
    }
}
