//! Offers to an endpoint.

use law::{Attached, EndpointPolicy, Installable, Line, Offer, OpenBundle, Refusal};
use statement::{FileDigest, StatementDigest};

use crate::honest::{roster::DAY, story::Told};

/// An endpoint that follows the line of the story.
pub(crate) fn policy() -> EndpointPolicy {
    EndpointPolicy {
        line: Line {
            product: "truename".to_owned(),
            channel: "stable".to_owned(),
            platform: "linux-x86_64".to_owned(),
        },
        rebuilds_min: 2,
        evidence_age_max_seconds: DAY,
    }
}

/// Everything that arrives, owned.
pub(crate) struct Delivery {
    pub(crate) bundle: OpenBundle,
    pub(crate) release: StatementDigest,
    pub(crate) metadata: Vec<u8>,
    pub(crate) withdrawals: Vec<OpenBundle>,
    pub(crate) artifact: Vec<u8>,
    pub(crate) attached: Option<Attached>,
    pub(crate) policy: EndpointPolicy,
    pub(crate) installed: Option<u64>,
    pub(crate) now: u64,
}

impl Delivery {
    /// The honest delivery of a story, a minute after it was witnessed.
    pub(crate) fn of(told: &Told) -> Self {
        Self {
            bundle: told.bundle(),
            release: told.made.release(),
            metadata: told.made.metadata.clone(),
            withdrawals: Vec::new(),
            artifact: told.made.artifact(),
            attached: None,
            policy: policy(),
            installed: None,
            now: told.log.published.last().unwrap().1 + 60,
        }
    }

    pub(crate) fn judged(&self) -> Result<Installable, Refusal> {
        let offer = Offer {
            bundle: &self.bundle,
            release: self.release,
            publication: &self.bundle,
            metadata: &self.metadata,
            role: "software",
            withdrawals: &self.withdrawals,
            artifact: FileDigest::of(&self.artifact),
            artifact_bytes: self.artifact.len() as u64,
            attached: self.attached.as_ref(),
        };
        Installable::check(offer, &self.policy, self.installed, self.now)
    }
}
