//! The archive of witnessed checkpoints, as everybody may read it (`spec/archive.md`).
//!
//! ```text
//! archive/69990        a checkpoint; made once
//! archive/sizes/0      1024 sizes; made once, when it is full
//! archive/index        the sizes in no full page; replaced at each publication, and never longer
//! ```

use tlog::{ArchiveId, ArchiveIndex};

use crate::error::LogError;
use crate::shelf::{File, Shelf};

/// What is in the archive.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    index: ArchiveIndex,
    newest: Option<u64>,
}

impl Archive {
    /// Makes the files what the database says: after a crash, and where the list was in one file.
    ///
    /// # Errors
    /// The shelf refuses.
    pub(crate) async fn restore(
        shelf: &dyn Shelf,
        notes: &[(u64, String)],
    ) -> Result<Self, LogError> {
        let mut archive = Self::default();
        let mut files = Vec::with_capacity(notes.len());
        for (size, note) in notes {
            archive.take(*size, note, &mut files);
        }
        archive.write(shelf, files).await?;
        Ok(archive)
    }

    /// The largest size in it.
    pub(crate) const fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Adds the first witnessed checkpoint of a size that is larger than all before.
    ///
    /// # Errors
    /// The shelf refuses; doing it again at the next start completes it.
    pub(crate) async fn add(
        &mut self,
        shelf: &dyn Shelf,
        size: u64,
        note: &str,
    ) -> Result<(), LogError> {
        let mut files = Vec::new();
        self.take(size, note, &mut files);
        self.write(shelf, files).await
    }

    fn take(&mut self, size: u64, note: &str, files: &mut Vec<File>) {
        if let Ok(id) = ArchiveId::new(size) {
            files.push((id.path(), note.as_bytes().to_vec()));
            files.extend(self.index.push(size));
            self.newest = Some(size);
        }
    }

    /// A size is listed once its checkpoint is there, and a page is named once it is.
    async fn write(&self, shelf: &dyn Shelf, files: Vec<File>) -> Result<(), LogError> {
        shelf.create_many(files).await?;
        let index = self.index.to_bytes();
        Ok(shelf.replace(ArchiveIndex::PATH, index).await?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::directory::Directory;

    use super::*;

    /// Everything that the files list, by what a reader does.
    async fn listed(shelf: &Directory) -> Vec<u64> {
        let index = shelf.read(ArchiveIndex::PATH, 1 << 20).await.unwrap();
        let index = ArchiveIndex::parse(&index).unwrap();
        let mut all = Vec::new();
        for number in 0..index.pages() {
            let path = ArchiveIndex::page_path(number);
            let page = shelf.read(&path, 1 << 20).await.unwrap();
            all.extend(ArchiveIndex::parse_page(&page).unwrap());
        }
        all.extend(index.open());
        all
    }

    #[tokio::test]
    async fn the_index_is_bounded_and_a_list_in_one_file_is_taken_apart_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Directory::open(dir.path()).unwrap();
        let notes: Vec<(u64, String)> = (0..2_100).map(|n| (n * 3, format!("note {n}"))).collect();
        // As an older program left it.
        let old: String = notes.iter().map(|(size, _)| format!("{size}\n")).collect();
        shelf.replace(ArchiveIndex::PATH, old.into()).await.unwrap();
        let before = listed(&shelf).await;
        let mut archive = Archive::restore(&shelf, &notes).await.unwrap();
        assert_eq!(listed(&shelf).await, before);
        assert_eq!(archive.newest(), Some(6_297));
        let index = shelf.read(ArchiveIndex::PATH, 1 << 20).await.unwrap();
        assert!(index.starts_with(b"pages 2\n") && index.len() < 1_000);
        archive.add(&shelf, 6_300, "next").await.unwrap();
        assert_eq!(listed(&shelf).await.last(), Some(&6_300));
        assert_eq!(shelf.read("archive/6300", 10).await.unwrap(), b"next");
        // A second start makes the same files.
        Archive::restore(&shelf, &notes).await.unwrap();
        assert_eq!(listed(&shelf).await, before);
    }
}
