//! A line of releases.

/// A series of releases: endpoints follow one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// Product.
    pub product: String,
    /// Channel.
    pub channel: String,
    /// Platform.
    pub platform: String,
}

impl Line {
    /// The line of a release.
    pub fn of(release: &statement::Release) -> Self {
        Self {
            product: release.product.clone(),
            channel: release.channel.clone(),
            platform: release.platform.clone(),
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.product, self.channel, self.platform)
    }
}
