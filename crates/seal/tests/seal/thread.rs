//! What a sample goes through: sealed, opened by machines, checked, opened at rest by both sides.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer as _;
use seal::{
    Ciphertext, ContentKey, ContentOpener, EpochKey, EpochKeys, Front, Missealed, Opened,
    SealError, Sealer, Share, Side, WrapOpener as _, Wraps, content_key_of_shares,
    disclosure_message, erasure_message, limits::CHUNK_BYTES, open_share, upload_message,
};
use statement::{EpochPurpose, StatementDigest};
use zeroize::Zeroizing;

use crate::cast::{address, epoch, epoch_key, keys, noise, sealed, secret, seed, signer};

/// The front as another process reads it.
fn carried(front: &Front) -> Front {
    Front::parse(&front.to_bytes()).unwrap()
}

fn analysis_key(front: &Front) -> Result<ContentKey, Missealed> {
    let keys = keys();
    let opener = secret(EpochPurpose::Analysis);
    Opened::with_analysis_key(front, &keys, &opener)
        .unwrap()
        .check_rest_wraps()
}

fn share(front: &Front, side: Side) -> Share {
    let wrap = front.wraps().get(side.purpose());
    open_share(front.header(), side, wrap, &secret(side.purpose())).unwrap()
}

#[test]
fn machines_open_what_was_sealed_and_so_do_both_sides_together() {
    let file: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    let (sealed, ciphertext) = sealed("thread", &file);
    let front = carried(&sealed.front);
    assert_eq!(ciphertext.len() as u64, front.header().ciphertext_bytes());

    let key = analysis_key(&front).unwrap();
    let opener = ContentOpener::new(front.header(), &key);
    assert_eq!(*opener.open_all(&ciphertext, &sealed.seal).unwrap(), file);

    let [center, supervisor] = Side::BOTH.map(|side| share(&front, side));
    let at_rest = content_key_of_shares(front.header(), &center, &supervisor).unwrap();
    assert_eq!(at_rest.expose(), key.expose());
}

#[test]
fn an_intake_without_keys_computes_the_same_name() {
    let (sealed, ciphertext) = sealed("intake", &[7; 100_000]);
    let mut seen = Ciphertext::new(sealed.front.header());
    for piece in ciphertext.chunks(1000) {
        seen.update(piece).unwrap();
    }
    assert_eq!(seen.finish().unwrap(), sealed.seal);
    let mut short = Ciphertext::new(sealed.front.header());
    short.update(&ciphertext[1..]).unwrap();
    assert_eq!(short.finish(), Err(SealError::Unfinished { missing: 1 }));
    let mut long = Ciphertext::new(sealed.front.header());
    long.update(&ciphertext).unwrap();
    assert!(matches!(
        long.update(b"x"),
        Err(SealError::ChunkLength { .. })
    ));
}

#[test]
fn whole_chunks_and_single_bytes_are_sealed_and_opened() {
    for bytes in [
        1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        2 * CHUNK_BYTES,
    ] {
        let file = vec![0x5a; bytes];
        let (sealed, ciphertext) = sealed("sizes", &file);
        let key = analysis_key(&sealed.front).unwrap();
        let opener = ContentOpener::new(sealed.front.header(), &key);
        assert_eq!(*opener.open_all(&ciphertext, &sealed.seal).unwrap(), file);
    }
}

#[test]
fn the_same_seed_gives_the_same_wraps_at_rest_and_other_randomness_another_analysis_wrap() {
    let (first, _) = sealed("again", b"file");
    let address = address("again", 4);
    let (second, _) = Sealer::start(address, &keys(), &seed("again"), &[9; 64])
        .unwrap()
        .seal_all(b"file")
        .unwrap();
    let (first, second) = (first.front.wraps(), second.front.wraps());
    assert_eq!(first.center, second.center);
    assert_eq!(first.supervisor, second.supervisor);
    assert_ne!(first.analysis, second.analysis);
    assert_ne!(first.center, first.supervisor);
}

/// A sender can put anything into the wraps at rest; the machines notice before they look at the file.
#[test]
fn wraps_of_garbage_and_of_another_sample_are_missealed() {
    let (good, _) = sealed("good", b"file");
    let (other, _) = sealed("other", b"file");
    for side in Side::BOTH {
        let mut garbage = good.front.wraps().clone();
        let mut foreign = garbage.clone();
        let noise = seal::Wrap::from_bytes(noise("garbage"));
        match side {
            Side::Center => {
                garbage.center = noise;
                foreign.center = other.front.wraps().center.clone();
            }
            Side::Supervisor => {
                garbage.supervisor = noise;
                foreign.supervisor = other.front.wraps().supervisor.clone();
            }
        }
        for wraps in [garbage, foreign] {
            let front = with_wraps(&good.front, &wraps);
            assert_eq!(analysis_key(&front).err(), Some(Missealed::Wrap { side }));
            // The side itself would have noticed only now, when it is needed.
            let wrap = front.wraps().get(side.purpose());
            let purpose = side.purpose();
            let refused = open_share(front.header(), side, wrap, &secret(purpose)).err();
            assert_eq!(refused, Some(SealError::Wrap { purpose }));
        }
    }
}

fn with_wraps(front: &Front, wraps: &Wraps) -> Front {
    let bytes = front.to_bytes();
    let header = bytes.len() - 3 * seal::limits::WRAP_BYTES;
    let mut made = bytes[..header].to_vec();
    for wrap in [&wraps.analysis, &wraps.center, &wraps.supervisor] {
        made.extend_from_slice(wrap.as_bytes());
    }
    Front::parse(&made).unwrap()
}

#[test]
fn shares_of_one_sample_never_open_another() {
    let (one, _) = sealed("one", b"file");
    let (two, _) = sealed("two", b"file");
    let [center, supervisor] = Side::BOTH.map(|side| share(&one.front, side));
    let [center2, supervisor2] = Side::BOTH.map(|side| share(&two.front, side));
    let open = |center, supervisor| {
        content_key_of_shares(two.front.header(), center, supervisor).map(drop)
    };
    let false_share = |side| Err(SealError::Share { side });
    assert_eq!(open(&center2, &supervisor2), Ok(()));
    assert_eq!(open(&center, &supervisor), false_share(Side::Center));
    assert_eq!(open(&center, &supervisor2), false_share(Side::Center));
    assert_eq!(open(&center2, &supervisor), false_share(Side::Supervisor));
    // The right secret in the wrong place is no share either.
    assert_eq!(open(&supervisor2, &center2), false_share(Side::Center));
    let forged = Share::received(Side::Center, Zeroizing::new([0; 32]));
    assert_eq!(open(&forged, &supervisor2), false_share(Side::Center));
}

#[test]
fn one_side_alone_and_the_wrong_epoch_open_nothing() {
    let (sealed, _) = sealed("alone", b"file");
    let header = sealed.front.header();
    for side in Side::BOTH {
        let purpose = side.purpose();
        let wrap = sealed.front.wraps().get(purpose);
        for other in [
            EpochPurpose::Analysis,
            EpochPurpose::Center,
            EpochPurpose::Supervisor,
        ] {
            let opened = open_share(header, side, wrap, &secret(other));
            assert_eq!(opened.is_ok(), other == purpose, "{side} with {other}");
        }
        // Its own wrap in the other's name: the info differs, though the key is right.
        let wrong = match side {
            Side::Center => Side::Supervisor,
            Side::Supervisor => Side::Center,
        };
        assert!(open_share(header, wrong, wrap, &secret(purpose)).is_err());
    }
    let keys = keys();
    let wrong = secret(EpochPurpose::Center);
    let refused = Opened::with_analysis_key(&sealed.front, &keys, &wrong).err();
    let purpose = EpochPurpose::Analysis;
    assert_eq!(refused, Some(SealError::Wrap { purpose }));
}

#[test]
fn keys_of_another_home_purpose_or_epoch_are_refused() {
    let [analysis, center, supervisor] = [
        EpochPurpose::Analysis,
        EpochPurpose::Center,
        EpochPurpose::Supervisor,
    ]
    .map(|purpose| epoch_key(purpose, "CH"));
    let swapped = EpochKeys::new(center.clone(), analysis.clone(), supervisor.clone());
    assert!(matches!(swapped, Err(SealError::EpochPurpose { .. })));
    let foreign = epoch_key(EpochPurpose::Supervisor, "RU");
    let mixed = EpochKeys::new(analysis, center, foreign);
    assert!(matches!(mixed, Err(SealError::EpochHome { .. })));

    let abroad = EpochKeys::new(
        epoch_key(EpochPurpose::Analysis, "RU"),
        epoch_key(EpochPurpose::Center, "RU"),
        epoch_key(EpochPurpose::Supervisor, "RU"),
    )
    .unwrap();
    let started = Sealer::start(address("abroad", 4), &abroad, &seed("abroad"), &[1; 64]);
    assert!(matches!(started.err(), Some(SealError::EpochHome { .. })));
    let (sealed, _) = sealed("abroad", b"file");
    let opener = secret(EpochPurpose::Analysis);
    let opened = Opened::with_analysis_key(&sealed.front, &abroad, &opener);
    assert!(matches!(opened.err(), Some(SealError::OtherEpoch { .. })));
}

#[test]
fn an_epoch_of_another_suite_or_with_a_key_that_is_none_is_refused() {
    let purpose = EpochPurpose::Center;
    let good = epoch(purpose, "CH", &secret(purpose));
    let digest = StatementDigest::of(b"epoch");
    assert!(EpochKey::read(digest, &good).is_ok());
    let mut suite = good.clone();
    suite.suite = "hpke-0020-0001-0001".to_owned();
    let refused = EpochKey::read(digest, &suite);
    assert!(matches!(refused, Err(SealError::Epoch { .. })));
    // The right length, and coefficients above the modulus of ML-KEM.
    let mut raw = secret(purpose).wrap_key().raw();
    raw[..3].fill(0xff);
    let mut key = good;
    key.key = STANDARD.encode(raw);
    let refused = EpochKey::read(digest, &key);
    assert_eq!(refused, Err(SealError::EpochKey { epoch: digest }));
}

#[test]
fn empty_and_oversized_samples_are_not_sealed() {
    for size_bytes in [0, seal::limits::SAMPLE_BYTES_MAX + 1] {
        let started = Sealer::start(
            address("size", size_bytes),
            &keys(),
            &seed("size"),
            &[1; 64],
        );
        let refused = Some(SealError::Size { bytes: size_bytes });
        assert_eq!(started.err(), refused);
    }
    let start = || Sealer::start(address("size", 10), &keys(), &seed("size"), &[1; 64]).unwrap();
    assert!(start().seal_all(b"too short").is_err());
    assert!(start().seal_all(b"too long by far").is_err());
    let missing = SealError::Unfinished { missing: 10 };
    assert_eq!(start().finish(), Err(missing));
}

#[test]
fn the_owner_signs_for_this_sample_and_these_wraps_only() {
    let (sealed, _) = sealed("owner", b"file");
    let address = sealed.front.header().address();
    let message = upload_message(&sealed.seal, &sealed.front.wraps().digest());
    let signature = signer("owner").sign(&message).to_bytes();
    assert_eq!(address.upload_key.verify(&message, &signature), Ok(()));
    let erasure = erasure_message(&address.sample, &sealed.seal);
    let refused = Err(SealError::Signature);
    assert_eq!(address.upload_key.verify(&erasure, &signature), refused);
    let stranger = signer("stranger").sign(&message).to_bytes();
    assert_eq!(address.upload_key.verify(&message, &stranger), refused);
    let disclosure = disclosure_message(&address.sample, &sealed.seal);
    let signature = signer("owner").sign(&disclosure).to_bytes();
    assert_eq!(address.upload_key.verify(&disclosure, &signature), Ok(()));
    assert_eq!(address.upload_key.verify(&erasure, &signature), refused);
}
