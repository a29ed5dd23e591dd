//! A small S3 server in this process, on a port of its own.

use std::net::SocketAddr;

use async_trait::async_trait;
use hyper_util::rt::TokioIo;
use log::{S3Config, S3Shelf};
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, GetObjectInput,
    GetObjectOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output,
    PutObjectInput, PutObjectOutput,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const BUCKET: &str = "center-log";
const ACCESS_KEY: &str = "GKtest";
const SECRET_KEY: &str = "not-much-of-a-secret";

/// Where a service is that is to be used instead of the one in this process:
/// `endpoint bucket region`; its keys are in the variables that the configuration names.
const OTHER_SERVICE: &str = "LIMPID_TEST_S3";

/// How a server treats a write under the condition that the name is free.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    Kept,
    /// Some services overwrite and say 200.
    Ignored,
}

pub struct S3Server {
    dir: TempDir,
    config: S3Config,
    serving: Option<JoinHandle<()>>,
}

impl S3Server {
    pub async fn start(conditions: Conditions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_private(&dir, "access-key", ACCESS_KEY);
        write_private(&dir, "secret-key", SECRET_KEY);
        let mut config = S3Config {
            endpoint: String::new(),
            bucket: BUCKET.to_owned(),
            prefix: String::new(),
            region: "garage".to_owned(),
            access_key: format!("file:{}", dir.path().join("access-key").display()),
            secret_key: format!("file:{}", dir.path().join("secret-key").display()),
            ca: None,
        };
        if let Ok(other) = std::env::var(OTHER_SERVICE) {
            let words: Vec<&str> = other.split(' ').collect();
            config.endpoint = words[0].to_owned();
            config.bucket = words[1].to_owned();
            config.region = words[2].to_owned();
            config.access_key = format!("env:{OTHER_SERVICE}_ACCESS_KEY");
            config.secret_key = format!("env:{OTHER_SERVICE}_SECRET_KEY");
            // Each test has its own part of the bucket.
            let name = dir.path().file_name().unwrap().to_str().unwrap();
            config.prefix = name.trim_start_matches('.').to_owned();
            return Self {
                dir,
                config,
                serving: None,
            };
        }
        let root = dir.path().join("objects");
        std::fs::create_dir_all(root.join(BUCKET)).unwrap();
        let files = FileSystem::new(root).unwrap();
        let mut service = match conditions {
            Conditions::Kept => S3ServiceBuilder::new(files),
            Conditions::Ignored => S3ServiceBuilder::new(Unconditional(files)),
        };
        let auth = s3s::auth::SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY);
        service.set_auth(auth);
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = listener.await.unwrap();
        config.endpoint = format!("http://{}", listener.local_addr().unwrap());
        Self {
            dir,
            config,
            serving: Some(tokio::spawn(serve(listener, service.build()))),
        }
    }

    /// The configuration, with a name before every object.
    pub fn config(&self, prefix: &str) -> S3Config {
        let mut config = self.config.clone();
        config.prefix = match config.prefix.is_empty() {
            true => prefix.to_owned(),
            false => format!("{}/{prefix}", config.prefix),
        };
        config
    }

    pub fn shelf(&self, prefix: &str) -> S3Shelf {
        S3Shelf::open(&self.config(prefix)).unwrap()
    }

    pub fn secret_key() -> &'static str {
        SECRET_KEY
    }

    /// A file that only its owner reads, beside those of the server.
    pub fn write_private(&self, name: &str, text: &str) -> String {
        write_private(&self.dir, name, text)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

fn write_private(dir: &TempDir, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("file:{}", path.display())
}

async fn serve(listener: TcpListener, service: S3Service) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let service = service.clone();
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            // A client may go when it likes.
            drop(http.serve_connection(TokioIo::new(socket), service).await);
        });
    }
}

/// A service that takes a condition and ignores it.
struct Unconditional(FileSystem);

#[async_trait]
impl S3 for Unconditional {
    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        request.input.if_none_match = None;
        self.0.put_object(request).await
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.0.get_object(request).await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.0.head_object(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.0.list_objects_v2(request).await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.0.delete_object(request).await
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.0.delete_objects(request).await
    }
}
