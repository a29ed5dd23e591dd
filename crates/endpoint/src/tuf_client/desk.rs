//! The two sides that the TUF library sees during one update: a store and a repository.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serve::Client;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{MetadataStore, Repository};

use super::error::{TufClientError, sort_library};
use super::{get, metadata_path};

const STORED: [&str; 5] = [
    "timestamp.json",
    "snapshot.json",
    "targets.json",
    "software.json",
    "rules.json",
];

/// Where either side leaves a failure of ours, which says more than the library's error.
type Failure = Arc<Mutex<Option<TufClientError>>>;

/// What lies before the library during one update: it reads the remembered files here and puts
/// new ones down as it verifies them. Nothing is durable before all of it was.
#[derive(Clone)]
pub(super) struct Desk {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    pub(super) failure: Failure,
}

impl Desk {
    pub(super) fn new(known: BTreeMap<String, Vec<u8>>) -> Self {
        Desk {
            files: Arc::new(Mutex::new(known)),
            failure: Arc::default(),
        }
    }

    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Our own failure during the run if there was one, else the library's, sorted.
    pub(super) fn explain(&self, error: sigstore_tuf::Error) -> TufClientError {
        let ours = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        ours.unwrap_or_else(|| sort_library(error))
    }
}

impl MetadataStore for Desk {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        Ok(self
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        let is_root = name.starts_with("root_history/");
        if is_root || STORED.contains(&name) {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.insert(name.to_owned(), bytes.to_vec());
        }
        Ok(())
    }
}

/// The repository as the library sees it: metadata without roots (those it has already).
pub(super) struct Mirror {
    pub(super) http: Client,
    pub(super) base_url: String,
    pub(super) failure: Failure,
}

impl Repository for Mirror {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move {
            if tuf::root_version(name).is_some() {
                return Ok(None);
            }
            let max = usize::try_from(max_length).unwrap_or(usize::MAX);
            let file = metadata_path(name);
            let outcome = get(&self.http, &self.base_url, &file, max).await;
            let failure = match outcome {
                Ok(Some(bytes)) => return Ok(Some(bytes)),
                Ok(None) => TufClientError::NotFound { name: file },
                Err(failure) => failure,
            };
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            Err(sigstore_tuf::Error::transport(format!(
                "{name} could not be had"
            )))
        })
    }

    fn fetch_target<'a>(&'a self, _path: &'a str, _max_length: u64) -> FetchFuture<'a> {
        // Targets are fetched by `TufClient::fetch`, with the caller's limit.
        Box::pin(async { Ok(None) })
    }
}
