//! Key files: their form, their permissions, their passphrases, their refusals.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{Algorithm, KeyError, OpeningKey, Passphrase, SecretKey};
use proptest::prelude::*;
use seal::WrapOpener as _;

const BOTH: [Algorithm; 2] = [Algorithm::Ed25519, Algorithm::MlDsa44];

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.as_bytes().to_vec(), "test").unwrap()
}

fn write_private(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn refusal(path: &Path, passphrase: Option<&Passphrase>) -> KeyError {
    match SecretKey::load(path, passphrase) {
        Ok(_) => panic!("{} was accepted", path.display()),
        Err(error) => error,
    }
}

#[test]
fn a_saved_key_signs_as_before() {
    let dir = tempfile::tempdir().unwrap();
    for algorithm in BOTH {
        let path = dir.path().join(format!("new/{algorithm}.pem"));
        let key = SecretKey::generate(algorithm).unwrap();
        key.save_new(&path, None).unwrap();
        let again = SecretKey::load(&path, None).unwrap();
        assert_eq!(again.algorithm(), algorithm);
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(again.sign(b"message"), key.sign(b"message"));
        assert_eq!(again.statement_key_id(), key.statement_key_id());
    }
}

#[test]
fn a_passphrase_protects_both_kinds_of_key() {
    let dir = tempfile::tempdir().unwrap();
    for algorithm in BOTH {
        let path = dir.path().join(format!("{algorithm}.pem"));
        let key = SecretKey::from_seed(algorithm, [7; 32]);
        key.save_new(&path, Some(&passphrase("right"))).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let again = SecretKey::load(&path, Some(&passphrase("right"))).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        let wrong = refusal(&path, Some(&passphrase("wrong")));
        assert!(matches!(wrong, KeyError::PassphraseWrong { .. }), "{wrong}");
        let absent = refusal(&path, None);
        assert!(
            matches!(absent, KeyError::PassphraseNeeded { .. }),
            "{absent}"
        );
    }
}

#[test]
fn a_passphrase_for_a_plain_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.pem");
    SecretKey::generate(Algorithm::Ed25519)
        .unwrap()
        .save_new(&path, None)
        .unwrap();
    let error = refusal(&path, Some(&passphrase("any")));
    assert!(
        matches!(error, KeyError::PassphraseNotNeeded { .. }),
        "{error}"
    );
}

#[test]
fn a_new_key_file_is_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/k.pem");
    SecretKey::generate(Algorithm::Ed25519)
        .unwrap()
        .save_new(&path, None)
        .unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let parent = fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(parent.permissions().mode() & 0o7777, 0o700);
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_private(dir.path(), "k.pem", "precious");
    let error = SecretKey::generate(Algorithm::Ed25519)
        .unwrap()
        .save_new(&path, None)
        .unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_file_that_others_can_use_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.pem");
    SecretKey::generate(Algorithm::Ed25519)
        .unwrap()
        .save_new(&path, None)
        .unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = refusal(&path, None);
        assert!(matches!(error, KeyError::OpenToOthers { mode: found, .. } if found == mode));
        let text = error.to_string();
        assert!(
            text.contains(&format!("chmod 600 {}", path.display())),
            "{text}"
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    SecretKey::load(&path, None).unwrap();
}

#[test]
fn what_is_not_a_key_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir_all(dir.join("directory")).unwrap();
    assert!(matches!(
        refusal(&dir.join("directory"), None),
        KeyError::NotAFile { .. }
    ));
    assert!(matches!(
        refusal(&dir.join("absent"), None),
        KeyError::Io { .. }
    ));
    let big = write_private(dir, "big", vec![b'a'; 20_000]);
    assert!(matches!(refusal(&big, None), KeyError::TooLarge { .. }));
    let text = write_private(dir, "text", "hello\n");
    assert!(matches!(refusal(&text, None), KeyError::NotPem { .. }));
    let not_text = write_private(dir, "bytes", [0xff, 0xfe, 0x00]);
    assert!(matches!(refusal(&not_text, None), KeyError::NotPem { .. }));
    let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let public = write_private(dir, "public", public);
    assert!(
        matches!(refusal(&public, None), KeyError::WrongLabel { label, .. } if label == "PUBLIC KEY")
    );
}

#[test]
fn a_pipe_in_place_of_a_key_does_not_hang_the_reader() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    assert!(matches!(refusal(&path, None), KeyError::NotAFile { .. }));
}

#[test]
fn the_rfc_8410_example_key_is_read_and_its_version_2_form_is_refused() {
    // RFC 8410 section 10.3: the same key, first alone, then with an attribute and its public key.
    let one = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    let two = "-----BEGIN PRIVATE KEY-----\nMHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\noB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\nZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PRIVATE KEY-----\n";
    let dir = tempfile::tempdir().unwrap();
    let key = SecretKey::load(&write_private(dir.path(), "one", one), None).unwrap();
    assert_eq!(key.public_key()[..4], [0x19, 0xbf, 0x44, 0x09]);
    key.save_new(&dir.path().join("again"), None).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("again")).unwrap(), one);
    let error = refusal(&write_private(dir.path(), "two", two), None);
    assert!(matches!(error, KeyError::NotCanonical { .. }), "{error}");
}

#[test]
fn a_passphrase_file_loses_one_line_end_and_must_be_private() {
    let dir = tempfile::tempdir().unwrap();
    let key_path = dir.path().join("k.pem");
    let key = SecretKey::from_seed(Algorithm::Ed25519, [9; 32]);
    key.save_new(&key_path, Some(&passphrase("open sesame")))
        .unwrap();
    let file = write_private(dir.path(), "pass", "open sesame\n");
    let read = Passphrase::from_origin(&format!("file:{}", file.display())).unwrap();
    assert_eq!(
        SecretKey::load(&key_path, Some(&read))
            .unwrap()
            .public_key(),
        key.public_key()
    );

    let loose = dir.path().join("loose");
    fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o644)
        .open(&loose)
        .unwrap();
    assert!(matches!(
        Passphrase::from_file(&loose),
        Err(KeyError::OpenToOthers { .. })
    ));
    let empty = write_private(dir.path(), "empty", "\n");
    assert!(matches!(
        Passphrase::from_file(&empty),
        Err(KeyError::PassphraseSize { bytes: 0, .. })
    ));
}

#[test]
fn a_passphrase_comes_from_env_or_file_and_nowhere_else() {
    for origin in ["", "env:", "file:", "secret", "pass:secret"] {
        let error = Passphrase::from_origin(origin).err().unwrap();
        assert!(
            matches!(error, KeyError::PassphraseOrigin { .. }),
            "{origin}"
        );
    }
    let unset = Passphrase::from_origin("env:LIMPID_NO_SUCH_VARIABLE")
        .err()
        .unwrap();
    assert!(unset.to_string().contains("LIMPID_NO_SUCH_VARIABLE"));
    assert!(Passphrase::from_origin("env:PATH").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_in_a_key_file_panic_or_pass(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let dir = tempfile::tempdir().unwrap();
        let path = write_private(dir.path(), "k", bytes);
        prop_assert!(SecretKey::load(&path, None).is_err());
    }

    #[test]
    fn a_changed_byte_of_a_key_file_is_refused_or_is_another_key(at in 0_usize..119, to in any::<u8>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        let key = SecretKey::from_seed(Algorithm::Ed25519, [3; 32]);
        key.save_new(&path, None).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        prop_assume!(at < bytes.len() && bytes[at] != to);
        bytes[at] = to;
        fs::write(&path, &bytes).unwrap();
        if let Ok(other) = SecretKey::load(&path, None) {
            // A line end may be CR LF or LF; everything else in the file is significant.
            let text = String::from_utf8(bytes).unwrap();
            prop_assert!(other.public_key() != key.public_key() || text.contains('\r'), "{text}");
        }
    }
}

#[test]
fn a_saved_opening_key_opens_as_before_and_is_no_signing_key() {
    let dir = tempfile::tempdir().unwrap();
    let key = OpeningKey::generate().unwrap();
    for (name, secret) in [
        ("plain.pem", None),
        ("locked.pem", Some(passphrase("right"))),
    ] {
        let path = dir.path().join(name);
        key.save_new(&path, secret.as_ref()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let again = OpeningKey::load(&path, secret.as_ref()).unwrap();
        assert_eq!(again.wrap_key(), key.wrap_key());
        let signing = refusal(&path, secret.as_ref());
        assert!(matches!(signing, KeyError::OpensOnly { .. }), "{signing}");
    }
    let other = OpeningKey::generate().unwrap();
    assert_ne!(other.wrap_key(), key.wrap_key());
}

#[test]
fn a_signing_key_is_no_opening_key() {
    let dir = tempfile::tempdir().unwrap();
    for algorithm in BOTH {
        let path = dir.path().join(algorithm.to_string());
        let key = SecretKey::generate(algorithm).unwrap();
        key.save_new(&path, None).unwrap();
        let refused = OpeningKey::load(&path, None).err().unwrap();
        assert!(matches!(refused, KeyError::SignsOnly { .. }), "{refused}");
    }
}

/// What other programs write for X-Wing: version 0, the identifier 1.3.6.1.4.1.62253.25722, the 32 bytes with nothing
/// around them.
#[test]
fn an_opening_key_has_the_form_of_the_draft() {
    let dir = tempfile::tempdir().unwrap();
    let mut der = hex::decode("3034020100300d060b2b0601040183e62d81c87a0420").unwrap();
    der.extend_from_slice(&[7; 32]);
    let body = STANDARD.encode(&der);
    let mut lines = String::new();
    for line in body.as_bytes().chunks(64) {
        lines.push_str(std::str::from_utf8(line).unwrap());
        lines.push('\n');
    }
    let text = format!("-----BEGIN PRIVATE KEY-----\n{lines}-----END PRIVATE KEY-----\n");
    let path = dir.path().join("written.pem");
    OpeningKey::from_seed(&[7; 32])
        .save_new(&path, None)
        .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // The inner OCTET STRING that Ed25519 has does not belong here.
    let mut wrapped = hex::decode("3036020100300d060b2b0601040183e62d81c87a04220420").unwrap();
    wrapped.extend_from_slice(&[7; 32]);
    let text = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n",
        &STANDARD.encode(&wrapped)[..64],
        &STANDARD.encode(&wrapped)[64..]
    );
    let path = write_private(dir.path(), "wrapped.pem", text);
    let refused = OpeningKey::load(&path, None).err().unwrap();
    assert!(
        matches!(refused, KeyError::NotCanonical { .. }),
        "{refused}"
    );
}
