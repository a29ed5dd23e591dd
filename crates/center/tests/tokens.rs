//! Who may begin an upload where tokens are asked for: whoever shows one, once, and nobody knows who that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use center::{AdmissionRule, Config};
use serve::Clock;
use statement::{SamplingRule, SamplingStep};
use token::{Token, TokenSecret};

use crate::kills::Process;
use crate::world::issuer::{Installation, blind, key_of};
use crate::world::{Owner, World, get_json, http, now, text, wait_for};

const DAY: u64 = 86_400;

/// A cell without machines that asks for tokens.
fn asking(world: &World) -> Config {
    Config {
        workers: 0,
        admission: AdmissionRule::Tokens,
        ..world.config()
    }
}

fn code<T>(done: Result<T, serve::ClientError>) -> (u16, String) {
    let error = done.err().expect("it is refused");
    let refused = error.refused().expect("by a daemon");
    (refused.status, error.code().unwrap_or_default().to_owned())
}

fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Waits until the cell knows whose tokens it takes.
pub(crate) async fn wait_admission(cell: &str) -> serde_json::Value {
    wait_for("the cell takes tokens", async || {
        let shown = get_json(&format!("{cell}/where")).await;
        (!shown["admission"].as_array()?.is_empty()).then_some(shown)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_asks_for_tokens_takes_nothing_without_one() {
    let world = World::found().await;
    let cell = world.start(asking(&world)).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"file", &keys, world.policy);
    let (none, missing) = (
        told(503, "intake.no_issuer"),
        told(401, "intake.token_missing"),
    );
    assert_eq!(code(owner.begin(&cell.url).await), none);
    let issuer = world.start_issuer(world.issuer_config()).await;
    let shown = wait_admission(&cell.url).await;
    assert_eq!(
        text(&shown["admission"][0]["issuer"]),
        "issuer.vendor.example"
    );
    assert_eq!(code(owner.begin(&cell.url).await), missing);
    assert_eq!(code(owner.send(&cell.url).await), missing);

    // A token of a key that nobody logged, and one of the right key with one bit changed.
    let said = world.admissions().await.pop().unwrap();
    let (key, challenge) = key_of(&said);
    let own = TokenSecret::from_seed(&[9; 32]).unwrap();
    let foreign = {
        let blinding = token::Blinding::start(own.public(), &challenge, [1; 32], &[2; 32]).unwrap();
        let answer = own.sign(&blinding.request(own.public()), &[3; 32]).unwrap();
        blinding.finish(own.public(), &challenge, &answer).unwrap()
    };
    let good = world.token(&issuer, 1).await;
    let mut changed = good.to_bytes();
    changed[200] ^= 1;
    let changed = Token::parse(&changed).unwrap();
    for wrong in [&foreign, &changed] {
        let refused = told(401, "intake.token");
        assert_eq!(code(owner.send_with(&cell.url, wrong).await), refused);
        assert_eq!(code(owner.begin_with(&cell.url, wrong).await), refused);
    }
    let url = format!("{}/uploads/{}", cell.url, owner.sample);
    assert_eq!(
        code(http().get(&url, 1 << 10).await),
        told(404, "intake.unknown")
    );
    owner.send_with(&cell.url, &good).await.unwrap();
    assert_eq!(good.key_id(), key.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_spent_once() {
    let world = World::found().await;
    let issuer = world.start_issuer(world.issuer_config()).await;
    let cell = world.start(asking(&world)).await;
    wait_admission(&cell.url).await;
    let keys = world.epoch_keys(&cell.url).await;
    let token = world.token(&issuer, 1).await;
    let [first, second, third] =
        [&b"first"[..], b"second", b"third"].map(|it| Owner::of(it, &keys, world.policy));
    let taken = first.send_with(&cell.url, &token).await.unwrap();
    // The same call again, whose answer may have been lost.
    assert_eq!(first.send_with(&cell.url, &token).await.unwrap(), taken);
    let spent = told(409, "intake.token_spent");
    assert_eq!(code(second.send_with(&cell.url, &token).await), spent);
    assert_eq!(code(second.begin_with(&cell.url, &token).await), spent);

    // An upload that goes on needs no second one, and the one it began with is spent.
    let token = world.token(&issuer, 1).await;
    third.begin_with(&cell.url, &token).await.unwrap();
    third.begin(&cell.url).await.unwrap();
    assert_eq!(code(second.send_with(&cell.url, &token).await), spent);
    cell.stop().await;
    let cell = world.start(asking(&world)).await;
    wait_admission(&cell.url).await;
    assert_eq!(code(second.send_with(&cell.url, &token).await), spent);
    third.begin(&cell.url).await.unwrap();
    third.append(&cell.url, 0, 1 << 20).await.unwrap();
    third.complete(&cell.url).await.unwrap();
    let token = world.token(&issuer, 1).await;
    second.send_with(&cell.url, &token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draw_that_is_lost_costs_its_token() {
    let world = World::found().await;
    let sampling = SamplingRule::new(vec![SamplingStep {
        waiting: 1,
        one_in: 64,
    }]);
    let cell = Config {
        sampling: sampling.unwrap(),
        ..asking(&world)
    };
    let cell = world.start(cell).await;
    let issuer = world.start_issuer(world.issuer_config()).await;
    wait_admission(&cell.url).await;
    let keys = world.epoch_keys(&cell.url).await;
    let file = || Owner::of(b"file", &keys, world.policy);
    let mut installation = 1;
    let (lost, token) = loop {
        let (owner, token) = (file(), world.token(&issuer, installation).await);
        installation += 1;
        if let sent @ Err(_) = owner.send_with(&cell.url, &token).await {
            assert_eq!(code(sent), told(403, "intake.sampled"));
            break (owner, token);
        }
    };
    // No other file draws for it, and the same one is told the same.
    let spent = told(409, "intake.token_spent");
    assert_eq!(code(file().send_with(&cell.url, &token).await), spent);
    assert_eq!(code(file().begin_with(&cell.url, &token).await), spent);
    let again = code(lost.send_with(&cell.url, &token).await);
    assert_eq!(again, told(403, "intake.sampled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_samples_that_come_at_once_with_one_token_one_is_taken() {
    let world = World::found().await;
    let issuer = world.start_issuer(world.issuer_config()).await;
    let cell = world.start(asking(&world)).await;
    wait_admission(&cell.url).await;
    let keys = world.epoch_keys(&cell.url).await;
    let token = world.token(&issuer, 1).await;
    let mut sent = tokio::task::JoinSet::new();
    for n in 0..12_u8 {
        let owner = Owner::of(&[n; 100], &keys, world.policy);
        let (url, token) = (cell.url.clone(), token.clone());
        sent.spawn(async move {
            match n % 2 {
                0 => owner.send_with(&url, &token).await,
                _ => owner.begin_with(&url, &token).await,
            }
        });
    }
    let done = sent.join_all().await;
    let refused: Vec<_> = done.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 11);
    for error in refused {
        assert_eq!(error.code(), Some("intake.token_spent"), "{error}");
    }
    // Nothing of the others is left on disk.
    let mut files = 0;
    for part in std::fs::read_dir(world.path().join("cell/ciphertext")).unwrap() {
        files += std::fs::read_dir(part.unwrap().path()).unwrap().count();
    }
    assert!(files <= 1, "{files} files of one token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_a_token_spent_with_its_sample_or_not_at_all() {
    let world = World::found().await;
    let issuer = world.start_issuer(world.issuer_config()).await;
    let mut sent = Vec::new();
    for round in 0..6_u32 {
        let cell = Process::asking(&world);
        let url = cell.url().await;
        wait_admission(&url).await;
        let keys = world.epoch_keys(&url).await;
        let owner = Owner::of(format!("file {round}").as_bytes(), &keys, world.policy);
        let (owner, token) = (Arc::new(owner), world.token(&issuer, 1).await);
        let sending = tokio::spawn({
            let (owner, token) = (Arc::clone(&owner), token.clone());
            async move { owner.send_with(&url, &token).await.is_ok() }
        });
        // Somewhere between the first byte and the answer.
        tokio::time::sleep(std::time::Duration::from_millis(u64::from(3 * round))).await;
        drop(cell);
        let _acknowledged = sending.await.unwrap();
        sent.push((owner, token));
    }
    let cell = Process::asking(&world);
    let url = cell.url().await;
    wait_admission(&url).await;
    let keys = world.epoch_keys(&url).await;
    for (owner, token) in &sent {
        // Taken before, or now: the token is good for this sample in both cases, and for no other.
        owner.send_with(&url, token).await.unwrap();
        let other = Owner::of(b"another file", &keys, world.policy);
        let refused = code(other.send_with(&url, token).await);
        assert_eq!(refused, told(409, "intake.token_spent"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_gets_so_many_tokens_a_day_and_a_restart_gives_it_no_more() {
    let world = World::found().await;
    let config = center::IssuerConfig {
        tokens_per_day: 2,
        ..world.issuer_config()
    };
    let issuer = world.start_issuer(config.clone()).await;
    let said = world.admissions().await.pop().unwrap();
    let (key, _) = key_of(&said);
    let installation = Installation::new(1);
    let (first, second, third) = (blind(&said), blind(&said), blind(&said));
    let ask =
        async |url: &str, it: &token::Blinding| installation.ask(url, &it.request(&key)).await;
    let answer = ask(&issuer.url, &first).await.unwrap();
    ask(&issuer.url, &second).await.unwrap();
    let quota = told(429, "issuer.quota");
    assert_eq!(code(ask(&issuer.url, &third).await), quota);
    // What was counted is answered again, byte for byte.
    assert_eq!(ask(&issuer.url, &first).await.unwrap(), answer);
    issuer.stop().await;
    let issuer = world.start_issuer(config).await;
    assert_eq!(world.admissions().await.len(), 1, "the day keeps its key");
    assert_eq!(code(ask(&issuer.url, &third).await), quota);
    assert_eq!(ask(&issuer.url, &first).await.unwrap(), answer);
    let other = Installation::new(2);
    other.ask(&issuer.url, &third.request(&key)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_signs_for_licensed_installations_only() {
    let world = World::found().await;
    let issuer = world.start_issuer(world.issuer_config()).await;
    let said = world.admissions().await.pop().unwrap();
    let (key, _) = key_of(&said);
    let request = blind(&said).request(&key);
    let unknown = told(401, "issuer.licence");
    let own = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let unlicensed = Installation::licensed_by(&own, 1, now() + 1_000);
    assert_eq!(code(unlicensed.ask(&issuer.url, &request).await), unknown);
    // Somebody else's licence.
    let mut thief = Installation::new(4);
    thief.licence = Installation::new(5).licence;
    assert_eq!(code(thief.ask(&issuer.url, &request).await), unknown);
    let mut other_key = request.to_bytes();
    other_key[2] ^= 1;
    let other_key = token::TokenRequest::parse(&other_key).unwrap();
    let known = Installation::new(5);
    assert_eq!(
        code(known.ask(&issuer.url, &other_key).await),
        told(422, "issuer.key")
    );
    let url = format!("{}/token-request", issuer.url);
    let bare = http()
        .post(&url, "text/plain", "x", 1 << 10, crate::world::PATIENCE)
        .await;
    assert_eq!(code(bare), unknown);
    known.ask(&issuer.url, &request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_day_has_its_key_and_what_is_over_is_forgotten() {
    let world = World::found().await;
    let time = Arc::new(AtomicU64::new(now()));
    let read = Arc::clone(&time);
    let clock = Clock::reading(move || read.load(Ordering::Relaxed));
    let issuer = world
        .start_issuer_by(world.issuer_config(), clock.clone())
        .await;
    let config = Config {
        epochs: center::EpochTimes {
            valid_seconds: 30 * DAY,
            lead_seconds: 0,
            destroy_seconds: 31 * DAY,
        },
        ..asking(&world)
    };
    let db = config.dir.join("cell.sqlite3");
    let cell = world.start_by(config, clock).await;
    wait_admission(&cell.url).await;
    let keys = world.epoch_keys(&cell.url).await;
    let token = world.token(&issuer, 1).await;
    let owner = Owner::of(b"file", &keys, world.policy);
    owner.send_with(&cell.url, &token).await.unwrap();
    let yesterdays = world.token(&issuer, 1).await;

    let midnight = now() - now() % DAY + DAY;
    time.store(midnight + 305, Ordering::Relaxed);
    let files = issuer.dir.join("keys");
    wait_for("the next day's key, and only that", async || {
        let said = world.admissions().await.len();
        (said == 2 && std::fs::read_dir(&files).unwrap().count() == 1).then_some(())
    })
    .await;
    // A token of the day before is still taken, for a while.
    let late = Owner::of(b"late", &keys, world.policy);
    late.send_with(&cell.url, &yesterdays).await.unwrap();
    assert_eq!(spent(&db).await, 2);
    time.store(midnight + 3 * DAY, Ordering::Relaxed);
    wait_for("spent tokens are forgotten", async || {
        (spent(&db).await == 0).then_some(())
    })
    .await;
    let refused = told(401, "intake.token");
    wait_for("the key of that day", async || {
        let shown = get_json(&format!("{}/where", cell.url)).await;
        (shown["admission"].as_array()?.len() == 1).then_some(())
    })
    .await;
    let too_late = Owner::of(b"too late", &keys, world.policy);
    assert_eq!(code(too_late.send_with(&cell.url, &token).await), refused);
}

/// How many tokens a cell remembers.
async fn spent(db: &std::path::Path) -> i64 {
    use sqlx::Row as _;
    let url = format!("sqlite:{}?mode=ro", db.display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let row = sqlx::query("SELECT COUNT(*) FROM spent")
        .fetch_one(&pool)
        .await
        .unwrap();
    pool.close().await;
    row.get(0)
}
