//! What machines do with a sample, and what an owner can prove of it.

use std::path::Path;

use center::Config;
use statement::{Predicate, Proven, ReceiptRecord, StatementDigest, VerdictRecord};

use crate::world::{
    Owner, RULES, Tweak, World, healthz, http, open_logged, open_signed, text, tool_names, wait_for,
};

/// Harmless, and known to every scanner; assembled here, so that no scanner finds it in this file.
fn eicar() -> Vec<u8> {
    let halves = [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!$H+H*",
    ];
    halves.concat().into_bytes()
}

/// A database that knows the file above by its digest, released.
async fn known_bad(world: &World) -> Config {
    let digest = tlog::sha256(&eicar()).to_hex();
    let list = format!("limpid-digests v1\n{digest} eicar\n");
    let (rules, database) = world
        .release_rules("digests", "known-bad.txt", list.as_bytes())
        .await;
    Config {
        rules,
        database: Some(database),
        ..world.config()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_goes_from_upload_to_a_verdict_that_its_owner_proves() {
    let world = World::found().await;
    let cell = world.start(known_bad(&world).await).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(&eicar(), &keys, world.policy);
    owner.send(&cell.url).await.unwrap();
    let shown = owner.wait(&cell.url, "analysed", "verdict").await;

    let (batch, said) = open_logged(&world, &shown["receipt"]).await;
    let Predicate::Receipts(receipts) = &said.predicate else {
        panic!("a receipt stands in a batch of receipts");
    };
    let receipt = text(&shown["receipt"]["proven"]);
    let receipt: Proven<ReceiptRecord> = Proven::parse(receipt.as_bytes()).unwrap();
    let receipt = receipt.check(batch, receipts).unwrap();
    assert_eq!((&receipt.sample, receipt.seal), (&owner.sample, owner.seal));

    let (batch, said) = open_logged(&world, &shown["verdict"]).await;
    let Predicate::Verdicts(verdicts) = &said.predicate else {
        panic!("a verdict stands in a batch of verdicts");
    };
    let verdict = text(&shown["verdict"]["proven"]);
    let verdict: Proven<VerdictRecord> = Proven::parse(verdict.as_bytes()).unwrap();
    let verdict = verdict.check(batch, verdicts).unwrap();
    assert_eq!((&verdict.sample, verdict.seal), (&owner.sample, owner.seal));
    assert_eq!(verdict.outcome.as_str(), "malicious");
    assert_eq!(verdict.reasons[0].as_str(), "digest.known-bad:eicar");
    assert_eq!(verdict.worker, StatementDigest::of(b"worker"));
    assert_eq!(verdicts.outcomes.malicious, 1);
    let touched = shown["touched"].as_array().unwrap();
    assert_eq!((touched.len(), &touched[0]["end"]), (1, &"reported".into()));

    // The receipt alone, and nobody else's.
    let url = format!("{}/samples/{}/receipt", cell.url, owner.sample);
    let ask = async |signature| {
        let client = http();
        let asked = client.post(&url, "", signature, 1 << 20, crate::world::PATIENCE);
        asked.await.map(|reply| reply.status)
    };
    assert_eq!(ask(owner.disclosure_signature()).await.unwrap(), 200);
    let refused = ask(owner.erasure_signature()).await.err().unwrap();
    assert_eq!(refused.code(), Some("sample.signature"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missealed_sample_is_named_and_never_read() {
    let world = World::found().await;
    // Its child would die: that it does not shows that none was started.
    let config = Config {
        worker_arguments: vec!["die".to_owned()],
        ..world.config()
    };
    let cell = world.start(config).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::with(b"file", &keys, world.policy, Tweak::GarbageWrap);
    owner.send(&cell.url).await.unwrap();
    let shown = owner.wait(&cell.url, "analysed", "verdict").await;
    let verdict = text(&shown["verdict"]["proven"]);
    let verdict: Proven<VerdictRecord> = Proven::parse(verdict.as_bytes()).unwrap();
    let (batch, said) = open_logged(&world, &shown["verdict"]).await;
    let Predicate::Verdicts(verdicts) = &said.predicate else {
        panic!("a verdict stands in a batch of verdicts");
    };
    let verdict = verdict.check(batch, verdicts).unwrap();
    assert_eq!(verdict.outcome.as_str(), "missealed");
    assert_eq!(verdicts.outcomes.missealed, 1);
    assert_eq!(shown["touched"][0]["end"], "missealed");
    assert_eq!(shown["touched"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_that_kills_its_workers_is_set_aside_with_its_reason() {
    let world = World::found().await;
    let config = Config {
        worker_arguments: vec!["die".to_owned()],
        ..world.config()
    };
    let cell = world.start(config).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"poison", &keys, world.policy);
    owner.send(&cell.url).await.unwrap();
    let shown = owner.wait(&cell.url, "set-aside", "receipt").await;
    assert!(shown["verdict"].is_null(), "machines did not judge it");
    let ends: Vec<_> = shown["touched"]
        .as_array()
        .unwrap()
        .iter()
        .map(|touched| text(&touched["end"]))
        .collect();
    assert_eq!(ends, ["died", "died", "died"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_does_not_end_is_ended() {
    let world = World::found().await;
    let config = Config {
        worker_arguments: vec!["endless".to_owned()],
        worker_wall_ms: 1_500,
        ..world.config()
    };
    let cell = world.start(config).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"endless", &keys, world.policy);
    owner.send(&cell.url).await.unwrap();
    let shown = owner.wait(&cell.url, "set-aside", "receipt").await;
    assert_eq!(shown["touched"][2]["end"], "time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_looks_around_is_killed_and_its_report_does_not_count() {
    let world = World::found().await;
    let config = Config {
        worker_arguments: vec!["curious".to_owned()],
        ..world.config()
    };
    let cell = world.start(config).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"taken over", &keys, world.policy);
    owner.send(&cell.url).await.unwrap();
    let shown = owner.wait(&cell.url, "set-aside", "receipt").await;
    assert!(shown["verdict"].is_null(), "nobody judged it");
    assert_eq!(shown["touched"][2]["end"], "died");
}

/// A gzip whose one member is longer than its few bytes may hold.
fn bomb() -> Vec<u8> {
    use std::io::Write;
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    zip.write_all(&vec![0; 12 << 20]).unwrap();
    zip.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anomaly_is_logged_without_anything_that_points_at_the_file() {
    let world = World::found().await;
    let cell = world.start(world.config()).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(&bomb(), &keys, world.policy);
    owner.send(&cell.url).await.unwrap();
    let shown = owner.wait(&cell.url, "analysed", "anomaly").await;
    let (_, said) = open_logged(&world, &shown["anomaly"]).await;
    let Predicate::Anomaly(anomaly) = &said.predicate else {
        panic!("an anomaly");
    };
    assert_eq!((&anomaly.sample, anomaly.seal), (&owner.sample, owner.seal));
    assert_eq!(anomaly.region.as_str(), "europe");
    assert!(anomaly.size_bytes_max.is_power_of_two());
    let names: Vec<_> = anomaly
        .reasons
        .iter()
        .map(|reason| reason.as_str())
        .collect();
    assert!(names.contains(&"limit.ratio"), "{names:?}");
    assert!(names.iter().all(|name| !name.contains(':')), "{names:?}");
    let (receipts, _) = open_logged(&world, &shown["receipt"]).await;
    let (verdicts, _) = open_logged(&world, &shown["verdict"]).await;
    assert_eq!((anomaly.receipts, anomaly.verdicts), (receipts, verdicts));
}

/// Whether these bytes stand in any file below.
pub(crate) fn find(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match std::fs::symlink_metadata(&path) {
            Ok(about) if about.is_dir() => find(&path, needle),
            Ok(about) if about.is_file() => {
                let bytes = std::fs::read(&path).unwrap_or_default();
                bytes.windows(needle.len()).any(|window| window == needle)
            }
            _ => false,
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ciphertext_on_disk_shows_no_plaintext_marker() {
    let world = World::found().await;
    let cell = world.start(world.config()).await;
    let keys = world.epoch_keys(&cell.url).await;
    let marker = b"a marker that stands nowhere else 7f3a91";
    let file = [&marker[..], &vec![b'.'; 100_000], marker].concat();
    let owner = Owner::of(&file, &keys, world.policy);
    owner.begin(&cell.url).await.unwrap();
    owner.append(&cell.url, 0, 1 << 20).await.unwrap();
    owner.complete(&cell.url).await.unwrap();
    owner.wait(&cell.url, "analysed", "verdict").await;
    let dir = world.path().join("cell");
    assert!(!find(&dir, marker), "plaintext was written");
    // The same search finds what is there.
    assert!(find(&dir, &owner.ciphertext[1_000..1_040]));
    assert!(find(&dir, owner.sample.as_str().as_bytes()));
}

/// Until the cell names the duty that rests.
async fn says_so(cell: &crate::world::Cell) {
    wait_for("the cell says that machines rest", async || {
        healthz(&cell.url)
            .await
            .contains("failing: tools")
            .then_some(())
    })
    .await;
}

/// A cell with these rules, a sample that waits in it, and why machines rest.
async fn waits(world: &World, config: Config, why: &str) -> (crate::world::Cell, Owner) {
    let cell = world.start(config).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"a letter", &keys, world.policy);
    owner.send(&cell.url).await.unwrap();
    // Everything else goes on.
    let shown = owner.wait(&cell.url, "waiting", "receipt").await;
    assert!(shown["touched"].as_array().unwrap().is_empty(), "{why}");
    says_so(&cell).await;
    (cell, owner)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_opened_for_rules_that_the_supervisor_did_not_sign() {
    let world = World::found().await;
    let (rules, database) = world.sign_rules_alone("alone", RULES.as_bytes()).await;
    let alone = Config {
        rules,
        database: Some(database),
        ..world.config()
    };
    let (cell, owner) = waits(&world, alone, "half a release").await;
    cell.stop().await;
    // With what both signed it goes on with the very sample.
    let cell = world.start(world.config()).await;
    let shown = owner.wait(&cell.url, "analysed", "verdict").await;
    let tools = shown["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 4, "two releases, two signatures each");
    let follower = world.follower().await;
    let mut signed = std::collections::BTreeSet::new();
    for tool in tools {
        let ((party, _), digest, said) = open_signed(&follower, tool);
        assert!(matches!(said.predicate, Predicate::Release(_)));
        signed.insert((digest, party));
    }
    let names = tool_names(world.path());
    let each = [names.rules, names.scoring].into_iter();
    let expected = each.flat_map(|tool| ["vendor", "supervisor"].map(|by| (tool, by.to_owned())));
    assert_eq!(signed, expected.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_opened_for_a_file_that_is_not_the_released_one() {
    let world = World::found().await;
    let config = world.config();
    let database = config.database.clone().unwrap();
    let more = "rule Hunt { strings: $a = \"minutes of the board\" condition: $a }";
    std::fs::write(database.join("second.yar"), more).unwrap();
    let (cell, _) = waits(&world, config.clone(), "a file more").await;
    cell.stop().await;
    std::fs::remove_file(database.join("second.yar")).unwrap();
    let table = config.scoring_table.clone().unwrap();
    let other = scan::FIRST_SCORING.replace("digest.known-bad 100", "digest.known-bad 0");
    assert_ne!(other, scan::FIRST_SCORING);
    std::fs::write(&table, other).unwrap();
    let (cell, _) = waits(&world, config, "another table").await;
    cell.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_of_its_rules_stops_a_cell_at_work_and_loses_nothing() {
    let world = World::found().await;
    let cell = world.start(world.config()).await;
    let keys = world.epoch_keys(&cell.url).await;
    let first = Owner::of(b"a letter", &keys, world.policy);
    first.send(&cell.url).await.unwrap();
    first.wait(&cell.url, "analysed", "verdict").await;
    world.withdraw(tool_names(world.path()).rules).await;
    says_so(&cell).await;
    let second = Owner::of(b"another letter", &keys, world.policy);
    second.send(&cell.url).await.unwrap();
    let shown = second.wait(&cell.url, "waiting", "receipt").await;
    assert!(shown["touched"].as_array().unwrap().is_empty());
}
