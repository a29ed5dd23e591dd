//! The public files of a log in a bucket of an S3 service.
//!
//! *Made once.* A name is read before it is written, and written under the condition that it is
//! absent. Services that keep the condition refuse the second of two writers; those that ignore it
//! (some do, silently) let it write the same bytes again, because what is written follows from
//! rows that the fence protects. No answer to the condition is relied on.
//!
//! *Durable* is what the service says when it answers 200; `docs/log-on-postgresql-and-s3.md` says
//! what to set where that is not the default.
//!
//! Every object has the headers under which it may be served from the bucket to everybody.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, Certificate, ClientOptions, Error, ObjectStore as _,
    ObjectStoreExt as _, PutMode, PutOptions, PutPayload, RetryConfig,
};
use store::{RelativePath, StoreError};
use tokio::task::JoinSet;

use super::public::headers;
use super::{RemoteError, S3Config, Secret};
use crate::error::chain;
use crate::shelf::{File, Shelf};
use crate::table::Work;
use store::postgres::is_loopback;

/// Requests at the same time.
const REQUESTS_MAX: usize = 16;

/// How long one request may take, and how long all tries of it together.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES_MAX: usize = 5;

/// How often a file is tried to be made, and the pause after the first time.
const CREATE_TRIES: u32 = 4;
const CREATE_PAUSE: Duration = Duration::from_millis(250);

/// The public files of one log in a bucket.
#[derive(Clone)]
pub struct S3Shelf {
    store: Arc<AmazonS3>,
    /// Endpoint and bucket, for errors.
    place: Arc<str>,
    prefix: Arc<str>,
}

impl fmt::Debug for S3Shelf {
    // The client knows the secret key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3Shelf").field(&self.place).finish()
    }
}

impl S3Shelf {
    /// Sets up the client; the service is asked nothing yet.
    ///
    /// # Errors
    /// A secret is not where it is said to be; the endpoint is another machine without `https://`;
    /// a field has a form that no service takes.
    pub fn open(config: &S3Config) -> Result<Self, StoreError> {
        let place = format!("{} at {}", config.bucket, config.endpoint);
        let opened = client(config).map_err(|source| StoreError::Remote {
            action: "use the bucket",
            name: place.clone(),
            source: Box::new(source),
        })?;
        Ok(Self {
            store: Arc::new(opened),
            place: place.into(),
            prefix: config.prefix.as_str().into(),
        })
    }

    fn key(&self, path: &str) -> Result<Path, StoreError> {
        let path: RelativePath = path.parse()?;
        let name = match self.prefix.is_empty() {
            true => path.as_str().to_owned(),
            false => format!("{}/{path}", self.prefix),
        };
        Path::parse(&name).map_err(|error| self.refused("name", &name, &error))
    }

    fn refused(&self, action: &'static str, path: &str, answer: &dyn fmt::Display) -> StoreError {
        StoreError::Remote {
            action,
            name: format!("{path} in {}", self.place),
            source: Box::new(RemoteError::said(answer)),
        }
    }

    /// `false` when nothing is there, `true` when these very bytes are; else a conflict.
    async fn is_same(&self, path: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        let conflict = || StoreError::Conflict {
            path: PathBuf::from(path),
        };
        match self.fetch(path, bytes.len() as u64).await {
            Ok(present) if present == bytes => Ok(true),
            Ok(_) | Err(StoreError::TooLarge { .. }) => Err(conflict()),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a file, some times if the service does not answer: the client does not try again by
    /// itself what has a condition, and looking first makes it safe.
    async fn create(&self, path: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let mut tries = 1;
        loop {
            match self.try_create(path, &bytes).await {
                Err(error @ StoreError::Remote { .. }) if tries < CREATE_TRIES => {
                    tracing::warn!(path, error = %chain(&error), "it is tried again");
                    tokio::time::sleep(CREATE_PAUSE * tries).await;
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn try_create(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        if self.is_same(path, bytes).await? {
            return Ok(());
        }
        let key = self.key(path)?;
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: attributes(path),
            ..PutOptions::default()
        };
        let payload = PutPayload::from(bytes.to_vec());
        match self.store.put_opts(&key, payload, options).await {
            Ok(_) => Ok(()),
            // Somebody was faster, or a try of ours arrived whose answer did not.
            Err(answer @ (Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                match self.is_same(path, bytes).await? {
                    true => Ok(()),
                    false => Err(self.refused("make", path, &answer)),
                }
            }
            Err(answer) => Err(self.refused("make", path, &answer)),
        }
    }

    async fn create_all(&self, files: Vec<File>) -> Result<(), StoreError> {
        let mut distinct = BTreeMap::new();
        for (path, bytes) in files {
            self.key(&path)?;
            match distinct.entry(path) {
                Entry::Vacant(free) => {
                    free.insert(bytes);
                }
                Entry::Occupied(taken) if *taken.get() == bytes => {}
                Entry::Occupied(taken) => {
                    return Err(StoreError::Conflict {
                        path: taken.key().into(),
                    });
                }
            }
        }
        let work = distinct.into_iter().map(|(path, bytes)| {
            let shelf = self.clone();
            async move { shelf.create(&path, bytes).await }
        });
        all(work).await
    }

    async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let key = self.key(path)?;
        let options = PutOptions {
            attributes: attributes(path),
            ..PutOptions::default()
        };
        let put = self.store.put_opts(&key, PutPayload::from(bytes), options);
        let done = put.await.map_err(|e| self.refused("replace", path, &e))?;
        drop(done);
        Ok(())
    }

    async fn fetch(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let key = self.key(path)?;
        let found = match self.store.get(&key).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => {
                return Err(StoreError::NotFound {
                    path: PathBuf::from(path),
                });
            }
            Err(answer) => return Err(self.refused("read", path, &answer)),
        };
        // Said before the first byte is taken.
        if found.meta.size > bytes_max {
            return Err(StoreError::TooLarge {
                what: path.to_owned(),
                bytes_max,
            });
        }
        let size = found.meta.size;
        let bytes = found.bytes().await;
        let bytes = bytes.map_err(|answer| self.refused("read", path, &answer))?;
        match bytes.len() as u64 == size {
            true => Ok(bytes.into()),
            false => Err(self.refused("read", path, &"it broke off")),
        }
    }

    /// Deletes the partials of one full tile or bundle.
    async fn forget(&self, full: &str) -> Result<(), StoreError> {
        match self.store.head(&self.key(full)?).await {
            Ok(_) => {}
            Err(Error::NotFound { .. }) => return Ok(()),
            Err(answer) => return Err(self.refused("look for", full, &answer)),
        }
        let partials = self.key(&format!("{full}.p"))?;
        let listed = self.store.list_with_delimiter(Some(&partials)).await;
        let listed = listed.map_err(|answer| self.refused("list", full, &answer))?;
        for object in listed.objects {
            match self.store.delete(&object.location).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(answer) => return Err(self.refused("delete partials of", full, &answer)),
            }
        }
        Ok(())
    }

    async fn forget_all(&self, full: Vec<String>) -> Result<(), StoreError> {
        let work = full.into_iter().map(|path| {
            let shelf = self.clone();
            async move { shelf.forget(&path).await }
        });
        all(work).await
    }
}

/// Does all of it, some at the same time; ends with the first error.
async fn all<F>(work: impl Iterator<Item = F>) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let mut work = work.fuse();
    let mut running = JoinSet::new();
    loop {
        while running.len() < REQUESTS_MAX
            && let Some(next) = work.next()
        {
            running.spawn(next);
        }
        match running.join_next().await {
            None => return Ok(()),
            Some(Ok(done)) => done?,
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime stops, and nobody waits for this any more.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

/// What the bucket answers beside the bytes when it serves a file to everybody.
fn attributes(path: &str) -> Attributes {
    let (caching, kind) = headers(path);
    let caching = caching.to_str().unwrap_or("no-cache").to_owned();
    Attributes::from_iter([
        (Attribute::CacheControl, caching),
        (Attribute::ContentType, kind.to_owned()),
    ])
}

fn client(config: &S3Config) -> Result<AmazonS3, RemoteError> {
    let is_plain = check_endpoint(&config.endpoint)?;
    check_names(config)?;
    let access_key = Secret::from_origin(&config.access_key)?;
    let secret_key = Secret::from_origin(&config.secret_key)?;
    let mut http = ClientOptions::new()
        .with_allow_http(is_plain)
        .with_timeout(REQUEST_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT);
    if let Some(path) = &config.ca {
        for certificate in authorities(path)? {
            http = http.with_root_certificate(certificate);
        }
    }
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
    };
    AmazonS3Builder::new()
        .with_endpoint(&config.endpoint)
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_access_key_id(access_key.reveal())
        .with_secret_access_key(secret_key.reveal())
        .with_client_options(http)
        .with_retry(retry)
        .build()
        .map_err(|error| RemoteError::said(&error))
}

fn authorities(path: &std::path::Path) -> Result<Vec<Certificate>, RemoteError> {
    let bytes = std::fs::read(path).map_err(|source| RemoteError::Certificates {
        path: path.to_owned(),
        source,
    })?;
    Certificate::from_pem_bundle(&bytes).map_err(|error| RemoteError::said(&error))
}

/// Whether requests go in the clear, which they may on this machine only.
fn check_endpoint(endpoint: &str) -> Result<bool, RemoteError> {
    let wrong = |why| {
        Err(RemoteError::Store {
            field: "endpoint",
            given: endpoint.chars().take(200).collect(),
            why,
        })
    };
    let (is_plain, rest) = match (
        endpoint.strip_prefix("http://"),
        endpoint.strip_prefix("https://"),
    ) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return wrong("it begins with `https://`"),
    };
    if rest.is_empty() || rest.contains(['/', '?', '#', '@']) {
        return wrong("it is a host and perhaps a port, with nothing behind");
    }
    let host = match rest.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => rest,
    };
    match is_plain && !is_loopback(host) {
        true => Err(RemoteError::Unproven {
            host: host.to_owned(),
            found: "http://".to_owned(),
            needed: "https://",
        }),
        false => Ok(is_plain),
    }
}

fn check_names(config: &S3Config) -> Result<(), RemoteError> {
    let wrong = |field, given: &str, why| RemoteError::Store {
        field,
        given: given.chars().take(200).collect(),
        why,
    };
    let is_word = |text: &str| {
        (1..=63).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    if !is_word(&config.bucket) {
        return Err(wrong("bucket", &config.bucket, "it is no bucket's name"));
    }
    if !is_word(&config.region) {
        return Err(wrong("region", &config.region, "it is no region's name"));
    }
    if !config.prefix.is_empty() && config.prefix.parse::<RelativePath>().is_err() {
        let why = "names joined by `/`, without one at the ends";
        return Err(wrong("prefix", &config.prefix, why));
    }
    Ok(())
}

impl Shelf for S3Shelf {
    fn create_many(&self, files: Vec<File>) -> Work<'_, (), StoreError> {
        Box::pin(self.create_all(files))
    }

    fn replace<'a>(&'a self, path: &'a str, bytes: Vec<u8>) -> Work<'a, (), StoreError> {
        Box::pin(self.put(path, bytes))
    }

    fn read<'a>(&'a self, path: &'a str, bytes_max: u64) -> Work<'a, Vec<u8>, StoreError> {
        Box::pin(self.fetch(path, bytes_max))
    }

    fn forget_partials(&self, full: Vec<String>) -> Work<'_, (), StoreError> {
        Box::pin(self.forget_all(full))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_clear_goes_to_this_machine_only() {
        for endpoint in [
            "http://127.0.0.1:3900",
            "http://localhost:3900",
            "http://[::1]:3900",
        ] {
            assert!(
                check_endpoint(endpoint).is_ok_and(|is_plain| is_plain),
                "{endpoint}"
            );
        }
        for endpoint in [
            "https://s3.example",
            "https://s3.example:3900",
            "https://10.0.0.1",
        ] {
            assert!(
                check_endpoint(endpoint).is_ok_and(|is_plain| !is_plain),
                "{endpoint}"
            );
        }
        for endpoint in [
            "http://s3.example",
            "http://10.0.0.1:3900",
            "http://localhost.example",
        ] {
            let refused = check_endpoint(endpoint);
            assert!(
                matches!(refused, Err(RemoteError::Unproven { .. })),
                "{endpoint}"
            );
        }
        for endpoint in [
            "",
            "s3.example",
            "https://",
            "https://a/b",
            "https://u@a",
            "ftp://a",
        ] {
            let refused = check_endpoint(endpoint);
            assert!(
                matches!(refused, Err(RemoteError::Store { .. })),
                "{endpoint}"
            );
        }
    }
}
