//! What an endpoint asks of what arrives (`spec/endpoint.md`).

use super::{
    asof::AsOf,
    codes,
    facts::line_of,
    metadata::target_of,
    signed::Held,
    types::{Delivery, Refused},
};
use statement::FileDigest;

impl AsOf<'_> {
    /// This endpoint may switch to this file.
    pub(super) fn gate_install(self, delivery: &Delivery<'_>) -> Result<(), Refused> {
        let no = |code, detail: String| Err(Refused::new(code, detail));
        let digest = delivery.release;
        let metadata = self.gate_published(delivery.role, delivery.metadata)?;
        let newest = self.judge.clock.newest();
        let (_, time) = newest.unwrap_or_default();
        let age = delivery.now.saturating_sub(time);
        if age > delivery.evidence_age_max_seconds {
            return no(codes::INSTALL_STALE, format!("{age} s"));
        }
        let file = (delivery.artifact, delivery.artifact_bytes);
        let held = Held::Now(delivery.parts);
        let release = self.gate_released(digest, Some(file), held, delivery.rebuilds_min)?;
        if line_of(release) != *delivery.line {
            let detail = format!("the release is of {}", release.product);
            return no(codes::INSTALL_LINE, detail);
        }
        if delivery.installed.is_some_and(|seq| release.seq < seq) {
            let detail = format!("number {}", release.seq);
            return no(codes::INSTALL_SEQ, detail);
        }
        if self.is_withdrawn(digest) {
            return no(codes::RELEASE_WITHDRAWN, format!("release {digest}"));
        }
        let listed = target_of(release, digest);
        if !listed.is_some_and(|(path, target)| metadata.lists(&path, &target)) {
            let detail = format!("release {digest} in role {}", delivery.role);
            return no(codes::INSTALL_TARGET, detail);
        }
        Ok(())
    }

    /// The constitution in force names this TUF root.
    pub(super) fn gate_tuf_root(self, file: &[u8]) -> Result<(), Refused> {
        let named = self.roster()?.constitution.tuf_root;
        let digest = FileDigest::of(file);
        if named == digest {
            return Ok(());
        }
        let detail = format!("it names {named}, this is {digest}");
        Err(Refused::new(codes::TUF_ROOT, detail))
    }
}
