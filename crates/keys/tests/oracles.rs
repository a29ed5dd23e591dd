//! Other people's programs agree: OpenSSL on key files, a second implementation on ML-DSA-44.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::Command;

use fips204::ml_dsa_44;
use fips204::traits::{KeyGen, SerDes, Signer, Verifier};
use keys::{Algorithm, KeyError, NoteKey, Passphrase, SecretKey, StatementKey, TufKey};
use proptest::prelude::*;
use tlog::{KeyName, KeyType, NoteSigner};

/// The raw public key that OpenSSL finds in a key file: the end of the SPKI structure.
fn openssl_public_key(path: &Path, passphrase: Option<&str>) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command
        .args(["pkey", "-pubout", "-outform", "DER", "-in"])
        .arg(path);
    if let Some(passphrase) = passphrase {
        command.args(["-passin", &format!("pass:{passphrase}")]);
    }
    let output = command
        .output()
        .expect("openssl is installed (Debian package openssl)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout[output.stdout.len() - 32..].to_vec()
}

#[test]
fn openssl_reads_our_plain_key_and_finds_the_same_public_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.pem");
    let key = SecretKey::generate(Algorithm::Ed25519).unwrap();
    key.save_new(&path, None).unwrap();
    assert_eq!(openssl_public_key(&path, None), key.public_key());
}

#[test]
fn openssl_reads_our_encrypted_key_and_finds_the_same_public_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.pem");
    let key = SecretKey::generate(Algorithm::Ed25519).unwrap();
    let passphrase = Passphrase::new(b"correct horse".to_vec(), "test").unwrap();
    key.save_new(&path, Some(&passphrase)).unwrap();
    assert_eq!(
        openssl_public_key(&path, Some("correct horse")),
        key.public_key()
    );
}

#[test]
fn we_read_keys_that_openssl_made() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain.pem");
    let run = |args: &[&str], out: &Path| {
        let status = Command::new("sh")
            .args(["-c", "umask 077; exec openssl \"$@\"", "openssl"])
            .args(args)
            .arg("-out")
            .arg(out)
            .status()
            .unwrap();
        assert!(status.success());
    };
    run(&["genpkey", "-algorithm", "ed25519"], &plain);
    let key = SecretKey::load(&plain, None).unwrap();
    assert_eq!(openssl_public_key(&plain, None), key.public_key());

    let sealed = dir.path().join("scrypt.pem");
    let plain_text = plain.to_str().unwrap();
    run(
        &[
            "pkcs8", "-topk8", "-scrypt", "-passout", "pass:x", "-in", plain_text,
        ],
        &sealed,
    );
    let passphrase = Passphrase::new(b"x".to_vec(), "test").unwrap();
    let again = SecretKey::load(&sealed, Some(&passphrase)).unwrap();
    assert_eq!(again.public_key(), key.public_key());

    let weak = dir.path().join("pbkdf2.pem");
    run(
        &["pkcs8", "-topk8", "-passout", "pass:x", "-in", plain_text],
        &weak,
    );
    let error = SecretKey::load(&weak, Some(&passphrase)).err().unwrap();
    assert!(
        matches!(error, KeyError::UnknownEncryption { .. }),
        "{error}"
    );

    let heavy = dir.path().join("heavy.pem");
    let heavy_args = [
        "pkcs8",
        "-topk8",
        "-scrypt",
        "-scrypt_N",
        "16384",
        "-scrypt_p",
        "17",
        "-passout",
        "pass:x",
        "-in",
        plain_text,
    ];
    run(&heavy_args, &heavy);
    let error = SecretKey::load(&heavy, Some(&passphrase)).err().unwrap();
    assert!(
        matches!(error, KeyError::UnknownEncryption { .. }),
        "{error}"
    );

    let rsa = dir.path().join("rsa.pem");
    run(&["genpkey", "-algorithm", "x25519"], &rsa);
    let error = SecretKey::load(&rsa, None).err().unwrap();
    assert!(
        matches!(&error, KeyError::UnknownAlgorithm { oid, .. } if oid == "1.3.101.110"),
        "{error}"
    );
}

#[test]
fn ed25519_matches_the_first_vector_of_rfc_8032() {
    // RFC 8032 section 7.1, test 1: the empty message.
    let seed =
        tlog::Hash::from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
    let key = SecretKey::from_seed(Algorithm::Ed25519, *seed.as_bytes());
    assert_eq!(key.public_key()[..4], [0xd7, 0x5a, 0x98, 0x01]);
    assert_eq!(key.sign(b"")[..6], [0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn two_implementations_agree_on_ml_dsa_44(seed in any::<[u8; 32]>(), message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let ours = SecretKey::from_seed(Algorithm::MlDsa44, seed);
        let (public, secret) = ml_dsa_44::KG::keygen_from_seed(&seed);
        let signature = ours.sign(&message);
        let theirs = secret.try_sign_with_seed(&[0; 32], &message, &[]).unwrap();
        prop_assert_eq!(&signature[..], &theirs[..]);
        prop_assert!(public.verify(&message, &theirs, &[]));
        prop_assert_eq!(ours.public_key(), public.into_bytes().to_vec());
    }
}

#[test]
fn a_note_key_signs_only_types_of_its_algorithm() {
    let name: KeyName = "log.example/one".parse().unwrap();
    let ed = || SecretKey::from_seed(Algorithm::Ed25519, [1; 32]);
    let ml = || SecretKey::from_seed(Algorithm::MlDsa44, [1; 32]);
    for key_type in [KeyType::Ed25519, KeyType::CosignatureEd25519] {
        let key = NoteKey::new(ed(), name.clone(), key_type).unwrap();
        assert_eq!(key.vkey().public_key(), ed().public_key());
        assert_eq!(key.sign_raw(b"m"), ed().sign(b"m"));
        assert!(matches!(
            NoteKey::new(ml(), name.clone(), key_type),
            Err(KeyError::WrongKeyType { .. })
        ));
    }
    NoteKey::new(ml(), name.clone(), KeyType::CosignatureMlDsa44).unwrap();
    let error = NoteKey::new(ed(), name, KeyType::CosignatureMlDsa44)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "a key of algorithm Ed25519 cannot sign notes of type 0x06"
    );
}

/// Compiles only while `$type` has no `Debug`: with it, both impls below apply and the call is
/// ambiguous.
macro_rules! assert_not_debug {
    ($type:ty) => {{
        trait AmbiguousIfDebug<Marker> {
            fn checked() {}
        }
        struct WithDebug;
        impl<T: ?Sized> AmbiguousIfDebug<()> for T {}
        impl<T: ?Sized + std::fmt::Debug> AmbiguousIfDebug<WithDebug> for T {}
        <$type as AmbiguousIfDebug<_>>::checked();
    }};
}

#[test]
fn nothing_that_holds_a_secret_can_be_shown() {
    assert_not_debug!(SecretKey);
    assert_not_debug!(Passphrase);
    assert_not_debug!(NoteKey);
    assert_not_debug!(StatementKey);
    assert_not_debug!(TufKey);
}
