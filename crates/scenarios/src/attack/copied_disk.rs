//! An attack by whoever runs a cell: its disk is copied, and opened when nobody looks any more.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use keys::OpeningKey;

use super::{
    Caught, Outcome,
    hand_sealed::{HandSealed, Target, Wrong},
    stage::{LOOK_EVERY, PATIENCE, Stage},
};

/// A home of its own, so that its epochs can be short.
const HOME: &str = "SG";
const EPOCHS: &str = "[epochs]\nvalid_seconds = 8\nlead_seconds = 2\ndestroy_seconds = 14\n";
const MARKER: &[u8] = b"a sentence that stands in this file and nowhere else: 9b1c77e0";

/// Everything that was on the disk once the epoch is over: ciphertext, fronts, tables, the keys of later epochs.
pub(super) async fn copied_disk(stage: &mut Stage) -> Result<Outcome> {
    let machines = stage.open_cells().await?;
    stage.world.start_cell(HOME, &machines, ("", EPOCHS))?;
    let world = &stage.world;
    world.open_cell(HOME).await?;
    let target = Target::of(world, HOME).await?;
    let sealed = HandSealed::of(MARKER, &target, Wrong::Nothing)?;
    sealed.send(world, HOME).await??;
    let outcome = sealed.outcome(world, HOME).await?;
    let disk = world.dir.join("vendor/cell-sg");
    let epoch = HandSealed::analysis_epoch(&target);
    let own = disk.join("epochs").join(format!("{epoch}.key"));
    if !sealed.opens_with(&target, &OpeningKey::load(&own, None)?)? {
        bail!("the key of the epoch does not open what was sealed to it");
    }
    let started = Instant::now();
    while own.exists() {
        if started.elapsed() > PATIENCE {
            bail!("the key of epoch {epoch} is still there after {PATIENCE:?}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let copied = files_below(&disk)?;
    let (mut keys, mut opened) = (0, false);
    for path in &copied {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        opened |= bytes.windows(MARKER.len()).any(|part| part == MARKER);
        if path.extension().is_some_and(|extension| extension == "key") {
            keys += 1;
            opened |= sealed.opens_with(&target, &OpeningKey::load(path, None)?)?;
        }
    }
    Ok(Outcome {
        honest: format!("while its epoch lasted the cell's key opened it; it was {outcome}"),
        caught: (!opened).then(|| Caught {
            code: "unopened".to_owned(),
            detail: format!("{} files and {keys} keys of later epochs", copied.len()),
        }),
    })
}

fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let listed = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    for entry in listed {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files_below(&entry.path())?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}
