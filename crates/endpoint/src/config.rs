//! What an endpoint is told: whom it trusts, what it follows and how much it asks for.
//!
//! ```toml
//! dir = "/var/lib/limpid/truename"
//! repository = "https://updates.example/repo/"
//! anchor = "3f0c…64 hex digits"
//! root = "/etc/limpid/1.root.json"
//! product = "truename"
//! channel = "stable"
//! platform = "linux-x86_64"
//! rebuilds_min = 2
//!
//! [[gossip]]
//! kind = "witness"
//! url = "https://lab-a.example/witness/"
//! ```

use std::path::PathBuf;

use law::{EndpointPolicy, Line};
use serde::{Deserialize, Serialize};
use statement::{Kind, StatementDigest};
use tuf::TargetRole;

use crate::gossip::Place;
use crate::limits::{AMBER_SECONDS_MAX, ARTIFACT_BYTES_MAX};

/// Configuration of one endpoint. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Everything it installs and remembers lies here.
    pub dir: PathBuf,
    /// URL below which the repository is served.
    pub repository: String,
    /// Digest of the first constitution: the only thing that is believed unseen.
    pub anchor: StatementDigest,
    /// File with the TUF root it was shipped with.
    pub root: PathBuf,
    /// Program or rules: which TUF role it follows.
    #[serde(default = "software")]
    pub kind: Kind,
    /// Product it follows.
    pub product: String,
    /// Channel it follows.
    pub channel: String,
    /// Platform it runs on.
    pub platform: String,
    /// Percentages of the rings of the channel, ascending; none when it has no rings. They must be those
    /// that the center widens by.
    #[serde(default)]
    pub rings: Vec<u64>,
    /// Identical rebuilds by distinct legal owners; never fewer than the constitution asks for.
    #[serde(default)]
    pub rebuilds_min: u64,
    /// Oldest witnessed proof of publication it installs by, in seconds.
    #[serde(default = "evidence_age_max_seconds")]
    pub evidence_age_max_seconds: u64,
    /// Longest artifact it downloads, in bytes.
    #[serde(default = "artifact_bytes_max")]
    pub artifact_bytes_max: u64,
    /// Whom it compares with, at each update and when asked to. They should be run by others than the
    /// repository and the log.
    #[serde(default)]
    pub gossip: Vec<Place>,
    /// How patient it is with the repository.
    #[serde(default)]
    pub client: serve::ClientConfig,
}

const fn software() -> Kind {
    Kind::Software
}

const fn evidence_age_max_seconds() -> u64 {
    AMBER_SECONDS_MAX
}

const fn artifact_bytes_max() -> u64 {
    ARTIFACT_BYTES_MAX
}

impl Config {
    /// The series of releases it follows.
    pub fn line(&self) -> Line {
        Line {
            product: self.product.clone(),
            channel: self.channel.clone(),
            platform: self.platform.clone(),
        }
    }

    /// What it asks for on top of the constitution.
    pub fn policy(&self) -> EndpointPolicy {
        EndpointPolicy {
            line: self.line(),
            rebuilds_min: self.rebuilds_min,
            evidence_age_max_seconds: self.evidence_age_max_seconds,
        }
    }

    /// The role whose metadata it follows.
    pub const fn role(&self) -> TargetRole {
        match self.kind {
            Kind::Software => TargetRole::Software,
            Kind::Rules => TargetRole::Rules,
        }
    }

    /// The URL of a file or folder of the repository.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.repository.trim_end_matches('/'))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(more: &str) -> String {
        let anchor = "3f".repeat(32);
        format!(
            "dir = \"d\"\nrepository = \"http://a/\"\nanchor = \"{anchor}\"\nroot = \"r\"\n\
             product = \"p\"\nchannel = \"c\"\nplatform = \"l\"\n{more}"
        )
    }

    #[test]
    fn what_is_not_said_has_a_default_that_is_not_weaker_than_the_constitution() {
        let config: Config = toml::from_str(&text("")).unwrap();
        assert_eq!((config.kind, config.rebuilds_min), (Kind::Software, 0));
        assert_eq!(config.policy().evidence_age_max_seconds, AMBER_SECONDS_MAX);
        assert_eq!(config.url("x"), "http://a/x");
    }

    #[test]
    fn unknown_keys_and_short_anchors_are_errors() {
        assert!(toml::from_str::<Config>(&text("allow_unwitnessed = true\n")).is_err());
        let short = text("").replace(&"3f".repeat(32), "3f");
        assert!(toml::from_str::<Config>(&short).is_err());
    }
}
