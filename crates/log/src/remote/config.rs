//! The section `[remote]` of a log's configuration.

use serde::Deserialize;

/// Where rows and public files are when they are not on this machine's disk. Unknown keys are
/// errors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// Where the address of the database is: `env:NAME` or `file:PATH`, holding one line
    /// `postgres://user:password@host/database`. Another machine is believed by its certificate
    /// only; `?sslrootcert=/etc/limpid/ca.pem` names an own authority.
    pub postgres: String,
    /// The schema of this log's tables; each log of a database has its own.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// The address under which submitters reach this process while it leads. Those that do not
    /// lead send them there. Without it the address it listens on.
    #[serde(default)]
    pub public_url: Option<String>,
    /// The store of the public files.
    pub s3: S3Config,
}

/// One bucket of an S3 service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// Address of the service, without the bucket: `https://s3.example`. `http://` is for this
    /// machine only.
    pub endpoint: String,
    /// The bucket, which exists.
    pub bucket: String,
    /// What stands before every name in the bucket, without slashes at the ends; empty for none.
    #[serde(default)]
    pub prefix: String,
    /// The region that requests are signed for.
    #[serde(default = "default_region")]
    pub region: String,
    /// Where the access key is: `env:NAME` or `file:PATH`.
    pub access_key: String,
    /// Where the secret key is: `env:NAME` or `file:PATH`.
    pub secret_key: String,
    /// A file of certificates (PEM) of an own authority that the service's certificate is from;
    /// without it those that this machine trusts.
    #[serde(default)]
    pub ca: Option<std::path::PathBuf>,
}

fn default_schema() -> String {
    "limpid_log".to_owned()
}

fn default_region() -> String {
    "us-east-1".to_owned()
}
