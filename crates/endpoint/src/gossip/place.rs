//! Whom to compare with.

use std::fmt;

use serde::{Deserialize, Serialize};
use tlog::{Origin, sha256};

/// What is at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceKind {
    /// A log, or any copy of the files that it publishes: checkpoint and tiles.
    Log,
    /// A witness: the checkpoint that it cosigned last, of each log.
    Witness,
    /// A mirror: checkpoint and tiles of each log.
    Mirror,
    /// A bundle: a proof of publication that somebody else was shown.
    Bundle,
}

/// One place to compare with. It should not be run by whoever runs the log or the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What is there.
    pub kind: PlaceKind,
    /// Of a log its prefix, of a witness or mirror its monitoring prefix, of a bundle its whole address.
    pub url: String,
}

impl Place {
    /// Where the place serves what it knows of a log.
    pub(crate) fn prefix(&self, origin: &Origin) -> String {
        let url = self.url.trim_end_matches('/');
        match self.kind {
            PlaceKind::Log | PlaceKind::Bundle => url.to_owned(),
            PlaceKind::Witness | PlaceKind::Mirror => {
                format!("{url}/{}", sha256(origin.as_str().as_bytes()).to_hex())
            }
        }
    }

    /// Whether it serves tiles too.
    pub(crate) const fn has_tiles(&self) -> bool {
        matches!(self.kind, PlaceKind::Log | PlaceKind::Mirror)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            PlaceKind::Log => "log",
            PlaceKind::Witness => "witness",
            PlaceKind::Mirror => "mirror",
            PlaceKind::Bundle => "bundle",
        };
        write!(f, "{kind} {}", self.url)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn witnesses_and_mirrors_are_asked_below_the_digest_of_the_origin() {
        let origin: Origin = "center.example/log".parse().unwrap();
        let place = |kind| Place {
            kind,
            url: "http://a/".to_owned(),
        };
        let prefix = place(PlaceKind::Witness).prefix(&origin);
        assert_eq!(prefix.len(), "http://a/".len() + 64);
        assert_eq!(place(PlaceKind::Mirror).prefix(&origin), prefix);
        assert_eq!(place(PlaceKind::Log).prefix(&origin), "http://a");
    }
}
