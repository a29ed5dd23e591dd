//! Admission tokens: fetched ahead, one for each sample, none for two.

use std::{collections::BTreeSet, fs, ops::ControlFlow, os::unix::fs::PermissionsExt as _};

use endpoint::sharing::{Extent, send, share, shared};
use token::TokenSecret;

use crate::{
    sharing::{
        crashes::all_steps,
        issuer::Issuer,
        street::{Street, contains, go_on},
    },
    world::NOW,
};

/// Files below `tokens` that end so, each of them private.
fn kept(street: &Street, ending: &str) -> usize {
    let mut count = 0;
    let Ok(keys) = fs::read_dir(street.config.dir.join("tokens")) else {
        return 0;
    };
    for key in keys {
        for entry in fs::read_dir(key.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
            count += usize::from(path.extension().is_some_and(|it| it == ending));
        }
    }
    count
}

/// How many tokens came to the cell, each with one sample.
fn spent(street: &Street) -> usize {
    let inner = street.zurich.lock();
    let spent = &inner.admits.as_ref().unwrap().spent;
    let samples: BTreeSet<_> = spent.values().collect();
    assert_eq!(samples.len(), spent.len(), "one token for each sample");
    spent.len()
}

#[tokio::test]
async fn each_sample_goes_with_a_token_of_its_own() {
    let mut street = Street::new().await;
    let issuer = Issuer::beside(&mut street).await;
    street.agree("DE");
    for name in ["a", "b", "c"] {
        let file = street.file(name, name.as_bytes());
        street.share(&file).await.unwrap();
    }
    // Sealing fetched one because there was none; the two others wait for theirs.
    assert_eq!(kept(&street, "token"), 1);
    let first = street.send().await;
    assert_eq!(
        (first.sent.len(), first.waiting.len(), first.tokens),
        (1, 2, 2),
        "{first}"
    );
    assert!(first.waiting[0].1.starts_with("token.none"), "{first}");
    let second = street.send().await;
    assert_eq!((second.sent.len(), second.tokens), (2, 2), "{second}");
    assert_eq!(spent(&street), 3);
    assert_eq!((kept(&street, "token"), kept(&street, "asked")), (2, 0));
    // What the issuer saw is nothing that the cell saw.
    let shown = street.everything_on_disk();
    for request in &issuer.lock().signed {
        assert!(!contains(&shown, &request[3..67]));
    }
}

#[tokio::test]
async fn without_a_token_a_sample_waits_and_goes_when_there_is_one() {
    let mut street = Street::new().await;
    let issuer = Issuer::beside(&mut street).await;
    street.agree("DE");
    issuer.lock().refuse = Some((429, "issuer.quota"));
    let file = street.file("a", b"patient");
    street.share(&file).await.unwrap();
    let sent = street.send().await;
    assert!(sent.waiting[0].1.starts_with("token.none"), "{sent}");
    assert!(sent.unissued[0].1.starts_with("issuer.quota"), "{sent}");
    assert_eq!(
        kept(&street, "asked"),
        0,
        "what was refused is not asked again"
    );
    issuer.lock().refuse = None;
    street.send().await;
    let sent = street.send().await;
    assert_eq!(sent.sent.len(), 1, "{sent}");
}

#[tokio::test]
async fn an_issuer_with_a_key_of_its_own_gives_nothing() {
    let mut street = Street::new().await;
    let issuer = Issuer::beside(&mut street).await;
    issuer.lock().secret = TokenSecret::from_seed(&[4; 32]).unwrap();
    street.agree("DE");
    let file = street.file("a", b"not to be known again");
    street.share(&file).await.unwrap();
    let sent = street.send().await;
    assert!(sent.unissued[0].1.starts_with("token.refused"), "{sent}");
    assert!(sent.waiting[0].1.starts_with("token.none"), "{sent}");
    assert_eq!((kept(&street, "token"), kept(&street, "asked")), (0, 0));
    assert_eq!(spent(&street), 0);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_by_the_same_request() {
    let mut street = Street::new().await;
    let issuer = Issuer::beside(&mut street).await;
    issuer.lock().loses = true;
    street.agree("DE");
    let file = street.file("a", b"asked twice");
    street.share(&file).await.unwrap();
    assert_eq!(kept(&street, "asked"), 1);
    issuer.lock().loses = false;
    street.send().await;
    let signed = issuer.lock().signed.clone();
    assert_eq!(signed.len(), 3);
    assert_eq!(signed[0], signed[1]);
    assert_eq!((kept(&street, "token"), kept(&street, "asked")), (2, 0));
}

#[tokio::test]
async fn a_cell_that_asks_for_no_tokens_gets_none() {
    let mut street = Street::new().await;
    let issuer = Issuer::known_to(&mut street).await;
    street.agree("DE");
    let file = street.file("a", b"as before");
    street.share(&file).await.unwrap();
    let sent = street.send().await;
    assert_eq!((sent.sent.len(), sent.unissued.len()), (1, 0), "{sent}");
    assert!(issuer.lock().signed.is_empty());
    // From one day to the next it does.
    issuer.announce(&street);
    let file = street.file("b", b"with a token");
    street.share(&file).await.unwrap();
    let sent = street.send().await;
    assert_eq!(sent.sent.len(), 1, "{sent}");
    assert_eq!(spent(&street), 1);
}

#[tokio::test]
async fn a_token_that_the_cell_refuses_is_given_up_and_the_next_one_is_taken() {
    let mut street = Street::new().await;
    let _issuer = Issuer::beside(&mut street).await;
    street.agree("DE");
    let file = street.file("a", b"second try");
    street.share(&file).await.unwrap();
    street.zurich.lock().admits.as_mut().unwrap().refuses = true;
    let sent = street.send().await;
    assert!(
        sent.waiting[0].1.starts_with("intake.token_spent"),
        "{sent}"
    );
    {
        let mut inner = street.zurich.lock();
        let admits = inner.admits.as_mut().unwrap();
        admits.refuses = false;
        admits.spent.clear();
    }
    let sent = street.send().await;
    assert_eq!(sent.sent.len(), 1, "{sent}");
}

#[tokio::test]
async fn a_kill_between_any_two_steps_shows_no_token_with_two_samples() {
    for (step, in_pieces) in all_steps() {
        let mut street = Street::new().await;
        street.zurich.lock().in_pieces = in_pieces;
        let _issuer = Issuer::beside(&mut street).await;
        street.agree("DE");
        let stop = |done| match done == step {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let file = street.file("a", b"killed somewhere");
        if share(&street.config, &[&file], Extent::Whole, NOW + 1, &stop)
            .await
            .is_ok()
        {
            send(&street.config, NOW + 2, &stop).await.unwrap_err();
        }
        let other = street.file("b", b"comes later");
        street.share(&other).await.unwrap();
        for _ in 0..3 {
            street.send().await;
        }
        let report = shared(&street.config).unwrap();
        let analysed = report.samples.iter();
        let analysed = analysed.filter(|it| it.state == "analysed").count();
        assert_eq!(analysed, report.samples.len(), "{step}");
        assert_eq!(spent(&street), analysed, "{step}");
    }
}

#[tokio::test]
async fn tokens_are_forgotten_when_no_cell_takes_them() {
    let mut street = Street::new().await;
    let issuer = Issuer::beside(&mut street).await;
    street.agree("DE");
    let file = street.file("a", b"once");
    street.share(&file).await.unwrap();
    street.send().await;
    assert_eq!(kept(&street, "token"), 2);
    issuer.lock().refuse = Some((422, "issuer.key"));
    send(&street.config, NOW + 4 * 86_400, &go_on)
        .await
        .unwrap();
    assert_eq!(kept(&street, "token"), 0);
}
