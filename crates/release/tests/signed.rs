//! A platform's signature from the program that makes it to an endpoint that takes it off and on again.

use std::path::Path;
use std::process::Command;

use crate::repository::{Kept, quiet};
use crate::site::{endpoint_of, serve_repository, update};
use crate::world::{Built, World, artifact_bytes, now};
use endpoint::verify_file;
use release::{Order, ReleaseError};
use statement::FileDigest;

fn run(dir: &Path, program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    output.status.success()
}

/// The vendor's signing service: another program, a key of its own, and nothing of ours.
fn sign(dir: &Path, program: &[u8]) -> Vec<u8> {
    std::fs::write(dir.join("plain.exe"), program).unwrap();
    let subject = "/CN=limpid test";
    let usage = "extendedKeyUsage=codeSigning";
    let made = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
        "-subj", subject, "-addext", usage,
    ];
    assert!(run(dir, "openssl", &made));
    let signed = [
        "sign",
        "-certs",
        "cert.pem",
        "-key",
        "key.pem",
        "-in",
        "plain.exe",
        "-out",
        "signed.exe",
    ];
    assert!(run(dir, "osslsigncode", &signed));
    let signed = std::fs::read(dir.join("signed.exe")).unwrap();
    binary::detach(&signed).unwrap().signature.unwrap()
}

/// Whether the platform would take the program.
fn is_accepted(dir: &Path, program: &[u8]) -> bool {
    std::fs::write(dir.join("received.exe"), program).unwrap();
    let verify = ["verify", "-CAfile", "cert.pem", "-in", "received.exe"];
    run(dir, "osslsigncode", &verify)
}

fn with(built: &Built, signature: FileDigest) -> Order {
    Order {
        build: built.build,
        channel: "stable".to_owned(),
        artifact: None,
        rollback: false,
        signature: Some(signature),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_a_platform_signs_reaches_the_endpoint_as_it_was_rebuilt_and_signed() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let built = world.build("1.0.0").await;
    let dir = tempfile::tempdir().unwrap();
    let signature = sign(dir.path(), &artifact_bytes("1.0.0"));
    let named = room.keep_signature(signature.clone()).await.unwrap();
    assert_eq!(named, FileDigest::of(&signature));
    let proposed = room.propose(&with(&built, named)).await.unwrap();
    let release = proposed.quorum.release();
    let signed = release.signed.unwrap();
    assert_eq!(release.artifact, built.artifact, "what the labs rebuilt");
    assert_eq!(signed.signature, named);
    assert_ne!(signed.shipped, built.artifact);
    room.publish().await.unwrap();
    assert_eq!(
        kept.client_sees(),
        ["software/truename/stable/linux-x86_64/1/truename"]
    );

    let endpoint = endpoint_of(&world, serve_repository(&kept).await);
    assert_eq!(update(&endpoint, now()).await.unwrap(), (true, 1));
    assert_eq!(update(&endpoint, now()).await.unwrap(), (false, 1));
    let file = endpoint.dir.join("current").join("truename");
    let received = std::fs::read(&file).unwrap();
    assert_eq!(FileDigest::of(&received), signed.shipped);
    assert!(is_accepted(dir.path(), &received));

    // A stranger with the file and the bundle.
    let bundle = format!("bundles/{}.bundle", release.digest());
    let bundle = std::fs::read(kept.config.repository.join(bundle)).unwrap();
    let verify = |file: &Path| verify_file(file, &bundle, world.anchor, None, None, now());
    let report = verify(&file).unwrap();
    let shown = report.file.signed.as_ref().unwrap();
    assert_eq!((shown.artifact, shown.signature), (built.artifact, named));
    assert!(report.to_string().contains(&built.artifact.to_string()));
    let mut patched = received;
    let last = artifact_bytes("1.0.0").len() - 1;
    patched[last] ^= 1;
    assert!(!is_accepted(dir.path(), &patched));
    let other = dir.path().join("truename");
    std::fs::write(&other, patched).unwrap();
    assert_eq!(verify(&other).unwrap_err().code(), "install.artifact");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_attached_is_not_released() {
    let world = World::found().await;
    let kept = Kept::new(&world).await;
    let mut room = kept.room(&quiet);
    room.init_repository(&world.root, &kept.seats)
        .await
        .unwrap();
    let built = world.build("1.0.0").await;
    let unfit = room.keep_signature(b"no signature".to_vec()).await.unwrap();
    let proposed = room.propose(&with(&built, unfit)).await;
    let Err(ReleaseError::Law(refused)) = proposed else {
        panic!("{proposed:?}");
    };
    assert_eq!(refused.code().as_str(), "release.attached", "{refused}");
    let follower = world.follower().await;
    assert!(follower.view().unwrap().open_releases().is_empty());
}
