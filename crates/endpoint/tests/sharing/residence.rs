//! Where files go, by the policy in force and by nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};

use endpoint::sharing::{Extent, Standing, share, where_to};
use statement::EpochPurpose;

use crate::{
    sharing::street::{Said, Street, contains, go_on},
    world::{NOW, refused_with},
};

const CONTENT: &[u8] = b"bytes of a file that nobody reads on the way: 7c1f0e52";

#[tokio::test]
async fn files_of_germany_go_to_zurich_and_of_brazil_to_moscow() {
    for (country, home, region) in [
        ("DE", "CH", "europe"),
        ("JP", "CH", "asia-pacific"),
        ("US", "CH", "north-america"),
        ("BR", "RU", "rest"),
    ] {
        let street = Street::new().await;
        street.agree(country);
        let file = street.file("telling-name.docm", CONTENT);
        let shared = street.share(&file).await.unwrap();
        assert_eq!(
            (shared.home.as_str(), shared.region.as_str()),
            (home, region),
            "{country}"
        );
        let sent = street.send().await;
        assert_eq!(sent.sent, std::slice::from_ref(&shared.sample), "{sent}");
        let (there, elsewhere) = match home {
            "CH" => (&street.zurich, &street.moscow),
            _ => (&street.moscow, &street.zurich),
        };
        let there = there.lock();
        assert_eq!(there.open(shared.sample.as_str()), CONTENT);
        let address = there.samples[shared.sample.as_str()]
            .front
            .header()
            .address()
            .clone();
        assert_eq!(
            (address.home.as_str(), address.region.as_str()),
            (home, region)
        );
        assert!(elsewhere.lock().samples.is_empty());
        // Neither name nor content, and no country, in anything that was sent or is kept of it.
        for part in [&b"telling-name"[..], CONTENT] {
            assert!(!contains(&there.heard, part));
        }
        assert!(!contains(&street.everything_on_disk(), CONTENT));
    }
}

#[tokio::test]
async fn where_answers_with_its_proof() {
    let street = Street::new().await;
    refused_with!(
        "consent.none",
        where_to(&street.config, None, NOW + 1).await
    );
    let brazil = where_to(&street.config, Some(&"BR".parse().unwrap()), NOW + 1)
        .await
        .unwrap();
    assert_eq!(
        (brazil.home.as_str(), brazil.rule.as_str()),
        ("RU", "rest-to-moscow")
    );
    street.agree("DE");
    let germany = where_to(&street.config, None, NOW + 1).await.unwrap();
    assert_eq!(
        (germany.home.as_str(), germany.region.as_str()),
        ("CH", "europe")
    );
    assert_eq!(
        (germany.policy.version, germany.policy.entries.len()),
        (1, 3)
    );
    assert_eq!(
        (germany.checkpoint.witnesses.len(), germany.epochs.len()),
        (2, 3)
    );
    assert_eq!(germany.facilities[0].city, "Zurich");
    assert!(street.config.dir.join(&germany.proof).is_file());
    let text = germany.to_string();
    assert!(text.contains("go to        CH (Zurich)"), "{text}");
    refused_with!(
        "residency.country",
        where_to(&street.config, Some(&"XX".parse().unwrap()), NOW + 1).await
    );
}

#[tokio::test]
async fn a_promise_whose_day_is_over_is_shown_as_late() {
    let street = Street::new().await;
    let found = where_to(&street.config, Some(&"DE".parse().unwrap()), NOW + 1)
        .await
        .unwrap();
    // Announced for the end of 2019; nothing in the log shows that it is met, and it is 2027.
    assert_eq!(found.promises.len(), 2);
    for promise in &found.promises {
        assert_eq!(
            (promise.standing, promise.due.to_string().as_str()),
            (Standing::Late, "2019-12-31")
        );
    }
    assert!(found.to_string().contains("by 2019-12-31: late"));
}

#[tokio::test]
async fn a_policy_without_a_quorum_sends_nothing_anywhere() {
    let street = Street::of(Said {
        policy_signers: 2,
        ..Said::default()
    })
    .await;
    street.agree("DE");
    refused_with!(
        "policy.quorum",
        street.share(&street.file("a", CONTENT)).await
    );
}

#[tokio::test]
async fn nothing_is_sealed_to_a_key_that_is_not_logged_or_not_valid() {
    for purpose in [
        EpochPurpose::Analysis,
        EpochPurpose::Center,
        EpochPurpose::Supervisor,
    ] {
        let street = Street::of(Said {
            without_epoch: Some(("CH", purpose)),
            ..Said::default()
        })
        .await;
        street.agree("DE");
        let file = street.file("a", CONTENT);
        refused_with!("epoch.missing", street.share(&file).await);
        street.agree("BR");
        street.share(&file).await.unwrap();
    }
    let street = Street::new().await;
    street.agree("DE");
    let file = street.file("a", CONTENT);
    let late = |config: &endpoint::sharing::Config| {
        let mut config = config.clone();
        config.policy_age_max_seconds = 10 * 86_400;
        config
    };
    refused_with!(
        "epoch.time",
        share(
            &late(&street.config),
            &[&file],
            Extent::Whole,
            NOW + 86_401,
            &go_on
        )
        .await
    );
    refused_with!(
        "policy.stale",
        share(
            &street.config,
            &[&file],
            Extent::Whole,
            NOW + 86_401,
            &go_on
        )
        .await
    );
}

#[tokio::test]
async fn a_policy_with_two_homes_or_another_text_decides_nothing() {
    let mut said = Said::default();
    said.text += "@id(\"also\") permit (principal in Region::\"europe\", action == Action::\"keep\", resource == Home::\"RU\");\n";
    let street = Street::of(said).await;
    street.agree("US");
    refused_with!(
        "residency.two_homes",
        street.share(&street.file("a", CONTENT)).await
    );

    let street = Street::of(Said {
        other_text: true,
        ..Said::default()
    })
    .await;
    street.agree("US");
    refused_with!(
        "answer.malformed",
        street.share(&street.file("a", CONTENT)).await
    );
}

#[tokio::test]
async fn a_country_that_is_added_is_a_new_version_and_nobody_goes_back_behind_it() {
    let mut street = Street::new().await;
    street.agree("BR");
    let file = street.file("a", CONTENT);
    assert_eq!(street.share(&file).await.unwrap().home.as_str(), "RU");
    street.said.text = street
        .said
        .text
        .replace("Home::\"RU\"", "Home::\"CH\"")
        .replace("rest-to-moscow", "rest-to-zurich");
    street.next_policy();
    street.show();
    let shared = street.share(&file).await.unwrap();
    assert_eq!(
        (shared.home.as_str(), shared.rule.as_str()),
        ("CH", "rest-to-zurich")
    );
    // Declaration and first policy, three signatures each: a mirror of the past.
    street.show_first(6);
    refused_with!("policy.version", street.share(&file).await);
}

#[tokio::test]
async fn a_home_that_shows_another_policy_gets_nothing_until_they_agree() {
    let mut street = Street::new().await;
    street.agree("BR");
    let old = street.zurich.lock().bundle.clone();
    street.said.text += "// the same rules, written anew\n";
    street.next_policy();
    street.show();
    street.zurich.lock().bundle = old;
    refused_with!(
        "home.other_policy",
        street.share(&street.file("a", CONTENT)).await
    );
}

#[tokio::test]
async fn without_network_files_are_sealed_by_what_was_kept() {
    let street = Street::new().await;
    street.agree("DE");
    let mut away = street.config.clone();
    for center in &mut away.center {
        center.url = "http://127.0.0.1:9".to_owned();
    }
    let file = street.file("a", CONTENT);
    refused_with!(
        "http",
        share(&away, &[&file], Extent::Whole, NOW + 1, &go_on).await
    );
    where_to(&street.config, None, NOW + 1).await.unwrap();
    let sealed = AtomicUsize::new(0);
    let count = |_| {
        sealed.fetch_add(1, Ordering::Relaxed);
        std::ops::ControlFlow::Continue(())
    };
    let shared = share(&away, &[&file], Extent::Whole, NOW + 2, &count)
        .await
        .unwrap();
    assert_eq!((shared[0].home.as_str(), sealed.into_inner()), ("CH", 5));
    assert_eq!(street.send().await.sent.len(), 1);
}

#[tokio::test]
async fn a_home_without_a_center_is_named() {
    let mut street = Street::new().await;
    street.agree("BR");
    street.config.center.pop();
    refused_with!(
        "home.no_center",
        street.share(&street.file("a", CONTENT)).await
    );
    street.config.center.push(street.config.center[0].clone());
    refused_with!(
        "config.center",
        street.share(&street.file("a", CONTENT)).await
    );
}
