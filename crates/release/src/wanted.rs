//! What a role should list: decided from the log alone, so anybody comes to the same answer.

use std::collections::BTreeMap;

use law::{Line, ReleaseQuorum, Settled};
use tuf::{TargetFile, TargetPath, TargetRole};

use crate::error::ReleaseError;

/// A target that should be listed, and the release behind it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) path: TargetPath,
    pub(crate) target: TargetFile,
    pub(crate) quorum: ReleaseQuorum,
}

/// One target per line: its newest release that was not withdrawn.
pub(crate) fn plan_targets(
    view: Settled<'_>,
    role: TargetRole,
) -> Result<Vec<Wanted>, ReleaseError> {
    let mut newest: BTreeMap<Line, ReleaseQuorum> = BTreeMap::new();
    for quorum in view.released() {
        let release = quorum.release();
        let withdrawn = view.withdrawal(release.digest()).is_some();
        if withdrawn || release.kind.tuf_role() != role.as_str() {
            continue;
        }
        let line = Line::of(release);
        let older = newest
            .get(&line)
            .is_none_or(|other| other.release().seq < release.seq);
        if older {
            newest.insert(line, quorum);
        }
    }
    newest
        .into_values()
        .map(|quorum| wanted(role, quorum))
        .collect()
}

/// The map that goes into metadata.
pub(crate) fn listing(wanted: &[Wanted]) -> BTreeMap<TargetPath, TargetFile> {
    wanted
        .iter()
        .map(|item| (item.path.clone(), item.target.clone()))
        .collect()
}

fn wanted(role: TargetRole, quorum: ReleaseQuorum) -> Result<Wanted, ReleaseError> {
    let release = quorum.release();
    let line = [&release.product, &release.channel, &release.platform];
    let path = TargetPath::new(role, line.map(String::as_str), release.seq, &release.file)?;
    let (shipped, bytes) = release.shipped();
    let target = TargetFile::new(&path, bytes, *shipped.hash(), *release.digest().hash());
    Ok(Wanted {
        path,
        target,
        quorum,
    })
}
