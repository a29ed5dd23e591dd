//! What `/metrics` says, and that the operator's page explains all of it.

use std::collections::BTreeSet;

use crate::peer::{House, Mood};
use crate::world::roster::beat;
use crate::world::{self, until};

/// The names on a page that begin as ours do.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    words
        .filter(|word| word.starts_with("limpid_log_"))
        .collect()
}

#[tokio::test]
async fn the_sizes_the_witnesses_and_the_refusals_are_counted() {
    let house = House::founded(&[Mood::Honest, Mood::Always(503)], 1, |_| {}).await;
    house.witnessed(&beat("one")).await;
    let refused = world::refused(&house.client(), b"x".to_vec()).await;
    assert_eq!(refused.1, "entry.malformed");
    for (name, value) in [
        ("limpid_log_sequenced".to_owned(), 5),
        ("limpid_log_integrated".to_owned(), 5),
        ("limpid_log_published".to_owned(), 5),
        ("limpid_log_queue_entries".to_owned(), 0),
        ("limpid_log_queue_bytes".to_owned(), 0),
        ("limpid_log_waiting".to_owned(), 0),
        (
            "limpid_log_refusals_total{code=\"entry.malformed\"}".to_owned(),
            1,
        ),
        (
            format!(
                "limpid_log_witness_cosigned{{witness=\"{}\"}}",
                house.peers[0].url
            ),
            5,
        ),
        (
            format!(
                "limpid_log_witness_failing{{witness=\"{}\"}}",
                house.peers[0].url
            ),
            0,
        ),
    ] {
        until(&name, async || {
            (house.number(&name).await == Some(value)).then_some(())
        })
        .await;
    }
    let failures = format!(
        "limpid_log_witness_failures_total{{witness=\"{}\"}}",
        house.peers[1].url
    );
    assert!(house.number(&failures).await > Some(0));
}

#[tokio::test]
async fn the_operators_page_names_each_number_and_no_other() {
    let house = House::founded(&[Mood::Honest], 1, |_| {}).await;
    world::refused(&house.client(), b"x".to_vec()).await;
    let url = format!("{}/metrics", house.log.url);
    let shown = world::http().get(&url, 1 << 20).await.unwrap();
    let shown = String::from_utf8(shown.to_vec()).unwrap();
    let page = include_str!("../../../../docs/operating-a-log.md");
    assert_eq!(names(page), names(&shown));
}
