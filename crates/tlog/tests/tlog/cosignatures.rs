use fips204::ml_dsa_44;
use fips204::traits::{KeyGen as _, SerDes as _, Signer as _, Verifier as _};
use tlog::cosignature::{ed25519_message, ml_dsa44_message};
use tlog::{KeyType, NoteError, NoteSigner as _, SignatureLine, cosign};
use tlog::{open_checkpoint, verify_cosignature};

use crate::keys::{TestSigner, World, checkpoint};

fn line_of(line: &SignatureLine, signature: Vec<u8>) -> SignatureLine {
    SignatureLine::new(line.name().clone(), line.id(), signature).unwrap()
}

#[test]
fn the_ed25519_message_is_the_one_of_the_specification() {
    let text =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let cp = tlog::Checkpoint::parse(text).unwrap();
    let expected = format!("cosignature/v1\ntime 1679315147\n{text}");
    assert_eq!(ed25519_message(&cp, 1_679_315_147), expected.into_bytes());
}

#[test]
fn the_ml_dsa_message_has_the_layout_of_the_specification() {
    let root = tlog::sha256(b"root");
    let message = ml_dsa44_message(
        &"w.example".parse().unwrap(),
        0x0102_0304_0506_0708,
        &"log.example".parse().unwrap(),
        0..5,
        &root,
    );
    let mut expected = b"subtree/v1\n\0".to_vec();
    expected.extend_from_slice(b"\x09w.example");
    expected.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    expected.extend_from_slice(b"\x0blog.example");
    expected.extend_from_slice(&[0; 8]);
    expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5]);
    expected.extend_from_slice(root.as_bytes());
    assert_eq!(message, expected);
}

#[test]
fn a_cosignature_is_the_timestamp_and_the_signature_and_verifies() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    for (signer, bytes) in [(&world.w1, 8 + 64), (&world.w1_pq, 8 + 2420)] {
        let line = cosign(&cp, 1_700_000_000, signer).unwrap();
        assert_eq!(line.signature().len(), bytes);
        assert_eq!(line.signature()[..8], 1_700_000_000u64.to_be_bytes());
        assert_eq!(
            verify_cosignature(&cp, &line, signer.vkey()).unwrap(),
            1_700_000_000
        );
    }
}

#[test]
fn a_flipped_bit_in_a_cosignature_or_another_checkpoint_is_refused() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    for signer in [&world.w1, &world.w1_pq] {
        let line = cosign(&cp, 1_700_000_000, signer).unwrap();
        for at in (0..line.signature().len())
            .step_by(97)
            .chain([7, 8, line.signature().len() - 1])
        {
            let mut signature = line.signature().to_vec();
            signature[at] ^= 1;
            let refused = verify_cosignature(&cp, &line_of(&line, signature), signer.vkey());
            assert!(refused.is_err(), "byte {at}");
        }
        for other in [
            checkpoint(4, *cp.root()),
            checkpoint(3, tlog::sha256(b"toor")),
            tlog::Checkpoint::new("log.example/b".parse().unwrap(), 3, *cp.root()).unwrap(),
        ] {
            let refused = verify_cosignature(&other, &line, signer.vkey());
            assert!(matches!(refused, Err(NoteError::BadSignature { .. })));
        }
        for cut in [0, 1, 8, 9, line.signature().len() - 1] {
            let short = line.signature()[..cut].to_vec();
            if let Ok(line) = SignatureLine::new(line.name().clone(), line.id(), short) {
                assert!(verify_cosignature(&cp, &line, signer.vkey()).is_err());
            }
        }
    }
}

#[test]
fn timestamps_of_zero_and_above_63_bits_are_refused() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    for signer in [&world.w1, &world.w1_pq] {
        for timestamp in [0, 1 << 63, u64::MAX] {
            let refused = cosign(&cp, timestamp, signer);
            assert!(matches!(refused, Err(NoteError::Timestamp { .. })));
        }
        let line = cosign(&cp, i64::MAX as u64, signer).unwrap();
        assert!(verify_cosignature(&cp, &line, signer.vkey()).is_ok());
    }
    // Correctly signed all the same: a zero says nothing about time, so it is no cosignature of a
    // witness, and 2^63 is outside the format.
    for signer in [&world.w1, &world.w1_pq] {
        for timestamp in [0, 1u64 << 63] {
            let refused =
                verify_cosignature(&cp, &signed_at(&cp, timestamp, signer), signer.vkey());
            assert!(
                matches!(refused, Err(NoteError::Timestamp { .. })),
                "{timestamp}"
            );
        }
    }
}

/// A cosignature with a true signature over any timestamp, which `cosign` would refuse to make.
fn signed_at(cp: &tlog::Checkpoint, timestamp: u64, signer: &TestSigner) -> SignatureLine {
    let name = signer.vkey().name();
    let message = match signer.vkey().key_type() {
        KeyType::CosignatureMlDsa44 => {
            ml_dsa44_message(name, timestamp, cp.origin(), 0..cp.size(), cp.root())
        }
        _ => ed25519_message(cp, timestamp),
    };
    let signature = [&timestamp.to_be_bytes()[..], &signer.sign_raw(&message)].concat();
    SignatureLine::new(name.clone(), signer.vkey().id(), signature).unwrap()
}

#[test]
fn a_log_may_sign_with_ml_dsa_alone_and_without_a_time() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    let note = crate::keys::note(&cp, vec![signed_at(&cp, 0, &world.log_pq)]);
    assert_eq!(
        *open_checkpoint(&note, &[world.log_pq.vkey().clone()]).unwrap(),
        cp
    );
    let late = crate::keys::note(&cp, vec![signed_at(&cp, 1 << 63, &world.log_pq)]);
    let refused = open_checkpoint(&late, &[world.log_pq.vkey().clone()]);
    assert!(matches!(refused, Err(NoteError::Timestamp { .. })));
}

#[test]
fn a_cosignature_under_another_name_or_key_is_refused() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    let line = cosign(&cp, 9, &world.w1).unwrap();
    let refused = verify_cosignature(&cp, &line, world.w2.vkey());
    assert!(matches!(refused, Err(NoteError::OtherKey { .. })));
    // The ML-DSA-44 message commits to the cosigner's name.
    let line = cosign(&cp, 9, &world.w1_pq).unwrap();
    let renamed = tlog::VerifierKey::new(
        "evil.example".parse().unwrap(),
        world.w1_pq.vkey().key_type(),
        world.w1_pq.vkey().public_key(),
    )
    .unwrap();
    let moved = SignatureLine::new(
        renamed.name().clone(),
        renamed.id(),
        line.signature().to_vec(),
    )
    .unwrap();
    let refused = verify_cosignature(&cp, &moved, &renamed);
    assert!(matches!(refused, Err(NoteError::BadSignature { .. })));
}

#[test]
fn a_log_key_of_type_1_cannot_cosign() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    assert!(matches!(
        cosign(&cp, 9, &world.log),
        Err(NoteError::KeyType { .. })
    ));
}

#[test]
fn an_independent_ml_dsa_accepts_our_cosignature_and_we_accept_its() {
    let world = World::get();
    let cp = checkpoint(3, tlog::sha256(b"root"));
    let (public, secret) = ml_dsa_44::KG::keygen_from_seed(&world.w1_pq.seed);
    assert_eq!(public.clone().into_bytes(), world.w1_pq.vkey().public_key());
    let line = cosign(&cp, 77, &world.w1_pq).unwrap();
    let message = ml_dsa44_message(line.name(), 77, cp.origin(), 0..3, cp.root());
    let ours = line.signature()[8..].try_into().unwrap();
    assert!(public.verify(&message, &ours, &[]));
    assert!(!public.verify(&message, &ours, b"context"));

    let theirs = secret.try_sign_with_seed(&[9; 32], &message, &[]).unwrap();
    assert_ne!(theirs, ours, "hedged, so another signature");
    let hedged = line_of(&line, [&77u64.to_be_bytes()[..], &theirs].concat());
    assert_eq!(
        verify_cosignature(&cp, &hedged, world.w1_pq.vkey()).unwrap(),
        77
    );

    let in_context = secret
        .try_sign_with_seed(&[9; 32], &message, b"context")
        .unwrap();
    let refused = line_of(&line, [&77u64.to_be_bytes()[..], &in_context].concat());
    assert!(verify_cosignature(&cp, &refused, world.w1_pq.vkey()).is_err());
}

#[test]
fn a_signer_that_returns_the_wrong_length_is_caught() {
    struct Short(tlog::VerifierKey);
    impl tlog::NoteSigner for Short {
        fn vkey(&self) -> &tlog::VerifierKey {
            &self.0
        }
        fn sign_raw(&self, _: &[u8]) -> Vec<u8> {
            vec![1; 63]
        }
    }
    let cp = checkpoint(3, tlog::sha256(b"root"));
    let refused = cosign(&cp, 9, &Short(World::get().w1.vkey().clone()));
    assert!(matches!(
        refused,
        Err(NoteError::SignatureSize {
            found: 63,
            expected: 64,
            ..
        })
    ));
}
