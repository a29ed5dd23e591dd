//! Who gets in, and how an upload goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use center::Config;
use keys::OpeningKey;
use seal::{EpochKey, EpochKeys};
use statement::{EpochPurpose, Statement, StatementDigest};

use crate::world::{CENTER_LOG, Owner, Tweak, World, get_json, http, now, sealed_body};

/// A cell without machines: what comes waits.
fn idle(world: &World) -> Config {
    Config {
        workers: 0,
        ..world.config()
    }
}

fn code<T>(done: Result<T, serve::ClientError>) -> (u16, String) {
    let error = done.err().expect("it is refused");
    let refused = error.refused().expect("by the cell");
    (refused.status, error.code().unwrap_or_default().to_owned())
}

/// Keys that nobody logged, of another home.
fn foreign_keys(home: &str) -> EpochKeys {
    let key = |purpose| {
        let plan = center::EpochPlan {
            purpose,
            home: home.parse().unwrap(),
            audience: vec![CENTER_LOG.parse().unwrap()],
            not_after: now() + 100,
            valid_from: now() - 10,
            valid_until: now() + 1_000,
            destroy_by: now() + 2_000,
        };
        let (subject, epoch) = plan.statement(&OpeningKey::generate().unwrap());
        let payload = Statement::new(vec![subject], epoch.clone()).to_payload();
        EpochKey::read(StatementDigest::of(&payload.unwrap()), &epoch).unwrap()
    };
    EpochKeys::new(
        key(EpochPurpose::Analysis),
        key(EpochPurpose::Center),
        key(EpochPurpose::Supervisor),
    )
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_another_home_is_refused_by_name() {
    let world = World::found().await;
    let cell = world.start(idle(&world)).await;
    let keys = world.epoch_keys(&cell.url).await;
    let abroad = Owner::of(b"file", &foreign_keys("RU"), world.policy);
    let refused = abroad.begin(&cell.url).await.err().unwrap();
    let problem = refused.refused().unwrap().problem.clone().unwrap();
    assert_eq!(problem.code, "intake.home");
    assert_eq!(problem.value.as_deref(), Some("RU"));
    assert_eq!(
        code(abroad.send(&cell.url).await),
        (403, "intake.home".into())
    );

    let never_logged = Owner::of(b"file", &foreign_keys("CH"), world.policy);
    assert_eq!(
        code(never_logged.begin(&cell.url).await),
        (403, "intake.epoch".into())
    );
    let widened = Owner::with(b"file", &keys, world.policy, Tweak::OtherPolicy);
    assert_eq!(
        code(widened.begin(&cell.url).await),
        (403, "intake.policy".into())
    );
    let mut cut = Owner::of(b"file", &keys, world.policy);
    cut.front.pop();
    assert_eq!(
        code(cut.begin(&cell.url).await),
        (400, "intake.front".into())
    );
    let large = Owner::of(&vec![7; (16 << 20) + 1], &keys, world.policy);
    assert_eq!(
        code(large.begin(&cell.url).await),
        (413, "intake.size".into())
    );
    // Nothing of all that is there.
    let url = format!("{}/uploads/{}", cell.url, abroad.sample);
    assert_eq!(
        code(http().get(&url, 1 << 10).await),
        (404, "intake.unknown".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_id_is_used_once() {
    let world = World::found().await;
    let cell = world.start(idle(&world)).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(b"first", &keys, world.policy);
    let taken = owner.send(&cell.url).await.unwrap();
    assert_eq!(
        owner.send(&cell.url).await.unwrap(),
        taken,
        "the same answer"
    );
    assert_eq!(owner.complete(&cell.url).await.unwrap(), taken);
    let terms = (&keys, world.policy);
    let again = Owner::named(owner.sample.clone(), b"second", terms, Tweak::Nothing);
    let replayed = (409, "intake.replayed".to_owned());
    assert_eq!(code(again.begin(&cell.url).await), replayed);
    assert_eq!(code(again.send(&cell.url).await), replayed);
    let begun = Owner::of(b"third", &keys, world.policy);
    begun.begin(&cell.url).await.unwrap();
    let again = Owner::named(begun.sample.clone(), b"third", terms, Tweak::Nothing);
    assert_eq!(code(again.begin(&cell.url).await), replayed);
    assert_eq!(
        code(begun.complete(&cell.url).await),
        (409, "intake.incomplete".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_come_at_once_each_is_taken_once_and_told_so() {
    let world = World::found().await;
    let cell = world.start(idle(&world)).await;
    let keys = world.epoch_keys(&cell.url).await;
    let twice = std::sync::Arc::new(Owner::of(b"sent three times", &keys, world.policy));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..30_u8 {
        let owner = match number % 10 {
            0 => std::sync::Arc::clone(&twice),
            _ => std::sync::Arc::new(Owner::of(&[number], &keys, world.policy)),
        };
        let url = cell.url.clone();
        calls.spawn(async move { (number, owner.send(&url).await) });
    }
    let mut taken = 0;
    while let Some(call) = calls.join_next().await {
        let (number, said) = call.unwrap();
        match said {
            Ok(said) => {
                assert!(!said["seal"].is_null(), "{said}");
                taken += 1;
            }
            // The same sample, while another call with it was under way.
            Err(_) if number % 10 == 0 => assert_eq!(code(said), (409, "intake.busy".into())),
            Err(error) => panic!("{number}: {error}"),
        }
    }
    assert!(taken >= 28, "{taken}");
    let asked = twice.send(&cell.url).await.unwrap();
    assert!(!asked["seal"].is_null(), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_stopped() {
    let world = World::found().await;
    let cell = world.start(idle(&world)).await;
    let keys = world.epoch_keys(&cell.url).await;
    let owner = Owner::of(&vec![42; 200_000], &keys, world.policy);
    let length = owner.ciphertext.len() as u64;
    assert_eq!(owner.begin(&cell.url).await.unwrap()["length"], length);
    assert_eq!(
        owner.append(&cell.url, 0, 70_000).await.unwrap()["offset"],
        70_000
    );
    // The piece came, and its answer did not.
    let refused = owner.append(&cell.url, 0, 70_000).await.err().unwrap();
    let problem = refused.refused().unwrap().problem.clone().unwrap();
    assert_eq!(
        (problem.code.as_str(), problem.value.as_deref()),
        ("intake.offset", Some("70000"))
    );
    assert_eq!(owner.begin(&cell.url).await.unwrap()["offset"], 70_000);
    let (status, why) = code(owner.send(&cell.url).await);
    assert_eq!(
        (status, why.as_str()),
        (409, "intake.offset"),
        "what is held is not written over"
    );
    cell.stop().await;

    let cell = world.start(idle(&world)).await;
    let state = get_json(&format!("{}/uploads/{}", cell.url, owner.sample)).await;
    assert_eq!(state["offset"], 70_000);
    let (status, why) = code(owner.complete(&cell.url).await);
    assert_eq!((status, why.as_str()), (409, "intake.incomplete"));
    owner.append(&cell.url, 70_000, 1 << 20).await.unwrap();
    let taken = owner.complete(&cell.url).await.unwrap();
    assert_eq!(taken["seal"], owner.seal.to_string());
    assert_eq!(owner.complete(&cell.url).await.unwrap(), taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_is_what_was_signed_or_nothing_is_taken() {
    let world = World::found().await;
    let cell = world.start(idle(&world)).await;
    let keys = world.epoch_keys(&cell.url).await;
    let mut owner = Owner::of(b"what I send", &keys, world.policy);
    owner.ciphertext[3] ^= 1;
    assert_eq!(
        code(owner.send(&cell.url).await),
        (403, "intake.signature".into())
    );
    owner.begin(&cell.url).await.unwrap();
    owner.append(&cell.url, 0, 1 << 20).await.unwrap();
    assert_eq!(
        code(owner.complete(&cell.url).await),
        (403, "intake.signature".into())
    );
    assert_eq!(
        code(owner.disclosure(&cell.url).await),
        (404, "sample.unknown".into())
    );
    // Wraps are signed too: nobody on the way can make a missealed sample of this one.
    let mut owner = Owner::of(b"what I send", &keys, world.policy);
    let signature = owner.upload_signature();
    let last = owner.front.len() - 1;
    owner.front[last] ^= 1;
    let body = [&owner.front, &owner.ciphertext, &signature].map(|part| part.as_slice());
    let url = format!("{}/samples", cell.url);
    let client = http();
    let sent = client.post(&url, "", body.concat(), 1 << 20, crate::world::PATIENCE);
    assert_eq!(code(sent.await), (403, "intake.signature".into()));
}

/// Posts a body in chunks of these sizes, one after the other for as long as there is something left; its head and body.
fn post_in_crumbs(cell: &str, body: &[u8], sizes: &[usize], end: &[u8]) -> String {
    let mut stream = TcpStream::connect(cell.trim_start_matches("http://")).unwrap();
    let head = "POST /samples HTTP/1.1\r\nhost: cell\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let (mut rest, mut sizes) = (body, sizes.iter().cycle());
    while !rest.is_empty() {
        let (crumb, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        let chunk = [format!("{:x}\r\n", crumb.len()).as_bytes(), crumb, b"\r\n"].concat();
        stream.write_all(&chunk).unwrap();
        rest = after;
    }
    stream.write_all(end).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_in_one_call_may_come_in_crumbs_and_nothing_more_or_less() {
    const END: &[u8] = b"0\r\n\r\n";
    let world = World::found().await;
    let cell = world.start(idle(&world)).await;
    let keys = world.epoch_keys(&cell.url).await;
    let body = || sealed_body(&[7; 70_000], &keys, world.policy);
    for sizes in [[1, 1, 700].as_slice(), &[63], &[3_000, 64, 1], &[70_000]] {
        let answer = post_in_crumbs(&cell.url, &body(), sizes, END);
        assert!(answer.starts_with("HTTP/1.1 202 "), "{sizes:?}: {answer}");
    }
    let whole = body();
    let longer = [whole.as_slice(), b"."].concat();
    let huge = [whole.as_slice(), &vec![0; center::PIECE_BYTES_MAX]].concat();
    for (body, end, status, code) in [
        (&whole[..1], END, 400, "intake.signature_length"),
        (&whole[..500], END, 400, "intake.signature_length"),
        (&whole[..whole.len() - 1], END, 409, "intake.incomplete"),
        (&longer, END, 413, "intake.size"),
        (&whole, b"not a chunk\r\n", 400, "intake.broken"),
        (&huge, END, 400, "intake.broken"),
    ] {
        let answer = post_in_crumbs(&cell.url, body, &[50_000], end);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(code),
            "{code}: {answer}"
        );
    }
    assert_eq!(
        get_json(&format!("{}/where", cell.url)).await["sampling"]["one_in"],
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_are_declined_and_told_when_to_come_back() {
    let world = World::found().await;
    let config = Config {
        waiting_max: 2,
        uploads_per_minute: 3,
        ..idle(&world)
    };
    let cell = world.start(config).await;
    let keys = world.epoch_keys(&cell.url).await;
    let send = async || {
        let owner = Owner::of(b"file", &keys, world.policy);
        owner.send(&cell.url).await
    };
    send().await.unwrap();
    let waiting = Owner::of(b"file", &keys, world.policy);
    waiting.send(&cell.url).await.unwrap();
    assert_eq!(code(send().await), (503, "intake.full".into()));
    waiting.erase(&cell.url).await.unwrap();
    send().await.unwrap();
    waiting.erase(&cell.url).await.unwrap();
    let (status, why) = code(send().await);
    assert!(
        ["intake.rate", "intake.full"].contains(&why.as_str()),
        "{status} {why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cell_serves_is_proven_by_the_bundle_beside_it() {
    let world = World::found().await;
    let cell = world.start(idle(&world)).await;
    let shown = get_json(&format!("{}/where", cell.url)).await;
    assert_eq!(shown["home"], "CH");
    assert_eq!(shown["policy"], world.policy.to_string());
    let bytes = http()
        .get(&format!("{}/where/bundle", cell.url), 8 << 20)
        .await
        .unwrap();
    let bundle = law::Bundle::parse(&bytes).unwrap();
    bundle.open(world.anchor).unwrap();
    let digests: Vec<String> = bundle
        .entries
        .iter()
        .map(|entry| {
            statement::Envelope::parse(&entry.entry)
                .unwrap()
                .digest()
                .to_string()
        })
        .collect();
    for epoch in shown["epochs"].as_array().unwrap() {
        assert!(digests.contains(&crate::world::text(&epoch["epoch"])));
    }
    assert!(digests.contains(&world.policy.to_string()));
}
