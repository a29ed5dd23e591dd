//! A share sealed once more: for one sample, under one grant, by one side; and the bytes in which it is asked for.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use seal::{
    REQUEST_BYTES_MAX, SealError, SealedShare, Share, ShareRequest, Side, WrapKey,
    content_key_of_shares, limits::WRAP_BYTES, open_sealed_share, open_share, seal_share,
};
use statement::{EpochPurpose, StatementDigest};
use tlog::Hash;
use zeroize::Zeroizing;

use crate::cast::{noise, sealed, secret};

fn grant() -> StatementDigest {
    StatementDigest::of(b"grant")
}

/// What both openers answer about a sample.
fn answers(label: &str) -> (seal::Front, [SealedShare; 2]) {
    let (sealed, _) = sealed(label, b"a file");
    let header = sealed.front.header();
    let machines = secret(EpochPurpose::Analysis);
    let answers = Side::BOTH.map(|side| {
        let wrap = sealed.front.wraps().get(side.purpose());
        let share = open_share(header, side, wrap, &secret(side.purpose())).unwrap();
        let to = seal::WrapOpener::wrap_key(&machines);
        SealedShare {
            epoch: StatementDigest::of(b"epoch"),
            wrap: seal_share(header, &share, grant(), to, &noise("once")),
        }
    });
    (sealed.front, answers)
}

#[test]
fn both_answers_together_open_the_sample_at_home() {
    let (front, answers) = answers("again");
    let machines = secret(EpochPurpose::Analysis);
    let mut shares = Side::BOTH.into_iter().zip(&answers).map(|(side, answer)| {
        let carried = SealedShare::parse(&answer.to_bytes()).unwrap();
        open_sealed_share(front.header(), side, grant(), &carried.wrap, &machines).unwrap()
    });
    let (center, supervisor) = (shares.next().unwrap(), shares.next().unwrap());
    content_key_of_shares(front.header(), &center, &supervisor).unwrap();
    // The sides do not stand in for each other.
    let swapped = content_key_of_shares(front.header(), &supervisor, &center);
    assert_eq!(
        swapped.map(drop),
        Err(SealError::Share { side: Side::Center })
    );
}

/// The one block of a page after a mark.
fn block<'a>(page: &'a str, mark: &str) -> &'a str {
    let (_, rest) = page.split_once(mark).unwrap();
    rest.split_once("\n```").unwrap().0
}

#[test]
fn the_page_shows_the_wrap_that_is_made_of_the_sample_small() {
    let sealing = include_str!("../../../../spec/sealing.md");
    let (_, rest) = sealing.split_once("## Header").unwrap();
    let header = format!("{}\n", block(rest, "```text\n"));
    let header = seal::Header::parse(header.as_bytes()).unwrap();
    let k2 = "9e68bf6539dfadc1f186d087cb5908b4630ca2c1a5e0f120f24db891927c120d";
    assert!(sealing.contains(k2));
    let mut share = Zeroizing::new([0; 32]);
    share.copy_from_slice(&hex::decode(k2).unwrap());
    let share = Share::received(Side::Supervisor, share);
    assert_eq!(share.digest(), header.share_digest(Side::Supervisor));
    let vectors = include_str!("../../../../spec/vectors/sealing.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let key = cases.iter().find(|case| case["name"] == "the_analysis_key");
    let key = key.unwrap()["result"]["base64"].as_str().unwrap();
    let to = WrapKey::from_raw(&STANDARD.decode(key).unwrap()).unwrap();
    let page = include_str!("../../../../spec/reanalysis-grant.md");
    let grant = StatementDigest::of(block(page, "```json\n").as_bytes());
    let randomness: [u8; 64] = std::array::from_fn(|at| at as u8);
    let wrap = seal_share(&header, &share, grant, &to, &randomness);
    let page = include_str!("../../../../spec/reanalysis.md");
    let (_, example) = page.split_once("## Example").unwrap();
    let made = format!(
        "grant         {grant}\nheader digest {}\nwrap SHA-256  {}",
        header.digest().to_hex(),
        tlog::sha256(wrap.as_bytes()).to_hex()
    );
    assert_eq!(block(example, "```text\n"), made);
}

#[test]
fn an_answer_opens_as_nothing_else() {
    let (front, [center, _]) = answers("again");
    let (other, _) = answers("another");
    let machines = secret(EpochPurpose::Analysis);
    let open = |front: &seal::Front, side, grant, opener: &seal::WrapSecret| {
        open_sealed_share(front.header(), side, grant, &center.wrap, opener).map(drop)
    };
    open(&front, Side::Center, grant(), &machines).unwrap();
    let second = StatementDigest::of(b"another grant");
    let rest = secret(EpochPurpose::Center);
    for (front, side, grant, opener) in [
        (&other, Side::Center, grant(), &machines),
        (&front, Side::Supervisor, grant(), &machines),
        (&front, Side::Center, second, &machines),
        (&front, Side::Center, grant(), &rest),
    ] {
        let refused = Err(SealError::Resealed { side });
        assert_eq!(open(front, side, grant, opener), refused);
    }
}

#[test]
fn a_false_share_has_the_name_of_its_side() {
    let (front, [center, _]) = answers("again");
    let (other, [_, false_share]) = answers("another");
    let machines = secret(EpochPurpose::Analysis);
    let open = |front: &seal::Front, side, answer: &SealedShare| {
        open_sealed_share(front.header(), side, grant(), &answer.wrap, &machines).unwrap()
    };
    let center = open(&front, Side::Center, &center);
    let lied = open(&other, Side::Supervisor, &false_share);
    let refused = content_key_of_shares(front.header(), &center, &lied).map(drop);
    let side = Side::Supervisor;
    assert_eq!(refused, Err(SealError::Share { side }));
}

proptest! {
    #[test]
    fn a_request_is_read_back_and_nothing_shorter_or_longer_is(
        index in any::<u64>(),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=64),
        cut in any::<prop::sample::Index>(),
    ) {
        let (front, _) = answers("again");
        let request = ShareRequest {
            grant: grant(),
            ciphertext: tlog::sha256(b"ciphertext"),
            index,
            path: hashes.into_iter().map(Hash::from_bytes).collect(),
            front,
        };
        let bytes = request.to_bytes();
        prop_assert!(bytes.len() <= REQUEST_BYTES_MAX);
        prop_assert_eq!(ShareRequest::parse(&bytes).unwrap(), request);
        prop_assert!(ShareRequest::parse(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(ShareRequest::parse(&[&bytes, &b"x"[..]].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let _ = ShareRequest::parse(&bytes);
        let whole = SealedShare::parse(&bytes);
        prop_assert_eq!(whole.is_some(), bytes.len() == 32 + WRAP_BYTES);
    }
}
