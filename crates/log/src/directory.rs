//! The embedded shelf: a directory (`public/`) that any web server may serve, and beside it what it serves no
//! more (`withheld/`), which the log itself still reads.

use std::path::Path;
use std::sync::Arc;

use store::{Files, StoreError};

use crate::limits::FILE_BYTES_MAX;

use crate::shelf::{File, Shelf};
use crate::table::Work;

/// The public files of one log on the disk of this machine.
#[derive(Debug, Clone)]
pub struct Directory {
    public: Arc<Files>,
    withheld: Option<Arc<Files>>,
}

impl Directory {
    /// Opens or makes the directory.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            public: Arc::new(Files::open(root)?),
            withheld: None,
        })
    }

    /// And the directory of what is not served any more. It is made only if `make` says so; what is in it is
    /// read wherever it came from.
    ///
    /// # Errors
    /// It cannot be made or written.
    pub fn with_withheld(mut self, root: &Path, make: bool) -> Result<Self, StoreError> {
        if make || root.is_dir() {
            self.withheld = Some(Arc::new(Files::open(root)?));
        }
        Ok(self)
    }

    /// Copies files to where they are not served, durable when this returns; those that are there, or are
    /// in neither place, are left. Without such a place nothing is done.
    pub(crate) async fn keep_aside(&self, paths: Vec<String>) -> Result<(), StoreError> {
        let Some(withheld) = self.withheld.clone() else {
            return Ok(());
        };
        self.blocking(move |public| {
            let mut files = Vec::with_capacity(paths.len());
            for path in paths {
                if public.contains(&path)? {
                    let bytes = public.read(&path, FILE_BYTES_MAX)?;
                    files.push((path, bytes));
                }
            }
            withheld.create_many(&files)
        })
        .await
    }

    /// Serves files no more; only those that are aside. Need not be durable: what comes back goes again.
    pub(crate) async fn stop_serving(&self, paths: Vec<String>) -> Result<u64, StoreError> {
        let Some(withheld) = self.withheld.clone() else {
            return Ok(0);
        };
        let removed = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let count = Arc::clone(&removed);
        self.blocking(move |public| {
            for path in paths {
                if withheld.contains(&path)? && public.contains(&path)? {
                    public.remove(&path)?;
                    count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
            Ok(())
        })
        .await?;
        Ok(removed.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// Does file work where it may block.
    async fn blocking(
        &self,
        work: impl FnOnce(&Files) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let files = Arc::clone(&self.public);
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
        Box::pin(async move {
            match (self.public.read(path, bytes_max), &self.withheld) {
                (Err(StoreError::NotFound { .. }), Some(withheld)) => {
                    withheld.read(path, bytes_max)
                }
                (found, _) => found,
            }
        })
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
