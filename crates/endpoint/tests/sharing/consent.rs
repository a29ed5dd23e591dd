//! Off by default, and over at once.

use std::{fs, ops::ControlFlow};

use endpoint::sharing::{
    Extent, Proof, ShareStep, SharingError, consent_state, erase, give_consent, send, share,
    shared, withdraw_consent,
};

use crate::{
    sharing::cell::Lie,
    sharing::street::{Street, contains, go_on},
    world::{NOW, refused_with},
};

const CONTENT: &[u8] = b"the one file that its owner shared, and nobody else should read";

#[tokio::test]
async fn without_a_consent_nothing_is_shared_and_nobody_hears_of_it() {
    let street = Street::new().await;
    let file = street.file("invoice.exe", CONTENT);
    refused_with!("consent.none", street.share(&file).await);
    assert!(!consent_state(&street.config).unwrap().in_force);
    street.send().await;
    assert_eq!(
        street.zurich.lock().requests + street.moscow.lock().requests,
        0
    );
}

#[tokio::test]
async fn a_consent_is_signed_and_each_record_names_the_one_before() {
    let street = Street::new().await;
    street.agree("DE");
    street.agree("DE");
    street.agree("JP");
    withdraw_consent(&street.config, NOW + 5).unwrap();
    let state = withdraw_consent(&street.config, NOW + 6).unwrap();
    let said: Vec<_> = state
        .records
        .iter()
        .map(|c| (c.seq, c.country.as_str(), c.given))
        .collect();
    assert_eq!(said, [(1, "DE", true), (2, "JP", true), (3, "JP", false)]);
    assert!(!state.in_force && state.records[0].previous.is_none());
    refused_with!(
        "consent.country",
        give_consent(&street.config, &"XX".parse().unwrap(), NOW)
    );
}

#[tokio::test]
async fn a_record_that_somebody_changed_stops_sharing() {
    let street = Street::new().await;
    street.agree("DE");
    let path = street.config.dir.join("consent/1.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"DE\"", "\"BR\"")).unwrap();
    let file = street.file("a", CONTENT);
    refused_with!("consent.record", street.share(&file).await);
    fs::write(&path, text.replace('{', "{ ")).unwrap();
    refused_with!("state.damaged", street.share(&file).await);
}

#[tokio::test]
async fn withdrawal_empties_the_queue_refuses_sharing_and_has_everything_erased() {
    let street = Street::new().await;
    street.agree("DE");
    let sent = street.share(&street.file("sent", CONTENT)).await.unwrap();
    street.send().await;
    let waits = street.share(&street.file("waits", CONTENT)).await.unwrap();
    withdraw_consent(&street.config, NOW + 3).unwrap();
    refused_with!(
        "consent.none",
        street.share(&street.file("more", CONTENT)).await
    );
    let done = street.send().await;
    assert_eq!(done.emptied, std::slice::from_ref(&waits.sample));
    assert_eq!(done.erased, std::slice::from_ref(&sent.sample));
    assert!(
        !street
            .zurich
            .lock()
            .samples
            .contains_key(waits.sample.as_str())
    );
    let report = shared(&street.config).unwrap();
    assert_eq!(report.samples.len(), 1);
    let erased = &report.samples[0];
    assert_eq!(
        (erased.state, erased.demanded_at),
        ("erased", Some(NOW + 2))
    );
    assert!(matches!(erased.erasure, Proof::Verified { .. }));
}

#[tokio::test]
async fn withdrawal_stops_what_is_being_sent_between_two_pieces() {
    let street = Street::new().await;
    street.zurich.lock().in_pieces = true;
    street.agree("DE");
    let file = street.file("large", &CONTENT.repeat(20));
    let sample = street.share(&file).await.unwrap().sample;
    let at_first_piece = |step| {
        if step == ShareStep::SentPiece {
            withdraw_consent(&street.config, NOW + 3).unwrap();
        }
        ControlFlow::Continue(())
    };
    let done = send(&street.config, NOW + 2, &at_first_piece)
        .await
        .unwrap();
    assert!(done.sent.is_empty(), "{done}");
    let inner = street.zurich.lock();
    let began = &inner.samples[sample.as_str()];
    assert_eq!((began.ciphertext.len(), began.completed), (64, false));
    drop(inner);
    // The cell never had all of it, so there is nothing that it could prove; the demand is answered.
    assert_eq!(done.erased, [sample]);
    let all = street.everything_on_disk();
    assert!(!contains(&all, CONTENT));
    assert_eq!(shared(&street.config).unwrap().samples[0].state, "erasing");
}

#[tokio::test]
async fn one_file_or_all_are_erased_on_demand_and_the_log_shows_it() {
    let street = Street::new().await;
    street.agree("DE");
    let mut samples = Vec::new();
    for name in ["one", "two"] {
        samples.push(
            street
                .share(&street.file(name, CONTENT))
                .await
                .unwrap()
                .sample,
        );
    }
    street.send().await;
    let erased = erase(&street.config, Some(&samples[0]), NOW + 3).unwrap();
    assert_eq!(erased.demanded, [samples[0].clone()]);
    street.send().await;
    let states = || {
        shared(&street.config)
            .unwrap()
            .samples
            .into_iter()
            .map(|s| (s.sample.clone(), s.state))
    };
    assert!(states().any(|found| found == (samples[0].clone(), "erased")));
    assert!(states().any(|found| found == (samples[1].clone(), "analysed")));
    let again = erase(&street.config, None, NOW + 4).unwrap();
    assert_eq!(again.demanded, [samples[1].clone()]);
    street.send().await;
    assert!(states().all(|(_, state)| state == "erased"));
    let stranger = "00".repeat(16).parse().unwrap();
    refused_with!(
        "sample.unknown_here",
        erase(&street.config, Some(&stranger), NOW)
    );
}

#[tokio::test]
async fn an_erasure_that_answers_somebody_elses_demand_is_no_proof() {
    let street = Street::new().await;
    street.agree("DE");
    street.share(&street.file("one", CONTENT)).await.unwrap();
    street.send().await;
    street.zurich.lock().lie = Lie::OtherDemand;
    erase(&street.config, None, NOW + 3).unwrap();
    let done = street.send().await;
    assert!(
        done.refused[0].1.starts_with("proof.other_sample"),
        "{done}"
    );
    assert_eq!(shared(&street.config).unwrap().samples[0].state, "erasing");
}

#[tokio::test]
async fn the_queue_is_bounded_and_drops_nothing() {
    let street = Street::new().await;
    street.agree("DE");
    for name in ["one", "two", "three"] {
        street.share(&street.file(name, CONTENT)).await.unwrap();
    }
    let fourth = street.file("four", CONTENT);
    refused_with!("queue.full", street.share(&fourth).await);
    let mut small = street.config.clone();
    small.queue_count_max = 10;
    small.queue_bytes_max = 3 * (CONTENT.len() as u64 + 16) + 10;
    refused_with!(
        "queue.full",
        share(&small, &[&fourth], Extent::Whole, NOW + 1, &go_on).await
    );
    assert_eq!(street.send().await.sent.len(), 3);
    street.share(&fourth).await.unwrap();
    refused_with!("file.size", street.share(&street.file("empty", b"")).await);
    refused_with!(
        "file.size",
        street
            .share(&street.file("huge", &vec![1; (1 << 20) + 1]))
            .await
    );
    let missing = street.dir.path().join("missing");
    assert!(matches!(
        street.share(&missing).await,
        Err(SharingError::Io { .. })
    ));
}

#[tokio::test]
async fn the_page_of_consent_shows_the_bytes_that_are_written() {
    let street = Street::new().await;
    let directory = street.config.dir.join("consent");
    let key = keys::SecretKey::from_seed(keys::Algorithm::Ed25519, [9; 32]);
    key.save_new(&directory.join("key.pem"), None).unwrap();
    street.agree("DE");
    withdraw_consent(&street.config, NOW + 3600).unwrap();
    let page = include_str!("../../../../spec/consent.md");
    for record in ["1.json", "2.json"] {
        let written = fs::read_to_string(directory.join(record)).unwrap();
        assert!(page.contains(&format!("\n{written}\n")), "{written}");
    }
}

#[tokio::test]
async fn a_consent_is_withdrawn_while_another_process_works_and_that_one_empties_the_queue() {
    let street = Street::new().await;
    street.agree("DE");
    let sample = street
        .share(&street.file("waits", CONTENT))
        .await
        .unwrap()
        .sample;
    let busy = store::DirLock::take(&street.config.dir).unwrap();
    withdraw_consent(&street.config, NOW + 3).unwrap();
    assert!(
        send(&street.config, NOW + 3, &go_on)
            .await
            .unwrap_err()
            .is_busy()
    );
    drop(busy);
    assert_eq!(street.send().await.emptied, [sample]);
}

#[tokio::test]
async fn whatever_lies_in_our_files_nothing_is_shared_by_it() {
    let street = Street::new().await;
    street.agree("DE");
    let file = street.file("a", CONTENT);
    street.share(&file).await.unwrap();
    let sample = fs::read_dir(street.config.dir.join("samples"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let ours = [
        street.config.dir.join("consent/1.json"),
        street.config.dir.join("seen.json"),
        sample.join("sample.json"),
    ];
    for path in ours {
        let honest = fs::read(&path).unwrap();
        for bytes in [
            &b""[..],
            b"{}",
            b"[",
            &[0xff; 40],
            &honest[..honest.len() / 2],
        ] {
            fs::write(&path, bytes).unwrap();
            refused_with!("state.damaged", street.share(&file).await);
        }
        fs::write(&path, honest).unwrap();
    }
    street.share(&file).await.unwrap();
}
