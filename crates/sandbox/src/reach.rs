//! Whether the sandbox's uid can reach a path: found out before, because bubblewrap's message would not help.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{Identity, Refusal, SandboxError};

/// Resolves `path` and refuses it unless `identity` can enter every folder on the way.
///
/// # Errors
/// [`Refusal::Unreachable`] with the remedy, or [`SandboxError::Io`] when the path does not exist.
pub fn check_reachable(path: &Path, identity: &Identity) -> Result<PathBuf, SandboxError> {
    let path = path
        .canonicalize()
        .map_err(SandboxError::io("find", path))?;
    for folder in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
        let about = folder
            .metadata()
            .map_err(SandboxError::io("read the mode of", folder))?;
        if about.is_dir() && !can_enter(folder, &about, identity) {
            return Err(Refusal::Unreachable {
                path: path.clone(),
                at: folder.to_owned(),
                uid: identity.uid(),
            }
            .into());
        }
    }
    Ok(path)
}

/// Access lists beyond the mode bits are not read: with them this check can refuse too much, never too little,
/// since bubblewrap then fails on its own.
fn can_enter(folder: &Path, about: &std::fs::Metadata, identity: &Identity) -> bool {
    if !identity.is_dedicated() {
        return rustix::fs::access(folder, rustix::fs::Access::EXEC_OK).is_ok();
    }
    let bit = if about.uid() == identity.uid() {
        0o100
    } else if about.gid() == identity.gid() {
        0o010
    } else {
        0o001
    };
    about.mode() & bit != 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_the_uid_cannot_enter_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
        let identity = Identity::for_party(7).unwrap();
        let refusal = check_reachable(dir.path(), &identity)
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("chmod o+x"), "{refusal}");
    }

    #[test]
    fn a_folder_that_everybody_can_enter_is_reached() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let identity = Identity::for_party(7).unwrap();
        assert!(check_reachable(dir.path(), &identity).is_ok());
    }
}
