//! The public blobs that a statement rests on: here, and here to stay.

use statement::{FileDigest, Predicate};
use store::{Blobs, StoreError};

/// The first public blob that a statement names and that is not held. The names of the others are durable when this
/// returns: an entry that is acknowledged must not lose its blobs, and a process that was killed may have given a blob
/// its name and not made the name durable.
///
/// # Errors
/// The disk refuses.
pub(crate) fn first_missing(
    blobs: &Blobs,
    predicate: &Predicate,
) -> Result<Option<FileDigest>, StoreError> {
    for blob in predicate.blobs().iter().filter(|blob| blob.public) {
        if !blobs.keep(blob.sha256.hash())? {
            return Ok(Some(blob.sha256));
        }
    }
    Ok(None)
}

/// Whether [`first_missing`] would have to wait for the disk.
pub(crate) fn waits(blobs: &Blobs, predicate: &Predicate) -> bool {
    let mut public = predicate.blobs().iter().filter(|blob| blob.public);
    public.any(|blob| !blobs.is_kept(blob.sha256.hash()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use statement::{Blob, Heartbeat};

    use super::*;

    fn naming(blobs: &[(&[u8], bool)]) -> Predicate {
        let named = blobs.iter().map(|(bytes, public)| Blob {
            sha256: FileDigest::of(bytes),
            bytes: bytes.len() as u64,
            public: *public,
        });
        Predicate::from(Heartbeat {
            audience: Vec::new(),
            not_after: 1,
            blobs: named.collect(),
            note: String::new(),
        })
    }

    #[test]
    fn a_blob_that_a_killed_process_named_is_made_to_stay_before_an_entry_rests_on_it() {
        let dir = tempfile::tempdir().unwrap();
        let killed = Blobs::open(dir.path()).unwrap();
        let name = killed.put(b"bulk").unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let predicate = naming(&[(b"bulk", true)]);
        assert!(!blobs.is_kept(&name) && waits(&blobs, &predicate));
        assert_eq!(first_missing(&blobs, &predicate).unwrap(), None);
        assert!(blobs.is_kept(&name) && !waits(&blobs, &predicate));
    }

    #[test]
    fn the_first_public_blob_that_is_absent_is_named_and_others_are_not_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        blobs.put(b"here").unwrap();
        let named: [(&[u8], bool); 4] = [
            (b"private", false),
            (b"here", true),
            (b"gone", true),
            (b"too", true),
        ];
        let missing = first_missing(&blobs, &naming(&named)).unwrap();
        assert_eq!(missing, Some(FileDigest::of(b"gone")));
        assert_eq!(first_missing(&blobs, &naming(&named[..2])).unwrap(), None);
    }
}
