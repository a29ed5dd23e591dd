//! Names: the two delegated roles, target paths, and what each file is called.
//!
//! ```text
//! 3.root.json   17.snapshot.json   timestamp.json   2.targets.json   9.software.json
//! targets/software/truename/stable/linux-x86_64/2/<sha256>.truename
//! ```
//!
//! A pattern `*` of TUF does not cross `/`, so a target path always has six parts and the
//! pattern of a role is its name and five stars.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tlog::Hash;

use crate::error::TufError;
use crate::limits::PATH_PART_BYTES_MAX;

/// The only file whose name has no version.
pub const TIMESTAMP_FILE: &str = "timestamp.json";

/// A role that the top-level `targets` delegates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetRole {
    /// Programs; a human at the supervisor signs.
    Software,
    /// Rule databases; the supervisor's daemon signs while nothing is flagged.
    Rules,
}

impl TargetRole {
    /// Both roles.
    pub const ALL: [TargetRole; 2] = [TargetRole::Software, TargetRole::Rules];

    /// The role's name in metadata and the first part of its target paths.
    pub fn as_str(self) -> &'static str {
        match self {
            TargetRole::Software => "software",
            TargetRole::Rules => "rules",
        }
    }

    /// The pattern that covers exactly the role's target paths.
    pub fn pattern(self) -> String {
        format!("{}/*/*/*/*/*", self.as_str())
    }
}

impl fmt::Display for TargetRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TargetRole {
    type Err = TufError;

    fn from_str(text: &str) -> Result<Self, TufError> {
        TargetRole::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| TufError::Field {
                field: "role",
                value: text.chars().take(PATH_PART_BYTES_MAX).collect(),
                reason: "must be software or rules",
            })
    }
}

/// `<role>/<product>/<channel>/<platform>/<seq>/<file>`, for example
/// `software/truename/stable/linux-x86_64/2/truename`. Never usable to leave a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetPath {
    role: TargetRole,
    product: String,
    channel: String,
    platform: String,
    seq: u64,
    file: String,
}

impl TargetPath {
    /// From its parts, each of letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
    pub fn new(
        role: TargetRole,
        [product, channel, platform]: [&str; 3],
        seq: u64,
        file: &str,
    ) -> Result<Self, TufError> {
        format!("{role}/{product}/{channel}/{platform}/{seq}/{file}").parse()
    }

    /// The role that may list this target.
    pub fn role(&self) -> TargetRole {
        self.role
    }

    /// The product.
    pub fn product(&self) -> &str {
        &self.product
    }

    /// The channel.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The platform.
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// The release's number within product, channel and platform, from 1.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The name of the artifact.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where the target lies below the repository, with its digest in the name
    /// (spec section 3.2, consistent snapshots): `targets/<dir>/<sha256>.<file>`.
    pub fn repository_file(&self, sha256: &Hash) -> String {
        let path = self.to_string();
        let directory = &path[..path.len() - self.file.len()];
        format!("targets/{directory}{}.{}", sha256.to_hex(), self.file)
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TargetPath {
            role,
            product,
            channel,
            platform,
            seq,
            file,
        } = self;
        write!(f, "{role}/{product}/{channel}/{platform}/{seq}/{file}")
    }
}

impl FromStr for TargetPath {
    type Err = TufError;

    fn from_str(text: &str) -> Result<Self, TufError> {
        let refused = |reason| TufError::Field {
            field: "target path",
            value: text.chars().take(400).collect(),
            reason,
        };
        let parts: Vec<&str> = text.splitn(7, '/').collect();
        let [role, product, channel, platform, seq, file] = parts[..] else {
            return Err(refused(
                "must be <role>/<product>/<channel>/<platform>/<seq>/<file>",
            ));
        };
        if ![product, channel, platform, file].into_iter().all(is_part) {
            return Err(refused(
                "each part must begin with a letter or digit and hold only letters, digits, . _ -",
            ));
        }
        let number = parse_seq(seq).ok_or_else(|| refused("seq must be a number from 1"))?;
        Ok(TargetPath {
            role: role.parse()?,
            product: product.to_owned(),
            channel: channel.to_owned(),
            platform: platform.to_owned(),
            seq: number,
            file: file.to_owned(),
        })
    }
}

impl TryFrom<String> for TargetPath {
    type Error = TufError;

    fn try_from(text: String) -> Result<Self, TufError> {
        text.parse()
    }
}

impl From<TargetPath> for String {
    fn from(path: TargetPath) -> String {
        path.to_string()
    }
}

/// `<version>.<role>.json`.
pub fn metadata_file(role: &str, version: u64) -> String {
    format!("{version}.{role}.json")
}

/// `<version>.root.json`.
pub fn root_file(version: u64) -> String {
    metadata_file("root", version)
}

/// The version in `<version>.root.json`; nothing for any other name.
pub fn root_version(file: &str) -> Option<u64> {
    parse_seq(file.strip_suffix(".root.json")?)
}

/// A number from 1, without leading zeros.
fn parse_seq(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| digits)
}

pub(crate) fn is_part(part: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    part.len() <= PATH_PART_BYTES_MAX
        && part
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
        && part.bytes().all(safe)
        && !part.ends_with('.')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATH: &str = "software/truename/stable/linux-x86_64/2/truename";

    #[test]
    fn a_target_lies_under_its_digest() {
        let path: TargetPath = PATH.parse().unwrap();
        let digest = tlog::sha256(b"x");
        assert_eq!(
            path.repository_file(&digest),
            format!(
                "targets/software/truename/stable/linux-x86_64/2/{}.truename",
                digest.to_hex()
            )
        );
    }

    #[test]
    fn a_path_has_its_parts() {
        let path: TargetPath = PATH.parse().unwrap();
        assert_eq!(path.role(), TargetRole::Software);
        assert_eq!(path.product(), "truename");
        assert_eq!(path.channel(), "stable");
        assert_eq!(path.platform(), "linux-x86_64");
        assert_eq!(path.seq(), 2);
        assert_eq!(path.file(), "truename");
        let parts = ["truename", "stable", "linux-x86_64"];
        assert_eq!(
            TargetPath::new(TargetRole::Software, parts, 2, "truename").unwrap(),
            path
        );
    }

    #[test]
    fn paths_that_could_leave_a_directory_or_be_written_twice_are_refused() {
        for bad in [
            "",
            "software/truename/stable/linux/2",
            "software/truename/stable/linux/2/a/b",
            "/software/truename/stable/linux/2",
            "software/../stable/linux/2/a",
            "software/.hidden/stable/linux/2/a",
            "software/truename//linux/2/a",
            "software/truename/stable/linux/02/a",
            "software/truename/stable/linux/0/a",
            "software/truename/stable/linux/+2/a",
            "software/truename/stable/linux/18446744073709551616/a",
            "software/truename/stable/linux/2/a\\b",
            "software/truename/stable/linux/2/a b",
            "software/truename/stable/linux/2/a.",
            "software/truename/stable/linux/2/*",
            "hardware/truename/stable/linux/2/a",
        ] {
            assert!(bad.parse::<TargetPath>().is_err(), "{bad}");
        }
        let long = PATH.replace("stable", &"s".repeat(PATH_PART_BYTES_MAX + 1));
        assert!(long.parse::<TargetPath>().is_err());
        let longest = PATH.replace("stable", &"s".repeat(PATH_PART_BYTES_MAX));
        assert!(longest.parse::<TargetPath>().is_ok());
    }

    #[test]
    fn root_files_are_told_by_name() {
        assert_eq!(root_version(&root_file(12)), Some(12));
        for other in [
            "root.json",
            "01.root.json",
            "2.root.json5",
            "x.root.json",
            "2.targets.json",
        ] {
            assert_eq!(root_version(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in "(software|rules|x)(/[a-zA-Z0-9._*-]{0,4}){3}/[0-9]{1,3}/[a-z.]{1,3}") {
            if let Ok(path) = text.parse::<TargetPath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = text.parse::<TargetPath>();
            let _ = root_version(&text);
        }
    }
}
