//! `POST /cosign/{role}` and `GET /refusals` of a running supervisor, and what it refuses to sign.

use std::collections::BTreeMap;

use crate::world::{PATIENCE, World, http, now};
use serde_json::Value;
use serve::{ClientError, Reply};
use tuf::{
    Expires, Seats, Signed, TargetFile, TargetPath, TargetRole, Targets, TufSigner, limits::DAY_S,
};

async fn cosign(url: &str, role: &str, candidate: Vec<u8>) -> Result<Reply, ClientError> {
    let url = format!("{url}/cosign/{role}");
    http()
        .post(&url, "application/json", candidate, 1 << 16, PATIENCE)
        .await
}

/// Status and code of a refusal.
fn refusal(answer: Result<Reply, ClientError>) -> (u16, String) {
    let error = answer.unwrap_err();
    (
        error.status().unwrap(),
        error.code().unwrap_or_default().to_owned(),
    )
}

fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn in_days(days: u64) -> Expires {
    Expires::from_posix(now() + days * DAY_S).unwrap()
}

/// Version 1 of `software`, with these targets.
fn software(targets: BTreeMap<TargetPath, TargetFile>) -> Signed<Targets> {
    Targets::listing(1, in_days(80), targets).unwrap()
}

fn signed(mut file: Signed<Targets>, keys: &[&dyn TufSigner]) -> Vec<u8> {
    for key in keys {
        file.sign(*key).unwrap();
    }
    file.to_bytes().unwrap()
}

/// A target that no release brings.
fn stray() -> BTreeMap<TargetPath, TargetFile> {
    let line = ["truename", "stable", "linux-x86_64"];
    let path = TargetPath::new(TargetRole::Software, line, 1, "truename").unwrap();
    let release = tlog::sha256(b"no release");
    let target = TargetFile::new(&path, 3, tlog::sha256(b"abc"), release);
    BTreeMap::from([(path, target)])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extra_target_is_refused_and_the_same_file_without_it_is_signed() {
    let world = World::found().await;
    let url = world.start_supervisor().await;
    let center = world.tuf_key("vendor", "tuf-software");

    let extra = signed(software(stray()), &[&center]);
    let answer = cosign(&url, "software", extra.clone()).await;
    assert_eq!(
        refusal(answer),
        code(403, "metadata.target_without_release")
    );
    let list = http()
        .get(&format!("{url}/refusals"), 1 << 16)
        .await
        .unwrap();
    let list: Vec<Value> = serde_json::from_slice(&list).unwrap();
    let digest = statement::FileDigest::of(&extra).to_string();
    let listed = list.iter().find(|refused| refused["subject"] == *digest);
    assert_eq!(listed.unwrap()["code"], "metadata.target_without_release");

    let honest = software(BTreeMap::new());
    let answer = cosign(&url, "software", signed(honest.clone(), &[&center])).await;
    let answer: Value = serde_json::from_slice(&answer.unwrap().body).unwrap();
    let own = world.tuf_key("supervisor", "tuf-software");
    assert_eq!(answer["keyid"], own.key().id().as_str());
    let bytes = tuf::signing_bytes(honest.signed()).unwrap();
    assert_eq!(answer["sig"], hex::encode(own.sign(&bytes)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_is_signed_only_after_a_center_of_the_roster() {
    let world = World::found().await;
    let url = world.start_supervisor().await;
    let honest = || software(BTreeMap::new());
    let unknown = tuf::fixture::FixtureSigner::new(9);
    let own = world.tuf_key("supervisor", "tuf-rules");
    let lab = world.tuf_key("lab-a", "tuf-software");
    let quorum = code(403, "metadata.quorum");
    for keys in [
        vec![],
        vec![&unknown as &dyn TufSigner],
        vec![&own],
        vec![&lab],
    ] {
        let answer = cosign(&url, "software", signed(honest(), &keys)).await;
        assert_eq!(refusal(answer), quorum);
    }
    // A true signature, but under another file.
    let center = world.tuf_key("vendor", "tuf-software");
    let other = signed(software(stray()), &[&center]);
    let other: Value = serde_json::from_slice(&other).unwrap();
    let moved = signed(honest(), &[]);
    let mut moved: Value = serde_json::from_slice(&moved).unwrap();
    moved["signatures"] = other["signatures"].clone();
    let answer = cosign(&url, "software", serde_json::to_vec(&moved).unwrap()).await;
    assert_eq!(refusal(answer), quorum);
}

#[tokio::test(flavor = "multi_thread")]
async fn delegations_are_signed_only_to_rostered_keys_of_center_and_supervisor() {
    let world = World::found().await;
    let url = world.start_supervisor().await;
    let center = world.tuf_key("vendor", "tuf-targets");
    let key = |party, file| world.tuf_key(party, file).key().clone();
    let stranger = tuf::fixture::FixtureSigner::new(9).key().clone();
    let seats = |keys: Vec<tuf::Key>, threshold| Seats { keys, threshold };
    let both = || {
        vec![
            key("vendor", "tuf-software"),
            key("supervisor", "tuf-software"),
        ]
    };
    let of_center = vec![
        key("vendor", "tuf-software"),
        key("vendor", "tuf-software-2"),
    ];
    let with_stranger = vec![key("vendor", "tuf-software"), stranger];
    let rules = || (TargetRole::Rules, world.seats("rules"));
    let candidate = |software: Seats| {
        let roles = [(TargetRole::Software, software), rules()];
        signed(
            Targets::delegating(1, in_days(300), &roles).unwrap(),
            &[&center],
        )
    };
    let quorum = code(403, "metadata.quorum");
    for wrong in [seats(of_center, 2), seats(both(), 1)] {
        let answer = cosign(&url, "targets", candidate(wrong)).await;
        assert_eq!(refusal(answer), quorum);
    }
    let strange = cosign(&url, "targets", candidate(seats(with_stranger, 2))).await;
    assert_eq!(refusal(strange), code(403, "metadata.other_change"));
    let only_rules = Targets::delegating(1, in_days(300), &[rules()]).unwrap();
    let answer = cosign(&url, "targets", signed(only_rules, &[&center])).await;
    assert_eq!(refusal(answer), quorum);
    let honest = candidate(seats(both(), 2));
    assert_eq!(cosign(&url, "targets", honest).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_answered_with_its_own_status() {
    let world = World::found().await;
    let url = world.start_supervisor().await;
    let center = world.tuf_key("vendor", "tuf-software");
    let honest = signed(software(BTreeMap::new()), &[&center]);

    let answer = cosign(&url, "timestamp", honest.clone()).await;
    assert_eq!(refusal(answer), code(404, "metadata.role"));
    for malformed in [
        b"{}".to_vec(),
        b"\xff\x00".to_vec(),
        honest[1..].to_vec(),
        Vec::new(),
    ] {
        let answer = cosign(&url, "software", malformed).await;
        assert_eq!(refusal(answer), code(400, "metadata.malformed"));
    }
    // Refused before all of it was read, so the connection may be reset before the answer was. Then the client asks again.
    let mut tries = 0;
    let too_long = loop {
        tries += 1;
        match cosign(&url, "software", vec![b' '; 2 << 20]).await {
            Err(error) if error.status().is_none() && tries < 20 => {}
            answer => break answer,
        }
    };
    assert_eq!(refusal(too_long).0, 413);
    let far = Targets::listing(1, in_days(100), BTreeMap::new()).unwrap();
    let answer = cosign(&url, "software", signed(far, &[&center])).await;
    assert_eq!(refusal(answer), code(403, "metadata.expiry"));
    let second = Targets::listing(2, in_days(80), BTreeMap::new()).unwrap();
    let answer = cosign(&url, "software", signed(second, &[&center])).await;
    assert_eq!(refusal(answer), code(403, "metadata.version"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_candidate_per_version_is_cosigned_and_remembered_across_restarts() {
    let world = World::found().await;
    let center = world.tuf_key("vendor", "tuf-software");
    let candidate = |days| {
        let file = Targets::listing(1, in_days(days), BTreeMap::new()).unwrap();
        signed(file, &[&center])
    };
    let (first, second) = (candidate(80), candidate(70));
    let mut room = world.supervisor_room();
    let given = room.cosign("software", &first).await.unwrap();
    drop(room);

    let url = world.start_supervisor().await;
    let answer = cosign(&url, "software", second.clone()).await;
    assert_eq!(refusal(answer), code(409, "metadata.second_candidate"));
    let list = http()
        .get(&format!("{url}/refusals"), 1 << 16)
        .await
        .unwrap();
    let list: Vec<Value> = serde_json::from_slice(&list).unwrap();
    let digest = statement::FileDigest::of(&second).to_string();
    let listed = list.iter().find(|refused| refused["subject"] == *digest);
    assert_eq!(listed.unwrap()["code"], "metadata.second_candidate");
    // The very same again is answered as before.
    let again = cosign(&url, "software", first.clone()).await.unwrap();
    let again: Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(again["sig"], given.sig);

    // A center that lost the answer fetches the file that both signed.
    let file = http()
        .get(&format!("{url}/cosigned/software/1"), 1 << 20)
        .await
        .unwrap();
    let file = Signed::<Targets>::parse(&file).unwrap();
    let first = Signed::<Targets>::parse(&first).unwrap();
    assert_eq!(
        (file.signed(), file.signatures().len()),
        (first.signed(), 2)
    );
    for (path, status) in [
        ("software/2", 404),
        ("timestamp/1", 404),
        ("software/x", 400),
    ] {
        let none = http()
            .get(&format!("{url}/cosigned/{path}"), 1 << 16)
            .await
            .unwrap_err();
        assert_eq!(none.status(), Some(status), "{path}");
    }
}
