//! The embedded shelf: a directory (`public/`) that any web server may serve.

use std::path::Path;
use std::sync::Arc;

use store::{Files, StoreError};

use crate::shelf::{File, Shelf};
use crate::table::Work;

/// The public files of one log on the disk of this machine.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Files>);

impl Directory {
    /// Opens or makes the directory.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Files::open(root)?)))
    }

    /// Does file work where it may block.
    async fn blocking(
        &self,
        work: impl FnOnce(&Files) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let files = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || work(&files)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime stops, and nobody waits for this any more.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl Shelf for Directory {
    fn create_many(&self, files: Vec<File>) -> Work<'_, (), StoreError> {
        Box::pin(self.blocking(move |there| there.create_many(&files)))
    }

    fn replace<'a>(&'a self, path: &'a str, bytes: Vec<u8>) -> Work<'a, (), StoreError> {
        let path = path.to_owned();
        Box::pin(self.blocking(move |there| there.replace(&path, &bytes)))
    }

    /// Reads in place: the files are small, and mostly in memory already.
    fn read<'a>(&'a self, path: &'a str, bytes_max: u64) -> Work<'a, Vec<u8>, StoreError> {
        Box::pin(async move { self.0.read(path, bytes_max) })
    }

    fn forget_partials(&self, full: Vec<String>) -> Work<'_, (), StoreError> {
        Box::pin(self.blocking(move |there| {
            full.iter()
                .try_for_each(|path| match there.contains(path)? {
                    true => there.remove_directory(&format!("{path}.p")),
                    false => Ok(()),
                })
        }))
    }
}
