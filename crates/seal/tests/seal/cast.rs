//! One cell with three epochs, one file and its owner.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use seal::{Address, EpochKey, EpochKeys, Sealed, Sealer, Seed, UploadKey, WrapOpener, WrapSecret};
use statement::{Epoch, EpochPurpose, SEAL_SUITE, SampleId, Statement, StatementDigest, Subject};
use zeroize::Zeroizing;

/// Bytes that look random and are the same on every run.
pub fn noise<const N: usize>(label: &str) -> [u8; N] {
    let mut out = [0; N];
    for (at, chunk) in out.chunks_mut(32).enumerate() {
        let digest = tlog::sha256(format!("{label} {at}").as_bytes());
        chunk.copy_from_slice(&digest.as_bytes()[..chunk.len()]);
    }
    out
}

pub fn secret(purpose: EpochPurpose) -> WrapSecret {
    WrapSecret::from_seed(&noise(purpose.as_str()))
}

pub fn epoch(purpose: EpochPurpose, home: &str, secret: &WrapSecret) -> Epoch {
    Epoch {
        audience: vec!["center.example/log".parse().unwrap()],
        not_after: 1_802_592_000,
        blobs: Vec::new(),
        purpose,
        home: home.parse().unwrap(),
        suite: SEAL_SUITE.to_owned(),
        key: STANDARD.encode(secret.wrap_key().raw()),
        valid_from: 1_800_000_000,
        valid_until: 1_800_086_400,
        destroy_by: 1_800_259_200,
    }
}

pub fn epoch_key(purpose: EpochPurpose, home: &str) -> EpochKey {
    let epoch = epoch(purpose, home, &secret(purpose));
    let subject = Subject::new("epoch", statement::FileDigest::of(epoch.key.as_bytes()));
    let payload = Statement::new(vec![subject], epoch.clone()).to_payload();
    EpochKey::read(StatementDigest::of(&payload.unwrap()), &epoch).unwrap()
}

pub fn keys() -> EpochKeys {
    EpochKeys::new(
        epoch_key(EpochPurpose::Analysis, "CH"),
        epoch_key(EpochPurpose::Center, "CH"),
        epoch_key(EpochPurpose::Supervisor, "CH"),
    )
    .unwrap()
}

pub fn signer(label: &str) -> SigningKey {
    SigningKey::from_bytes(&noise(&format!("upload key of {label}")))
}

pub fn address(label: &str, size_bytes: u64) -> Address {
    Address {
        sample: SampleId::new(noise(&format!("sample {label}"))),
        upload_key: UploadKey::from_raw(&signer(label).verifying_key().to_bytes()).unwrap(),
        home: "CH".parse().unwrap(),
        region: "europe".parse().unwrap(),
        policy: StatementDigest::of(b"policy"),
        size_bytes,
    }
}

pub fn seed(label: &str) -> Seed {
    Seed::new(Zeroizing::new(noise(&format!("seed of {label}"))))
}

pub fn sealed(label: &str, file: &[u8]) -> (Sealed, Vec<u8>) {
    let address = address(label, file.len() as u64);
    let randomness = noise(&format!("analysis wrap of {label}"));
    Sealer::start(address, &keys(), &seed(label), &randomness)
        .unwrap()
        .seal_all(file)
        .unwrap()
}
