//! Folders in memory: read from a disk, written to one.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::disk::Image;

/// Everything below `root`.
pub(crate) fn read_image(root: &Path) -> Result<Image> {
    let mut image = Image::new();
    read_below(root, "", &mut image)?;
    Ok(image)
}

fn read_below(folder: &Path, above: &str, image: &mut Image) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {above}"))? {
        let entry = entry?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|name| anyhow::anyhow!("{name:?} is no text"))?;
        let path = match above {
            "" => name,
            above => format!("{above}/{name}"),
        };
        if entry.file_type()?.is_dir() {
            image.insert(path.clone(), None);
            read_below(&entry.path(), &path, image)?;
        } else {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            image.insert(path, Some(bytes.into()));
        }
    }
    Ok(())
}

/// Writes an image into an empty folder.
pub(crate) fn write_image(image: &Image, root: &Path) -> Result<()> {
    for (path, content) in image {
        let path = root.join(path);
        match content {
            // Folders come before what is in them.
            None => fs::create_dir_all(&path),
            Some(bytes) => fs::write(&path, &**bytes),
        }
        .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Names and contents, as one number: equal images need one check.
pub(crate) fn digest(image: &Image) -> [u8; 32] {
    let mut all = Vec::new();
    for (path, content) in image {
        all.extend(path.as_bytes());
        all.push(0);
        let content = content.as_ref().map(|bytes| bytes.digest());
        all.extend(content.iter().flat_map(|hash| hash.as_bytes()));
    }
    *tlog::sha256(&all).as_bytes()
}
