//! TUF keys sign no statements, so the log does not refuse them: the supervisor must.

use std::collections::BTreeMap;

use crate::world::{CENTER_LOG, PATIENCE, World, http, now};
use statement::{FileDigest, KeyId, Revocation, Statement, Subject};
use tuf::{Expires, Targets, TufSigner, limits::DAY_S};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revoked_center_key_signed_is_not_cosigned() {
    let world = World::found().await;
    let url = world.start_supervisor().await;
    let center = world.tuf_key("vendor", "tuf-software");
    let expires = Expires::from_posix(now() + 80 * DAY_S).unwrap();
    let mut file = Targets::listing(1, expires, BTreeMap::new()).unwrap();
    file.sign(&center).unwrap();
    let candidate = file.to_bytes().unwrap();
    let cosign = || async {
        let url = format!("{url}/cosign/software");
        let body = candidate.clone();
        http()
            .post(&url, "application/json", body, 1 << 16, PATIENCE)
            .await
    };
    cosign().await.unwrap();

    let revocation = Revocation {
        audience: vec![CENTER_LOG.parse().unwrap()],
        not_after: world.not_after,
        blobs: Vec::new(),
        key: KeyId::of(center.key().raw()),
        suspect_from: Vec::new(),
        reason: "it was copied".to_owned(),
    };
    let subject = Subject::new("key", FileDigest::of(center.key().raw()));
    let governance = world.statement_key("vendor", "governance");
    world
        .say(&governance, Statement::new(vec![subject], revocation))
        .await;
    let refused = cosign().await.unwrap_err();
    assert_eq!(refused.status(), Some(403));
    assert_eq!(refused.code(), Some("metadata.quorum"));
}
