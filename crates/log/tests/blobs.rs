//! Public blobs: put by a rostered key, named by entries, got by anybody.
#![allow(clippy::unwrap_used, missing_docs)]

mod world;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use logclient::blob_put_message;
use serve::ClientError;
use statement::{Blob, FileDigest, StatementSigner as _};
use world::roster::{self, envelope, heartbeat, statement_key};
use world::{World, submit_witnessed};

const BLOB: &[u8] = b"a list of toolchain inputs";

/// A put with everything chosen by the test; `None` sends no authorization.
struct Put {
    signer: u8,
    signed_bytes: u64,
    digest: FileDigest,
    body: Vec<u8>,
    authorization: Option<&'static str>,
}

impl Put {
    fn good(body: &[u8]) -> Self {
        Self {
            signer: roster::CENTER,
            signed_bytes: body.len() as u64,
            digest: FileDigest::of(body),
            body: body.to_vec(),
            authorization: None,
        }
    }

    async fn send(self, world: &World) -> Result<u16, ClientError> {
        let signer = statement_key(self.signer);
        let text = blob_put_message(&roster::origin(), self.digest, self.signed_bytes);
        let signature = STANDARD.encode(signer.sign(text.as_bytes()));
        let signed = format!("Limpid keyid={},sig={signature}", signer.key());
        let authorization = self.authorization.unwrap_or(&signed);
        let url = format!("{}/blob/{}", world.log.url, self.digest);
        let kind = "application/octet-stream";
        let patience = Duration::from_secs(30);
        let http = world::http();
        let put = http.put_authorized(&url, kind, authorization, self.body, 1 << 16, patience);
        Ok(put.await?.status)
    }

    async fn refused(self, world: &World) -> (u16, String) {
        let error = self.send(world).await.unwrap_err();
        (
            error.status().unwrap(),
            error.code().unwrap_or_default().to_owned(),
        )
    }
}

#[tokio::test]
async fn an_entry_may_name_a_blob_once_it_is_stored() {
    let world = World::founded().await;
    let client = world.client();
    let digest = client
        .put_blob(BLOB.to_vec(), &statement_key(roster::CENTER))
        .await
        .unwrap();
    // Again is fine.
    client
        .put_blob(BLOB.to_vec(), &statement_key(roster::SUPERVISOR))
        .await
        .unwrap();
    assert_eq!(client.blob(digest, 1 << 16).await.unwrap(), BLOB);
    let mut beat = heartbeat("with evidence");
    beat.blobs = vec![Blob {
        sha256: digest,
        bytes: BLOB.len() as u64,
        public: true,
    }];
    submit_witnessed(&client, &envelope(beat, roster::CENTER)).await;
    world.stop().await;
}

#[tokio::test]
async fn a_large_blob_arrives_whole() {
    let world = World::founded().await;
    let blob: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
    let client = world.client();
    let digest = client
        .put_blob(blob.clone(), &statement_key(roster::CENTER))
        .await
        .unwrap();
    assert_eq!(client.blob(digest, 1 << 23).await.unwrap(), blob);
    world.stop().await;
}

#[tokio::test]
async fn a_blob_is_refused_without_a_rostered_signature_over_exactly_it() {
    let world = World::founded().await;
    let refuse = async |change: &dyn Fn(&mut Put)| {
        let mut put = Put::good(BLOB);
        change(&mut put);
        put.refused(&world).await
    };
    let expect = |status: u16, code: &str| (status, code.to_owned());

    let none = refuse(&|put| put.authorization = Some("Basic eDp5")).await;
    assert_eq!(none, expect(401, "blob.authorization"));
    let half = refuse(&|put| put.authorization = Some("Limpid keyid=00,sig=AA==")).await;
    assert_eq!(half, expect(401, "blob.authorization"));
    let stranger = refuse(&|put| put.signer = roster::STRANGER).await;
    assert_eq!(stranger, expect(403, "entry.key_unknown"));
    let expired = refuse(&|put| put.signer = roster::EXPIRED).await;
    assert_eq!(expired, expect(403, "entry.key_expired"));
    let log_key = refuse(&|put| put.signer = roster::LOG_SEEDS[0]).await;
    assert_eq!(log_key, expect(403, "entry.role"));
    let other_bytes = refuse(&|put| put.signed_bytes += 1).await;
    assert_eq!(other_bytes, expect(403, "entry.signature"));
    let other_body = refuse(&|put| put.body[0] ^= 1).await;
    assert_eq!(other_body, expect(400, "blob.digest"));

    // Nothing is there under any name.
    for body in [BLOB.to_vec(), [&[BLOB[0] ^ 1], &BLOB[1..]].concat()] {
        let url = format!("{}/blob/{}", world.log.url, FileDigest::of(&body));
        assert!(
            world::http()
                .get_optional(&url, 1 << 16)
                .await
                .unwrap()
                .is_none()
        );
    }
    assert_eq!(Put::good(BLOB).send(&world).await.unwrap(), 201);
    world.stop().await;
}

#[tokio::test]
async fn a_blob_above_the_limit_is_refused_before_it_is_read() {
    let world = World::start_with(|config| {
        config.blob_bytes_max = 1000;
        config.server.body_bytes_max = 1 << 20;
    })
    .await;
    world::found(&world.client()).await;
    let too_large = Put::good(&[7; 1001]).refused(&world).await;
    assert_eq!(too_large, (413, "blob.too_large".to_owned()));
    assert_eq!(Put::good(&[7; 1000]).send(&world).await.unwrap(), 201);
    world.stop().await;
}

#[tokio::test]
async fn a_name_that_is_no_digest_is_refused() {
    let world = World::founded().await;
    for name in ["x", "..%2f..%2fLOCK", &"A".repeat(64)] {
        let url = format!("{}/blob/{name}", world.log.url);
        let error = world::http().get(&url, 1 << 16).await.unwrap_err();
        assert_eq!(error.status(), Some(400), "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_large_blob_by_a_stranger_is_refused_in_words() {
    let world = World::founded().await;
    let large = Put {
        signer: roster::STRANGER,
        ..Put::good(&vec![7; 8 << 20])
    };
    assert_eq!(
        large.refused(&world).await,
        (403, "entry.key_unknown".to_owned())
    );
    world.stop().await;
}
